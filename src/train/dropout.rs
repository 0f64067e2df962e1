//! Dropout with counter-based random numbers: a resumed training drops the same entries as one that never stopped.

use crate::nn::dropout::{DropMask, Dropout};
use crate::rng::CounterRng;

/// Dropout for one training step: each call has its own stream.
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
    fn mask(&mut self, p: f32) -> Option<DropMask> {
        let p = self.rate.unwrap_or(p);
        let rng = self.rng.nth(self.calls);
        self.calls += 1;
        (p > 0.0).then(|| DropMask::new(rng, p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor, Var};

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
        assert!(gradient.contains(&0.0));
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
