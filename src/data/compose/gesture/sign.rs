//! What one person shows with arms or body, and the scenes it makes: one acts and the other watches, both do, each does
//! something of their own, one thing after the other, on coming, on leaving, or while walking.

use super::chain::Subject;
use super::pose::Hand;
use super::score::Part;
use super::stage::{Deed, Stage};
use super::timing::Span;
use super::words::all_sided;
use crate::data::compose::draws::Draws;
use crate::data::compose::families::templates::{ABREAST, DIFFERENT, FACING, THEN, UNISON, WATCH, WATCHING};
use crate::data::compose::scene::Scene;
use std::f64::consts::PI;

/// A sign: how it is laid, for how long it is held, what it is called.
#[derive(Clone, Copy)]
pub struct Sign {
    /// Of which family it is.
    pub family: &'static str,
    /// Base forms with marked verbs; `{h}` is the side of the hand or leg.
    pub phrases: &'static [&'static str],
    /// What people type who leave out who does it.
    pub short: &'static [&'static str],
    /// Lays it on a part: the side, and when.
    pub lay: fn(&mut Part, Hand, Span),
    /// Shortest and longest hold, seconds.
    pub hold: [f64; 2],
    /// Whether it can be done while walking.
    pub walking: bool,
    /// Whether it is kept while something else is done.
    pub posture: bool,
}

/// What a sign is called, sides said. What is aimed at the other is shown forward only by people who face each other.
fn called(sign: &Sign, side: Hand, abreast: bool) -> Vec<String> {
    let mut phrases = all_sided(sign.phrases, side);
    if abreast && phrases.iter().any(|phrase| phrase.contains("at the other")) {
        phrases.retain(|phrase| !["forward", "ahead"].iter().any(|way| phrase.contains(way)));
    }
    phrases
}

fn waiting() -> Vec<String> {
    WATCHING.iter().map(|&phrase| phrase.to_owned()).collect()
}

/// When a sign that begins at `from` happens, and when the scene may end: people often keep a posture.
fn span(sign: &Sign, from: f64, stage: &mut Stage) -> (Span, f64) {
    let [low, high] = sign.hold;
    let (rise, fall) = (stage.draws.uniform(0.55, 0.85) * stage.slow, stage.draws.uniform(0.6, 0.95));
    let slower = if sign.posture { 1.5 } else { 1.0 };
    let when = Span { from, rise: slower * rise, hold: stage.draws.uniform(low, high), fall: slower * fall };
    if sign.posture && stage.draws.chance(0.75) {
        (Span { hold: 60.0, ..when }, when.there() + when.hold)
    } else {
        (when, when.end())
    }
}

/// Families of signs that people often ask for beside another.
const OFTEN: &[&str] = &[
    "wave",
    "clap",
    "raise-arms",
    "cross-arms",
    "hands-on-hips",
    "point",
    "bow",
    "kneel",
    "sit",
    "laugh",
    "jump",
    "dance-free",
];
/// What somebody can do and have the hands free, and the share of its scenes in which the hands do something.
const FREE: &[&str] = &["bow", "kneel", "sit"];
const HANDS_BUSY: f64 = 0.2;

/// A scene around one of these signs; the other may show another of them all meanwhile.
pub fn scene(signs: &[&Sign], stage: &mut Stage) -> Scene {
    let sign = *signs[stage.draws.below(signs.len())];
    let walk = if sign.walking { 0.12 } else { 0.0 };
    let free = FREE.contains(&sign.family);
    let busy = match (free, of_body(&sign)) {
        (true, _) => HANDS_BUSY,
        (_, false) => 0.05,
        (_, true) => 0.0,
    };
    match stage.draws.weighted(&[0.27, 0.16, 0.06, 0.3, 0.1, 0.1, walk, busy]) {
        0 => shown(&sign, stage),
        1 => both(&sign, 0.0, stage),
        2 => {
            let late = stage.draws.uniform(0.5, 1.1);
            both(&sign, late, stage)
        }
        3 => {
            let other = other_than(&sign, stage.draws, |_| true);
            pair(&sign, other, stage)
        }
        4 => {
            // Two signs of one body do not go together.
            let other = other_than(&sign, stage.draws, |other| !(of_body(&sign) && of_body(other)));
            then(&sign, other, stage)
        }
        5 => met(&sign, stage),
        6 => walked(&sign, stage),
        _ if free => {
            let hand = other_than(&sign, stage.draws, |other| !of_body(other));
            at_once(&sign, hand, stage)
        }
        _ => {
            let body = other_than(&sign, stage.draws, |other| FREE.contains(&other.family));
            at_once(body, &sign, stage)
        }
    }
}

