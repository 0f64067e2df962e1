//! Losses on how two people stand to each other: distances between their joints, and their relative heading.
//!
//! InterMask builds both and adds neither to its objective (InterMask spec §3.5); models of the InterGen family train on
//! them. Values only, for comparing models and for the day something here learns from them.

use super::losses::{Criterion, Losses};
use crate::motion::{FEATURES, JOINTS};

/// Predicted distances below this count, metres.
const NEAR: f64 = 1.0;
/// Joints that truly are closer than this should touch, metres.
const TOUCHING: f64 = 0.1;
/// Right and left hip, whose difference says where a person faces.
const HIPS: (usize, usize) = (2, 1);
/// Keeps a mean over nothing finite.
const TINY: f64 = 1e-7;

/// Both losses of a batch of pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLosses {
    /// Penalty of the 22 x 22 distances (m) where the prediction is near, plus that of the predicted distance itself
    /// where the people truly touch.
    pub distance_map: f64,
    /// Penalty of the w and y components of the rotation from person 1's heading to person 2's.
    pub relative_orientation: f64,
}

/// Losses of `prediction` against `target`, both normalised, (2·pairs, `frames`, 262) row-major: all first persons, then all
/// second ones.
///
/// Two quirks of upstream are kept. With the L1 criterion its element-wise loss is already a mean over everything, so
/// the masks cancel. Its cross product runs along the first axis of (pairs, frames, 3) that has three entries: with three
/// pairs it mixes the pairs.
///
/// # Panics
/// When the lengths disagree or do not hold whole pairs: callers hold tensors of one shape.
pub fn pair_losses(losses: &Losses, prediction: &[f32], target: &[f32], frames: usize) -> PairLosses {
    let half = prediction.len() / 2;
    assert!(prediction.len() == target.len() && half.is_multiple_of(frames * FEATURES) && half > 0);
    let (prediction, target) = (Joints { losses, rows: prediction }, Joints { losses, rows: target });
    let rows = half / FEATURES;
    PairLosses {
        distance_map: distance_map(losses.criterion, &prediction, &target, rows),
        relative_orientation: relative_orientation(losses.criterion, &prediction, &target, rows, frames),
    }
}

/// Joint positions in metres of normalised rows.
struct Joints<'a> {
    losses: &'a Losses,
    rows: &'a [f32],
}

impl Joints<'_> {
    fn at(&self, row: usize, joint: usize) -> [f64; 3] {
        std::array::from_fn(|axis| {
            let k = joint * 3 + axis;
            f64::from(self.rows[row * FEATURES + k] * self.losses.std[k] + self.losses.mean[k])
        })
    }

    /// Unit vector a person faces along: up × (right hip − left hip).
    fn heading(&self, row: usize) -> [f64; 3] {
        let (right, left) = (self.at(row, HIPS.0), self.at(row, HIPS.1));
        let (x, z) = (right[2] - left[2], left[0] - right[0]);
        let length = x.hypot(z);
        [x / length, 0.0, z / length]
    }
}

fn distance_map(criterion: Criterion, prediction: &Joints<'_>, target: &Joints<'_>, rows: usize) -> f64 {
    let distance = |joints: &Joints<'_>, row: usize, a: usize, b: usize| {
        let (a, b) = (joints.at(row, a), joints.at(rows + row, b));
        (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt()
    };
    let (mut near, mut touching) = (Mean::default(), Mean::default());
    for row in 0..rows {
        for pair in 0..JOINTS * JOINTS {
            let (a, b) = (pair / JOINTS, pair % JOINTS);
            let (predicted, true_one) = (distance(prediction, row, a, b), distance(target, row, a, b));
            let everywhere = criterion == Criterion::L1;
            near.add(criterion.value(predicted - true_one), everywhere || predicted < NEAR);
            touching.add(criterion.value(predicted), everywhere || true_one < TOUCHING);
        }
    }
    near.value() + touching.value()
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64, counts: bool) {
        if counts {
            self.sum += value;
            self.count += 1.0;
        }
    }

    fn value(&self) -> f64 {
        self.sum / (self.count + TINY)
    }
}

