//! Scaled dot-product attention, head by head.
//!
//! The (queries × keys) weights of one head live in a thread's scratch memory and are worked out again for the backward
//! pass: as tensors of their own they made up most of a training step's memory traffic.

use super::gemm::{Strides, gemm, row_major};
use super::softmax::{softmax_rows, softmax_rows_gradient};
use crate::nn::dropout::DropMask;
use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// Which keys a query may look at.
#[derive(Clone, Debug)]
pub enum Mask {
    /// All of them.
    None,
    /// Those up to its own position.
    Causal,
    /// Per batch item, (B, M): 0 where the key is real, −inf elsewhere.
    Keys(Arc<[f32]>),
}

impl Mask {
    /// From one row of flags a batch item; [`Mask::None`] when everything is real.
    pub fn keys(valid: &[Vec<bool>]) -> Self {
        if valid.iter().flatten().all(|&v| v) {
            return Self::None;
        }
        Self::Keys(valid.iter().flatten().map(|&v| if v { 0.0 } else { f32::NEG_INFINITY }).collect())
    }

    /// As a tensor that broadcasts against scores (B, heads, N, M).
    fn tensor(&self, b: usize, n: usize, m: usize, device: &Device) -> Result<Option<Tensor>> {
        Ok(match self {
            Self::None => None,
            Self::Keys(values) => Some(Tensor::from_slice(values, (b, 1, 1, m), device)?),
            Self::Causal => {
                let above = |i: usize| if i % m > i / m { f32::NEG_INFINITY } else { 0.0 };
                Some(Tensor::from_vec((0..n * m).map(above).collect(), (n, m), device)?)
            }
        })
    }
}

/// softmax(q·kᵀ/sqrt(d/heads) + mask)·v for q (B, N, d), k and v (B, M, d): (B, N, d). `drop` masks the weights.
/// Differentiable in q, k and v.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    mask: &Mask,
    drop: Option<DropMask>,
) -> Result<Tensor> {
    let (b, n, d) = q.dims3()?;
    let m = k.dim(1)?;
    if q.device().is_cpu() {
        return q.apply_op3(k, v, Attention { heads, mask: mask.clone(), drop });
    }
    let split = |t: &Tensor, n: usize| t.reshape((b, n, heads, d / heads))?.transpose(1, 2)?.contiguous();
    let scores = split(q, n)?.matmul(&split(k, m)?.t()?)?;
    let scores = match mask.tensor(b, n, m, q.device())? {
        Some(mask) => scores.broadcast_add(&mask)?,
        None => scores,
    };
    let weights = super::softmax(&scores, scale(d, heads))?;
    let weights = match drop {
        Some(drop) => drop.apply(&weights)?,
        None => weights,
    };
    weights.matmul(&split(v, m)?)?.transpose(1, 2)?.reshape((b, n, d))
}

fn scale(d: usize, heads: usize) -> f32 {
    1.0 / ((d / heads) as f32).sqrt()
}

struct Attention {
    heads: usize,
    mask: Mask,
    drop: Option<DropMask>,
}

/// A (B, rows, d) tensor whose last axis is contiguous, possibly a slice of a wider one.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [f32],
    batch: usize,
    row: usize,
}

impl<'a> Rows<'a> {
    fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let &[batch, row, 1] = layout.stride() else {
            candle_core::bail!("attention needs (B, N, d) with contiguous channels");
        };
        Ok(Self { data: &storage.as_slice::<f32>()?[layout.start_offset()..], batch, row })
    }

    /// Head `head` of width `width` in batch item `item`: a matrix that starts at the slice's beginning.
    fn head(&self, item: usize, head: usize, width: usize) -> &'a [f32] {
        &self.data[item * self.batch + head * width..]
    }

    fn by_row(&self) -> Strides {
        Strides { rows: self.row, cols: 1 }
    }

    fn by_column(&self) -> Strides {
        Strides { rows: 1, cols: self.row }
    }
}

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    b: usize,
    n: usize,
    m: usize,
    d: usize,
    heads: usize,
}

impl Sizes {
    fn new(q: &Layout, k: &Layout, v: &Layout, heads: usize) -> Result<Self> {
        match (q.dims(), k.dims(), v.dims()) {
            (&[b, n, d], &[kb, m, kd], v) if (b, d) == (kb, kd) && v == [b, m, d] && d % heads == 0 => {
                Ok(Self { b, n, m, d, heads })
            }
            (q, k, v) => candle_core::bail!("attention: {q:?}, {k:?} and {v:?} do not fit {heads} heads"),
        }
    }

