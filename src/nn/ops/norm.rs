//! Layer norm with what scales and shifts its result, one pass each way.

use super::values;
use crate::nn::machine::vectorise::vectorise;
use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

/// n·(1 + scale) + shift with n = (x − mean)/sqrt(var + eps) over the last axis, for x (B, N, d), shift and scale (B, 1, d).
/// Differentiable.
pub fn norm_modulate(x: &Tensor, shift: &Tensor, scale: &Tensor, eps: f32) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op3(
            &scale.contiguous()?,
            &shift.contiguous()?,
            Norm { eps, plus: 1.0 },
        );
    }
    layer_norm(x, eps)?.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)
}

/// n·weight + bias over the last axis, n as in [`norm_modulate`], for x (…, d), weight and bias (d). Differentiable.
pub fn norm_affine(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op3(
            &weight.contiguous()?,
            &bias.contiguous()?,
            Norm { eps, plus: 0.0 },
        );
    }
    layer_norm(x, eps)?.broadcast_mul(weight)?.broadcast_add(bias)
}

/// candle's operations, for other devices; its fused layer norm drops gradients.
fn layer_norm(x: &Tensor, eps: f32) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
    centred.broadcast_div(&deviation)
}

/// Rows a thread takes at once.
const ROWS: usize = 64;
/// Parts in which the rows of one vector are summed, whatever the number of threads.
const PARTS: usize = 4;
const LANES: usize = 16;

#[inline(always)]
fn sum_by(row: &[f32], f: impl Fn(usize, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    for (c, chunk) in row.chunks(LANES).enumerate() {
        for (i, (l, &v)) in lanes.iter_mut().zip(chunk).enumerate() {
            *l += f(c * LANES + i, v);
        }
    }
    lanes.iter().sum()
}

/// Mean and 1/deviation of a row.
#[inline(always)]
fn moments(row: &[f32], eps: f32) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = sum_by(row, |_, v| v) / n;
    let var = sum_by(row, |_, v| (v - mean) * (v - mean)) / n;
    (mean, 1.0 / (var + eps).sqrt())
}

/// n·(plus + scale) + shift. The vectors hold as many rows as there are batch items, or one for all.
struct Norm {
    eps: f32,
    plus: f32,
}

impl Norm {
    /// (width, rows of x that share a vector)
    fn sizes(&self, x: &Layout, vector: &Layout) -> Result<(usize, usize)> {
        let (d, numbers) = (x.dims().last().copied().unwrap_or(0), vector.shape().elem_count());
        let rows = x.shape().elem_count() / d.max(1);
        let fits = d > 0 && numbers.is_multiple_of(d) && vector.dims().last() == Some(&d) && numbers > 0;
        let items = numbers / d.max(1);
        if !fits || (items != 1 && x.dims().first() != Some(&items)) {
            candle_core::bail!("{}: rows {:?} do not fit {:?}", self.name(), x.dims(), vector.dims());
        }
        Ok((d, (rows / items).max(1)))
    }

    /// Derivatives by x, scale and shift.
    fn slopes(&self, (d, n): (usize, usize), x: &[f32], scale: &[f32], grad: &[f32]) -> [Vec<f32>; 3] {
        let mut dx = vec![0f32; x.len()];
        let band = n.div_ceil(PARTS) * d;
        let items = dx.par_chunks_mut(n * d).zip(x.par_chunks(n * d)).zip(grad.par_chunks(n * d));
        let sums: Vec<(Vec<f32>, Vec<f32>)> = items
            .zip(scale.par_chunks(d))
            .map(|(((dx, x), grad), scale)| {
                let bands = dx.par_chunks_mut(band).zip(x.par_chunks(band)).zip(grad.par_chunks(band));
                let sums: Vec<_> = bands.map(|((dx, x), grad)| self.band((d, scale), x, grad, dx)).collect();
                let mut sums = sums.into_iter();
                let mut total = sums.next().unwrap_or_default();
                for (by_scale, by_shift) in sums {
                    total.0.iter_mut().zip(by_scale).for_each(|(t, s)| *t += s);
                    total.1.iter_mut().zip(by_shift).for_each(|(t, s)| *t += s);
                }
                total
            })
            .collect();
        let (by_scale, by_shift): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
        [dx, by_scale.concat(), by_shift.concat()]
    }