fn relative_orientation(
    criterion: Criterion,
    prediction: &Joints<'_>,
    target: &Joints<'_>,
    rows: usize,
    frames: usize,
) -> f64 {
    let (predicted, true_ones) = (rotations(prediction, rows, frames), rotations(target, rows, frames));
    let penalties = predicted
        .iter()
        .zip(&true_ones)
        .map(|([w, y], [true_w, true_y])| criterion.value(w - true_w) + criterion.value(y - true_y));
    penalties.sum::<f64>() / (2 * rows) as f64
}

/// w and y of the unit quaternion between the two headings of every row.
fn rotations(joints: &Joints<'_>, rows: usize, frames: usize) -> Vec<[f64; 2]> {
    let pairs = rows / frames;
    let headings: Vec<[[f64; 3]; 2]> =
        (0..rows).map(|row| [joints.heading(row), joints.heading(rows + row)]).collect();
    // Entry `i` along the axis of the cross product through (row, component): which (row, component) that is.
    let along = |row: usize, component: usize, i: usize| match (pairs, frames) {
        (3, _) => (i * frames + row % frames, component),
        (_, 3) => (row / frames * frames + i, component),
        _ => (row, i),
    };
    let place = |row: usize, component: usize| match (pairs, frames) {
        (3, _) => row / frames,
        (_, 3) => row % frames,
        _ => component,
    };
    let cross = |row: usize, component: usize| {
        let at = place(row, component);
        let value = |person: usize, i: usize| {
            let (row, component) = along(row, component, i % 3);
            headings[row][person][component]
        };
        value(0, at + 1) * value(1, at + 2) - value(0, at + 2) * value(1, at + 1)
    };
    (0..rows)
        .map(|row| {
            let [a, b] = headings[row];
            let w = 1.0 + a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let v = [cross(row, 0), cross(row, 1), cross(row, 2)];
            let length = (w * w + v.iter().map(|v| v * v).sum::<f64>()).sqrt();
            [w / length, v[1] / length]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::losses::LossWeights;

    fn losses(criterion: Criterion) -> Losses {
        Losses {
            criterion,
            weights: LossWeights::default(),
            mean: vec![0.0; FEATURES],
            std: vec![1.0; FEATURES],
        }
    }

    /// A person with all joints at `x` metres along the x axis but for the hips, which face along `angle` (0 = +z).
    fn person(x: f32, angle: f32, frames: usize) -> Vec<f32> {
        let mut row = vec![0.0; FEATURES];
        for joint in 0..JOINTS {
            row[joint * 3] = x;
        }
        for (joint, side) in [(HIPS.0, -1.0), (HIPS.1, 1.0)] {
            row[joint * 3] = x + 0.1 * side * angle.cos();
            row[joint * 3 + 2] = -0.1 * side * angle.sin();
        }
        row.repeat(frames)
    }

    fn pair(distance: f32, angle: f32, frames: usize) -> Vec<f32> {
        [person(0.0, 0.0, frames), person(distance, angle, frames)].concat()
    }

    #[test]
    fn equal_pairs_cost_nothing_unless_they_should_touch() {
        for criterion in [Criterion::SmoothL1, Criterion::L1] {
            let apart = pair(0.8, 1.0, 4);
            let found = pair_losses(&losses(criterion), &apart, &apart, 4);
            assert_eq!(found.relative_orientation, 0.0);
            assert_eq!(found.distance_map == 0.0, criterion == Criterion::SmoothL1, "{found:?}");
        }
    }

    #[test]
    fn turning_one_person_costs_orientation_and_moving_costs_distance() {
        let (true_one, losses) = (pair(0.8, 0.0, 4), losses(Criterion::SmoothL1));
        let turned = pair_losses(&losses, &pair(0.8, 0.5, 4), &true_one, 4);
        // Between the headings lies a rotation by 0.5 about y: w = cos 0.25, y = sin 0.25.
        let expected = (0.5 * (1.0 - 0.25f64.cos()).powi(2) + 0.5 * 0.25f64.sin().powi(2)) / 2.0;
        assert!((turned.relative_orientation - expected).abs() < 1e-6, "{turned:?} {expected}");
        let moved = pair_losses(&losses, &pair(0.6, 0.0, 4), &true_one, 4);
        assert!(moved.distance_map > 0.015 && moved.relative_orientation < 1e-12, "{moved:?}");
    }
}
