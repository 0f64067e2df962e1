//! Families in which people go at each other.

use super::acting::{even, opposite, shown, waiting};
use super::templates::{DIFFERENT, WATCH};
use super::{Family, Staged};
use crate::data::compose::draws::Draws;
use crate::data::compose::manifest::Kind::{Act, Box as Blow, Dodge, Jump, Kick, Laugh, Stand, Sword};
use crate::data::compose::stage::Stage;

pub(super) const FAMILIES: &[Family] = &[
    Family { name: "answer-dodge", needs: &[Blow, Dodge], make: answer_dodge },
    Family { name: "box", needs: &[Blow], make: fight_box },
    Family { name: "sword", needs: &[Sword], make: fight_sword },
    Family { name: "jump-toward", needs: &[Jump, Stand], make: jump_toward },
    Family { name: "kick-toward", needs: &[Kick, Stand], make: kick_toward },
];

fn answer_dodge(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let mut first = shown(stage, &[Blow, Blow, Sword], draws)?;
    let mut second = shown(stage, &[Dodge], draws)?;
    even(stage, &mut first, &mut second, draws)?;
    let gap = draws.uniform(1.0, 1.5);
    let second = opposite(second, gap, draws);
    let mut templates = DIFFERENT.to_vec();
    templates.extend([
        "{1} attacks, {2} {bs}",
        "{1} {as} at {2}, who {bs}",
        "{1} {as} and {2} {bs} [to get away|to avoid it|to avoid being hit]",
        "{2} {bs} while {1} attacks",
        "{they} fight, {1} {as} and {2} {bs}",
        "{2} is attacked by {1} and {bs}",
        "{1} {as} toward {2}, who {bs}",
    ]);
    Some(Staged { parts: [first, second], templates })
}

fn fight_box(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let mut first = shown(stage, &[Blow], draws)?;
    let mut second = shown(stage, &[Blow], draws)?;
    even(stage, &mut first, &mut second, draws)?;
    let gap = draws.uniform(1.0, 1.5);
    let second = opposite(second, gap, draws);
    let mut templates = vec![
        "{they} box[| with each other| against each other]",
        "{they} are boxing[| with each other]",
        "{they} fight[| with their fists| like boxers]",
        "{they} fight: {1} {as} and {2} {bs}",
        "{they} are having a boxing match",
        "{they} throw punches at each other",
        "{they} spar[| with each other| in a boxing match]",
        "{they} exchange [punches|blows]",
        "{1} boxes with {2}",
        "boxing",
        "in a fight, {1} {as} and {2} {bs}",
        "{they} box, {1} {as}",
    ];
    templates.extend(DIFFERENT);
    Some(Staged { parts: [first, second], templates })
}

fn fight_sword(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let mut first = shown(stage, &[Sword], draws)?;
    let mut second = shown(stage, &[Sword], draws)?;
    even(stage, &mut first, &mut second, draws)?;
    let gap = draws.uniform(1.3, 2.0);
    let second = opposite(second, gap, draws);
    let mut templates = vec![
        "{they} fight with swords",
        "{they} are sword fighting",
        "{they} have a sword fight",
        "{they} fence[| with each other]",
        "{they} [swing|cross] swords[| at each other]",
        "{they} duel with swords: {1} {as} and {2} {bs}",
        "{they} fight each other with swords",
        "a sword fight between two people",
        "{they} duel, {1} {as}",
        "in a sword fight, {1} {as} while {2} {bs}",
    ];
    templates.extend(DIFFERENT);
    Some(Staged { parts: [first, second], templates })
}

fn jump_toward(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let first = shown(stage, &[Jump], draws)?;
    let second = waiting(stage.stand(first.track.len(), draws)?);
    let travel = first.track[first.track.len() - 1][0][2];
    let gap = travel + draws.uniform(0.6, 1.4);
    let second = opposite(second, gap, draws);
    let mut templates = WATCH.to_vec();
    templates.extend([
        "{1} {as} toward {2}",
        "{1} {as} up to {2}, who {bs}",
        "{1} jumps [toward|towards] {2} while {2} {bs}",
        "{1} comes closer to {2} with a jump",
        "{2} {bs} and {1} jumps toward them",
    ]);
    Some(Staged { parts: [first, second], templates })
}

fn kick_toward(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let first = shown(stage, &[Kick], draws)?;
    let frames = first.track.len();
    let second = if draws.chance(0.5) {
        waiting(stage.stand(frames, draws)?)
    } else {
        let mut part = shown(stage, &[Dodge, Laugh, Act], draws)?;
        part.track = stage.extend(&part.track, frames, draws)?;
        part
    };
    let reach = first.track.iter().map(|pose| pose[0][2]).fold(0.0, f64::max);
    let gap = reach + draws.uniform(0.9, 1.8);
    let second = opposite(second, gap, draws);
    let mut templates = DIFFERENT.to_vec();
    templates.extend([
        "{1} {as} toward {2}",
        "{1} {as} in front of {2}",
        "{1} {as} [toward|in the direction of] {2}, who {bs}",
        "{1} kicks toward {2}[| and {2} {bs}]",
        "{1} is kicking [toward|at] {2}",
    ]);
    Some(Staged { parts: [first, second], templates })
}
