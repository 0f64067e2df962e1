// How a result is made again: the request behind it, the edits since, and both as a link, a line for a shell, a script.

/** Settings that a request may hold, by their names in the interface. */
const SETTINGS = ["steps", "guidance", "top_k_ratio", "temperature", "foot_fix", "rigid"];

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

/** The address of a recipe {request, edits}: all it takes to make it again, and where the result may still be. */
export function addressOf({ request, edits = [] }, id) {
  const fields = new URLSearchParams();
  for (const [key, value] of Object.entries(request)) fields.set(key, String(value));
  if (edits.length > 0) fields.set("edits", JSON.stringify(edits));
  if (id) fields.set("id", id);
  return `#${fields}`;
}

/** The recipe in an address, {request, edits, id}; what makes no sense is left out, and the server judges the rest. */
export function fromAddress(hash) {
  const fields = new URLSearchParams(hash.slice(1));
  const request = {};
  const prompt = fields.get("prompt");
  if (prompt) request.prompt = prompt.slice(0, 1000);
  for (const key of ["frames", "seconds", "seed", "samples", "steps", "guidance", "top_k_ratio", "temperature"]) {
    if (/^\d{1,16}(\.\d{1,16})?$/.test(fields.get(key) ?? "")) request[key] = Number(fields.get(key));
  }
  for (const key of ["foot_fix", "rigid"]) {
    if (/^(true|false)$/.test(fields.get(key) ?? "")) request[key] = fields.get(key) === "true";
  }
  if (fields.get("model")) request.model = fields.get("model").slice(0, 200);
  let edits = [];
  try {
    const told = JSON.parse(fields.get("edits") ?? "[]");
    if (Array.isArray(told)) edits = told.filter((edit) => edit !== null && typeof edit === "object").slice(0, 100);
  } catch {
    // A link that was cut short still names the motion it began with.
  }
  return { request, edits, id: fields.get("id") ?? "" };
}

/** Requests as the server takes them one after another: [path, body]; an edit's parent is the answer before it. */
const calls = ({ request, edits = [] }) =>
  [["/generate", request], ...edits.map((edit) => ["/edit", edit])];

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Lines for a shell that make the same motion. Edits pass on the id with sed, which every shell has. */
export function asCurl(recipe) {
  const head = "-H 'content-type: application/json'";
  const all = calls(recipe);
  return all.map(([path, body], i) => {
    const parent = i === 0 ? "" : '{"parent":"\'$id\'",';
    const data = i === 0 ? quoted(JSON.stringify(body)) : quoted(JSON.stringify(body)).replace("{", () => parent);
    const line = `curl -s ${location.origin}${path} ${head} -d ${data}`;
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

/** A Python script, standard library only, that makes the same motion. */
export function asPython(recipe) {
  const steps = calls(recipe).map(([path, body], i) =>
    i === 0 ? `motion = ask("${path}", ${literal(body)})`
      : `motion = ask("${path}", ${literal(body).replace("{", '{"parent": motion["id"], ')})`);
  return `import json
from urllib.request import Request, urlopen

def ask(path, body):
    request = Request("${location.origin}" + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)

${steps.join("\n")}
person1, person2 = (person["positions"] for person in motion["samples"][0]["persons"])
print(motion["id"], len(person1), "frames")  # positions: [frame][22 joints][x, y, z] in metres, y up
`;
}
