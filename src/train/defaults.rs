//! What the settings of a new training are where nobody says otherwise.

use super::config::{Common, Curve, Optimizer, TextTraining, TransformerTrainConfig, VqTrainConfig};
use super::losses::{Criterion, LossWeights};
use super::quantizer::DEAD_BELOW;
use crate::models::config::{InterMConfig, VqConfig};
use crate::nn::precision::Precision;
use std::path::PathBuf;

/// Of a training on `data`, so many clips a step.
fn common(data: PathBuf, batch: usize) -> Common {
    Common {
        data,
        from: None,
        checkpoint: None,
        seed: 3407,
        steps: 20_000,
        batch,
        lr: 2e-4,
        warmup: 200,
        curve: Curve::Cosine,
        weight_decay: 0.0,
        clip: 0.0,
        dropout: None,
        precision: Precision::F32,
        validate_every: 500,
        save_every: 500,
        log_every: 20,
    }
}

impl VqTrainConfig {
    /// A new training of `model` on `data`.
    pub fn of(model: VqConfig, data: PathBuf) -> Self {
        Self {
            common: Common { clip: 1.0, ..common(data, 32) },
            model,
            window: 64,
            stride: 10,
            lively: 0.0,
            criterion: Criterion::SmoothL1,
            weights: LossWeights::default(),
            code_temperature: 0.0,
            mu: 0.99,
            dead_below: DEAD_BELOW,
            parts: 1,
            decoder_only: false,
        }
    }
}

impl TransformerTrainConfig {
    /// A new training of `model` with `text` on `data` and on the tokens of the run `vq`.
    pub fn of(model: InterMConfig, text: TextTraining, vq: PathBuf, data: PathBuf) -> Self {
        Self {
            common: Common { weight_decay: 1e-5, ..common(data, 16) },
            vq,
            model,
            text,
            optimizer: Optimizer::Adamw,
            max_frames: 300,
            interaction_probability: 0.2,
            parts: 1,
            drop_text: 0.1,
            step_unroll: 1.0,
            contrast: 0.0,
        }
    }
}
