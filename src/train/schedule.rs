//! Learning rate of each step (InterMask spec §3.6, §4.5).

use serde::{Deserialize, Serialize};

/// How the rate falls after the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Decay {
    /// Multiply by `gamma` each time the scheduler has been stepped as often as a milestone says.
    Multistep {
        /// Scheduler steps, ascending.
        milestones: Vec<u64>,
        /// Factor at each.
        gamma: f64,
    },
    /// Half a cosine from the base rate down to `floor` times it at `steps`.
    Cosine {
        /// Steps in all.
        steps: u64,
        /// Share of the base rate that is left at the end.
        floor: f64,
    },
}

/// A learning-rate curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Rate before any decay.
    pub base: f64,
    /// Steps before this one (1-based) have the rate base·(step+1)/(warmup+1).
    pub warmup: u64,
    /// Whether the scheduler also counts the warm-up's steps. Upstream: no for the VQ-VAE, yes for the transformer.
    pub counts_warmup: bool,
    /// What follows the warm-up.
    pub decay: Decay,
}

impl Schedule {
    /// Upstream's curve for the VQ-VAE: ×0.1 at 70 % and 85 %.
    pub fn intermask_vq(base: f64, iters_per_epoch: u64, max_epoch: u64) -> Self {
        Self::multistep(base, iters_per_epoch, max_epoch, &[0.7, 0.85], 0.1, false)
    }

    /// Upstream's curve for the transformer: ×⅓ at 50 %, 70 % and 85 %.
    pub fn intermask_transformer(base: f64, iters_per_epoch: u64, max_epoch: u64) -> Self {
        Self::multistep(base, iters_per_epoch, max_epoch, &[0.5, 0.7, 0.85], 1.0 / 3.0, true)
    }

    /// A multistep curve with milestones given as shares of `iters_per_epoch · max_epoch`; warm-up is a quarter epoch.
    pub fn multistep(
        base: f64,
        iters_per_epoch: u64,
        max_epoch: u64,
        milestones: &[f64],
        gamma: f64,
        counts_warmup: bool,
    ) -> Self {
        let total = (iters_per_epoch * max_epoch) as f64;
        let milestones = milestones.iter().map(|share| (total * share) as u64).collect();
        Self {
            base,
            warmup: iters_per_epoch / 4,
            counts_warmup,
            decay: Decay::Multistep { milestones, gamma },
        }
    }

    /// Warm-up, then half a cosine down to 2 % of the base rate.
    pub fn cosine(base: f64, warmup: u64, steps: u64) -> Self {
        Self { base, warmup, counts_warmup: true, decay: Decay::Cosine { steps, floor: 0.02 } }
    }

    /// Learning rate of optimiser step `step`, counted from 1.
    pub fn rate(&self, step: u64) -> f64 {
        let warm = |step: u64| self.base * (step as f64 + 1.0) / (self.warmup as f64 + 1.0);
        if step < self.warmup {
            return warm(step);
        }
        match &self.decay {
            Decay::Multistep { milestones, gamma } => {
                // Upstream multiplies what the warm-up left, base·W/(W+1), and so never reaches the base rate.
                let start = if self.warmup >= 2 { warm(self.warmup - 1) } else { self.base };
                let counted = if self.counts_warmup {
                    step - 1
                } else {
                    (step - 1).saturating_sub(self.warmup.max(1) - 1)
                };
                let passed =
                    |m: &&u64| **m <= counted && !(self.counts_warmup && m.saturating_add(1) < self.warmup);
                milestones.iter().filter(passed).fold(start, |rate, _| rate * gamma)
            }
            Decay::Cosine { steps, floor } => {
                let span = steps.saturating_sub(self.warmup).max(1) as f64;
                let share = ((step - self.warmup) as f64 / span).min(1.0);
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
                self.base * (floor + (1.0 - floor) * cosine)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warmup_rises_and_stays_below_the_base() {
        let s = Schedule::intermask_vq(2e-4, 40, 10);
        assert_eq!(s.rate(1), 2e-4 * 2.0 / 11.0);
        assert_eq!(s.rate(9), 2e-4 * 10.0 / 11.0);
        assert_eq!(s.rate(10), s.rate(9));
        assert_eq!(s.rate(200), s.rate(9));
    }

    #[test]
    fn milestones_count_from_the_end_of_the_vq_warmup() {
        let s = Schedule::intermask_vq(1.0, 40, 10);
        let start = 10.0 / 11.0;
        // Milestones 280 and 340; the scheduler was stepped (step - warm-up) times before a step.
        assert!((s.rate(289) - start).abs() < 1e-12);
        assert!((s.rate(290) - start * 0.1).abs() < 1e-12);
        assert!((s.rate(350) - start * 0.01).abs() < 1e-12);
    }

    #[test]
    fn a_warmup_without_an_end_is_a_rate_near_nothing() {
        let rate = Schedule::cosine(1.0, u64::MAX, 10).rate(9);
        assert!(rate > 0.0 && rate < 1e-18, "{rate}");
    }

    #[test]
    fn cosine_ends_at_its_floor() {
        let s = Schedule::cosine(1.0, 10, 110);
        assert_eq!(s.rate(10), 1.0);
        assert!((s.rate(110) - 0.02).abs() < 1e-12);
        assert!((s.rate(500) - 0.02).abs() < 1e-12);
    }
}
