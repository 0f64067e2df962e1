//! Multi-head attention as one operation: softmax(scale·Q·Kᵀ + mask)·V, with dropout on the weights.
//!
//! The weights of all heads, (B, heads, N, M), are the largest thing that a transformer of this size touches: written
//! out, masked, normalised, dropped and read back by separate operations they cost several times the matrix products.
//! Here a block of query rows stays in cache from scores to output, and the backward pass works it out again instead
//! of keeping it. Queries, keys and values are read in place, as slices of one packed projection.

use super::gemm::{Strides, gemm, row_major, transposed};
use super::softmax::softmax_row;
use crate::nn::dropout::Mask;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

/// Scores that a block of query rows may have.
const BLOCK: usize = 96 * 1024;

/// Attention of `q` (B, N, d) to `k` and `v` (B, M, d), all with `heads` heads side by side: (B, N, d). `mask` is added
/// to the scores before they are scaled: (B, 1, 1, M), or (N, M) for all clips and heads. CPU, f32, differentiable in all
/// three.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    mask: Option<&Tensor>,
    dropout: Option<Mask>,
) -> Result<Tensor> {
    let mask = match mask {
        Some(mask) => Some((mask.dims().to_vec(), mask.flatten_all()?.to_vec1::<f32>()?)),
        None => None,
    };
    let inner = |x: &Tensor| if x.stride().last() == Some(&1) { Ok(x.clone()) } else { x.contiguous() };
    inner(q)?.apply_op3(&inner(k)?, &inner(v)?, Attention { heads, mask, dropout })
}

struct Attention {
    heads: usize,
    /// Shape and values.
    mask: Option<(Vec<usize>, Vec<f32>)>,
    dropout: Option<Mask>,
}

/// (B, rows, d) with rows of any distance, contiguous in d.
#[derive(Clone, Copy)]
struct View<'a> {
    data: &'a [f32],
    batch: usize,
    row: usize,
}

impl<'a> View<'a> {
    fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        match layout.stride() {
            &[batch, row, 1] => {
                Ok(Self { data: &storage.as_slice::<f32>()?[layout.start_offset()..], batch, row })
            }
            stride => candle_core::bail!("attention cannot read strides {stride:?}"),
        }
    }

    /// Rows from `row` on of one head.
    fn head(&self, b: usize, offset: usize, row: usize) -> &'a [f32] {
        &self.data[b * self.batch + row * self.row + offset..]
    }

    /// (rows, head) as it lies.
    fn rows(&self) -> Strides {
        Strides { rows: self.row, cols: 1 }
    }

    /// Its transpose.
    fn columns(&self) -> Strides {
        Strides { rows: 1, cols: self.row }
    }
}

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Plan {
    b: usize,
    n: usize,
    m: usize,
    d: usize,
    heads: usize,
}

impl Plan {
    fn new(q: &[usize], k: &[usize], v: &[usize], heads: usize) -> Result<Self> {
        match (q, k, v) {
            (&[b, n, d], &[bk, m, dk], &[bv, mv, dv])
                if (b, b, m) == (bk, bv, mv)
                    && (d, d) == (dk, dv)
                    && heads > 0
                    && d % heads == 0
                    && m > 0 =>
            {
                Ok(Self { b, n, m, d, heads })
            }
            _ => candle_core::bail!("attention of {q:?} to {k:?} and {v:?} with {heads} heads"),
        }
    }

    fn head(&self) -> usize {
        self.d / self.heads
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head() as f32).sqrt()
    }

    /// Query rows of a block: fixed by the sizes alone, so that sums never change order.
    fn block(&self) -> usize {
        (BLOCK / self.m).clamp(8, 256).min(self.n.max(1))
    }

    /// `work` for each (clip, head), in order; small ones several to a task.
    fn each<T: Send>(&self, work: impl Fn(usize, usize) -> T + Sync) -> Vec<T> {
        let size = (self.n * self.m * self.head()).max(1);
        (0..self.b * self.heads)
            .into_par_iter()
            .with_min_len((200_000 / size).max(1))
            .map(|i| work(i / self.heads, i % self.heads))
            .collect()
    }

    /// Lay (clip, head) blocks of (rows, head) side by side: (B, rows, d).
    fn assemble<'a>(&self, rows: usize, block: impl Fn(usize) -> &'a [f32] + Sync) -> Vec<f32> {
        let (d, head) = (self.d, self.head());
        let mut out = vec![0f32; self.b * rows * d];
        if rows > 0 {
            out.par_chunks_mut(rows * d).enumerate().for_each(|(b, out)| {
                for h in 0..self.heads {
                    let block = block(b * self.heads + h);
                    for (row, from) in out.chunks_exact_mut(d).zip(block.chunks_exact(head)) {
                        row[h * head..(h + 1) * head].copy_from_slice(from);
                    }
                }
            });
        }
        out
    }
}

