//! One training step of the Inter-M transformer (InterMask spec §4.5): two masked passes over the same token maps, the second
//! on what the first predicted.

use super::contrast::contrast;
use super::cross_entropy::{CrossEntropy, cross_entropy, predictions};
use super::masking::{Draws, Guess, SpecialIds, first_pass, second_pass};
use super::optim::{Gradients, gradients};
use crate::error::Result;
use crate::models::inter_m::{InterM, Lengths, TextFeatures};
use crate::nn::dropout::Dropout;
use crate::nn::ops;
use candle_core::{DType, Tensor, Var};

/// What a step minimises.
#[derive(Clone, Copy, Debug)]
pub struct TransformerObjective {
    /// Probability that the batch has one person wholly masked.
    pub interaction_probability: f32,
    /// Weight of the second pass; 0 leaves it out.
    pub step_unroll: f64,
    /// Weight of telling captions apart ([`contrast`]), ours; without other texts it is left out.
    pub contrast: f64,
}

/// What a step is told of its clips, B rows each. Differentiable back to whatever of the text path is trained.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    /// Of the clips' own captions.
    pub own: &'a TextFeatures,
    /// Of other captions, and for which rows there is none.
    pub others: Option<(&'a TextFeatures, &'a [bool])>,
}

/// Token maps of a batch.
#[derive(Clone, Debug)]
pub struct TokenBatch {
    /// (B, 10·L) row-major, person 1's part-major map then person 2's, the pad id beyond each clip's end.
    pub ids: Vec<u32>,
    /// Token frames of each clip.
    pub lengths: Vec<usize>,
    /// L.
    pub frames: usize,
}

impl TokenBatch {
    /// Positions of one row, 10·L.
    pub fn width(&self) -> usize {
        10 * self.frames
    }
}

/// One forward pass and its score.
pub struct Pass {
    /// What was fed and asked.
    pub guess: Guess,
    /// (B, 10·L, K).
    pub logits: Tensor,
    /// Loss, accuracy, derivative.
    pub score: CrossEntropy,
}

/// Both passes.
pub struct TransformerPass {
    /// One pass, or two when unrolling.
    pub passes: Vec<Pass>,
    /// CE₁ + weight·CE₂ + weight·contrast.
    pub loss: f64,
    /// Mean of the passes' accuracies.
    pub accuracy: f64,
    /// Clips whose own caption is likelier than the other one, and clips with both.
    pub told_apart: [usize; 2],
    /// d loss / d variable.
    pub gradients: Gradients,
}

/// Forward and backward.
///
/// The predictions that the second pass sees are ids: no gradient passes through them.
pub fn transformer_pass(
    model: &InterM,
    vars: &[(String, Var)],
    batch: &TokenBatch,
    texts: Texts<'_>,
    objective: &TransformerObjective,
    draws: &Draws,
    drop: &mut dyn Dropout,
) -> Result<TransformerPass> {
    let (width, codes) = (batch.width(), model.config().codes);
    let special = SpecialIds::of(codes);
    let lengths = Lengths::new(&batch.lengths, batch.frames);

    let guess =
        first_pass(&batch.ids, &batch.lengths, width, objective.interaction_probability, special, draws);
    let text = texts.own;
    let first = forward(model, guess, text, &draws.drop_text[0], &lengths, drop)?;
    let mut passes = vec![first];
    if objective.step_unroll > 0.0 {
        let hidden: Vec<bool> = passes[0].guess.input.iter().map(|id| *id == special.mask).collect();
        let logits = passes[0].logits.flatten_all()?.to_vec1::<f32>()?;
        let guess = second_pass(&passes[0].guess, &predictions(&logits, codes, &hidden), width, special);
        passes.push(forward(model, guess, text, &draws.drop_text[1], &lengths, drop)?);
    }

    let weights = [1.0, objective.step_unroll];
    let mut total = Tensor::zeros((), DType::F32, text.sentence().device())?;
    let (mut loss, mut accuracy, mut told_apart) = (0.0, 0.0, [0; 2]);
    if let Some((others, none)) = texts.others {
        let own = &passes[0];
        let other = forward(model, own.guess.clone(), others, &draws.drop_text[0], &lengths, drop)?.logits;
        let values = [own.logits.flatten_all()?.to_vec1::<f32>()?, other.flatten_all()?.to_vec1::<f32>()?];
        let [own_values, other_values] = &values;
        let without: Vec<bool> = none.iter().zip(&draws.drop_text[0]).map(|(a, b)| *a || *b).collect();
        let found = contrast([own_values, other_values], codes, &own.guess.labels, width, &without);
        for (logits, gradient) in [(&own.logits, found.own), (&other, found.other)] {
            let gradient = Tensor::from_vec(gradient, logits.shape(), logits.device())?;
            // The value is counted once, below; its slopes go to both.
            total = (total + (ops::with_slope(logits, 0.0, gradient)? * objective.contrast)?)?;
        }
        loss += objective.contrast * found.loss;
        told_apart = found.told_apart;
    }
    for (pass, weight) in passes.iter_mut().zip(weights) {
        let gradient = std::mem::take(&mut pass.score.gradient);
        let gradient = Tensor::from_vec(gradient, pass.logits.shape(), pass.logits.device())?;
        let value = ops::with_slope(&pass.logits, pass.score.loss as f32, gradient)?;
        total = if weight == 1.0 { (total + value)? } else { (total + (value * weight)?)? };
        loss += weight * pass.score.loss;
        accuracy += pass.score.accuracy;
    }
    accuracy /= passes.len() as f64;
    let gradients = gradients(vars, &mut total.backward()?)?;
    for pass in &mut passes {
        pass.logits = pass.logits.detach();
    }
    Ok(TransformerPass { passes, loss, accuracy, told_apart, gradients })
}

