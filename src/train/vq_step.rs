//! One training step of the VQ-VAE (InterMask spec §3.4-3.6): forward, losses, codebook update, gradients.

use super::losses::{LossTerms, Losses};
use super::optim::{Gradients, gradients};
use super::quantizer::{CodeNoise, Codebook};
use crate::error::Result;
use crate::models::vqvae::{GraphMode, VqVae};
use crate::nn::dropout::Dropout;
use crate::rng::CounterRng;
use candle_core::{Tensor, Var};

/// What a step minimises.
#[derive(Clone, Debug)]
pub struct VqObjective {
    /// Reconstruction terms and weights.
    pub losses: Losses,
    /// Temperature of the drawn codes (upstream 0.5).
    pub temperature: f32,
    /// Which frames get graph messages.
    pub graph: GraphMode,
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

/// Forward and backward over `motion` (B, T, 262), normalised. The codebook is initialised from a first batch and moved;
/// the variables are left alone.
///
/// `fill` gives the small Gaussian noise that a batch smaller than the codebook needs.
#[allow(clippy::too_many_arguments, reason = "the step's inputs, each from another owner")]
pub fn vq_pass(
    model: &VqVae,
    vars: &[(String, Var)],
    codebook: &mut Codebook,
    objective: &VqObjective,
    motion: &Tensor,
    noise: &CodeNoise,
    fill: &CounterRng,
    drop: &mut dyn Dropout,
) -> Result<VqPass> {
    let frames = motion.dim(1)?;
    let latents = model.latents(motion, objective.graph, drop, &mut ())?;
    let rows = latents.flatten_all()?.to_vec1::<f32>()?;
    if !codebook.initialised {
        codebook.initialise(&rows, &fill.fork("first"));
    }
    let ids = codebook.sample(&rows, objective.temperature, noise)?;
    let codes = Tensor::from_vec(codebook.gather(&ids), latents.shape(), latents.device())?;
    let perplexity = codebook.update(&rows, &ids, &fill.fork("dead"));

    // Straight through: the decoder sees the codes, the encoder their gradient.
    let through = (&latents + (&codes - &latents)?.detach())?;
    let prediction = model.decode_codes(&through, objective.graph, drop)?;
    let commit = (&latents - &codes)?.sqr()?.mean_all()?;

    let target = motion.narrow(1, 0, prediction.dim(1)?)?.contiguous()?;
    let loss = objective.losses.compare(
        &prediction.flatten_all()?.to_vec1::<f32>()?,
        &target.flatten_all()?.to_vec1::<f32>()?,
        frames / 4 * 4,
    );
    let weights = &objective.losses.weights;
    // A function with the same derivative as the losses: Σ prediction · (d losses / d prediction).
    let gradient = Tensor::from_vec(loss.gradient, prediction.shape(), prediction.device())?;
    let surrogate = ((prediction * gradient)?.sum_all()? + (&commit * weights.commit)?)?;
    let gradients = gradients(vars, &mut surrogate.backward()?)?;
    let commit = f64::from(commit.to_scalar::<f32>()?);
    Ok(VqPass {
        terms: loss.terms,
        commit,
        total: loss.terms.weighted(weights) + weights.commit * commit,
        perplexity,
        gradients,
    })
}
