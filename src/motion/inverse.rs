//! Rotations for motions that only have positions: inverse kinematics against the rest skeleton, checked by going forward.

use super::kinematics::{Bones, LocalRotations, forward};
use super::rotation::{Quat, SixD, best_fit};
use super::skeleton::{self, PARENTS, REST_OFFSETS};
use super::vector::{Vec3d, add, cross, dot, norm, scale, sub, unit, widen};
use super::{JOINTS, Pose, Rotations};
use crate::error::{Error, Result};

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
/// A joint with several children takes the rotation that fits them best. A joint with one child puts its bone in place,
/// which leaves the twist about the bone open: a hip and a knee twist so that the ankle need not (legs turn with the feet), the
/// two lower spine joints take a third each of the twist between pelvis and chest, and the others take the shortest arc. Where
/// that is not continuous (a bone opposite to its rest direction, a foot in line with its shin) the twist follows the
/// previous frame. Each bone aims from where forward kinematics has put its start, so errors do not add up along a limb.
///
/// # Errors
/// `motion_too_short` without frames, `motion_not_finite`.
pub fn solve(positions: &[Pose]) -> Result<Solution> {
    solve_onto(clip_bones(positions)?, positions)
}

/// As [`solve`], against bones that are given.
///
/// # Errors
/// As [`solve`].
pub fn solve_onto(bones: Bones, positions: &[Pose]) -> Result<Solution> {
    let frames = checked(positions)?;
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

/// The positions in f64, if there are any and all are finite.
fn checked(positions: &[Pose]) -> Result<Vec<[Vec3d; JOINTS]>> {
    if positions.is_empty() {
        return Err(Error::invalid("motion_too_short", "there are no frames to solve rotations for"));
    }
    if !positions.iter().flatten().flatten().all(|v| v.is_finite()) {
        return Err(Error::invalid("motion_not_finite", "the motion holds a position that is not finite"));
    }
    Ok(positions.iter().map(|pose| pose.map(widen)).collect())
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
            (Some(child), None) => {
                let mut goal = twist_goal(j, bones, target);
                if let Some(goal) = &mut goal {
                    goal.turn = parent_turn.inverse().after(goal.turn);
                }
                swing(bones[child], aim(child), goal, before.map(|b| b[j]))
            }
            _ => best_fit(skeleton::children(j).map(|c| (bones[c], aim(c))))
                .or(before.map(|b| b[j]))
                .unwrap_or(Quat::IDENTITY),
        };
        world[j] = parent_turn.after(local[j]);
    }
    local
}

/// A rotation that a joint should twist toward, as far as its one bone leaves it free.
#[derive(Clone, Copy)]
struct TwistGoal {
    /// The rotation, in the world until the caller brings it into the parent's frame.
    turn: Quat,
    /// How much of the way to go.
    share: f64,
    /// 0..=1: how well the positions determine it.
    trust: f64,
}

/// Where positions further along the body say how a joint twists: a leg turns with its foot, the spine shares the turn of the
/// chest. Elsewhere nothing does.
fn twist_goal(joint: usize, bones: &Bones, target: &[Vec3d; JOINTS]) -> Option<TwistGoal> {
    match joint {
        1 | 4 => leg_goal(4, 7, 10, bones, target),
        2 | 5 => leg_goal(5, 8, 11, bones, target),
        3 | 6 => {
            let seen = skeleton::children(9).map(|c| (bones[c], sub(target[c], target[9])));
            let share = if joint == 3 { 1.0 / 3.0 } else { 1.0 / 2.0 };
            best_fit(seen).map(|turn| TwistGoal { turn, share, trust: 1.0 })
        }
        _ => None,
    }
}

/// Sines of the angle between shin and foot below which the foot stops and begins to tell the twist: 10° and 25°.
const FOOT_LOST: f64 = 0.173_648_177_666_930_3;
const FOOT_TRUSTED: f64 = 0.422_618_261_740_699_4;

/// The shin's rotation: its bone in place and the foot in the half plane where the rest foot is.
fn leg_goal(
    knee: usize,
    ankle: usize,
    toe: usize,
    bones: &Bones,
    target: &[Vec3d; JOINTS],
) -> Option<TwistGoal> {
    let shin = unit(sub(target[ankle], target[knee]))?;
    let foot = unit(sub(target[toe], target[ankle]))?;
    let arc = Quat::between(bones[ankle], shin);
    let across = |v: Vec3d| sub(v, scale(shin, dot(v, shin)));
    let (from, to) = (across(arc.rotate(bones[toe])), across(foot));
    let angle = dot(shin, cross(from, to)).atan2(dot(from, to));
    Some(TwistGoal {
        turn: Quat::about(shin, angle).after(arc),
        share: 1.0,
        trust: smoothstep(FOOT_LOST, FOOT_TRUSTED, norm(to)),
    })
}