/// Condition with some texts dropped, forward, score.
fn forward(
    model: &InterM,
    guess: Guess,
    text: &TextFeatures,
    drop_text: &[bool],
    lengths: &Lengths,
    drop: &mut dyn Dropout,
) -> Result<Pass> {
    let (rows, width) = (lengths.lengths.len(), 10 * lengths.padded);
    let modulation = model.modulation(&text.dropped(drop_text)?, &mut ())?;
    let ids = Tensor::from_slice(&guess.input, (rows, width), text.sentence().device())?;
    let logits = model.forward(&ids, &modulation, lengths, drop, &mut ())?.contiguous()?;
    let values = logits.flatten_all()?.to_vec1::<f32>()?;
    let score = cross_entropy(&values, model.config().codes, &guess.labels);
    Ok(Pass { guess, logits, score })
}

/// Score of one pass without training: (cross entropy summed over labels, right answers, labels).
pub fn evaluate(
    model: &InterM,
    batch: &TokenBatch,
    text: &TextFeatures,
    draws: &Draws,
) -> Result<(f64, f64, usize)> {
    let lengths = Lengths::new(&batch.lengths, batch.frames);
    let special = SpecialIds::of(model.config().codes);
    let guess = first_pass(&batch.ids, &batch.lengths, batch.width(), 0.0, special, draws);
    let none = vec![false; batch.lengths.len()];
    let score = forward(model, guess, text, &none, &lengths, &mut crate::nn::dropout::Keep)?.score;
    let labels = score.labels as f64;
    Ok((score.loss * labels, score.accuracy * labels, score.labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::config::{ClipTextConfig, InterMConfig, TextHeadConfig, WordAttention};
    use crate::nn::dropout::Keep;
    use crate::nn::params::Params;
    use crate::rng::CounterRng;
    use crate::text::clip::{ClipText, end_positions};
    use crate::text::tokenizer::{CONTEXT, Tokenizer};
    use crate::train::optim::{AdamW, AdamWConfig};
    use crate::train::vocabulary::Vocabulary;
    use candle_core::Device;

    const CAPTIONS: [&str; 2] = ["one person steps to the left", "one person steps to the right"];
    const CODES: usize = 4;
    const STEPS: usize = 40;

    /// A model of one block.
    fn tiny(place: WordAttention, params: &Params) -> InterM {
        let config = InterMConfig {
            codes: CODES,
            code_dim: 8,
            latent_dim: 16,
            heads: 2,
            layers: 1,
            ff: 16,
            text_dim: 16,
            person_embedding: false,
            single_residual: false,
            word_attention: place,
            text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
        };
        InterM::new(&config, params.builder()).unwrap()
    }

    /// Two clips of one code each.
    fn batch() -> TokenBatch {
        TokenBatch { ids: [[1; 20], [2; 20]].concat(), lengths: vec![2, 2], frames: 2 }
    }

    /// Trains a tiny model to say one code for the first caption and another for the second, from wholly masked maps and
    /// without a sentence vector. Returns how often it is right with the captions, and with the captions dropped.
    fn taught_left_and_right(place: WordAttention) -> (f64, f64) {
        let device = &Device::Cpu;
        let rows = CAPTIONS.map(|caption| Tokenizer::clip().encode(caption).ids);
        let vocabulary = Vocabulary::of(rows.iter().map(Vec::as_slice));
        let (vocab, context) = (vocabulary.rows(), CONTEXT);
        let params = Params::new(3, device);
        let tower = ClipTextConfig { width: 16, heads: 2, layers: 1, vocab, context };
        let tower = ClipText::new(&tower, params.builder().pp("text")).unwrap();
        let model = tiny(place, &params);
        let ids = Tensor::from_vec(vocabulary.map(&rows.concat()), (2, CONTEXT), device).unwrap();
        let ends = end_positions(&ids).unwrap();
        let text = || {
            let hidden = tower.forward(&ids, &mut ()).unwrap();
            let dropped = model.text(&hidden, &ends, &mut Keep).unwrap().dropped(&[true, true]).unwrap();
            TextFeatures::of_sentences(dropped.sentence()).with_words(&hidden, &ends).unwrap()
        };

        let batch = batch();
        let all = 2 * batch.width();
        let mut draws = Draws::new(&CounterRng::new(1, "left and right"), 2, batch.width(), CODES, 0.0);
        (draws.time, draws.replace, draws.mask) = (vec![0.0; 2], vec![false; all], vec![true; all]);
        let objective =
            TransformerObjective { interaction_probability: 0.0, step_unroll: 0.0, contrast: 0.0 };
        let mut adam = AdamW::new(params.vars().into_iter().collect(), AdamWConfig::intermask(0.0)).unwrap();
        for _ in 0..STEPS {
            let own = text();
            let texts = Texts { own: &own, others: None };
            let pass =
                transformer_pass(&model, adam.vars(), &batch, texts, &objective, &draws, &mut Keep).unwrap();
            adam.step(&pass.gradients, 1e-2, None).unwrap();
        }
        let right = |text: &TextFeatures| {
            let (_, right, labels) = evaluate(&model, &batch, text, &draws).unwrap();
            assert_eq!(labels, all);
            right / labels as f64
        };
        (right(&text()), right(&text().dropped(&[true, true]).unwrap()))
    }

    #[test]
    fn captions_that_are_told_apart_have_the_slopes_of_the_loss() {
        let device = &Device::Cpu;
        let params = Params::new(3, device);
        let model = tiny(WordAttention::Off, &params);
        let batch = batch();
        let draws = Draws::new(&CounterRng::new(1, "apart"), 2, batch.width(), CODES, 0.0);
        let objective =
            TransformerObjective { interaction_probability: 0.0, step_unroll: 0.0, contrast: 2.0 };
        let said = |at: [f32; 2]| -> TextFeatures {
            let values = at.iter().flat_map(|at| (0..16).map(move |i| (at * i as f32).sin())).collect();
            TextFeatures::of_sentences(&Tensor::from_vec(values, (2, 16), device).unwrap())
        };
        let (own, others) = (said([0.3, 0.9]), said([0.9, 0.3]));
        // The head stands before the sentences that are given here.
        let vars = params.vars().into_iter().filter(|(name, _)| !name.starts_with("clip")).collect();
        let mut adam = AdamW::new(vars, AdamWConfig::intermask(0.0)).unwrap();
        let pass = |vars: &[(String, Var)], none: &[bool]| {
            let texts = Texts { own: &own, others: Some((&others, none)) };
            transformer_pass(&model, vars, &batch, texts, &objective, &draws, &mut Keep).unwrap()
        };
        // Texts act through gates that are shut at first.
        for _ in 0..12 {
            let gradients = pass(adam.vars(), &[false; 2]).gradients;
            adam.step(&gradients, 3e-3, None).unwrap();
        }
        let bias = params.vars()["output_process.poseFinal.bias"].clone();
        let values = bias.to_vec1::<f32>().unwrap();
        for none in [[false, false], [true, false]] {
            let found = pass(adam.vars(), &none);
            let slopes = found.gradients["output_process.poseFinal.bias"].to_vec1::<f32>().unwrap();
            let all: f64 = found.passes[0].score.loss;
            assert!(found.loss > all + 0.01, "{} {all}", found.loss);
            for (k, slope) in slopes.into_iter().enumerate() {
                let at = |by: f32| {
                    let mut values = values.clone();
                    values[k] += by;
                    bias.set(&Tensor::from_vec(values, CODES, device).unwrap()).unwrap();
                    pass(adam.vars(), &none).loss
                };
                let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
                at(0.0);
                assert!((measured - f64::from(slope)).abs() < 2e-3, "{k}: {measured} {slope}");
            }
        }
    }

    #[test]
    fn one_word_makes_the_difference() {
        for place in [WordAttention::Pre, WordAttention::Blocks] {
            let (told, untold) = taught_left_and_right(place);
            assert!(told > 0.999, "{place:?}: {told} with words");
            assert!(untold < 0.501, "{place:?}: {untold} without words");
        }
        let (told, _) = taught_left_and_right(WordAttention::Off);
        assert!(told < 0.501, "{told} without word attention");
    }
}
