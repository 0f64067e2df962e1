//! Families in which people do something where they are.

use super::templates::{ABREAST, DIFFERENT, FACING, UNISON, WATCH, WATCHING};
use super::{Family, Staged, phrases};
use crate::data::compose::draws::Draws;
use crate::data::compose::library::Piece;
use crate::data::compose::manifest::Kind::{self, Act, Box as Blow, Dance, Jump, Laugh, Stand, Sword, Turn};
use crate::data::compose::place::put;
use crate::data::compose::scene::Track;
use crate::data::compose::stage::{Part, Stage};
use crate::motion::mirror::{CaptionRule, mirror_caption};
use std::f64::consts::PI;

pub(super) const FAMILIES: &[Family] = &[
    Family { name: "act-watch", needs: &[Act, Stand], make: watch },
    Family { name: "act-behind", needs: &[Act, Stand], make: behind },
    Family { name: "act-beside", needs: &[Act, Stand], make: beside },
    Family { name: "unison", needs: &[Act], make: unison },
    Family { name: "mirror", needs: &[Act], make: mirrored },
    Family { name: "canon", needs: &[Act, Stand], make: canon },
    Family { name: "turns", needs: &[Act, Stand], make: turns },
    Family { name: "different", needs: &[Act], make: different },
    Family { name: "answer-laugh", needs: &[Act, Laugh], make: answer_laugh },
    Family { name: "dance", needs: &[Dance], make: dance },
    Family { name: "stand", needs: &[Stand], make: stand_both },
];

/// What is done in front of people or beside them.
const SHOWN: &[Kind] = &[Act, Act, Act, Blow, Sword, Laugh, Turn];

pub(super) fn waiting(track: Track) -> Part {
    Part { track, phrases: phrases(WATCHING) }
}

/// A small disorder in place and direction.
fn about(draws: &mut Draws, spread: f64) -> f64 {
    draws.uniform(-spread, spread)
}

/// Second person opposite, facing the first at the origin.
pub(super) fn opposite(part: Part, distance: f64, draws: &mut Draws) -> Part {
    let (angle, aside) = (PI + about(draws, 0.12), about(draws, 0.1));
    Part { track: put(part.track, angle, [aside, distance]), ..part }
}

/// Second person beside the first, on either side, facing the same way.
pub(super) fn next_to(part: Part, distance: f64, draws: &mut Draws) -> Part {
    let side = if draws.chance(0.5) { 1.0 } else { -1.0 };
    let (angle, ahead) = (about(draws, 0.12), about(draws, 0.15));
    Part { track: put(part.track, angle, [side * distance, ahead]), ..part }
}

fn lead(draws: &mut Draws) -> usize {
    if draws.chance(0.35) { 6 + draws.below(20) } else { 0 }
}

/// An action, led into from standing where that is drawn and fits.
pub(super) fn shown(stage: &Stage<'_>, kinds: &[Kind], draws: &mut Draws) -> Option<Part> {
    // One kind first, so that a kind with few actions is not drowned.
    let kind = *draws.choice(kinds);
    let piece = stage.pick(&[kind], draws)?;
    let frames = lead(draws);
    stage.act(&piece, frames, draws)
}

fn watch(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let first = shown(stage, SHOWN, draws)?;
    let second = waiting(stage.stand(first.track.len(), draws)?);
    let distance = draws.uniform(1.0, 2.4);
    let second = opposite(second, distance, draws);
    Some(Staged { parts: [first, second], templates: WATCH.to_vec() })
}

