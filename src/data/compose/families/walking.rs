//! Families in which somebody goes somewhere.

use super::{Family, Staged, phrases, with};
use crate::data::compose::draws::Draws;
use crate::data::compose::manifest::Kind::{self, Act, Dribble, Laugh, Run, Stand, Walk};
use crate::data::compose::place::put;
use crate::data::compose::scene::Track;
use crate::data::compose::stage::{Part, Stage};
use crate::data::compose::track::bend;
use std::f64::consts::PI;

pub(super) const FAMILIES: &[Family] = &[
    Family { name: "answer-leave", needs: &[Act, Walk, Stand], make: answer_leave },
    Family { name: "come", needs: &[Walk, Stand], make: come },
    Family { name: "leave", needs: &[Walk, Stand], make: leave },
    Family { name: "approach", needs: &[Walk, Stand], make: approach },
    Family { name: "together", needs: &[Walk], make: together },
    Family { name: "follow", needs: &[Walk], make: follow },
    Family { name: "apart", needs: &[Walk], make: apart },
    Family { name: "pass", needs: &[Walk], make: pass },
    Family { name: "circle", needs: &[Walk], make: circle },
];

pub(super) const WALKS: &[Kind] = &[Walk];

pub(super) fn frames(stage: &Stage<'_>, from: f64, to: f64, draws: &mut Draws) -> usize {
    ((draws.uniform(from, to) * 30.0) as usize).clamp(stage.least(), stage.most())
}

/// The last pelvis of a track, (x, z).
pub(super) fn end(track: &Track) -> [f64; 2] {
    track.last().map_or([0.0; 2], |pose| [pose[0][0], pose[0][2]])
}

/// A track along +z moved so that it ends at (0, 0).
fn ending(track: Track) -> Track {
    let [x, z] = end(&track);
    put(track, 0.0, [-x, -z])
}

const STANDING: &[&str] =
    &["~stand still", "~stand and ~wait", "~wait", "~stand", "~stay where they are", "~do not move"];

fn standing() -> Vec<String> {
    phrases(&STANDING[..5])
}

