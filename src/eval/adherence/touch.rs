//! Predicates about parts of bodies being near each other or far apart.

use super::scene::{frames_in, longest, share};
use super::words::{Cast, Part, Positive, Share, gap};
use serde::Deserialize;

/// After a touch, parts have to come this much farther apart (m) before the next one counts.
const RELEASE: f64 = 0.04;

/// Two parts come near each other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Near {
    of: Part,
    to: Part,
    /// How near; 20 cm.
    within_cm: Option<Positive>,
    /// For this long without a break; 0.1 s.
    seconds: Option<Positive>,
    /// For this share of the clip as well.
    share: Option<Share>,
    /// As many separate times; 1.
    times: Option<Positive>,
}

impl Near {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let within = self.within_cm.map_or(0.20, |cm| 0.01 * cm.0);
        let gaps: Vec<f64> = (0..cast.scene.frames()).map(|t| gap(cast, self.of, self.to, t)).collect();
        let near: Vec<bool> = gaps.iter().map(|gap| *gap <= within).collect();
        longest(&near) >= frames_in(self.seconds.map_or(0.1, |s| s.0))
            && self.share.is_none_or(|least| share(&near) >= least.0)
            && self.times.is_none_or(|times| touches(&gaps, within) as f64 >= times.0)
    }
}

/// Separate times that a distance falls to `within`.
fn touches(gaps: &[f64], within: f64) -> usize {
    let (mut count, mut touching) = (0, false);
    for gap in gaps {
        if !touching && *gap <= within {
            count += 1;
            touching = true;
        }
        touching &= *gap <= within + RELEASE;
    }
    count
}

/// Two parts are far apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Far {
    of: Part,
    to: Part,
    /// How far.
    at_least_cm: Positive,
    /// For this long without a break; 0.1 s.
    seconds: Option<Positive>,
    /// For this share of the clip as well.
    share: Option<Share>,
}

impl Far {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let far = cast.flags(|t| gap(cast, self.of, self.to, t) >= 0.01 * self.at_least_cm.0);
        longest(&far) >= frames_in(self.seconds.map_or(0.1, |s| s.0))
            && self.share.is_none_or(|least| share(&far) >= least.0)
    }
}
