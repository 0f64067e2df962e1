//! Contacts and gestures laid by inverse kinematics over standing and walking people.
//!
//! ```text
//! Bases -> Stand, Path (where feet are) -> Stage (two of them, parameters) -> Part (bends, reaches) -> tracks
//! ```
//!
//! Every gesture is a [`Source`] whose parameters (side, who acts, distance, timing, size) are drawn. A wrist stands for a
//! hand, which reaches about 9 cm beyond it: where palms meet, each wrist stops 5 cm short, so wrists are about
//! 10 cm apart (never more than 15); where a hand lies on a body, the wrist is within 5 cm of a stated point.

pub mod bases;
mod fight;
mod path;
mod pose;
mod score;
mod signs;
mod stage;
mod timing;
mod together;
mod touch;
mod words;

pub use bases::Bases;

use super::draws::Draws;
use super::scene::{Scene, Source};
use crate::error::Result;
use stage::Stage;
use std::sync::Arc;

/// Lays out one scene.
type Act = fn(&mut Stage) -> Scene;

/// Every gesture: family, act. The recipe weighs them.
const ACTS: &[(&str, Act)] = &[
    ("handshake", touch::handshake),
    ("high-five", touch::high_five),
    ("fist-bump", touch::fist_bump),
    ("hug", touch::hug),
    ("pat", touch::pat),
    ("push", touch::push),
    ("wave", signs::wave),
    ("point", signs::point),
    ("salute", signs::salute),
    ("arm-sign", signs::arm_signs),
    ("bow", signs::bow),
    ("both-hands", signs::both_hands),
    ("kick", fight::kick),
    ("block", fight::block),
    ("duck", fight::duck),
    ("hold-hands-and-walk", together::hold_hands),
    ("dance-hold", together::dance_hold),
    ("pull", together::pull),
    ("pass-object", together::pass_object),
    ("kneel", together::kneel),
    ("laugh-and-point", together::laugh),
    ("goodbye", together::goodbye),
];

/// One gesture over given bases.
struct Gesture<'a> {
    family: &'static str,
    weight: f64,
    act: Act,
    bases: Arc<dyn Bases + 'a>,
}

impl Source for Gesture<'_> {
    fn family(&self) -> &'static str {
        self.family
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn origin(&self) -> &'static str {
        "layered"
    }

    fn make(&self, draws: &mut Draws) -> Result<Scene> {
        let mut stage = Stage::facing(self.bases.as_ref(), draws);
        Ok((self.act)(&mut stage))
    }
}

/// Names of all gestures.
pub fn families() -> impl Iterator<Item = &'static str> {
    ACTS.iter().map(|&(family, _)| family)
}

/// The gestures that have a weight, over these bases.
pub fn sources<'a>(bases: &Arc<dyn Bases + 'a>, weight: impl Fn(&str) -> f64) -> Vec<Box<dyn Source + 'a>> {
    ACTS.iter()
        .filter(|(family, _)| weight(family) > 0.0)
        .map(|&(family, act)| -> Box<dyn Source + 'a> {
            Box::new(Gesture { family, weight: weight(family), act, bases: Arc::clone(bases) })
        })
        .collect()
}

#[cfg(test)]
mod captured;
#[cfg(test)]
mod tests;
