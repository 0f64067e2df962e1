//! 2-D convolution on channels-last tensors.
//!
//! Channels-last makes a patch a few contiguous runs of memory and a 1x1 convolution a plain matrix product. Patches are
//! gathered a block of positions at a time (the block stays in cache) and multiplied with the packed kernel; blocks are
//! independent, so threads share them without changing the result.

use super::affine::sum_rows;
use super::values;
use crate::nn::machine::gemm::{gemm, row_major, transposed};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Where the taps of a convolution lie; pairs are (height, width).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvGeometry {
    /// Taps.
    pub kernel: (usize, usize),
    /// Step between outputs.
    pub stride: (usize, usize),
    /// Zeros on each side.
    pub padding: (usize, usize),
    /// Step between taps.
    pub dilation: (usize, usize),
}

impl ConvGeometry {
    /// Output size for an input of `size`; zero when the kernel does not fit.
    pub fn output(&self, size: (usize, usize)) -> (usize, usize) {
        let side = |n: usize, k: usize, s: usize, p: usize, d: usize| {
            (n + 2 * p).checked_sub(d * (k - 1) + 1).map_or(0, |room| room / s + 1)
        };
        (
            side(size.0, self.kernel.0, self.stride.0, self.padding.0, self.dilation.0),
            side(size.1, self.kernel.1, self.stride.1, self.padding.1, self.dilation.1),
        )
    }
}

/// Convolve `x` (B,H,W,Ci) with `weight` (Co, kh·kw·Ci), patch order (kh, kw, Ci), and add `bias` (Co): (B,H',W',Co).
/// CPU, f32, differentiable in all three.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: &Tensor, geometry: ConvGeometry) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Conv2d(geometry))
}

/// Floats of gathered patches that one block may hold: about half of a core's second-level cache.
const BLOCK_FLOATS: usize = 128 * 1024;
/// Gradient blocks are summed in this many groups whatever the number of threads, so sums never change order.
const GROUPS: usize = 16;

/// Sizes of one convolution.
#[derive(Clone, Copy)]
struct Plan {
    g: ConvGeometry,
    batch: usize,
    input: (usize, usize),
    output: (usize, usize),
    ci: usize,
    co: usize,
}

impl Plan {
    fn new(g: ConvGeometry, x: &[usize], co: usize) -> Result<Self> {
        let &[batch, h, w, ci] = x else { candle_core::bail!("conv2d needs (B,H,W,C), got {x:?}") };
        let output = g.output((h, w));
        if output.0 == 0 || output.1 == 0 {
            candle_core::bail!("conv2d: input {h}x{w} is smaller than the kernel");
        }
        Ok(Self { g, batch, input: (h, w), output, ci, co })
    }

    fn patch(&self) -> usize {
        self.g.kernel.0 * self.g.kernel.1 * self.ci
    }

    fn positions(&self) -> usize {
        self.batch * self.output.0 * self.output.1
    }

    /// Positions per block: fixed by the sizes alone.
    fn block(&self) -> usize {
        let fitting = (BLOCK_FLOATS / self.patch()).max(1);
        // Wide kernels are re-packed by every product, so their blocks must be tall enough to pay for it.
        fitting.max(256).min(self.positions())
    }

    /// Calls `each(input offset, patch offset)` for every tap of output position `p` that falls inside the input.
    fn taps(&self, p: usize, mut each: impl FnMut(usize, usize)) {
        let (oh, ow) = self.output;
        let (b, y, x) = (p / (oh * ow), p / ow % oh, p % ow);
        let (kh, kw) = self.g.kernel;
        for i in 0..kh {
            let Some(yi) = (y * self.g.stride.0 + i * self.g.dilation.0).checked_sub(self.g.padding.0) else {
                continue;
            };
            if yi >= self.input.0 {
                continue;
            }
            for j in 0..kw {
                let Some(xi) = (x * self.g.stride.1 + j * self.g.dilation.1).checked_sub(self.g.padding.1)
                else {
                    continue;
                };
                if xi < self.input.1 {
                    each(((b * self.input.0 + yi) * self.input.1 + xi) * self.ci, (i * kw + j) * self.ci);
                }
            }
        }
    }

