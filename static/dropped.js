// Files dropped onto the page: a motion to look at. It stays in the browser unless the person asks the server to go on from it.

import { readBvh } from "./bvh.js";
import { JOINTS, PARENTS, readReply } from "./motion.js";
import { readNpy } from "./npy.js";

const MOST_BYTES = 64 << 20;
/** Most text that is unpacked of a compressed file, as by the server. */
const MOST_TEXT = 16 << 20;
/** Frames a second: npy files do not say, and BVH files are brought to it. */
const FPS = 30;

/** The file cannot be shown; the message says why and what to do. */
export class DropError extends Error {}

function keypoints({ shape, values }) {
  const [frames] = shape;
  const width = values.length / frames;
  // (frames, 22, 3), or (frames, 22, 9) as InterMask writes, or either with the last two axes as one.
  const per = width / JOINTS;
  if (per !== 3 && per !== 9) throw new Error("its shape is not (frames, 22, 3) or (frames, 22, 9)");
  return Array.from({ length: frames }, (_, f) =>
    Array.from({ length: JOINTS }, (_, j) => [0, 1, 2].map((i) => values[f * width + j * per + i])));
}

/** The bytes of a file as the server takes them. Throws DropError where the file has gone meanwhile. */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(new DropError(`${file.name} cannot be read any more. Drop it again.`)));
    reader.readAsDataURL(file);
  });
}

/** The text of a file that gzip has packed. */
async function unpacked(file) {
  const reader = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts = [];
  for (let size = 0; ;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Error("it is damaged or was cut");
    });
    if (done) return new Blob(parts).text();
    size += value.length;
    if (size > MOST_TEXT) throw new Error("it holds more than 16 MiB of text");
    parts.push(value);
  }
}

/** Positions [frames][22][3] of the person in a file. */
async function person(file) {
  const name = file.name.toLowerCase();
  try {
    if (file.size > MOST_BYTES) throw new Error("it is larger than 64 MiB");
    if (name.endsWith(".npy")) return keypoints(readNpy(await file.arrayBuffer()));
    if (name.endsWith(".bvh")) return readBvh(await file.text());
    if (name.endsWith(".bvh.gz")) return readBvh(await unpacked(file));
  } catch (error) {
    throw new DropError(`${file.name} cannot be shown: ${error.message}.`);
  }
  throw new DropError(`${file.name} is no motion that can be read here. Drop npy or BVH files, one for each person, or a JSON of Duet.`);
}

/**
 * A result to show from dropped files: one or two of npy or BVH, the first name person 1, or one JSON. `sources` are the files
 * that a server could go on from, {name, base64()} in the order of the persons. Throws DropError.
 */
export async function readDropped(files) {
  const sorted = [...files].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  if (sorted.length === 1 && sorted[0].name.toLowerCase().endsWith(".json")) {
    let reply;
    try {
      reply = JSON.parse(await sorted[0].text());
    } catch {
      throw new DropError(`${sorted[0].name} is not JSON. Drop a file that Duet's download menu calls "positions".`);
    }
    // What the file says of the server's own files may be long gone.
    const samples = Array.isArray(reply?.samples) ? reply.samples.map((sample) => ({ ...sample, files: {} })) : null;
    return { ...readReply({ ...reply, id: "", samples }), dropped: true, sources: [] };
  }
  if (sorted.length > 2) throw new DropError(`These are ${sorted.length} files. Drop one or two npy or BVH files, one for each person.`);
  const people = [];
  for (const file of sorted) people.push(await person(file));
  const frames = Math.min(...people.map((positions) => positions.length));
  const persons = people.map((positions) => ({ positions: positions.slice(0, frames) }));
  const prompt = sorted.map((file) => file.name).join(" and ");
  const reply = { fps: FPS, frames, prompt, parents: PARENTS, samples: [{ persons }] };
  const sources = sorted.map((file) => ({ name: file.name, base64: () => base64(file) }));
  return { ...readReply(reply, sorted.length), dropped: true, sources };
}

/** `take(files)` is called with the files that are dropped onto the page; while they hover over it, it says so. */
export function onDrop(take) {
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      document.body.toggleAttribute("data-drop", true);
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.toggleAttribute("data-drop", false);
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    document.body.toggleAttribute("data-drop", false);
    take(event.dataTransfer.files);
  });
}
