//! Linear, exact GELU, linear.

use super::DROPOUT;
use crate::nn::dropout::Dropout;
use crate::nn::linear::{Linear, NORMAL_02, ZERO, linear};
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

pub struct FeedForward {
    up: Linear,
    down: Linear,
}

impl FeedForward {
    /// Names `model.0` and `model.3`: upstream's sequence of linear, GELU, dropout, linear, dropout.
    pub fn new(d: usize, ff: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            up: linear(d, ff, NORMAL_02, ZERO, vb.pp("model.0"))?,
            down: linear(ff, d, NORMAL_02, ZERO, vb.pp("model.3"))?,
        })
    }

    pub fn forward(&self, x: &Tensor, drop: &mut dyn Dropout) -> Result<Tensor> {
        let h = drop.apply(&self.up.with_gelu(x)?, DROPOUT)?;
        drop.apply(&self.down.forward(&h)?, DROPOUT)
    }
}
