//! The motion VQ-VAE (InterMask spec §3; upstream class `RVQVAE` with one quantiser).
//!
//! Inside, tensors are channels-last (B, T, J, C): frames, joints (later five body parts), channels.

mod decoder;
mod encoder;
mod graph;
mod layout;
mod quantizer;
mod residual;

pub use decoder::nearest_rows;
pub use graph::{BONES, GraphMode};
pub use layout::{FEATURES, INTERX_ROWS};
pub use quantizer::Quantizer;

use super::config::VqConfig;
use crate::nn::dropout::{Dropout, Keep};
use crate::nn::probe::Probe;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Body-part rows of a token map.
pub const PARTS: usize = 5;
/// Frames per token.
pub const TIME_STRIDE: usize = 4;

/// Encoder, codebook and decoder.
pub struct VqVae {
    config: VqConfig,
    encoder: encoder::Encoder,
    decoder: decoder::Decoder,
    /// The codebook.
    pub quantizer: Quantizer,
}

/// What one evaluation pass through the whole autoencoder gives.
pub struct Reconstruction {
    /// Same layout as the input, frames cut to a multiple of four.
    pub motion: Tensor,
    /// Mean squared distance of latents to their codes, scalar.
    pub commit_loss: Tensor,
    /// exp(entropy) of code usage, scalar.
    pub perplexity: Tensor,
}

impl VqVae {
    /// Names as in official checkpoints: `encoder.*`, `decoder.*`, `quantizer.layers.0.codebook`.
    pub fn new(config: &VqConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            config: config.clone(),
            encoder: encoder::Encoder::new(config, vb.pp("encoder"))?,
            decoder: decoder::Decoder::new(config, vb.pp("decoder"))?,
            quantizer: Quantizer::new(config, vb.pp("quantizer.layers.0"))?,
        })
    }

    /// Dimensions.
    pub fn config(&self) -> &VqConfig {
        &self.config
    }

    /// Latents (B, PARTS·L, code_dim), part-major, of normalised motion (B, T, 262) or (B, T, 56, 6); L = T/4.
    /// Probe: `preprocessed` (B, C, J, T), `enc_gcn_out` (B, width, J, T), `encoder_out` (B, code_dim, PARTS, L).
    pub fn latents(
        &self,
        motion: &Tensor,
        graph: GraphMode,
        drop: &mut dyn Dropout,
        probe: &mut dyn Probe,
    ) -> Result<Tensor> {
        let x = layout::to_joints(motion, self.config.layout, self.config.places)?;
        probe.see("preprocessed", &x.permute((0, 3, 2, 1))?);
        let z = self.encoder.forward(&x, graph, drop, probe)?;
        probe.see("encoder_out", &z.permute((0, 3, 2, 1))?);
        // (B, L, PARTS, C) -> part-major rows
        z.transpose(1, 2)?.contiguous()?.flatten(1, 2)
    }

    /// Token ids (B, PARTS·L), u32, part-major: index = part·L + t.
    pub fn encode(&self, motion: &Tensor, graph: GraphMode) -> Result<Tensor> {
        self.quantizer.nearest(&self.latents(motion, graph, &mut Keep, &mut ())?)
    }

    /// Normalised motion (B, 4L, 262) or (B, 4L, 56, 6) of ids (B, PARTS·L), i64 or u32; −1 decodes as the zero vector.
    pub fn decode(&self, ids: &Tensor, graph: GraphMode) -> Result<Tensor> {
        self.decode_codes(&self.quantizer.lookup(ids)?, graph, &mut Keep)
    }

    /// Normalised motion of code vectors (B, PARTS·L, code_dim).
    pub fn decode_codes(&self, codes: &Tensor, graph: GraphMode, drop: &mut dyn Dropout) -> Result<Tensor> {
        let (b, n, c) = codes.dims3()?;
        let z = codes.reshape((b, PARTS, n / PARTS, c))?.transpose(1, 2)?.contiguous()?;
        let joints = self.decoder.forward(&z, graph, drop)?;
        layout::from_joints(&joints, self.config.layout, self.config.places)
    }

    /// Encode, quantise without noise, decode.
    pub fn reconstruct(&self, motion: &Tensor, graph: GraphMode) -> Result<Reconstruction> {
        let latents = self.latents(motion, graph, &mut Keep, &mut ())?;
        let ids = self.quantizer.nearest(&latents)?;
        let codes = self.quantizer.lookup(&ids)?;
        Ok(Reconstruction {
            motion: self.decode_codes(&codes, graph, &mut Keep)?,
            commit_loss: (latents - codes)?.sqr()?.mean_all()?,
            perplexity: self.quantizer.perplexity(&ids)?,
        })
    }
}