impl Attention {
    /// What is added to the scores of query row `n`.
    fn mask_row(&self, plan: &Plan, b: usize, n: usize) -> Option<&[f32]> {
        let (shape, values) = self.mask.as_ref()?;
        let row = if shape.len() == 2 { n } else { b };
        Some(&values[row * plan.m..(row + 1) * plan.m])
    }

    fn check_mask(&self, plan: &Plan) -> Result<()> {
        match &self.mask {
            None => Ok(()),
            Some((shape, _)) if shape[..] == [plan.n, plan.m] || shape[..] == [plan.b, 1, 1, plan.m] => {
                Ok(())
            }
            Some((shape, _)) => candle_core::bail!("attention cannot use a mask of shape {shape:?}"),
        }
    }

    /// Softmax weights of query rows `from..`, before dropout.
    fn weights(
        &self,
        plan: &Plan,
        q: View,
        k: View,
        (b, h): (usize, usize),
        from: usize,
        weights: &mut [f32],
    ) {
        let (m, head) = (plan.m, plan.head());
        let rows = weights.len() / m;
        let (q_rows, k_rows) = (q.head(b, h * head, from), k.head(b, h * head, 0));
        gemm((rows, head, m), q_rows, q.rows(), k_rows, k.columns(), weights, false);
        pulp::Arch::new().dispatch(|| {
            for (i, row) in weights.chunks_exact_mut(m).enumerate() {
                if let Some(mask) = self.mask_row(plan, b, from + i) {
                    row.iter_mut().zip(mask).for_each(|(w, m)| *w += m);
                }
                softmax_row(row, plan.scale());
            }
        });
    }

    /// Dropout of weights, or of their gradients, of query rows `from..`.
    fn drop(&self, plan: &Plan, (b, h): (usize, usize), from: usize, weights: &mut [f32]) {
        if let Some(mask) = &self.dropout {
            let groups = plan.m.div_ceil(Mask::GROUP) as u64;
            let first = (b * plan.heads + h) * plan.n + from;
            for (i, row) in weights.chunks_exact_mut(plan.m).enumerate() {
                mask.scale((first + i) as u64 * groups, row);
            }
        }
    }

    /// (N, head) of one head's output.
    fn head_forward(&self, plan: &Plan, q: View, k: View, v: View, at: (usize, usize)) -> Vec<f32> {
        let (m, head) = (plan.m, plan.head());
        let mut out = vec![0f32; plan.n * head];
        let mut weights = vec![0f32; plan.block() * m];
        for (block, out) in out.chunks_mut(plan.block() * head).enumerate() {
            let (from, rows) = (block * plan.block(), out.len() / head);
            let weights = &mut weights[..rows * m];
            self.weights(plan, q, k, at, from, weights);
            self.drop(plan, at, from, weights);
            gemm((rows, m, head), weights, row_major(m), v.head(at.0, at.1 * head, 0), v.rows(), out, false);
        }
        out
    }

