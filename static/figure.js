// From 22 joints to a person: the list of round cones that make limbs, torso, head with a nose, mitten hands and shoes.
// Lengths are metres for a body with a leg of 0.82 m and scale with it.

import { add, cross, length, madd, mix, reject, scale, sub, unit } from "./math.js";
import { J } from "./motion.js";

/** Floats for each cone: from, radius; to, radius; side, sole; colour, unused; width and depth at both ends. */
export const STRIDE = 20;
/** Cones of one figure. */
export const CONES = 42;

const UP = [0, 1, 0];
const NO_SOLE = 9;
const ROUND = [1, 1];

/** Writes one cone after another into a Float32Array. */
export class Cones {
  constructor(out, at) {
    this.out = out;
    this.at = at;
  }

  /**
   * A round cone from `a` to `b`. `side` is its local x; `girth` stretches the cross-section [along side, across side] at
   * `a` and `girthTo` at `b`; nothing reaches further than `sole` below the axis.
   */
  put(a, ra, b, rb, colour, side = [1, 0, 0], girth = ROUND, girthTo = girth, sole = NO_SOLE) {
    const { out, at } = this;
    out.set(a, at);
    out[at + 3] = ra;
    out.set(b, at + 4);
    out[at + 7] = rb;
    out.set(side, at + 8);
    out[at + 11] = sole;
    out.set(colour, at + 12);
    out.set(girth, at + 16);
    out.set(girthTo, at + 18);
    this.at += STRIDE;
  }
}

/**
 * Writes the cones of one person in `pose` and returns how many. `wear` holds linear colours {body, left, right, face} for each of
 * {legs, torso, arms}.
 */
export function drawPerson(out, first, pose, body, wear) {
  const cones = new Cones(out, first * STRIDE);
  const k = body.scale;
  const p = (index) => pose[index];

  const hipLeft = unit(sub(p(J.leftHip), p(J.rightHip)), [1, 0, 0]);
  const chestLeft = unit(sub(p(J.leftShoulder), p(J.rightShoulder)), hipLeft);
  const spine = unit(sub(p(J.neck), p(J.spine2)));
  const chestFront = unit(cross(chestLeft, spine), [0, 0, 1]);

  torso(cones, p, k, wear.torso, hipLeft, chestLeft, chestFront, spine);
  head(cones, p, k, wear.torso, chestLeft, spine);
  arm(cones, p(J.leftShoulder), p(J.leftElbow), p(J.leftWrist), k, wear.arms.left, chestFront);
  arm(cones, p(J.rightShoulder), p(J.rightElbow), p(J.rightWrist), k, wear.arms.right, chestFront);
  leg(cones, p(J.leftHip), p(J.leftKnee), p(J.leftAnkle), p(J.leftFoot), k, body.ankle, wear.legs.left, hipLeft);
  leg(cones, p(J.rightHip), p(J.rightKnee), p(J.rightAnkle), p(J.rightFoot), k, body.ankle, wear.legs.right, hipLeft);
  return cones.at / STRIDE - first;
}

function torso(cones, p, k, tones, hipLeft, chestLeft, chestFront, spine) {
  const hips = mix(p(J.leftHip), p(J.rightHip), 0.5);
  const seat = mix(hips, p(J.pelvis), 0.3);
  const waistLeft = unit(add(hipLeft, chestLeft), hipLeft);
  const breast = madd(p(J.spine3), chestFront, 0.006 * k);
  const collar = mix(p(J.spine3), p(J.neck), 0.62);
  const [seatGirth, waist, ribs, chest, top] = [[1.36, 1.02], [1.2, 0.9], [1.28, 0.94], [1.36, 0.96], [1.5, 0.9]];
  cones.put(seat, 0.1 * k, p(J.spine1), 0.097 * k, tones.body, hipLeft, seatGirth, waist);
  cones.put(p(J.spine1), 0.097 * k, p(J.spine2), 0.1 * k, tones.body, waistLeft, waist, ribs);
  cones.put(p(J.spine2), 0.1 * k, breast, 0.108 * k, tones.body, chestLeft, ribs, chest);
  cones.put(breast, 0.108 * k, collar, 0.078 * k, tones.body, chestLeft, chest, top);
  const nape = mix(p(J.spine3), p(J.neck), 0.9);
  for (const shoulder of [J.leftShoulder, J.rightShoulder]) {
    cones.put(collar, 0.076 * k, p(shoulder), 0.052 * k, tones.body);
    cones.put(nape, 0.05 * k, madd(p(shoulder), spine, 0.006 * k), 0.044 * k, tones.body);
  }
}

