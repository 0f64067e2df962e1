//! Layer norm with gain and shift.

use super::linear::{ONE, ZERO};
use super::ops;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

/// Layer norm over the last axis with learned `weight` and `bias`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    /// Names `weight` and `bias`, both (width).
    pub fn new(width: usize, eps: f32, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints(width, "weight", ONE)?,
            bias: vb.get_with_hints(width, "bias", ZERO)?,
            eps,
        })
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::norm_affine(x, &self.weight, &self.bias, self.eps)
    }
}
