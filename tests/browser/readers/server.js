// What the server writes is what the page reads: the answer, the same by its address, the JSON and the arrays that the menu gives.

const { readDropped } = await import(at("dropped.js"));
const { readReply } = await import(at("motion.js"));
const { addressOf, fromAddress, requestOf } = await import(at("recipe.js"));

const PROPERTIES = {
  "server: motions and their files come back": async (random) => {
    const request = {
      // A prompt is one line.
      prompt: `two people ${random.text(30)} bow`.replaceAll(/[\n\t\0]/g, " "), frames: 24 + 4 * random.below(4), seed: random.below(2 ** 31), steps: 2,
      guidance: random.next() * 4, temperature: 0.5 + random.next(), rigid: random.chance(0.5), foot_fix: false,
    };
    const answer = await fetch("/generate", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request),
    });
    const text = await answer.text();
    hold(answer.ok, text);
    const clip = readReply(JSON.parse(text));
    holdClip(clip, [2]);
    hold(clip.prompt === request.prompt, "the prompt");
    const made = requestOf(clip);
    hold(same(fromAddress(addressOf({ request: made }, clip.id)), { request: made, edits: [], files: [], id: clip.id }), JSON.stringify(made));

    const dropped = await readDropped([new File([text], "a.json")]);
    const [{ persons, files }] = clip.samples;
    hold(same(dropped.samples[0].persons.map((person) => [...person]), persons.map((person) => [...person])), "its JSON");
    const arrays = files.filter(({ name }) => /^00_[01]\.npy$/.test(name)).map(async ({ name, href }) => new File([await (await fetch(href)).blob()], name));
    hold(arrays.length === 2, JSON.stringify(files));
    const people = (await readDropped(await Promise.all(arrays))).samples[0].persons;
    // Feet that were fixed are in files of their own. Arrays and answer are rounded differently.
    people.forEach((person, i) => {
      hold(person.length === persons[i].length && person.every((value, n) => Math.abs(value - persons[i][n]) < 1e-3), "its arrays");
    });
  },
};
