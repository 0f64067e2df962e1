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

/// How many matrices a variable of the transformer holds below one another, if it is one for Muon: of blocks and word attention, but not
/// their modulations, which turn the sentence into shifts, scales and gates.
pub fn matrices(name: &str, var: &Var) -> Option<usize> {
    let hidden = name.starts_with("Transformer.blocks.") || name.starts_with("word_attn.");
    let packed = if name.ends_with("in_proj_weight") { 3 } else { 1 };
    (hidden && var.rank() == 2 && !name.contains("adaLN")).then_some(packed)
}

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
    use candle_core::{DType, Device};

    fn random(rows: usize, columns: usize) -> Tensor {
        let rng = CounterRng::new(3, "muon");
        let values: Vec<f32> = (0..rows * columns).map(|i| rng.normal_at(i as u64)).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    }

    fn zeros(rows: usize, columns: usize) -> Tensor {
        Tensor::zeros((rows, columns), DType::F32, &Device::Cpu).unwrap()
    }

    #[test]
    fn matrices_of_blocks_and_word_attention_are_for_muon() {
        let held = |name: &str, shape: &[usize]| {
            matrices(name, &Var::zeros(shape, DType::F32, &Device::Cpu).unwrap())
        };
        let block = "Transformer.blocks.3";
        assert_eq!(held(&format!("{block}.self_attn.attention.in_proj_weight"), &[24, 8]), Some(3));
        assert_eq!(held(&format!("{block}.ffn_split.model.0.weight"), &[24, 8]), Some(1));
        assert_eq!(held("word_attn.2.attn.in_proj_weight", &[24, 8]), Some(3));
        assert_eq!(held("word_attn.proj.weight", &[8, 8]), Some(1));
        assert_eq!(
            held(&format!("{block}.adaLN_mod_split.model.1.weight"), &[112, 8]),
            None,
            "told by the text"
        );
        assert_eq!(held(&format!("{block}.ffn_split.model.0.bias"), &[24]), None, "no matrix");
        for other in
            ["text.transformer.resblocks.0.attn.in_proj_weight", "token_emb.weight", "cond_emb.weight"]
        {
            assert_eq!(held(other, &[24, 8]), None, "{other}");
        }
    }

    #[test]
    fn all_directions_come_out_alike() {
        // Rows of very different lengths, nearly of one direction.
        let tilt = Tensor::from_vec(vec![1.0f32, 0.1, 0.05, 3.0], (4, 1), &Device::Cpu).unwrap();
        let same = random(1, 9).broadcast_as((4, 9)).unwrap();
        let matrix = (random(4, 9).broadcast_mul(&tilt).unwrap() + same).unwrap();
        for matrix in [orthogonal(&matrix).unwrap(), orthogonal(&matrix.t().unwrap()).unwrap().t().unwrap()] {
            let products: Vec<Vec<f32>> = matrix.matmul(&matrix.t().unwrap()).unwrap().to_vec2().unwrap();
            for (i, row) in products.iter().enumerate() {
                for (j, product) in row.iter().enumerate() {
                    // Squares of singular values lie within 0.49 to 1.44, so that no entry is further from the identity's.
                    let identity = if i == j { 1.0 } else { 0.0 };
                    assert!((product - identity).abs() < 0.52, "{products:?}");
                }
            }
        }
    }

    #[test]
    fn stacked_matrices_move_as_each_alone() {
        let gradients = [random(4, 4), (random(4, 4) * 100.0).unwrap().t().unwrap().contiguous().unwrap()];
        let moved = |gradient: &Tensor, stacked: usize| -> Vec<f32> {
            let var = Var::from_tensor(&zeros(4 * stacked, 4)).unwrap();
            step(&var, &zeros(1, 16 * stacked), gradient, stacked, 0.1, 0.0).unwrap();
            var.flatten_all().unwrap().to_vec1().unwrap()
        };
        let alone = gradients.each_ref().map(|gradient| moved(gradient, 1));
        let together = moved(&Tensor::cat(&gradients, 0).unwrap(), 2);
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
        let var = Var::from_tensor(&zeros(6, 3)).unwrap();
        let mut momentum = zeros(1, 18);
        for n in 0..400 {
            let gradient = (var.as_tensor() - &goal).unwrap();
            momentum = step(&var, &momentum, &gradient, 1, 0.1 * (1.0 - n as f64 / 400.0), 0.0).unwrap();
        }
        let off =
            (var.as_tensor() - &goal).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(off.sqrt() < 0.02, "{off}");
    }
}
