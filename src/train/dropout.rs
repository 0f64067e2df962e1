//! Dropout with counter-based random numbers: a resumed training drops the same entries as one that never stopped.

use crate::nn::dropout::Dropout;
use crate::rng::CounterRng;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Numbers that one Philox block decides: two 16-bit halves of each of its four words.
const PER_BLOCK: usize = 8;
/// Numbers a rayon task handles.
const CHUNK: usize = PER_BLOCK * 2048;

/// Dropout for one training step: each call to [`Dropout::apply`] has its own stream.
pub struct CounterDropout {
    rng: CounterRng,
    calls: u64,
    rate: Option<f32>,
}

impl CounterDropout {
    /// `rate` replaces the rates that the model asks for; `None` keeps them.
    pub fn new(rng: CounterRng, rate: Option<f32>) -> Self {
        Self { rng, calls: 0, rate }
    }
}

impl Dropout for CounterDropout {
    fn apply(&mut self, x: &Tensor, p: f32) -> Result<Tensor> {
        let p = self.rate.unwrap_or(p);
        let rng = self.rng.nth(self.calls);
        self.calls += 1;
        if p <= 0.0 {
            return Ok(x.clone());
        }
        let drop = Drop::new(rng, p);
        if x.device().is_cpu() {
            return x.contiguous()?.apply_op1(drop);
        }
        let mut mask = vec![1f32; x.elem_count()];
        drop.scale(&mut mask);
        x * Tensor::from_vec(mask, x.shape(), x.device())?
    }
}

/// Zero some numbers, scale the others. The backward pass draws the same mask again instead of keeping it.
struct Drop {
    rng: CounterRng,
    /// Drop where a 16-bit draw is below this.
    below: u32,
    keep: f32,
}

impl Drop {
    fn new(rng: CounterRng, p: f32) -> Self {
        let below = (p * 65536.0).round() as u32;
        Self { rng, below, keep: 1.0 / (1.0 - below as f32 / 65536.0) }
    }

    fn scale(&self, values: &mut [f32]) {
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
            let first = chunk * CHUNK / PER_BLOCK;
            for (block, values) in values.chunks_mut(PER_BLOCK).enumerate() {
                let at = (first + block) as u64;
                let words = self.rng.block([at as u32, (at >> 32) as u32, 0, 3]);
                for (i, value) in values.iter_mut().enumerate() {
                    let draw = words[i / 2] >> (16 * (i % 2)) & 0xffff;
                    *value *= if draw < self.below { 0.0 } else { self.keep };
                }
            }
        });
    }
}

impl CustomOp1 for Drop {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("dropout works on contiguous tensors")
        };
        let mut values = storage.as_slice::<f32>()?[start..end].to_vec();
        self.scale(&mut values);
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, _res: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let same = Self { rng: self.rng, below: self.below, keep: self.keep };
        Ok(Some(gradient.contiguous()?.apply_op1_no_bwd(&same)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn keeps_the_mean_and_the_backward_pass_uses_the_same_mask() {
        let x = Var::ones((300, 301), candle_core::DType::F32, &Device::Cpu).unwrap();
        let mut dropout = CounterDropout::new(CounterRng::new(1, "dropout"), None);
        let y = dropout.apply(x.as_tensor(), 0.2).unwrap();
        let mean = y.mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        let gradient = y.sum_all().unwrap().backward().unwrap();
        let gradient = gradient.get(x.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(gradient, y.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        assert!(gradient.iter().any(|g| *g == 0.0));
    }

    #[test]
    fn calls_differ_and_steps_repeat() {
        let x = Tensor::ones(64, candle_core::DType::F32, &Device::Cpu).unwrap();
        let run = || {
            let mut dropout = CounterDropout::new(CounterRng::new(1, "dropout"), Some(0.5));
            [0, 1].map(|_| dropout.apply(&x, 0.0).unwrap().to_vec1::<f32>().unwrap())
        };
        assert_eq!(run(), run());
        assert_ne!(run()[0], run()[1]);
    }
}
