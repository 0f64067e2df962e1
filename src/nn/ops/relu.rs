//! max(x, 0) with its gradient in one pass; candle's makes a mask, converts it and multiplies.

use super::map::{map, map_pairs};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

/// max(x, 0). Differentiable; the slope at 0 is 0, as in PyTorch.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.contiguous()?.apply_op1(Relu) } else { x.relu() }
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "duet-relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        map(
            self.name(),
            (storage, layout),
            #[inline(always)]
            |x| if x > 0.0 { x } else { 0.0 },
        )
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
        map_pairs(
            self.name(),
            (y, yl),
            (g, gl),
            #[inline(always)]
            |y, g| if y > 0.0 { g } else { 0.0 },
        )
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
