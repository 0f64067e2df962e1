// Where a pair is: the way its middle takes through a clip, how far the bodies reach around it, and the floor they need.

import { JOINTS } from "./motion.js";

/** How far a body reaches beyond its joints, metres. */
const FLESH = 0.12;

/** The middle between the pelvises on the floor, frame by frame, smoothed over about a second. */
export function middlePath(clip) {
  const { sample, frames, fps } = clip;
  const { persons } = sample;
  const raw = Array.from({ length: frames }, (_, f) => {
    const at = f * JOINTS * 3;
    return [0, 2].map((axis) => persons.reduce((sum, person) => sum + person[at + axis], 0) / persons.length);
  });
  const sigma = 0.5 * fps;
  const radius = Math.ceil(2.5 * sigma);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  return raw.map((_, f) => {
    let [x, z, total] = [0, 0, 0];
    weights.forEach((weight, i) => {
      const [px, pz] = raw[Math.min(Math.max(f + i - radius, 0), frames - 1)];
      x += weight * px;
      z += weight * pz;
      total += weight;
    });
    return [x / total, 0, z / total];
  });
}

/** The frame in which the pelvises are nearest to each other; of somebody alone the middle one. */
export function nearest({ sample: { persons }, frames }) {
  if (persons.length < 2) return frames >> 1;
  const gap = (frame) => Math.hypot(...[0, 2].map((axis) => {
    const at = frame * JOINTS * 3 + axis;
    return persons[0][at] - persons[1][at];
  }));
  return Array.from({ length: frames }, (_, frame) => frame).reduce((best, frame) => (gap(frame) < gap(best) ? frame : best), 0);
}

/** How far the bodies ever get from that middle {radius} and above the floor {height}, metres. */
export function reachAround(clip, path) {
  let [radius, height] = [0.5, 1.2];
  for (const person of clip.sample.persons) {
    for (let at = 0; at < person.length; at += 3) {
      const middle = path[Math.floor(at / (JOINTS * 3))];
      radius = Math.max(radius, Math.hypot(person[at] - middle[0], person[at + 2] - middle[2]));
      height = Math.max(height, person[at + 1]);
    }
  }
  return { radius: radius + FLESH, height: height + 0.2 };
}

/** Where the floor needs shading: centre x, z and half the side. */
export function areaOf(poses) {
  let [x0, x1, z0, z1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const pose of poses) {
    for (const [x, , z] of pose) {
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x);
      z0 = Math.min(z0, z);
      z1 = Math.max(z1, z);
    }
  }
  // Shadows fall up to a body's height beside it. Steps of a quarter metre keep the texels from crawling.
  const half = Math.ceil((Math.max(x1 - x0, z1 - z0) / 2 + 1.25) * 4) / 4;
  return [(x0 + x1) / 2, (z0 + z1) / 2, Math.min(half, 12)];
}
