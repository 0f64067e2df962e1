//! Predicates about what arms and legs do: raised, stretched, striking, kicking, going to and fro.

use super::scene::{ANKLES, Actor, CHEST, ELBOWS, PELVIS, SHOULDERS, WRISTS, frames_in, longest};
use super::words::{Cast, Hand, Level, Part, Positive, Side, Spot, Who};
use crate::motion::FPS;
use crate::motion::vector::{Vec3d, dot, norm, scale, sub, unit};
use serde::Deserialize;

/// A hand is above a part of its own body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raises {
    who: Who,
    hand: Side,
    /// The wrist above this; head.
    above: Option<Level>,
    /// For this long without a break; 0.2 s.
    seconds: Option<Positive>,
}

impl Raises {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let level = self.above.unwrap_or(Level::Head);
        let least = frames_in(self.seconds.map_or(0.2, |s| s.0));
        cast.each(self.who, |actor, _| {
            let up = |s: usize| cast.flags(|t| actor.at(t, WRISTS[s])[1] > level.of(actor, t));
            self.hand.flags(up).iter().any(|up| longest(up) >= least)
        })
    }
}

/// Where an arm points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// To the other one's chest.
    Other,
    /// Straight up.
    Up,
    /// The way the body faces.
    Forward,
    /// Outward, to the side of the arm.
    Side,
}

/// An arm is stretched out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extends {
    who: Who,
    hand: Side,
    toward: Aim,
    /// From shoulder to wrist, not more off than this; 40.
    within_deg: Option<Positive>,
    /// For this long without a break; 0.15 s.
    seconds: Option<Positive>,
}

/// Shoulder to wrist as a share of the arm's length, from which an arm counts as stretched.
const STRETCHED: f64 = 0.8;

impl Extends {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let within = self.within_deg.map_or(40.0, |deg| deg.0).to_radians().cos();
        let least = frames_in(self.seconds.map_or(0.15, |s| s.0));
        cast.each(self.who, |actor, other| {
            let aimed = |s: usize| {
                cast.flags(|t| {
                    let (shoulder, wrist) = (actor.at(t, SHOULDERS[s]), actor.at(t, WRISTS[s]));
                    let elbow = actor.at(t, ELBOWS[s]);
                    let (arm, whole) =
                        (sub(wrist, shoulder), norm(sub(elbow, shoulder)) + norm(sub(wrist, elbow)));
                    let aim = match self.toward {
                        Aim::Other => sub(other.at(t, CHEST), shoulder),
                        Aim::Up => [0.0, 1.0, 0.0],
                        Aim::Forward => actor.forward(t),
                        Aim::Side => scale(actor.left(t), if s == 0 { 1.0 } else { -1.0 }),
                    };
                    norm(arm) >= STRETCHED * whole
                        && unit(arm).zip(unit(aim)).is_some_and(|(arm, aim)| dot(arm, aim) >= within)
                })
            };
            self.hand.flags(aimed).iter().any(|aimed| longest(aimed) >= least)
        })
    }
}

/// A hand shoots out toward the other one, faster than the own pelvis.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strikes {
    who: Who,
    hand: Side,
    /// Metres a second; 1.8.
    speed: Option<Positive>,
}

impl Strikes {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let least = self.speed.map_or(1.8, |v| v.0);
        cast.each(self.who, |actor, other| {
            self.hand.holds(|s| {
                let fast: Vec<bool> = (1..cast.scene.frames() - 1)
                    .map(|t| {
                        let above = actor.at(t, WRISTS[s])[1] - actor.at(t, PELVIS)[1];
                        above >= STRIKE_ABOVE && toward_other(actor, other, s, t) >= least
                    })
                    .collect();
                longest(&fast) >= 2
            })
        })
    }
}

/// A striking wrist is this far (m) above the pelvis: arms that swing in walking are not.
const STRIKE_ABOVE: f64 = 0.1;

/// Speed of a wrist toward the other one, as seen from the own pelvis, m/s. `t` is neither the first nor the last frame.
pub(super) fn toward_other(actor: &Actor, other: &Actor, side: usize, t: usize) -> f64 {
    let toward = over_floor(sub(other.at(t, PELVIS), actor.at(t, PELVIS)));
    toward.map_or(0.0, |toward| dot(wrist_velocity(actor, side, t), toward))
}

