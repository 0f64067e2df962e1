//! Dropout with counter-based random numbers: a resumed training drops the same entries as one that never stopped.

use crate::nn::dropout::{Dropout, Mask};
use crate::rng::CounterRng;

/// Dropout for one training step: each call to [`Dropout::mask`] has its own stream.
pub struct CounterDropout {
    rng: CounterRng,
    calls: u32,
    rate: Option<f32>,
}

impl CounterDropout {
    /// `rate` replaces the rates that the model asks for; `None` keeps them.
    pub fn new(rng: CounterRng, rate: Option<f32>) -> Self {
        Self { rng, calls: 0, rate }
    }
}

impl Dropout for CounterDropout {
    fn mask(&mut self, p: f32) -> Option<Mask> {
        let p = self.rate.unwrap_or(p);
        let words = self.rng.block([self.calls, 0, 0, 3]);
        self.calls += 1;
        let key = u64::from(words[0]) << 32 | u64::from(words[1]);
        (p > 0.0).then(|| Mask::new(key, p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_differ_and_steps_repeat() {
        let run = || {
            let mut dropout = CounterDropout::new(CounterRng::new(1, "dropout"), Some(0.5));
            [0, 1].map(|_| dropout.mask(0.0))
        };
        assert_eq!(run(), run());
        assert_ne!(run()[0], run()[1]);
    }
}