function head(cones, p, k, tones, chestLeft, spine) {
  const nod = sub(p(J.head), p(J.neck));
  const up = unit(add(unit(nod, spine), scale(spine, 0.4)), spine);
  // Positions alone do not tell where a head turns; it looks where the chest does.
  const left = unit(reject(chestLeft, up), chestLeft);
  const front = cross(left, up);
  const at = (x, y, z) => add(p(J.head), add(scale(left, x * k), add(scale(up, y * k), scale(front, z * k))));
  cones.put(madd(p(J.neck), up, -0.02 * k), 0.055 * k, at(0, 0.01, 0), 0.049 * k, tones.body);
  // Skull, jaw, a lighter face and a small nose, so that facing reads from afar.
  cones.put(at(0, 0.084, -0.012), 0.091 * k, at(0, 0.1, 0.02), 0.09 * k, tones.body, left, [0.88, 1]);
  cones.put(at(0, 0.0, 0.046), 0.046 * k, at(0, 0.09, 0.022), 0.086 * k, tones.body, left, [0.86, 1]);
  cones.put(at(0, 0.012, 0.06), 0.04 * k, at(0, 0.09, 0.055), 0.062 * k, tones.face, left, [0.96, 1]);
  cones.put(at(0, 0.085, 0.112), 0.009 * k, at(0, 0.057, 0.12), 0.0145 * k, tones.face, left, [0.9, 1]);
}

function arm(cones, shoulder, elbow, wrist, k, colour, chestFront) {
  const upper = unit(sub(elbow, shoulder));
  const fore = unit(sub(wrist, elbow), upper);
  // A bent elbow turns the thumb to the inside of the bend; a straight arm keeps it forward.
  const wish = add(scale(upper, -1), add(scale(chestFront, 0.35), scale(UP, 0.15)));
  const thumb = unit(reject(wish, fore), chestFront);
  const on = (along, across) => madd(madd(wrist, fore, along * k), thumb, across * k);

  cones.put(shoulder, 0.056 * k, mix(shoulder, elbow, 0.42), 0.05 * k, colour);
  cones.put(mix(shoulder, elbow, 0.42), 0.05 * k, elbow, 0.041 * k, colour);
  cones.put(elbow, 0.041 * k, mix(elbow, wrist, 0.3), 0.043 * k, colour);
  cones.put(mix(elbow, wrist, 0.3), 0.043 * k, wrist, 0.028 * k, colour);
  cones.put(wrist, 0.028 * k, on(0.08, 0.002), 0.041 * k, colour, thumb, ROUND, [1, 0.56]);
  cones.put(on(0.08, 0.002), 0.041 * k, on(0.15, 0), 0.026 * k, colour, thumb, [1, 0.56], [1, 0.48]);
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
  cones.put(foot(heel, -0.03), 0.041 * k, foot(toe, -0.01), 0.04 * k, colour, right, [1.04, 1], [1.12, 1], lift);
  cones.put(foot(toe, -0.01), 0.04 * k, foot(toe, 0.062), 0.03 * k, colour, right, [1.12, 1], [1.2, 0.8], lift);
  cones.put(ankle, 0.036 * k, foot(mix(heel, toe, 0.62), 0), 0.036 * k, colour, right);
}

/** Where a person's eyes are and the way they look, which positions only tell of the chest: {eye, ahead}. */
export function eyesOf(pose) {
  const left = unit(sub(pose[J.leftShoulder], pose[J.rightShoulder]), [1, 0, 0]);
  const up = unit(sub(pose[J.head], pose[J.neck]));
  const ahead = unit(cross(unit(reject(left, UP), left), UP), [0, 0, 1]);
  return { eye: madd(madd(pose[J.head], up, 0.09), ahead, 0.17), ahead: unit(madd(ahead, UP, -0.12)) };
}
