//! Families in which one goes and the other does something else: around somebody, backward, past, at another pace.

use super::acting::{opposite, waiting};
use super::walking::{WALKS, end, frames};
use super::{Family, Staged, with};
use crate::data::compose::draws::Draws;
use crate::data::compose::library::Piece;
use crate::data::compose::manifest::Kind::{Act, Back, Dance, Run, Stand, Walk};
use crate::data::compose::place::put;
use crate::data::compose::stage::{Part, Stage};
use crate::data::compose::track::bend;
use std::f64::consts::PI;

pub(super) const FAMILIES: &[Family] = &[
    Family { name: "circle-around", needs: &[Walk, Stand], make: circle_around },
    Family { name: "back-away", needs: &[Back, Stand], make: back_away },
    Family { name: "draw-along", needs: &[Walk, Back], make: draw_along },
    Family { name: "run-past", needs: &[Run, Stand], make: run_past },
    Family { name: "run-and-walk", needs: &[Run, Walk], make: run_and_walk },
    Family { name: "walk-past", needs: &[Act, Walk], make: walk_past },
    Family { name: "traffic-past", needs: &[Act, Walk], make: traffic_past },
];

fn circle_around(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 3.2, 7.0, draws);
    let walk = stage.go(WALKS, length, draws)?;
    let left = draws.chance(0.5);
    let radius = draws.uniform(0.85, 1.3) * if left { 1.0 } else { -1.0 };
    let first = Part {
        track: bend(&walk.track, radius),
        phrases: with(&walk.phrases[..1], &[" around the other", " in a circle around the other"]),
    };
    let angle = draws.uniform(-PI, PI);
    let second = waiting(put(stage.stand(length, draws)?, angle, [radius, 0.0]));
    let mut templates = vec![
        "{1} walks around {2}[|, who stands still]",
        "{1} walks in a circle around {2}",
        "{1} circles {2}[|, who {bs}]",
        "{2} {bs} while {1} walks [around|in a circle around] them",
        "{1} goes around {2} in a circle",
        "{2} stands in the middle and {1} walks around them",
        "{1} is walking around {2}",
        "[walking around someone|circling someone]",
    ];
    // Seen from above, a bend to the left goes counterclockwise.
    templates.push(if left { "{1} circles {2} counterclockwise" } else { "{1} circles {2} clockwise" });
    Some(Staged { parts: [first, second], templates })
}

/// Walking backward from the origin toward −z, facing +z.
fn backward(stage: &Stage<'_>, length: usize, draws: &mut Draws) -> Option<Part> {
    let piece = stage.pick_action(&["walk-back"], draws)?;
    let paced = crate::data::compose::track::pace(&piece.track, draws.uniform(0.9, 1.15));
    let mut track = crate::data::compose::track::repeat(&paced, length, 9);
    track.truncate(length);
    (track.len() == length).then_some(Part { track, phrases: piece.phrases })
}