    fn width(&self) -> usize {
        self.d / self.heads
    }

    /// (B, heads, rows, width) -> (B, rows, d)
    fn merge(&self, heads: &[f32], rows: usize) -> Vec<f32> {
        let width = self.width();
        let mut out = vec![0f32; self.b * rows * self.d];
        out.par_chunks_mut(self.d).enumerate().for_each(|(at, out)| {
            let (item, row) = (at / rows, at % rows);
            for (head, out) in out.chunks_exact_mut(width).enumerate() {
                out.copy_from_slice(&heads[((item * self.heads + head) * rows + row) * width..][..width]);
            }
        });
        out
    }
}

impl Attention {
    /// Softmax weights (n, m) of one head into `weights`.
    fn weights(&self, s: &Sizes, q: Rows, k: Rows, item: usize, head: usize, weights: &mut Vec<f32>) {
        let width = s.width();
        weights.resize(s.n * s.m, 0.0);
        gemm(
            (s.n, width, s.m),
            q.head(item, head, width),
            q.by_row(),
            k.head(item, head, width),
            k.by_column(),
            weights,
            false,
        );
        match &self.mask {
            Mask::None => {}
            Mask::Keys(mask) => {
                let mask = &mask[item * s.m..][..s.m];
                for row in weights.chunks_exact_mut(s.m) {
                    row.iter_mut().zip(mask).for_each(|(w, m)| *w += m);
                }
            }
            Mask::Causal => {
                for (i, row) in weights.chunks_exact_mut(s.m).enumerate() {
                    row[(i + 1).min(s.m)..].fill(f32::NEG_INFINITY);
                }
            }
        }
        softmax_rows(weights, s.m, scale(s.d, self.heads));
    }

