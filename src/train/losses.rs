//! The VQ-VAE's reconstruction losses and their derivative (InterMask spec §3.5), InterHuman representation.
//!
//! ```text
//! total = rec + 0.02·commit + 1·explicit + 100·vel + 5·bone + 0.01·geo + 500·foot
//! ```
//!
//! Everything but the commitment (which belongs to the quantiser) is computed here in one pass over the batch, together
//! with d total / d prediction. The derivative is written out instead of left to autograd: the loss touches a few
//! hundred numbers a frame through some fifty tensor operations, several of which candle cannot differentiate
//! (arc cosine, masked means); one parallel loop is exact and costs a millisecond or two for 32 windows.
//!
//! Quirks kept: rec, explicit, vel, bone and geo are taken on *normalised* numbers, so "bone lengths" and "rotations"
//! are those of the normalised skeleton. Only the foot term sees metres. The Inter-X losses need the SMPL-X body model and are
//! not built.

pub use super::geometry::bone_lengths;
use super::geometry::{bones, geodesic};
use crate::models::vqvae::BONES;
use crate::motion::contact::{ContactRule, Contacts, FEET, detect};
use crate::motion::{FEATURES, JOINTS, Pose};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Numbers of one frame that hold joint positions.
const POSITIONS: usize = JOINTS * 3;
/// First number of the 21 6D rotations.
const ROTATIONS: usize = 2 * POSITIONS;
/// Numbers that the reconstruction loss sees: all but the four contacts.
const RECONSTRUCTED: usize = FEATURES - 4;

/// How one difference becomes a penalty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Criterion {
    /// Huber with beta 1: d²/2 below 1, |d| − ½ above.
    #[default]
    #[serde(rename = "l1_smooth")]
    #[value(name = "l1_smooth")]
    SmoothL1,
    /// |d|.
    #[serde(rename = "l1")]
    #[value(name = "l1")]
    L1,
}

impl Criterion {
    pub(super) fn value(self, d: f64) -> f64 {
        let a = d.abs();
        match self {
            Self::SmoothL1 if a < 1.0 => 0.5 * d * d,
            Self::SmoothL1 => a - 0.5,
            Self::L1 => a,
        }
    }

    pub(super) fn slope(self, d: f64) -> f64 {
        match self {
            Self::SmoothL1 => d.clamp(-1.0, 1.0),
            Self::L1 if d == 0.0 => 0.0,
            Self::L1 => d.signum(),
        }
    }
}

/// Weight of each term in the objective.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// All numbers of a frame but the contacts.
    pub rec: f64,
    /// Distance of the encoder's output to its code.
    pub commit: f64,
    /// Joint positions.
    pub explicit: f64,
    /// Frame differences of joint positions.
    pub vel: f64,
    /// Bone lengths.
    pub bone: f64,
    /// Geodesic angle of joint rotations.
    pub geo: f64,
    /// Displacement of feet that stand.
    pub foot: f64,
    /// Joints relative to their pelvis, in decimetres; not upstream's.
    #[serde(default)]
    pub local: f64,
    /// Frame differences of joints relative to their pelvis, in decimetres a frame; not upstream's.
    #[serde(default)]
    pub swing: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            rec: 1.0,
            commit: 0.02,
            explicit: 1.0,
            vel: 100.0,
            bone: 5.0,
            geo: 0.01,
            foot: 500.0,
            local: 0.0,
            swing: 0.0,
        }
    }
}

/// Value of each term, unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LossTerms {
    /// All numbers of a frame but the contacts.
    pub rec: f64,
    /// Joint positions.
    pub explicit: f64,
    /// Frame differences of joint positions.
    pub vel: f64,
    /// Bone lengths.
    pub bone: f64,
    /// Geodesic angle of joint rotations, radians.
    pub geo: f64,
    /// Displacement of feet that stand; 0 where none does.
    pub foot: f64,
    /// Joints relative to their pelvis, in decimetres; 0 where it has no weight.
    pub local: f64,
    /// Frame differences of joints relative to their pelvis, in decimetres; 0 where it has no weight.
    pub swing: f64,
}

