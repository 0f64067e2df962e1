//! Token ids to vectors with their place in the map (InterMask spec §4.1).

use super::DROPOUT;
use crate::models::config::InterMConfig;
use crate::models::vqvae::PARTS;
use crate::nn::dropout::Dropout;
use crate::nn::linear::{Linear, ZERO, embed, linear, torch_default};
use crate::nn::ops;
use candle_core::{Device, Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};

/// Start of the token table. Upstream's deviation of 0.02, here and in the projection, starts tokens a hundred times weaker
/// than the encoding of their place, and a short training spends its first hundreds of steps making them heard.
const TABLE: Init = Init::Randn { mean: 0.0, stdev: 1.0 };

/// Start of the person vectors: as loud as the encoding of place.
const PERSONS: Init = Init::Randn { mean: 0.0, stdev: 0.5 };

pub struct TokenEmbedding {
    table: Tensor,
    project: Linear,
    /// (2, d), where the model tells people apart.
    persons: Option<Tensor>,
    separator: u32,
    width: usize,
}

impl TokenEmbedding {
    /// Names `token_emb.weight` (codes + 3, code_dim) and `input_process.poseEmbedding`.
    pub fn new(config: &InterMConfig, vb: VarBuilder) -> Result<Self> {
        let rows = config.codes + 3;
        Ok(Self {
            table: vb.get_with_hints((rows, config.code_dim), "token_emb.weight", TABLE)?,
            project: linear(
                config.code_dim,
                config.latent_dim,
                torch_default(config.code_dim),
                ZERO,
                vb.pp("input_process.poseEmbedding"),
            )?,
            persons: if config.person_embedding {
                Some(vb.get_with_hints((2, config.latent_dim), "person_emb.weight", PERSONS)?)
            } else {
                None
            },
            separator: config.codes as u32 + 2,
            width: config.latent_dim,
        })
    }

    /// Ids (B, 10L) -> (B, 10L+1, d), a separator between the persons. The official model has no person embedding: it treats
    /// both people alike, and only sampling noise tells them apart.
    pub fn forward(&self, ids: &Tensor, drop: &mut dyn Dropout) -> Result<Tensor> {
        let (b, n) = ids.dims2()?;
        let separator = Tensor::full(self.separator, (b, 1), ids.device())?;
        let ids = Tensor::cat(&[&ids.narrow(1, 0, n / 2)?, &separator, &ids.narrow(1, n / 2, n / 2)?], 1)?;
        let x = self.project.forward(&embed(&self.table, &ids)?)?;
        drop.apply(&ops::add_bias(&x, &self.places(n / 2 / PARTS)?)?, DROPOUT)
    }

    /// What is added for a position, (10L+1, d): its place, and whose it is; nothing to the separator.
    fn places(&self, frames: usize) -> Result<Tensor> {
        let place = positions(frames, self.width, self.table.device())?;
        let person = |i: usize| match &self.persons {
            Some(persons) => place.broadcast_add(&persons.get(i)?),
            None => Ok(place.clone()),
        };
        let nothing = place.narrow(0, 0, 1)?.zeros_like()?;
        Tensor::cat(&[person(0)?, nothing, person(1)?], 0)
    }
}

/// 2-D sinusoidal encoding (5L, d), part-major: the first c channels encode the part, the rest the time, sin and cos
/// interleaved, frequencies 10000^(−2i/c), c = 2·ceil(d/4).
fn positions(frames: usize, d: usize, device: &Device) -> Result<Tensor> {
    let c = 2 * d.div_ceil(4);
    let frequencies: Vec<f32> = (0..c / 2).map(|i| 1.0 / 10000f32.powf(2.0 * i as f32 / c as f32)).collect();
    let wave = |position: usize, channel: usize| {
        let angle = position as f32 * frequencies[channel / 2];
        if channel.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    let mut values = Vec::with_capacity(PARTS * frames * d);
    for part in 0..PARTS {
        for t in 0..frames {
            values.extend((0..d).map(|ch| if ch < c { wave(part, ch) } else { wave(t, ch - c) }));
        }
    }
    Tensor::from_vec(values, (PARTS * frames, d), device)
}
