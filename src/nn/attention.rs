//! Multi-head attention with PyTorch's packed in-projection.

use super::dropout::{DropMask, Dropout};
use super::linear::{Linear, ZERO};
use super::ops::{self, After, Among, Mask};
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

    /// Attention of `x` (B, N, d) to itself, each group of `among` by itself; `mask` has one row a group.
    pub fn to_self(&self, x: &Tensor, among: Among, mask: &Mask, drop: &mut dyn Dropout) -> Result<Tensor> {
        let qkv = ops::linear(x, &self.in_weight, &self.in_bias, After::Nothing)?;
        self.out.forward(&ops::self_attention(&qkv, self.heads, among, mask, self.drop(drop))?)
    }

    /// Attention of each half of the batch `x` (2B, N, d) to the other half of `other` (2B, N, d).
    pub fn to_partner(
        &self,
        x: &Tensor,
        other: &Tensor,
        mask: &Mask,
        drop: &mut dyn Dropout,
    ) -> Result<Tensor> {
        let (q, kv) = (self.queries(x)?, self.side_by_side(other)?);
        self.out.forward(&ops::attention_to_partner(&q, &kv, self.heads, mask, self.drop(drop))?)
    }

    /// Keys and values of `other` (B, M, d).
    pub fn keys_values(&self, other: &Tensor) -> Result<KeysValues> {
        let (d, kv) = (self.width()?, self.side_by_side(other)?);
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
        let q = self.queries(x)?;
        let drop = self.drop(drop);
        self.out.forward(&ops::attention(&q, &other.keys, &other.values, self.heads, mask, drop)?)
    }

    fn width(&self) -> Result<usize> {
        self.in_weight.dim(1)
    }

    fn queries(&self, x: &Tensor) -> Result<Tensor> {
        let d = self.width()?;
        ops::linear(x, &self.in_weight.narrow(0, 0, d)?, &self.in_bias.narrow(0, 0, d)?, After::Nothing)
    }

    /// Keys and values of `x` (B, M, d) side by side, (B, M, 2d).
    fn side_by_side(&self, x: &Tensor) -> Result<Tensor> {
        let d = self.width()?;
        let (weight, bias) = (self.in_weight.narrow(0, d, 2 * d)?, self.in_bias.narrow(0, d, 2 * d)?);
        ops::linear(x, &weight, &bias, After::Nothing)
    }

    fn drop(&self, drop: &mut dyn Dropout) -> Option<DropMask> {
        if self.dropout > 0.0 { drop.mask(self.dropout) } else { None }
    }
}
