//! Foot-skating ratio: the share of frames in which the standing foot slides.
//!
//! After Guided Motion Diffusion (Karunratanakul et al., ICCV 2023, `calculate_skating_ratio`: a toe below 5 cm that is
//! faster than 0.5 m/s, now and on average over five frames), with two changes. Only the lower of the two toes counts,
//! since a dancer's free foot travels close above the floor all the time. And the floor is where the foot fix finds it
//! ([`floor_height`]), since captured and decoded bodies hover or sink by a few centimetres.

use crate::motion::foot_fix::floor_height;
use crate::motion::{FPS, Pose};
use serde::Serialize;

/// Left and right toe.
const TOES: [usize; 2] = [10, 11];
/// A toe less than this (m) above the floor in two neighbouring frames is down.
const HEIGHT: f32 = 0.05;
/// Speed over the floor (m/s) from which a toe that is down slides: 2.5 cm a frame at the 20 frames a second of the
/// original.
const SPEED: f32 = 0.5;
/// Frames over which the speed is averaged, to spare single noisy frames.
const WINDOW: usize = 5;

/// Frames looked at and frames with a sliding toe; sums over people and clips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Skate {
    /// Steps from one frame to the next.
    pub frames: usize,
    /// Those in which the standing foot slides.
    pub skating: usize,
}

impl Skate {
    /// Of one person's whole clip.
    pub fn of(positions: &[Pose]) -> Self {
        let steps = positions.len().saturating_sub(1);
        let height = floor_height(positions) + HEIGHT;
        let speeds = TOES.map(|toe| {
            let speed: Vec<f32> = positions
                .windows(2)
                .map(|pair| {
                    let (a, b) = (pair[0][toe], pair[1][toe]);
                    (b[0] - a[0]).hypot(b[2] - a[2]) * FPS
                })
                .collect();
            let mean = running_mean(&speed);
            (speed, mean)
        });
        let skates = |i: usize| {
            let standing = usize::from(positions[i][TOES[1]][1] < positions[i][TOES[0]][1]);
            let toe = TOES[standing];
            let down = positions[i][toe][1] < height && positions[i + 1][toe][1] < height;
            down && speeds[standing].0[i] > SPEED && speeds[standing].1[i] > SPEED
        };
        Self { frames: steps, skating: (0..steps).filter(|i| skates(*i)).count() }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { frames: self.frames + other.frames, skating: self.skating + other.skating }
    }

    /// Share of frames that skate, 0..=1.
    pub fn ratio(&self) -> f64 {
        self.skating as f64 / self.frames.max(1) as f64
    }
}

/// Centred mean of [`WINDOW`] values; the ends are mirrored, as SciPy's `uniform_filter1d` does.
fn running_mean(values: &[f32]) -> Vec<f32> {
    let n = values.len() as i64;
    let mirrored = |i: i64| -> f32 {
        let i = i.rem_euclid(2 * n);
        values[if i < n { i } else { 2 * n - 1 - i } as usize]
    };
    let half = (WINDOW / 2) as i64;
    (0..n).map(|i| (i - half..=i + half).map(mirrored).sum::<f32>() / WINDOW as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::JOINTS;

    /// The right foot stands in the air at 8 cm; the left toe at `height` moves `step` metres a frame.
    fn toes(height: f32, step: f32) -> Vec<Pose> {
        (0..31)
            .map(|t| {
                let mut pose = [[0.0, 1.0, 0.0]; JOINTS];
                pose[11] = [0.0, 0.08, 0.0];
                pose[10] = [0.0, height, step * t as f32];
                pose
            })
            .collect()
    }

    #[test]
    fn only_a_fast_low_toe_skates() {
        assert_eq!(Skate::of(&toes(0.01, 0.02)), Skate { frames: 30, skating: 30 });
        assert_eq!(Skate::of(&toes(0.01, 0.01)).ratio(), 0.0);
        assert_eq!(Skate::of(&toes(0.09, 0.02)).ratio(), 0.0, "the other foot is the lower one");
        assert_eq!(Skate::of(&[]).ratio(), 0.0);
        let mut hovering = toes(0.01, 0.02);
        hovering.iter_mut().flatten().for_each(|joint| joint[1] += 0.3);
        assert_eq!(Skate::of(&hovering).ratio(), 1.0);
    }

    #[test]
    fn one_jump_is_forgiven() {
        let mut poses = toes(0.01, 0.0);
        poses[15..].iter_mut().for_each(|pose| pose[10][2] += 0.05);
        assert_eq!(Skate::of(&poses).skating, 0);
    }
}
