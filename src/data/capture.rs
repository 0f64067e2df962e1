//! From the two files of a take to two people in one room: conversion, placement, corrections, usable stretches.

use super::legs;
use super::recipe::{Recipe, Repair, Take};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::bvh::{Bvh, Mapping, RateConversion};
use crate::motion::JOINTS;
use std::ops::Range;
use std::path::Path;

/// Joint positions of one frame, metres, y up.
pub type Joints = [[f64; 3]; JOINTS];

/// Indices of the feet (toes) among the 22 joints.
pub const FEET: [usize; 2] = [10, 11];
/// Share of frames whose lower foot is below the floor that is assumed: captures have a few frames of noise there.
pub const FLOOR_SHARE: f64 = 0.05;
/// The shortest stretch between two cuts that is kept: one training window of the VQ-VAE (InterMask spec §1.5).
const MIN_STRETCH: usize = 64;

/// Two people, 30 frames a second, metres, y up, floor at 0, the midpoint of their pelvises above the origin at frame 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// (frames, 22) positions of person 1 and person 2, of the same length.
    pub persons: [Vec<Joints>; 2],
    /// How the rate of each file was changed.
    pub rates: [RateConversion; 2],
}

impl Capture {
    /// Read both files of a take below `source`, convert and place them, and apply the corrections of the recipe.
    /// Where `x.bvh.gz` is absent `x.bvh` is taken.
    ///
    /// # Errors
    /// Those of [`Bvh::read`], [`Mapping`] and its size check; `take_lengths` when the two files differ in length; `recipe_frames`
    /// when a repair lies outside the take.
    pub fn read(source: &Path, take: &Take) -> Result<Self> {
        let mut mapping = if take.mapping.ends_with(".toml") {
            Mapping::read(&source.join(&take.mapping))?
        } else {
            Mapping::builtin(&take.mapping)?
        };
        if let Some(scale) = take.scale {
            mapping = mapping.with_scale(scale)?;
        }
        if let Some(drop) = take.drop {
            mapping = mapping.with_drop(drop);
        }
        let read = |file: &Path| -> Result<_> {
            let packed = source.join(file);
            let plain = packed.with_extension("");
            let is_gz = packed.extension().is_some_and(|extension| extension == "gz");
            let path = if is_gz && !packed.exists() && plain.exists() { plain } else { packed };
            let bvh = Bvh::read(&path)?;
            let converted = mapping.bind(&bvh).and_then(|bound| bound.convert());
            converted.and_then(|converted| converted.check_size().map(|()| converted)).map_err(|error| {
                Error::new(error.kind(), error.code(), format!("{} {error}", path.display()))
            })
        };
        let (first, second) = (read(&take.person1)?, read(&take.person2)?);
        if first.positions.len() != second.positions.len() {
            let message = format!(
                "take {}: person 1 has {} frames and person 2 {}; the two files are not of one recording",
                take.id,
                first.positions.len(),
                second.positions.len()
            );
            return Err(Error::new(ErrorKind::Corrupt, "take_lengths", message));
        }
        let mut capture =
            Self { persons: [first.positions, second.positions], rates: [first.rate, second.rate] };
        capture.place();
        if let Some(as_told) = mapping.legs() {
            capture.persons.iter_mut().for_each(|poses| legs::straighten(poses, as_told));
        }
        if let Some(shift) = &take.shift_person2 {
            capture.persons[1].iter_mut().flatten().for_each(|joint| {
                joint[0] += shift.metres[0];
                joint[2] += shift.metres[1];
            });
        }
        for Repair { person, frames: [first, last] } in &take.repairs {
            repair(&mut capture.persons[person - 1], *first..last + 1).ok_or_else(|| {
                let message = format!("take {}: a repair needs two good frames on both sides of it", take.id);
                Error::invalid("recipe_frames", message)
            })?;
        }
        Ok(capture)
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.persons[0].len()
    }

    /// Usable stretches of the take, in frames: what trims and cuts leave, without scraps shorter than a training window.
    /// A take that nobody cuts is kept whole if it has `min_clip` frames.
    pub fn stretches(&self, recipe: &Recipe, take: &Take) -> Vec<Range<usize>> {
        let end = self.frames().saturating_sub(take.trim_end);
        let shortest = if take.cuts.is_empty() { recipe.min_clip } else { MIN_STRETCH.max(recipe.min_clip) };
        let mut cuts: Vec<[usize; 2]> = take.cuts.iter().map(|cut| cut.frames).collect();
        cuts.sort_unstable();
        let mut stretches = Vec::new();
        let mut from = take.trim_start;
        for [first, last] in cuts {
            stretches.push(from..first.min(end));
            from = from.max(last + 1);
        }
        stretches.push(from..end);
        stretches.retain(|stretch| stretch.start < stretch.end && stretch.len() >= shortest);
        stretches
    }

    /// One common shift for both people: floor to 0, midpoint of the pelvises over the origin at frame 0.
    fn place(&mut self) {
        let lowest: Vec<f64> = (self.persons.iter().flatten())
            .map(|pose| FEET.map(|foot| pose[foot][1]).into_iter().fold(f64::INFINITY, f64::min))
            .collect();
        let floor = percentile(lowest, FLOOR_SHARE);
        let [first, second] = [self.persons[0][0][0], self.persons[1][0][0]];
        let shift = [(first[0] + second[0]) / 2.0, floor, (first[2] + second[2]) / 2.0];
        for joint in self.persons.iter_mut().flatten().flatten() {
            for (value, shift) in joint.iter_mut().zip(shift) {
                *value -= shift;
            }
        }
    }
}

