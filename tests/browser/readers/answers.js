// Answers of a server: motions, drafts of them, problems.

const { ApiError, problemError } = await import(at("api.js"));
const { PARENTS, UnreadableMotion, readDraft, readReply } = await import(at("motion.js"));
const { addressOf, asCurl, asPython, fromAddress, requestOf } = await import(at("recipe.js"));

const isOwn = (error) => error instanceof UnreadableMotion;
const somePerson = (random, frames) => ({
  positions: Array.from({ length: frames }, () => Array.from({ length: 22 }, () => [random.within(2), random.within(2), random.within(2)])),
});

function someAnswer(random) {
  const frames = 1 + random.below(3);
  return {
    id: "a1", parent: null, model: "small", prompt: random.text(20), fps: 30, frames, parents: PARENTS,
    settings: { seed: random.below(2 ** 31), steps: 20, guidance: random.next() * 10, temperature: random.next() * 1e-6, rigid: true },
    samples: Array.from({ length: 1 + random.below(2) }, (_, seed) => ({
      seed, persons: [somePerson(random, frames), somePerson(random, frames)], files: { "a.glb": "/motions/a1/a.glb" },
    })),
  };
}

const size = (value) => JSON.stringify(value)?.length ?? 4;

const PROPERTIES = {
  "answers: what a motion was made of goes through its address": (random) => {
    const answer = { ...someAnswer(random), prompt: `a${random.text(20)}` };
    const request = requestOf(readReply(answer));
    const read = fromAddress(addressOf({ request }, answer.id));
    hold(same(read, { request, edits: [], files: [], id: answer.id }), JSON.stringify([request, read]));
  },
  "answers: motions with something else in them": async (random) => {
    let answer = spoilt(random, someAnswer(random));
    while (random.chance(0.3)) answer = spoilt(random, answer);
    const clip = await read(size(answer), isOwn, () => readReply(answer, 2));
    if (clip === null) return;
    holdClip(clip, [2]);
    // Whatever the page says of a motion is words and numbers, and can be written.
    const told = [clip.settings, clip.timings, clip.edit].flatMap((part) => Object.values(part ?? {}));
    hold(told.flat().every((value) => typeof `${value}` === "string"), "what is told can be written");
    const recipe = { request: requestOf(clip), edits: [] };
    hold(typeof asCurl(recipe) === "string" && typeof asPython(recipe) === "string", "the recipe can be written");
  },
  "answers: links that lead elsewhere": (random) => {
    const parts = ["/", "//", "\\", "..", ".", "evil.example", "@", ":", "http:", "blob:", "javascript:", "data:", "\t", "?", "#", location.host];
    const href = random.list(6, () => random.pick(parts)).join("");
    const answer = someAnswer(random);
    answer.samples[0].files = { a: href, b: "/motions/a1/b" };
    const clip = readReply(answer);
    holdClip(clip, [2]);
    hold(clip.samples[0].files.some(({ name }) => name === "b"), "its own link stays");
  },
  "answers: drafts": async (random) => {
    const draft = { fps: random.pick([1, 3.75, 7.5, 30]), persons: [0, 1].map(() => somePerson(random, 3)) };
    holdClip(readDraft(draft), [2]);
    let other = spoilt(random, draft);
    while (random.chance(0.3)) other = spoilt(random, other);
    // Between the frames of a draft there are up to thirty.
    const clip = await read(30 * size(other), isOwn, () => readDraft(other));
    if (clip !== null) holdClip(clip, [2]);
  },
  "answers: problems": (random) => {
    const problem = random.chance(0.5) ? anything(random)
      : spoilt(random, { title: "no", detail: "none is left", code: "queue_full", status: 429 });
    const error = problemError(problem, random.pick([400, 404, 429, 500, 503]), random.pick(NUMBERS));
    hold(error instanceof ApiError && error.message !== "" && typeof error.code === "string", "words and a code");
    hold(error.retryAfter === null || (error.retryAfter >= 1 && error.retryAfter <= 60), `again in ${error.retryAfter}`);
  },
};
