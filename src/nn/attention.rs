//! Multi-head attention with PyTorch's packed in-projection.

use super::dropout::Dropout;
use super::linear::{Linear, ZERO};
use super::ops::{self, Mask};
use candle_core::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};

/// Standard multi-head attention; weights are named as in `torch.nn.MultiheadAttention`.
#[derive(Clone, Debug)]
pub struct MultiHead {
    in_weight: Tensor,
    in_bias: Tensor,
    out: Linear,
    heads: usize,
    dropout: f32,
}

/// What queries look at, projected: worked out once where the same keys answer many queries.
#[derive(Clone, Debug)]
pub struct KeysValues {
    /// (B, M, d)
    keys: Tensor,
    /// (B, M, d)
    values: Tensor,
}

impl MultiHead {
    /// `in_proj_weight` (3d, d), `in_proj_bias` (3d), `out_proj.{weight,bias}`; `dropout` acts on attention weights.
    pub fn new(d: usize, heads: usize, dropout: f32, init: Init, vb: VarBuilder) -> Result<Self> {
        if heads == 0 || !d.is_multiple_of(heads) {
            candle_core::bail!("attention width {d} is not a multiple of {heads} heads");
        }
        Ok(Self {
            in_weight: vb.get_with_hints((3 * d, d), "in_proj_weight", init)?,
            in_bias: vb.get_with_hints(3 * d, "in_proj_bias", ZERO)?,
            out: super::linear::linear(d, d, init, ZERO, vb.pp("out_proj"))?,
            heads,
            dropout,
        })
    }

    /// Attention of `x` (B, N, d) to itself.
    pub fn to_self(&self, x: &Tensor, mask: &Mask, drop: &mut dyn Dropout) -> Result<Tensor> {
        let d = self.width()?;
        let qkv = project(x, &self.in_weight, &self.in_bias)?;
        let part = |i: usize| qkv.narrow(2, i * d, d);
        self.attend(&part(0)?, &part(1)?, &part(2)?, mask, drop)
    }

    /// Attention of `x` (B, N, d) to `other` (B, M, d).
    pub fn to_other(
        &self,
        x: &Tensor,
        other: &Tensor,
        mask: &Mask,
        drop: &mut dyn Dropout,
    ) -> Result<Tensor> {
        self.to_keys(x, &self.keys_values(other)?, mask, drop)
    }

    /// Keys and values of `other` (B, M, d).
    pub fn keys_values(&self, other: &Tensor) -> Result<KeysValues> {
        let d = self.width()?;
        let kv = project(other, &self.in_weight.narrow(0, d, 2 * d)?, &self.in_bias.narrow(0, d, 2 * d)?)?;
        Ok(KeysValues { keys: kv.narrow(2, 0, d)?, values: kv.narrow(2, d, d)? })
    }

    /// Attention of `x` (B, N, d) to keys that are projected already.
    pub fn to_keys(
        &self,
        x: &Tensor,
        other: &KeysValues,
        mask: &Mask,
        drop: &mut dyn Dropout,
    ) -> Result<Tensor> {
        let d = self.width()?;
        let q = project(x, &self.in_weight.narrow(0, 0, d)?, &self.in_bias.narrow(0, 0, d)?)?;
        self.attend(&q, &other.keys, &other.values, mask, drop)
    }

    fn width(&self) -> Result<usize> {
        self.in_weight.dim(1)
    }

    fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        mask: &Mask,
        drop: &mut dyn Dropout,
    ) -> Result<Tensor> {
        let drop = if self.dropout > 0.0 { drop.mask(self.dropout) } else { None };
        self.out.forward(&ops::attention(q, k, v, self.heads, mask, drop)?)
    }
}

/// x·wᵀ + b over the last axis as one matrix product.
fn project(x: &Tensor, w: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (batch, n, d) = x.dims3()?;
    ops::add_bias(&ops::product(&x.reshape((batch * n, d))?, w)?, b)?.reshape((batch, n, w.dim(0)?))
}
