//! x·weightᵀ, the product under every linear layer.

use super::gemm::{gemm, row_major, transposed};
use super::values;
use crate::nn::precision::{self, Precision};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Rows of one task: enough to pay for packing the weight again.
const ROWS: usize = 512;
/// Weight gradients are summed in this many parts whatever the number of threads, so sums never change order.
const PARTS: usize = 4;

/// x (R, i) times weight (o, i) transposed: (R, o). Differentiable in both.
pub fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    // candle's own product is as fast in f32; only the tile unit needs another door.
    if x.device().is_cpu() && precision::get() == Precision::Bf16 {
        x.contiguous()?.apply_op2(&weight.contiguous()?, Product)
    } else {
        x.matmul(&weight.t()?)
    }
}

fn sizes(a: &Layout, b: &Layout, op: &str) -> Result<[(usize, usize); 2]> {
    match (a.dims(), b.dims()) {
        (&[ar, ac], &[br, bc]) => Ok([(ar, ac), (br, bc)]),
        (a, b) => candle_core::bail!("{op}: {a:?} and {b:?} are not two matrices"),
    }
}

struct Product;

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "duet-product"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let [(rows, input), (output, wi)] = sizes(xl, wl, self.name())?;
        if input != wi {
            candle_core::bail!("{}: {:?} does not fit a weight {:?}", self.name(), xl.dims(), wl.dims());
        }
        let (x, w) = (values(x, xl, self.name())?, values(w, wl, self.name())?);
        let mut out = vec![0f32; rows * output];
        out.par_chunks_mut(ROWS * output).zip(x.par_chunks(ROWS * input)).for_each(|(out, x)| {
            let count = x.len() / input;
            gemm((count, input, output), x, row_major(input), w, transposed(input), out, false);
        });
        Ok((CpuStorage::F32(out), Shape::from((rows, output))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let dx = grad.apply_op2_no_bwd(w, &InputGradient)?;
        Ok((Some(dx), Some(grad.apply_op2_no_bwd(x, &WeightGradient)?)))
    }
}

/// (dY (R, o), W (o, i)) -> dX = dY·W.
struct InputGradient;

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "duet-product-input-gradient"
    }

    fn cpu_fwd(
        &self,
        grad: &CpuStorage,
        gl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let [(rows, output), (_, input)] = sizes(gl, wl, self.name())?;
        let (grad, w) = (values(grad, gl, self.name())?, values(w, wl, self.name())?);
        let mut dx = vec![0f32; rows * input];
        dx.par_chunks_mut(ROWS * input).zip(grad.par_chunks(ROWS * output)).for_each(|(dx, grad)| {
            let count = grad.len() / output;
            gemm((count, output, input), grad, row_major(output), w, row_major(input), dx, false);
        });
        Ok((CpuStorage::F32(dx), Shape::from((rows, input))))
    }
}

/// (dY (R, o), X (R, i)) -> dW = dYᵀ·X.
struct WeightGradient;

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "duet-product-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        grad: &CpuStorage,
        gl: &Layout,
        x: &CpuStorage,
        xl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let [(rows, output), (_, input)] = sizes(gl, xl, self.name())?;
        let (grad, x) = (values(grad, gl, self.name())?, values(x, xl, self.name())?);
        let part = rows.div_ceil(PARTS).max(1);
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
        let mut sum = vec![0f32; output * input];
        for dw in &partial {
            sum.iter_mut().zip(dw).for_each(|(s, d)| *s += d);
        }
        Ok((CpuStorage::F32(sum), Shape::from((output, input))))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn equals_candles_product_forward_and_backward() {
        let x = Var::randn(0f32, 1.0, (700, 40), &Device::Cpu).unwrap();
        let w = Var::randn(0f32, 1.0, (24, 40), &Device::Cpu).unwrap();
        let weigh = Tensor::randn(0f32, 1.0, (700, 24), &Device::Cpu).unwrap();
        let gradients = |y: Tensor| (y * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        let same = |a: &Tensor, b: &Tensor| {
            let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            assert!(d.to_scalar::<f32>().unwrap() < 1e-3);
        };
        // The operation itself, in f32: the switch of precision is the process's, not this test's.
        let ours = x.apply_op2(&w, Product).unwrap();
        let theirs = x.matmul(&w.t().unwrap()).unwrap();
        same(&ours, &theirs);
        let (ours, theirs) = (gradients(ours), gradients(theirs));
        same(ours.get(&x).unwrap(), theirs.get(&x).unwrap());
        same(ours.get(&w).unwrap(), theirs.get(&w).unwrap());
    }
}
