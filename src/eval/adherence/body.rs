//! Predicates about trunk, pelvis and knees: crouching, kneeling, leaning, jumping, looking about.

use super::scene::{ANKLES, Actor, HIPS, KNEES, NECK, PELVIS, SHOULDERS, TOES, frames_in, longest, wrap};
use super::words::{Cast, Positive, Share, Side, Who};
use crate::motion::vector::sub;
use serde::Deserialize;

/// Ankles of a flat foot are about this high, metres; toes are on the floor.
const FLAT_ANKLE: f64 = 0.09;
/// A knee below this height (m) is on the floor.
const KNEE_DOWN: f64 = 0.17;
/// A kneeling knee is lower than the other one by this much (m), where the side matters.
const KNEE_LOWER: f64 = 0.10;

/// Both feet leave the floor at once, and were on it at another time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Airborne {
    who: Who,
    /// Higher than this above where they stand; 5 cm.
    at_least_cm: Option<Positive>,
    /// As many separate times; 1.
    times: Option<Positive>,
}

impl Airborne {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let least = self.at_least_cm.map_or(0.05, |cm| 0.01 * cm.0);
        cast.each(self.who, |actor, _| {
            let lift = |t: usize| {
                let foot = |s: usize| actor.height(t, TOES[s]).min(actor.height(t, ANKLES[s]) - FLAT_ANKLE);
                foot(0).min(foot(1))
            };
            let up = cast.flags(|t| lift(t) >= least);
            let jumps = up.chunk_by(|a, b| a == b).filter(|run| run[0] && run.len() >= 2).count();
            let grounded = (0..cast.scene.frames()).any(|t| lift(t) < 0.5 * least);
            grounded && jumps as f64 >= self.times.map_or(1.0, |times| times.0)
        })
    }
}

/// A part of the clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Any part.
    #[default]
    Any,
    /// The first quarter, in the mean.
    Start,
    /// The last quarter, in the mean.
    End,
    /// From first to last, in the mean.
    Throughout,
}

/// The pelvis is lower, or not lower, than a share of its standing height.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crouches {
    who: Who,
    /// Below this share of the standing height; 0.75.
    below: Option<Share>,
    #[serde(default)]
    when: When,
    /// For this long without a break, where `when` is any; 0.2 s.
    seconds: Option<Positive>,
}

impl Crouches {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let below = self.below.map_or(0.75, |share| share.0);
        cast.each(self.who, |actor, _| {
            let frames = cast.scene.frames();
            let quarter = (frames / 4).max(1);
            let mean = |from: usize, to: usize| {
                (from..to).map(|t| actor.stance(t)).sum::<f64>() / (to - from) as f64
            };
            match self.when {
                When::Any => {
                    let low = cast.flags(|t| actor.stance(t) < below);
                    longest(&low) >= frames_in(self.seconds.map_or(0.2, |s| s.0))
                }
                When::Start => mean(0, quarter) < below,
                When::End => mean(frames - quarter, frames) < below,
                When::Throughout => mean(0, frames) < below,
            }
        })
    }
}

/// A knee touches the floor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kneels {
    who: Who,
    /// `left`: the left one and not the right one; either.
    knee: Option<Side>,
    /// For this long without a break; 0.2 s.
    seconds: Option<Positive>,
}

impl Kneels {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let side = self.knee.unwrap_or(Side::Either);
        let alone = matches!(side, Side::Left | Side::Right);
        cast.each(self.who, |actor, _| {
            let runs = side.flags(|s| {
                cast.flags(|t| {
                    let (knee, other) = (actor.height(t, KNEES[s]), actor.height(t, KNEES[1 - s]));
                    knee <= KNEE_DOWN && (!alone || other - knee >= KNEE_LOWER)
                })
            });
            let least = frames_in(self.seconds.map_or(0.2, |s| s.0));
            runs.iter().any(|down| longest(down) >= least)
        })
    }
}

/// Which way a trunk leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lean {
    /// As in a bow.
    Forward,
    /// As in dodging.
    Backward,
    /// To the own left.
    Left,
    /// To the own right.
    Right,
}

/// The trunk, from pelvis to neck, tips over.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leans {
    who: Who,
    way: Lean,
    /// By at least this; 30.
    at_least_deg: Option<Positive>,
    /// For this long without a break; 0.15 s.
    seconds: Option<Positive>,
}

impl Leans {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let least = self.at_least_deg.map_or(30.0, |deg| deg.0);
        cast.each(self.who, |actor, _| {
            let tipped = cast.flags(|t| lean(actor, t, self.way) >= least);
            longest(&tipped) >= frames_in(self.seconds.map_or(0.15, |s| s.0))
        })
    }
}

/// Degrees that the trunk tips one way.
fn lean(actor: &Actor, t: usize, way: Lean) -> f64 {
    let [left, up, forward] = actor.own(t, actor.at(t, NECK));
    let toward = match way {
        Lean::Forward => forward,
        Lean::Backward => -forward,
        Lean::Left => left,
        Lean::Right => -left,
    };
    toward.atan2(up).to_degrees()
}

/// The shoulders turn against the hips, to one side and to the other.
///
/// Who looks about in earnest turns the trunk along. A head that turns by itself moves no joint of this skeleton but its own, by less
/// than walking does: it cannot be told. Who turns around, or strikes with one arm, turns hips and shoulders together or one way only.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LooksAround {
    who: Who,
    /// To each side; 25.
    at_least_deg: Option<Positive>,
}

impl LooksAround {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let least = self.at_least_deg.map_or(25.0, |deg| deg.0).to_radians();
        cast.each(self.who, |actor, _| {
            let yaw = |t: usize, [left, right]: [usize; 2]| {
                let [x, _, z] = sub(actor.at(t, left), actor.at(t, right));
                (-z).atan2(x)
            };
            let twisted = |t: usize| wrap(yaw(t, SHOULDERS) - yaw(t, HIPS));
            let to = |sign: f64| (0..cast.scene.frames()).any(|t| sign * twisted(t) >= least);
            to(1.0) && to(-1.0)
        })
    }
}

/// Somebody's head is lower than the other's at the same time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lower {
    who: Who,
    /// Pelvis lower than the other's by this; 15 cm.
    by_cm: Option<Positive>,
    /// For this long without a break; 0.3 s.
    seconds: Option<Positive>,
}

impl Lower {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let by = self.by_cm.map_or(0.15, |cm| 0.01 * cm.0);
        cast.each(self.who, |actor, other| {
            let low = cast.flags(|t| other.height(t, PELVIS) - actor.height(t, PELVIS) >= by);
            longest(&low) >= frames_in(self.seconds.map_or(0.3, |s| s.0))
        })
    }
}
