// From 22 joints to a person: the list of round cones that make limbs, torso, head with a nose, mitten hands and shoes.
// Lengths are metres for a body with a leg of 0.82 m and scale with it.

import { add, cross, length, madd, mix, reject, scale, sub, unit } from "./math.js";
import { J } from "./motion.js";

/** Floats for each cone: from, radius, to, radius, side, width, colour, depth, sole. */
export const STRIDE = 17;
/** Cones of one figure. */
export const CONES = 38;

const UP = [0, 1, 0];
const NO_SOLE = 9;

/** Writes one cone after another into a Float32Array. */
class Cones {
  constructor(out, at) {
    this.out = out;
    this.at = at;
  }

  /**
   * A round cone from `a` to `b`. `side` is its local x; `width` and `depth` stretch the cross-section along and across
   * `side`; nothing reaches further than `sole` below the axis.
   */
  put(a, ra, b, rb, colour, side = [1, 0, 0], width = 1, depth = 1, sole = NO_SOLE) {
    const { out, at } = this;
    out.set(a, at);
    out[at + 3] = ra;
    out.set(b, at + 4);
    out[at + 7] = rb;
    out.set(side, at + 8);
    out[at + 11] = width;
    out.set(colour, at + 12);
    out[at + 15] = depth;
    out[at + 16] = sole;
    this.at += STRIDE;
  }
}

/** Writes the cones of one person in `pose` and returns how many. `tones` holds linear colours {body, left, right, face}. */
export function drawPerson(out, first, pose, body, tones) {
  const cones = new Cones(out, first * STRIDE);
  const k = body.scale;
  const p = (index) => pose[index];

  const hipLeft = unit(sub(p(J.leftHip), p(J.rightHip)), [1, 0, 0]);
  const chestLeft = unit(sub(p(J.leftShoulder), p(J.rightShoulder)), hipLeft);
  const spine = unit(sub(p(J.neck), p(J.spine2)));
  const chestFront = unit(cross(chestLeft, spine), [0, 0, 1]);

  torso(cones, p, k, tones, hipLeft, chestLeft, chestFront, spine);
  head(cones, p, k, tones, chestLeft, spine);
  arm(cones, p(J.leftShoulder), p(J.leftElbow), p(J.leftWrist), k, tones.left, chestFront);
  arm(cones, p(J.rightShoulder), p(J.rightElbow), p(J.rightWrist), k, tones.right, chestFront);
  leg(cones, p(J.leftHip), p(J.leftKnee), p(J.leftAnkle), p(J.leftFoot), k, body.ankle, tones.left, hipLeft);
  leg(cones, p(J.rightHip), p(J.rightKnee), p(J.rightAnkle), p(J.rightFoot), k, body.ankle, tones.right, hipLeft);
  return cones.at / STRIDE - first;
}

function torso(cones, p, k, tones, hipLeft, chestLeft, chestFront, spine) {
  const hips = mix(p(J.leftHip), p(J.rightHip), 0.5);
  const seat = mix(hips, p(J.pelvis), 0.35);
  const waistLeft = unit(add(hipLeft, chestLeft), hipLeft);
  const breast = madd(p(J.spine3), chestFront, 0.012 * k);
  const collar = mix(p(J.spine3), p(J.neck), 0.55);
  cones.put(seat, 0.098 * k, p(J.spine1), 0.094 * k, tones.body, hipLeft, 1.36, 1.0);
  cones.put(p(J.spine1), 0.096 * k, p(J.spine2), 0.1 * k, tones.body, waistLeft, 1.22, 0.92);
  cones.put(p(J.spine2), 0.1 * k, breast, 0.112 * k, tones.body, chestLeft, 1.3, 0.94);
  cones.put(breast, 0.112 * k, madd(collar, spine, -0.01), 0.082 * k, tones.body, chestLeft, 1.34, 0.88);
  for (const shoulder of [J.leftShoulder, J.rightShoulder]) {
    cones.put(madd(collar, spine, -0.015 * k), 0.074 * k, p(shoulder), 0.058 * k, tones.body);
  }
}

