//! Training the VQ-VAE from the first step to the last.

use super::Outcome;
use super::after_step::{AfterStep, Score, Trainer};
use super::checkpoint::{Checkpoint, Kind, Meta, model_tensors};
use super::config::{VqTrainConfig, to_toml};
use super::dropout::CounterDropout;
use super::journal::Journal;
use super::losses::Losses;
use super::optim::AdamW;
use super::order::{Order, Weighted};
use super::quantizer::{CodeNoise, Codebook};
use super::run_folder::RunFolder;
use super::shards::parts;
use super::stop::Stop;
use super::vq_step::{VqObjective, VqPass, vq_pass};
use crate::data::VqWindows;
use crate::error::{Error, Result};
use crate::models::vqvae::{GraphMode, VqVae};
use crate::motion::{FEATURES, JOINTS, Stats};
use crate::nn::params::Params;
use crate::rng::CounterRng;
use candle_core::{Device, Tensor};
use serde_json::{Map, json};
use std::collections::HashMap;
use std::path::Path;

/// The codebook among the model's tensors; moved by running means, not by the optimiser.
pub const CODEBOOK: &str = "quantizer.layers.0.codebook";
/// Prefix of what makes motion of codes.
pub const DECODER: &str = "decoder.";
/// Windows that one validation batch holds.
const VALIDATION_BATCH: usize = 64;

/// Normalised windows of one person's motion, all of the same length.
pub trait Windows {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Append window `index`, (frames, 262) row-major.
    fn append(&self, index: usize, out: &mut Vec<f32>);

    /// How fast hands move in window `index`, m/s.
    fn liveliness(&self, index: usize) -> f32;
}

impl Windows for VqWindows {
    fn len(&self) -> usize {
        VqWindows::len(self)
    }

    fn append(&self, index: usize, out: &mut Vec<f32>) {
        out.extend_from_slice(self.get(index).expect("callers ask for windows below len"));
    }

    fn liveliness(&self, index: usize) -> f32 {
        VqWindows::liveliness(self, index)
    }
}

/// A VQ-VAE in training.
pub struct VqTrainer {
    config: VqTrainConfig,
    objective: VqObjective,
    params: Params,
    model: VqVae,
    codebook: Codebook,
    adam: AdamW,
    rng: CounterRng,
    device: Device,
    /// Best validation value so far, cm.
    pub best: Option<f64>,
}

impl VqTrainer {
    /// A fresh model.
    pub fn new(config: &VqTrainConfig, stats: &Stats, device: &Device) -> Result<Self> {
        Self::build(config, stats, HashMap::new(), device)
    }

    /// The model of a checkpoint, ready for its next step.
    pub fn resume(
        config: &VqTrainConfig,
        stats: &Stats,
        checkpoint: &Checkpoint,
        device: &Device,
    ) -> Result<Self> {
        let mut trainer = Self::build(config, stats, checkpoint.model(), device)?;
        trainer.adam.restore(&checkpoint.tensors, checkpoint.meta.step)?;
        trainer.codebook.restore(&checkpoint.tensors)?;
        trainer.best = checkpoint.meta.best;
        Ok(trainer)
    }

    /// A new training that starts with the model of a checkpoint.
    pub fn with_weights(
        config: &VqTrainConfig,
        stats: &Stats,
        first: &Checkpoint,
        device: &Device,
    ) -> Result<Self> {
        let mut trainer = Self::build(config, stats, first.model(), device)?;
        trainer.codebook.restore(&first.tensors)?;
        Ok(trainer)
    }

    fn build(
        config: &VqTrainConfig,
        stats: &Stats,
        initial: HashMap<String, Tensor>,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let params = Params::from_tensors(initial, config.common.seed, device);
        let model = VqVae::new(&config.model, params.builder())?;
        let learns = |name: &str| name != CODEBOOK && (!config.decoder_only || name.starts_with(DECODER));
        let vars = params.vars().into_iter().filter(|(name, _)| learns(name)).collect();
        let losses = Losses {
            criterion: config.criterion,
            weights: config.weights,
            mean: stats.mean().to_vec(),
            std: stats.std().to_vec(),
        };
        Ok(Self {
            objective: VqObjective {
                losses,
                temperature: config.code_temperature,
                graph: GraphMode::PerClip,
                decoder_only: config.decoder_only,
            },
            codebook: Codebook {
                dead_below: config.dead_below,
                ..Codebook::empty(config.model.codes, config.model.code_dim, config.mu)
            },
            adam: AdamW::new(vars, config.common.adamw())?,
            rng: CounterRng::new(config.common.seed, "vq training"),
            config: config.clone(),
            params,
            model,
            device: device.clone(),
            best: None,
        })
    }

