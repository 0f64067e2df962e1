//! One pose: where it faces, parts of it turned about a joint, limbs laid by two-bone inverse kinematics. Every edit keeps
//! bone lengths.

use crate::data::capture::Joints;
use crate::motion::JOINTS;
use crate::motion::limb::{LEAST_BEND, reach, two_bones};
use crate::motion::rotation::Quat;
use crate::motion::skeleton::PARENTS;
use crate::motion::vector::{Vec3d, add, cross, dot, norm, scale, sub, unit};

/// Straight up.
pub const UP: Vec3d = [0.0, 1.0, 0.0];
/// A side of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Odd-first joints.
    Left,
    /// The others.
    Right,
}

impl Hand {
    /// "left" or "right".
    pub fn word(self) -> &'static str {
        if self == Self::Left { "left" } else { "right" }
    }
    /// The other side.
    pub fn other(self) -> Self {
        if self == Self::Left { Self::Right } else { Self::Left }
    }
    /// +1 on the left (+x of a person who faces +z), −1 on the right.
    pub fn sign(self) -> f64 {
        if self == Self::Left { 1.0 } else { -1.0 }
    }
    fn of(self, left: usize) -> usize {
        if self == Self::Left { left } else { left + 1 }
    }
    /// Joint of the shoulder.
    pub fn shoulder(self) -> usize {
        self.of(16)
    }
    /// Joint of the elbow.
    pub fn elbow(self) -> usize {
        self.of(18)
    }
    /// Joint of the wrist.
    pub fn wrist(self) -> usize {
        self.of(20)
    }
    /// Joint of the hip.
    pub fn hip(self) -> usize {
        self.of(1)
    }
    /// Joint of the knee.
    pub fn knee(self) -> usize {
        self.of(4)
    }
    /// Joint of the ankle.
    pub fn ankle(self) -> usize {
        self.of(7)
    }
    /// Joint of the toes.
    pub fn toe(self) -> usize {
        self.of(10)
    }
    /// Left, then right.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];
}

/// The point a share `w` of the way from `a` to `b`.
pub fn mix(a: Vec3d, b: Vec3d, w: f64) -> Vec3d {
    add(scale(a, 1.0 - w), scale(b, w))
}

/// Angle about y of the way a person faces, radians: 0 is +z, positive toward +x (to the left).
pub fn heading(pose: &Joints) -> f64 {
    let forward = cross(sub(pose[1], pose[2]), UP);
    forward[0].atan2(forward[2])
}

/// A vector given as (left, up, forward) of someone with this heading, in the world.
pub fn world(heading: f64, [left, up, forward]: Vec3d) -> Vec3d {
    let (sin, cos) = heading.sin_cos();
    [left * cos + forward * sin, up, forward * cos - left * sin]
}

/// Turned about the y axis, then shifted.
pub fn placed(pose: &Joints, turn: f64, shift: Vec3d) -> Joints {
    pose.map(|p| add(world(turn, p), shift))
}

/// Whether `joint` hangs on `ancestor`.
fn hangs_on(joint: usize, ancestor: usize) -> bool {
    let mut at = joint;
    while let Some(parent) = PARENTS[at] {
        if parent == ancestor {
            return true;
        }
        at = parent;
    }
    false
}

/// Turn what hangs on `joint`, and is not a leg, about it.
pub fn turn_upper(pose: &mut Joints, joint: usize, turn: Quat) {
    const LEGS: [usize; 8] = [1, 2, 4, 5, 7, 8, 10, 11];
    let centre = pose[joint];
    for j in (0..JOINTS).filter(|&j| hangs_on(j, joint) && !LEGS.contains(&j)) {
        pose[j] = add(centre, turn.rotate(sub(pose[j], centre)));
    }
}

/// Directions of bones a share `w` of the way from `a` to `b`, with the lengths of `a`; the pelvis moves in a line.
pub fn blend(a: &Joints, b: &Joints, w: f64) -> Joints {
    let mut out = *a;
    out[0] = mix(a[0], b[0], w);
    for j in 1..JOINTS {
        let parent = PARENTS[j].unwrap_or(0);
        let (from, to) = (sub(a[j], a[parent]), sub(b[j], b[parent]));
        let whole = Quat::between(from, to);
        let angle = 2.0 * norm(whole.v).atan2(whole.w.abs());
        let part = Quat::about(whole.v, angle * w * whole.w.signum());
        out[j] = add(out[parent], part.rotate(from));
    }
    out
}

