//! Muon (Jordan et al. 2024): matrices are moved by their momentum with all singular values made alike, so that rare
//! directions are learned as fast as common ones. Rates are scaled as Moonlight's (Liu et al. 2025, §2.2), so that those of
//! AdamW fit.

use crate::nn::ops::{self, After};
use candle_core::{Result, Tensor, Var};

/// Decay of the momentum.
const MOMENTUM: f64 = 0.95;
/// Steps of the Newton-Schulz iteration.
const STEPS: usize = 5;
/// Its polynomial, a·X + b·XXᵀX + c·(XXᵀ)²X: the steepest at zero that keeps singular values within about 0.7 to 1.2.
const POLYNOMIAL: [f64; 3] = [3.4445, -4.7750, 2.0315];
/// Root mean square of AdamW's usual updates.
const ADAMW_RMS: f64 = 0.2;

/// UVᵀ of a matrix USVᵀ, but for singular values of about 0.7 to 1.2 instead of 1.
fn orthogonal(matrix: &Tensor) -> Result<Tensor> {
    let (rows, columns) = matrix.dims2()?;
    if rows < columns {
        return orthogonal(&matrix.t()?.contiguous()?)?.t()?.contiguous();
    }
    let nothing = Tensor::zeros(columns, matrix.dtype(), matrix.device())?;
    let product = |x: &Tensor, transposed: &Tensor| ops::linear(x, transposed, &nothing, After::Nothing);
    let norm = (matrix.sqr()?.sum_all()?.sqrt()? + 1e-7)?;
    let mut x = matrix.broadcast_div(&norm)?;
    let [a, b, c] = POLYNOMIAL;
    for _ in 0..STEPS {
        let across = x.t()?.contiguous()?;
        let square = product(&across, &across)?;
        // Symmetric, as the square is.
        let factor = ((&square * b)? + (product(&square, &square)? * c)?)?;
        x = ((&x * a)? + product(&x, &factor)?)?;
    }
    Ok(x)
}

/// One step of `var`, a matrix (rows, columns) or `stacked` of them below one another, with its gradient. Returns the new
/// momentum, which has the shape of `momentum`.
pub fn step(
    var: &Var,
    momentum: &Tensor,
    gradient: &Tensor,
    stacked: usize,
    lr: f64,
    weight_decay: f64,
) -> Result<Tensor> {
    let (rows, columns) = var.dims2()?;
    let gradient = gradient.reshape(momentum.shape())?;
    let momentum = ((momentum * MOMENTUM)? + &gradient)?;
    // Nesterov's look ahead.
    let ahead = (gradient + (&momentum * MOMENTUM)?)?.reshape(var.shape())?;
    let height = rows / stacked;
    let moves: Vec<Tensor> =
        (0..stacked).map(|n| orthogonal(&ahead.narrow(0, n * height, height)?)).collect::<Result<_>>()?;
    let rate = lr * ADAMW_RMS * (height.max(columns) as f64).sqrt();
    let change = (Tensor::cat(&moves, 0)? * rate)?;
    var.set(&((var.as_tensor() * (1.0 - lr * weight_decay))? - change)?)?;
    Ok(momentum.detach())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::CounterRng;
    use candle_core::Device;

    fn random(rows: usize, columns: usize) -> Tensor {
        let rng = CounterRng::new(3, "muon");
        let values: Vec<f32> = (0..rows * columns).map(|i| rng.normal_at(i as u64)).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    }

    /// Lengths of what a matrix makes of unit vectors that are not special to it.
    fn gains(matrix: &Tensor) -> Vec<f32> {
        let gram = matrix.matmul(&matrix.t().unwrap()).unwrap();
        (0..gram.dim(0).unwrap())
            .map(|i| gram.get(i).unwrap().get(i).unwrap().to_scalar::<f32>().unwrap().sqrt())
            .collect()
    }

    #[test]
    fn all_directions_come_out_alike() {
        // Rows of very different lengths, nearly of one direction.
        let tilt = Tensor::from_vec(vec![1.0f32, 0.1, 0.05, 3.0], (4, 1), &Device::Cpu).unwrap();
        let matrix = (random(4, 9).broadcast_mul(&tilt).unwrap()
            + random(1, 9).broadcast_as((4, 9)).unwrap())
        .unwrap();
        for matrix in [orthogonal(&matrix).unwrap(), orthogonal(&matrix.t().unwrap()).unwrap().t().unwrap()] {
            for gain in gains(&matrix) {
                assert!((0.6..1.3).contains(&gain), "{gain}");
            }
        }
    }

    #[test]
    fn stacked_matrices_move_as_each_alone() {
        let gradients = [random(4, 4), (random(4, 4) * 100.0).unwrap().t().unwrap().contiguous().unwrap()];
        let alone: Vec<Vec<f32>> = gradients
            .iter()
            .map(|gradient| {
                let var = Var::zeros((4, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
                step(
                    &var,
                    &Tensor::zeros((1, 16), candle_core::DType::F32, &Device::Cpu).unwrap(),
                    gradient,
                    1,
                    0.1,
                    0.0,
                )
                .unwrap();
                var.flatten_all().unwrap().to_vec1().unwrap()
            })
            .collect();
        let var = Var::zeros((8, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        let both = Tensor::cat(&gradients, 0).unwrap();
        step(
            &var,
            &Tensor::zeros((1, 32), candle_core::DType::F32, &Device::Cpu).unwrap(),
            &both,
            2,
            0.1,
            0.0,
        )
        .unwrap();
        let together: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        for (a, b) in alone.concat().iter().zip(together) {
            assert!((a - b).abs() < 1e-5, "{a} against {b}");
        }
        // 0.2 is the root mean square of a move at rate 1.
        let rms = (alone[0].iter().map(|v| v * v).sum::<f32>() / 16.0).sqrt();
        assert!((0.014..0.026).contains(&rms), "{rms}");
    }

    #[test]
    fn finds_the_least_of_a_bowl() {
        let goal = random(6, 3);
        let var = Var::zeros((6, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        let mut momentum = Tensor::zeros((1, 18), candle_core::DType::F32, &Device::Cpu).unwrap();
        for n in 0..400 {
            let gradient = (var.as_tensor() - &goal).unwrap();
            momentum = step(&var, &momentum, &gradient, 1, 0.1 * (1.0 - n as f64 / 400.0), 0.0).unwrap();
        }
        let off =
            (var.as_tensor() - &goal).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(off.sqrt() < 0.02, "{off}");
    }
}
