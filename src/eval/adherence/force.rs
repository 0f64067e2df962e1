//! Predicates about one person moving the other: pushing away, pulling along.

use super::limbs::toward_other;
use super::scene::{PELVIS, flat, frames_in};
use super::words::{Cast, Hand, Part, Positive, Spot, Who, gap};
use crate::motion::vector::{dot, scale, sub};
use serde::Deserialize;

/// A hand that shoves comes at this speed (m/s) in the time before.
const COMES: f64 = 0.8;
/// The time before, s.
const BEFORE: f64 = 0.4;
/// Whoever is shoved gives way within this time, s.
const AFTER: f64 = 1.2;

/// A hand comes fast to the other one's trunk, and the other one gives way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shoves {
    who: Who,
    /// How near the hand comes; 30 cm.
    within_cm: Option<Positive>,
    /// How far the other one gives way; 0.2 m.
    at_least_m: Option<Positive>,
}

impl Shoves {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let within = self.within_cm.map_or(0.30, |cm| 0.01 * cm.0);
        let least = self.at_least_m.map_or(0.2, |m| m.0);
        by(self.who, |who, whom| {
            let [actor, other] = cast.pair(who);
            let hand = Part { who, spot: Spot::Hand(Hand::Either) };
            let trunk = [Spot::Torso, Spot::Chest].map(|spot| Part { who: whom, spot });
            let frames = cast.scene.frames();
            (1..frames - 1).any(|t| {
                let touches = trunk.iter().any(|place| gap(cast, hand, *place, t) <= within);
                let came = || {
                    let before = t.saturating_sub(frames_in(BEFORE)).max(1)..=t;
                    before
                        .into_iter()
                        .any(|t| (0..2).any(|side| toward_other(actor, other, side, t) >= COMES))
                };
                let gives_way = || {
                    let from = other.at(t, PELVIS);
                    let between = sub(from, actor.at(t, PELVIS));
                    let away = scale([between[0], 0.0, between[2]], 1.0 / flat(between).max(1e-9));
                    (t..frames.min(t + frames_in(AFTER)))
                        .any(|later| dot(sub(other.at(later, PELVIS), from), away) >= least)
                };
                touches && came() && gives_way()
            })
        })
    }
}

/// The other one is led by the hand or the forearm, toward who leads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drags {
    who: Who,
    /// How near the hand is to the other one's hand or elbow; 22 cm.
    within_cm: Option<Positive>,
    /// How far the other one comes while it is; 0.25 m.
    at_least_m: Option<Positive>,
}

impl Drags {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let within = self.within_cm.map_or(0.22, |cm| 0.01 * cm.0);
        let least = self.at_least_m.map_or(0.25, |m| m.0);
        by(self.who, |who, whom| {
            let [actor, other] = cast.pair(who);
            let hand = Part { who, spot: Spot::Hand(Hand::Either) };
            let arm =
                [Spot::Hand(Hand::Either), Spot::Elbow(Hand::Either)].map(|spot| Part { who: whom, spot });
            let held = cast.flags(|t| arm.iter().any(|place| gap(cast, hand, *place, t) <= within));
            let mut start = 0;
            held.chunk_by(|a, b| a == b).any(|run| {
                let from = start;
                start += run.len();
                let between = sub(actor.at(from, PELVIS), other.at(from, PELVIS));
                let toward = scale([between[0], 0.0, between[2]], 1.0 / flat(between).max(1e-9));
                let come = |t: usize| dot(sub(other.at(t, PELVIS), other.at(from, PELVIS)), toward);
                run[0] && (from..start).any(|t| come(t) >= least)
            })
        })
    }
}

/// For each one meant, with the other one.
fn by(who: Who, test: impl Fn(Who, Who) -> bool) -> bool {
    match who {
        Who::A => test(Who::A, Who::B),
        Who::B => test(Who::B, Who::A),
        Who::Both => test(Who::A, Who::B) && test(Who::B, Who::A),
    }
}