    /// Gather the patches of positions `from..from+rows` into `patches`, zeros outside the input.
    fn gather(&self, x: &[f32], from: usize, rows: usize, patches: &mut Vec<f32>) {
        let width = self.patch();
        patches.resize(rows * width, 0.0);
        for (row, patch) in patches.chunks_exact_mut(width).enumerate() {
            let mut filled = 0;
            self.taps(from + row, |at, to| {
                // Taps come in order: what they skip lies outside the input.
                patch[filled..to].fill(0.0);
                patch[to..to + self.ci].copy_from_slice(&x[at..at + self.ci]);
                filled = to + self.ci;
            });
            patch[filled..].fill(0.0);
        }
    }
}

struct Conv2d(ConvGeometry);

impl CustomOp3 for Conv2d {
    fn name(&self) -> &'static str {
        "duet-conv2d"
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
        let (x, w, bias) =
            (values(x, xl, self.name())?, values(w, wl, self.name())?, values(b, bl, self.name())?);
        let plan = Plan::new(self.0, xl.dims(), bias.len())?;
        if wl.dims() != [plan.co, plan.patch()] {
            candle_core::bail!("conv2d: kernel {:?}, expected {:?}", wl.dims(), [plan.co, plan.patch()]);
        }
        let (block, co) = (plan.block(), plan.co);
        let mut out = vec![0f32; plan.positions() * co];
        out.par_chunks_mut(block * co).enumerate().for_each_init(Vec::new, |patches, (i, out)| {
            let rows = out.len() / co;
            plan.gather(x, i * block, rows, patches);
            out.chunks_exact_mut(co).for_each(|row| row.copy_from_slice(bias));
            let width = plan.patch();
            gemm((rows, width, co), patches, row_major(width), w, transposed(width), out, true);
        });
        Ok((CpuStorage::F32(out), Shape::from((plan.batch, plan.output.0, plan.output.1, co))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _b: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let &[_, h, wd, ci] = x.dims() else { unreachable!("checked by the forward pass") };
        let dx = grad.apply_op2_no_bwd(w, &InputGradient { g: self.0, input: (h, wd), ci })?;
        let dw = x.apply_op2_no_bwd(&grad, &KernelGradient(self.0))?;
        let db = sum_rows(&grad, grad.dim(3)?)?;
        Ok((Some(dx), Some(dw), Some(db)))
    }
}

/// (dY, kernel) -> dX.
struct InputGradient {
    g: ConvGeometry,
    input: (usize, usize),
    ci: usize,
}

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "duet-conv2d-input-gradient"
    }

    fn cpu_fwd(
        &self,
        grad: &CpuStorage,
        gl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (grad, w) = (values(grad, gl, self.name())?, values(w, wl, self.name())?);
        let &[batch, _, _, co] = gl.dims() else { candle_core::bail!("conv2d gradient needs (B,H,W,C)") };
        let (h, wd) = self.input;
        // One item at a time: patches of one item overlap, those of different items do not.
        let item = Plan::new(self.g, &[1, h, wd, self.ci], co)?;
        let (block, width, rows) = (item.block(), item.patch(), item.positions());
        let mut dx = vec![0f32; batch * h * wd * self.ci];
        dx.par_chunks_mut(h * wd * self.ci).enumerate().for_each_init(Vec::new, |patches, (b, dx)| {
            for from in (0..rows).step_by(block) {
                let count = block.min(rows - from);
                patches.resize(count * width, 0.0);
                let dy = &grad[(b * rows + from) * co..][..count * co];
                gemm((count, co, width), dy, row_major(co), w, row_major(width), patches, false);
                for (row, patch) in patches.chunks_exact(width).enumerate() {
                    item.taps(from + row, |at, of| {
                        for (d, g) in dx[at..at + self.ci].iter_mut().zip(&patch[of..of + self.ci]) {
                            *d += g;
                        }
                    });
                }
            }
        });
        Ok((CpuStorage::F32(dx), Shape::from((batch, h, wd, self.ci))))
    }
}

/// (X, dY) -> dKernel.
struct KernelGradient(ConvGeometry);

