//! Kind `transformer`: text path, embeddings, what happens inside the blocks, logits.

use super::inputs::{Args, Inputs, Params};
use super::runner::Quantities;
use super::{arg, clip, dims};
use anyhow::{Context, Result, bail, ensure};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use duet::models::inter_m::{InterM, Lengths, TextFeatures};
use duet::models::vqvae::PARTS;
use duet::nn::dropout::Keep;
use duet::nn::probe::Recorder;
use duet::text::clip::end_positions;

/// The transformer of an item.
pub fn model(inputs: &Inputs<'_>, params: &Params<'_>) -> Result<InterM> {
    let weights = inputs.weights("transformer")?;
    let config = dims::inter_m(&weights, params)?;
    Ok(InterM::new(&config, VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu))?)
}

/// Lengths in token frames.
pub fn lengths(inputs: &Inputs<'_>) -> Result<Vec<usize>> {
    let lengths = inputs.tensor("m_lens")?.to_dtype(DType::I64)?.to_vec1::<i64>()?;
    lengths.into_iter().map(|l| usize::try_from(l).context("a negative length")).collect()
}

/// The sentence vectors of token ids (B, 77), by way of (tower, head).
pub struct Text {
    pub hidden: Tensor,
    pub encoded: Tensor,
    pub sentence: Tensor,
}

pub fn text(inputs: &Inputs<'_>, params: &Params<'_>, model: &InterM, ids: &Tensor) -> Result<Text> {
    let tower = clip::tower(inputs, params)?;
    let ids = clip::ids(ids)?;
    let hidden = tower.forward(&ids, &mut ())?;
    let encoded = model.text_head.forward(&hidden, &mut Keep)?;
    let sentence = model.text_head.sentence(&encoded, &end_positions(&ids)?)?;
    Ok(Text { hidden, encoded, sentence })
}

struct Forward {
    token_ids: Tensor,
    text: Text,
    seen: Recorder,
    /// (B, 10L, K)
    conditional: Tensor,
    unconditional: Tensor,
}

pub fn forward(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let model = model(inputs, &inputs.params)?;
    // Where texts are given their ids are expected of us; the stored ones are fed in any case.
    let stored = inputs.tensor("text_token_ids")?;
    let token_ids = if inputs.is_input("text_token_ids") { stored.clone() } else { clip::tokenised(inputs)? };
    let text = text(inputs, &inputs.params, &model, &stored)?;
    let ids = clip::ids(&inputs.tensor("motion_ids")?)?;
    let lengths = lengths(inputs)?;
    let padded = ids.dim(1)? / 2 / PARTS;
    check_padding(inputs, &lengths, padded)?;
    let lengths = Lengths::new(&lengths, padded);
    let mut seen = Recorder::default();
    let modulation = model.modulation(&TextFeatures::of_sentences(&text.sentence), &mut seen)?;
    let conditional = model.forward(&ids, &modulation, &lengths, &mut Keep, &mut seen)?;
    let nothing = TextFeatures::of_sentences(&text.sentence.zeros_like()?);
    let modulation = model.modulation(&nothing, &mut ())?;
    let unconditional = model.forward(&ids, &modulation, &lengths, &mut Keep, &mut ())?;
    Ok(Box::new(Forward { token_ids, text, seen, conditional, unconditional }))
}

/// The stored mask (1 = padding) must be the one that the lengths mean, since the library works from lengths.
fn check_padding(inputs: &Inputs<'_>, lengths: &[usize], padded: usize) -> Result<()> {
    if let Some(mask) = inputs.find("padding_mask", &[])? {
        let mask = mask.to_dtype(DType::U8)?.to_vec2::<u8>()?;
        let agrees = mask.len() == lengths.len()
            && mask.iter().zip(lengths).all(|(row, length)| {
                row.iter().enumerate().all(|(i, flag)| (*flag != 0) == (i % padded >= *length))
            });
        ensure!(agrees, "the stored padding mask is not the one of the lengths");
    }
    Ok(())
}

/// uncond + (cond − uncond)·scale.
fn guided(conditional: &Tensor, unconditional: &Tensor, scale: f64) -> Result<Tensor> {
    Ok((unconditional + ((conditional - unconditional)? * scale)?)?)
}

impl Quantities for Forward {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        let seen = |name: String| {
            self.seen.0.get(&name).cloned().with_context(|| format!("the model showed no {name}"))
        };
        // The reference keeps tokens first inside, and classes in the middle outside.
        let tokens_first = |tensor: Tensor| -> Result<Tensor> { Ok(tensor.transpose(0, 1)?) };
        let classes_second = |tensor: &Tensor| -> Result<Tensor> { Ok(tensor.transpose(1, 2)?) };
        let block = || arg::usize(args, "block");
        match what {
            "text_token_ids" => Ok(self.token_ids.clone()),
            "clip_hidden" => Ok(self.text.hidden.clone()),
            "clip_trans_out" => Ok(self.text.encoded.clone()),
            "text_feature" => Ok(self.text.sentence.clone()),
            "cond_embedded" => seen(what.to_owned()),
            "tokens_embedded" => tokens_first(seen("tokens_embedded".to_owned())?),
            "self_attn" | "ffn_combined" => tokens_first(seen(format!("block.{}.{what}", block()?))?),
            "block_out" => tokens_first(seen(format!("block.{}.out", block()?))?),
            "adaLN_combined" | "adaLN_split" => seen(format!("block.{}.{what}", block()?)),
            "spa_temp_attn" | "local_inter_attn" | "ffn_split" => {
                let person = arg::person(args)? + 1;
                tokens_first(seen(format!("block.{}.{what}.person{person}", block()?))?)
            }
            "logits_cond" => classes_second(&self.conditional),
            "logits_uncond" => classes_second(&self.unconditional),
            "logits_guided" => {
                let scale = arg::f64(args, "cond_scale")?;
                classes_second(&guided(&self.conditional, &self.unconditional, scale)?)
            }
            "logits_cond_argmax" => Ok(self.conditional.argmax(D::Minus1)?),
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}
