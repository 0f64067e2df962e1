//! Multi-head attention with PyTorch's packed in-projection.

use super::dropout::Dropout;
use super::linear::ZERO;
use super::ops;
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Init, Linear, VarBuilder};

/// Standard multi-head attention; weights are named as in `torch.nn.MultiheadAttention`.
#[derive(Clone, Debug)]
pub struct MultiHead {
    in_weight: Tensor,
    in_bias: Tensor,
    out: Linear,
    heads: usize,
    dropout: f32,
}

impl MultiHead {
    /// `in_proj_weight` (3d, d), `in_proj_bias` (3d), `out_proj.{weight,bias}`; `dropout` acts on attention weights.
    pub fn new(d: usize, heads: usize, dropout: f32, init: Init, vb: VarBuilder) -> Result<Self> {
        if heads == 0 || d % heads != 0 {
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

    /// Attention of `x` (B, N, d) to itself. `mask` is added to the scores (broadcast against (B, heads, N, N)).
    pub fn to_self(&self, x: &Tensor, mask: Option<&Tensor>, drop: &mut dyn Dropout) -> Result<Tensor> {
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
        mask: Option<&Tensor>,
        drop: &mut dyn Dropout,
    ) -> Result<Tensor> {
        let d = self.width()?;
        let q = project(x, &self.in_weight.narrow(0, 0, d)?, &self.in_bias.narrow(0, 0, d)?)?;
        let kv = project(other, &self.in_weight.narrow(0, d, 2 * d)?, &self.in_bias.narrow(0, d, 2 * d)?)?;
        self.attend(&q, &kv.narrow(2, 0, d)?, &kv.narrow(2, d, d)?, mask, drop)
    }

    fn width(&self) -> Result<usize> {
        self.in_weight.dim(1)
    }

    fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        mask: Option<&Tensor>,
        drop: &mut dyn Dropout,
    ) -> Result<Tensor> {
        let dropout = if self.dropout > 0.0 { drop.mask(self.dropout) } else { None };
        if q.device().is_cpu() {
            return self.out.forward(&ops::attention(q, k, v, self.heads, mask, dropout)?);
        }
        let (b, n, d) = q.dims3()?;
        let head = d / self.heads;
        let split = |t: &Tensor| t.reshape((b, t.dim(1)?, self.heads, head))?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (split(q)?, split(k)?, split(v)?);
        let scores = q.matmul(&k.t()?)?;
        let scale = 1.0 / (head as f32).sqrt();
        let weights = match mask {
            // The mask is added before the scale is applied; it holds only 0 and -inf.
            Some(mask) => ops::softmax(&scores.broadcast_add(mask)?, scale)?,
            None => ops::softmax(&scores, scale)?,
        };
        let weights = match dropout {
            Some(mask) => mask.apply(&weights)?,
            None => weights,
        };
        let mixed = weights.matmul(&v)?.transpose(1, 2)?.reshape((b, n, d))?;
        self.out.forward(&mixed)
    }
}

/// x·wᵀ + b over the last axis as one matrix product.
fn project(x: &Tensor, w: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (batch, n, d) = x.dims3()?;
    x.reshape((batch * n, d))?.matmul(&w.t()?)?.broadcast_add(b)?.reshape((batch, n, w.dim(0)?))
}

/// Key mask (B, 1, 1, N): 0 where `valid`, −inf elsewhere. `None` when everything is valid.
pub fn key_mask(valid: &[Vec<bool>], device: &Device) -> Result<Option<Tensor>> {
    if valid.iter().flatten().all(|&v| v) {
        return Ok(None);
    }
    let n = valid.first().map_or(0, Vec::len);
    let values: Vec<f32> = valid.iter().flatten().map(|&v| if v { 0.0 } else { f32::NEG_INFINITY }).collect();
    Ok(Some(Tensor::from_vec(values, (valid.len(), 1, 1, n), device)?))
}

/// Causal mask (N, N): −inf above the diagonal.
pub fn causal_mask(n: usize, device: &Device) -> Result<Tensor> {
    let values: Vec<f32> = (0..n * n).map(|i| if i % n > i / n { f32::NEG_INFINITY } else { 0.0 }).collect();
    Tensor::from_vec(values, (n, n), device)?.to_dtype(DType::F32)
}
