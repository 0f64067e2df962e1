//! The portable tensor generator of the parity cases: full-size weights made by formula, so that no file has to carry them.
//!
//! A 64-bit key per tensor (FNV-1a of its name, mixed with the seed) and SplitMix64's output function over the element
//! index give uniforms; the tensor's name and shape decide offset and amplitude. Every operation on values is in f32.

use candle_core::{Device, Result, Tensor};
use std::collections::HashMap;

/// What of a tensor the formula depends on.
pub type Shapes = Vec<(String, Vec<usize>)>;

/// The key of tensor `name` under `seed`.
fn key(name: &str, seed: u64) -> u64 {
    let fnv = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    fnv ^ seed.wrapping_mul(0xD1B5_4A32_D192_ED03)
}

/// Uniform number in [0, 1) of flat (row-major) element `index`; 24 random bits.
fn uniform(key: u64, index: u64) -> f32 {
    let mut z = key.wrapping_add((index.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    // 24 bits fit a f32 exactly.
    (z >> 40) as f32 * (1.0 / 16_777_216.0)
}

/// Offset and amplitude of weight `name`; `None` where the model computes the tensor itself.
fn offset_and_amplitude(name: &str, shape: &[usize]) -> Option<(f32, f32)> {
    let last = name.rsplit('.').next().unwrap_or(name);
    if name.contains("inv_freq") || last == "pe" {
        return None;
    }
    let embedding =
        ["token_emb", "positional_embedding", "query_token"].iter().any(|part| name.contains(part));
    Some(match (last, shape.len()) {
        ("codebook", _) => (0.0, 1.0),
        ("latent_scale", _) => (1.25, 0.25),
        _ if embedding || last == "hidden" => (0.0, 0.7),
        ("weight", 0 | 1) => (1.0, 0.2),
        (_, 0 | 1) => (0.0, 0.1),
        _ => {
            let fan_in: usize = shape[1..].iter().product();
            let gain = if name.contains("poseFinal") {
                0.3
            } else if name.contains("poseEmbedding") {
                2.0
            } else {
                1.0
            };
            (0.0, (gain * (3.0 / fan_in as f64).sqrt()) as f32)
        }
    })
}

/// The values of weight `name`, row-major; `None` where the model computes the tensor itself.
pub fn weight(name: &str, key_prefix: &str, seed: u64, shape: &[usize]) -> Option<Vec<f32>> {
    let (offset, amplitude) = offset_and_amplitude(name, shape)?;
    let key = key(&format!("{key_prefix}{name}"), seed);
    let count: usize = shape.iter().product();
    Some((0..count as u64).map(|i| offset + amplitude * (2.0 * uniform(key, i) - 1.0)).collect())
}

/// Input data in [lo, hi) under the same generator, row-major.
#[allow(dead_code, reason = "benches that include this file make their inputs with it")]
pub fn data(name: &str, seed: u64, count: usize, lo: f32, hi: f32) -> Vec<f32> {
    let key = key(name, seed);
    (0..count as u64).map(|i| lo + (hi - lo) * uniform(key, i)).collect()
}

/// All weights named in `shapes` that are not computed by the model, f32 on the CPU.
pub fn weights(shapes: &Shapes, key_prefix: &str, seed: u64) -> Result<HashMap<String, Tensor>> {
    let mut made = HashMap::with_capacity(shapes.len());
    for (name, shape) in shapes {
        if let Some(values) = weight(name, key_prefix, seed, shape) {
            made.insert(name.clone(), Tensor::from_vec(values, shape.as_slice(), &Device::Cpu)?);
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    #[allow(unused_imports, reason = "benches include this file without a test harness")]
    use super::*;

    /// Weights that the reference's own generator made (seed 103).
    #[test]
    fn known_weights_come_out_bit_for_bit() {
        for (name, shape, expected) in [
            ("encoder.gcn_layer1.lin.weight", vec![12, 12], [0.027_768_85, -0.135_149_18, -0.177_114_37]),
            ("encoder.gcn_layer1.lin.bias", vec![12], [-0.096_755_885, -0.047_835_506, -0.092_995_144]),
            ("encoder.model.0.0.weight", vec![16, 16, 4, 4], [-0.084_511_2, 0.044_811_1, 0.097_905_49]),
        ] {
            let made = weight(name, "", 103, &shape).unwrap();
            assert_eq!(made.len(), shape.iter().product::<usize>());
            assert_eq!(made[..3], expected, "{name}");
            assert_ne!(made, weight(name, "", 104, &shape).unwrap());
            assert_ne!(made, weight(name, "x.", 103, &shape).unwrap());
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        for (name, shape, expected) in [
            ("a.inv_freq", vec![3], None),
            ("a.pe", vec![3, 3], None),
            ("a.0.codebook", vec![4, 4], Some((0.0, 1.0))),
            ("latent_scale", vec![1], Some((1.25, 0.25))),
            ("clip_token_embedding.weight", vec![4, 4], Some((0.0, 0.7))),
            ("gru.hidden", vec![2, 1, 4], Some((0.0, 0.7))),
            ("norm.weight", vec![4], Some((1.0, 0.2))),
            ("norm.bias", vec![4], Some((0.0, 0.1))),
            ("linear.weight", vec![5, 3], Some((0.0, 1.0))),
            ("head.poseFinal.weight", vec![5, 3], Some((0.0, 0.3))),
            ("input.poseEmbedding.weight", vec![5, 3], Some((0.0, 2.0))),
            ("conv.weight", vec![5, 3, 2, 2], Some((0.0, 0.5))),
        ] {
            assert_eq!(offset_and_amplitude(name, &shape), expected, "{name}");
        }
    }
}