    /// Numbers that are trained.
    pub fn parameters(&self) -> usize {
        self.adam.vars().iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// One step on `motion` (B, window, 262). Returns the pass, the gradient's norm before clipping and the rate.
    pub fn step(&mut self, motion: &Tensor) -> Result<(VqPass, f64, f64)> {
        let step = self.steps() + 1;
        let rng = self.rng.nth(step);
        let draws = rng.fork("codes");
        // Temperature 0 takes the nearest code.
        let noise = if self.objective.temperature > 0.0 { CodeNoise::Rng(&draws) } else { CodeNoise::None };
        let mut parts = parts(motion.dim(0)?, self.config.parts)
            .into_iter()
            .enumerate()
            .map(|(part, rows)| {
                // The first part draws what a whole batch would.
                let rng = if part == 0 { rng } else { rng.fork("part").nth(part as u64) };
                let drop = CounterDropout::new(rng.fork("dropout"), self.config.common.dropout);
                Ok((motion.narrow(0, rows.start, rows.len())?.contiguous()?, drop))
            })
            .collect::<Result<Vec<_>>>()?;
        let pass = vq_pass(
            &self.model,
            self.adam.vars(),
            &mut self.codebook,
            &self.objective,
            &mut parts,
            &noise,
            &rng.fork("fill"),
        )?;
        let rate = self.config.schedule().rate(step);
        let norm = self.adam.step(&pass.gradients, rate, self.config.common.clip())?;
        Ok((pass, norm, rate))
    }

    /// Mean joint error (cm) of reconstructed windows, nearest codes, no dropout.
    pub fn validate(&self, windows: &dyn Windows) -> Result<f64> {
        self.show_codebook()?;
        let frames = self.config.window;
        let (mut sum, mut count) = (0.0, 0usize);
        for start in (0..windows.len()).step_by(VALIDATION_BATCH) {
            let indices: Vec<usize> = (start..windows.len().min(start + VALIDATION_BATCH)).collect();
            let motion = gather(windows, &indices, frames, &self.device)?;
            let made = self.model.reconstruct(&motion, GraphMode::PerClip)?.motion;
            let (truth, made) =
                (motion.flatten_all()?.to_vec1::<f32>()?, made.flatten_all()?.to_vec1::<f32>()?);
            for (truth, made) in truth.chunks(FEATURES).zip(made.chunks(FEATURES)) {
                sum += joint_error(truth, made, &self.objective.losses.std);
                count += JOINTS;
            }
        }
        Ok(100.0 * sum / count.max(1) as f64)
    }

    /// Copy the codebook into the model.
    fn show_codebook(&self) -> Result<()> {
        if let Some(var) = self.params.vars().get(CODEBOOK) {
            var.set(&Tensor::from_slice(&self.codebook.codes, var.shape(), &self.device)?)?;
        }
        Ok(())
    }
}

impl Trainer for VqTrainer {
    fn steps(&self) -> u64 {
        self.adam.steps()
    }

    fn best(&mut self) -> &mut Option<f64> {
        &mut self.best
    }

