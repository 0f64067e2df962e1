//! Hidden states to logits (InterMask spec §4.3, last paragraph).

use super::EPS;
use crate::models::config::InterMConfig;
use crate::nn::linear::{Linear, NORMAL_02, ZERO, linear};
use crate::nn::ops;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

pub struct OutputHead {
    dense: Linear,
    modulation: Linear,
    last: Linear,
}

/// Shift and scale of the output norm, (B, 1, d) each.
pub struct HeadModulation {
    shift: Tensor,
    scale: Tensor,
}

impl OutputHead {
    /// Names `dense`, `adaLN_mod.model.1`, `poseFinal`.
    pub fn new(config: &InterMConfig, vb: VarBuilder) -> Result<Self> {
        let d = config.latent_dim;
        Ok(Self {
            dense: linear(d, d, NORMAL_02, ZERO, vb.pp("dense"))?,
            modulation: linear(d, 2 * d, ZERO, ZERO, vb.pp("adaLN_mod.model.1"))?,
            last: linear(d, config.codes, NORMAL_02, ZERO, vb.pp("poseFinal"))?,
        })
    }

    pub fn modulation(&self, condition: &Tensor) -> Result<HeadModulation> {
        let m = self.modulation.forward(&condition.silu()?)?.unsqueeze(1)?;
        let d = m.dim(2)? / 2;
        Ok(HeadModulation { shift: m.narrow(2, 0, d)?, scale: m.narrow(2, d, d)? })
    }

    pub fn forward(&self, x: &Tensor, m: &HeadModulation) -> Result<Tensor> {
        let h = self.dense.with_gelu(x)?;
        self.last.forward(&ops::norm_modulate(&h, &m.shift, &m.scale, EPS)?)
    }
}
