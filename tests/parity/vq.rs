//! Kind `vq`: encode, quantise, decode; the nearest-neighbour row maps.

use super::inputs::{Args, Inputs, Params};
use super::runner::Quantities;
use super::{arg, dims};
use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use duet::models::vqvae::{GraphMode, VqVae, nearest_rows};
use duet::nn::dropout::Keep;
use duet::nn::probe::Recorder;

/// The references ran whole batches, so item 0's frame 0 alone has neighbours in the graph layers.
pub const GRAPH: GraphMode = GraphMode::UpstreamBatch;

/// The VQ-VAE of an item.
pub fn model(inputs: &Inputs<'_>, params: &Params<'_>) -> Result<VqVae> {
    let weights = inputs.weights("vq")?;
    let config = dims::vq(&weights, params)?;
    Ok(VqVae::new(&config, VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu))?)
}

struct Eval {
    model: VqVae,
    motion: Tensor,
    seen: Recorder,
    /// The stored ones, so that a wrong id does not also fail what is decoded from it.
    ids: Tensor,
    padded_ids: Option<Tensor>,
}

pub fn eval(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let model = model(inputs, &inputs.params)?;
    let motion = inputs.tensor("input_motion")?;
    let mut seen = Recorder::default();
    model.latents(&motion, GRAPH, &mut Keep, &mut seen)?;
    let ids = inputs.tensor("token_ids")?;
    let padded_ids = inputs.find("token_ids_padded", &[])?;
    Ok(Box::new(Eval { model, motion, seen, ids, padded_ids }))
}

impl Quantities for Eval {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        let reconstruction = || self.model.reconstruct(&self.motion, GRAPH);
        Ok(match what {
            "preprocessed" | "enc_gcn_out" | "encoder_out" => {
                self.seen.0.get(what).cloned().with_context(|| format!("the model showed no {what}"))?
            }
            "token_ids" => self.model.encode(&self.motion, GRAPH)?,
            "quantised" => self.model.quantizer.lookup(&self.ids)?.transpose(1, 2)?,
            "decoded_from_ids" => self.model.decode(&self.ids, GRAPH)?,
            "decoded_from_padded_ids" => {
                let ids = self.padded_ids.as_ref().context("the case stores no token_ids_padded")?;
                self.model.decode(ids, GRAPH)?
            }
            "forward_out" => reconstruction()?.motion,
            "forward_commit_loss" => reconstruction()?.commit_loss,
            "forward_perplexity" => reconstruction()?.perplexity,
            _ => bail!("unknown quantity {what:?}"),
        })
    }
}

struct NearestRows;

pub fn rows(_: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    Ok(Box::new(NearestRows))
}

impl Quantities for NearestRows {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        match what {
            "source_rows" => {
                let rows = nearest_rows(arg::usize(args, "in_rows")?, arg::f64(args, "scale")?);
                Ok(Tensor::new(rows, &Device::Cpu)?)
            }
            _ => bail!("unknown quantity {what:?}"),
        }
    }
}