    fn drop(&self, s: &Sizes, item: usize, head: usize, weights: &mut [f32]) {
        if let Some(drop) = self.drop {
            drop.nth((item * s.heads + head) as u64).scale(0, weights);
        }
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "duet-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        k: &CpuStorage,
        kl: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let s = Sizes::new(ql, kl, vl, self.heads)?;
        let (q, k, v) = (Rows::new(q, ql)?, Rows::new(k, kl)?, Rows::new(v, vl)?);
        let width = s.width();
        let mut out = vec![0f32; s.b * s.n * s.d];
        out.par_chunks_mut(s.n * width).enumerate().for_each_init(Vec::new, |weights, (task, out)| {
            let (item, head) = (task / s.heads, task % s.heads);
            self.weights(&s, q, k, item, head, weights);
            self.drop(&s, item, head, weights);
            let values = v.head(item, head, width);
            gemm((s.n, s.m, width), weights, row_major(s.m), values, v.by_row(), out, false);
        });
        Ok((CpuStorage::F32(s.merge(&out, s.n)), Shape::from((s.b, s.n, s.d))))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let device = q.device();
        let guards = [q, k, v, &grad].map(Tensor::storage_and_layout);
        let mut views = Vec::with_capacity(4);
        for (storage, layout) in &guards {
            match &**storage {
                candle_core::Storage::Cpu(storage) => views.push(Rows::new(storage, layout)?),
                _ => candle_core::bail!("attention: gradients on the CPU only"),
            }
        }
        let [qr, kr, vr, gr] = views[..] else { unreachable!("four tensors were given") };
        let s = Sizes::new(guards[0].1, guards[1].1, guards[2].1, self.heads)?;
        let width = s.width();
        let [mut dq, mut dk, mut dv] = [s.n, s.m, s.m].map(|rows| vec![0f32; s.b * rows * s.d]);
        let heads = dq
            .par_chunks_mut(s.n * width)
            .zip(dk.par_chunks_mut(s.m * width))
            .zip(dv.par_chunks_mut(s.m * width));
        heads.enumerate().for_each_init(
            || (Vec::new(), Vec::new(), Vec::new()),
            |(weights, dropped, d_weights), (task, ((dq, dk), dv))| {
                let (item, head) = (task / s.heads, task % s.heads);
                self.weights(&s, qr, kr, item, head, weights);
                dropped.clone_from(weights);
                self.drop(&s, item, head, dropped);
                let g = gr.head(item, head, width);
                let columns = Strides { rows: 1, cols: s.m };
                // dV = Wᵀ·G; dW = G·Vᵀ, through the same mask; dS through the softmax; dQ = dS·K, dK = dSᵀ·Q.
                gemm((s.m, s.n, width), dropped, columns, g, gr.by_row(), dv, false);
                d_weights.resize(s.n * s.m, 0.0);
                let values = vr.head(item, head, width);
                gemm((s.n, width, s.m), g, gr.by_row(), values, vr.by_column(), d_weights, false);
                self.drop(&s, item, head, d_weights);
                softmax_rows_gradient(weights, d_weights, s.m, scale(s.d, self.heads));
                let keys = kr.head(item, head, width);
                gemm((s.n, s.m, width), d_weights, row_major(s.m), keys, kr.by_row(), dq, false);
                gemm(
                    (s.m, s.n, width),
                    d_weights,
                    columns,
                    qr.head(item, head, width),
                    qr.by_row(),
                    dk,
                    false,
                );
            },
        );
        let tensor = |values: &[f32], rows| Tensor::from_vec(s.merge(values, rows), (s.b, rows, s.d), device);
        Ok((Some(tensor(&dq, s.n)?), Some(tensor(&dk, s.m)?), Some(tensor(&dv, s.m)?)))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use crate::rng::CounterRng;
    use candle_core::{D, Var};

    fn random(shape: (usize, usize, usize)) -> Var {
        Var::randn(0f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    fn same(a: &Tensor, b: &Tensor) {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        assert!(d.to_scalar::<f32>().unwrap() < 2e-5);
    }

    /// The definition, from candle's operations.
    fn reference(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: &Mask) -> Tensor {
        let (b, n, d) = q.dims3().unwrap();
        let m = k.dim(1).unwrap();
        let split = |t: &Tensor, n: usize| {
            t.reshape((b, n, heads, d / heads)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap()
        };
        let scores = split(q, n).matmul(&split(k, m).t().unwrap()).unwrap();
        let scores = (scores * f64::from(scale(d, heads))).unwrap();
        let scores = match mask.tensor(b, n, m, q.device()).unwrap() {
            Some(mask) => scores.broadcast_add(&mask).unwrap(),
            None => scores,
        };
        let weights = candle_nn::ops::softmax(&scores, D::Minus1).unwrap();
        weights.matmul(&split(v, m)).unwrap().transpose(1, 2).unwrap().reshape((b, n, d)).unwrap()
    }

    #[test]
    fn equals_its_definition_forward_and_backward() {
        let (b, n, m, d, heads) = (3, 13, 9, 24, 4);
        let mut valid = vec![vec![true; m]; b];
        valid[1][4..].fill(false);
        for (mask, m) in [(Mask::None, m), (Mask::keys(&valid), m), (Mask::Causal, n)] {
            let (q, k, v) = (random((b, n, d)), random((b, m, d)), random((b, m, d)));
            let weigh = random((b, n, d));
            let ours = attention(&q, &k, &v, heads, &mask, None).unwrap();
            let theirs = reference(&q, &k, &v, heads, &mask);
            same(&ours, &theirs);
            let ours = (ours * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
            let theirs = (theirs * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
            for var in [&q, &k, &v] {
                same(ours.get(var).unwrap(), theirs.get(var).unwrap());
            }
        }
    }

    #[test]
    fn slices_of_a_wider_tensor_work_and_dropout_repeats() {
        let qkv = random((2, 7, 36));
        let part = |i: usize| qkv.narrow(2, i * 12, 12).unwrap();
        let whole = |i: usize| part(i).contiguous().unwrap();
        let run =
            |q: &Tensor, k: &Tensor, v: &Tensor, drop| attention(q, k, v, 3, &Mask::None, drop).unwrap();
        same(&run(&part(0), &part(1), &part(2), None), &run(&whole(0), &whole(1), &whole(2), None));
        let drop = || Some(DropMask::new(CounterRng::new(3, "test"), 0.5));
        let once = run(&part(0), &part(1), &part(2), drop());
        same(&once, &run(&part(0), &part(1), &part(2), drop()));
        assert_ne!(
            once.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            run(&part(0), &part(1), &part(2), None).flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }
}
