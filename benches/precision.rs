//! f32 against bf16 on the CPU's tile unit: the linear layers and convolutions of training, forms taking turns.
//!
//! `cargo bench --bench precision`

use candle_core::{Device, Tensor, Var};
use duet::nn::ops::{After, ConvGeometry, conv2d, linear};
use duet::nn::params::Params;
use duet::nn::precision::{self, Precision};
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;
const FORMS: [(&str, Precision); 2] = [("f32", Precision::F32), ("bf16", Precision::Bf16)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = precision::set(Precision::Bf16) {
        println!("nothing to compare: {error}");
        return Ok(());
    }
    println!("GFLOP/s of the fastest of {ROUNDS} rounds (ratio), {} threads", rayon::current_num_threads());
    for (rows, input, output) in [(2400, 128, 384), (2400, 384, 1024), (221, 384, 1024)] {
        let (x, w, b) = (numbers(&[rows, input])?, numbers(&[output, input])?, numbers(&[output])?);
        let work = 2.0 * (rows * input * output) as f64;
        let name = format!("linear {rows}x{input}x{output}");
        compare(&format!("{name} forward"), work, || linear(&x, &w, &b, After::Nothing).map(drop))?;
        let (x, w, b) = (Var::from_tensor(&x)?, Var::from_tensor(&w)?, Var::from_tensor(&b)?);
        compare(&format!("{name} with gradients"), 3.0 * work, || {
            linear(&x, &w, &b, After::Nothing)?.sum_all()?.backward().map(drop)
        })?;
    }
    let g = ConvGeometry { kernel: (3, 3), stride: (1, 1), padding: (1, 1), dilation: (1, 1) };
    for (batch, frames, joints, channels) in [(16, 64, 22, 128), (16, 32, 11, 128), (2, 88, 22, 512)] {
        let x = numbers(&[batch, frames, joints, channels])?;
        let (w, b) = (numbers(&[channels, 9 * channels])?, numbers(&[channels])?);
        let work = 2.0 * (batch * frames * joints * 9 * channels * channels) as f64;
        let name = format!("convolution {batch}x{frames}x{joints}x{channels}");
        compare(&format!("{name} forward"), work, || conv2d(&x, &w, &b, g).map(drop))?;
        let vars = [Var::from_tensor(&x)?, Var::from_tensor(&w)?, Var::from_tensor(&b)?];
        compare(&format!("{name} with gradients"), 3.0 * work, || {
            conv2d(&vars[0], &vars[1], &vars[2], g)?.sum_all()?.backward().map(drop)
        })?;
    }
    Ok(())
}

/// Reproducible numbers around zero.
fn numbers(shape: &[usize]) -> candle_core::Result<Tensor> {
    let init = candle_nn::Init::Randn { mean: 0.0, stdev: 0.5 };
    Params::new(1, &Device::Cpu).builder().get_with_hints(shape, "numbers", init)?.detach().copy()
}

fn compare(
    name: &str,
    work: f64,
    run: impl Fn() -> candle_core::Result<()>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut best = [Duration::MAX; FORMS.len()];
    for _ in 0..ROUNDS {
        for ((_, precision), best) in FORMS.iter().zip(&mut best) {
            precision::set(*precision)?;
            let start = Instant::now();
            run()?;
            *best = start.elapsed().min(*best);
        }
    }
    let rate = best.map(|time| work / time.as_secs_f64() / 1e9);
    println!("{name:<46} f32 {:>5.0}   bf16 {:>5.0} ({:.1})", rate[0], rate[1], rate[1] / rate[0]);
    Ok(())
}
