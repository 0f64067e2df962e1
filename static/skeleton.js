// From 22 joints to a skeleton: a ball at each joint and a thin bone to its parent, the left side lighter.

import { STRIDE, Cones } from "./figure.js";
import { J, JOINTS, PARENTS, partOf } from "./motion.js";

const LEFT = new Set([J.leftHip, J.leftKnee, J.leftAnkle, J.leftFoot, J.leftCollar, J.leftShoulder, J.leftElbow, J.leftWrist]);
const RIGHT = new Set([
  J.rightHip, J.rightKnee, J.rightAnkle, J.rightFoot, J.rightCollar, J.rightShoulder, J.rightElbow, J.rightWrist,
]);

/** Writes the cones of one skeleton in `pose` and returns how many; `wear` as for drawPerson. */
export function drawSkeleton(out, first, pose, body, wear) {
  const cones = new Cones(out, first * STRIDE);
  const [ball, thick, thin] = [0.026 * body.scale, 0.018 * body.scale, 0.008 * body.scale];
  for (let i = 0; i < JOINTS; i++) {
    const tones = wear[partOf(i)];
    const tone = LEFT.has(i) ? tones.left : RIGHT.has(i) ? tones.right : tones.body;
    const [x, y, z] = pose[i];
    cones.put([x, y - 0.001, z], ball, [x, y + 0.001, z], ball, tone);
    if (i > 0) cones.put(pose[PARENTS[i]], thick, pose[i], thin, tone);
  }
  return cones.at / STRIDE - first;
}
