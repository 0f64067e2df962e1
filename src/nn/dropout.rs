//! Dropout as a thing the caller brings: inference brings none, training brings its own random numbers.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Drops entries of tensors.
pub trait Dropout {
    /// The mask for one use with probability `p`; `None` keeps everything. Each call gives another mask.
    fn mask(&mut self, p: f32) -> Option<Mask>;

    /// Zero each entry of `x` with probability `p` and divide the others by 1 − p.
    fn apply(&mut self, x: &Tensor, p: f32) -> Result<Tensor> {
        match self.mask(p) {
            Some(mask) => mask.apply(x),
            None => Ok(x.clone()),
        }
    }
}

/// Inference: keeps everything.
pub struct Keep;

impl Dropout for Keep {
    fn mask(&mut self, _p: f32) -> Option<Mask> {
        None
    }
}

/// A dropout mask of any size, each entry a pure function of (key, index): forward and backward passes draw it where they
/// need it instead of keeping it. SplitMix64 (Steele et al. 2014) as a counter-based generator, 16 bits an entry: a
/// tenth of Philox's cost, and nothing but dropout depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mask {
    key: u64,
    /// Drop where a 16-bit draw is below this.
    below: u16,
    keep: f32,
}

/// Entries that a rayon task handles.
const CHUNK: usize = 32 * 1024;

impl Mask {
    /// Entries that share one draw; masks are addressed in groups.
    pub const GROUP: usize = 4;

    /// Drops with probability `p`, which must lie in 0..1, to the nearest 1/65536.
    pub fn new(key: u64, p: f32) -> Self {
        let below = (p * 65536.0).round().clamp(0.0, 65535.0) as u16;
        Self { key, below, keep: 1.0 / (1.0 - f32::from(below) / 65536.0) }
    }

    /// Multiply `values` with the mask's entries from group `group` on.
    pub fn scale(&self, group: u64, values: &mut [f32]) {
        let bits = |i: usize| {
            let z = self.key.wrapping_add((group + i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ z >> 31
        };
        let factor = |draw: u64| if (draw as u16) < self.below { 0.0 } else { self.keep };
        pulp::Arch::new().dispatch(|| {
            let mut whole = values.chunks_exact_mut(Self::GROUP);
            let count = whole.len();
            for (i, four) in whole.by_ref().enumerate() {
                let bits = bits(i);
                for (lane, value) in four.iter_mut().enumerate() {
                    *value *= factor(bits >> (16 * lane));
                }
            }
            let bits = bits(count);
            for (lane, value) in whole.into_remainder().iter_mut().enumerate() {
                *value *= factor(bits >> (16 * lane));
            }
        });
    }

    /// Multiply a tensor with the mask. Differentiable.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        if x.device().is_cpu() {
            return x.contiguous()?.apply_op1(self);
        }
        let mut mask = vec![1f32; x.elem_count()];
        self.scale(0, &mut mask);
        x * Tensor::from_vec(mask, x.shape(), x.device())?
    }
}

impl CustomOp1 for Mask {
    fn name(&self) -> &'static str {
        "duet-dropout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("dropout needs a contiguous tensor")
        };
        let mut values = storage.as_slice::<f32>()?[start..end].to_vec();
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
            self.scale((chunk * CHUNK / Self::GROUP) as u64, values);
        });
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, _res: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(gradient.contiguous()?.apply_op1_no_bwd(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};

    #[test]
    fn keeps_the_mean_and_the_backward_pass_uses_the_same_mask() {
        let x = Var::ones((300, 301), DType::F32, &Device::Cpu).unwrap();
        let y = Mask::new(11, 0.2).apply(x.as_tensor()).unwrap();
        let values = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let kept = values.iter().filter(|v| **v != 0.0).count() as f64 / values.len() as f64;
        assert!((kept - 0.8).abs() < 0.005, "{kept}");
        let mean = y.mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        let gradient = y.sum_all().unwrap().backward().unwrap();
        let gradient = gradient.get(x.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(gradient, values);
    }

    #[test]
    fn neighbours_are_independent() {
        // Of pairs at any small distance a quarter is kept at p = ½.
        let mut values = vec![1f32; 40_000];
        Mask::new(3, 0.5).scale(0, &mut values);
        for distance in 1..10 {
            let both = values.windows(distance + 1).filter(|w| w[0] * w[distance] != 0.0).count();
            let share = both as f64 / (values.len() - distance) as f64;
            assert!((share - 0.25).abs() < 0.01, "distance {distance}: {share}");
        }
    }

    #[test]
    fn parts_of_a_mask_agree_with_the_whole() {
        let mask = Mask::new(9, 0.4);
        let mut whole = vec![1f32; 40];
        mask.scale(7, &mut whole);
        let mut part = vec![1f32; 10];
        mask.scale(9, &mut part);
        assert_eq!(part, whole[8..18]);
    }
}