/// Whether a sign is of the whole body, not of hands alone.
fn of_body(sign: &Sign) -> bool {
    super::signs::SIGNS.iter().all(|other| other.family != sign.family)
}

/// A sign of another family that `fits`, most often one that people ask for.
fn other_than(sign: &Sign, draws: &mut Draws, fits: impl Fn(&Sign) -> bool) -> &'static Sign {
    let others: Vec<&Sign> =
        super::signs().filter(|other| other.family != sign.family && fits(other)).collect();
    let often: Vec<&Sign> = others.iter().copied().filter(|other| OFTEN.contains(&other.family)).collect();
    let list = if !often.is_empty() && draws.chance(0.75) { &often } else { &others };
    list[draws.below(list.len())]
}

/// Opposite each other, which is what people mean who say nothing of it, or side by side, which is always said. True where side by side.
fn placed(stage: &mut Stage) -> bool {
    let abreast = stage.draws.chance(0.15);
    if abreast {
        let half = 0.5 * stage.draws.uniform(0.8, 1.4) * if stage.draws.chance(0.5) { 1.0 } else { -1.0 };
        for (who, x) in [(0, -half), (1, half)] {
            let turn = stage.draws.uniform(-0.15, 0.15);
            stage.put(who, super::path::Place { x, z: 0.0, turn });
        }
    } else {
        opposite(stage);
    }
    stage.abreast = abreast;
    abreast
}

fn opposite(stage: &mut Stage) {
    let (far, aside) = (stage.draws.uniform(0.9, 2.4), stage.draws.uniform(-0.2, 0.2));
    stage.apart(far, aside);
}

/// One acts, the other watches.
fn shown(sign: &Sign, stage: &mut Stage) -> Scene {
    let abreast = placed(stage);
    let from = stage.draws.uniform(0.05, 0.6);
    let (when, end) = span(sign, from, stage);
    let more = stage.draws.uniform(0.1, 0.6);
    stage.stay_until(end + more);
    let mut parts = stage.parts();
    (sign.lay)(&mut parts[0], stage.side, when);
    let mut templates: Vec<&str> = if abreast { BESIDE.to_vec() } else { WATCH.to_vec() };
    if !abreast {
        templates.extend(sign.short);
        templates.extend(["{1} {as}", "{1} is {aing}", "{1} {as}"]);
    }
    stage.told_by(sign.family, &parts, &templates, [called(sign, stage.side, abreast), waiting()])
}

const BESIDE: &[&str] = &[
    "{1} {as} next to {2}",
    "{1} {as} while {2} stands beside them",
    "{they} stand side by side and {1} {as}",
    "beside {2}, {1} {as}",
];

/// Both do it with the same hand, the second a little `late`.
fn both(sign: &Sign, late: f64, stage: &mut Stage) -> Scene {
    let abreast = late <= 0.0 && placed(stage);
    if late > 0.0 {
        opposite(stage);
    }
    let from = stage.draws.uniform(0.05, 0.5);
    let (when, end) = span(sign, from, stage);
    let more = stage.draws.uniform(0.1, 0.5);
    let lag = if late > 0.0 { late } else { stage.draws.uniform(0.0, 0.15) };
    stage.stay_until(end + lag + more);
    let mut parts = stage.parts();
    (sign.lay)(&mut parts[0], stage.side, when);
    (sign.lay)(&mut parts[1], stage.side, Span { from: from + lag, ..when });
    let mut templates: Vec<&str> = if late > 0.0 {
        vec![
            "{1} {as} and {2} [does the same|answers in kind|copies it|follows]",
            "{1} {as}, then {2} {bs}[| too| as well]",
            "first {1} {as}, then {2} does the same",
            "{2} [copies|imitates|answers] {1}, who {as}",
            "{they} {a}, one after the other",
            "one after the other, {they} {a}",
        ]
    } else if abreast {
        ABREAST.to_vec()
    } else {
        let short = sign.short.iter().copied().filter(|text| text.starts_with('['));
        [UNISON, FACING, &["{they} {a}", "{they} are {aing}"]].concat().into_iter().chain(short).collect()
    };
    if late > 0.0 {
        templates.push("{1} {as} at {2}, who {bs}[ back| in return|]");
    }
    let does = called(sign, stage.side, abreast);
    stage.told_by(sign.family, &parts, &templates, [does.clone(), does])
}

