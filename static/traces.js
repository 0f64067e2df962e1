// What a motion leaves behind: the prints of planted feet on the floor, and the paths of hands and feet in the air.

import { J, JOINTS } from "./motion.js";
import { MOST, PRINT, TRAIL } from "./renderer.js";
import { PEOPLE } from "./theme.js";

/** Seconds that a footprint outlives the step. */
const PRINT_FADES = 1.6;
/** Seconds of a trail that are drawn strongly, up to now. */
const TRAIL_FADES = 1;
/** How a trail looks away from now, and its half width in CSS pixels. */
const FAINT = 0.16;
const WIDTH = 1.1;

const LIMBS = [["left", J.leftWrist], ["right", J.rightWrist], ["left", J.leftFoot], ["right", J.rightFoot]];

/** Writes the prints of `clip` at `now` (in frames) into `out` and returns how many; `stay` keeps all of them. */
export function putPrints(out, clip, now, stay) {
  let count = 0;
  for (let person = 0; person < 2; person++) {
    for (const step of clip.sample.steps[person] ?? []) {
      const age = (now - step.end) / clip.fps;
      if (count >= MOST.prints || (!stay && (step.start > now || age > PRINT_FADES))) continue;
      const fresh = Math.min(1, Math.max(0, (now - step.start) / clip.fps / 0.2));
      const fading = fresh * Math.min(1, Math.max(0, 1 - age / PRINT_FADES));
      const strength = 0.34 * (stay ? 0.45 + 0.55 * fading : fading);
      const tint = PEOPLE[person][step.side];
      out.set([step.at[0], step.at[2], step.forward[0], step.forward[2], ...tint, strength], count * PRINT);
      count++;
    }
  }
  return count;
}

/** Writes the trails of `clip` at `now` (in frames) into `out` and returns how many pieces. */
export function putTrails(out, clip, now) {
  const { frames, fps, sample } = clip;
  // Long clips take wider steps, so that all of the path has room.
  const stride = Math.max(1, Math.ceil(((frames - 1) * 2 * LIMBS.length) / MOST.trails));
  const strength = (frame) => {
    const age = (now - frame) / fps;
    return age < 0 || age > TRAIL_FADES ? FAINT : FAINT + (0.9 - FAINT) * (1 - age / TRAIL_FADES);
  };
  let count = 0;
  sample.persons.forEach((person, index) => {
    for (const [side, joint] of LIMBS) {
      for (let frame = 0; frame + stride < frames && count < MOST.trails; frame += stride) {
        const from = (frame * JOINTS + joint) * 3;
        const to = ((frame + stride) * JOINTS + joint) * 3;
        const at = count * TRAIL;
        for (let i = 0; i < 3; i++) {
          out[at + i] = person[from + i];
          out[at + 4 + i] = person[to + i];
          out[at + 8 + i] = PEOPLE[index][side][i];
        }
        out[at + 3] = strength(frame);
        out[at + 7] = strength(frame + stride);
        out[at + 11] = WIDTH;
        count++;
      }
    }
  });
  return count;
}
