//! Kind `losses`: the VQ-VAE's reconstruction losses and their derivative.

use super::arg;
use super::inputs::{Args, Inputs, Params, host};
use super::runner::Quantities;
use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use duet::motion::FEATURES;
use duet::train::interaction::{PairLosses, pair_losses};
use duet::train::losses::{Criterion, Loss, LossWeights, Losses, bone_lengths};

/// The criterion, weights and statistics that an item states.
pub fn losses(inputs: &Inputs<'_>, params: &Params<'_>) -> Result<Losses> {
    let criterion = match params.str("recons_loss")? {
        "l1_smooth" => Criterion::SmoothL1,
        "l1" => Criterion::L1,
        other => bail!("unknown criterion {other:?}"),
    };
    let mut weights = LossWeights::default();
    if params.get("loss_weights").is_some() {
        let stated = params.below("loss_weights")?;
        weights = LossWeights {
            rec: stated.f64("rec")?,
            commit: if stated.get("commit").is_some() { stated.f64("commit")? } else { weights.commit },
            explicit: stated.f64("explicit")?,
            vel: stated.f64("vel")?,
            bone: stated.f64("bn")?,
            geo: stated.f64("geo")?,
            foot: stated.f64("fc")?,
            local: 0.0,
            swing: 0.0,
        };
    }
    let (mean, std) = (host(&inputs.tensor("stats_mean")?)?, host(&inputs.tensor("stats_std")?)?);
    ensure!(mean.len() == FEATURES && std.len() == FEATURES, "statistics of another representation");
    Ok(Losses { criterion, weights, mean, std })
}

struct Geometric {
    losses: Losses,
    loss: Loss,
    /// First half of the batch = person 1, second half = person 2.
    pairs: PairLosses,
    shape: Vec<usize>,
}

pub fn geometric(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let losses = losses(inputs, &inputs.params)?;
    let (target, prediction) = (inputs.tensor("gt")?, inputs.tensor("pred")?);
    let frames = prediction.dims3()?.1;
    let shape = prediction.dims().to_vec();
    let (target, prediction) = (host(&target)?, host(&prediction)?);
    let loss = losses.compare(&prediction, &target, frames);
    let pairs = pair_losses(&losses, &prediction, &target, frames);
    Ok(Box::new(Geometric { losses, loss, pairs, shape }))
}

impl Quantities for Geometric {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        let terms = &self.loss.terms;
        let value = match what {
            "rec" => terms.rec,
            "explicit" => terms.explicit,
            "vel" => terms.vel,
            "bn" => terms.bone,
            "geo" => terms.geo,
            "fc" => terms.foot,
            "dm_unused" => self.pairs.distance_map,
            "ro_unused" => self.pairs.relative_orientation,
            "weighted_total" => terms.weighted(&self.losses.weights),
            "grad_wrt_pred" => {
                return Ok(Tensor::from_slice(&self.loss.gradient, self.shape.as_slice(), &Device::Cpu)?);
            }
            _ => bail!("unknown quantity {what:?}"),
        };
        Ok(Tensor::new(value, &Device::Cpu)?)
    }
}

/// By the `what` of the motion: (frames, 21) of every clip.
struct BoneLengths(Vec<(&'static str, Tensor)>);

pub fn bones(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let mut motions = Vec::new();
    for what in ["gt", "pred"] {
        if let Some(motion) = inputs.find(what, &[])? {
            motions.push((what, motion));
        }
    }
    Ok(Box::new(BoneLengths(motions)))
}

impl Quantities for BoneLengths {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        ensure!(what == "bone_lengths", "unknown quantity {what:?}");
        let of = arg::str(args, "of")?;
        let (_, motion) =
            self.0.iter().find(|(name, _)| *name == of).with_context(|| format!("no motion {of:?}"))?;
        let (clips, frames, width) = motion.dims3()?;
        let lengths: Vec<f64> = host(motion)?.chunks(width).flat_map(bone_lengths).collect();
        Ok(Tensor::from_vec(lengths, (clips, frames, ()), &Device::Cpu)?)
    }
}

struct Foot(f64);

pub fn foot(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let losses = losses(inputs, &inputs.params)?;
    let (target, prediction) = (inputs.tensor("gt")?, inputs.tensor("pred")?);
    let frames = prediction.dims3()?.1;
    Ok(Box::new(Foot(losses.foot(&host(&prediction)?, &host(&target)?, frames))))
}

impl Quantities for Foot {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        ensure!(what == "fc", "unknown quantity {what:?}");
        Ok(Tensor::new(self.0, &Device::Cpu)?)
    }
}
