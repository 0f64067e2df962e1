//! What the pupil is graded by: say what the teacher says, have the teacher's similarities, hold paraphrases together and
//! near misses apart.

use super::teacher::unit;
use crate::error::Result;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// Weights of the terms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Squared gap between the pupil's and the teacher's similarities.
    pub similarity: f64,
    /// One minus the similarity of sentences that mean the same.
    pub same: f64,
    /// Squared excess of the similarity of near misses over `margin`.
    pub contrast: f64,
    /// Cosine that near misses may keep.
    pub margin: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { similarity: 10.0, same: 1.0, contrast: 10.0, margin: 0.7 }
    }
}

/// Where a sentence of a batch belongs: its lesson, and whether it is of the lesson's contrast.
pub type Place = (usize, bool);

/// The terms of one batch, before weighting.
pub struct Terms {
    /// 1 − cosine to the teacher.
    pub cosine: Tensor,
    /// See [`Weights::similarity`].
    pub similarity: Tensor,
    /// See [`Weights::same`].
    pub same: Tensor,
    /// See [`Weights::contrast`].
    pub contrast: Tensor,
}

impl Terms {
    /// `states` (B, width), what they say (B, 384) and should say (B, 384, unit length), and where each belongs.
    ///
    /// # Errors
    /// From the tensor library.
    pub fn of(
        states: &Tensor,
        says: &Tensor,
        target: &Tensor,
        places: &[Place],
        weights: &Weights,
    ) -> Result<Self> {
        let b = places.len();
        let cosine = (1.0 - (unit(says)? * target)?.sum(1)?.mean_all()?)?;
        let states = unit(states)?;
        let (ours, theirs) = (states.matmul(&states.t()?)?, target.matmul(&target.t()?)?);
        let mean = |values: Tensor, keep: &dyn Fn(usize, usize) -> bool| -> Result<Tensor> {
            let chosen = |at: usize| at / b != at % b && keep(at / b, at % b);
            let mask: Vec<f32> = (0..b * b).map(|at| if chosen(at) { 1.0 } else { 0.0 }).collect();
            let count = f64::from(mask.iter().sum::<f32>()).max(1.0);
            let mask = Tensor::from_vec(mask, (b, b), values.device())?;
            Ok(((values * mask)?.sum_all()? / count)?)
        };
        let near_miss = |i: usize, j: usize| places[i].0 == places[j].0 && places[i].1 != places[j].1;
        Ok(Self {
            cosine,
            // The teacher hardly tells near misses apart; there the contrast term has the word.
            similarity: mean((&ours - theirs)?.sqr()?, &|i, j| !near_miss(i, j))?,
            same: mean((1.0 - &ours)?, &|i, j| places[i] == places[j])?,
            contrast: mean((&ours - weights.margin)?.relu()?.sqr()?, &near_miss)?,
        })
    }

    /// The weighted sum.
    ///
    /// # Errors
    /// From the tensor library.
    pub fn total(&self, weights: &Weights) -> Result<Tensor> {
        let distilled = (&self.cosine + (&self.similarity * weights.similarity)?)?;
        Ok((distilled + ((&self.same * weights.same)? + (&self.contrast * weights.contrast)?)?)?)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any random numbers do")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn value(t: &Tensor) -> f64 {
        f64::from(t.to_scalar::<f32>().unwrap())
    }

    #[test]
    fn terms_are_what_they_say() {
        let device = Device::Cpu;
        // Two that mean the same (cosine 0.8), their near miss (1 and 0.8 to them), and a stranger.
        let states = [[2.0f32, 0.0, 0.0], [0.8, 0.6, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
        let states = Tensor::new(&states, &device).unwrap();
        let target =
            unit(&Tensor::new(&[[1.0f32, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], &device).unwrap())
                .unwrap();
        let places = [(0, false), (0, false), (0, true), (1, false)];
        let weights = Weights::default();
        let terms = Terms::of(&states, &(&target * 3.0).unwrap(), &target, &places, &weights).unwrap();
        assert!(value(&terms.cosine).abs() < 1e-5);
        assert!((value(&terms.same) - 0.2).abs() < 1e-5);
        assert!((value(&terms.contrast) - (0.09 + 0.01) / 2.0).abs() < 1e-5);
        // Of the eight pairs that count only the one that means the same misses the teacher's cosine, by 0.2.
        assert!((value(&terms.similarity) - 2.0 * 0.04 / 8.0).abs() < 1e-5);
    }

    #[test]
    fn every_term_sends_a_gradient_that_is_finite() {
        let device = Device::Cpu;
        let states = Var::randn(0f32, 1.0, (4, 8), &device).unwrap();
        let says = Var::randn(0f32, 1.0, (4, 6), &device).unwrap();
        let target = unit(&Tensor::randn(0f32, 1.0, (4, 6), &device).unwrap()).unwrap();
        let places = [(0, false), (0, false), (0, true), (1, false)];
        let weights = Weights { margin: -1.0, ..Weights::default() };
        let terms = Terms::of(states.as_tensor(), says.as_tensor(), &target, &places, &weights).unwrap();
        let store = terms.total(&weights).unwrap().backward().unwrap();
        for var in [&states, &says] {
            let gradient = store.get(var.as_tensor()).unwrap().abs().unwrap().sum_all().unwrap();
            assert!(value(&gradient).is_finite() && value(&gradient) > 0.0);
        }
    }
}
