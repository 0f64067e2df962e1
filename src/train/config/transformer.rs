//! Settings of a transformer training.

use super::{Common, is_one, one};
use crate::error::{Error, Result};
use crate::models::config::{ClipTextConfig, InterMConfig};
use crate::train::schedule::Schedule;
use crate::train::text_source::TOKENS;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Who moves the matrices of the transformer's blocks and word attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// AdamW, as all else
    #[default]
    Adamw,
    /// Muon
    Muon,
}

impl Optimizer {
    fn is_adamw(&self) -> bool {
        *self == Self::Adamw
    }
}

/// Where the transformer's text features come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum TextTraining {
    /// Our own small tower, trained with the transformer. Its vocabulary is stated at full size here; while training,
    /// only the tokens that occur in the captions have rows.
    Train {
        /// Dimensions.
        tower: ClipTextConfig,
    },
    /// A finished tower that stays as it is: the text part of a model package.
    Frozen {
        /// Dimensions.
        tower: ClipTextConfig,
        /// Folder of the package.
        package: PathBuf,
    },
    /// Our own small tower as a sentence model taught it (`duet train text`). Its token table stays as it is, so that words
    /// outside the captions keep their place among those inside; the rest learns along.
    Taught {
        /// Dimensions.
        tower: ClipTextConfig,
        /// Its run folder.
        run: PathBuf,
        /// Factor on the tower's learning rate; 0 = the tower stays as it is.
        rate: f64,
    },
}

impl TextTraining {
    /// Dimensions of the tower.
    pub fn tower(&self) -> &ClipTextConfig {
        match self {
            Self::Train { tower } | Self::Frozen { tower, .. } | Self::Taught { tower, .. } => tower,
        }
    }

    /// Whether `--text` of a new training could have said so: `train`, the package's folder or the run's.
    pub fn is_called(&self, given: &str) -> bool {
        match self {
            Self::Train { .. } => given == "train",
            Self::Frozen { package: folder, .. } | Self::Taught { run: folder, .. } => {
                folder == Path::new(given)
            }
        }
    }

    /// Factor on the learning rate of the tower's variable `name` (under the tower's prefix); `None` where it stays.
    pub fn rate(&self, name: &str) -> Option<f64> {
        match self {
            Self::Train { .. } => Some(1.0),
            Self::Frozen { .. } => None,
            Self::Taught { rate, .. } => (*rate > 0.0 && name != TOKENS).then_some(*rate),
        }
    }
}

/// Settings of a transformer training (InterMask spec §4.5).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerTrainConfig {
    /// What all trainings share.
    pub common: Common,
    /// Run folder of the VQ-VAE whose tokens are learned (its best checkpoint).
    pub vq: PathBuf,
    /// Dimensions.
    pub model: InterMConfig,
    /// The text tower.
    pub text: TextTraining,
    /// Who moves the matrices of blocks and word attention; upstream AdamW.
    #[serde(default, skip_serializing_if = "Optimizer::is_adamw")]
    pub optimizer: Optimizer,
    /// Longest clip, frames; longer ones are cropped.
    pub max_frames: usize,
    /// Probability that a batch has one person wholly masked.
    pub interaction_probability: f32,
    /// Parts of a batch that are worked on at once, each with a mean loss of its own.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub parts: usize,
    /// Probability that a caption is dropped, sentence and words alike, for guidance.
    pub drop_text: f32,
    /// Weight of the second, unrolled pass; 0 leaves it out.
    pub step_unroll: f64,
    /// Weight of telling captions apart ([`super::contrast`]); 0 leaves it out, as upstream does.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contrast: f64,
}

fn is_zero(weight: &f64) -> bool {
    *weight == 0.0
}

impl TransformerTrainConfig {
    /// The learning-rate curve.
    pub fn schedule(&self) -> Schedule {
        self.common.schedule(&[0.5, 0.7, 0.85], 1.0 / 3.0, true)
    }

    /// Refuse what cannot be trained.
    pub fn check(&self) -> Result<()> {
        self.common.check()?;
        let wrong = |what: &str| Err(Error::invalid("training_setting", format!("{what}; see --help")));
        let m = &self.model;
        if m.heads == 0 || !m.latent_dim.is_multiple_of(m.heads) || !m.latent_dim.is_multiple_of(4) {
            return wrong("--latent must be a multiple of --heads and of 4");
        }
        if m.text_head.heads == 0 || !m.text_dim.is_multiple_of(m.text_head.heads) {
            return wrong("the text width must be a multiple of --text-head-heads");
        }
        let tower = self.text.tower();
        if tower.heads == 0 || !tower.width.is_multiple_of(tower.heads) || tower.width != m.text_dim {
            return wrong("--text-width must be a multiple of --text-heads");
        }
        if matches!(self.text, TextTraining::Taught { rate, .. } if !(0.0..=10.0).contains(&rate)) {
            return wrong("--text-lr-scale must lie in 0..=10");
        }
        if !self.common.batch.is_multiple_of(2) {
            return wrong("--batch must be even: half of it has one person masked, half the other");
        }
        if !(16..=300).contains(&self.max_frames) {
            return wrong("--max-frames must lie in 16..=300");
        }
        let share = |p: f32| (0.0..=1.0).contains(&p);
        if !share(self.interaction_probability) || !share(self.drop_text) {
            return wrong("--interaction-mask and --drop-text must lie in 0..=1");
        }
        let weight = |w: f64| w.is_finite() && w >= 0.0;
        if !weight(self.step_unroll) || !weight(self.contrast) {
            return wrong("--step-unroll and --contrast must not be negative");
        }
        Ok(())
    }
}
