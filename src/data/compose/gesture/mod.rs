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

/// Every gesture: family, weight, act. Families with many variants weigh more.
const ACTS: &[(&str, f64, Act)] = &[
    ("handshake", 1.5, touch::handshake),
    ("high-five", 1.5, touch::high_five),
    ("fist bump", 1.0, touch::fist_bump),
    ("hug", 1.3, touch::hug),
    ("pat", 1.3, touch::pat),
    ("push", 1.2, touch::push),
    ("wave", 1.3, signs::wave),
    ("point", 1.3, signs::point),
    ("salute", 0.8, signs::salute),
    ("arm sign", 1.2, signs::arm_signs),
    ("bow", 1.0, signs::bow),
    ("both hands", 1.3, signs::both_hands),
    ("kick", 1.3, fight::kick),
    ("block", 1.0, fight::block),
    ("duck", 1.0, fight::duck),
    ("hold hands and walk", 1.0, together::hold_hands),
    ("dance hold", 0.8, together::dance_hold),
    ("pull", 1.0, together::pull),
    ("pass object", 1.0, together::pass_object),
    ("kneel", 1.0, together::kneel),
    ("laugh and point", 0.8, together::laugh),
    ("goodbye", 1.0, together::goodbye),
];

/// One gesture over given bases.
struct Gesture {
    family: &'static str,
    weight: f64,
    act: Act,
    bases: Arc<dyn Bases>,
}

impl Source for Gesture {
    fn family(&self) -> &'static str {
        self.family
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn make(&self, draws: &mut Draws) -> Result<Scene> {
        let mut stage = Stage::facing(self.bases.as_ref(), draws);
        Ok((self.act)(&mut stage))
    }
}

/// All gestures over these bases.
pub fn sources(bases: &Arc<dyn Bases>) -> Vec<Box<dyn Source>> {
    ACTS.iter()
        .map(|&(family, weight, act)| -> Box<dyn Source> {
            Box::new(Gesture { family, weight, act, bases: Arc::clone(bases) })
        })
        .collect()
}

#[cfg(test)]
mod captured;
#[cfg(test)]
mod tests;
