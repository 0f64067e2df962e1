//! Convolution layer on channels-last (B, T, J, C) tensors: time is the height, joints (or body parts) the width.

use super::linear::torch_default;
use super::ops::{self, ConvGeometry};
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// A 2-D convolution whose weights keep the reference's names and layout: `weight` (Co, Ci, joints, time), `bias` (Co).
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    geometry: ConvGeometry,
    /// (Co, time·joints·Ci); made once when the weight cannot change.
    packed: Option<Tensor>,
}

impl Conv2d {
    /// `geometry` in (time, joints) order.
    pub fn new(input: usize, output: usize, geometry: ConvGeometry, vb: VarBuilder) -> Result<Self> {
        let (kt, kj) = geometry.kernel;
        let init = torch_default(input * kt * kj);
        let weight = vb.get_with_hints((output, input, kj, kt), "weight", init)?;
        let bias = vb.get_with_hints(output, "bias", init)?;
        let packed = if weight.is_variable() { None } else { Some(pack(&weight)?) };
        Ok(Self { weight, bias, geometry, packed })
    }

    /// (B, T, J, Ci) -> (B, T', J', Co).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if !x.device().is_cpu() {
            return self.forward_elsewhere(x);
        }
        match &self.packed {
            Some(packed) => ops::conv2d(x, packed, &self.bias, self.geometry),
            None => ops::conv2d(x, &pack(&self.weight)?, &self.bias, self.geometry),
        }
    }

    /// candle's own NCHW convolution, for devices without our kernel. It has one stride and one dilation for both
    /// axes, so unequal strides are taken from the dense result.
    fn forward_elsewhere(&self, x: &Tensor) -> Result<Tensor> {
        let g = self.geometry;
        let x = x
            .permute((0, 3, 2, 1))?
            .pad_with_zeros(2, g.padding.1, g.padding.1)?
            .pad_with_zeros(3, g.padding.0, g.padding.0)?
            .contiguous()?;
        let stride = if g.stride.0 == g.stride.1 { g.stride.0 } else { 1 };
        let mut y = x.conv2d(&self.weight, 0, stride, g.dilation.0, 1)?;
        if stride == 1 && g.stride != (1, 1) {
            let pick = |n: usize, s: usize| Tensor::arange_step(0u32, n as u32, s as u32, x.device());
            y = y
                .index_select(&pick(y.dim(2)?, g.stride.1)?, 2)?
                .index_select(&pick(y.dim(3)?, g.stride.0)?, 3)?;
        }
        y.permute((0, 3, 2, 1))?.contiguous()?.broadcast_add(&self.bias)
    }
}

fn pack(weight: &Tensor) -> Result<Tensor> {
    weight.permute((0, 3, 2, 1))?.contiguous()?.flatten(1, 3)
}

/// Square kernel, stride 1, size kept.
pub fn same(kernel: usize, dilation: usize) -> ConvGeometry {
    let padding = dilation * (kernel - 1) / 2;
    ConvGeometry {
        kernel: (kernel, kernel),
        stride: (1, 1),
        padding: (padding, padding),
        dilation: (dilation, dilation),
    }
}
