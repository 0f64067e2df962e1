//! A linear layer as one operation each way, for training in bf16.
//!
//! candle's backward pass writes zeros for every tensor on the way and adds to them; bias and activation of their own
//! doubled what it had to write. The activation's argument is worked out again on the way back: on the tile unit a
//! product is cheaper than reading what it made.

use super::affine::{add_bias, sum_rows};
use super::gelu::{self, gelu};
use super::values;
use crate::nn::machine::gemm::{gemm, row_major, transposed};
use crate::nn::machine::vectorise::vectorise;
use crate::nn::precision::{self, Precision};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Rows of one task: enough to pay for packing the weight again.
const ROWS: usize = 512;
/// Weight gradients are summed in at most this many parts of at least [`PART`] rows, whatever the number of threads, so that sums
/// never change order.
const PARTS: usize = 4;
/// Rows that pay for a sum of their own.
const PART: usize = 1024;

/// What follows the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// The exact GELU.
    Gelu,
}

/// x·weightᵀ + bias over the last axis of x (…, i), weight (o, i), bias (o): (…, o). Differentiable in all three.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor, after: After) -> Result<Tensor> {
    // In f32 the product takes nearly all the time, and candle's own is as fast.
    if x.device().is_cpu() && precision::get() == Precision::Bf16 {
        return x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Linear(after));
    }
    let mut shape = x.dims().to_vec();
    let input = shape.pop().unwrap_or_default();
    shape.push(weight.dim(0)?);
    let rows = x.elem_count() / input.max(1);
    let y = add_bias(&x.reshape((rows, input))?.matmul(&weight.t()?)?, bias)?.reshape(shape)?;
    match after {
        After::Nothing => Ok(y),
        After::Gelu => gelu(&y),
    }
}

/// (rows, inputs, outputs) of x (…, i) and a weight (o, i).
fn sizes(x: &Layout, w: &Layout, op: &str) -> Result<(usize, usize, usize)> {
    match (x.dims().last(), w.dims()) {
        (Some(&input), &[output, wi]) if input == wi && input > 0 && output > 0 => {
            Ok((x.shape().elem_count() / input, input, output))
        }
        (_, w) => candle_core::bail!("{op}: {:?} does not fit a weight {w:?}", x.dims()),
    }
}

/// Run `each` on bands of rows of `out`.
fn bands(out: &mut [f32], width: usize, each: impl Fn(usize, &mut [f32]) + Sync) {
    out.par_chunks_mut(ROWS * width).enumerate().for_each(|(band, out)| each(band * ROWS, out));
}

struct Linear(After);

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "duet-linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, input, output) = sizes(xl, wl, self.name())?;
        let (x, w) = (values(x, xl, self.name())?, values(w, wl, self.name())?);
        let bias = values(b, bl, self.name())?;
        if bias.len() != output {
            candle_core::bail!("{}: {output} outputs and a bias of {}", self.name(), bias.len());
        }
        let mut out = bias.repeat(rows);
        bands(&mut out, output, |from, out| {
            let count = out.len() / output;
            let x = &x[from * input..][..count * input];
            gemm((count, input, output), x, row_major(input), w, transposed(input), out, true);
            if self.0 == After::Gelu {
                gelu::in_place(out);
            }
        });
        let mut shape = xl.dims().to_vec();
        shape.pop();
        shape.push(output);
        Ok((CpuStorage::F32(out), Shape::from(shape)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        bias: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut grad = grad.contiguous()?;
        if self.0 == After::Gelu {
            let before = x.apply_op3_no_bwd(w, bias, &Linear(After::Nothing))?;
            grad = gelu::slope(&before, &grad)?;
        }
        let dx = grad.apply_op2_no_bwd(w, &InputGradient)?;
        let dw = grad.apply_op2_no_bwd(x, &WeightGradient)?;
        Ok((Some(dx), Some(dw), Some(sum_rows(&grad, bias.dim(0)?)?)))
    }
}

/// (dY (…, o), W (o, i)) -> dX = dY·W.
struct InputGradient;

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "duet-linear-input-gradient"
    }

    fn cpu_fwd(
        &self,
        grad: &CpuStorage,
        gl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let &[output, input] = wl.dims() else { candle_core::bail!("{}: no matrix", self.name()) };
        let (grad, w) = (values(grad, gl, self.name())?, values(w, wl, self.name())?);
        let rows = grad.len() / output;
        let mut dx = vec![0f32; rows * input];
        bands(&mut dx, input, |from, dx| {
            let count = dx.len() / input;
            let grad = &grad[from * output..][..count * output];
            gemm((count, output, input), grad, row_major(output), w, row_major(input), dx, false);
        });
        let mut shape = gl.dims().to_vec();
        shape.pop();
        shape.push(input);
        Ok((CpuStorage::F32(dx), Shape::from(shape)))
    }
}

/// (dY (…, o), X (…, i)) -> dW = dYᵀ·X.
struct WeightGradient;

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "duet-linear-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        grad: &CpuStorage,
        gl: &Layout,
        x: &CpuStorage,
        xl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (Some(&output), Some(&input)) = (gl.dims().last(), xl.dims().last()) else {
            candle_core::bail!("{}: no rows", self.name())
        };
        let (grad, x) = (values(grad, gl, self.name())?, values(x, xl, self.name())?);
        let part = (x.len() / input).div_ceil(PARTS).max(PART);
        let partial: Vec<Vec<f32>> = grad
            .par_chunks(part * output)
            .zip(x.par_chunks(part * input))
            .map(|(grad, x)| {
                let mut dw = vec![0f32; output * input];
                let count = x.len() / input;
                gemm((output, count, input), grad, transposed(output), x, row_major(input), &mut dw, false);
                dw
            })
            .collect();
        let mut parts = partial.into_iter();
        let mut sum = parts.next().unwrap_or_else(|| vec![0f32; output * input]);
        vectorise(
            #[inline(always)]
            || {
                for dw in parts.by_ref() {
                    sum.iter_mut().zip(&dw).for_each(|(s, d)| *s += d);
                }
            },
        );
        Ok((CpuStorage::F32(sum), Shape::from((output, input))))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn equals_candles_operations_forward_and_backward() {
        let x = Var::randn(0f32, 1.0, (2, 350, 40), &Device::Cpu).unwrap();
        let w = Var::randn(0f32, 0.3, (24, 40), &Device::Cpu).unwrap();
        let b = Var::randn(0f32, 1.0, 24, &Device::Cpu).unwrap();
        let weigh = Tensor::randn(0f32, 1.0, (2, 350, 24), &Device::Cpu).unwrap();
        let gradients = |y: Tensor| (y * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        let same = |a: &Tensor, b: &Tensor| {
            let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            assert!(d.to_scalar::<f32>().unwrap() < 1e-3);
        };
        for after in [After::Nothing, After::Gelu] {
            // The operation itself, in f32: the switch of precision is the process's, not this test's.
            let ours = x.apply_op3(&w, &b, Linear(after)).unwrap();
            let theirs = linear(&x, &w, &b, after).unwrap();
            same(&ours, &theirs);
            let (ours, theirs) = (gradients(ours), gradients(theirs));
            for var in [&x, &w, &b] {
                same(ours.get(var).unwrap(), theirs.get(var).unwrap());
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        let (x, w) = (zeros(&[3, 4]), zeros(&[2, 4]));
        assert!(x.apply_op3(&w, &zeros(&[3]), Linear(After::Nothing)).is_err());
        assert!(x.apply_op3(&zeros(&[2, 5]), &zeros(&[2]), Linear(After::Nothing)).is_err());
    }
}
