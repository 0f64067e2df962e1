//! Settings of a training, as a run folder keeps them in `config.toml`. Parsed once; the loops read only these.

use super::losses::{Criterion, LossWeights};
use super::optim::AdamWConfig;
use super::quantizer::DEAD_BELOW;
use super::run_folder::Which;
use super::schedule::{Decay, Schedule};
use super::teach::objective::Weights;
use super::teach::teacher;
use crate::error::{Error, Result};
use crate::models::config::{ClipTextConfig, MotionLayout, VqConfig};
use crate::nn::precision::Precision;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

mod transformer;

pub use transformer::{Optimizer, TextTraining, TransformerTrainConfig};

/// Shape of the learning-rate curve after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// Steps down, as in the official training: to a tenth after 70 and 85 % of the steps in the VQ-VAE, else to a third after
    /// 50, 70 and 85 %.
    Multistep,
    /// Half a cosine; better for short trainings.
    Cosine,
}

/// Settings that every training has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Training folder in InterHuman's layout; none for a text training, which lists its own.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub data: PathBuf,
    /// Run whose weights this one started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Which checkpoint of that run; the newest where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Which>,
    /// Seed of everything random.
    pub seed: u64,
    /// Steps in all.
    pub steps: u64,
    /// Clips a step.
    pub batch: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Warm-up steps.
    pub warmup: u64,
    /// Curve after the warm-up.
    pub curve: Curve,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Bound of the gradient's global norm; 0 = none.
    pub clip: f64,
    /// Replaces the model's own dropout rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f32>,
    /// What matrix products on the CPU round to.
    #[serde(default)]
    pub precision: Precision,
    /// Validate every so many steps.
    pub validate_every: u64,
    /// Save `latest` every so many steps.
    pub save_every: u64,
    /// Write a training line to the log every so many steps.
    pub log_every: u64,
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

impl Common {
    /// The optimiser's constants.
    pub fn adamw(&self) -> AdamWConfig {
        AdamWConfig::intermask(self.weight_decay)
    }

    /// Bound of the gradient's norm, if any.
    pub fn clip(&self) -> Option<f64> {
        (self.clip > 0.0).then_some(self.clip)
    }

    /// The learning-rate curve; multistep milestones are shares of all steps.
    fn schedule(&self, milestones: &[f64], gamma: f64, counts_warmup: bool) -> Schedule {
        match self.curve {
            Curve::Cosine => Schedule::cosine(self.lr, self.warmup, self.steps),
            Curve::Multistep => Schedule {
                base: self.lr,
                warmup: self.warmup,
                counts_warmup,
                decay: Decay::Multistep {
                    milestones: milestones.iter().map(|share| (self.steps as f64 * share) as u64).collect(),
                    gamma,
                },
            },
        }
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid("training_setting", format!("{what}; see --help")));
        if self.steps == 0 || self.batch == 0 {
            return wrong("--steps and --batch must be at least 1");
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return wrong("--lr must be a positive number");
        }
        if !(self.weight_decay.is_finite()
            && self.weight_decay >= 0.0
            && self.clip.is_finite()
            && self.clip >= 0.0)
        {
            return wrong("--weight-decay and --clip must not be negative");
        }
        if self.dropout.is_some_and(|p| !(0.0..1.0).contains(&p)) {
            return wrong("--dropout must lie in 0..1");
        }
        if self.validate_every == 0 || self.save_every == 0 || self.log_every == 0 {
            return wrong("--validate-every, --save-every and --log-every must be at least 1");
        }
        Ok(())
    }
}

/// Settings of a VQ-VAE training (InterMask spec §3.5, §3.6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqTrainConfig {
    /// What all trainings share.
    pub common: Common,
    /// Dimensions.
    pub model: VqConfig,
    /// Frames of a training window, a multiple of 4.
    pub window: usize,
    /// Frames between the starts of neighbouring windows.
    pub stride: usize,
    /// Share of each batch that is drawn by how fast hands move (ours); upstream draws all windows alike.
    #[serde(default)]
    pub lively: f64,
    /// Penalty of a difference.
    pub criterion: Criterion,
    /// Weight of each loss term.
    pub weights: LossWeights,
    /// Temperature of the codes drawn while training.
    pub code_temperature: f32,
    /// Decay of the codebook's running statistics.
    pub mu: f32,
    /// Running count of a step below which a code is replaced; upstream 1.
    #[serde(default = "dead_below")]
    pub dead_below: f32,
    /// Parts of a batch that are worked on at once, each with a mean loss of its own.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub parts: usize,
    /// Encoder and codebook stay: a motion's tokens are what they were.
    #[serde(default, skip_serializing_if = "is_off")]
    pub decoder_only: bool,
}

