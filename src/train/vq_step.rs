//! One training step of the VQ-VAE (InterMask spec §3.4-3.6): forward, losses, codebook update, gradients.

use super::losses::{LossTerms, Losses};
use super::optim::{Gradients, gradients};
use super::quantizer::{CodeNoise, Codebook, perplexity};
use super::shards::{add, scale};
use crate::error::{Error, Result};
use crate::models::vqvae::{GraphMode, VqVae};
use crate::nn::dropout::{Dropout, Keep};
use crate::rng::CounterRng;
use candle_core::{Tensor, Var};
use rayon::prelude::*;

/// What a step minimises.
#[derive(Clone, Debug)]
pub struct VqObjective {
    /// Reconstruction terms and weights.
    pub losses: Losses,
    /// Temperature of the drawn codes (upstream 0.5).
    pub temperature: f32,
    /// Which frames get graph messages.
    pub graph: GraphMode,
    /// Encoder and codebook stay as they are.
    pub decoder_only: bool,
}

/// What one pass found.
pub struct VqPass {
    /// Unweighted reconstruction terms.
    pub terms: LossTerms,
    /// Mean squared distance of latents to their codes.
    pub commit: f64,
    /// The weighted sum that is minimised.
    pub total: f64,
    /// exp(entropy) of the batch's code usage.
    pub perplexity: f64,
    /// d total / d variable, not clipped.
    pub gradients: Gradients,
}

/// Forward and backward over `parts` of a batch, (B, T, 262) each, normalised, each with its dropout. They are worked on at
/// once, but share the codebook: it is initialised from a first batch and moved by all of them; the variables are left alone.
/// Each part's loss is a mean of its own, which differs from that of the whole only in the foot term, a mean over feet that stand.
///
/// `fill` gives the small Gaussian noise that a batch smaller than the codebook needs.
#[allow(clippy::too_many_arguments, reason = "the step's inputs, each from another owner")]
pub fn vq_pass<D: Dropout + Send>(
    model: &VqVae,
    vars: &[(String, Var)],
    codebook: &mut Codebook,
    objective: &VqObjective,
    parts: &mut [(Tensor, D)],
    noise: &CodeNoise,
    fill: &CounterRng,
) -> Result<VqPass> {
    let latents = parts
        .par_iter_mut()
        .map(|(motion, drop)| {
            if objective.decoder_only {
                return Ok(model.latents(motion, objective.graph, &mut Keep, &mut ())?.detach());
            }
            Ok(model.latents(motion, objective.graph, drop, &mut ())?)
        })
        .collect::<Result<Vec<_>>>()?;
    let each = latents
        .iter()
        .map(|latents| latents.flatten_all()?.to_vec1::<f32>())
        .collect::<candle_core::Result<Vec<_>>>()?;
    let rows = each.concat();
    if !codebook.initialised {
        codebook.initialise(&rows, &fill.fork("first"));
    }
    let ids = codebook.sample(&rows, objective.temperature, noise)?;
    let mut gathered = codebook.gather(&ids).into_iter();
    let codes = latents
        .iter()
        .map(|latents| {
            let values = gathered.by_ref().take(latents.elem_count()).collect();
            Tensor::from_vec(values, latents.shape(), latents.device())
        })
        .collect::<candle_core::Result<Vec<_>>>()?;
    let perplexity = if objective.decoder_only {
        let mut count = vec![0f32; codebook.len()];
        ids.iter().for_each(|id| count[*id as usize] += 1.0);
        perplexity(&count)
    } else {
        codebook.update(&rows, &ids, &fill.fork("dead"))
    };

    let clips: Vec<usize> =
        parts.iter().map(|(motion, _)| motion.dim(0)).collect::<candle_core::Result<_>>()?;
    let passes = parts
        .par_iter_mut()
        .zip(latents)
        .zip(codes)
        .map(|(((motion, drop), latents), codes)| {
            decoded(model, vars, objective, motion, &latents, &codes, drop)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(VqPass { perplexity, ..average(passes, &clips)? })
}

/// From latents and their codes to gradients.
fn decoded(
    model: &VqVae,
    vars: &[(String, Var)],
    objective: &VqObjective,
    motion: &Tensor,
    latents: &Tensor,
    codes: &Tensor,
    drop: &mut dyn Dropout,
) -> Result<VqPass> {
    // Straight through: the decoder sees the codes, the encoder their gradient.
    let through = (latents + (codes - latents)?.detach())?;
    let prediction = model.decode_codes(&through, objective.graph, drop)?;
    let commit = (latents - codes)?.sqr()?.mean_all()?;

    let target = motion.narrow(1, 0, prediction.dim(1)?)?.contiguous()?;
    let loss = objective.losses.compare(
        &prediction.flatten_all()?.to_vec1::<f32>()?,
        &target.flatten_all()?.to_vec1::<f32>()?,
        motion.dim(1)? / 4 * 4,
    );
    let weights = &objective.losses.weights;
    // A function with the same derivative as the losses: Σ prediction · (d losses / d prediction).
    let gradient = Tensor::from_vec(loss.gradient, prediction.shape(), prediction.device())?;
    let surrogate = ((prediction * gradient)?.sum_all()? + (&commit * weights.commit)?)?;
    let gradients = gradients(vars, &mut surrogate.backward()?)?;
    let commit = f64::from(commit.to_scalar::<f32>()?);
    let total = loss.terms.weighted(weights) + weights.commit * commit;
    Ok(VqPass { terms: loss.terms, commit, total, perplexity: 0.0, gradients })
}

/// The mean of the parts, weighted by their clips.
fn average(passes: Vec<VqPass>, clips: &[usize]) -> Result<VqPass> {
    let all = clips.iter().sum::<usize>().max(1) as f64;
    let mut sum: Option<VqPass> = None;
    for (mut pass, clips) in passes.into_iter().zip(clips) {
        let share = *clips as f64 / all;
        if share != 1.0 {
            pass.terms = pass.terms.scaled(share);
            pass.commit *= share;
            pass.total *= share;
            scale(&mut pass.gradients, share)?;
        }
        match &mut sum {
            None => sum = Some(pass),
            Some(sum) => {
                sum.terms = sum.terms.plus(&pass.terms);
                sum.commit += pass.commit;
                sum.total += pass.total;
                add(&mut sum.gradients, pass.gradients)?;
            }
        }
    }
    sum.ok_or_else(|| Error::internal("no_batch", "a training step had no clips"))
}