    /// The same for some rows of one vector. With g = dy·(plus + scale):
    /// dx = (g − mean(g) − n·mean(g·n))/deviation, d scale = Σ dy·n, d shift = Σ dy.
    fn band(
        &self,
        (d, scale): (usize, &[f32]),
        x: &[f32],
        grad: &[f32],
        dx: &mut [f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let (mut by_scale, mut by_shift) = (vec![0f32; d], vec![0f32; d]);
        let factor: Vec<f32> = scale.iter().map(|s| self.plus + s).collect();
        vectorise(
            #[inline(always)]
            || {
                let rows = dx.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(grad.chunks_exact(d));
                for ((dx, x), dy) in rows {
                    let (mean, inverse) = moments(x, self.eps);
                    for (g, (dy, f)) in dx.iter_mut().zip(dy.iter().zip(&factor)) {
                        *g = dy * f;
                    }
                    let mean_g = sum_by(dx, |_, g| g) / d as f32;
                    let mean_gn = sum_by(dx, |i, g| g * (x[i] - mean) * inverse) / d as f32;
                    for (g, &x) in dx.iter_mut().zip(x) {
                        *g = inverse * (*g - mean_g - (x - mean) * inverse * mean_gn);
                    }
                    for ((s, &x), dy) in by_scale.iter_mut().zip(x).zip(dy) {
                        *s += dy * (x - mean) * inverse;
                    }
                    by_shift.iter_mut().zip(dy).for_each(|(s, dy)| *s += dy);
                }
            },
        );
        (by_scale, by_shift)
    }
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "duet-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        scale: &CpuStorage,
        scale_l: &Layout,
        shift: &CpuStorage,
        shift_l: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (d, n) = self.sizes(xl, scale_l)?;
        self.sizes(xl, shift_l)?;
        let x = values(x, xl, self.name())?;
        let (scale, shift) = (values(scale, scale_l, self.name())?, values(shift, shift_l, self.name())?);
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(ROWS * d).zip(x.par_chunks(ROWS * d)).enumerate().for_each(|(chunk, (out, x))| {
            vectorise(
                #[inline(always)]
                || {
                    for (i, (out, x)) in out.chunks_exact_mut(d).zip(x.chunks_exact(d)).enumerate() {
                        let item = (chunk * ROWS + i) / n;
                        let (scale, shift) = (&scale[item * d..][..d], &shift[item * d..][..d]);
                        let (mean, inverse) = moments(x, self.eps);
                        for ((o, &x), (scale, shift)) in out.iter_mut().zip(x).zip(scale.iter().zip(shift)) {
                            *o = (x - mean) * inverse * (self.plus + scale) + shift;
                        }
                    }
                },
            );
        });
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let guards = [x, scale, &grad].map(Tensor::storage_and_layout);
        let slice = |i: usize| match &*guards[i].0 {
            Storage::Cpu(storage) => values(storage, guards[i].1, self.name()),
            _ => candle_core::bail!("{}: gradients on the CPU only", self.name()),
        };
        let sizes = self.sizes(guards[0].1, guards[1].1)?;
        let [dx, by_scale, by_shift] = self.slopes(sizes, slice(0)?, slice(1)?, slice(2)?);
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device()).map(Some);
        Ok((tensor(dx, x)?, tensor(by_scale, scale)?, tensor(by_shift, shift)?))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn random(shape: impl Into<Shape>) -> Var {
        Var::randn(0f32, 1.5, shape, &Device::Cpu).unwrap()
    }

    fn same(a: &Tensor, b: &Tensor) {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        assert!(d.to_scalar::<f32>().unwrap() < 1e-4);
    }

    /// Values and all gradients of two forms of the same thing.
    fn equal(vars: [&Var; 3], ours: Tensor, theirs: Tensor) {
        same(&ours, &theirs);
        let weigh = random(ours.shape().clone());
        let slopes = |y: Tensor| (y * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
        let (ours, theirs) = (slopes(ours), slopes(theirs));
        for var in vars {
            same(ours.get(var).unwrap(), theirs.get(var).unwrap());
        }
    }

    #[test]
    fn equal_candles_operations_forward_and_backward() {
        let eps = 1e-5;
        let x = random((3, 70, 24));
        let (shift, scale) = (random((3, 1, 24)), random((3, 1, 24)));
        let n = layer_norm(&x, eps).unwrap();
        let theirs = n.broadcast_mul(&(scale.as_tensor() + 1.0).unwrap()).unwrap();
        let theirs = theirs.broadcast_add(&shift).unwrap();
        equal([&x, &shift, &scale], norm_modulate(&x, &shift, &scale, eps).unwrap(), theirs);
        let (weight, bias) = (random(24), random(24));
        let theirs = n.broadcast_mul(&weight).unwrap().broadcast_add(&bias).unwrap();
        equal([&x, &weight, &bias], norm_affine(&x, &weight, &bias, eps).unwrap(), theirs);
    }

    #[test]
    fn refuse_vectors_that_do_not_fit() {
        let x = random((3, 70, 24));
        assert!(norm_modulate(&x, &random((2, 1, 24)), &random((2, 1, 24)), 1e-5).is_err());
        assert!(norm_affine(&x, &random(23), &random(23), 1e-5).is_err());
    }
}