/// Value below which `share` of the values lie, interpolated linearly between neighbours. `values` is not empty.
pub fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = share * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + place.fract() * (values[above] - values[below])
}

/// Replace `bad` frames by a cubic Hermite bridge that keeps place and speed of the frames around; `None` where there
/// are not two frames on both sides.
fn repair(poses: &mut [Joints], bad: Range<usize>) -> Option<()> {
    let before = bad.start.checked_sub(1)?;
    let (start, start_slope) = (*poses.get(before)?, *poses.get(before.checked_sub(1)?)?);
    let (end, end_slope) = (*poses.get(bad.end)?, *poses.get(bad.end + 1)?);
    let span = (bad.end - before) as f64;
    for frame in bad {
        let t = (frame - before) as f64 / span;
        for joint in 0..JOINTS {
            for axis in 0..3 {
                let (a, b) = (start[joint][axis], end[joint][axis]);
                let slopes =
                    [a - start_slope[joint][axis], end_slope[joint][axis] - b].map(|slope| slope * span);
                poses[frame][joint][axis] = hermite([a, b], slopes, t);
            }
        }
    }
    Some(())
}

/// Cubic from `ends[0]` at t = 0 to `ends[1]` at t = 1 with the given slopes there.
fn hermite(ends: [f64; 2], slopes: [f64; 2], t: f64) -> f64 {
    let (square, cube) = (t * t, t * t * t);
    (2.0 * cube - 3.0 * square + 1.0) * ends[0]
        + (cube - 2.0 * square + t) * slopes[0]
        + (3.0 * square - 2.0 * cube) * ends[1]
        + (cube - square) * slopes[1]
}

/// The pose at a time in frames, on a Catmull-Rom curve of each joint; the ends hold. `poses` is not empty.
pub fn pose_at(poses: &[Joints], frame: f64) -> Joints {
    let last = poses.len() - 1;
    let frame = frame.clamp(0.0, last as f64);
    let here = (frame.floor() as usize).min(last);
    let [p0, p1, p2, p3] = [here.saturating_sub(1), here, here + 1, here + 2].map(|i| &poses[i.min(last)]);
    std::array::from_fn(|joint| {
        std::array::from_fn(|axis| {
            let [a, b, c, d] = [p0, p1, p2, p3].map(|pose| pose[joint][axis]);
            hermite([b, c], [(c - a) / 2.0, (d - b) / 2.0], frame - here as f64)
        })
    })
}

/// The same motion played `speed` times as fast; at least one frame.
pub fn play_at(poses: &[Joints], speed: f64) -> Vec<Joints> {
    let Some(last) = poses.len().checked_sub(1) else { return Vec::new() };
    let count = (last as f64 / speed + 1e-9).floor() as usize + 1;
    (0..count).map(|frame| pose_at(poses, frame as f64 * speed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along(value: impl Fn(usize) -> f64, frames: usize) -> Vec<Joints> {
        (0..frames).map(|frame| [[value(frame); 3]; JOINTS]).collect()
    }

    #[test]
    fn a_repair_follows_steady_motion_exactly() {
        let good = along(|frame| 0.1 * frame as f64, 12);
        let mut poses = good.clone();
        poses[5..8].fill([[9.0; 3]; JOINTS]);
        repair(&mut poses, 5..8).unwrap();
        for (found, expected) in poses.iter().flatten().flatten().zip(good.iter().flatten().flatten()) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(repair(&mut poses, 1..3).is_none());
        assert!(repair(&mut poses, 9..11).is_none());
    }

    #[test]
    fn half_speed_doubles_the_time_and_keeps_the_recorded_frames() {
        let poses = along(|frame| (frame as f64).sin(), 9);
        let slow = play_at(&poses, 0.5);
        assert_eq!(slow.len(), 17);
        for (frame, pose) in poses.iter().enumerate() {
            assert!((slow[2 * frame][3][1] - pose[3][1]).abs() < 1e-12);
        }
        assert_eq!(play_at(&poses, 2.0).len(), 5);
        assert!(play_at(&[], 1.0).is_empty());
    }

    #[test]
    fn the_floor_is_a_percentile_and_the_pair_is_centred() {
        let mut capture = Capture {
            persons: [along(|frame| frame as f64, 101), along(|frame| 4.0 + frame as f64, 101)],
            rates: [RateConversion::Decimated(1); 2],
        };
        capture.place();
        assert_eq!((capture.persons[0][0][0][0], capture.persons[1][0][0][2]), (-2.0, 2.0));
        assert_eq!(percentile((0..=100).map(f64::from).collect(), 0.05), 5.0);
    }

    #[test]
    fn cuts_leave_stretches_that_a_window_fits_in() {
        let capture = Capture {
            persons: [along(|_| 0.0, 300), along(|_| 0.0, 300)],
            rates: [RateConversion::Decimated(1); 2],
        };
        let mut recipe = Recipe::load("cmu-two-person").unwrap();
        let mut take = recipe.takes.remove(0);
        (take.trim_start, take.trim_end) = (2, 3);
        let only = |take: &Take| {
            let [stretch] = capture.stretches(&recipe, take).try_into().unwrap();
            stretch
        };
        assert_eq!(only(&take), 2..297);
        let cut = |first, last| super::super::recipe::Cut { frames: [first, last], reason: String::new() };
        take.cuts = vec![cut(250, 280), cut(40, 60)];
        assert_eq!(only(&take), 61..250);
    }
}