fn answer_leave(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let kind = *draws.choice(&[Act, Act, Laugh]);
    let piece = stage.pick(&[kind], draws)?;
    let mut first = stage.act(&piece, 0, draws)?;
    let length = first.track.len().max(80);
    first.track = stage.extend(&first.track, length, draws)?;
    let walk = if draws.chance(0.5) {
        stage.go(WALKS, length, draws)?
    } else {
        stage.stand_and_go(WALKS, 12 + draws.below(20), length, draws)?
    };
    // The first person looks after the one who leaves.
    let angle = draws.uniform(-0.25, 0.25);
    let gap = draws.uniform(0.8, 1.4);
    let second = Part { track: put(walk.track, angle, [0.0, gap]), phrases: with(&walk.phrases, &[" away"]) };
    let templates = vec![
        "{1} {as} while {2} {bs}",
        "{1} {as} and {2} {bs}",
        "{2} {bs}[ while| as] {1} {as}",
        "{2} {bs} from {1}, who {as}",
        "{1} {as}, but {2} [walks away|leaves|turns their back and leaves]",
        "{1} is {aing} and {2} is {bing}",
        "{2} leaves {1}, who {as}",
        "{1} {as} behind {2}, who {bs}",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn come(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let kind = if draws.chance(0.2) { Dribble } else { Walk };
    let length = frames(stage, 2.6, 5.0, draws);
    let walking = (length * 5 / 10).min(28 + draws.below(40));
    let walk = stage.go_and_stop(&[kind], walking, length, draws)?;
    let gap = draws.uniform(0.65, 1.1);
    let first = Part {
        track: put(ending(walk.track), 0.0, [0.0, -gap]),
        phrases: with(&walk.phrases, &[" toward the other", " up to the other"]),
    };
    let (mut second, mut templates) = (
        Part { track: stage.stand(length, draws)?, phrases: standing() },
        vec![
            "{1} walks toward {2}[, who {bs}| while {2} {bs}| and stops in front of them|]",
            "{1} walks up to {2}[| and stops| who {bs}]",
            "{1} approaches {2}[|, who {bs}| and stops]",
            "{1} comes closer to {2}",
            "{2} {bs}[ while| as] {1} walks [toward|towards|up to] them",
            "{1} is walking toward {2}, {2} {bs}",
            "{2} is approached by {1}",
            "{1} walked up to {2}, who {bed}",
            "{1} goes to {2}",
        ],
    );
    if draws.chance(0.75) {
        second.track = put(second.track, PI + draws.uniform(-0.15, 0.15), [draws.uniform(-0.1, 0.1), 0.0]);
    } else {
        // From behind.
        second.track = put(second.track, draws.uniform(-0.2, 0.2), [0.0, 0.0]);
        templates = vec![
            "{1} walks up to {2} from behind",
            "{1} approaches {2} from behind[|, {2} {bs}]",
            "{1} comes up behind {2}[|, who {bs}]",
            "{2} {bs} while {1} walks up behind them",
            "{1} walks toward the back of {2}",
            "{1} walks up behind {2} and stops",
            "{2} is approached from behind",
        ];
    }
    Some(Staged { parts: [first, second], templates })
}

fn leave(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.4, 4.5, draws);
    let walk = stage.stand_and_go(WALKS, 10 + draws.below(25), length, draws)?;
    let gap = draws.uniform(0.7, 1.3);
    let first = Part { track: walk.track, phrases: with(&walk.phrases, &[" away from the other", " away"]) };
    let angle = draws.uniform(-0.2, 0.2);
    let second = Part { track: put(stage.stand(length, draws)?, angle, [0.0, -gap]), phrases: standing() };
    let templates = vec![
        "{1} walks away from {2}[|, who {bs}]",
        "{1} walks away[ while| and] {2} {bs}",
        "{1} leaves {2}[| standing| behind]",
        "{2} {bs}[ while| as] {1} walks away",
        "{1} goes away from {2}",
        "{1} is walking away, {2} {bs}",
        "{1} turns their back on {2} and walks away",
        "{2} watches {1} walk away",
        "{1} walked away from {2}",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn approach(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.3, 3.8, draws);
    let walking = (length * 5 / 10).min(22 + draws.below(30));
    let stops = draws.chance(0.7);
    let mut make = || {
        if stops {
            stage.go_and_stop(WALKS, walking, length, draws)
        } else {
            stage.go(WALKS, length.min(stage.least() + 12), draws)
        }
    };
    let (a, b) = (make()?, make()?);
    let gap = draws.uniform(0.7, 1.3);
    let first = Part {
        track: put(ending(a.track), 0.0, [0.0, -gap / 2.0]),
        phrases: with(&a.phrases, &[" toward the other"]),
    };
    let second = Part {
        track: put(ending(b.track), PI, [0.0, gap / 2.0]),
        phrases: with(&b.phrases, &[" toward the other"]),
    };
    let mut templates = vec![
        "{they} walk [toward|towards] each other",
        "{they} approach each other",
        "{they} come closer to each other",
        "{they} are walking toward each other",
        "{1} walks toward {2}[ and| while] {2} walks toward {1}",
        "{they} walk up to each other",
        "{they} approach one another",
        "{they} go toward each other[| from opposite sides]",
        "{they} walked toward each other",
    ];
    if stops {
        templates.extend([
            "{they} walk toward each other and stop[| face to face]",
            "{they} meet and stop in front of each other",
            "{they} walk up to each other and stand face to face",
            "{they} meet in the middle",
        ]);
    }
    Some(Staged { parts: [first, second], templates })
}

/// Two walkers of about the same speed: the same piece, the second a little out of step.
pub(super) fn pair_of_walks(
    stage: &Stage<'_>,
    kinds: &[Kind],
    length: usize,
    draws: &mut Draws,
) -> Option<[Part; 2]> {
    if draws.chance(0.4) {
        // In step.
        let part = stage.go(kinds, length, draws)?;
        return Some([part.clone(), part]);
    }
    let a = stage.go(kinds, length, draws)?;
    for _ in 0..20 {
        let b = stage.go(kinds, length, draws)?;
        if (end(&a.track)[1] - end(&b.track)[1]).abs() < 0.35 {
            return Some([a, b]);
        }
    }
    None
}

fn together(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.3, 5.0, draws);
    let [first, second] = pair_of_walks(stage, WALKS, length, draws)?;
    let gap = draws.uniform(0.6, 1.2);
    let second = Part { track: put(second.track, 0.0, [gap, draws.uniform(-0.2, 0.2)]), ..second };
    let templates = vec![
        "{they} walk side by side",
        "{they} {a} side by side",
        "{they} are walking next to each other",
        "{they} walk together[| in the same direction| side by side]",
        "{they} take a walk together",
        "{1} walks beside {2}",
        "{they} stroll along next to each other",
        "{they} walk [along|forward] side by side",
        "{they} go for a walk",
        "{they} {a} in the same direction, next to each other",
        "{they} walked side by side",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn follow(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.3, 5.0, draws);
    let [first, second] = pair_of_walks(stage, WALKS, length, draws)?;
    let gap = draws.uniform(1.0, 1.9);
    // The first person is the one behind.
    let second = Part { track: put(second.track, 0.0, [draws.uniform(-0.15, 0.15), gap]), ..second };
    let templates = vec![
        "{1} follows {2}",
        "{1} walks behind {2}",
        "{1} walks after {2}",
        "{they} walk one behind the other",
        "{they} walk in a line[|, one behind the other]",
        "{2} walks ahead [of {1}|and {1} follows|and {1} walks behind]",
        "{2} is followed by {1}",
        "{2} leads and {1} follows",
        "{1} is following {2}",
        "{1} {as} behind {2}",
        "{2} walks in front of {1}",
        "{1} followed {2}",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn apart(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.3, 4.0, draws);
    let stands = draws.chance(0.5);
    let mut make = || {
        if stands {
            stage.stand_and_go(WALKS, 10 + draws.below(15), length, draws)
        } else {
            stage.go(WALKS, length, draws)
        }
    };
    let (a, b) = (make()?, make()?);
    let gap = draws.uniform(0.6, 1.0);
    let first = Part {
        track: put(a.track, 0.0, [0.0, gap / 2.0]),
        phrases: with(&a.phrases, &[" away from the other"]),
    };
    let second = Part {
        track: put(b.track, PI, [0.0, -gap / 2.0]),
        phrases: with(&b.phrases, &[" away from the other"]),
    };
    let templates = vec![
        "{they} walk away from each other",
        "{they} walk apart",
        "{they} separate[| and walk away]",
        "{they} part[| and walk off in opposite directions]",
        "{they} walk in opposite directions",
        "{1} walks away from {2}[ and| while] {2} walks away from {1}",
        "{they} turn their backs on each other and walk away",
        "{they} are walking away from each other",
        "{they} leave each other",
        "{they} go their separate ways",
        "back to back, {they} walk away from each other",
    ];
    Some(Staged { parts: [first, second], templates })
}

fn pass(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 2.4, 4.2, draws);
    let kinds = *draws.choice(&[[Walk, Walk], [Walk, Walk], [Walk, Run], [Run, Run]]);
    let a = stage.go(&kinds[..1], length, draws)?;
    let b = stage.go(&kinds[1..], length, draws)?;
    let side = if draws.chance(0.5) { 1.0 } else { -1.0 } * draws.uniform(0.55, 0.9);
    let whole = end(&a.track)[1] + end(&b.track)[1];
    // They meet near the middle of the clip.
    let gap = whole * draws.uniform(0.4, 0.6);
    let first =
        Part { track: a.track, phrases: with(&a.phrases, &[" past the other", " past the other person"]) };
    let second = Part {
        track: put(b.track, PI, [side, gap]),
        phrases: with(&b.phrases, &[" past the other", " past the other person"]),
    };
    let mut templates = vec![
        "{they} [pass|go past|move past] each other",
        "{they} cross paths[| and go on]",
        "{they} come toward each other and pass by",
        "{1} {as}, {2} {bs}",
        "{they} pass each other without stopping",
        "{1} passes {2}",
        "{they} meet and go past each other",
    ];
    if kinds == [Walk, Walk] {
        templates.extend([
            "{they} walk past each other",
            "{they} walk by each other",
            "{1} walks past {2}",
            "{they} are walking past each other",
        ]);
    } else if kinds == [Run, Run] {
        templates.extend(["{they} run past each other", "{they} are running past each other"]);
    } else {
        templates.extend(["{1} walks while {2} runs past [them|{1}]", "{2} runs past {1}, who is walking"]);
    }
    Some(Staged { parts: [first, second], templates })
}

fn circle(stage: &Stage<'_>, draws: &mut Draws) -> Option<Staged> {
    let length = frames(stage, 3.0, 6.5, draws);
    let [first, second] = pair_of_walks(stage, WALKS, length, draws)?;
    let left = draws.chance(0.5);
    let radius = draws.uniform(0.8, 1.5) * if left { 1.0 } else { -1.0 };
    // Opposite points of one circle: the second person's is turned by half a turn about its centre at (radius, 0).
    let a = bend(&first.track, radius);
    let b = put(bend(&second.track, radius), PI, [2.0 * radius, 0.0]);
    let mut templates = vec![
        "{they} circle each other",
        "{they} walk in a circle[| around each other]",
        "{they} walk around each other",
        "{they} walk [round|around] in a circle",
        "{they} are circling each other",
        "{they} circle around each other",
        "{they} go around in a circle",
        "{they} move in a circle around each other",
    ];
    // Seen from above, a bend to the left goes counterclockwise.
    templates.extend(if left {
        [
            "{they} circle each other counterclockwise",
            "{they} walk in a circle to the left",
            "{they} walk around each other counterclockwise",
        ]
    } else {
        [
            "{they} circle each other clockwise",
            "{they} walk in a circle to the right",
            "{they} walk around each other clockwise",
        ]
    });
    let way = if left {
        [" in a circle", " in a circle to the left"]
    } else {
        [" in a circle", " in a circle to the right"]
    };
    let parts = [
        Part { track: a, phrases: with(&first.phrases, &way) },
        Part { track: b, phrases: with(&second.phrases, &way) },
    ];
    Some(Staged { parts, templates })
}
