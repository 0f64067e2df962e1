// Files dropped onto the page: a motion to look at, which never leaves the browser.

import { readBvh } from "./bvh.js";
import { JOINTS, PARENTS, readReply } from "./motion.js";
import { readNpy } from "./npy.js";

const MOST_BYTES = 64 << 20;
/** Frames a second of npy files, which do not say. */
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

async function person(file) {
  const name = file.name.toLowerCase();
  try {
    if (file.size > MOST_BYTES) throw new Error("it is larger than 64 MiB");
    if (name.endsWith(".npy")) return { fps: FPS, positions: keypoints(readNpy(await file.arrayBuffer())) };
    if (name.endsWith(".bvh")) return readBvh(await file.text());
  } catch (error) {
    throw new DropError(`${file.name} cannot be shown: ${error.message}.`);
  }
  throw new DropError(`${file.name} is neither npy nor BVH. Drop two such files, one for each person, or a JSON of Duet.`);
}

/** A result to show from dropped files: two of npy or BVH, the first name person 1, or one JSON. Throws DropError. */
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
    const samples = reply?.samples?.map?.((sample) => ({ ...sample, files: {} }));
    return { ...readReply({ ...reply, id: "", samples }), dropped: true };
  }
  if (sorted.length !== 2) throw new DropError("Drop two npy or BVH files at once, one for each person.");
  const people = [await person(sorted[0]), await person(sorted[1])];
  const frames = Math.min(...people.map(({ positions }) => positions.length));
  const persons = people.map(({ positions }) => ({ positions: positions.slice(0, frames) }));
  const prompt = sorted.map((file) => file.name).join(" and ");
  return { ...readReply({ fps: people[0].fps, frames, prompt, parents: PARENTS, samples: [{ persons }] }), dropped: true };
}
