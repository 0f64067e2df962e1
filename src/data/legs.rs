//! Straight legs for people whom a conversion makes stand with bent knees ([`Legs`]): what is above the ankles rises as far as both
//! legs reach, and the knees are laid anew. Feet on the floor stay where they are.

use super::capture::Joints;
use crate::formats::bvh::Legs;
use crate::motion::limb::{LEAST_BEND, reach, two_bones};
use crate::motion::vector::{Vec3d, add, norm, sub};

/// Hip, knee, ankle, toes of the left and the right leg.
const LEGS: [[usize; 4]; 2] = [[1, 4, 7, 10], [2, 5, 8, 11]];
/// A flat foot has its ankle this high, metres; one that is higher is leaving the floor or hangs, and may be drawn up with the body.
const FLAT: f64 = 0.09;
/// Frames to each side over which the lift is evened out, at 30 a second.
const AROUND: usize = 4;
/// The body never sinks by more than this for a leg that reaches farther than the new one can, metres: the foot gives way.
const SINK: f64 = 0.02;

/// Straighten the legs of one person, floor at 0.
pub fn straighten(poses: &mut [Joints], legs: Legs) {
    let most = reach([legs.thigh, legs.shin], LEAST_BEND);
    let bearable: Vec<f64> = poses.iter().map(|pose| lift_of(pose, most).min(legs.lift)).collect();
    // The least of a window, then its mean: even, and nowhere more than the frame itself can bear.
    let least = windowed(&bearable, |window| window.iter().copied().fold(f64::INFINITY, f64::min));
    let lift = windowed(&least, |window| window.iter().sum::<f64>() / window.len() as f64);
    for (pose, lift) in poses.iter_mut().zip(lift) {
        let poles = LEGS.map(|leg| pole_of(pose, leg));
        let feet = LEGS.map(|[_, _, ankle, toe]| [pose[ankle], pose[toe]]);
        pose.iter_mut().for_each(|joint| joint[1] += lift);
        for (([hip, knee, ankle, toe], pole), [heel, tip]) in LEGS.into_iter().zip(poles).zip(feet) {
            let (middle, end) = two_bones(pose[hip], [legs.thigh, legs.shin], heel, pole);
            (pose[knee], pose[ankle], pose[toe]) = (middle, end, add(tip, sub(end, heel)));
        }
    }
}

/// By how much the hips of a pose may rise before a foot on the floor would have to leave it, metres.
fn lift_of(pose: &Joints, most: f64) -> f64 {
    let bearable = LEGS.map(|[hip, _, ankle, _]| {
        let [across, up, along] = sub(pose[hip], pose[ankle]);
        let highest = (most * most - across * across - along * along).max(0.0).sqrt();
        let drawn_up = (pose[ankle][1] - FLAT).max(0.0);
        highest - up + drawn_up
    });
    bearable[0].min(bearable[1]).max(-SINK)
}

/// From the line between hip and ankle to the knee.
fn pole_of(pose: &Joints, [hip, knee, ankle, _]: [usize; 4]) -> Vec3d {
    let line = sub(pose[ankle], pose[hip]);
    let out = sub(pose[knee], pose[hip]);
    let length = norm(line).max(1e-9);
    let share = (0..3).map(|axis| line[axis] * out[axis]).sum::<f64>() / (length * length);
    std::array::from_fn(|axis| out[axis] - share * line[axis])
}

fn windowed(values: &[f64], of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    (0..values.len())
        .map(|at| of(&values[at.saturating_sub(AROUND)..(at + AROUND + 1).min(values.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKE_DAZ: Legs = Legs { thigh: 0.425, shin: 0.442, lift: 0.06 };

    /// Someone with the bent legs of the source, feet `stride` metres apart along z.
    fn bent(stride: f64) -> Joints {
        let mut pose = [[0.0, 1.2, 0.0]; 22];
        pose[0] = [0.0, 0.84, 0.0];
        for ([hip, knee, ankle, toe], side) in LEGS.into_iter().zip([1.0, -1.0]) {
            pose[hip] = [0.09 * side, 0.87, 0.0];
            pose[ankle] = [0.09 * side, 0.07, side * stride / 2.0];
            pose[toe] = [0.09 * side, 0.015, side * stride / 2.0 + 0.12];
            (pose[knee], _) = two_bones(pose[hip], [0.388, 0.479], pose[ankle], [0.0, 0.0, 1.0]);
        }
        pose
    }

    fn knee_degrees(pose: &Joints, [hip, knee, ankle, _]: [usize; 4]) -> f64 {
        let (up, down) = (sub(pose[hip], pose[knee]), sub(pose[ankle], pose[knee]));
        let cos = (0..3).map(|axis| up[axis] * down[axis]).sum::<f64>() / (norm(up) * norm(down));
        cos.clamp(-1.0, 1.0).acos().to_degrees()
    }

    #[test]
    fn who_stands_stands_straight_and_on_the_same_spot() {
        let before = vec![bent(0.1); 20];
        assert!(knee_degrees(&before[0], LEGS[0]) < 140.0, "the fault that this mends");
        let mut after = before.clone();
        straighten(&mut after, LIKE_DAZ);
        for (old, new) in before.iter().zip(&after) {
            for leg @ [hip, knee, ankle, toe] in LEGS {
                assert!(knee_degrees(new, leg) > 160.0, "{}", knee_degrees(new, leg));
                assert!(new[knee][2] > 0.5 * (new[hip][2] + new[ankle][2]), "knees bend forward");
                assert!(norm(sub(new[ankle], old[ankle])) < 1e-9 && norm(sub(new[toe], old[toe])) < 1e-9);
                assert!((norm(sub(new[hip], new[knee])) - LIKE_DAZ.thigh).abs() < 1e-9);
                assert!((norm(sub(new[ankle], new[knee])) - LIKE_DAZ.shin).abs() < 1e-9);
            }
            assert!((new[15][1] - old[15][1] - LIKE_DAZ.lift).abs() < 1e-9);
        }
    }

    #[test]
    fn long_strides_keep_their_feet_and_the_body_moves_evenly() {
        let before: Vec<Joints> =
            (0..60).map(|frame| bent(0.35 * (1.0 + (frame as f64 / 5.0).sin()))).collect();
        let mut after = before.clone();
        straighten(&mut after, LIKE_DAZ);
        for (old, new) in before.iter().zip(&after) {
            for [_, _, ankle, _] in LEGS {
                assert!(norm(sub(new[ankle], old[ankle])) < 1e-9, "a planted foot moved");
            }
        }
        for pair in after.windows(2) {
            assert!((pair[1][0][1] - pair[0][0][1]).abs() < 0.012);
        }
    }
}