impl LossTerms {
    /// The objective without the commitment term.
    pub fn weighted(&self, w: &LossWeights) -> f64 {
        w.rec * self.rec
            + w.explicit * self.explicit
            + w.vel * self.vel
            + w.bone * self.bone
            + w.geo * self.geo
            + w.foot * self.foot
            + w.local * self.local
            + w.swing * self.swing
    }

    /// Term by term.
    #[must_use]
    pub fn scaled(self, by: f64) -> Self {
        Self {
            rec: self.rec * by,
            explicit: self.explicit * by,
            vel: self.vel * by,
            bone: self.bone * by,
            geo: self.geo * by,
            foot: self.foot * by,
            local: self.local * by,
            swing: self.swing * by,
        }
    }

    /// Term by term.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.rec += other.rec;
        self.explicit += other.explicit;
        self.vel += other.vel;
        self.bone += other.bone;
        self.geo += other.geo;
        self.foot += other.foot;
        self.local += other.local;
        self.swing += other.swing;
        self
    }
}

/// Losses of a batch and the derivative of their weighted sum.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Unweighted terms.
    pub terms: LossTerms,
    /// d [`LossTerms::weighted`] / d prediction, same layout as the prediction.
    pub gradient: Vec<f32>,
}

/// What the losses need besides the motions.
#[derive(Clone, Debug)]
pub struct Losses {
    /// Penalty of a difference.
    pub criterion: Criterion,
    /// Weight of each term.
    pub weights: LossWeights,
    /// Mean of each of the 262 numbers.
    pub mean: Vec<f32>,
    /// Standard deviation of each of the 262 numbers.
    pub std: Vec<f32>,
}

impl Losses {
    /// All terms of `prediction` against `target`, both normalised, (clips, `frames`, 262) row-major.
    ///
    /// # Panics
    /// When the lengths disagree or `frames` < 2: callers hold tensors of one shape.
    pub fn compare(&self, prediction: &[f32], target: &[f32], frames: usize) -> Loss {
        let clip = frames * FEATURES;
        assert!(frames >= 2 && prediction.len() == target.len() && prediction.len().is_multiple_of(clip));
        let clips = prediction.len() / clip;
        let contacts: Vec<Vec<[bool; 4]>> =
            target.par_chunks(clip).map(|motion| self.contacts(motion)).collect();
        let standing: usize = contacts.iter().flatten().flatten().filter(|c| **c).count();
        let scale = Scale {
            rec: 1.0 / (clips * frames * RECONSTRUCTED) as f64,
            explicit: 1.0 / (clips * frames * POSITIONS) as f64,
            vel: 1.0 / (clips * (frames - 1) * POSITIONS) as f64,
            bone: 1.0 / (clips * frames * BONES.len()) as f64,
            geo: 1.0 / (clips * frames * (JOINTS - 1)) as f64,
            local: 1.0 / (clips * frames * (POSITIONS - 3)) as f64,
            swing: 1.0 / (clips * (frames - 1) * (POSITIONS - 3)) as f64,
            foot: if standing == 0 { 0.0 } else { 1.0 / (standing * 3) as f64 },
        };
        let mut gradient = vec![0f32; prediction.len()];
        let terms: Vec<LossTerms> = gradient
            .par_chunks_mut(clip)
            .zip(prediction.par_chunks(clip))
            .zip(target.par_chunks(clip))
            .zip(&contacts)
            .map(|(((gradient, prediction), target), contacts)| {
                self.compare_clip(prediction, target, contacts, &scale, gradient)
            })
            .collect();
        // Summed in clip order, so that the value does not depend on the number of threads.
        let terms = terms.iter().fold(LossTerms::default(), |sum, t| sum.plus(t));
        Loss { terms, gradient }
    }

    /// The foot term alone.
    pub fn foot(&self, prediction: &[f32], target: &[f32], frames: usize) -> f64 {
        self.compare(prediction, target, frames).terms.foot
    }

