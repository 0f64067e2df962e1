// How a result is made again: the request behind it, the edits since, and both as a link, a line for a shell, a script. What
// began with files of a person's own names those in place of a request; only who has them can make it again.

/** Settings that a request may hold, by their names in the interface. */
const SETTINGS = ["steps", "guidance", "top_k_ratio", "temperature", "memory", "foot_fix", "rigid"];

/** The request that makes a whole result again, all samples; of an edited one, what it began with. */
export function requestOf(result) {
  const { settings } = result;
  const request = { prompt: result.prompt, frames: result.frames };
  const seed = settings.seed ?? result.samples[0].seed;
  if (Number.isSafeInteger(seed)) request.seed = seed;
  if (result.samples.length > 1) request.samples = result.samples.length;
  for (const key of SETTINGS) if (settings[key] !== undefined) request[key] = settings[key];
  if (result.model) request.model = result.model;
  return request;
}

/** The request that makes one sample alone. */
export function requestOfSample(clip) {
  const { samples, ...request } = requestOf({ ...clip, settings: { ...clip.settings, seed: clip.sample.seed } });
  return request;
}

/** The address of a recipe {request, edits, files}: all it takes to make it again, and where the result may still be. */
export function addressOf({ request, edits = [], files = [] }, id) {
  const fields = new URLSearchParams();
  for (const [key, value] of Object.entries(request)) fields.set(key, String(value));
  if (edits.length > 0) fields.set("edits", JSON.stringify(edits));
  for (const name of files) fields.append("file", name);
  if (id) fields.set("id", id);
  return `#${fields}`;
}

/** The first so many characters of a text, none of them cut in half. */
const first = (text, most) => [...text.slice(0, 2 * most)].slice(0, most).join("");

/** Whether nothing lies deeper than in a timeline of an edit; what is endlessly nested could not be written again. */
const isShallow = (value, depth = 0) =>
  value === null || typeof value !== "object" || (depth < 4 && Object.values(value).every((inner) => isShallow(inner, depth + 1)));

const isEdit = (edit) => edit !== null && typeof edit === "object" && !Array.isArray(edit) && isShallow(edit);

/** Numbers as JavaScript writes them, 1e-7 too. */
const NUMBER = /^\d{1,16}(\.\d{1,24})?(e-\d{1,3})?$/;

/** The recipe in an address, {request, edits, files, id}; what makes no sense is left out, and the server judges the rest. */
export function fromAddress(hash) {
  const fields = new URLSearchParams(hash.slice(1));
  const request = {};
  const prompt = fields.get("prompt");
  if (prompt) request.prompt = first(prompt, 1000);
  for (const key of ["frames", "seconds", "seed", "samples", "steps", "guidance", "top_k_ratio", "temperature", "memory"]) {
    if (NUMBER.test(fields.get(key) ?? "")) request[key] = Number(fields.get(key));
  }
  for (const key of ["foot_fix", "rigid"]) {
    if (/^(true|false)$/.test(fields.get(key) ?? "")) request[key] = fields.get(key) === "true";
  }
  if (fields.get("model")) request.model = first(fields.get("model"), 200);
  let edits = [];
  try {
    const told = JSON.parse(fields.get("edits") ?? "[]");
    if (Array.isArray(told)) edits = told.filter(isEdit).slice(0, 100);
  } catch {
    // A link that was cut short still names the motion it began with.
  }
  const files = fields.getAll("file").slice(0, 2).map((name) => first(name, 200));
  return { request, edits, files, id: fields.get("id") ?? "" };
}

/** Frames that a stretch of so many seconds comes to: whole tokens of 4, 30 a second. */
function framesOf(stretch) {
  const { frames, seconds } = stretch ?? {};
  if (!Number.isFinite(frames ?? seconds)) return NaN;
  return Math.floor((frames ?? Math.round(seconds * 30)) / 4) * 4;
}

const words = (told) => (typeof told === "string" ? told : "");

/** What happens when in a clip of a recipe: [{from, to, prompt}], a stretch for the beginning and one for each continuation. */
export function stretchesOf({ request, edits = [], files = [] }, frames) {
  const added = edits.flatMap((edit) => (edit.kind === "extend" ? edit.timeline : []));
  let from = frames - added.reduce((sum, stretch) => sum + framesOf(stretch), 0);
  // A link may tell what its result is not.
  if (!(from > 0) || !added.every((stretch) => framesOf(stretch) > 0)) return [];
  const begin = { from: 0, to: from, prompt: files.length > 0 ? words(edits[0]?.prompt ?? files.join(" and ")) : request.prompt };
  return [begin, ...added.map((stretch) => ({ from, to: (from += framesOf(stretch)), prompt: words(stretch.prompt) }))];
}

/** Requests as the server takes them one after another: [path, body]; an edit's parent is the answer before it, or files. */
const calls = ({ request, edits = [], files = [] }) =>
  [...(files.length > 0 ? [] : [["/generate", request]]), ...edits.map((edit) => ["/edit", edit])];

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Lines for a shell that make the same motion. Edits pass on the id with sed, which every shell has. */
export function asCurl(recipe) {
  const head = "-H 'content-type: application/json'";
  const all = calls(recipe);
  const files = recipe.files ?? [];
  return all.map(([path, body], i) => {
    const json = JSON.stringify(body);
    let line = `curl -s ${location.origin}${path} ${head} -d `;
    if (i > 0) line += quoted(json).replace("{", () => '{"parent":"\'$id\'",');
    else if (files.length === 0) line += quoted(json);
    else {
      // Files are longer than an argument may be, so they go through a pipe.
      const form = quoted(json.replaceAll("%", "%%").replaceAll("\\", "\\\\"))
        .replace("{", () => `{"files":[${files.map(() => '"%s"').join(",")}],`);
      line = `printf ${form} ${files.map((name) => `"$(base64 < ${quoted(name)} | tr -d '\\n')"`).join(" ")} | ${line}@-`;
    }
    return i + 1 < all.length ? `id=$(${line} | sed 's/^{"id":"\\([^"]*\\)".*/\\1/')` : line;
  }).join("\n");
}

/** Python's way to write a value. */
function literal(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${literal(inner)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

/** A Python script, standard library only, that makes the same motion and takes one of its samples. */
export function asPython(recipe, sample = 0) {
  const files = recipe.files ?? [];
  const first = files.length > 0 ? `{"files": [${files.map((name) => `file(${literal(name)})`).join(", ")}], ` : "{";
  const steps = calls(recipe).map(([path, body], i) =>
    `motion = ask("${path}", ${literal(body).replace("{", () => (i === 0 ? first : '{"parent": motion["id"], '))})`);
  const reader = `
def file(name):
    return b64encode(open(name, "rb").read()).decode()
`;
  return `import json${files.length > 0 ? "\nfrom base64 import b64encode" : ""}
from urllib.request import Request, urlopen

def ask(path, body):
    request = Request("${location.origin}" + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)
${files.length > 0 ? reader : ""}
${steps.join("\n")}
person1, person2 = (person["positions"] for person in motion["samples"][${sample}]["persons"])
print(motion["id"], len(person1), "frames")  # positions: [frame][22 joints][x, y, z] in metres, y up
`;
}
