//! Kind `clip`: the tokenizer and the text tower.

use super::inputs::{Args, Inputs, Params};
use super::runner::Quantities;
use super::{arg, dims};
use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use duet::nn::probe::Recorder;
use duet::text::clip::{ClipText, end_positions};
use duet::text::tokenizer::{CONTEXT, END, START, Tokenizer};

/// The text tower of an item.
pub fn tower(inputs: &Inputs<'_>, params: &Params<'_>) -> Result<ClipText> {
    let weights = inputs.weights("clip")?;
    let config = dims::clip(&weights, params)?;
    Ok(ClipText::new(&config, VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu))?)
}

/// Ids as the models take them.
pub fn ids(ids: &Tensor) -> Result<Tensor> {
    let lowest = ids.flatten_all()?.to_dtype(DType::I64)?.min(0)?.to_scalar::<i64>()?;
    ensure!(lowest >= 0, "an id of {lowest}");
    Ok(ids.to_dtype(DType::U32)?)
}

/// (texts, context) ids of an item's texts.
pub fn tokenised(inputs: &Inputs<'_>) -> Result<Tensor> {
    let texts = inputs.texts()?.context("the item has no texts")?;
    let tokenizer = Tokenizer::clip();
    let rows: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.encode(&text.text).ids).collect();
    Ok(Tensor::new(rows, &Device::Cpu)?)
}

struct Tokens {
    tokenizer: Tokenizer,
    ids: Tensor,
}

pub fn tokenize(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let params = &inputs.params;
    // The library's vocabulary and framing are CLIP's own.
    ensure!(
        params.usize("context")? == CONTEXT
            && params.usize("sot")? == START as usize
            && params.usize("eot")? == END as usize
            && params.usize("pad")? == 0
            && params.bool("truncate")?,
        "another framing than CLIP's"
    );
    Ok(Box::new(Tokens { tokenizer: Tokenizer::clip(), ids: tokenised(inputs)? }))
}

impl Quantities for Tokens {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        ensure!(what == "token_ids", "unknown quantity {what:?}");
        Ok(self.ids.clone())
    }

    fn text_ids(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.tokenizer.ids(text))
    }
}

struct Forward {
    seen: Recorder,
    last: Tensor,
    ends: Vec<u32>,
}

pub fn forward(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let tower = tower(inputs, &inputs.params)?;
    let ids = ids(&inputs.tensor("token_ids")?)?;
    let mut seen = Recorder::default();
    let last = tower.forward(&ids, &mut seen)?;
    Ok(Box::new(Forward { seen, last, ends: end_positions(&ids)? }))
}

impl Quantities for Forward {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        let seen = |name: &str| {
            self.seen.0.get(name).cloned().with_context(|| format!("the model showed no {name}"))
        };
        match what {
            "embedded" => seen("embedded"),
            "layer_out" => seen(&format!("layer.{}", arg::usize(args, "layer")?)),
            "last_hidden" => Ok(self.last.clone()),
            "eot_hidden" => {
                let rows =
                    self.ends.iter().enumerate().map(|(item, end)| self.last.get(item)?.get(*end as usize));
                Ok(Tensor::stack(&rows.collect::<candle_core::Result<Vec<Tensor>>>()?, 0)?)
            }
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}