    fn save(&self, path: &Path) -> Result<()> {
        self.show_codebook()?;
        let mut tensors = model_tensors(&self.params.vars());
        tensors.extend(self.adam.state());
        tensors.extend(self.codebook.state()?);
        for (name, values) in
            [("stats.mean", &self.objective.losses.mean), ("stats.std", &self.objective.losses.std)]
        {
            tensors.push((name.to_owned(), Tensor::from_slice(values, values.len(), &Device::Cpu)?));
        }
        let meta = Meta::new(Kind::Vq, self.steps(), self.best, to_toml(&self.config)?);
        Checkpoint::save(path, &meta, &tensors)
    }
}

/// Sum over joints of the distance (m) between two normalised frames' positions; means cancel.
fn joint_error(a: &[f32], b: &[f32], std: &[f32]) -> f64 {
    (0..JOINTS)
        .map(|joint| {
            let square: f64 = (joint * 3..joint * 3 + 3)
                .map(|k| (f64::from(a[k] - b[k]) * f64::from(std[k])).powi(2))
                .sum();
            square.sqrt()
        })
        .sum()
}

/// The given windows as one tensor (B, frames, 262).
pub fn gather(windows: &dyn Windows, indices: &[usize], frames: usize, device: &Device) -> Result<Tensor> {
    let mut values = Vec::with_capacity(indices.len() * frames * FEATURES);
    for index in indices {
        windows.append(*index, &mut values);
    }
    Ok(Tensor::from_vec(values, (indices.len(), frames, FEATURES), device)?)
}

/// Train until `config.common.steps`, saving into `run`. `trainer` is fresh or resumed.
pub fn train(
    trainer: &mut VqTrainer,
    windows: &dyn Windows,
    held_out: &dyn Windows,
    run: &RunFolder,
    stop: &Stop,
) -> Result<Outcome> {
    let config = trainer.config.clone();
    let common = &config.common;
    if windows.is_empty() {
        return Err(Error::invalid(
            "no_training_data",
            format!(
                "no clip of the training split is {} frames long; prepare data first (`duet data prepare`)",
                config.window
            ),
        ));
    }
    let mut order = Order::new(windows.len(), common.batch, trainer.rng.fork("order"));
    let weighted = Weighted::new((0..windows.len()).map(|index| windows.liveliness(index)));
    let drawn = (config.lively * common.batch as f64).round() as usize;
    let mut journal = Journal::open(&run.log(), trainer.steps(), common.steps)?;
    journal.say(&format!(
        "{} trainable numbers, {} windows of {} frames, {} steps an epoch, {} held-out windows",
        trainer.parameters(),
        windows.len(),
        config.window,
        order.steps_per_epoch(),
        held_out.len(),
    ));

    let after_step = AfterStep { common, run, stop, held_out: !held_out.is_empty() };
    while trainer.steps() < common.steps {
        let step = trainer.steps() + 1;
        let mut batch = order.batch(step);
        let draws = trainer.rng.nth(step).fork("lively");
        for (n, index) in batch.iter_mut().take(drawn).enumerate() {
            *index = weighted.at(draws.uniform_at(n as u64)).unwrap_or(*index);
        }
        let motion = gather(windows, &batch, config.window, &trainer.device)?;
        let (pass, norm, rate) = trainer.step(&motion)?;
        journal.step(step, &format!("loss {:.4}  codes {:.0}", pass.total, pass.perplexity));
        if step.is_multiple_of(common.log_every) || step == 1 {
            journal.log("train", step, metrics(&pass, norm, rate, journal.rate()))?;
        }

        let validate = |trainer: &VqTrainer| {
            let error = trainer.validate(held_out)?;
            Ok(Score {
                value: error,
                metrics: Map::from_iter([("joint_error_cm".to_owned(), error.into())]),
                told: format!("joint error {error:.2} cm"),
            })
        };
        if after_step.run(trainer, &mut journal, validate)? {
            journal.finish();
            return Ok(Outcome::Stopped(step));
        }
    }
    journal.finish();
    Ok(Outcome::Finished)
}

fn metrics(pass: &VqPass, norm: f64, rate: f64, speed: f64) -> Map<String, serde_json::Value> {
    let terms = &pass.terms;
    let value = json!({
        "loss": pass.total, "rec": terms.rec, "explicit": terms.explicit, "vel": terms.vel, "bone": terms.bone,
        "geo": terms.geo, "foot": terms.foot, "local": terms.local, "swing": terms.swing, "commit": pass.commit, "perplexity": pass.perplexity,
        "gradient_norm": norm, "lr": rate, "steps_per_second": speed,
    });
    value.as_object().cloned().unwrap_or_default()
}