/// Each does something else at about the same time.
fn pair(sign: &Sign, other: &Sign, stage: &mut Stage) -> Scene {
    opposite(stage);
    let theirs = if stage.draws.chance(0.5) { Hand::Left } else { Hand::Right };
    let from = [stage.draws.uniform(0.05, 0.4), stage.draws.uniform(0.05, 0.6)];
    let when = [span(sign, from[0], stage), span(other, from[1], stage)];
    stage.stay_until(when[0].1.max(when[1].1) + 0.2);
    let mut parts = stage.parts();
    (sign.lay)(&mut parts[0], stage.side, when[0].0);
    (other.lay)(&mut parts[1], theirs, when[1].0);
    let does = [called(sign, stage.side, false), called(other, theirs, false)];
    let mut templates = DIFFERENT.to_vec();
    if [sign.family, other.family] == ["dance-free", "clap"] {
        templates.push("{1} dances while {2} claps along");
    }
    stage.told_by(sign.family, &parts, &templates, does)
}

/// One does one thing and then another; the other watches.
fn then(sign: &Sign, other: &Sign, stage: &mut Stage) -> Scene {
    opposite(stage);
    let side = stage.side;
    let start = stage.draws.uniform(0.05, 0.3);
    let [first, second] = if stage.draws.chance(0.5) { [sign, other] } else { [other, sign] };
    let (earlier, _) = span(first, start, stage);
    let kept = first.posture;
    let earlier = Span { hold: if kept { 60.0 } else { earlier.hold.min(1.2) }, ..earlier };
    let next = if kept { earlier.there() + 0.1 } else { earlier.end() - 0.25 };
    let (later, _) = span(second, next, stage);
    let later = Span { hold: later.hold.min(1.6), ..later };
    stage.stay_until(later.end() + 0.2);
    let mut parts = stage.parts();
    (first.lay)(&mut parts[0], side, earlier);
    (second.lay)(&mut parts[0], side, later);
    let mut does = Vec::new();
    for one in called(first, side, false) {
        for next in called(second, side, false) {
            let join = *stage.draws.choice(&[" and then ", " and ", ", then "]);
            does.push(format!("{one}{join}{next}"));
        }
    }
    stage.told_by(sign.family, &parts, THEN, [does, waiting()])
}

/// One does something with the body and something with the hands at the same time; the other watches.
fn at_once(body: &Sign, hands: &Sign, stage: &mut Stage) -> Scene {
    opposite(stage);
    let side = stage.side;
    let from = stage.draws.uniform(0.05, 0.4);
    let (when, end) = span(body, from, stage);
    // A bow waits for the hands.
    let waits = if body.posture { 0.0 } else { stage.draws.uniform(0.9, 1.4) };
    let (when, end) = (Span { hold: when.hold + waits, ..when }, end + waits);
    let held = if body.posture { end - when.there() } else { when.hold };
    let late = stage.draws.uniform(0.0, 0.25);
    let busy = Span { from: from + late, rise: 0.8 * when.rise, hold: held.max(0.6), fall: 0.7 };
    stage.stay_until(end.max(busy.end() - 0.2) + 0.1);
    let mut parts = stage.parts();
    (body.lay)(&mut parts[0], side, when);
    (hands.lay)(&mut parts[0], side, busy);
    let mut does = Vec::new();
    for one in called(body, side, false) {
        for next in called(hands, side, false) {
            does.push(match stage.draws.below(4) {
                0 => format!("{next} and {one}"),
                1 => format!("{one} and at the same time {next}"),
                _ => format!("{one} and {next}"),
            });
        }
    }
    stage.told_by(body.family, &parts, THEN, [does, waiting()])
}

