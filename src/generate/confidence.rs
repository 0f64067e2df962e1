//! How sure a model is of tokens that are there.

use crate::error::{Error, Result};
use crate::models::inter_m::{InterM, Lengths, TextFeatures};
use crate::models::vqvae::PARTS;
use crate::nn::dropout::Keep;
use candle_core::Tensor;

/// For each of 10L ids of one clip the probability that the model gives it, told the text and shown all tokens.
pub fn confidence(model: &InterM, text: &TextFeatures, ids: &[u32]) -> Result<Vec<f32>> {
    let length = ids.len() / (2 * PARTS);
    let lengths = Lengths::new(&[length], length);
    let modulation = model.modulation(text, &mut ())?;
    let shown = Tensor::new(ids, text.sentence().device())?.unsqueeze(0)?;
    let logits = model.forward(&shown, &modulation, &lengths, &mut Keep, &mut ())?;
    let logits = logits.flatten_all()?.to_vec1::<f32>()?;
    let sure = |(logits, &id): (&[f32], &u32)| -> Option<f32> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = logits.iter().map(|&l| f64::from(l - highest).exp()).sum();
        let own = f64::from(logits.get(id as usize)? - highest).exp() / total;
        own.is_finite().then_some(own as f32)
    };
    logits.chunks_exact(model.config().codes).zip(ids).map(sure).collect::<Option<_>>().ok_or_else(|| {
        Error::internal(
            "model_failure",
            "the model gave numbers that are not finite; its weights may be damaged",
        )
    })
}