function head(cones, p, k, tones, chestLeft, spine) {
  const nod = sub(p(J.head), p(J.neck));
  const up = unit(add(unit(nod, spine), scale(spine, 0.4)), spine);
  // Positions alone do not tell where a head turns; it looks where the chest does.
  const left = unit(reject(chestLeft, up), chestLeft);
  const front = cross(left, up);
  const at = (x, y, z) => add(p(J.head), add(scale(left, x * k), add(scale(up, y * k), scale(front, z * k))));
  cones.put(madd(p(J.neck), up, -0.02 * k), 0.056 * k, at(0, 0.02, 0), 0.05 * k, tones.body);
  cones.put(at(0, 0.035, 0.024), 0.062 * k, at(0, 0.112, 0.008), 0.094 * k, tones.body, left, 0.86, 1.04);
  cones.put(at(0, 0.042, 0.044), 0.05 * k, at(0, 0.1, 0.052), 0.06 * k, tones.face, left, 0.98, 0.9);
  cones.put(at(0, 0.088, 0.1), 0.012 * k, at(0, 0.062, 0.122), 0.016 * k, tones.face, left, 0.9, 1);
}

function arm(cones, shoulder, elbow, wrist, k, colour, chestFront) {
  const upper = unit(sub(elbow, shoulder));
  const fore = unit(sub(wrist, elbow), upper);
  // A bent elbow turns the thumb to the inside of the bend; a straight arm keeps it forward.
  const wish = add(scale(upper, -1), add(scale(chestFront, 0.35), scale(UP, 0.15)));
  const thumb = unit(reject(wish, fore), chestFront);
  const on = (along, across) => madd(madd(wrist, fore, along * k), thumb, across * k);

  cones.put(shoulder, 0.06 * k, mix(shoulder, elbow, 0.42), 0.051 * k, colour);
  cones.put(mix(shoulder, elbow, 0.42), 0.051 * k, elbow, 0.041 * k, colour);
  cones.put(elbow, 0.041 * k, mix(elbow, wrist, 0.3), 0.043 * k, colour);
  cones.put(mix(elbow, wrist, 0.3), 0.043 * k, wrist, 0.028 * k, colour);
  cones.put(wrist, 0.028 * k, on(0.08, 0.002), 0.041 * k, colour, thumb, 1, 0.56);
  cones.put(on(0.08, 0.002), 0.041 * k, on(0.15, 0), 0.026 * k, colour, thumb, 1, 0.5);
  cones.put(on(0.028, 0.022), 0.017 * k, on(0.088, 0.058), 0.0125 * k, colour);
}

function leg(cones, hip, knee, ankle, toe, k, ankleHeight, colour, hipLeft) {
  const shin = unit(sub(knee, ankle));
  const instep = sub(toe, ankle);
  const reach = length(instep);
  const ahead = unit(instep, [0, 0, 1]);
  const left = unit(reject(add(unit(cross(shin, ahead), hipLeft), scale(hipLeft, 0.2)), ahead), hipLeft);
  // The sole runs from under the ankle to the toe joint: turn the instep up by the angle the ankle's height makes.
  const above = cross(ahead, left);
  const sine = Math.min(ankleHeight / Math.max(reach, 1e-3), 0.85);
  const cosine = Math.sqrt(1 - sine * sine);
  const forward = add(scale(ahead, cosine), scale(above, sine));
  const up = add(scale(above, cosine), scale(ahead, -sine));
  const heel = madd(ankle, up, -Math.min(ankleHeight, reach * 0.85));
  const right = scale(left, -1);
  const back = scale(unit(cross(left, shin), forward), -1);

  const thigh = mix(hip, knee, 0.4);
  const calf = madd(mix(knee, ankle, 0.3), back, 0.012 * k);
  cones.put(hip, 0.09 * k, thigh, 0.079 * k, colour);
  cones.put(thigh, 0.079 * k, knee, 0.054 * k, colour);
  cones.put(knee, 0.054 * k, calf, 0.055 * k, colour);
  cones.put(calf, 0.055 * k, ankle, 0.035 * k, colour);

  const lift = 0.03 * k;
  const foot = (base, along) => madd(madd(base, up, lift), forward, along * k);
  cones.put(foot(heel, -0.03), 0.041 * k, foot(toe, -0.01), 0.04 * k, colour, right, 1.08, 1, lift);
  cones.put(foot(toe, -0.01), 0.04 * k, foot(toe, 0.062), 0.03 * k, colour, right, 1.12, 0.86, lift);
  cones.put(ankle, 0.036 * k, foot(mix(heel, toe, 0.62), 0), 0.036 * k, colour, right, 1, 1, 0.06 * k);
}