/// Lengths of the two bones of an arm, metres.
pub fn arm_lengths(pose: &Joints, hand: Hand) -> [f64; 2] {
    [norm(sub(pose[hand.elbow()], pose[hand.shoulder()])), norm(sub(pose[hand.wrist()], pose[hand.elbow()]))]
}

/// Which way a joint between two bones points, seen from the line between their far ends.
pub fn pole_of(pose: &Joints, [root, middle, end]: [usize; 3]) -> Vec3d {
    let along = unit(sub(pose[end], pose[root])).unwrap_or(UP);
    let out = sub(pose[middle], pose[root]);
    sub(out, scale(along, dot(out, along)))
}

/// Put a wrist at `target` with the elbow toward `pole`.
pub fn lay_arm(pose: &mut Joints, hand: Hand, target: Vec3d, pole: Vec3d) {
    let lengths = arm_lengths(pose, hand);
    let (elbow, wrist) = two_bones(pose[hand.shoulder()], lengths, target, pole);
    (pose[hand.elbow()], pose[hand.wrist()]) = (elbow, wrist);
}

/// Ankle and toes of one foot.
pub type Foot = [Vec3d; 2];

/// Where a foot is.
pub fn foot_of(pose: &Joints, leg: Hand) -> Foot {
    [pose[leg.ankle()], pose[leg.toe()]]
}

/// Put both feet where `feet` says, knees forward; the pelvis sinks where a leg would be too short.
pub fn lay_legs(pose: &mut Joints, feet: [Foot; 2], lengths: [[f64; 3]; 2]) {
    let forward = world(heading(pose), [0.0, 0.0, 1.0]);
    let mut sink: f64 = 0.0;
    for (leg, (foot, length)) in Hand::BOTH.into_iter().zip(feet.iter().zip(lengths)) {
        let most = reach([length[0], length[1]], LEAST_BEND);
        let hip = pose[leg.hip()];
        let across = (hip[0] - foot[0][0]).hypot(hip[2] - foot[0][2]);
        let highest = foot[0][1] + (most * most - across * across).max(0.05).sqrt();
        sink = sink.max(hip[1] - highest);
    }
    pose.iter_mut().for_each(|joint| joint[1] -= sink);
    for (leg, (foot, length)) in Hand::BOTH.into_iter().zip(feet.iter().zip(lengths)) {
        let hip = pose[leg.hip()];
        let toe = unit(sub(foot[1], foot[0])).unwrap_or(forward);
        // Knees follow the toes and a little outward; a foot that hangs down says nothing, the body does.
        let flat = unit([toe[0], 0.0, toe[2]]).unwrap_or(forward);
        let ahead =
            if dot(flat, forward) < 0.0 { forward } else { add(scale(flat, 0.5), scale(forward, 0.5)) };
        let (knee, ankle) = two_bones(hip, [length[0], length[1]], foot[0], ahead);
        pose[leg.knee()] = knee;
        pose[leg.ankle()] = ankle;
        pose[leg.toe()] = add(ankle, scale(toe, length[2]));
    }
}

/// Lengths of thigh, shin and foot on both sides, metres.
pub fn leg_lengths(pose: &Joints) -> [[f64; 3]; 2] {
    Hand::BOTH.map(|leg| {
        let between = |a: usize, b: usize| norm(sub(pose[a], pose[b]));
        [between(leg.hip(), leg.knee()), between(leg.knee(), leg.ankle()), between(leg.ankle(), leg.toe())]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_is_to_the_left_of_forward() {
        let quarter = std::f64::consts::FRAC_PI_2;
        let forward = world(quarter, [0.0, 0.0, 1.0]);
        assert!((forward[0] - 1.0).abs() < 1e-12, "positive headings turn toward +x");
    }
}
