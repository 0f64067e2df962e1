//! How sure a success rate is.

use serde::Serialize;
use std::iter::Sum;

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_985;

/// Successes among trials, with the 95 % interval of Wilson (1927): it stays within 0..=1 and is honest for few trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rate {
    /// Successes.
    pub passed: usize,
    /// Trials.
    pub of: usize,
    /// Share of successes, 0 where there are no trials.
    pub rate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// Count.
    pub fn of(trials: impl IntoIterator<Item = bool>) -> Self {
        let (mut passed, mut of) = (0, 0);
        for trial in trials {
            passed += usize::from(trial);
            of += 1;
        }
        Self::counted(passed, of)
    }

    /// From two counts.
    pub fn counted(passed: usize, of: usize) -> Self {
        if of == 0 {
            return Self { high: 1.0, ..Self::default() };
        }
        let (n, p) = (of as f64, passed as f64 / of as f64);
        let centre = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + Z * Z / n;
        // Rounding must not put the ends beside the rate where it is 0 or 1.
        let (low, high) = (((centre - half) / whole).clamp(0.0, p), ((centre + half) / whole).clamp(p, 1.0));
        Self { passed, of, rate: p, low, high }
    }
}

impl Sum for Rate {
    /// All trials together.
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        let (passed, of) = rates.fold((0, 0), |(passed, of), rate| (passed + rate.passed, of + rate.of));
        Self::counted(passed, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_intervals() {
        let rate = |passed: usize, of: usize| Rate::of((0..of).map(|i| i < passed));
        // Computed by hand from the formula: 8 of 10.
        let r = rate(8, 10);
        assert!((r.low - 0.4902).abs() < 1e-3 && (r.high - 0.9433).abs() < 1e-3, "{r:?}");
        let none = rate(0, 10);
        assert!(none.low == 0.0 && (none.high - 0.2775).abs() < 1e-3, "{none:?}");
        assert!(rate(10, 10).high == 1.0 && rate(10, 10).low < 0.73);
        assert_eq!((rate(0, 0).rate, rate(0, 0).high), (0.0, 1.0));
    }
}