impl CustomOp2 for KernelGradient {
    fn name(&self) -> &'static str {
        "duet-conv2d-kernel-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        grad: &CpuStorage,
        gl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, grad) = (values(x, xl, self.name())?, values(grad, gl, self.name())?);
        let co = *gl.dims().last().unwrap_or(&0);
        let plan = Plan::new(self.0, xl.dims(), co)?;
        let (block, width, rows) = (plan.block(), plan.patch(), plan.positions());
        let blocks = rows.div_ceil(block);
        let per_group = blocks.div_ceil(GROUPS);
        let partial: Vec<Vec<f32>> = (0..blocks.div_ceil(per_group))
            .into_par_iter()
            .map_init(Vec::new, |patches, group| {
                let mut dw = vec![0f32; co * width];
                for i in group * per_group..((group + 1) * per_group).min(blocks) {
                    let from = i * block;
                    let count = block.min(rows - from);
                    plan.gather(x, from, count, patches);
                    let dy = &grad[from * co..][..count * co];
                    gemm((co, count, width), dy, transposed(co), patches, row_major(width), &mut dw, true);
                }
                dw
            })
            .collect();
        let mut sum = vec![0f32; co * width];
        for part in &partial {
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
        Ok((CpuStorage::F32(sum), Shape::from((co, width))))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "held against candle's own functions on its own random numbers")]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// candle's own convolution on the same numbers, through its NCHW layout.
    fn reference(x: &Tensor, w: &Tensor, b: &Tensor, g: ConvGeometry) -> Result<Tensor> {
        let (co, ci) = (w.dim(0)?, x.dim(3)?);
        let kernel = w.reshape((co, g.kernel.0, g.kernel.1, ci))?.permute((0, 3, 1, 2))?.contiguous()?;
        let padded = x
            .permute((0, 3, 1, 2))?
            .pad_with_zeros(2, g.padding.0, g.padding.0)?
            .pad_with_zeros(3, g.padding.1, g.padding.1)?
            .contiguous()?;
        // candle's convolution has one stride and one dilation for both sides; take the dense result and pick from it.
        let dense = padded.conv2d(&kernel, 0, 1, g.dilation.0, 1)?.permute((0, 2, 3, 1))?;
        let pick = |n: usize, s: usize| Tensor::arange_step(0u32, n as u32, s as u32, &Device::Cpu);
        dense
            .contiguous()?
            .index_select(&pick(dense.dim(1)?, g.stride.0)?, 1)?
            .index_select(&pick(dense.dim(2)?, g.stride.1)?, 2)?
            .broadcast_add(b)
    }

    fn close(a: &Tensor, b: &Tensor, tol: f32) -> bool {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        d.to_scalar::<f32>().unwrap() < tol
    }

    #[test]
    fn equals_candle_forward_and_backward() {
        let geometries = [
            ConvGeometry { kernel: (3, 3), stride: (1, 1), padding: (1, 1), dilation: (1, 1) },
            ConvGeometry { kernel: (3, 3), stride: (1, 1), padding: (3, 3), dilation: (3, 3) },
            ConvGeometry { kernel: (4, 4), stride: (2, 2), padding: (1, 1), dilation: (1, 1) },
            ConvGeometry { kernel: (4, 6), stride: (2, 3), padding: (1, 1), dilation: (1, 1) },
        ];
        for g in geometries {
            let dev = &Device::Cpu;
            let (ci, co) = (6, 10);
            let x = Var::randn(0f32, 1., (3, 37, 13, ci), dev).unwrap();
            let w = Var::randn(0f32, 1., (co, g.kernel.0 * g.kernel.1 * ci), dev).unwrap();
            let b = Var::randn(0f32, 1., co, dev).unwrap();
            let ours = conv2d(&x, &w, &b, g).unwrap();
            let theirs = reference(&x, &w, &b, g).unwrap();
            assert_eq!(ours.dims(), theirs.dims());
            assert!(close(&ours, &theirs, 1e-4), "forward {g:?}");
            let weigh = Tensor::randn(0f32, 1., ours.shape(), dev).unwrap();
            let ours = (ours * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
            let theirs = (theirs * &weigh).unwrap().sum_all().unwrap().backward().unwrap();
            for var in [&x, &w, &b] {
                assert!(close(ours.get(var).unwrap(), theirs.get(var).unwrap(), 2e-3), "backward {g:?}");
            }
        }
    }

    #[test]
    fn thread_count_does_not_change_a_bit() {
        let dev = &Device::Cpu;
        let g = ConvGeometry { kernel: (3, 3), stride: (1, 1), padding: (1, 1), dilation: (1, 1) };
        let x = Tensor::randn(0f32, 1., (2, 88, 22, 24), dev).unwrap();
        let w = Tensor::randn(0f32, 1., (24, 9 * 24), dev).unwrap();
        let b = Tensor::zeros(24, candle_core::DType::F32, dev).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| conv2d(&x, &w, &b, g).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap())
        };
        assert_eq!(run(1), run(3));
    }
}
