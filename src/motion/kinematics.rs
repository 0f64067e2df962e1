//! Forward kinematics, and rotations for motions that only have positions (inverse kinematics on the rest skeleton).

use super::rotation::{Quat, SixD, best_fit};
use super::skeleton::{self, PARENTS, REST_OFFSETS};
use super::vector::{Vec3d, add, dot, narrow, norm, scale, sub, unit, widen};
use super::{JOINTS, Pose, Rotations};
use crate::error::{Error, Result};

/// Offset of each joint from its parent in the rest pose, metres; entry 0 is not used.
pub type Bones = [Vec3d; JOINTS];
/// Local rotations of joints 1..=21.
pub type LocalRotations = [Quat; JOINTS - 1];

/// Joint positions of one frame: G₀ = root, G_j = G_parent · local_j, p_j = p_parent + G_parent(bone_j).
pub fn forward(bones: &Bones, root_position: Vec3d, root: Quat, local: &LocalRotations) -> [Vec3d; JOINTS] {
    let mut turns = [root; JOINTS];
    let mut positions = [root_position; JOINTS];
    for j in 1..JOINTS {
        let parent = PARENTS[j].unwrap_or(0);
        positions[j] = add(positions[parent], turns[parent].rotate(bones[j]));
        turns[j] = turns[parent].after(local[j - 1]);
    }
    positions
}

/// How far forward kinematics of a solution lands from the positions it was solved from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FitError {
    /// Mean over joints and frames, metres.
    pub mean: f64,
    /// The worst joint of the worst frame, metres.
    pub max: f64,
}

/// Rotations that reproduce a clip of positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The clip's own rest skeleton: bone lengths are medians over the clip; directions are the rest pose's, except at
    /// the pelvis and the upper spine, whose several children keep the shape they have in the clip.
    pub bones: Bones,
    /// Rotation of the pelvis in the world, one a frame.
    pub root_rotations: Vec<Quat>,
    /// Local rotations of joints 1..=21, one set a frame. Joints without children (toes, head, wrists) do not rotate.
    pub local: Vec<LocalRotations>,
    /// Measured by forward kinematics.
    pub error: FitError,
}

impl Solution {
    /// The local rotations as frames hold them, [`SixD::Interleaved`].
    pub fn rotations(&self) -> Vec<Rotations> {
        self.local.iter().map(|frame| frame.map(|q| SixD::Interleaved.encode(&q.to_matrix()))).collect()
    }
}

/// Solve the rotations of a clip of y-up positions in metres against the rest skeleton.
///
/// A joint with one child turns its bone along the shortest arc, so it has no twist of its own; a joint with several
/// children takes the rotation that fits them best. Each bone aims from where forward kinematics has put its start, so errors
/// do not add up along a limb. Close to the pose where a bone points opposite to its rest direction the shortest arc
/// is not continuous: there the twist follows the previous frame and returns gradually.
///
/// # Errors
/// `motion_too_short` without frames, `motion_not_finite`.
pub fn solve(positions: &[Pose]) -> Result<Solution> {
    if positions.is_empty() {
        return Err(Error::invalid("motion_too_short", "there are no frames to solve rotations for"));
    }
    if !positions.iter().flatten().flatten().all(|v| v.is_finite()) {
        return Err(Error::invalid("motion_not_finite", "the motion holds a position that is not finite"));
    }
    let frames: Vec<[Vec3d; JOINTS]> = positions.iter().map(|pose| pose.map(widen)).collect();
    let bones = clip_bones(&frames);
    let mut solution = Solution {
        bones,
        root_rotations: Vec::with_capacity(frames.len()),
        local: Vec::with_capacity(frames.len()),
        error: FitError::default(),
    };
    let mut before: Option<[Quat; JOINTS]> = None;
    for target in &frames {
        let turns = solve_frame(&bones, target, before.as_ref());
        let local = std::array::from_fn(|j| turns[j + 1]);
        let reached = forward(&bones, target[0], turns[0], &local);
        for (a, b) in reached.iter().zip(target) {
            let distance = norm(sub(*a, *b));
            solution.error.mean += distance;
            solution.error.max = solution.error.max.max(distance);
        }
        solution.root_rotations.push(turns[0]);
        solution.local.push(local);
        before = Some(turns);
    }
    solution.error.mean /= (frames.len() * JOINTS) as f64;
    Ok(solution)
}

/// Local rotation of every joint (the pelvis's is its rotation in the world) for one frame.
fn solve_frame(bones: &Bones, target: &[Vec3d; JOINTS], before: Option<&[Quat; JOINTS]>) -> [Quat; JOINTS] {
    let mut local = [Quat::IDENTITY; JOINTS];
    let mut world = [Quat::IDENTITY; JOINTS];
    let mut reached = [target[0]; JOINTS];
    for j in 0..JOINTS {
        let parent_turn = match PARENTS[j] {
            Some(parent) => {
                reached[j] = add(reached[parent], world[parent].rotate(bones[j]));
                world[parent]
            }
            None => Quat::IDENTITY,
        };
        let aim = |child: usize| parent_turn.inverse().rotate(sub(target[child], reached[j]));
        let mut children = skeleton::children(j);
        local[j] = match (children.next(), children.next()) {
            (None, _) => Quat::IDENTITY,
            (Some(child), None) => swing(bones[child], aim(child), before.map(|b| b[j])),
            _ => best_fit(skeleton::children(j).map(|c| (bones[c], aim(c))))
                .or(before.map(|b| b[j]))
                .unwrap_or(Quat::IDENTITY),
        };
        world[j] = parent_turn.after(local[j]);
    }
    local
}

