//! Layer norm over the last axis, without gain or shift (callers modulate).

use super::values;
use super::vectorise::vectorise;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// (x − mean)/sqrt(var + eps) over the last axis. Differentiable.
pub fn layer_norm(x: &Tensor, eps: f32) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(LayerNorm(eps));
    }
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
    centred.broadcast_div(&deviation)
}

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

struct LayerNorm(f32);

impl CustomOp1 for LayerNorm {
    fn name(&self) -> &'static str {
        "duet-layer-norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(storage, layout, self.name())?;
        let width = layout.dims().last().copied().unwrap_or(1);
        let mut out = vec![0f32; x.len()];
        let chunk = (16 * 1024 / width.max(1)).max(1) * width;
        out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(out, x)| {
            vectorise(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                        let (mean, scale) = moments(x, self.0);
                        for (o, &x) in out.iter_mut().zip(x) {
                            *o = (x - mean) * scale;
                        }
                    }
                },
            );
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, arg: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(arg.apply_op2_no_bwd(&grad.contiguous()?, &LayerNormGradient(self.0))?))
    }
}

/// (x, dy) -> (dy − mean(dy) − y·mean(dy·y))/deviation
struct LayerNormGradient(f32);

impl CustomOp2 for LayerNormGradient {
    fn name(&self) -> &'static str {
        "duet-layer-norm-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, g) = (values(x, xl, self.name())?, values(g, gl, self.name())?);
        let width = xl.dims().last().copied().unwrap_or(1);
        let mut out = vec![0f32; x.len()];
        let chunk = (16 * 1024 / width.max(1)).max(1) * width;
        out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).zip(g.par_chunks(chunk)).for_each(
            |((out, x), g)| {
                vectorise(
                    #[inline(always)]
                    || {
                        let rows =
                            out.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(g.chunks_exact(width));
                        for ((out, x), g) in rows {
                            let n = width as f32;
                            let (mean, scale) = moments(x, self.0);
                            let mean_g = sum_by(g, |_, g| g) / n;
                            let mean_gy = sum_by(x, |i, x| (x - mean) * scale * g[i]) / n;
                            for ((o, &x), &g) in out.iter_mut().zip(x).zip(g) {
                                *o = scale * (g - mean_g - (x - mean) * scale * mean_gy);
                            }
                        }
                    },
                );
            },
        );
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};

    #[test]
    fn equals_candle_forward_and_backward() {
        let dev = &Device::Cpu;
        let x = Var::randn(1f32, 2., (5, 9, 52), dev).unwrap();
        let weigh = Tensor::randn(0f32, 1., (5, 9, 52), dev).unwrap();
        let ours = layer_norm(&x, 1e-6).unwrap();
        let ones = Tensor::ones(52, DType::F32, dev).unwrap();
        let theirs = candle_nn::ops::layer_norm_slow(&x, &ones, &ones.zeros_like().unwrap(), 1e-6).unwrap();
        let worst = |a: &Tensor, b: &Tensor| {
            (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
        };
        assert!(worst(&ours, &theirs) < 1e-5);
        let ours = (ours * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        let theirs = (theirs * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(worst(ours.get(&x).unwrap(), theirs.get(&x).unwrap()) < 1e-5);
    }
}
