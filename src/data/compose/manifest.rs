//! Our manifest of single-person segments: where they are in the takes, and what they are called.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

const SEGMENTS: &str = include_str!("../recipes/solo-segments.jsonl");
const ACTIONS: &str = include_str!("../recipes/solo-actions.toml");

/// Where the composer may use an action; see `solo-actions.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// On the spot, in front of somebody or beside them.
    Act,
    /// A blow.
    Box,
    /// A blow with a sword.
    Sword,
    /// Out of the way of a blow.
    Dodge,
    /// Laughter.
    Laugh,
    /// Moves about.
    Dance,
    /// Forward, with both feet.
    Jump,
    /// Forward.
    Kick,
    /// Forward, with a ball.
    Dribble,
    /// Straight ahead.
    Walk,
    /// Straight ahead, fast.
    Run,
    /// Backward.
    Back,
    /// Along a bend.
    Curve,
    /// On the spot, to face the other way.
    Turn,
    /// Waiting.
    Stand,
}

/// An action and what it is called.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Where it may be used.
    pub kind: Kind,
    /// In the base form, verbs marked with `~`, sides as captured.
    pub phrases: Vec<String>,
}

/// A stretch of a take in which one action is done. Times are seconds of the take at 30 frames a second, from the first frame
/// that is kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Subject and number: `13_18`.
    pub take: String,
    /// From, seconds.
    pub start: f64,
    /// To, seconds.
    pub end: f64,
    /// Key of an [`Action`].
    pub action: String,
    /// Height of the floor under the segment above the floor of the take, metres.
    #[serde(default)]
    pub ground: f64,
    /// Where a blow or a kick goes: degrees to the left of where the person faces in the first frame.
    pub aim: Option<f64>,
    /// It begins near a standing pose.
    #[serde(default)]
    pub hold_start: bool,
    /// It ends near a standing pose.
    #[serde(default)]
    pub hold_end: bool,
    /// How far apart the best two frames for repeating it are: mean joint distance in metres plus 0.04 times mean joint
    /// velocity difference.
    pub repeats: Option<f64>,
}

/// The manifest that comes with the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// By name.
    pub actions: BTreeMap<String, Action>,
    /// In the order of takes and times.
    pub segments: Vec<Segment>,
}

impl Manifest {
    /// # Errors
    /// `manifest` when the built-in files contradict themselves.
    pub fn builtin() -> Result<Self> {
        let wrong = |message: String| Error::internal("manifest", message);
        let actions: BTreeMap<String, Action> =
            toml::from_str(ACTIONS).map_err(|error| wrong(format!("the actions are wrong: {error}")))?;
        let mut segments = Vec::new();
        for (number, line) in SEGMENTS.lines().enumerate() {
            let segment: Segment = serde_json::from_str(line)
                .map_err(|error| wrong(format!("segment {} is wrong: {error}", number + 1)))?;
            if !actions.contains_key(&segment.action) {
                return Err(wrong(format!("there is no action {}", segment.action)));
            }
            segments.push(segment);
        }
        Ok(Self { actions, segments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_segments_and_marked_verbs() {
        let manifest = Manifest::builtin().unwrap();
        assert!(manifest.segments.len() > 300);
        for (name, action) in &manifest.actions {
            assert!(manifest.segments.iter().any(|segment| &segment.action == name), "{name}");
            assert!(action.phrases.iter().all(|phrase| phrase.starts_with('~')), "{name}");
        }
        assert!(manifest.segments.iter().all(|s| s.start < s.end && s.end - s.start < 8.0));
    }

    #[test]
    fn actions_with_a_side_say_so_in_their_names() {
        // Whatever names one side in its first phrase carries the side in the key, so that a swap would show here.
        for (name, action) in &Manifest::builtin().unwrap().actions {
            for side in ["left", "right"] {
                let hand = [format!("{side} hand"), format!("{side} foot"), format!("{side} knee")];
                let other = if side == "left" { "right" } else { "left" };
                let phrase = &action.phrases[0];
                if hand.iter().any(|hand| phrase.contains(hand)) && !phrase.contains(other) {
                    assert!(name.contains(side) || name.starts_with("dribble"), "{name}: {phrase}");
                }
            }
        }
    }
    #[test]
    fn whoever_dances_does_not_only_hold_a_pose() {
        // A held pose is the same half a second later: its best two frames hardly differ.
        let manifest = Manifest::builtin().unwrap();
        let dances = manifest.segments.iter().filter(|s| manifest.actions[&s.action].kind == Kind::Dance);
        let still: Vec<_> = dances.filter(|s| s.repeats.is_some_and(|apart| apart < 0.05)).collect();
        assert!(still.is_empty(), "{still:?}");
    }
}
