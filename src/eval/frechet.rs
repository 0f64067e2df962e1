//! How far the spread of generated motion is from that of real motion: the Fréchet distance between two Gaussians, fitted to simple
//! figures of one-second windows.
//!
//! The form is that of FID (Heusel et al., NeurIPS 2017), |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½). Published motion FIDs use the features
//! of a learned network; these are 16 figures of positions ([`FIGURES`]), each divided by its deviation in the real windows, so that
//! the number has no unit. It is to be read beside the distance of one half of the real clips from the other, and cannot be compared
//! with figures in papers.

use super::adherence::Scene;
use super::adherence::scene::{ANKLES, Actor, NECK, PELVIS, TOES, WRISTS, flat};
use crate::motion::eigen::symmetric_eigen;
use crate::motion::vector::{Vec3d, add, norm, scale, sub};
use crate::motion::{FPS, JOINTS};
use serde::Serialize;

/// What is looked at in a window, of one person and where the other one is.
pub const FIGURES: [&str; 16] = [
    "height of the pelvis, m",
    "speed of the pelvis over the floor, log m/s",
    "turning speed, log rad/s",
    "higher wrist above the pelvis, m",
    "lower wrist above the pelvis, m",
    "wrist farther in front, m before the pelvis",
    "faster wrist as seen from the pelvis, log m/s",
    "slower wrist, log m/s",
    "faster ankle, log m/s",
    "slower ankle, log m/s",
    "distance of the toes, m",
    "neck off the vertical above the pelvis, m",
    "distance of the pelvises, m",
    "angle from the front to the other one, rad",
    "nearest hand to the other one's joints, m",
    "mean acceleration of joints, log m/s²",
];
const SIZE: usize = FIGURES.len();
/// Frames of a window.
const WINDOW: usize = 30;
/// Frames from one window to the next.
const STRIDE: usize = 15;
/// Speeds below this (m/s, rad/s) are as good as rest; logarithms begin there.
const REST: f64 = 0.05;

/// The figures of many windows.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<[f64; SIZE]>);

/// How far generated motion is from real motion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Frechet {
    /// Of generated clips from real ones.
    pub distance: f64,
    /// Of every other real clip from the rest: what the distance is where there is no difference but chance.
    pub between_halves: f64,
    /// Windows of generated motion, each counted for both people.
    pub windows: usize,
    /// The same of real motion.
    pub real_windows: usize,
}

impl Windows {
    /// Add all windows of a clip, for each of the two people.
    pub fn add(&mut self, scene: &Scene) {
        let [a, b] = &scene.actors;
        let frames = scene.frames();
        for from in (0..(frames + 1).saturating_sub(WINDOW)).step_by(STRIDE) {
            self.0.push(figures(a, b, from));
            self.0.push(figures(b, a, from));
        }
    }

    /// Number of windows.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// None with too few windows for a covariance.
    fn gaussian(&self, unit: &[f64; SIZE]) -> Option<Gaussian> {
        if self.0.len() < 2 * SIZE {
            return None;
        }
        let count = self.0.len() as f64;
        let rows = || self.0.iter().map(|row| -> [f64; SIZE] { std::array::from_fn(|i| row[i] / unit[i]) });
        let mean = rows().fold([0.0; SIZE], |sum, row| std::array::from_fn(|i| sum[i] + row[i] / count));
        let mut covariance = [[0.0; SIZE]; SIZE];
        for row in rows() {
            for (i, line) in covariance.iter_mut().enumerate() {
                for (j, entry) in line.iter_mut().enumerate() {
                    *entry += (row[i] - mean[i]) * (row[j] - mean[j]) / (count - 1.0);
                }
            }
        }
        Some(Gaussian { mean, covariance })
    }

    /// Deviation of each figure; 1 where it does not vary.
    fn deviations(&self) -> [f64; SIZE] {
        let count = self.0.len().max(1) as f64;
        std::array::from_fn(|i| {
            let mean = self.0.iter().map(|row| row[i]).sum::<f64>() / count;
            let variance = self.0.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / count;
            if variance > 1e-12 { variance.sqrt() } else { 1.0 }
        })
    }
}

/// Compare generated windows with those of two halves of the real clips. None where there are fewer than 32 windows of one of them.
pub fn compare(generated: &Windows, real: &[Windows; 2]) -> Option<Frechet> {
    let all = real[0].clone().and(&real[1]);
    let unit = all.deviations();
    let distance = |a: &Windows, b: &Windows| Some(frechet(&a.gaussian(&unit)?, &b.gaussian(&unit)?));
    Some(Frechet {
        distance: distance(generated, &all)?,
        between_halves: distance(&real[0], &real[1])?,
        windows: generated.count(),
        real_windows: all.count(),
    })
}

type Matrix = [[f64; SIZE]; SIZE];

/// Mean and covariance.
struct Gaussian {
    mean: [f64; SIZE],
    covariance: Matrix,
}

/// |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½). The eigenvalues of C₁ C₂ are those of C₁^½ C₂ C₁^½, which is symmetric.
fn frechet(a: &Gaussian, b: &Gaussian) -> f64 {
    let (values, vectors) = symmetric_eigen(a.covariance);
    let root =
        matrix(|i, j| (0..SIZE).map(|n| vectors[i][n] * values[n].max(0.0).sqrt() * vectors[j][n]).sum());
    let half = times(&root, &b.covariance);
    let product = times(&half, &root);
    // Rounding must not leave it a little unsymmetric.
    let (values, _) = symmetric_eigen(matrix(|i, j| 0.5 * (product[i][j] + product[j][i])));
    let cross: f64 = values.iter().map(|value| value.max(0.0).sqrt()).sum();
    let trace = |m: &Matrix| (0..SIZE).map(|i| m[i][i]).sum::<f64>();
    let apart: f64 = (0..SIZE).map(|i| (a.mean[i] - b.mean[i]).powi(2)).sum();
    (apart + trace(&a.covariance) + trace(&b.covariance) - 2.0 * cross).max(0.0)
}