/// Cosines between which the shortest arc gives way to the previous frame's twist: 130° and 170° from the rest direction.
const ARC_TRUSTED: f64 = -0.642_787_609_686_539_3;
const ARC_LOST: f64 = -0.984_807_753_012_208;
/// Fastest change of twist, radians a frame (20°).
const TWIST_STEP: f64 = std::f64::consts::PI / 9.0;

/// The rotation that takes `rest` to the direction of `aim`, twisted about it as `goal` says or else like the shortest arc;
/// where neither is well determined, like `before`.
fn swing(rest: Vec3d, aim: Vec3d, goal: Option<TwistGoal>, before: Option<Quat>) -> Quat {
    let (Some(from), Some(to)) = (unit(rest), unit(aim)) else { return before.unwrap_or(Quat::IDENTITY) };
    let arc = Quat::between(from, to);
    let (wanted, trust) = match goal {
        Some(goal) => {
            let wanted = Quat::about(to, goal.share * twist(arc, goal.turn, to)).after(arc);
            (wanted, goal.trust)
        }
        None => (arc, smoothstep(ARC_LOST, ARC_TRUSTED, dot(from, to))),
    };
    let Some(before) = before else { return wanted };
    // Both `wanted` and `carried` take the bone to its place; they differ by a twist about it.
    let carried = Quat::between(before.rotate(from), to).after(before);
    let step = (trust * twist(carried, wanted, to)).clamp(-TWIST_STEP, TWIST_STEP);
    let turned = Quat::about(to, step).after(carried);
    // Products of unit quaternions drift from length 1 by rounding alone; over long clips that is worth undoing.
    Quat::new(turned.w, turned.v[0], turned.v[1], turned.v[2]).unwrap_or(wanted)
}

/// The angle about the unit `axis` that brings `from` nearest to `to`, radians in −π..=π.
fn twist(from: Quat, to: Quat, axis: Vec3d) -> f64 {
    let rest = to.after(from.inverse());
    let angle = 2.0 * dot(rest.v, axis).atan2(rest.w);
    if angle.abs() > std::f64::consts::PI { angle - angle.signum() * std::f64::consts::TAU } else { angle }
}

/// 0 below `low`, 1 above `high`, 3t² − 2t³ between.
fn smoothstep(low: f64, high: f64, x: f64) -> f64 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Bone vectors of a clip in the rest pose, as [`Solution::bones`] describes them.
///
/// # Errors
/// As [`solve`].
pub fn clip_bones(positions: &[Pose]) -> Result<Bones> {
    let frames = checked(positions)?;
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
            fit_shape(&frames, joint, &children, &mut bones);
        }
    }
    Ok(bones)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::replay;
    use crate::motion::kinematics::tests::{rest_bones, walk};
    use crate::motion::vector::narrow;
    use proptest::prelude::*;

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
            let aim = path(f64::from(t) * std::f64::consts::TAU / 240.0);
            let q = swing(rest, aim, None, before);
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

    #[test]
    fn a_leg_turns_with_its_foot_and_the_spine_shares_the_turn_of_the_chest() {
        let up = [0.0, 1.0, 0.0];
        let mut local = [Quat::IDENTITY; JOINTS - 1];
        local[0] = Quat::about(up, 1.0); // left hip, leg straight
        local[8] = Quat::about(up, 0.9); // upper spine
        let pose = forward(&rest_bones(), [0.0, 0.97, 0.0], Quat::IDENTITY, &local);
        let solution = solve(&[pose.map(narrow)]).unwrap();
        let angle = |joint: usize| solution.local[0][joint - 1].angle_to(Quat::IDENTITY);
        assert!(solution.error.max < 1e-6);
        assert!(
            (angle(1) - 1.0).abs() < 0.05 && angle(4) < 0.15 && angle(7) < 0.1,
            "{} {} {}",
            angle(1),
            angle(4),
            angle(7)
        );
        for joint in [3, 6, 9] {
            assert!((0.2..0.42).contains(&angle(joint)), "joint {joint}: {}", angle(joint));
        }
    }

    #[test]
    fn solving_the_mirror_image_mirrors_the_solution() {
        let raw = crate::motion::RawPerson::from_y_up(&walk(20));
        let solved = |raw: crate::motion::RawPerson| {
            let rotations = solve(&raw.to_y_up().positions).unwrap().rotations();
            crate::motion::RawPerson { rotations, ..raw }
        };
        let there = crate::motion::mirror::mirror(&solved(raw.clone()));
        let here = solved(crate::motion::mirror::mirror(&raw));
        for (a, b) in
            there.rotations.iter().flatten().flatten().zip(here.rotations.iter().flatten().flatten())
        {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}
