//! Families in which somebody runs or gives way.

use super::walking::{WALKS, end, frames, pair_of_walks};
use super::{Family, Staged, phrases, with};
use crate::data::compose::draws::Draws;
use crate::data::compose::manifest::Kind::{Back, Run, Walk};
use crate::data::compose::place::put;
use crate::data::compose::stage::{Part, Stage};
use std::f64::consts::PI;

pub(super) const FAMILIES: &[Family] = &[
    Family { name: "chase", needs: &[Run], make: chase },
    Family { name: "run-together", needs: &[Run], make: run_together },
    Family { name: "back-off", needs: &[Walk, Back], make: back_off },
];

fn chase(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.2, 3.4, draws);
    let [first, second] = pair_of_walks(stage, &[Run], length, draws)?;
    let gap = draws.uniform(1.3, 2.4);
    let second = Part { track: put(second.track, 0.0, [draws.uniform(-0.2, 0.2), gap]), ..second };
    let parts = [
        Part {
            phrases: phrases(&["~run after the other", "~chase the other person", "~run behind the other"]),
            ..first
        },
        Part { phrases: phrases(&["~run away", "~run away from the other", "~run ahead"]), ..second },
    ];
    let templates = vec![
        "{1} chases {2}",
        "{1} runs after {2}[|, who runs away]",
        "{1} is chasing {2}",
        "{2} runs away and {1} [chases them|runs after them|follows]",
        "{2} is chased by {1}",
        "{2} runs away from {1}",
        "{1} pursues {2}[| at a run]",
        "{1} runs behind {2}",
        "{they} run one behind the other",
        "{2} flees from {1}",
        "{1} chased {2}",
        "a chase: {1} runs after {2}",
    ];
    Some(Staged { parts, templates })
}

fn run_together(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.2, 3.4, draws);
    let [first, second] = pair_of_walks(stage, &[Run], length, draws)?;
    let gap = draws.uniform(0.8, 1.4);
    let second = Part { track: put(second.track, 0.0, [gap, draws.uniform(-0.3, 0.3)]), ..second };
    let templates = vec![
        "{they} run[| together] side by side",
        "{they} run next to each other",
        "{they} are running[| together]",
        "{they} jog together",
        "{they} run a race",
        "{they} race [each other|side by side]",
        "{1} runs beside {2}",
        "{they} run in the same direction",
        "{they} run together",
        "{they} ran side by side",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn back_off(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.2, 3.4, draws);
    let a = stage.go(WALKS, length, draws)?;
    let piece = stage.pick(&[Back], draws)?;
    let back = crate::data::compose::track::pace(&piece.track, draws.uniform(0.9, 1.15));
    let mut back = crate::data::compose::track::repeat(&back, length, 9);
    if back.len() < length {
        return None;
    }
    back.truncate(length);
    let gap = draws.uniform(0.9, 1.5);
    let walked = end(&a.track)[1];
    let second = Part { track: put(back, PI, [0.0, gap]), phrases: piece.phrases };
    // The one behind must not be walked over.
    if end(&second.track)[1] < walked + 0.6 {
        return None;
    }
    let first = Part { phrases: with(&a.phrases, &[" toward the other", " forward"]), ..a };
    let templates = vec![
        "{1} walks toward {2}, who {bs}",
        "{1} walks forward while {2} {bs}",
        "{2} {bs}[ while| as] {1} walks toward them",
        "{2} backs away from {1}",
        "{2} retreats backward from {1}[|, who walks toward them]",
        "{1} comes closer and {2} {bs}",
        "{1} drives {2} back",
        "{1} walks toward {2} and {2} {bs}",
        "{2} is {bing} in front of {1}",
    ];
    Some(Staged { parts: [first, second], templates })
}