fn back_away(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.3, 3.6, draws);
    let (gap, first) = (draws.uniform(0.7, 1.3), backward(stage, length, draws)?);
    if draws.chance(0.4) {
        let second = backward(stage, length, draws)?;
        let second = Part { track: put(second.track, PI, [draws.uniform(-0.1, 0.1), gap]), ..second };
        let templates = vec![
            "{they} walk backward[|s] away from each other",
            "{they} back away from each other",
            "{they} step back from each other, facing each other",
            "{they} retreat from each other",
            "{they} move apart, walking backward",
            "{1} and {2} both walk backward",
            "[walking backward|backing away|walking backwards away from each other]",
        ];
        return Some(Staged { parts: [first, second], templates });
    }
    let second = waiting(stage.stand(length, draws)?);
    let second = opposite(second, gap, draws);
    let templates = vec![
        "{1} backs away from {2}",
        "{1} walks backward[|s][| away from {2}]",
        "{1} takes [some|several] steps back[|, {2} {bs}]",
        "{1} retreats from {2}[|, who {bs}]",
        "{2} {bs}[ while| and] {1} backs away",
        "{1} is backing away from {2}",
        "{1} moves backward, away from {2}",
        "[backing away|stepping back|walking backward|retreat]",
        "{1} steps back in fear of {2}",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn draw_along(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.3, 3.6, draws);
    let first = backward(stage, length, draws)?;
    let follows = stage.go(WALKS, length, draws)?;
    let gap = draws.uniform(0.8, 1.4);
    // The first goes backward to −z; the second comes after from +z.
    let second = Part {
        track: put(follows.track, PI, [draws.uniform(-0.1, 0.1), gap]),
        phrases: with(&follows.phrases, &[" toward the other", " after the other"]),
    };
    let last = |part: &Part| end(&part.track)[1];
    if last(&second) < last(&first) + 0.6 {
        return None;
    }
    let templates = vec![
        "{1} {as} and {2} follows",
        "{1} walks backward while {2} walks forward toward them",
        "{1} leads {2}, walking backward",
        "{2} follows {1}, who walks backward",
        "{1} walks backward and {2} comes after",
        "{1} backs away and {2} follows",
        "{1} draws {2} along by walking backward",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn run_past(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.2, 3.0, draws);
    let run = stage.go(&[Run], length, draws)?;
    let side = draws.uniform(0.7, 1.3) * if draws.chance(0.5) { 1.0 } else { -1.0 };
    let along = end(&run.track)[1] * draws.uniform(0.3, 0.7);
    let angle = draws.uniform(-PI, PI);
    let second = waiting(put(stage.stand(length, draws)?, angle, [side, along]));
    let first = Part { phrases: with(&run.phrases, &["", " past the other"]), ..run };
    let templates = vec![
        "{1} runs[| past {2}] while {2} {bs}",
        "{1} runs past {2}[|, who {bs}]",
        "{1} is running and {2} [stands still|does not move]",
        "{2} {bs}, {1} runs by",
        "{1} {as}, {2} stays [in place|put|where they are]",
        "{1} runs and {2} {bs}",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn run_and_walk(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.2, 3.2, draws);
    let first = stage.go(&[Run], length, draws)?;
    let second = stage.go(WALKS, length, draws)?;
    let side = draws.uniform(0.8, 1.4) * if draws.chance(0.5) { 1.0 } else { -1.0 };
    let ahead = draws.uniform(0.0, 2.0);
    let second = Part { track: put(second.track, 0.0, [side, ahead]), ..second };
    let mut templates = vec![
        "{1} runs and {2} walks",
        "{1} runs while {2} walks",
        "{2} walks and {1} runs past",
        "{1} is running, {2} is walking",
        "{1} {as}, {2} {bs}",
        "{2} {bs} while {1} {as}",
        "[one runs and one walks|one runs, the other walks]",
    ];
    if ahead > 0.8 {
        templates.push("{1} runs and overtakes {2}, who is walking");
    }
    Some(Staged { parts: [first, second], templates })
}

/// Somebody walks past the other, who does something on the spot.
fn walk_past(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let kind = *draws.choice(&[Act, Act, Dance]);
    let piece = stage.pick(&[kind], draws)?;
    passed(stage, &piece, &[], draws)
}

fn traffic_past(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let piece = stage.pick_action(&["direct"], draws)?;
    passed(stage, &piece, &["{1} directs the traffic while {2} walks past"], draws)
}

/// One does `piece` on the spot, the other walks past; `more` is true of it as well.
fn passed(stage: &Stage<'_>, piece: &Piece, more: &[&'static str], draws: &mut Draws) -> Option<Staged> {
    let first = stage.act(piece, 0, draws)?;
    let walk = stage.go(WALKS, first.track.len(), draws)?;
    let side = draws.uniform(0.8, 1.4) * if draws.chance(0.5) { 1.0 } else { -1.0 };
    let (angle, length) = (draws.uniform(-PI, PI), end(&walk.track)[1]);
    // The middle of the walk is beside the one on the spot.
    let (sin, cos) = angle.sin_cos();
    let back = -length * draws.uniform(0.35, 0.65);
    let at = [side * cos + back * sin, back * cos - side * sin];
    let second = Part {
        track: put(walk.track, angle, at),
        phrases: with(&walk.phrases, &[" past", " by", " past the other"]),
    };
    let mut templates = vec![
        "{1} {as} while {2} {bs}",
        "{2} {bs}[ while| as] {1} {as}",
        "{1} {as} and {2} {bs}",
        "{2} walks past {1}, who {as}",
        "{1} is {aing}, {2} passes by",
        "{1} {as}, someone walks by",
    ];
    templates.extend(more);
    Some(Staged { parts: [first, second], templates })
}
