//! Exact (erf) GELU, vectorised.

use super::exp::exp_negative;
use super::map::{map, map_pairs};
use crate::nn::machine::vectorise::vectorise;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

/// x·Φ(x) with the exact normal distribution function, error below 1e-6. Differentiable.
#[allow(clippy::disallowed_methods, reason = "on other devices candle's is the fast one")]
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.contiguous()?.apply_op1(Gelu) } else { x.gelu_erf() }
}

/// Φ(x), by Abramowitz & Stegun 7.1.26 for erf (absolute error 1.5e-7).
#[inline(always)]
fn normal_cdf(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4))));
    let upper = 0.5 * poly * exp_negative(-z * z);
    if x < 0.0 { upper } else { 1.0 - upper }
}

#[inline(always)]
fn derivative(x: f32) -> f32 {
    // Φ(x) + x·φ(x); 0.39894228 = 1/sqrt(2π)
    normal_cdf(x) + x * 0.398_942_3 * exp_negative(-0.5 * x * x)
}

/// GELU of numbers in place, on this thread.
pub(super) fn in_place(x: &mut [f32]) {
    vectorise(
        #[inline(always)]
        || x.iter_mut().for_each(|x| *x *= normal_cdf(*x)),
    );
}

/// The derivative at `x` times `grad`.
pub(super) fn slope(x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    x.apply_op2_no_bwd(grad, &GeluGradient)
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "duet-gelu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        map(
            self.name(),
            (storage, layout),
            #[inline(always)]
            |x| x * normal_cdf(x),
        )
    }

    fn bwd(&self, arg: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(slope(arg, &grad.contiguous()?)?))
    }
}

struct GeluGradient;

impl CustomOp2 for GeluGradient {
    fn name(&self) -> &'static str {
        "duet-gelu-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        map_pairs(
            self.name(),
            (x, xl),
            (g, gl),
            #[inline(always)]
            |x, g| g * derivative(x),
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
        let x: Vec<f32> = (-600..=600).map(|i| i as f32 * 0.02).chain([-90.0, 90.0, 0.0]).collect();
        let x = Var::from_vec(x.clone(), x.len(), &Device::Cpu).unwrap();
        let ours = gelu(&x).unwrap();
        let theirs = x.gelu_erf().unwrap();
        let worst = |a: &Tensor, b: &Tensor| {
            (a - b).unwrap().abs().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
        };
        assert!(worst(&ours, &theirs) < 2e-6, "{}", worst(&ours, &theirs));
        let ours = ours.sum_all().unwrap().backward().unwrap();
        let theirs = theirs.sum_all().unwrap().backward().unwrap();
        assert!(worst(ours.get(&x).unwrap(), theirs.get(&x).unwrap()) < 3e-6);
    }
}