/// On coming, on leaving or both; by one or by both.
fn met(sign: &Sign, stage: &mut Stage) -> Scene {
    let (far, side) = (stage.draws.uniform(0.9, 1.7), stage.side);
    stage.apart(far, 0.0);
    let come = match stage.draws.below(4) {
        0 => None,
        1 => Some(Subject::They),
        2 => Some(Subject::First),
        _ => Some(Subject::Second),
    };
    let settled = stage.arrive_as(come);
    let (when, _) = span(sign, settled, stage);
    let when = Span { hold: when.hold.min(1.7), ..when };
    let together = stage.draws.chance(0.4);
    if come.is_none() || stage.draws.chance(0.3) {
        stage.stay_until(if sign.posture { when.end() } else { when.end() - 0.5 });
        stage.go();
    }
    stage.stay_until(when.end() + 0.1);
    let mut parts = stage.parts();
    (sign.lay)(&mut parts[0], side, when);
    if together {
        (sign.lay)(&mut parts[1], side, Span { from: when.from + 0.12, ..when });
    }
    let deed = if together {
        Deed { they: sign.phrases, ..Deed::default() }
    } else {
        Deed { first: sign.phrases, ..Deed::default() }
    };
    let does = called(sign, side, false);
    let alone = [does.clone(), if together { does } else { waiting() }];
    stage.told_chained(sign.family, &parts, deed, alone)
}