fn is_off(set: &bool) -> bool {
    !set
}

fn one() -> usize {
    1
}

fn is_one(parts: &usize) -> bool {
    *parts == 1
}

fn dead_below() -> f32 {
    DEAD_BELOW
}

impl VqTrainConfig {
    /// The learning-rate curve.
    pub fn schedule(&self) -> Schedule {
        self.common.schedule(&[0.7, 0.85], 0.1, false)
    }

    /// Refuse what cannot be trained.
    pub fn check(&self) -> Result<()> {
        self.common.check()?;
        let m = &self.model;
        if m.layout != MotionLayout::InterHuman {
            return Err(Error::invalid(
                "training_layout",
                "only the InterHuman representation can be trained; Inter-X losses need the SMPL-X body model",
            ));
        }
        if !(1..=2048).contains(&m.width)
            || !(1..=2048).contains(&m.code_dim)
            || !(2..=65_536).contains(&m.codes)
        {
            return Err(Error::invalid(
                "training_setting",
                "--width and --code-dim must lie in 1..=2048, --codes in 2..=65536",
            ));
        }
        if !(1..=8).contains(&m.depth) || !(1..=8).contains(&m.dilation_growth) {
            return Err(Error::invalid(
                "training_setting",
                "--depth and --dilation-growth must lie in 1..=8",
            ));
        }
        if self.window < 8 || !self.window.is_multiple_of(4) || self.window > 300 || self.stride == 0 {
            return Err(Error::invalid(
                "training_setting",
                "--window must be a multiple of 4 in 8..=300 and --stride at least 1",
            ));
        }
        if !(0.0..=1.0).contains(&self.lively) {
            return Err(Error::invalid("training_setting", "--lively must lie in 0..=1"));
        }
        if !(self.code_temperature >= 0.0 && (0.0..1.0).contains(&self.mu)) {
            return Err(Error::invalid(
                "training_setting",
                "--code-temperature must not be negative, --mu must lie in 0..1",
            ));
        }
        if !(0.0..=1000.0).contains(&self.dead_below) {
            return Err(Error::invalid("training_setting", "--dead-below must lie in 0..=1000"));
        }
        Ok(())
    }
}

/// Settings of teaching a text tower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextTrainConfig {
    /// Folder of the sentence model.
    pub teacher: PathBuf,
    /// Training folders whose captions are learned.
    pub data: Vec<PathBuf>,
    /// Files of sentences, one a line, that are learned too.
    pub texts: Vec<PathBuf>,
    /// Clips of those folders whose captions are learned, spread evenly. Older runs do not say it; only their towers are read.
    #[serde(default)]
    pub clips: usize,
    /// Scenes of the grammar, four sentences each.
    pub scenes: usize,
    /// Single words that every step adds to its sentences.
    pub words: usize,
    /// What all trainings share; a batch is so many scenes or captions.
    pub common: Common,
    /// Dimensions.
    pub tower: ClipTextConfig,
    /// Weights of the loss terms.
    pub weights: Weights,
}

impl TextTrainConfig {
    /// The learning-rate curve.
    pub fn schedule(&self) -> Schedule {
        self.common.schedule(&[0.5, 0.7, 0.85], 1.0 / 3.0, true)
    }

    /// Refuse what cannot be trained.
    pub fn check(&self) -> Result<()> {
        self.common.check()?;
        let wrong = |what: &str| Err(Error::invalid("training_setting", format!("{what}; see --help")));
        let t = &self.tower;
        if t.heads == 0 || !t.width.is_multiple_of(t.heads) || !(1..=teacher::WIDTH).contains(&t.width) {
            return wrong("--width must be a multiple of --heads and at most 384");
        }
        if !(1..=24).contains(&t.layers) {
            return wrong("--layers must lie in 1..=24");
        }
        if self.words > 4096 || self.scenes > 1_000_000 {
            return wrong("--words must be at most 4096, --scenes at most 1000000");
        }
        let w = &self.weights;
        let weights = [w.similarity, w.same, w.contrast, w.scene];
        if weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)) || !(-1.0..=1.0).contains(&w.margin) {
            return wrong("the weights must not be negative and --margin must lie in -1..=1");
        }
        Ok(())
    }
}

/// Settings as TOML.
pub fn to_toml<T: Serialize>(config: &T) -> Result<String> {
    toml::to_string(config)
        .map_err(|e| Error::internal("config_write", "the settings could not be written").with_source(e))
}

/// Settings from TOML that [`to_toml`] wrote.
pub fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text)
        .map_err(|e| Error::corrupt("config_corrupt", format!("config.toml cannot be read: {e}")))
}

#[cfg(test)]
mod tests;
