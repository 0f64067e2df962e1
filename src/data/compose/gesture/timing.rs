//! When things happen: rises and falls of least jerk, with a hold between.

/// From 0 to 1 while `t` goes from 0 to 1, with rest at both ends: the path of least jerk.
pub fn ease(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * t * (10.0 - 15.0 * t + 6.0 * t * t)
}

/// A weight that rises, holds and falls; seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// When it begins to rise.
    pub from: f64,
    /// How long it rises.
    pub rise: f64,
    /// How long it stays at 1.
    pub hold: f64,
    /// How long it falls.
    pub fall: f64,
}

impl Span {
    /// Rise so that the weight is 1 at `at`.
    pub fn meeting(at: f64, rise: f64, hold: f64, fall: f64) -> Self {
        Self { from: at - rise, rise, hold, fall }
    }

    /// The weight at `time`, 0..=1.
    pub fn weight(&self, time: f64) -> f64 {
        let since = time - self.from;
        if since < self.rise + self.hold {
            ease(since / self.rise)
        } else {
            1.0 - ease((since - self.rise - self.hold) / self.fall)
        }
    }

    /// When the weight first is 1.
    pub fn there(&self) -> f64 {
        self.from + self.rise
    }

    /// When the weight is 0 again.
    pub fn end(&self) -> f64 {
        self.from + self.rise + self.hold + self.fall
    }

    /// Earlier and slower by `lead` seconds, as a torso leads its hand.
    #[must_use]
    pub fn led(&self, lead: f64) -> Self {
        Self { from: self.from - lead, hold: self.hold + 0.5 * lead, fall: self.fall + lead, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_one_while_it_holds_and_zero_outside() {
        let span = Span::meeting(2.0, 0.6, 1.0, 0.8);
        assert_eq!((span.weight(1.4), span.weight(2.5)), (0.0, 1.0));
        assert!(span.weight(span.end()).abs() < 1e-9);
        assert!((span.weight(1.7) - 0.5).abs() < 1e-9 && (span.weight(3.4) - 0.5).abs() < 1e-9);
    }
}
