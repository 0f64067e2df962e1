//! Predicates about where people are and where they go.

use super::scene::{Actor, PELVIS, flat, frames_in, share, wrap};
use super::words::{Cast, Hand, Positive, Share, Who};
use crate::motion::vector::{Vec3d, dot, scale, sub};
use serde::Deserialize;

/// A change of distance below this (m) is none, whatever its ratio.
const LEAST_CHANGE: f64 = 0.3;
/// Whoever stays may move the pelvis this far (m).
const STAYS: f64 = 0.35;
/// Speeds are means over this time, s.
const PACE: f64 = 0.5;

/// The distance of the pelvises falls to a share of what it was.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approach {
    /// To this share of the distance; 0.65.
    to: Option<Share>,
}

impl Approach {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let to = self.to.map_or(0.65, |share| share.0);
        let mut farthest: f64 = 0.0;
        cast.scene.distances().into_iter().any(|distance| {
            farthest = farthest.max(distance);
            distance <= to * farthest && farthest - distance >= LEAST_CHANGE
        })
    }
}

/// The distance of the pelvises grows to a multiple of what it was.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// To this multiple of the distance; 1.5.
    by: Option<Positive>,
}

impl Part {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let by = self.by.map_or(1.5, |by| by.0);
        let mut nearest = f64::INFINITY;
        cast.scene.distances().into_iter().any(|distance| {
            nearest = nearest.min(distance);
            distance >= by * nearest && distance - nearest >= LEAST_CHANGE
        })
    }
}

/// The distance of the pelvises keeps within bounds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keeps {
    below_m: Option<Positive>,
    above_m: Option<Positive>,
    /// For this share of the clip; 0.8.
    share: Option<Share>,
}

impl Keeps {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let distances = cast.scene.distances();
        let kept: Vec<bool> = distances
            .iter()
            .map(|d| self.below_m.is_none_or(|m| *d <= m.0) && self.above_m.is_none_or(|m| *d >= m.0))
            .collect();
        share(&kept) >= self.share.map_or(0.8, |share| share.0)
    }
}

/// Which way somebody goes, as seen all along the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To where the other one is.
    Toward,
    /// From where the other one is.
    Away,
    /// The way the body faces.
    Forward,
    /// The other way.
    Backward,
    /// To the own left.
    Left,
    /// To the own right.
    Right,
}

/// Somebody's pelvis moves over the floor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Travels {
    who: Who,
    at_least_m: Positive,
    /// Any way where none is named: then as the crow flies.
    way: Option<Way>,
}

impl Travels {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let frames = cast.scene.frames();
        cast.each(self.who, |actor, other| match self.way {
            // Every third frame is enough: nobody goes anywhere in a tenth of a second.
            None => (0..frames).step_by(3).any(|from| {
                let gone = |to: usize| flat(sub(actor.at(to, PELVIS), actor.at(from, PELVIS)));
                (from..frames).step_by(3).any(|to| gone(to) >= self.at_least_m.0)
            }),
            // Along a bend, forward stays forward, and whoever comes around the other one has not come nearer.
            Some(way) => {
                let mut gone = 0.0;
                let path: Vec<f64> = (0..frames)
                    .map(|t| {
                        if t > 0 {
                            let step = sub(actor.at(t, PELVIS), actor.at(t - 1, PELVIS));
                            gone += dot(step, direction(way, actor, other, t - 1));
                        }
                        gone
                    })
                    .collect();
                rise_and_fall(&path).0 >= self.at_least_m.0
            }
        })
    }
}

fn direction(way: Way, actor: &Actor, other: &Actor, t: usize) -> Vec3d {
    let toward = || {
        let between = sub(other.at(t, PELVIS), actor.at(t, PELVIS));
        let length = flat(between).max(1e-9);
        [between[0] / length, 0.0, between[2] / length]
    };
    match way {
        Way::Toward => toward(),
        Way::Away => scale(toward(), -1.0),
        Way::Forward => actor.forward(t),
        Way::Backward => scale(actor.forward(t), -1.0),
        Way::Left => actor.left(t),
        Way::Right => scale(actor.left(t), -1.0),
    }
}

/// How fast somebody goes at the fastest, over half a second.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    who: Who,
    /// Metres a second.
    at_least: Option<Positive>,
    /// Metres a second.
    at_most: Option<Positive>,
}

impl Speed {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let steps = frames_in(PACE).min(cast.scene.frames() - 1);
        cast.each(self.who, |actor, _| {
            let fastest = (steps..cast.scene.frames())
                .map(|t| flat(sub(actor.at(t, PELVIS), actor.at(t - steps, PELVIS))))
                .fold(0.0, f64::max)
                / (steps as f64 / f64::from(crate::motion::FPS));
            self.at_least.is_none_or(|v| fastest >= v.0) && self.at_most.is_none_or(|v| fastest <= v.0)
        })
    }
}