/// Cosines between which the shortest arc gives way to the previous frame's twist: 130° and 170° from the rest direction.
const ARC_TRUSTED: f64 = -0.642_787_609_686_539_3;
const ARC_LOST: f64 = -0.984_807_753_012_208;
/// How fast a borrowed twist returns to the shortest arc, radians a frame (20°).
const TWIST_RETURN: f64 = std::f64::consts::PI / 9.0;

/// The rotation that takes `rest` to the direction of `aim`: the shortest arc, or near its singularity the one that twists
/// least from `before`.
fn swing(rest: Vec3d, aim: Vec3d, before: Option<Quat>) -> Quat {
    let (Some(from), Some(to)) = (unit(rest), unit(aim)) else { return before.unwrap_or(Quat::IDENTITY) };
    let arc = Quat::between(from, to);
    let Some(before) = before else { return arc };
    // Both `arc` and `carried` take the bone to its place; they differ by a twist about it.
    let carried = Quat::between(before.rotate(from), to).after(before);
    let rest_of_twist = arc.after(carried.inverse());
    let mut twist = 2.0 * dot(rest_of_twist.v, to).atan2(rest_of_twist.w);
    if twist > std::f64::consts::PI {
        twist -= std::f64::consts::TAU;
    } else if twist < -std::f64::consts::PI {
        twist += std::f64::consts::TAU;
    }
    let trust = ((dot(from, to) - ARC_LOST) / (ARC_TRUSTED - ARC_LOST)).clamp(0.0, 1.0);
    let trust = trust * trust * (3.0 - 2.0 * trust);
    let step = (trust * twist).clamp(-TWIST_RETURN, TWIST_RETURN);
    let turned = Quat::about(to, step).after(carried);
    // Products of unit quaternions drift from length 1 by rounding alone; over long clips that is worth undoing.
    Quat::new(turned.w, turned.v[0], turned.v[1], turned.v[2]).unwrap_or(arc)
}

/// Bone vectors of a clip in the rest pose.
fn clip_bones(frames: &[[Vec3d; JOINTS]]) -> Bones {
    let mut bones = [[0.0; 3]; JOINTS];
    for (j, parent) in PARENTS.iter().enumerate() {
        let Some(parent) = *parent else { continue };
        let mut lengths: Vec<f64> = frames.iter().map(|f| norm(sub(f[j], f[parent]))).collect();
        lengths.sort_by(f64::total_cmp);
        let direction = unit(widen(REST_OFFSETS[j])).unwrap_or([0.0; 3]);
        bones[j] = scale(direction, lengths[lengths.len() / 2]);
    }
    for joint in 0..JOINTS {
        let children: Vec<usize> = skeleton::children(joint).collect();
        if children.len() > 1 {
            fit_shape(frames, joint, &children, &mut bones);
        }
    }
    bones
}

/// Give the bones below `joint` the mean shape they have in the clip, turned to fit the rest pose (generalised Procrustes).
fn fit_shape(frames: &[[Vec3d; JOINTS]], joint: usize, children: &[usize], bones: &mut Bones) {
    // The first round settles rigid shapes exactly; others converge within a few.
    for _ in 0..4 {
        let mut sums = vec![[0.0; 3]; children.len()];
        let mut count = 0.0;
        for frame in frames {
            let seen = |c: usize| sub(frame[c], frame[joint]);
            let Some(turn) = best_fit(children.iter().map(|&c| (bones[c], seen(c)))) else { continue };
            for (sum, &c) in sums.iter_mut().zip(children) {
                *sum = add(*sum, turn.inverse().rotate(seen(c)));
            }
            count += 1.0;
        }
        if count == 0.0 {
            return;
        }
        for (sum, &c) in sums.iter().zip(children) {
            bones[c] = scale(*sum, 1.0 / count);
        }
    }
}