fn matrix(of: impl Fn(usize, usize) -> f64) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| of(i, j)))
}

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    matrix(|i, j| (0..SIZE).map(|n| a[i][n] * b[n][j]).sum())
}

fn figures(actor: &Actor, other: &Actor, from: usize) -> [f64; SIZE] {
    let frames = from..from + WINDOW;
    let mean = |of: &dyn Fn(usize) -> f64| frames.clone().map(of).sum::<f64>() / WINDOW as f64;
    let steps = from..from + WINDOW - 1;
    let fps = f64::from(FPS);
    // Mean of what changes from one frame to the next, a second, on a scale of logarithms.
    let rate = |of: &dyn Fn(usize) -> f64| {
        let mean = steps.clone().map(of).sum::<f64>() / (WINDOW - 1) as f64;
        (mean * fps).max(REST).ln()
    };
    let own = |joint: usize| move |t: usize| -> Vec3d { actor.own(t, actor.at(t, joint)) };
    let speeds = |pair: [usize; 2]| {
        let [a, b] = pair.map(|joint| rate(&|t| norm(sub(own(joint)(t + 1), own(joint)(t)))));
        [a.max(b), a.min(b)]
    };
    let height = |side: usize, t: usize| own(WRISTS[side])(t)[1];
    let [fast_wrist, slow_wrist] = speeds(WRISTS);
    let [fast_ankle, slow_ankle] = speeds(ANKLES);
    let nearest = |t: usize| {
        let gaps = (0..2).flat_map(|side| {
            let palm = actor.palm(t, side);
            (0..JOINTS).map(move |joint| norm(sub(palm, other.at(t, joint))))
        });
        gaps.fold(f64::INFINITY, f64::min)
    };
    let acceleration = (from + 1..from + WINDOW - 1)
        .flat_map(|t| (0..JOINTS).map(move |joint| (t, joint)))
        .map(|(t, joint)| {
            let ends = add(actor.at(t - 1, joint), actor.at(t + 1, joint));
            norm(sub(ends, scale(actor.at(t, joint), 2.0)))
        })
        .sum::<f64>()
        * fps
        * fps
        / ((WINDOW - 2) * JOINTS) as f64;
    [
        mean(&|t| actor.height(t, PELVIS)),
        rate(&|t| flat(sub(actor.at(t + 1, PELVIS), actor.at(t, PELVIS)))),
        rate(&|t| (actor.heading(t + 1) - actor.heading(t)).abs()),
        mean(&|t| height(0, t).max(height(1, t))),
        mean(&|t| height(0, t).min(height(1, t))),
        mean(&|t| own(WRISTS[0])(t)[2].max(own(WRISTS[1])(t)[2])),
        fast_wrist,
        slow_wrist,
        fast_ankle,
        slow_ankle,
        mean(&|t| norm(sub(actor.at(t, TOES[0]), actor.at(t, TOES[1])))),
        mean(&|t| flat(sub(actor.at(t, NECK), actor.at(t, PELVIS)))),
        mean(&|t| flat(sub(other.at(t, PELVIS), actor.at(t, PELVIS)))),
        mean(&|t| actor.bearing(t, other.at(t, PELVIS)).abs()),
        mean(&nearest),
        acceleration.max(REST).ln(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::adherence::stage;
    use super::*;

    #[test]
    fn known_gaussians() {
        let of = |mean: [f64; 2], variance: [f64; 2]| Gaussian {
            mean: std::array::from_fn(|i| *mean.get(i).unwrap_or(&0.0)),
            covariance: matrix(|i, j| if i == j { *variance.get(i).unwrap_or(&1.0) } else { 0.0 }),
        };
        // (1 − 2)² + (√4 − √1)² + (√9 − √9)².
        let distance = frechet(&of([1.0, 3.0], [4.0, 9.0]), &of([2.0, 3.0], [1.0, 9.0]));
        assert!((distance - 2.0).abs() < 1e-9, "{distance}");
        assert!(frechet(&of([1.0, 3.0], [4.0, 0.0]), &of([1.0, 3.0], [4.0, 0.0])) < 1e-9);
    }

    /// Both raise an arm, more or less fast, at some distance.
    fn windows(clips: usize, speed: f32) -> Windows {
        let mut windows = Windows::default();
        for clip in 0..clips {
            let n = clip as f32;
            windows.add(&stage::scene(|person, s, pose| {
                let up = (s * speed * (1.0 + 0.1 * (n * 0.7).sin()) + n).sin();
                stage::reach(pose, clip % 2, [0.3, 1.3 + 0.4 * up, 0.2 + 0.1 * (1.3 * n).cos()]);
                (
                    0.1 * (2.0 * n + s).sin(),
                    (1.0 + 0.2 * (n * 1.9).sin()) * person as f32,
                    180.0 * person as f32,
                )
            }));
        }
        windows
    }

    #[test]
    fn other_motion_is_farther_than_more_of_the_same() {
        let real = [windows(14, 3.0), windows(17, 3.0)];
        assert_eq!(real[0].count(), 14 * 2 * 5);
        let same = compare(&windows(20, 3.0), &real).unwrap();
        let faster = compare(&windows(20, 9.0), &real).unwrap();
        assert!(faster.distance > 3.0 * same.distance && faster.distance > 1.0, "{same:?} {faster:?}");
        assert_eq!(same.between_halves, faster.between_halves);
        assert!(compare(&windows(1, 3.0), &real).is_none(), "ten windows say nothing about sixteen figures");
    }
}
