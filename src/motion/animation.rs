//! One person as animation tools see them: a skeleton, where its root is, and how its joints turn, at any frame rate.

use super::inverse::{FitError, solve};
use super::kinematics::{Bones, forward};
use super::rotation::Quat;
use super::vector::{Vec3d, add, narrow, scale, widen};
use super::{FPS, JOINTS, Pose};
use crate::error::{Error, Result};

/// Frames a second that a motion can be exported at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameRate(f64);

impl FrameRate {
    /// The rate of every motion in the house: nothing is resampled.
    pub const OWN: Self = Self(FPS as f64);

    /// A rate of 1 to 240.
    ///
    /// # Errors
    /// `fps_out_of_range`.
    pub fn new(fps: f64) -> Result<Self> {
        if (1.0..=240.0).contains(&fps) {
            return Ok(Self(fps));
        }
        Err(Error::invalid("fps_out_of_range", format!("{fps} frames a second; it can be 1 to 240")))
    }

    /// Frames a second.
    pub fn fps(self) -> f64 {
        self.0
    }
}

/// A person's motion as rotations of a skeleton.
#[derive(Clone, Debug, PartialEq)]
pub struct Animation {
    /// Offset of each joint from its parent in the rest pose, metres, with this clip's bone lengths; entry 0 is not used.
    pub bones: Bones,
    /// Where the pelvis is, metres, one entry a frame.
    pub pelvis: Vec<Vec3d>,
    /// Local rotation of every joint (the pelvis's is its rotation in the world), one entry a frame. Each quaternion is the
    /// one of its two signs that is nearer to the frame before.
    pub turns: Vec<[Quat; JOINTS]>,
    /// Frames a second.
    pub fps: f64,
    /// How far the skeleton's joints are from the positions they were solved from, at the original frames.
    pub error: FitError,
}

impl Animation {
    /// Solve the rotations of y-up positions at 30 frames a second ([`solve`]).
    ///
    /// # Errors
    /// `motion_too_short` without frames, `motion_not_finite`.
    pub fn solve(positions: &[Pose]) -> Result<Self> {
        let solution = solve(positions)?;
        let turns = solution.root_rotations.iter().zip(&solution.local).map(|(&root, local)| {
            let mut turns = [root; JOINTS];
            turns[1..].copy_from_slice(local);
            turns
        });
        let mut made = Self {
            bones: solution.bones,
            pelvis: positions.iter().map(|pose| widen(pose[0])).collect(),
            turns: turns.collect(),
            fps: FPS.into(),
            error: solution.error,
        };
        made.keep_signs();
        Ok(made)
    }

    /// The same motion at another rate: rotations along the shorter arc, the pelvis along straight lines, so that bones keep
    /// their length. The first frame stays the first; the last one may fall between two of the new frames.
    #[must_use]
    pub fn at(&self, rate: FrameRate) -> Self {
        let step = self.fps / rate.fps();
        if step == 1.0 || self.turns.is_empty() {
            return self.clone();
        }
        let last = self.turns.len() - 1;
        // A frame at the very end may miss it by rounding, not by intent.
        let count = (last as f64 / step + 1e-9).floor() as usize + 1;
        let mut made = Self {
            pelvis: Vec::with_capacity(count),
            turns: Vec::with_capacity(count),
            fps: rate.fps(),
            bones: self.bones,
            error: self.error,
        };
        for frame in 0..count {
            let time = (frame as f64 * step).min(last as f64);
            let (before, share) = (time.floor() as usize, time.fract());
            let after = (before + 1).min(last);
            made.pelvis.push(add(scale(self.pelvis[before], 1.0 - share), scale(self.pelvis[after], share)));
            let (from, to) = (&self.turns[before], &self.turns[after]);
            made.turns.push(std::array::from_fn(|j| from[j].slerp(to[j], share)));
        }
        made.keep_signs();
        made
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.turns.len()
    }

    /// Joint positions of every frame by forward kinematics.
    pub fn replay(&self) -> Vec<Pose> {
        self.pelvis
            .iter()
            .zip(&self.turns)
            .map(|(&at, turns)| {
                let local = std::array::from_fn(|j| turns[j + 1]);
                forward(&self.bones, at, turns[0], &local).map(narrow)
            })
            .collect()
    }

    fn keep_signs(&mut self) {
        let mut before = [Quat::IDENTITY; JOINTS];
        for turns in &mut self.turns {
            for (turn, before) in turns.iter_mut().zip(&mut before) {
                *turn = turn.near(*before);
                *before = *turn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;

    fn farthest(a: &[Pose], b: &[Pose]) -> f32 {
        let (a, b) = (a.iter().flatten().flatten(), b.iter().flatten().flatten());
        a.zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn replay_returns_the_positions() {
        let person = walk(40);
        let animation = Animation::solve(&person.positions).unwrap();
        assert_eq!(animation.frames(), 40);
        assert!(farthest(&animation.replay(), &person.positions) < 1e-4);
        assert_eq!(animation.at(FrameRate::OWN), animation);
    }

    #[test]
    fn at_twice_the_rate_every_second_frame_is_the_old_one() {
        let animation = Animation::solve(&walk(40).positions).unwrap();
        let twice = animation.at(FrameRate::new(60.0).unwrap());
        assert_eq!((twice.frames(), twice.fps), (79, 60.0));
        let (slow, fast) = (animation.replay(), twice.replay());
        let every_second: Vec<Pose> = fast.iter().copied().step_by(2).collect();
        assert!(farthest(&every_second, &slow) < 1e-5);
        for (t, pose) in fast.iter().enumerate().filter(|(t, _)| t % 2 == 1) {
            let (before, after) = (&slow[t / 2], &slow[t / 2 + 1]);
            for j in 0..JOINTS {
                let middle = std::array::from_fn::<f32, 3, _>(|k| (before[j][k] + after[j][k]) / 2.0);
                assert!(
                    pose[j].iter().zip(middle).all(|(a, b)| (a - b).abs() < 0.01),
                    "frame {t}, joint {j}"
                );
            }
        }
        let film = animation.at(FrameRate::new(24.0).unwrap());
        assert_eq!(film.frames(), 32, "39 thirtieths of a second are 31.2 twenty-fourths");
    }

    #[test]
    fn signs_follow_the_frame_before() {
        let animation = Animation::solve(&walk(200).positions).unwrap();
        for pair in animation.turns.windows(2) {
            for (a, b) in pair[0].iter().zip(&pair[1]) {
                assert_eq!(b.near(*a), *b);
            }
        }
    }

    #[test]
    fn rates_have_bounds() {
        for fps in [0.0, 0.5, -30.0, 241.0, f64::NAN, f64::INFINITY] {
            assert_eq!(FrameRate::new(fps).unwrap_err().code(), "fps_out_of_range");
        }
    }
}
