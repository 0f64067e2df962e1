//! Linear layers and parameter initialisation.

use super::ops::{self, After};
use candle_core::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};

/// x·weightᵀ + bias over the last axis.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// (output, input)
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// (output)
    pub fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// The exact GELU of what [`Module::forward`] gives.
    pub fn with_gelu(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias, After::Gelu)
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias, After::Nothing)
    }
}

/// Uniform in ±1/sqrt(fan_in): PyTorch's default for linear and convolution layers.
pub fn torch_default(fan_in: usize) -> Init {
    let bound = 1.0 / (fan_in as f64).sqrt();
    Init::Uniform { lo: -bound, up: bound }
}

/// Uniform in ±sqrt(6/(fan_in + fan_out)) (Glorot and Bengio 2010): PyTorch's default for packed attention weights.
pub fn xavier(fan_in: usize, fan_out: usize) -> Init {
    let bound = (6.0 / (fan_in + fan_out) as f64).sqrt();
    Init::Uniform { lo: -bound, up: bound }
}

/// Normal with deviation 0.02: Inter-M's linear layers and tables (InterMask spec §4.3).
pub const NORMAL_02: Init = Init::Randn { mean: 0.0, stdev: 0.02 };
/// All zero: modulation outputs, so that blocks start as the identity.
pub const ZERO: Init = Init::Const(0.0);
/// All one: gains of normalisation layers.
pub const ONE: Init = Init::Const(1.0);

/// `weight` (output, input) and `bias` (output).
pub fn linear(input: usize, output: usize, weight: Init, bias: Init, vb: VarBuilder) -> Result<Linear> {
    let weight = vb.get_with_hints((output, input), "weight", weight)?;
    let bias = vb.get_with_hints(output, "bias", bias)?;
    Ok(Linear { weight, bias })
}

/// A table of `rows` vectors under `name`, looked up by integer ids of any shape: (…) -> (…, width).
pub fn embed(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(table.dim(1)?);
    table.index_select(&ids.flatten_all()?, 0)?.reshape(shape)
}
