//! Row-wise shift and gate in one pass each way.
//!
//! candle writes these as broadcasts, whose gradients it reduces with a generic strided sum: a quarter of a training
//! step on CPU. Here a vector (B, 1, d) meets rows (B, N, d) directly.

use super::values;
use crate::nn::machine::vectorise::vectorise;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// x + bias where bias has the last dimensions of x, often the last one alone. Differentiable.
pub fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.contiguous()?.apply_op2(&bias.contiguous()?, AddBias)
    } else {
        x.broadcast_add(bias)
    }
}

/// x + h·gate for x and h (B, N, d), gate (B, 1, d). Differentiable.
pub fn gated(x: &Tensor, h: &Tensor, gate: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.contiguous()?.apply_op3(&h.contiguous()?, &gate.contiguous()?, Gated)
    } else {
        x + h.broadcast_mul(gate)?
    }
}

/// Rows a thread takes at once.
const ROWS: usize = 64;

/// Calls `each(batch item, output row, row index)` for all rows of width `d`, `n` rows a batch item.
fn rows(out: &mut [f32], n: usize, d: usize, each: impl Fn(usize, &mut [f32], usize) + Sync) {
    out.par_chunks_mut(ROWS * d).enumerate().for_each(|(chunk, out)| {
        vectorise(
            #[inline(always)]
            || {
                for (i, out) in out.chunks_exact_mut(d).enumerate() {
                    let row = chunk * ROWS + i;
                    each(row / n, out, row);
                }
            },
        );
    });
}

/// Σ over the rows of each batch item of `term(row, column)`-wise products, (B, d): `a·b`, or `a` alone.
fn column_sums(a: &[f32], b: Option<&[f32]>, n: usize, d: usize) -> Vec<f32> {
    let mut out = vec![0f32; a.len() / n];
    out.par_chunks_mut(d).enumerate().for_each(|(item, out)| {
        vectorise(
            #[inline(always)]
            || {
                for row in item * n..(item + 1) * n {
                    let a = &a[row * d..][..d];
                    match b {
                        Some(b) => {
                            let b = &b[row * d..][..d];
                            out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (a, b))| *o += a * b);
                        }
                        None => out.iter_mut().zip(a).for_each(|(o, a)| *o += a),
                    }
                }
            },
        );
    });
    out
}

/// (B, N, d) of `x`, checked against a vector (B, 1, d).
fn sizes(x: &Layout, vector: &Layout, op: &str) -> Result<(usize, usize, usize)> {
    match (x.dims(), vector.dims()) {
        (&[b, n, d], &[vb, 1, vd]) if (b, d) == (vb, vd) => Ok((b, n, d)),
        (x, v) => candle_core::bail!("{op}: rows {x:?} do not fit vectors {v:?}"),
    }
}

struct AddBias;

impl CustomOp2 for AddBias {
    fn name(&self) -> &'static str {
        "duet-add-bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, bias) = (values(x, xl, self.name())?, values(b, bl, self.name())?);
        let d = bias.len();
        if !xl.dims().ends_with(bl.dims()) {
            candle_core::bail!("{}: rows {:?} do not fit a bias {:?}", self.name(), xl.dims(), bl.dims());
        }
        let mut out = vec![0f32; x.len()];
        rows(
            &mut out,
            1,
            d,
            #[inline(always)]
            |_, out, row| {
                let x = &x[row * d..][..d];
                out.iter_mut().zip(x.iter().zip(bias)).for_each(|(o, (x, b))| *o = x + b);
            },
        );
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        bias: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(grad.clone()), Some(sum_rows(grad, bias.elem_count())?.reshape(bias.shape())?)))
    }
}

