//! The residual stack between resolutions (InterMask spec §3.2).

use crate::models::config::{Activation, VqConfig};
use crate::nn::conv::{Conv2d, same};
use crate::nn::dropout::Dropout;
use crate::nn::ops;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Upstream's dropout inside residual blocks.
const DROPOUT: f32 = 0.2;

/// `depth` residual blocks, the largest dilation first.
#[derive(Clone, Debug)]
pub struct ResidualStack {
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
struct Block {
    conv1: Conv2d,
    conv2: Conv2d,
    activation: Activation,
}

impl ResidualStack {
    /// Names `model.{i}.conv1`, `model.{i}.conv2`.
    pub fn new(config: &VqConfig, vb: VarBuilder) -> Result<Self> {
        let blocks = (0..config.depth)
            .map(|i| {
                let dilation = config.dilation_growth.pow((config.depth - 1 - i) as u32);
                let vb = vb.pp(format!("model.{i}"));
                Ok(Block {
                    conv1: Conv2d::new(config.width, config.width, same(3, dilation), vb.pp("conv1"))?,
                    conv2: Conv2d::new(config.width, config.width, same(1, 1), vb.pp("conv2"))?,
                    activation: config.activation,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { blocks })
    }

    /// (B, T, J, C) -> same.
    pub fn forward(&self, x: &Tensor, drop: &mut dyn Dropout) -> Result<Tensor> {
        let mut x = x.clone();
        for block in &self.blocks {
            let h = block.conv1.forward(&activate(&x, block.activation)?)?;
            let h = block.conv2.forward(&activate(&h, block.activation)?)?;
            x = (x + drop.apply(&h, DROPOUT)?)?;
        }
        Ok(x)
    }
}

fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Relu => ops::relu(x),
        Activation::Silu => x.silu(),
        Activation::Gelu => ops::gelu(x),
    }
}
