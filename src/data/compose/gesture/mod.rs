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
mod bodies;
mod chain;
mod close;
mod fight;
mod lively;
mod path;
mod pose;
mod score;
mod sign;
mod signs;
mod stage;
mod steps;
mod timing;
mod together;
mod touch;
mod words;

pub use bases::Bases;

use super::draws::Draws;
use super::scene::{Scene, Source};
use crate::error::Result;
use sign::Sign;
use stage::Stage;
use std::sync::Arc;

/// Lays out one scene.
type Act = fn(&mut Stage) -> Scene;

/// Every gesture: family, act. The recipe weighs them. Signs (see [`signs`] and [`bodies`]) have families of their own.
const ACTS: &[(&str, Act)] = &[
    ("handshake", touch::handshake),
    ("bow-and-shake", touch::bow_and_shake),
    ("high-five", touch::high_five),
    ("jumping-high-five", touch::jumping_high_five),
    ("fist-bump", touch::fist_bump),
    ("hug", close::hug),
    ("pat", close::pat),
    ("pat-from-behind", close::pat_from_behind),
    ("push", close::push),
    ("whisper", close::whisper),
    ("get-up", bodies::get_up),
    ("turn", bodies::turn),
    ("kick", fight::kick),
    ("block", fight::block),
    ("duck", fight::duck),
    ("hold-hands-and-walk", together::hold_hands),
    ("dance-hold", together::dance_hold),
    ("pull", together::pull),
    ("tug", together::tug),
    ("pass-object", together::pass_object),
    ("propose", together::kneel),
    ("laugh-and-point", together::laugh),
    ("goodbye", together::goodbye),
    ("circle-on-guard", steps::circle_on_guard),
    ("pace", steps::pace),
    ("march", steps::march),
    ("salsa", steps::salsa),
];

/// What makes the scenes of a family.
#[derive(Clone)]
enum Maker {
    Act(Act),
    Signs(Vec<&'static Sign>),
}

/// One gesture over given bases.
struct Gesture<'a> {
    family: &'static str,
    weight: f64,
    maker: Maker,
    bases: Arc<dyn Bases + 'a>,
}

/// Every sign.
fn signs() -> impl Iterator<Item = &'static Sign> {
    signs::SIGNS.iter().chain(bodies::SIGNS).chain(lively::SIGNS)
}

/// All gestures with what makes them.
fn makers() -> Vec<(&'static str, Maker)> {
    let mut makers: Vec<_> = ACTS.iter().map(|&(family, act)| (family, Maker::Act(act))).collect();
    for sign in signs() {
        match makers
            .iter_mut()
            .find(|(family, maker)| *family == sign.family && matches!(maker, Maker::Signs(_)))
        {
            Some((_, Maker::Signs(list))) => list.push(sign),
            _ => makers.push((sign.family, Maker::Signs(vec![sign]))),
        }
    }
    makers
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
        let scene = match &self.maker {
            Maker::Act(act) => act(&mut stage),
            Maker::Signs(list) => sign::scene(list, &mut stage),
        };
        Ok(Scene { family: self.family, ..scene })
    }
}

/// Names of all gestures.
pub fn families() -> impl Iterator<Item = &'static str> {
    makers().into_iter().map(|(family, _)| family)
}

/// The gestures that have a weight, over these bases.
pub fn sources<'a>(bases: &Arc<dyn Bases + 'a>, weight: impl Fn(&str) -> f64) -> Vec<Box<dyn Source + 'a>> {
    makers()
        .into_iter()
        .filter(|(family, _)| weight(family) > 0.0)
        .map(|(family, maker)| -> Box<dyn Source + 'a> {
            Box::new(Gesture { family, weight: weight(family), maker, bases: Arc::clone(bases) })
        })
        .collect()
}

#[cfg(test)]
mod captured;
#[cfg(test)]
mod tests;
