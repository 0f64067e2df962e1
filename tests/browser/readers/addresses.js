// Links: the recipe that stands in the page's address.

const { addressOf, asCurl, asPython, fromAddress, stretchesOf } = await import(at("recipe.js"));

const NUMERIC = ["frames", "seconds", "seed", "samples", "steps", "guidance", "top_k_ratio", "temperature", "memory"];

function someNumber(random) {
  return random.pick([
    () => random.below(100), () => Number.MAX_SAFE_INTEGER - random.below(9), () => random.next(), () => random.next() * 1e-5,
    () => random.next() * 10 ** -random.below(12), () => 0.1 + 0.2, () => Number(random.within(1e4).toFixed(2).replace("-", "")),
  ])();
}

function someRecipe(random) {
  const request = { prompt: `a${random.text(40)}` };
  for (const name of NUMERIC) if (random.chance(0.5)) request[name] = someNumber(random);
  for (const name of ["foot_fix", "rigid"]) if (random.chance(0.5)) request[name] = random.chance(0.5);
  if (random.chance(0.5)) request.model = `m${random.text(5)}`;
  const edits = random.list(3, () => random.pick([
    { kind: "vary", sample: 0, share: random.next(), seed: random.below(9), prompt: random.text(9) },
    { kind: "extend", timeline: random.list(3, () => ({ prompt: random.text(9), seconds: 1 + random.below(4) })) },
    { kind: "move", person: 1, shift: [random.within(2), random.within(2)], turn: 90 },
    { kind: "window", persons: [1, 2], parts: ["legs"], from: 4, to: 20 },
  ]));
  return { request, edits, files: random.list(2, () => `f${random.text(9)}.npy`), id: random.pick(["", "a1b2"]) };
}

/** What the page does with a link: the recipe in it, and all that is told of it. */
async function holdAddress(hash, frames) {
  const recipe = await read(hash.length, () => false, () => fromAddress(hash));
  const { request, edits, files, id } = recipe;
  hold([...request.prompt ?? ""].length <= 1000 && typeof id === "string", "a prompt and an id");
  for (const [name, value] of Object.entries(request)) {
    if (NUMERIC.includes(name)) hold(Number.isFinite(value) && value >= 0, `${name} is ${value}`);
    else if (["foot_fix", "rigid"].includes(name)) hold(typeof value === "boolean", name);
    else hold(["prompt", "model"].includes(name) && typeof value === "string" && value.isWellFormed(), name);
  }
  hold(edits.length <= 100 && edits.every((edit) => edit !== null && typeof edit === "object" && !Array.isArray(edit)), "edits");
  hold(files.length <= 2 && files.every((name) => typeof name === "string" && name.isWellFormed()), "names of files");
  const stretches = await read(hash.length, () => false, () => stretchesOf(recipe, frames));
  let end = 0;
  for (const { from, to, prompt } of stretches) {
    hold(from === end && to > from && to <= frames && Number.isInteger(to), `from ${from} to ${to} of ${frames}`);
    hold(prompt === undefined || typeof prompt === "string", "words");
    end = to;
  }
  for (const words of [asCurl(recipe), asPython(recipe), addressOf(recipe, id)]) hold(typeof words === "string", "it can be written");
}

const PROPERTIES = {
  "addresses: a recipe comes back": (random) => {
    const { id, ...recipe } = someRecipe(random);
    const read = fromAddress(addressOf(recipe, id));
    hold(same(read, { ...recipe, id }), `${JSON.stringify(recipe)} and ${JSON.stringify(read)}`);
  },
  "addresses: prompts of any length that the server takes": (random) => {
    const prompt = random.pick(["a", "é", "😀", "漢"]).repeat(1 + random.below(1000));
    hold(fromAddress(addressOf({ request: { prompt } })).request.prompt === prompt, `${prompt.length} of ${prompt[0]}`);
  },
  "addresses: damaged ones": (random) => {
    const { id, ...recipe } = someRecipe(random);
    const bytes = damagedBytes(random, new TextEncoder().encode(addressOf(recipe, id)));
    return holdAddress(new TextDecoder("latin1").decode(bytes), 120);
  },
  "addresses: any fields": (random) => {
    const fields = new URLSearchParams();
    for (const name of [...NUMERIC, "foot_fix", "rigid", "model", "prompt", "edits", "file", "file", "file", "id", ...KEYS]) {
      if (random.chance(0.5)) fields.append(name, random.chance(0.5) ? random.pick(LIES) : String(random.pick(NUMBERS)));
    }
    if (random.chance(0.5)) fields.set("prompt", random.text(3).repeat(random.below(2000)));
    return holdAddress(`#${fields}`, 1 + random.below(300));
  },
  "addresses: edits with something else in them": (random) => {
    let { edits } = someRecipe(random);
    do edits = spoilt(random, edits); while (random.chance(0.5));
    const { request, files } = someRecipe(random);
    const fields = new URLSearchParams(addressOf({ request, files }).slice(1));
    fields.set("edits", JSON.stringify(edits) ?? "");
    return holdAddress(`#${fields}`, 1 + random.below(300));
  },
  "addresses: nested edits": (random) => {
    if (!random.chance(0.1)) return null;
    const [open, close] = random.pick([["[", "]"], ['{"timeline":', "}"], ['{"__proto__":', "}"]]);
    const many = 10000 + random.below(50000);
    return holdAddress(`#edits=${encodeURIComponent(`[{"kind":"extend","timeline":${open.repeat(many)}1${close.repeat(many)}}]`)}`, 60);
  },
};