/// Somebody's pelvis stays where it was.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stays {
    who: Who,
    /// Not farther from where it began than this; 0.35 m.
    within_m: Option<Positive>,
}

impl Stays {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let within = self.within_m.map_or(STAYS, |m| m.0);
        cast.each(self.who, |actor, _| {
            let start = actor.at(0, PELVIS);
            (0..cast.scene.frames()).all(|t| flat(sub(actor.at(t, PELVIS), start)) <= within)
        })
    }
}

/// Somebody turns about the vertical.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    who: Who,
    at_least_deg: Positive,
    /// Either way where none is named.
    to: Option<Hand>,
}

impl Turns {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        cast.each(self.who, |actor, _| {
            let headings: Vec<f64> = (0..cast.scene.frames()).map(|t| actor.heading(t)).collect();
            enough(rise_and_fall(&headings), self.at_least_deg, self.to)
        })
    }
}

/// Somebody goes around the other one, or both around each other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circles {
    who: Who,
    at_least_deg: Positive,
    /// `left`: counterclockwise, seen from above.
    to: Option<Hand>,
}

impl Circles {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        cast.each(self.who, |actor, other| {
            let mut angle = 0.0;
            let angles: Vec<f64> = (0..cast.scene.frames())
                .map(|t| {
                    let from = sub(actor.at(t, PELVIS), other.at(t, PELVIS));
                    angle += wrap(from[0].atan2(from[2]) - angle);
                    angle
                })
                .collect();
            enough(rise_and_fall(&angles), self.at_least_deg, self.to)
        })
    }
}

fn enough((left, right): (f64, f64), degrees: Positive, to: Option<Hand>) -> bool {
    let least = degrees.0.to_radians();
    match to.unwrap_or(Hand::Either) {
        Hand::Left => left >= least,
        Hand::Right => right >= least,
        Hand::Either => left.max(right) >= least,
    }
}

/// The most that a series grows from any earlier to any later time, and the most that it falls.
fn rise_and_fall(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high, mut rise, mut fall) = (f64::INFINITY, f64::NEG_INFINITY, 0.0f64, 0.0f64);
    for value in values {
        (low, high) = (low.min(*value), high.max(*value));
        (rise, fall) = (rise.max(value - low), fall.max(high - value));
    }
    (rise, fall)
}

/// Somebody faces the other one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faces {
    who: Who,
    /// Turn the back on the other one instead.
    #[serde(default)]
    away: bool,
    /// Not more off than this; 50.
    within_deg: Option<Positive>,
    /// For this share of the clip; 0.6.
    share: Option<Share>,
}

impl Faces {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let within = self.within_deg.map_or(50.0, |deg| deg.0).to_radians();
        cast.each(self.who, |actor, other| {
            let facing = cast.flags(|t| {
                let off = actor.bearing(t, other.at(t, PELVIS)).abs();
                if self.away { std::f64::consts::PI - off <= within } else { off <= within }
            });
            share(&facing) >= self.share.map_or(0.6, |share| share.0)
        })
    }
}

/// Both face the same way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SameWay {
    /// Not more apart than this; 50.
    within_deg: Option<Positive>,
    /// For this share of the clip; 0.6.
    share: Option<Share>,
}

impl SameWay {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let within = self.within_deg.map_or(50.0, |deg| deg.0).to_radians();
        let [a, b] = cast.pair(Who::A);
        let same = cast.flags(|t| wrap(a.heading(t) - b.heading(t)).abs() <= within);
        share(&same) >= self.share.map_or(0.6, |share| share.0)
    }
}

/// Where somebody stands, as the other one would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// At the left or the right side.
    Beside,
    /// At the left side.
    Left,
    /// At the right side.
    Right,
    /// Behind the back.
    Behind,
    /// Before the eyes.
    Front,
}

/// Somebody is at a side of the other one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    who: Who,
    at: Spot,
    /// For this share of the clip; 0.6.
    share: Option<Share>,
}

impl Placed {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        cast.each(self.who, |actor, other| {
            let there = cast.flags(|t| {
                let degrees = other.bearing(t, actor.at(t, PELVIS)).to_degrees();
                match self.at {
                    Spot::Beside => (45.0..=135.0).contains(&degrees.abs()),
                    Spot::Left => (45.0..=135.0).contains(&degrees),
                    Spot::Right => (-135.0..=-45.0).contains(&degrees),
                    Spot::Behind => degrees.abs() >= 125.0,
                    Spot::Front => degrees.abs() <= 55.0,
                }
            });
            share(&there) >= self.share.map_or(0.6, |share| share.0)
        })
    }
}