    /// One head's gradients of q (N, head), k and v (M, head).
    fn head_backward(
        &self,
        plan: &Plan,
        q: View,
        k: View,
        v: View,
        g: View,
        at: (usize, usize),
    ) -> [Vec<f32>; 3] {
        let (m, head, offset) = (plan.m, plan.head(), at.1 * plan.head());
        let [mut dq, mut dk, mut dv] = [plan.n, m, m].map(|rows| vec![0f32; rows * head]);
        let size = plan.block() * m;
        let (mut weights, mut dropped, mut slopes) = (vec![0f32; size], vec![0f32; size], vec![0f32; size]);
        for (block, dq) in dq.chunks_mut(plan.block() * head).enumerate() {
            let (from, rows) = (block * plan.block(), dq.len() / head);
            let weights = &mut weights[..rows * m];
            let slopes = &mut slopes[..rows * m];
            self.weights(plan, q, k, at, from, weights);
            let g_rows = g.head(at.0, offset, from);
            let used = if self.dropout.is_some() {
                let dropped = &mut dropped[..rows * m];
                dropped.copy_from_slice(weights);
                self.drop(plan, at, from, dropped);
                &*dropped
            } else {
                &*weights
            };
            // dV += weightsᵀ·g; d weights = g·Vᵀ, dropped alike.
            gemm((m, rows, head), used, transposed(m), g_rows, g.rows(), &mut dv, true);
            gemm((rows, head, m), g_rows, g.rows(), v.head(at.0, offset, 0), v.columns(), slopes, false);
            self.drop(plan, at, from, slopes);
            // d scores = scale·w·(d w − Σ w·d w)
            pulp::Arch::new().dispatch(|| {
                for (slopes, weights) in slopes.chunks_exact_mut(m).zip(weights.chunks_exact(m)) {
                    slope_row(slopes, weights, plan.scale());
                }
            });
            gemm((rows, m, head), slopes, row_major(m), k.head(at.0, offset, 0), k.rows(), dq, false);
            gemm((m, rows, head), slopes, transposed(m), q.head(at.0, offset, from), q.rows(), &mut dk, true);
        }
        [dq, dk, dv]
    }
}