    /// Which feet stand between frame t and t+1, on denormalised positions.
    fn contacts(&self, motion: &[f32]) -> Vec<Contacts> {
        let metre = |frame: &[f32], k: usize| frame[k] * self.std[k] + self.mean[k];
        let poses: Vec<Pose> = motion
            .chunks_exact(FEATURES)
            .map(|frame| {
                std::array::from_fn(|joint| std::array::from_fn(|axis| metre(frame, joint * 3 + axis)))
            })
            .collect();
        detect(&poses, &ContactRule::default())
    }

    fn compare_clip(
        &self,
        prediction: &[f32],
        target: &[f32],
        contacts: &[Contacts],
        scale: &Scale,
        gradient: &mut [f32],
    ) -> LossTerms {
        let (c, w) = (self.criterion, &self.weights);
        let frames = prediction.len() / FEATURES;
        let mut sum = LossTerms::default();
        for t in 0..frames {
            let at = t * FEATURES;
            let (p, g) = (&prediction[at..at + FEATURES], &target[at..at + FEATURES]);
            let out = &mut gradient[at..at + FEATURES];
            for k in 0..RECONSTRUCTED {
                let d = f64::from(p[k]) - f64::from(g[k]);
                let (value, slope) = (c.value(d), c.slope(d));
                sum.rec += value;
                let mut weight = w.rec * scale.rec;
                if k < POSITIONS {
                    sum.explicit += value;
                    weight += w.explicit * scale.explicit;
                }
                out[k] += (weight * slope) as f32;
            }
            sum.bone += bones(c, p, g, w.bone * scale.bone, out);
            if w.local > 0.0 {
                sum.local += self.local(p, g, w.local * scale.local, out);
            }
            for joint in 0..JOINTS - 1 {
                let k = ROTATIONS + joint * 6;
                sum.geo += geodesic(&p[k..k + 6], &g[k..k + 6], w.geo * scale.geo, &mut out[k..k + 6]);
            }
        }
        for (t, contacts) in contacts.iter().enumerate() {
            let (now, next) = (t * FEATURES, (t + 1) * FEATURES);
            if w.swing > 0.0 {
                sum.swing += self.swing(prediction, target, [now, next], w.swing * scale.swing, gradient);
            }
            for k in 0..POSITIONS {
                let moved = f64::from(prediction[next + k]) - f64::from(prediction[now + k]);
                let d = moved - (f64::from(target[next + k]) - f64::from(target[now + k]));
                sum.vel += c.value(d);
                let slope = (w.vel * scale.vel * c.slope(d)) as f32;
                gradient[next + k] += slope;
                gradient[now + k] -= slope;
            }
            for (joint, _) in FEET.iter().zip(contacts).filter(|(_, down)| **down) {
                for k in joint * 3..joint * 3 + 3 {
                    let std = f64::from(self.std[k]);
                    let d = (f64::from(prediction[next + k]) - f64::from(prediction[now + k])) * std;
                    sum.foot += c.value(d);
                    let slope = (w.foot * scale.foot * c.slope(d) * std) as f32;
                    gradient[next + k] += slope;
                    gradient[now + k] -= slope;
                }
            }
        }
        sum.rec *= scale.rec;
        sum.explicit *= scale.explicit;
        sum.vel *= scale.vel;
        sum.bone *= scale.bone;
        sum.geo *= scale.geo;
        sum.foot *= scale.foot;
        sum.local *= scale.local;
        sum.swing *= scale.swing;
        sum
    }

    /// Sum of the penalties of one frame's joints relative to their pelvis, in decimetres, where a code's error is large enough
    /// to be felt: on normalised numbers that spread over metres it is not. Adds `weight` times the derivative to `out`.
    fn local(&self, p: &[f32], g: &[f32], weight: f64, out: &mut [f32]) -> f64 {
        self.off_pelvis(|k| f64::from(p[k]) - f64::from(g[k]), weight, |k, slope| out[k] += slope)
    }