/// Velocity of a wrist as seen from the own pelvis, m/s. `t` is neither the first nor the last frame.
fn wrist_velocity(actor: &Actor, side: usize, t: usize) -> Vec3d {
    let relative = |t: usize| sub(actor.at(t, WRISTS[side]), actor.at(t, PELVIS));
    scale(sub(relative(t + 1), relative(t - 1)), 0.5 * f64::from(FPS))
}

/// A hand goes fast, whichever way, and far above the pelvis at some time of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swings {
    who: Who,
    hand: Side,
    /// Metres a second, as seen from the own pelvis; 2.5.
    speed: Option<Positive>,
    /// For this long without a break; 0.1 s.
    seconds: Option<Positive>,
}

/// A swinging wrist is this far (m) above the pelvis at the highest.
const SWING_ABOVE: f64 = 0.25;

impl Swings {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let (least, run) = (self.speed.map_or(2.5, |v| v.0), frames_in(self.seconds.map_or(0.1, |s| s.0)));
        cast.each(self.who, |actor, _| {
            self.hand.holds(|s| {
                let frames = 1..cast.scene.frames() - 1;
                let fast: Vec<bool> = frames.map(|t| norm(wrist_velocity(actor, s, t)) >= least).collect();
                let high = |t: usize| actor.at(t, WRISTS[s])[1] - actor.at(t, PELVIS)[1] >= SWING_ABOVE;
                let mut start = 1;
                fast.chunk_by(|a, b| a == b).any(|part| {
                    let from = start;
                    start += part.len();
                    part[0] && part.len() >= run && (from..start).any(high)
                })
            })
        })
    }
}

/// A foot rises toward the other one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kicks {
    who: Who,
    foot: Side,
    /// The ankle as high as this above the floor; 35 cm.
    at_least_cm: Option<Positive>,
}

/// A kicking ankle is this far (m) from under the pelvis, toward the other one.
const KICK_REACH: f64 = 0.3;
/// A kicking ankle is this much (m) higher than the one that stands.
const KICK_ABOVE: f64 = 0.15;

impl Kicks {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let least = self.at_least_cm.map_or(0.35, |cm| 0.01 * cm.0);
        cast.each(self.who, |actor, other| {
            self.foot.holds(|s| {
                let kicking = cast.flags(|t| {
                    let pelvis = actor.at(t, PELVIS);
                    let toward = over_floor(sub(other.at(t, PELVIS), pelvis));
                    let height = actor.height(t, ANKLES[s]);
                    height >= least
                        && height - actor.height(t, ANKLES[1 - s]) >= KICK_ABOVE
                        && toward.is_some_and(|toward| {
                            dot(sub(actor.at(t, ANKLES[s]), pelvis), toward) >= KICK_REACH
                        })
                });
                longest(&kicking) >= 2
            })
        })
    }
}

fn over_floor(v: Vec3d) -> Option<Vec3d> {
    unit([v[0], 0.0, v[2]])
}

/// An axis of the mover's own body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Left and right.
    Across,
    /// Up and down.
    Up,
    /// Forward and back.
    Forward,
}

/// A hand, foot or knee goes to and fro, as seen from its own pelvis; a pelvis does, in the room.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oscillates {
    of: Part,
    /// Any where none is named. Those of a pelvis are those of the person when setting out.
    axis: Option<Axis>,
    /// To and fro this often; 2.
    times: Option<Positive>,
    /// By at least this between the turning points; 6 cm.
    at_least_cm: Option<Positive>,
    /// Only while it is above this.
    above: Option<Level>,
}