/// Sum of all rows of x (…, d): (d).
pub(super) fn sum_rows(x: &Tensor, d: usize) -> Result<Tensor> {
    // Row groups of a fixed size, so that threads share the work and the order of the sums stays.
    let rows = x.elem_count() / d;
    let groups = [16, 8, 4, 2].into_iter().find(|&g| rows.is_multiple_of(g)).unwrap_or(1);
    let x = x.contiguous()?.reshape((groups, rows / groups, d))?;
    let sums = x.apply_op2_no_bwd(&x, &ColumnSums { product: false })?.reshape((1, groups, d))?;
    sums.apply_op2_no_bwd(&sums, &ColumnSums { product: false })?.reshape(d)
}

/// (a, b) (B, N, d) -> Σ_n a·b, or Σ_n a: (B, 1, d).
struct ColumnSums {
    product: bool,
}

impl CustomOp2 for ColumnSums {
    fn name(&self) -> &'static str {
        "duet-column-sums"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        al: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (a, b) = (values(a, al, self.name())?, values(b, bl, self.name())?);
        let &[batch, n, d] = al.dims() else { candle_core::bail!("{} needs (B, N, d)", self.name()) };
        let out = column_sums(a, self.product.then_some(b), n, d);
        Ok((CpuStorage::F32(out), Shape::from((batch, 1, d))))
    }
}

struct Gated;

impl CustomOp3 for Gated {
    fn name(&self) -> &'static str {
        "duet-gated"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        h: &CpuStorage,
        hl: &Layout,
        gate: &CpuStorage,
        gate_l: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, n, d) = sizes(xl, gate_l, self.name())?;
        if xl.dims() != hl.dims() {
            candle_core::bail!("{}: {:?} and {:?} differ", self.name(), xl.dims(), hl.dims());
        }
        let (x, h) = (values(x, xl, self.name())?, values(h, hl, self.name())?);
        let gate = values(gate, gate_l, self.name())?;
        let mut out = vec![0f32; x.len()];
        rows(
            &mut out,
            n,
            d,
            #[inline(always)]
            |item, out, row| {
                let (x, h, gate) = (&x[row * d..][..d], &h[row * d..][..d], &gate[item * d..][..d]);
                for ((o, x), (h, gate)) in out.iter_mut().zip(x).zip(h.iter().zip(gate)) {
                    *o = x + h * gate;
                }
            },
        );
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        h: &Tensor,
        gate: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let dh = grad.zeros_like()?.apply_op3_no_bwd(&grad, gate, &Gated)?;
        let d_gate = grad.apply_op2_no_bwd(h, &ColumnSums { product: true })?;
        Ok((Some(grad), Some(dh), Some(d_gate)))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn random(shape: impl Into<Shape>) -> Var {
        Var::randn(0f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    fn same(a: &Tensor, b: &Tensor) {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        assert!(d.to_scalar::<f32>().unwrap() < 2e-4);
    }

    /// Values and all gradients of two forms of the same thing.
    fn equal(vars: &[&Var], ours: Tensor, theirs: Tensor) {
        same(&ours, &theirs);
        let weigh = random(ours.shape().clone());
        let ours = (ours * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
        let theirs = (theirs * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
        for var in vars {
            same(ours.get(var).unwrap(), theirs.get(var).unwrap());
        }
    }

    #[test]
    fn equal_the_broadcasts_they_stand_for() {
        let (x, h) = (random((3, 70, 24)), random((3, 70, 24)));
        let a = random((3, 1, 24));
        for bias in [random(24), random((70, 24))] {
            equal(&[&x, &bias], add_bias(&x, &bias).unwrap(), x.broadcast_add(&bias).unwrap());
        }
        let broadcast = (x.as_tensor() + h.broadcast_mul(&a).unwrap()).unwrap();
        equal(&[&x, &h, &a], gated(&x, &h, &a).unwrap(), broadcast);
    }

    #[test]
    fn refuse_vectors_that_do_not_fit() {
        let x = random((3, 70, 24));
        assert!(gated(&x, &random((3, 70, 23)), &random((3, 1, 24))).is_err());
        assert!(add_bias(&x, &random(23)).is_err());
    }
}