fn behind(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let first = shown(stage, SHOWN, draws)?;
    let stand = stage.stand(first.track.len(), draws)?;
    let (angle, aside, gap) = (about(draws, 0.15), about(draws, 0.2), draws.uniform(0.8, 1.8));
    let second = Part { track: put(stand, angle, [aside, -gap]), ..waiting(Vec::new()) };
    let templates = vec![
        "{1} {as} while {2} stands behind [them|{1}]",
        "{2} stands behind {1}, who {as}",
        "{2} is [standing |]behind {1}[ and| while] {1} {as}",
        "{1} {as}[,| and] {2} {bs} behind [them|{1}]",
        "{1} {as} with [their back to|{2} behind them, in front of] {2}",
        "{they} stand one behind the other and the one in front {as}",
        "the person in front {as}, the person behind {bs}",
        "{2} {bs} from behind while {1} {as}",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn beside(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let first = shown(stage, SHOWN, draws)?;
    let second = waiting(stage.stand(first.track.len(), draws)?);
    let gap = draws.uniform(0.8, 1.5);
    let second = next_to(second, gap, draws);
    let templates = vec![
        "{1} {as} while {2} stands [beside them|next to them|at their side]",
        "{they} stand side by side and {1} {as}",
        "{they} [are|stand] next to each other, {1} {as} and {2} {bs}",
        "{1} {as} beside {2}, who {bs}",
        "side by side, {1} {as}, {2} {bs}",
        "next to {2}, {1} {as}",
        "{1} is {aing} next to {2}",
        "{2} {bs} next to {1}, who is {aing}",
    ];
    Some(Staged { parts: [first, second], templates })
}

/// Kinds that two people do together.
const TOGETHER: &[Kind] = &[Act, Act, Act, Act, Laugh, Turn, Blow, Sword];

fn unison(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let first = shown(stage, TOGETHER, draws)?;
    // Nobody is ever exactly in time.
    let late = draws.below(4);
    let track: Track = (0..first.track.len()).map(|frame| first.track[frame.saturating_sub(late)]).collect();
    let second = Part { track, phrases: first.phrases.clone() };
    let mut templates = UNISON.to_vec();
    let second = if draws.chance(0.5) {
        templates.extend(FACING);
        let gap = draws.uniform(1.1, 2.4);
        opposite(second, gap, draws)
    } else {
        templates.extend(ABREAST);
        let gap = draws.uniform(0.9, 1.8);
        next_to(second, gap, draws)
    };
    Some(Staged { parts: [first, second], templates })
}

/// The other side's words of a phrase.
fn swapped(list: &[String]) -> Vec<String> {
    list.iter().map(|phrase| mirror_caption(phrase, CaptionRule::Words)).collect()
}

fn mirrored(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let first = shown(stage, TOGETHER, draws)?;
    let late = draws.below(3);
    let mirror = crate::data::compose::track::mirror(&first.track);
    let track: Track = (0..mirror.len()).map(|frame| mirror[frame.saturating_sub(late)]).collect();
    let second = Part { track, phrases: swapped(&first.phrases) };
    let gap = draws.uniform(1.1, 2.4);
    let second = opposite(second, gap, draws);
    let sided = first.phrases.iter().any(|phrase| phrase.contains("left") || phrase.contains("right"));
    let mut templates = vec![
        "{1} {as} and {2} mirrors [them|it|the movement]",
        "{1} {as}, {2} does the same [like a mirror image|as in a mirror|mirrored]",
        "{they} face each other and move like mirror images: {1} {as}",
        "{they} mirror each other[| while {aing} and {bing}]",
        "{2} mirrors {1}, who {as}",
        "like in a mirror, {1} {as} and {2} {bs}",
        "{1} {as} while {2} {bs}[| at the same time]",
        "{1} is {aing} and {2} is {bing}[|, facing each other]",
    ];
    if !sided {
        templates.extend(UNISON);
        templates.extend(FACING);
    }
    Some(Staged { parts: [first, second], templates })
}

fn canon(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let kind = *draws.choice(TOGETHER);
    let piece = stage.pick(&[kind], draws)?;
    let part = stage.act(&piece, 0, draws)?;
    let late = 18 + draws.below(30);
    let mut second = stage.led_into(&part.track, late, draws)?;
    let length = (part.track.len() + late).min(stage.most());
    let first = stage.extend(&part.track, length, draws)?;
    second = stage.extend(&second, length, draws)?;
    let first = Part { track: first, phrases: part.phrases.clone() };
    let second = Part { track: second, phrases: part.phrases };
    let face = draws.chance(0.5);
    let gap = draws.uniform(1.1, 2.2);
    let second = if face { opposite(second, gap, draws) } else { next_to(second, gap, draws) };
    let templates = vec![
        "{1} {as}, then {2} does the same",
        "{1} {as} and a moment later {2} [does the same|follows|does it too]",
        "{1} {as}[,| and] {2} [copies|imitates|repeats after] [them|{1}]",
        "{1} {as} first, {2} follows [shortly after|a moment later]",
        "{they} {a}, one after the other",
        "one after the other, {they} {a}",
        "{2} copies {1}, who {as}",
        "first {1} {as}, then {2} {as}[| too| as well]",
        "{they} {a} with a [short |]delay",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn turns(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let short = |piece: &Piece| piece.track.len() < 100;
    let kinds = [Act, Act, Act, Laugh, Blow];
    let [kind_a, kind_b] = [*draws.choice(&kinds), *draws.choice(&kinds)];
    let a = stage.pick(&[kind_a], draws).filter(short)?;
    let b = stage.pick(&[kind_b], draws).filter(short)?;
    let wait = a.track.len().saturating_sub(8);
    let second = stage.led_into(&b.track, wait, draws)?;
    let length = second.len().max(stage.least());
    let second = Part { track: stage.extend(&second, length, draws)?, phrases: b.phrases };
    let first = Part { track: stage.extend(&a.track, length, draws)?, phrases: a.phrases };
    let gap = draws.uniform(1.1, 2.2);
    let second = opposite(second, gap, draws);
    let templates = vec![
        "{1} {as}, then {2} {bs}",
        "first {1} {as}, [then|and then|after that] {2} {bs}",
        "{1} {as} and [then|afterwards|after that] {2} {bs}",
        "{they} take turns: {1} {as} and [then |]{2} {bs}",
        "after {1} {as}, {2} {bs}",
        "{1} {as}. then {2} {bs}",
        "{2} waits while {1} {as}, and then {bs}",
        "{1} {as}, {2} answers: they {b}",
    ];
    Some(Staged { parts: [first, second], templates })
}

/// Bring the shorter of two parts to the length of the longer, or cut the longer a little.
pub(super) fn even(stage: &Stage<'_>, a: &mut Part, b: &mut Part, draws: &mut Draws) -> Option<()> {
    let (long, short) = (a.track.len().max(b.track.len()), a.track.len().min(b.track.len()));
    let length = if short * 10 >= long * 8 { short } else { long };
    for part in [a, b] {
        part.track = stage.extend(&part.track, length, draws)?;
    }
    Some(())
}

fn different(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let kinds = [Act, Act, Act, Act, Laugh, Blow, Sword, Turn];
    let mut first = shown(stage, &kinds, draws)?;
    let mut second = shown(stage, &kinds, draws)?;
    if first.phrases[0] == second.phrases[0] {
        return None;
    }
    even(stage, &mut first, &mut second, draws)?;
    let mut templates = DIFFERENT.to_vec();
    let second = if draws.chance(0.6) {
        templates.extend([
            "facing each other, {1} {as} and {2} {bs}",
            "{they} face each other; {1} {as} and {2} {bs}",
        ]);
        let gap = draws.uniform(1.1, 2.4);
        opposite(second, gap, draws)
    } else {
        templates.extend([
            "side by side, {1} {as} and {2} {bs}",
            "{they} are next to each other; {1} {as} and {2} {bs}",
        ]);
        let gap = draws.uniform(1.0, 1.8);
        next_to(second, gap, draws)
    };
    Some(Staged { parts: [first, second], templates })
}

fn answer_laugh(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let mut first = shown(stage, &[Act, Act, Jump, Turn], draws)?;
    let mut second = shown(stage, &[Laugh], draws)?;
    even(stage, &mut first, &mut second, draws)?;
    let gap = draws.uniform(1.1, 2.6);
    let second = opposite(second, gap, draws);
    let mut templates = DIFFERENT.to_vec();
    templates.extend([
        "{2} {bs} at {1}, who {as}",
        "{1} {as} and is laughed at by {2}",
        "{1} {as}, which makes {2} laugh",
        "{2} {bs} because {1} {as}",
        "{2} {bs} at {1}, who is {aing}",
    ]);
    Some(Staged { parts: [first, second], templates })
}

fn dance(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let mut first = shown(stage, &[Dance], draws)?;
    let mut templates = vec![
        "{they} dance[| together| near each other]",
        "{they} are dancing[| together]",
        "{they} perform a dance[| together]",
        "two dancers [dance|perform] [together|near each other]",
        "{1} dances and {2} dances [too|as well|along]",
        "{1} {as} and {2} {bs}",
        "{1} {as} while {2} {bs}",
    ];
    let second = if draws.chance(0.4) {
        templates.extend(UNISON);
        templates.push("{they} dance in unison");
        first.clone()
    } else {
        let mut second = shown(stage, &[Dance], draws)?;
        even(stage, &mut first, &mut second, draws)?;
        second
    };
    let gap = draws.uniform(1.4, 2.6);
    let second = if draws.chance(0.5) { opposite(second, gap, draws) } else { next_to(second, gap, draws) };
    Some(Staged { parts: [first, second], templates })
}

fn stand_both(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let frames = stage.least() + draws.below(90);
    let list = phrases(&["~stand still", "~stand", "~wait", "~stand around", "~stand and ~do nothing"]);
    let first = Part { track: stage.stand(frames, draws)?, phrases: list.clone() };
    let second = Part { track: stage.stand(frames, draws)?, phrases: list };
    let gap = draws.uniform(0.7, 2.4);
    let mut templates = vec![
        "{they} {a}",
        "{they} are {aing}",
        "{1} {as} and {2} {bs}",
        "{they} [do nothing|do not move|just stand there]",
    ];
    let second = if draws.chance(0.5) {
        templates.extend([
            "{they} stand facing each other",
            "{they} stand face to face",
            "{they} stand opposite each other and wait",
            "{they} look at each other",
        ]);
        opposite(second, gap, draws)
    } else {
        templates.extend([
            "{they} stand side by side",
            "{they} stand next to each other",
            "{1} stands next to {2}",
            "{they} wait side by side",
        ]);
        next_to(second, gap, draws)
    };
    Some(Staged { parts: [first, second], templates })
}
