//! Which form of a 3x3 convolution is fastest on this CPU, forward and with its gradients.
//!
//! `cargo bench --bench conv`: candle's own conv2d (channels first), nine shifted matrix products made of candle's
//! operations (channels last), and ours (channels last, patches gathered block by block). The forms take turns in one run;
//! figures are GFLOP/s of the fastest round and ratios to candle's form.

use candle_core::{DType, Device, Result, Tensor, Var};
use duet::nn::ops::{ConvGeometry, conv2d};
use std::time::Instant;

/// candle's own tensors of random numbers will do: nothing here is asserted.
#[allow(clippy::disallowed_methods)]
fn random(shape: (usize, usize, usize, usize)) -> Result<Tensor> {
    Tensor::randn(0f32, 1.0, shape, &Device::Cpu)
}

/// A form of convolution on (input, kernel (Co, Ci, 3, 3), bias).
type Form = fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>;

fn candle_form(x: &Tensor, kernel: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.conv2d(kernel, 1, 1, 1, 1)?.broadcast_add(&bias.reshape((1, (), 1, 1))?)
}

fn shifted_form(x: &Tensor, kernel: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (b, h, w, c) = x.dims4()?;
    let padded = x.pad_with_zeros(1, 1, 1)?.pad_with_zeros(2, 1, 1)?;
    let mut sum: Option<Tensor> = None;
    for i in 0..3 {
        for j in 0..3 {
            let view = padded.narrow(1, i, h)?.narrow(2, j, w)?.contiguous()?.reshape((b * h * w, c))?;
            let product = view.matmul(&kernel.narrow(2, i, 1)?.narrow(3, j, 1)?.reshape(((), c))?.t()?)?;
            sum = Some(match sum {
                Some(sum) => (sum + product)?,
                None => product,
            });
        }
    }
    let Some(sum) = sum else { candle_core::bail!("no taps") };
    sum.broadcast_add(bias)?.reshape((b, h, w, ()))
}

fn our_form(x: &Tensor, kernel: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let geometry = ConvGeometry { kernel: (3, 3), stride: (1, 1), padding: (1, 1), dilation: (1, 1) };
    conv2d(x, &kernel.permute((0, 2, 3, 1))?.contiguous()?.flatten(1, 3)?, bias, geometry)
}

fn main() -> Result<()> {
    duet::nn::machine::threads::leave_elementwise_work_to_one_thread();
    println!("3x3 convolution, C to C channels, GFLOP/s (ratio to candle's form)");
    println!("{:<28} {:>18} {:>18} {:>18}", "case", "candle", "nine products", "ours");
    for (b, h, w, c) in [(16, 64, 22, 64), (16, 32, 11, 64), (2, 88, 22, 512), (2, 44, 11, 512)] {
        let forms: [(Form, bool); 3] = [(candle_form, true), (shifted_form, false), (our_form, false)];
        let kernel = Var::from_tensor(&random((c, c, 3, 3))?)?;
        let bias = Var::from_tensor(&Tensor::zeros(c, DType::F32, &Device::Cpu)?)?;
        let last = random((b, h, w, c))?;
        let first = last.permute((0, 3, 1, 2))?.contiguous()?;
        let flops = 2.0 * 9.0 * (b * h * w * c * c) as f64;
        for backward in [false, true] {
            let mut best = [f64::INFINITY; 3];
            for _ in 0..7 {
                for (best, (form, channels_first)) in best.iter_mut().zip(forms) {
                    let x = Var::from_tensor(if channels_first { &first } else { &last })?;
                    let start = Instant::now();
                    let y = form(&x, &kernel, &bias)?;
                    if backward {
                        y.sum_all()?.backward()?;
                    }
                    *best = best.min(start.elapsed().as_secs_f64());
                }
            }
            // The backward pass holds two products of the forward pass's size.
            let work = if backward { 3.0 * flops } else { flops } / 1e9;
            let cell = |i: usize| format!("{:.0} ({:.1}x)", work / best[i], best[0] / best[i]);
            let name = format!("{b}x{h}x{w}x{c} {}", if backward { "with gradients" } else { "forward" });
            println!("{name:<32} {:>14} {:>18} {:>18}", cell(0), cell(1), cell(2));
        }
    }
    Ok(())
}