#[inline(always)]
fn slope_row(slopes: &mut [f32], weights: &[f32], scale: f32) {
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    let (s, w) = (slopes.chunks_exact(LANES), weights.chunks_exact(LANES));
    let rest: f32 = s.remainder().iter().zip(w.remainder()).map(|(s, w)| s * w).sum();
    for (s, w) in s.zip(w) {
        for ((lane, s), w) in lanes.iter_mut().zip(s).zip(w) {
            *lane += s * w;
        }
    }
    let dot = lanes.iter().sum::<f32>() + rest;
    for (s, w) in slopes.iter_mut().zip(weights) {
        *s = scale * w * (*s - dot);
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
        let plan = Plan::new(ql.dims(), kl.dims(), vl.dims(), self.heads)?;
        self.check_mask(&plan)?;
        let (q, k, v) = (View::new(q, ql)?, View::new(k, kl)?, View::new(v, vl)?);
        let heads = plan.each(|b, h| self.head_forward(&plan, q, k, v, (b, h)));
        let out = plan.assemble(plan.n, |i| &heads[i]);
        Ok((CpuStorage::F32(out), Shape::from((plan.b, plan.n, plan.d))))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let plan = Plan::new(q.dims(), k.dims(), v.dims(), self.heads)?;
        let grad = grad.contiguous()?;
        let device = q.device();
        let ((q, ql), (k, kl)) = (q.storage_and_layout(), k.storage_and_layout());
        let ((v, vl), (g, gl)) = (v.storage_and_layout(), grad.storage_and_layout());
        let (Storage::Cpu(q), Storage::Cpu(k), Storage::Cpu(v), Storage::Cpu(g)) = (&*q, &*k, &*v, &*g)
        else {
            candle_core::bail!("duet-attention runs on the CPU")
        };
        let (q, k, v, g) = (View::new(q, ql)?, View::new(k, kl)?, View::new(v, vl)?, View::new(g, gl)?);
        let heads = plan.each(|b, h| self.head_backward(&plan, q, k, v, g, (b, h)));
        let made = |which: usize, rows: usize| -> Result<Option<Tensor>> {
            let values = plan.assemble(rows, |i| &heads[i][which]);
            Ok(Some(Tensor::from_vec(values, (plan.b, rows, plan.d), device)?))
        };
        Ok((made(0, plan.n)?, made(1, plan.m)?, made(2, plan.m)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, DType, Device, Var};

    const HEADS: usize = 3;

    /// The same by candle's own operations.
    fn plain(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, dropped: Option<&Tensor>) -> Tensor {
        let split = |t: &Tensor| {
            let (b, n, d) = t.dims3().unwrap();
            t.reshape((b, n, HEADS, d / HEADS)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap()
        };
        let (b, n, d) = q.dims3().unwrap();
        let (q, k, v) = (split(q), split(k), split(v));
        let mut scores = q.matmul(&k.t().unwrap()).unwrap();
        if let Some(mask) = mask {
            scores = scores.broadcast_add(mask).unwrap();
        }
        let scale = 1.0 / ((d / HEADS) as f64).sqrt();
        let mut weights = candle_nn::ops::softmax(&(scores * scale).unwrap(), D::Minus1).unwrap();
        if let Some(dropped) = dropped {
            weights = (weights * dropped).unwrap();
        }
        weights.matmul(&v).unwrap().transpose(1, 2).unwrap().reshape((b, n, d)).unwrap()
    }

    fn worst(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap()
    }

    fn compare(b: usize, n: usize, m: usize, mask: Option<Tensor>, dropout: Option<Mask>) {
        let device = &Device::Cpu;
        let d = HEADS * 8;
        // Queries are a slice of a wider tensor, as in a packed projection.
        let wide = Var::randn(0f32, 1.0, (b, n, 2 * d), device).unwrap();
        let k = Var::randn(0f32, 1.0, (b, m, d), device).unwrap();
        let v = Var::randn(0f32, 1.0, (b, m, d), device).unwrap();
        let weigh = Tensor::randn(0f32, 1.0, (b, n, d), device).unwrap();
        let dropped = dropout.map(|mask| {
            let groups = m.div_ceil(Mask::GROUP) as u64;
            let mut ones = vec![1f32; b * HEADS * n * m];
            ones.chunks_mut(m).enumerate().for_each(|(row, values)| mask.scale(row as u64 * groups, values));
            Tensor::from_vec(ones, (b, HEADS, n, m), device).unwrap()
        });
        let q = || wide.as_tensor().narrow(2, d, d).unwrap();
        let ours = attention(&q(), &k, &v, HEADS, mask.as_ref(), dropout).unwrap();
        let theirs = plain(&q().contiguous().unwrap(), &k, &v, mask.as_ref(), dropped.as_ref());
        assert!(worst(&ours, &theirs) < 1e-5, "forward differs by {}", worst(&ours, &theirs));
        let backward = |y: &Tensor| (y * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        let (ours, theirs) = (backward(&ours), backward(&theirs));
        for var in [&wide, &k, &v] {
            let (a, b) = (ours.get(var).unwrap(), theirs.get(var).unwrap());
            assert!(worst(a, b) < 3e-5, "gradient differs by {}", worst(a, b));
        }
    }

    #[test]
    fn equals_candle_forward_and_backward() {
        compare(2, 37, 41, None, None);
        // More rows than one block holds.
        compare(1, 700, 300, None, None);
        compare(7, 5, 5, None, None);
    }

    #[test]
    fn masks_and_dropout() {
        let device = &Device::Cpu;
        let keys: Vec<f32> =
            (0..2 * 19).map(|i| if i % 19 > 10 + i / 19 { f32::NEG_INFINITY } else { 0.0 }).collect();
        compare(2, 9, 19, Some(Tensor::from_vec(keys, (2, 1, 1, 19), device).unwrap()), None);
        let causal = crate::nn::attention::causal_mask(12, device).unwrap().to_dtype(DType::F32).unwrap();
        compare(2, 12, 12, Some(causal), Some(Mask::new(5, 0.3)));
    }

    #[test]
    fn bad_shapes_are_errors() {
        let zeros = |shape: (usize, usize, usize)| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let (q, k) = (zeros((1, 4, 6)), zeros((1, 5, 6)));
        assert!(attention(&q, &k, &zeros((1, 4, 6)), 3, None, None).is_err());
        assert!(attention(&q, &k, &k, 4, None, None).is_err());
        assert!(attention(&q, &k, &k, 3, Some(&zeros((1, 1, 1))), None).is_err());
    }
}
