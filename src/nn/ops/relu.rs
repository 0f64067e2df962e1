//! max(x, 0) with its gradient in one pass; candle's makes a mask, converts it and multiplies.

use super::values;
use super::vectorise::vectorise;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// max(x, 0). Differentiable; the slope at 0 is 0, as in PyTorch.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.contiguous()?.apply_op1(Relu) } else { x.relu() }
}

/// Values a thread takes at once.
const CHUNK: usize = 32 * 1024;

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "duet-relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(storage, layout, self.name())?;
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
            vectorise(
                #[inline(always)]
                || {
                    for (o, &x) in out.iter_mut().zip(x) {
                        *o = if x > 0.0 { x } else { 0.0 };
                    }
                },
            );
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(res.apply_op2_no_bwd(&grad.contiguous()?, &ReluGradient)?))
    }
}

/// (relu(x), dY) -> dX.
struct ReluGradient;

impl CustomOp2 for ReluGradient {
    fn name(&self) -> &'static str {
        "duet-relu-gradient"
    }

    fn cpu_fwd(
        &self,
        y: &CpuStorage,
        yl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (y, g) = (values(y, yl, self.name())?, values(g, gl, self.name())?);
        let mut out = vec![0f32; y.len()];
        let chunks = out.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).zip(g.par_chunks(CHUNK));
        chunks.for_each(|((out, y), g)| {
            vectorise(
                #[inline(always)]
                || {
                    for ((o, &y), &g) in out.iter_mut().zip(y).zip(g) {
                        *o = if y > 0.0 { g } else { 0.0 };
                    }
                },
            );
        });
        Ok((CpuStorage::F32(out), yl.shape().clone()))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn equals_candle_and_its_slope() {
        let x = Var::randn(0f32, 1.0, 70_000, &Device::Cpu).unwrap();
        let weigh = Tensor::randn(0f32, 1.0, 70_000, &Device::Cpu).unwrap();
        let numbers = |t: &Tensor| t.to_vec1::<f32>().unwrap();
        let gradient = |y: &Tensor| {
            let loss = (y * &weigh).unwrap().sum_all().unwrap();
            numbers(loss.backward().unwrap().get(&x).unwrap())
        };
        let (ours, theirs) = (relu(&x).unwrap(), x.relu().unwrap());
        assert_eq!(numbers(&ours), numbers(&theirs));
        assert_eq!(gradient(&ours), gradient(&theirs));
    }
}