    /// Sum of the penalties of how joints move relative to their pelvis from the row at `now` to that at `next`, in decimetres a
    /// frame: what makes a wave a wave is small beside where the hand is. Adds `weight` times the derivative to `out`.
    fn swing(&self, p: &[f32], g: &[f32], [now, next]: [usize; 2], weight: f64, out: &mut [f32]) -> f64 {
        let change = |x: &[f32], k: usize| f64::from(x[next + k]) - f64::from(x[now + k]);
        self.off_pelvis(
            |k| change(p, k) - change(g, k),
            weight,
            |k, slope| {
                out[next + k] += slope;
                out[now + k] -= slope;
            },
        )
    }

    /// Sum of the penalties of every joint's difference less that of the pelvis, in decimetres; `difference(k)` is that of number k, normalised.
    /// Gives `add` the derivative by each, times `weight`.
    fn off_pelvis(
        &self,
        difference: impl Fn(usize) -> f64,
        weight: f64,
        mut add: impl FnMut(usize, f32),
    ) -> f64 {
        let decimetres = |k: usize| f64::from(self.std[k]) * 10.0;
        let mut sum = 0.0;
        for k in 3..POSITIONS {
            let root = k % 3;
            let d = difference(k) * decimetres(k) - difference(root) * decimetres(root);
            sum += self.criterion.value(d);
            let slope = weight * self.criterion.slope(d);
            add(k, (slope * decimetres(k)) as f32);
            add(root, -(slope * decimetres(root)) as f32);
        }
        sum
    }
}

/// One over the number of entries each mean runs over.
struct Scale {
    rec: f64,
    explicit: f64,
    vel: f64,
    bone: f64,
    geo: f64,
    foot: f64,
    local: f64,
    swing: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible numbers in ±1.
    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect()
    }

    fn losses(criterion: Criterion) -> Losses {
        // Heights around 0 and small displacements, so that some feet stand.
        let std = vec![0.05; FEATURES];
        let weights = LossWeights { local: 2.0, swing: 3.0, ..LossWeights::default() };
        Losses { criterion, weights, mean: vec![0.0; FEATURES], std }
    }

    #[test]
    fn equal_motions_cost_only_what_feet_slide() {
        let motion = numbers(2 * 5 * FEATURES, 1);
        let loss = losses(Criterion::SmoothL1).compare(&motion, &motion, 5);
        assert_eq!((loss.terms.rec, loss.terms.vel, loss.terms.bone), (0.0, 0.0, 0.0));
        assert!(loss.terms.geo < 1e-3, "clamped angle is {}", loss.terms.geo);
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let frames = 6;
        let (p, g) = (numbers(2 * frames * FEATURES, 3), numbers(2 * frames * FEATURES, 9));
        for criterion in [Criterion::SmoothL1, Criterion::L1] {
            let losses = losses(criterion);
            let value = |p: &[f32]| losses.compare(p, &g, frames).terms.weighted(&losses.weights);
            let gradient = losses.compare(&p, &g, frames).gradient;
            assert!(
                losses.compare(&p, &g, frames).terms.foot > 0.0,
                "no foot stands: the test sees too little"
            );
            for k in (0..p.len()).step_by(37) {
                let (mut up, mut down) = (p.clone(), p.clone());
                up[k] += 1e-3;
                down[k] -= 1e-3;
                let numeric = (value(&up) - value(&down)) / f64::from(up[k] - down[k]);
                let analytic = f64::from(gradient[k]);
                assert!(
                    (numeric - analytic).abs() < 2e-3 * (1.0 + numeric.abs()),
                    "{criterion:?} number {k}: {numeric} against {analytic}"
                );
            }
        }
    }

    #[test]
    fn no_standing_foot_costs_nothing() {
        let mut losses = losses(Criterion::SmoothL1);
        losses.mean = vec![10.0; FEATURES];
        let (p, g) = (numbers(4 * FEATURES, 3), numbers(4 * FEATURES, 9));
        assert_eq!(losses.foot(&p, &g, 4), 0.0);
    }
}
