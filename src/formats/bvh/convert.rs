//! A recording as the project's joints at 30 frames a second, once a [`Mapping`] has found its nodes.

use super::{Bvh, Mapping};
use crate::error::{Error, Result};
use crate::motion::{FPS, JOINTS};
use std::fmt;

/// How a recording came to 30 frames a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateConversion {
    /// Every n-th source frame, untouched (n = 1: the source has 30).
    Decimated(usize),
    /// The source rate is no multiple of 30: joint rotations are interpolated along the shorter arc, the root's place
    /// linearly, and bones keep their length.
    Interpolated {
        /// Source frames a second.
        source_fps: f64,
    },
}

impl fmt::Display for RateConversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimated(1) => f.write_str("as recorded"),
            Self::Decimated(step) => write!(f, "one of every {step} source frames"),
            Self::Interpolated { source_fps } => {
                write!(f, "interpolated from {source_fps:.2} frames a second")
            }
        }
    }
}

/// A recording as joints of this project.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// (frames, 22) positions in metres, y up, 30 frames a second.
    pub positions: Vec<[[f64; 3]; JOINTS]>,
    /// How the rate was changed.
    pub rate: RateConversion,
}

impl Converted {
    /// Length of the left leg in the first frame, hip to knee to ankle, metres: tells whether the unit is right.
    pub fn leg_length(&self) -> f64 {
        self.positions.first().map_or(0.0, leg_length)
    }

    /// Refuse people of no human size, which a wrong unit makes.
    ///
    /// # Errors
    /// `mapping_scale`, with the factor that would be about right.
    pub fn check_size(&self) -> Result<()> {
        let leg = self.leg_length();
        if (0.3..1.5).contains(&leg) {
            return Ok(());
        }
        let message = if leg > 0.0 {
            format!(
                "gives people with legs of {leg:.3} m; multiply the scale (metres per file unit) by about {:.2e}",
                0.8 / leg
            )
        } else {
            "gives people without legs; map the hips, knees and ankles to different joints".to_owned()
        };
        Err(Error::invalid("mapping_scale", message))
    }
}

/// From the left hip to the knee to the ankle.
pub(in crate::formats) fn leg_length(pose: &[[f64; 3]; JOINTS]) -> f64 {
    const HIP_KNEE_ANKLE: [usize; 3] = [1, 4, 7];
    let [hip, knee, ankle] = HIP_KNEE_ANKLE.map(|joint| pose[joint]);
    let between = |a: [f64; 3], b: [f64; 3]| (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt();
    between(hip, knee) + between(knee, ankle)
}

/// A mapping with its nodes found in a file.
#[derive(Clone, Debug)]
pub struct Bound<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) bvh: &'a Bvh,
    /// Node indices and weights of each joint.
    pub(super) joints: Vec<Vec<(usize, f64)>>,
}

impl Bound<'_> {
    /// The 22 joints in metres, y up, at a time in source frames.
    pub fn pose(&self, time: f64) -> [[f64; 3]; JOINTS] {
        let nodes = self.bvh.world_positions(time);
        std::array::from_fn(|joint| {
            let mut mixed = [0.0; 3];
            for &(node, weight) in &self.joints[joint] {
                for (sum, value) in mixed.iter_mut().zip(nodes[node]) {
                    *sum += weight * value;
                }
            }
            self.mapping.axes.map(|(axis, sign)| sign * mixed[axis.index()] * self.mapping.scale)
        })
    }

    /// As [`Converted::leg_length`], from the first pose alone.
    pub fn leg_length(&self) -> f64 {
        leg_length(&self.pose(self.mapping.drop as f64))
    }

    /// How many frames [`Bound::convert`] makes of the recording: a slow one becomes many times longer.
    pub fn frames(&self) -> usize {
        self.plan().0
    }

    /// The whole recording at 30 frames a second, from the first frame that is not dropped.
    ///
    /// # Errors
    /// `bvh_too_large` where interpolation would make more frames than a file may have.
    pub fn convert(&self) -> Result<Converted> {
        let (count, step, rate) = self.plan();
        if count > super::MAX_FRAMES {
            let message =
                format!("would be {count} frames at 30 a second; cut the recording into shorter files");
            return Err(Error::invalid("bvh_too_large", message));
        }
        let time = |frame: usize| self.mapping.drop as f64 + frame as f64 * step;
        Ok(Converted { positions: (0..count).map(|frame| self.pose(time(frame))).collect(), rate })
    }

    /// Frames at 30 a second, source frames between two of them, how that changes the rate.
    fn plan(&self) -> (usize, f64, RateConversion) {
        let step = self.bvh.fps() / f64::from(FPS);
        let left = self.bvh.frames() - self.mapping.drop;
        if step.fract() == 0.0 && step >= 1.0 {
            return (left.div_ceil(step as usize), step, RateConversion::Decimated(step as usize));
        }
        // The last source frame is included when it falls on an output time, up to rounding.
        let count = ((left - 1) as f64 / step + 1e-6).floor() as usize + 1;
        (count, step, RateConversion::Interpolated { source_fps: self.bvh.fps() })
    }
}