/// While one walks, or both.
fn walked(sign: &Sign, stage: &mut Stage) -> Scene {
    let seconds = stage.draws.uniform(2.6, 4.0);
    let side = stage.side;
    let way = stage.draws.below(4);
    let gap = stage.draws.uniform(0.75, 1.2) * if stage.draws.chance(0.5) { 1.0 } else { -1.0 };
    let left_of = gap > 0.0;
    let far = stage.draws.uniform(1.4, 2.4);
    // Who walks, and who shows the sign: 0 both walk and the first shows it; 1 the walker shows it; 2, 3 the other does.
    match way {
        0 => {
            let walk = stage.a_walk();
            for (who, x) in [(0, gap), (1, 0.0)] {
                stage.put(who, super::path::Place { x, z: 0.0, turn: 0.0 });
                stage.walk_on(who, &walk, seconds);
            }
        }
        _ => {
            let walker = usize::from(way > 1);
            let walk = stage.a_walk();
            stage.put(walker, super::path::Place { x: gap, z: -far, turn: 0.0 });
            let turn = PI + stage.draws.uniform(-0.2, 0.2);
            stage.put(1 - walker, super::path::Place { x: 0.0, z: 0.3, turn });
            stage.walk_on(walker, &walk, seconds);
            stage.stay_until(seconds);
        }
    }
    let when = Span { from: 0.15, rise: 0.6, hold: seconds - 1.3, fall: 0.7 };
    let mut parts = stage.parts();
    (sign.lay)(&mut parts[0], side, when);
    let does = called(sign, side, way == 0);
    let walks: Vec<String> = ["~walk", "~walk past", "~walk by", "~keep walking"].map(str::to_owned).to_vec();
    match way {
        0 => {
            let mut templates = vec![
                "{they} walk side by side and {1} {as}",
                "{they} walk together[ while|,] {1} {as}",
                "{1} {as} while {they} walk side by side",
                "walking next to {2}, {1} {as}",
                "{1} walks beside {2} and {as}",
            ];
            templates.extend(if left_of {
                [
                    "{they} walk side by side and the one on the left {as}",
                    "{they} walk next to each other, the person on the left {as}",
                    "{1} walks on the left of {2} and {as}",
                ]
            } else {
                [
                    "{they} walk side by side and the one on the right {as}",
                    "{they} walk next to each other, the person on the right {as}",
                    "{1} walks on the right of {2} and {as}",
                ]
            });
            stage.told_by(sign.family, &parts, &templates, [does, walks])
        }
        1 => {
            let templates = [
                "{1} walks past {2} and {as}",
                "{1} {as} while walking[ by| past {2}|], {2} stands still",
                "{1} walks and {as}, {2} [stands still|watches]",
                "{1} {as} as they walk past {2}",
                "the one who walks {as}, the other [stands still|watches|stands]",
                "{1} {as} at {2} [in passing|while walking past]",
                "while walking, {1} {as}; {2} does not move",
            ];
            stage.told_by(sign.family, &parts, &templates, [does, waiting()])
        }
        _ => {
            let templates = [
                "{2} walks past [and|while] {1} {as}",
                "{1} {as}[ while| as] {2} walks [by|past]",
                "{1} stands and {as} while {2} [is walking|walks]",
                "{1} {as} at {2}, who walks [past|by]",
                "{2} walks past {1}, who stands and {as}",
                "the one who stands {as}, the other walks",
            ];
            stage.told_by(sign.family, &parts, &templates, [does, walks])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{bodies, pose::heading, signs, tests::MadeUp};
    use super::*;
    use crate::motion::vector::{norm, sub};
    use crate::rng::CounterRng;

    #[test]
    fn a_named_hand_is_the_one_that_moves() {
        for (at, sign) in signs::SIGNS.iter().enumerate() {
            if !sign.phrases.iter().all(|phrase| phrase.contains("{h}") || !phrase.contains("hand"))
                || !sign.phrases[0].contains("{h}")
            {
                continue;
            }
            for seed in 0..6 {
                let mut draws = Draws::new(CounterRng::new(seed, "sign").nth(at as u64));
                let mut stage = Stage::facing(&MadeUp, &mut draws);
                let side = stage.side;
                let scene = shown(sign, &mut stage);
                let travel = |hand: Hand| -> f64 {
                    let way = scene.tracks[0].windows(2);
                    way.map(|w| norm(sub(sub(w[1][hand.wrist()], w[1][0]), sub(w[0][hand.wrist()], w[0][0]))))
                        .sum()
                };
                let said = scene.facts.captions.join(" ");
                assert!(travel(side) > 2.0 * travel(side.other()), "{}: {said}", sign.family);
                assert!(!said.contains(side.other().word()), "{}: {said}", sign.family);
            }
        }
    }

    #[test]
    fn who_points_at_somebody_beside_them_does_not_point_forward() {
        let point = &signs::SIGNS[1];
        assert!(point.phrases[0].contains("forward"), "the sign that is aimed at the other");
        let mut forward = [0; 2];
        for seed in 0..120 {
            let mut draws = Draws::new(CounterRng::new(seed, "point"));
            let mut stage = Stage::facing(&MadeUp, &mut draws);
            let scene = if seed % 2 == 0 { shown(point, &mut stage) } else { both(point, 0.0, &mut stage) };
            let [first, second] = scene.tracks.each_ref().map(|track| heading(&track[0]));
            let abreast = (first - second).cos() > 0.0;
            let said = [scene.facts.captions, scene.facts.persons.concat()].concat().join(" ");
            forward[usize::from(abreast)] +=
                usize::from(["forward", "ahead"].iter().any(|way| said.contains(way)));
        }
        assert!(forward[0] > 20 && forward[1] == 0, "{forward:?}");
    }

    #[test]
    fn who_sits_stays_low() {
        let sit = bodies::SIGNS.iter().find(|sign| sign.family == "sit").unwrap();
        for seed in 0..6 {
            let mut draws = Draws::new(CounterRng::new(seed, "sit"));
            let scene = shown(sit, &mut Stage::facing(&MadeUp, &mut draws));
            let heights: Vec<f64> = scene.tracks[0].iter().map(|pose| pose[0][1]).collect();
            let lowest = heights.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(heights[0] - lowest > 0.3, "sinks by {}", heights[0] - lowest);
        }
    }
}
