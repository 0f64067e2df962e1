// Recordings in BVH.

const { rate, readBvh } = await import(at("bvh.js"));
const { MAPPINGS } = await import(at("mappings.js"));

/** Places of 22 joints of somebody with legs of human size, metres. */
function somePose(random) {
  const pose = Array.from({ length: 22 }, () => [random.within(2), random.within(2), random.within(2)]);
  const [x, , z] = pose[1];
  pose[4] = [x, pose[1][1] - 0.42, z];
  pose[7] = [x, pose[4][1] - 0.43, z];
  return pose;
}

/** The text of a file in which every joint hangs on the first and says where it is; the first may turn. */
function bvhFile(random, { mapping, poses, turned = false }) {
  const names = mapping.joints;
  const space = () => random.pick([" ", "\t", "\n", "  \r\n"]);
  const nodes = names.slice(1).map((name) => `JOINT ${name}\n{${space()}OFFSET 0 0 0${space()}CHANNELS 3 Xposition Yposition Zposition
    ${random.chance(0.1) ? "End Site\n{ OFFSET 0 0.1 0 }" : ""} }`);
  const turn = () => random.within(180).toFixed(6);
  const lines = poses.map(([root, ...others]) => [
    ...root, ...(turned ? [turn(), turn(), turn()] : []), ...others.flatMap((point) => point.map((value, i) => value - root[i])),
  ].join(" "));
  const channels = `${turned ? 6 : 3} Xposition Yposition Zposition${turned ? " Zrotation Xrotation Yrotation" : ""}`;
  return `HIERARCHY\nROOT ${names[0]}\n{ OFFSET 0 0 0 CHANNELS ${channels}\n${nodes.join("\n")} }
MOTION\nFrames: ${poses.length}\nFrame Time: ${random.pick(["0.0333333", "0.033333", "0.0333"])}\n${lines.join("\n")}\n`;
}

const OWN = MAPPINGS.find(({ name }) => name === "duet");
const someFile = (random) => bvhFile(random, {
  mapping: OWN, poses: Array.from({ length: 1 + random.below(3) }, () => somePose(random)), turned: random.chance(0.5),
});

async function holdBvh(text) {
  const positions = await read(text.length, isPlainWords, () => readBvh(text));
  if (positions !== null) holdPositions(positions);
}

const distance = (a, b) => Math.hypot(...a.map((value, axis) => value - b[axis]));

const PROPERTIES = {
  "bvh: places come back": (random) => {
    const poses = Array.from({ length: 1 + random.below(4) }, () => somePose(random));
    const read = readBvh(bvhFile(random, { mapping: OWN, poses }));
    hold(read.length === poses.length, `${read.length} frames`);
    hold(read.flat().every((point, i) => distance(point, poses.flat()[i]) < 1e-9), JSON.stringify(read));
  },
  "bvh: turning somebody keeps all distances": (random) => {
    const poses = [somePose(random)];
    const [read] = readBvh(bvhFile(random, { mapping: OWN, poses, turned: true }));
    const pairs = read.map((point, i) => [distance(point, read[(i * 7) % 22]), distance(poses[0][i], poses[0][(i * 7) % 22])]);
    hold(pairs.every(([a, b]) => Math.abs(a - b) < 1e-9), JSON.stringify(pairs));
  },
  "bvh: damaged words": (random) => holdBvh(damagedText(random, someFile(random))),
  "bvh: damaged bytes": (random) => {
    const bytes = damagedBytes(random, new TextEncoder().encode(someFile(random)));
    return holdBvh(new TextDecoder().decode(bytes));
  },
  "bvh: what was cut is refused": async (random) => {
    const text = someFile(random).trimEnd();
    // A last number that lost digits is a number still.
    const part = text.slice(0, random.below(text.lastIndexOf(" ") + 1));
    hold((await read(part.length, isPlainWords, () => readBvh(part))) === null, "it was cut");
  },
  "bvh: counts that lie": (random) => {
    const word = random.pick([/Frames: \d+/, /CHANNELS 3/, /Frame Time: [\d.]+/, /OFFSET 0/]);
    return holdBvh(someFile(random).replace(word, (found) => found.replace(/[\d.]+$/, random.pick(LIES))));
  },
  // As many numbers as the header promises, yet the last frame is half of one.
  "bvh: half a frame": async (random) => {
    const poses = Array.from({ length: 2 }, () => somePose(random));
    const [head, numbers] = bvhFile(random, { mapping: OWN, poses }).split(/(?<=Frame Time: .*\n)/);
    const text = head.replace("Frames: 2", "Frames: 1.5") + numbers.trim().split(/\s+/).slice(0, 99).join(" ");
    hold((await read(text.length, isPlainWords, () => readBvh(text))) === null, "no frame is half a one");
  },
  "bvh: rates": async (random) => {
    const word = random.chance(0.5) ? random.pick(LIES) : (10 ** (random.within(5))).toFixed(random.below(8));
    const fps = await read(word.length, isPlainWords, () => rate(word));
    hold(fps === null || (fps >= 0.09 && fps <= 10001), `${word} is ${fps}`);
  },
  "bvh: burdens": (random) => {
    if (!random.chance(0.03)) return null;
    const many = 20000 + random.below(20000);
    const inside = random.pick([
      () => "End Site { OFFSET 0 0 0 }".repeat(many),
      () => `JOINT ${"a".repeat(many)}\n{ OFFSET 0 0 0 ${"End Site { OFFSET 0 0 0 }".repeat(many)} }`,
      () => "JOINT b\n{ OFFSET 0 0 0 ".repeat(many),
      () => "End Site { OFFSET 0 0 0 ".repeat(many) + "}".repeat(many),
      () => `JOINT ${"m:".repeat(many)}\n{ OFFSET 0 0 0 }`,
      () => `CHANNELS ${many} ${"Xposition ".repeat(many)}`,
    ])();
    const poses = Array.from({ length: 200 }, () => somePose(random));
    return holdBvh(bvhFile(random, { mapping: OWN, poses }).replace("}", `${inside} }`));
  },
};