/// Positions of a solution's frames by forward kinematics, given where the pelvis is.
pub fn replay(solution: &Solution, pelvis: impl IntoIterator<Item = super::Vec3>) -> Vec<Pose> {
    pelvis
        .into_iter()
        .zip(&solution.root_rotations)
        .zip(&solution.local)
        .map(|((at, &root), local)| forward(&solution.bones, widen(at), root, local).map(narrow))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::motion::Person;
    use proptest::prelude::*;

    fn rest_bones() -> Bones {
        REST_OFFSETS.map(widen)
    }

    /// A made-up walk: legs and arms swing on the rest skeleton while the pelvis moves forward and turns.
    pub(crate) fn walk(frames: usize) -> Person {
        let bones = rest_bones();
        let x = [1.0, 0.0, 0.0];
        let mut person = Person { positions: Vec::new(), rotations: Vec::new() };
        for t in 0..frames {
            let phase = t as f64 * 0.25;
            let mut local = [Quat::IDENTITY; JOINTS - 1];
            let mut set = |joint: usize, axis: Vec3d, angle: f64| local[joint - 1] = Quat::about(axis, angle);
            set(1, x, 0.5 * phase.sin());
            set(2, x, -0.5 * phase.sin());
            set(4, x, 0.3 + 0.3 * phase.cos());
            set(5, x, 0.3 - 0.3 * phase.cos());
            set(9, [0.0, 1.0, 0.0], 0.2 * phase.sin());
            set(16, [0.0, 0.3, 1.0], -1.1 + 0.2 * phase.sin());
            set(17, [0.0, 0.3, 1.0], 1.1 + 0.2 * phase.sin());
            set(18, [0.0, 1.0, 0.0], -0.6);
            set(12, x, 0.1 * phase.cos());
            let root = Quat::about([0.05, 1.0, 0.02], 0.3 + 0.02 * t as f64);
            let at = [0.01 * t as f64, 0.95 + 0.01 * phase.cos(), 0.03 * t as f64];
            person.positions.push(forward(&bones, at, root, &local).map(narrow));
            person.rotations.push(local.map(|q| SixD::Interleaved.encode(&q.to_matrix())));
        }
        person
    }

    fn quat() -> impl Strategy<Value = Quat> {
        (prop::array::uniform3(-1.0f64..1.0), -2.0f64..2.0).prop_map(|(axis, angle)| Quat::about(axis, angle))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn forward_of_inverse_returns_the_positions(
            root in quat(),
            frames in prop::collection::vec(prop::collection::vec(quat(), 21), 1..6),
            size in prop::collection::vec(0.5f64..1.5, 22),
        ) {
            let mut bones = rest_bones();
            for (bone, s) in bones.iter_mut().zip(&size) {
                *bone = scale(*bone, *s);
            }
            let positions: Vec<Pose> = frames
                .iter()
                .map(|local| {
                    let local = std::array::from_fn(|j| local[j]);
                    forward(&bones, [0.3, 0.9, -0.2], root, &local).map(narrow)
                })
                .collect();
            let solution = solve(&positions).unwrap();
            prop_assert!(solution.error.max < 1e-5, "{:?}", solution.error);
            let again = replay(&solution, positions.iter().map(|p| p[0]));
            for (a, b) in again.iter().flatten().flatten().zip(positions.iter().flatten().flatten()) {
                prop_assert!((a - b).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_rest_pose_needs_no_rotation() {
        let rest = forward(&rest_bones(), [0.0, 0.97, 0.0], Quat::IDENTITY, &[Quat::IDENTITY; 21]);
        let solution = solve(&[rest.map(narrow)]).unwrap();
        assert!(solution.root_rotations[0].angle_to(Quat::IDENTITY) < 1e-4);
        for (j, q) in solution.local[0].iter().enumerate() {
            assert!(q.angle_to(Quat::IDENTITY) < 1e-3, "joint {}: {}", j + 1, q.angle_to(Quat::IDENTITY));
        }
    }

    #[test]
    fn noise_shows_in_the_error_and_stays_small() {
        let mut positions = walk(30).positions;
        for (t, pose) in positions.iter_mut().enumerate() {
            for (j, p) in pose.iter_mut().enumerate() {
                p[1] += 0.01 * ((t * 7 + j * 13) as f32).sin();
            }
        }
        let error = solve(&positions).unwrap().error;
        assert!(error.mean > 1e-3 && error.max < 0.03, "{error:?}");
    }

    #[test]
    fn an_arm_that_swings_through_the_far_side_turns_smoothly() {
        // The left elbow's bone starts along its rest direction and passes within a degree of the opposite one.
        let rest = rest_bones()[18];
        let path = |t: f64| {
            let turn = Quat::about([0.0, 0.02, 1.0], t).rotate(rest);
            Quat::about([0.0, 1.0, 0.0], 0.01).rotate(turn)
        };
        let (mut before, mut fastest) = (None, 0.0f64);
        for t in 0..240 {
            let q = swing(rest, path(f64::from(t) * std::f64::consts::TAU / 240.0), before);
            if let Some(b) = before {
                fastest = fastest.max(q.angle_to(b));
            }
            before = Some(q);
        }
        // 1.5° of swing a frame and at most 20° of returning twist; the plain arc would jump by almost half a turn.
        assert!(fastest.to_degrees() < 22.0, "{}", fastest.to_degrees());
    }

    #[test]
    fn nothing_and_nan_are_refused() {
        assert_eq!(solve(&[]).unwrap_err().code(), "motion_too_short");
        let mut pose = walk(1).positions;
        pose[0][5][2] = f32::NAN;
        assert_eq!(solve(&pose).unwrap_err().code(), "motion_not_finite");
        let collapsed = solve(&[[[0.0; 3]; JOINTS]; 3]).unwrap();
        assert_eq!(collapsed.error.max, 0.0);
    }
}
