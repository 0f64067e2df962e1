// Whom a press on the picture means: whose limb is drawn there, the nearer one where two cover each other, and beside the
// bodies whoever has a joint near by.

import { madd, project, sub, unit } from "./math.js";
import { J, PARENTS } from "./motion.js";

/** How near to a joint a press beside the bodies means it, CSS pixels. */
const REACH = 44;
/** How thick limbs are drawn, metres; rather less than more, so that nobody in front is pressed beside their body. */
const LIMB = 0.042;
const THICK = new Map([
  [J.spine1, 0.1], [J.spine2, 0.1], [J.spine3, 0.105], [J.neck, 0.07], [J.leftCollar, 0.07], [J.rightCollar, 0.07],
  [J.leftHip, 0.09], [J.rightHip, 0.09], [J.leftKnee, 0.058], [J.rightKnee, 0.058], [J.head, 0.08],
]);
/** How thick the bones of the skeleton are drawn. */
const BONE = 0.026;
/** The head and the hands are drawn beyond their joints, metres. */
const SKULL = 0.11;
const HAND = 0.15;
const PALM = 0.035;

/** The share of the way from a to b that is nearest to p, and how far that is. */
function along(a, b, p) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const square = dx * dx + dy * dy;
  const share = square > 0 ? Math.min(Math.max(((p.x - a.x) * dx + (p.y - a.y) * dy) / square, 0), 1) : 0;
  return { share, gap: Math.hypot(a.x + share * dx - p.x, a.y + share * dy - p.y) };
}

/**
 * {person, joint} at `p` {x, y} of a picture `width` x `height`, all in CSS pixels, or -1 each. `view` projects the `poses`.
 * The joint is the one at the far end of the limb. `bare`: skeletons are drawn, not bodies.
 */
export function pick(view, poses, { width, height }, p, bare = false) {
  // How large a metre is, in pixels, at a distance of one.
  const metre = (Math.hypot(view[1], view[5], view[9]) * height) / 2;
  const place = (point) => {
    const at = project(view, point);
    return at && { x: ((at[0] + 1) / 2) * width, y: ((1 - at[1]) / 2) * height, away: at[2] };
  };
  const under = { person: -1, joint: -1, away: Infinity };
  const beside = { person: -1, joint: -1, gap: REACH };
  poses.forEach((pose, person) => {
    const joints = pose.map(place);
    const limb = (a, b, joint, thick) => {
      if (!a || !b) return;
      const { share, gap } = along(a, b, p);
      const away = a.away + share * (b.away - a.away);
      if (gap <= ((bare ? BONE : thick) * metre) / away && away < under.away) Object.assign(under, { person, joint, away });
    };
    joints.forEach((at, joint) => {
      limb(joints[PARENTS[joint]], at, joint, THICK.get(joint) ?? LIMB);
      const gap = at ? Math.hypot(at.x - p.x, at.y - p.y) : Infinity;
      if (gap < beside.gap) Object.assign(beside, { person, joint, gap });
    });
    if (bare) return;
    const beyond = (from, joint, far) => place(madd(pose[joint], unit(sub(pose[joint], pose[from])), far));
    limb(joints[J.head], beyond(J.neck, J.head, SKULL), J.head, THICK.get(J.head));
    for (const [elbow, wrist] of [[J.leftElbow, J.leftWrist], [J.rightElbow, J.rightWrist]]) {
      limb(joints[wrist], beyond(elbow, wrist, HAND), wrist, PALM);
    }
  });
  const { person, joint } = under.person >= 0 ? under : beside;
  return { person, joint };
}
