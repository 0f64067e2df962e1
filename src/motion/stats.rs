//! Per-channel mean and standard deviation, and the way in and out of normalised space (InterMask spec §1.6).

use super::{FEATURES, Features, JOINTS};
use crate::error::{Error, Result};

/// Mean and standard deviation of each of the 262 channels. Every number is finite and every deviation positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Stats {
    /// # Errors
    /// `stats_wrong_width` unless both have 262 numbers; `stats_not_finite`; `stats_zero_deviation` where a standard
    /// deviation is zero or negative, since normalising divides by it.
    pub fn new(mean: Vec<f32>, std: Vec<f32>) -> Result<Self> {
        if mean.len() != FEATURES || std.len() != FEATURES {
            return Err(Error::invalid(
                "stats_wrong_width",
                format!(
                    "the statistics need {FEATURES} means and deviations, got {} and {}",
                    mean.len(),
                    std.len()
                ),
            ));
        }
        if let Some(channel) = (0..FEATURES).find(|&i| !mean[i].is_finite() || !std[i].is_finite()) {
            return Err(Error::invalid(
                "stats_not_finite",
                format!("channel {channel} of the statistics is not a finite number; compute them again"),
            ));
        }
        if let Some(channel) = (0..FEATURES).find(|&i| std[i] <= 0.0) {
            return Err(Error::invalid(
                "stats_zero_deviation",
                format!(
                    "the standard deviation of channel {channel} is {}; it must be positive",
                    std[channel]
                ),
            ));
        }
        Ok(Self { mean, std })
    }

    /// Over all frames of all `motions`: mean and population deviation, summed in f64. Deviations below `floor` are
    /// raised to it, so that a channel that never moves stays harmless.
    ///
    /// # Errors
    /// `stats_of_nothing` without a frame; as [`Stats::new`] where numbers or `floor` are not usable.
    pub fn measure(
        motions: impl IntoIterator<Item = impl std::borrow::Borrow<Features>>,
        floor: f32,
    ) -> Result<Self> {
        // Welford's update: one pass, no cancellation.
        let (mut mean, mut squares, mut count) = (vec![0.0f64; FEATURES], vec![0.0f64; FEATURES], 0.0f64);
        for motion in motions {
            for row in motion.borrow().rows() {
                count += 1.0;
                for ((m, s), &x) in mean.iter_mut().zip(&mut squares).zip(row) {
                    let before = f64::from(x) - *m;
                    *m += before / count;
                    *s += before * (f64::from(x) - *m);
                }
            }
        }
        if count == 0.0 {
            return Err(Error::invalid("stats_of_nothing", "there is no motion to measure statistics of"));
        }
        let std = squares.iter().map(|s| ((s / count).sqrt() as f32).max(floor)).collect();
        Self::new(mean.iter().map(|&m| m as f32).collect(), std)
    }

    /// The same scale along both directions of the floor: positions of all joints share one deviation and, a direction, one mean;
    /// each joint's velocity has one deviation and no mean. A turn about the vertical is then a turn of normalised numbers too.
    pub fn level(&self) -> Self {
        let (mut mean, mut std) = (self.mean.clone(), self.std.clone());
        let floor = |joint: usize| [joint * 3, joint * 3 + 2];
        let square = |channel: usize, centre: f32| {
            f64::from(self.std[channel]).powi(2) + f64::from(self.mean[channel] - centre).powi(2)
        };
        let centres = [0, 2].map(|axis| {
            let sum: f64 = (0..JOINTS).map(|joint| f64::from(self.mean[joint * 3 + axis])).sum();
            (sum / JOINTS as f64) as f32
        });
        let shared: f64 = (0..JOINTS)
            .flat_map(|joint| floor(joint).into_iter().zip(centres))
            .map(|(channel, centre)| square(channel, centre))
            .sum();
        let shared = (shared / (2 * JOINTS) as f64).sqrt() as f32;
        for joint in 0..JOINTS {
            for (channel, centre) in floor(joint).into_iter().zip(centres) {
                (mean[channel], std[channel]) = (centre, shared);
            }
            let velocity = floor(JOINTS + joint);
            let own = (velocity.iter().map(|&channel| square(channel, 0.0)).sum::<f64>() / 2.0).sqrt() as f32;
            for channel in velocity {
                (mean[channel], std[channel]) = (0.0, own);
            }
        }
        Self { mean, std }
    }

    /// Whether a turn about the vertical stays a turn, as [`Stats::level`] makes it, to within rounding.
    pub fn is_level(&self) -> bool {
        let level = self.level();
        let same =
            |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-3 * b.abs().max(1e-3));
        same(&self.std, &level.std) && same(&self.mean, &level.mean)
    }

    /// Means, 262.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Standard deviations, 262, all positive.
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// (x − mean) / std, no epsilon.
    pub fn normalise(&self, features: &Features) -> Features {
        let mut out = features.clone();
        self.normalise_in_place(out.data_mut());
        out
    }

    /// x · std + mean.
    pub fn denormalise(&self, features: &Features) -> Features {
        let mut out = features.clone();
        self.denormalise_in_place(out.data_mut());
        out
    }

    /// [`Stats::normalise`] on row-major (frames, 262) numbers.
    pub fn normalise_in_place(&self, rows: &mut [f32]) {
        for row in rows.chunks_mut(FEATURES) {
            for ((x, m), s) in row.iter_mut().zip(&self.mean).zip(&self.std) {
                *x = (*x - m) / s;
            }
        }
    }

    /// [`Stats::denormalise`] on row-major (frames, 262) numbers.
    pub fn denormalise_in_place(&self, rows: &mut [f32]) {
        for row in rows.chunks_mut(FEATURES) {
            for ((x, m), s) in row.iter_mut().zip(&self.mean).zip(&self.std) {
                *x = *x * s + m;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(mean: Vec<f32>, std: Vec<f32>) -> &'static str {
        Stats::new(mean, std).unwrap_err().code()
    }

    #[test]
    fn unusable_statistics_are_refused() {
        let good = || vec![1.0; FEATURES];
        let with = |value: f32| {
            let mut v = good();
            v[17] = value;
            v
        };
        assert_eq!(code(vec![0.0; 3], good()), "stats_wrong_width");
        assert_eq!(code(with(f32::NAN), good()), "stats_not_finite");
        assert_eq!(code(good(), with(f32::INFINITY)), "stats_not_finite");
        assert_eq!(code(good(), with(0.0)), "stats_zero_deviation");
        assert_eq!(code(good(), with(-1.0)), "stats_zero_deviation");
        assert_eq!(Stats::measure(Vec::<Features>::new(), 1e-3).unwrap_err().code(), "stats_of_nothing");
    }

    #[test]
    fn level_statistics_have_one_scale_on_the_floor() {
        let mean = (0..FEATURES).map(|c| (c % 7) as f32 * 0.1).collect();
        let stats = Stats::new(mean, (0..FEATURES).map(|c| 1.0 + (c % 5) as f32 * 0.1).collect()).unwrap();
        let level = stats.level();
        let again = level.level();
        assert!(level.is_level() && !stats.is_level());
        for c in 0..FEATURES {
            assert!(
                (level.std[c] - again.std[c]).abs() < 1e-6 && (level.mean[c] - again.mean[c]).abs() < 1e-6
            );
            let floor = c < 2 * 3 * JOINTS && c % 3 != 1;
            assert!(floor || (level.std[c], level.mean[c]) == (stats.std[c], stats.mean[c]), "channel {c}");
        }
        for c in (0..3 * JOINTS).filter(|c| c % 3 != 1) {
            assert_eq!((level.std[c], level.mean[c]), (level.std[0], level.mean[c % 3]));
            assert_eq!(level.mean[3 * JOINTS + c], 0.0);
        }
        assert!(level.std[0] > 1.0 && level.std[0] < 1.5);
    }

    #[test]
    fn measured_statistics_give_mean_zero_deviation_one() {
        let data: Vec<f32> =
            (0..20 * FEATURES).map(|i| ((i * 37) % 101) as f32 * 0.1 + (i % FEATURES) as f32).collect();
        let mut features = Features::new(data).unwrap();
        for row in features.data_mut().chunks_mut(FEATURES) {
            row[260] = 5.0;
        }
        let stats = Stats::measure([&features], 1e-3).unwrap();
        assert_eq!((stats.mean()[260], stats.std()[260]), (5.0, 1e-3));
        let normal = stats.normalise(&features);
        for c in 0..FEATURES {
            let column: Vec<f32> = normal.rows().map(|r| r[c]).collect();
            let mean = column.iter().sum::<f32>() / 20.0;
            let std = (column.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 20.0).sqrt();
            assert!(mean.abs() < 1e-3 && ((std - 1.0).abs() < 1e-3 || c == 260), "channel {c}: {mean} {std}");
        }
        for (a, b) in stats.denormalise(&normal).data().iter().zip(features.data()) {
            assert!((a - b).abs() < 1e-3);
        }
    }
}
