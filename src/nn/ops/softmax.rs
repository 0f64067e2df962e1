//! Softmax over the last axis with the attention scale folded in.

use super::exp::exp_negative;
use super::values;
use crate::nn::machine::vectorise::vectorise;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// softmax(scale·x) over the last axis. Differentiable.
pub fn softmax(x: &Tensor, scale: f32) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.contiguous()?.apply_op1(Softmax(scale))
    } else {
        candle_nn::ops::softmax(&(x * f64::from(scale))?, D::Minus1)
    }
}

/// Rows are reduced in this many lanes, so that the compiler can use vector registers.
const LANES: usize = 16;

#[inline(always)]
fn reduce(row: &[f32], start: f32, op: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
    let mut lanes = [start; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (l, &v) in lanes.iter_mut().zip(chunk) {
            *l = op(*l, v);
        }
    }
    for (l, &v) in lanes.iter_mut().zip(rest) {
        *l = op(*l, v);
    }
    lanes.into_iter().fold(start, op)
}

fn rows_per_chunk(width: usize) -> usize {
    (16 * 1024 / width.max(1)).max(1)
}

/// softmax(scale·x) of each row of `width` numbers, in place, on this thread.
pub(super) fn softmax_rows(rows: &mut [f32], width: usize, scale: f32) {
    vectorise(
        #[inline(always)]
        || {
            for row in rows.chunks_exact_mut(width) {
                let max = scale * reduce(row, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
                row.iter_mut().for_each(|x| *x = exp_negative(scale * *x - max));
                let total = 1.0 / reduce(row, 0.0, |a, b| a + b);
                row.iter_mut().for_each(|x| *x *= total);
            }
        },
    );
}

/// dx = scale·y·(dy − Σ y·dy) of each row, given the softmax `y`; `dy` becomes dx.
pub(super) fn softmax_rows_gradient(y: &[f32], dy: &mut [f32], width: usize, scale: f32) {
    vectorise(
        #[inline(always)]
        || {
            for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
                dy.iter_mut().zip(y).for_each(|(g, y)| *g *= y);
                let dot = reduce(dy, 0.0, |a, b| a + b);
                dy.iter_mut().zip(y).for_each(|(g, y)| *g = scale * (*g - y * dot));
            }
        },
    );
}

struct Softmax(f32);

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "duet-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(storage, layout, self.name())?;
        let width = layout.dims().last().copied().unwrap_or(1);
        let scale = self.0;
        let mut out = vec![0f32; x.len()];
        let chunk = rows_per_chunk(width) * width;
        out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(out, x)| {
            out.copy_from_slice(x);
            softmax_rows(out, width, scale);
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(res.apply_op2_no_bwd(&grad.contiguous()?, &SoftmaxGradient(self.0))?))
    }
}

/// (y, dy) -> scale·y·(dy − Σ y·dy)
struct SoftmaxGradient(f32);

impl CustomOp2 for SoftmaxGradient {
    fn name(&self) -> &'static str {
        "duet-softmax-gradient"
    }

    fn cpu_fwd(
        &self,
        y: &CpuStorage,
        yl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (y, g) = (values(y, yl, self.name())?, values(g, gl, self.name())?);
        let width = yl.dims().last().copied().unwrap_or(1);
        let scale = self.0;
        let mut out = vec![0f32; y.len()];
        let chunk = rows_per_chunk(width) * width;
        out.par_chunks_mut(chunk).zip(y.par_chunks(chunk)).zip(g.par_chunks(chunk)).for_each(
            |((out, y), g)| {
                out.copy_from_slice(g);
                softmax_rows_gradient(y, out, width, scale);
            },
        );
        Ok((CpuStorage::F32(out), yl.shape().clone()))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn equals_candle_forward_and_backward() {
        let dev = &Device::Cpu;
        let x = Var::randn(0f32, 3., (4, 7, 221), dev).unwrap();
        let weigh = Tensor::randn(0f32, 1., (4, 7, 221), dev).unwrap();
        let ours = softmax(&x, 0.125).unwrap();
        let theirs = candle_nn::ops::softmax(&(x.as_tensor() * 0.125).unwrap(), D::Minus1).unwrap();
        let worst = |a: &Tensor, b: &Tensor| {
            (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
        };
        assert!(worst(&ours, &theirs) < 1e-6);
        let ours = (ours * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        let theirs = (theirs * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(worst(ours.get(&x).unwrap(), theirs.get(&x).unwrap()) < 1e-6);
    }

    #[test]
    fn masked_entries_get_nothing() {
        let x = Tensor::new(&[[0f32, f32::NEG_INFINITY, 0.0]], &Device::Cpu).unwrap();
        assert_eq!(softmax(&x, 1.0).unwrap().to_vec2::<f32>().unwrap(), [[0.5, 0.0, 0.5]]);
    }
}
