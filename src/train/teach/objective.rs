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
    /// Cross entropy of finding the sentences of the same scene among those of other scenes; older runs had none of it.
    #[serde(default)]
    pub scene: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { similarity: 10.0, same: 1.0, contrast: 10.0, margin: 0.7, scene: 0.3 }
    }
}

/// Divides cosines where scenes are told apart.
const TEMPERATURE: f64 = 0.07;

/// Where a sentence of a batch belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its lesson.
    pub lesson: usize,
    /// Whether it is of the lesson's contrast.
    pub contrast: bool,
    /// The scene that it tells of, and the scene's family, where they are known.
    pub scene: Option<(usize, usize)>,
}

impl Place {
    /// The other tells of something else although much is alike.
    fn nearly(&self, other: &Self) -> bool {
        let family =
            |(scene, family): (usize, usize)| other.scene.is_some_and(|(s, f)| f == family && s != scene);
        (self.lesson == other.lesson && self.contrast != other.contrast) || self.scene.is_some_and(family)
    }
}

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
    /// See [`Weights::scene`].
    pub scene: Tensor,
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
        let near_miss = |i: usize, j: usize| {
            places[i].lesson == places[j].lesson && places[i].contrast != places[j].contrast
        };
        Ok(Self {
            cosine,
            // The teacher hardly tells near misses apart; there the other terms have the word.
            similarity: mean((&ours - theirs)?.sqr()?, &|i, j| !places[i].nearly(&places[j]))?,
            same: mean((1.0 - &ours)?, &|i, j| places[i] == places[j])?,
            contrast: mean((&ours - weights.margin)?.relu()?.sqr()?, &near_miss)?,
            scene: scenes(&ours, places)?,
        })
    }

    /// The weighted sum.
    ///
    /// # Errors
    /// From the tensor library.
    pub fn total(&self, weights: &Weights) -> Result<Tensor> {
        let distilled = (&self.cosine + (&self.similarity * weights.similarity)?)?;
        let kept_apart = ((&self.same * weights.same)? + (&self.contrast * weights.contrast)?)?;
        Ok(((distilled + kept_apart)? + (&self.scene * weights.scene)?)?)
    }
}

/// The supervised contrastive loss (Khosla et al. 2020, eq. 2) of cosines (B, B): for each sentence that has another of its scene in the
/// batch, the mean over those of −log softmax among all others whose scene is known. Zero where there is no such sentence.
fn scenes(cosines: &Tensor, places: &[Place]) -> Result<Tensor> {
    let told: Vec<usize> = (0..places.len()).filter(|&i| places[i].scene.is_some()).collect();
    let n = told.len();
    let same = |i: usize, j: usize| i != j && places[told[i]].scene == places[told[j]].scene;
    let mates: Vec<usize> = (0..n).map(|i| (0..n).filter(|&j| same(i, j)).count()).collect();
    let asked = mates.iter().filter(|&&mates| mates > 0).count();
    if asked == 0 {
        return Ok(Tensor::zeros((), cosines.dtype(), cosines.device())?);
    }
    let device = cosines.device();
    let rows: Vec<u32> = told.iter().map(|&i| i as u32).collect();
    let rows = Tensor::from_vec(rows, n, device)?;
    let logits = (cosines.index_select(&rows, 0)?.index_select(&rows, 1)?.contiguous()? / TEMPERATURE)?;
    let own: Vec<f32> = (0..n * n).map(|at| if at / n == at % n { -1e4 } else { 0.0 }).collect();
    let logits = (logits + Tensor::from_vec(own, (n, n), device)?)?;
    let chosen = candle_nn::ops::log_softmax(&logits, 1)?;
    let weight = |at: usize| {
        if same(at / n, at % n) { 1.0 / (mates[at / n] * asked) as f32 } else { 0.0 }
    };
    let weights: Vec<f32> = (0..n * n).map(weight).collect();
    Ok((chosen * Tensor::from_vec(weights, (n, n), device)?)?.sum_all()?.neg()?)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "any random numbers do")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// Two of a lesson, their near miss, and a stranger.
    const PLACES: [Place; 4] = [
        Place { lesson: 0, contrast: false, scene: Some((0, 9)) },
        Place { lesson: 0, contrast: false, scene: Some((0, 9)) },
        Place { lesson: 0, contrast: true, scene: Some((1, 9)) },
        Place { lesson: 1, contrast: false, scene: None },
    ];

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
        let places = PLACES;
        let weights = Weights::default();
        let terms = Terms::of(&states, &(&target * 3.0).unwrap(), &target, &places, &weights).unwrap();
        assert!(value(&terms.cosine).abs() < 1e-5);
        assert!((value(&terms.same) - 0.2).abs() < 1e-5);
        assert!((value(&terms.contrast) - (0.09 + 0.01) / 2.0).abs() < 1e-5);
        // Found among two each: the first has cosines 0.8 and 1, the second 0.8 and 0.8, the third nobody to find.
        let found = |right: f64, wrong: f64| (1.0 + ((wrong - right) / TEMPERATURE).exp()).ln();
        assert!((value(&terms.scene) - (found(0.8, 1.0) + found(0.8, 0.8)) / 2.0).abs() < 1e-4);
        // Of the eight pairs that count only the one that means the same misses the teacher's cosine, by 0.2.
        assert!((value(&terms.similarity) - 2.0 * 0.04 / 8.0).abs() < 1e-5);
    }

    #[test]
    fn every_term_sends_a_gradient_that_is_finite() {
        let device = Device::Cpu;
        let states = Var::randn(0f32, 1.0, (4, 8), &device).unwrap();
        let says = Var::randn(0f32, 1.0, (4, 6), &device).unwrap();
        let target = unit(&Tensor::randn(0f32, 1.0, (4, 6), &device).unwrap()).unwrap();
        let places = PLACES;
        let weights = Weights { margin: -1.0, ..Weights::default() };
        let terms = Terms::of(states.as_tensor(), says.as_tensor(), &target, &places, &weights).unwrap();
        let store = terms.total(&weights).unwrap().backward().unwrap();
        for var in [&states, &says] {
            let gradient = store.get(var.as_tensor()).unwrap().abs().unwrap().sum_all().unwrap();
            assert!(value(&gradient).is_finite() && value(&gradient) > 0.0);
        }
    }
}
