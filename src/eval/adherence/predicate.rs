//! Everything that can be checked of two tracks, by name. `docs/evaluation/README.md` lists the fields and thresholds.

use super::words::Cast;
use super::{body, force, limbs, phase, place, touch};
use serde::Deserialize;

/// A statement about a motion. In a prompt file: `{ is = "raises", who = "A", hand = "left" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[allow(missing_docs)] // Each is documented at its type.
pub enum Predicate {
    Near(touch::Near),
    Far(touch::Far),
    Approach(place::Approach),
    Part(place::Part),
    Keeps(place::Keeps),
    Travels(place::Travels),
    Speed(place::Speed),
    Stays(place::Stays),
    Turns(place::Turns),
    Circles(place::Circles),
    Faces(place::Faces),
    SameWay(place::SameWay),
    Placed(place::Placed),
    Airborne(body::Airborne),
    Crouches(body::Crouches),
    Kneels(body::Kneels),
    Leans(body::Leans),
    LooksAround(body::LooksAround),
    Lower(body::Lower),
    Raises(limbs::Raises),
    Extends(limbs::Extends),
    Strikes(limbs::Strikes),
    Swings(limbs::Swings),
    Shoves(force::Shoves),
    Drags(force::Drags),
    Kicks(limbs::Kicks),
    Oscillates(limbs::Oscillates),
    MovesMore(limbs::MovesMore),
    InStep(phase::InStep),
    Not(Not),
    Any(Any),
    All(All),
}

/// The opposite of a statement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Not {
    check: Box<Predicate>,
}

/// At least one of several statements.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Any {
    checks: Vec<Predicate>,
}

/// Every one of several statements: for use within `any` and `not`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct All {
    checks: Vec<Predicate>,
}

impl Predicate {
    /// Whether it is true of the scene with this cast.
    pub fn holds(&self, cast: Cast<'_>) -> bool {
        match self {
            Self::Near(p) => p.holds(cast),
            Self::Far(p) => p.holds(cast),
            Self::Approach(p) => p.holds(cast),
            Self::Part(p) => p.holds(cast),
            Self::Keeps(p) => p.holds(cast),
            Self::Travels(p) => p.holds(cast),
            Self::Speed(p) => p.holds(cast),
            Self::Stays(p) => p.holds(cast),
            Self::Turns(p) => p.holds(cast),
            Self::Circles(p) => p.holds(cast),
            Self::Faces(p) => p.holds(cast),
            Self::SameWay(p) => p.holds(cast),
            Self::Placed(p) => p.holds(cast),
            Self::Airborne(p) => p.holds(cast),
            Self::Crouches(p) => p.holds(cast),
            Self::Kneels(p) => p.holds(cast),
            Self::Leans(p) => p.holds(cast),
            Self::LooksAround(p) => p.holds(cast),
            Self::Lower(p) => p.holds(cast),
            Self::Raises(p) => p.holds(cast),
            Self::Extends(p) => p.holds(cast),
            Self::Strikes(p) => p.holds(cast),
            Self::Swings(p) => p.holds(cast),
            Self::Shoves(p) => p.holds(cast),
            Self::Drags(p) => p.holds(cast),
            Self::Kicks(p) => p.holds(cast),
            Self::Oscillates(p) => p.holds(cast),
            Self::MovesMore(p) => p.holds(cast),
            Self::InStep(p) => p.holds(cast),
            Self::Not(p) => !p.check.holds(cast),
            Self::Any(p) => p.checks.iter().any(|check| check.holds(cast)),
            Self::All(p) => p.checks.iter().all(|check| check.holds(cast)),
        }
    }
}

#[cfg(test)]
mod tests;