impl Oscillates {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let actor = cast.pair(self.of.who)[0];
        let axes: &[usize] = match self.axis {
            None => &[0, 1, 2],
            Some(Axis::Across) => &[0],
            Some(Axis::Up) => &[1],
            Some(Axis::Forward) => &[2],
        };
        let least = self.at_least_cm.map_or(0.06, |cm| 0.01 * cm.0);
        let halves = (2.0 * self.times.map_or(2.0, |times| times.0)).round() as usize;
        // Seen from itself, a pelvis does not move.
        let seen_from = |t: usize| if self.of.spot == Spot::Pelvis { 0 } else { t };
        single(self.of.spot).into_iter().any(|spot| {
            let first = |t: usize| spot.points(actor, t)[0];
            let level = cast.flags(|t| self.above.is_none_or(|level| first(t)[1] > level.of(actor, t)));
            axes.iter().any(|axis| {
                let path: Vec<f64> =
                    (0..cast.scene.frames()).map(|t| actor.own(seen_from(t), first(t))[*axis]).collect();
                let mut start = 0;
                level.chunk_by(|a, b| a == b).any(|run| {
                    let part = &path[start..start + run.len()];
                    start += run.len();
                    run[0] && swings(part, least) >= halves
                })
            })
        })
    }
}

/// A place that may be on either side, as the places it may be.
fn single(spot: Spot) -> Vec<Spot> {
    let both = |make: fn(Hand) -> Spot| vec![make(Hand::Left), make(Hand::Right)];
    match spot {
        Spot::Hand(Hand::Either) => both(Spot::Hand),
        Spot::Elbow(Hand::Either) => both(Spot::Elbow),
        Spot::Foot(Hand::Either) => both(Spot::Foot),
        Spot::Knee(Hand::Either) => both(Spot::Knee),
        spot => vec![spot],
    }
}

/// Ways from one turning point to the next that are at least `least` long.
fn swings(path: &[f64], least: f64) -> usize {
    let Some(first) = path.first() else { return 0 };
    let (mut low, mut high, mut count) = (*first, *first, 0);
    // +1: the last counted way went up.
    let mut direction = 0;
    for value in path {
        (low, high) = (low.min(*value), high.max(*value));
        if direction <= 0 && value - low >= least {
            (direction, count, high) = (1, count + 1, *value);
        } else if direction >= 0 && high - value >= least {
            (direction, count, low) = (-1, count + 1, *value);
        } else if direction > 0 {
            // While it rises, only a fall from the highest point matters.
            low = *value;
        } else if direction < 0 {
            high = *value;
        }
    }
    count
}

/// Something that moves: all of a person, or one limb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mover {
    who: Who,
    /// The joint at the end of the limb.
    end: Option<usize>,
}

impl TryFrom<String> for Mover {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (who, limb) = text.split_once('.').map_or((text.as_str(), None), |(who, limb)| (who, Some(limb)));
        let who = match who {
            "A" => Who::A,
            "B" => Who::B,
            _ => return Err(format!("{text:?} is not like A or A.left_arm")),
        };
        let end = match limb {
            None => None,
            Some("left_arm") => Some(WRISTS[0]),
            Some("right_arm") => Some(WRISTS[1]),
            Some("left_leg") => Some(ANKLES[0]),
            Some("right_leg") => Some(ANKLES[1]),
            Some(_) => return Err(format!("{text:?} is not like A or A.left_arm")),
        };
        Ok(Self { who, end })
    }
}

/// One thing goes a longer way than another: a limb as seen from its pelvis, a person in the room.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovesMore {
    of: Mover,
    than: Mover,
    /// So many times as long; 1.4.
    ratio: Option<Positive>,
}

/// Ways shorter than this (m) are noise.
const LEAST_WAY: f64 = 0.2;

impl MovesMore {
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        let way = |mover: Mover| {
            let actor = cast.pair(mover.who)[0];
            match mover.end {
                Some(joint) => length(actor, joint, cast.scene.frames(), true),
                // The mean over hands, feet, pelvis and head says how busy somebody is.
                None => {
                    let ends = [WRISTS[0], WRISTS[1], ANKLES[0], ANKLES[1], PELVIS, 15];
                    ends.iter().map(|joint| length(actor, *joint, cast.scene.frames(), false)).sum::<f64>()
                        / ends.len() as f64
                }
            }
        };
        let (of, than) = (way(self.of), way(self.than));
        of >= LEAST_WAY && of >= self.ratio.map_or(1.4, |ratio| ratio.0) * than
    }
}

/// How long the way of a joint is, metres.
fn length(actor: &Actor, joint: usize, frames: usize, own: bool) -> f64 {
    let at = |t: usize| if own { actor.own(t, actor.at(t, joint)) } else { actor.at(t, joint) };
    (1..frames).map(|t| norm(sub(at(t), at(t - 1)))).sum()
}
