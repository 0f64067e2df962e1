//! When new motion takes over from old, and when it gives back.

use std::ops::Range;

/// How much of the new there is in each frame: nothing, then more and more, all, less and less, nothing. Where a clip begins or
/// ends with the new there is no join on that side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// The last frame with nothing of the new and the first that is all new. The former may lie before the clip.
    rise: Option<[isize; 2]>,
    /// The last frame that is all new and the first with nothing of it. The latter may lie after the clip.
    fall: Option<[isize; 2]>,
    /// Takes just as long as it says.
    firm: bool,
}

/// The two ends of what is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it takes over.
    Rise,
    /// Where it gives back.
    Fall,
}

impl Ramp {
    /// The new everywhere.
    pub const ALL: Self = Self { rise: None, fall: None, firm: true };

    /// In a clip of `frames`: all new within `window`, less and less over `blend` frames on either side, nothing beyond.
    ///
    /// Limbs that have far to go may take longer, within the window ([`super::haste`]).
    pub fn around(frames: usize, window: &Range<usize>, blend: usize) -> Self {
        Self::reaching(frames, window, [blend; 2])
    }

    /// The same that reaches as far out as is said for the side before the window and for the one after it.
    pub fn reaching(frames: usize, window: &Range<usize>, blends: [usize; 2]) -> Self {
        let [start, end] = [window.start, window.end].map(|n| n as isize);
        let [before, after] = blends.map(|n| n as isize);
        Self {
            rise: (window.start > 0).then_some([start - before - 1, start]),
            fall: (window.end < frames).then_some([end - 1, end + after]),
            firm: false,
        }
    }

    /// The same for motions that differ by where people are, not by how they hold themselves: nothing takes longer.
    #[must_use]
    pub fn firm(self) -> Self {
        Self { firm: true, ..self }
    }

    /// Whether it takes just as long as it says.
    pub fn is_firm(&self) -> bool {
        self.firm
    }

    /// Share of the new in frame `t`, 0..=1; level where it leaves 0 and where it reaches 1.
    pub fn share(&self, t: usize) -> f64 {
        let t = t as isize;
        let along = |[from, to]: [isize; 2]| level((t - from) as f64, (to - from) as f64);
        self.rise.map_or(1.0, along) * (1.0 - self.fall.map_or(0.0, along))
    }

    /// [`Ramp::share`] of frames 0 to `frames`.
    pub fn shares(&self, frames: usize) -> Vec<f64> {
        (0..frames).map(|t| self.share(t)).collect()
    }

    /// With joins that end `by` frames further inside.
    #[must_use]
    pub fn slower(mut self, end: End, by: usize) -> Self {
        match end {
            End::Rise => self.rise = self.rise.map(|[from, to]| [from, to + by as isize]),
            End::Fall => self.fall = self.fall.map(|[from, to]| [from - by as isize, to]),
        }
        self
    }

    /// With joins of no more than `most` frames, at the outer ends of what they were.
    #[must_use]
    pub fn at_most(mut self, most: usize) -> Self {
        let most = most as isize;
        self.rise = self.rise.map(|[from, to]| [from, to.min(from + most)]);
        self.fall = self.fall.map(|[from, to]| [from.max(to - most), to]);
        self
    }

    /// Whether there is a join on that side.
    pub fn has(&self, end: End) -> bool {
        match end {
            End::Rise => self.rise.is_some(),
            End::Fall => self.fall.is_some(),
        }
    }

    /// The join that frame `t` is nearer to.
    pub fn nearer(&self, t: usize) -> Option<End> {
        let away = |[from, to]: [isize; 2]| (2 * t as isize - from - to).abs();
        match (self.rise, self.fall) {
            (Some(rise), Some(fall)) if away(fall) < away(rise) => Some(End::Fall),
            (Some(_), _) => Some(End::Rise),
            (None, Some(_)) => Some(End::Fall),
            (None, None) => None,
        }
    }
}

/// From 0 at `at` = 0 to 1 at `end`, level at both.
pub(super) fn level(at: f64, end: f64) -> f64 {
    let t = (at / end).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_are_level_at_both_ends() {
        let w = Ramp::around(20, &(8..12), 3).shares(20);
        assert_eq!((w[4], w[8], w[11], w[15]), (0.0, 1.0, 1.0, 0.0));
        assert!((5..8).all(|t| w[t] > 0.0 && w[t] < w[t + 1] && (w[t] - w[19 - t]).abs() < 1e-12));
        assert_eq!(Ramp::around(4, &(0..2), 0).shares(4), [1.0, 1.0, 0.0, 0.0]);
        assert!(Ramp::around(8, &(0..8), 5).shares(8).iter().all(|&w| w == 1.0));
        let w = Ramp::reaching(20, &(4..16), [3, 1]).shares(20);
        assert_eq!((w[0], w[4], w[15], w[17]), (0.0, 1.0, 1.0, 0.0));
        assert!(w[1] > 0.0 && w[16] < 1.0);
    }

    #[test]
    fn slower_joins_begin_and_end_where_they_did() {
        let ramp = Ramp::around(60, &(20..40), 4);
        let slow = ramp.slower(End::Rise, 16).slower(End::Fall, 16);
        let (w, slow) = (ramp.shares(60), slow.shares(60));
        for t in 0..60 {
            assert_eq!(w[t] == 0.0, slow[t] == 0.0, "frame {t}");
            assert!(slow[t] <= w[t]);
        }
        assert!(slow.iter().all(|&w| w < 1.0), "there is no time for all of it");
        assert_eq!((ramp.nearer(25), ramp.nearer(35)), (Some(End::Rise), Some(End::Fall)));
        assert_eq!(Ramp::ALL.nearer(3), None);
        let quick = ramp.at_most(2).shares(60);
        assert_eq!((quick[15], quick[16] > 0.0, quick[17], quick[42], quick[44]), (0.0, true, 1.0, 1.0, 0.0));
    }
}
