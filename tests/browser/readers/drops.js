// Whole files that are dropped: npy, BVH, gzip of it, and the JSON that the page's own menu gives.

const { DropError, readDropped } = await import(at("dropped.js"));
const { PARENTS, UnreadableMotion } = await import(at("motion.js"));

const isOwn = (error) => error instanceof DropError || error instanceof UnreadableMotion;
const somePositions = (random, frames) =>
  Array.from({ length: frames }, () => Array.from({ length: 22 }, () => [random.within(9), random.within(9), random.within(9)]));

function someReply(random) {
  const frames = 1 + random.below(4);
  const persons = () => [0, 1].map(() => ({ positions: somePositions(random, frames) }));
  return {
    id: "a", parent: "b", model: "c", prompt: random.text(20), prompt_truncated: false, fps: 30, frames, parents: PARENTS,
    edit: { kind: "window", persons: [1], parts: ["legs"], from: 0, to: 4 }, settings: { steps: 20, guidance: 2, rigid: true },
    familiarity: { near: false, nearest: "d" }, timings_ms: { queue: 1, total: 2 },
    samples: Array.from({ length: 1 + random.below(2) }, (_, seed) => ({ seed, persons: persons(), files: { a: "/motions/a/b" } })),
  };
}

/** A file of NumPy's second version, whose header may be long. */
function npyOf(shape, values) {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${shape}), }\n`;
  const head = new Uint8Array(12 + header.length);
  head.set([0x93, 78, 85, 77, 80, 89, 2, 0]);
  new DataView(head.buffer).setUint32(8, header.length, true);
  head.set([...header].map((c) => c.charCodeAt(0)), 12);
  return new Blob([head, Float64Array.from(values)]);
}

async function holdDrop(files) {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const clip = await read(size, isOwn, () => readDropped(files));
  if (clip !== null) holdClip(clip, [files.length === 2 || /\.json$/i.test(files[0].name) ? 2 : 1]);
  return clip;
}

const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());
const packed = (blob) => new Response(blob.stream().pipeThrough(new CompressionStream("gzip"))).blob();

/** What a clip has, as positions: its numbers are of single precision. */
const holdSame = (person, positions) =>
  hold(same([...person], positions.flat(2).map(Math.fround)), "the positions come back");

const PROPERTIES = {
  "drops: the page's own JSON comes back": async (random) => {
    const reply = someReply(random);
    const { prompt, samples, files } = await holdDrop([new File([JSON.stringify(reply)], "a.json")]);
    hold(prompt === reply.prompt && files === undefined && samples.length === reply.samples.length, "its words and samples");
    samples.forEach(({ persons }, i) => persons.forEach((person, j) => holdSame(person, reply.samples[i].persons[j].positions)));
  },
  "drops: JSON with something else in it": (random) => {
    let reply = spoilt(random, someReply(random));
    while (random.chance(0.3)) reply = spoilt(random, reply);
    return holdDrop([new File([JSON.stringify(reply) ?? ""], "a.json")]);
  },
  "drops: damaged JSON": (random) => {
    const text = JSON.stringify(someReply(random));
    const damaged = random.chance(0.5) ? damagedText(random, text) : damagedBytes(random, new TextEncoder().encode(text));
    return holdDrop([new File([damaged], "A.JSON")]);
  },
  "drops: nested JSON": (random) => {
    if (!random.chance(0.2)) return null;
    const [open, close] = random.pick([["[", "]"], ['{"samples":', "}"], ['{"__proto__":', "}"]]);
    const many = 50000 + random.below(50000);
    return holdDrop([new File([open.repeat(many) + "1" + (random.chance(0.5) ? close.repeat(many) : "")], "a.json")]);
  },
  "drops: keypoints of one or two people come back": async (random) => {
    const people = Array.from({ length: 1 + random.below(2) }, () => somePositions(random, 1 + random.below(4)));
    const per = random.pick([3, 9]);
    const files = people.map((positions, i) => {
      const values = positions.flat().flatMap((point) => [...point, ...Array(per - 3).fill(0)]);
      return new File([npyOf(random.pick([`${positions.length}, 22, ${per}`, `${positions.length}, ${22 * per}`]), values)], `${i}.npy`);
    });
    const clip = await holdDrop(random.chance(0.5) ? files : [...files].reverse());
    const frames = Math.min(...people.map((positions) => positions.length));
    clip.samples[0].persons.forEach((person, i) => holdSame(person, people[i].slice(0, frames)));
  },
  "drops: keypoints that are no numbers": async (random) => {
    const values = somePositions(random, 2).flat(2);
    const bad = random.pick([NaN, Infinity, -Infinity, 1e308, -1e39, 1001]);
    values[random.below(values.length)] = bad;
    hold((await holdDrop([new File([npyOf("2, 22, 3", values)], "a.npy")])) === null, `${bad} is refused`);
  },
  "drops: shapes that lie": (random) => {
    const shape = random.list(4, () => random.pick(["22", "3", "9", "66", "-1", "0", "1e3", "2.5", "0.5", "4294967296", ...LIES]));
    return holdDrop([new File([npyOf(shape.join(","), somePositions(random, 1 + random.below(5)).flat(2))], "a.npy")]);
  },
  "drops: damaged bytes under any name": async (random) => {
    const blob = random.pick([npyOf("1, 22, 3", somePositions(random, 1).flat(2)), new Blob(["HIERARCHY ROOT a { OFFSET 0 0 0 }"])]);
    const bytes = damagedBytes(random, await bytesOf(random.chance(0.3) ? await packed(blob) : blob));
    return holdDrop(random.list(2, () => new File([bytes], `${random.text(3)}${random.pick([".npy", ".bvh", ".bvh.gz", ".json", ""])}`))
      .concat(new File([bytes], random.pick(["a.npy", "a.bvh", "a.bvh.gz"]))));
  },
  "drops: packed text without end": async (random) => {
    if (!random.chance(0.05)) return;
    const bomb = await packed(new Blob([" ".repeat(17 << 20)]));
    hold((await holdDrop([new File([bomb], "a.bvh.gz")])) === null, "it is more than is unpacked");
  },
};
