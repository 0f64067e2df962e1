//! A number whose derivative is known already, as a tensor operation.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

/// A scalar of the given value, whose derivative by `x` is `gradient`, of `x`'s shape: for losses that work their own
/// derivative out.
pub fn with_slope(x: &Tensor, value: f32, gradient: Tensor) -> Result<Tensor> {
    if x.shape() != gradient.shape() {
        candle_core::bail!("a derivative {:?} of {:?}", gradient.dims(), x.dims());
    }
    if x.device().is_cpu() {
        return x.apply_op1(Slope { value, gradient });
    }
    // Another function with the same derivative.
    (x * gradient)?.sum_all()
}

struct Slope {
    value: f32,
    gradient: Tensor,
}

impl CustomOp1 for Slope {
    fn name(&self) -> &'static str {
        "duet-slope"
    }

    fn cpu_fwd(&self, _x: &CpuStorage, _layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![self.value]), Shape::from(())))
    }

    fn bwd(&self, _x: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let factor = f64::from(grad.to_scalar::<f32>()?);
        Ok(Some(if factor == 1.0 { self.gradient.clone() } else { (&self.gradient * factor)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_derivative_is_the_one_given() {
        let x = Var::new(&[1f32, 2.0, 3.0], &Device::Cpu).unwrap();
        let gradient = Tensor::new(&[0.5f32, -1.0, 4.0], &Device::Cpu).unwrap();
        let y = with_slope(&x, 7.0, gradient.clone()).unwrap();
        assert_eq!(y.to_scalar::<f32>().unwrap(), 7.0);
        for (factor, expected) in [(1.0, [0.5, -1.0, 4.0]), (3.0, [1.5, -3.0, 12.0])] {
            let store = (&y * factor).unwrap().backward().unwrap();
            assert_eq!(store.get(&x).unwrap().to_vec1::<f32>().unwrap(), expected);
        }
        assert!(with_slope(&x, 0.0, gradient.narrow(0, 0, 2).unwrap()).is_err());
    }
}
