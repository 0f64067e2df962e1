//! Hands on the other: hug, pat, push, whisper.

use super::chain::Subject;
use super::path::Place;
use super::pose::Hand;
use super::score::Torso;
use super::stage::{Deed, Stage, lean_in};
use super::timing::Span;
use crate::data::compose::scene::Scene;
use crate::motion::vector::add;
use std::f64::consts::TAU;

/// Step together, arms around each other, step apart.
pub fn hug(stage: &mut Stage) -> Scene {
    let high = stage.side;
    // Chests end a hand's breadth short of touching: joints are inside of bodies. Bending brings each 5 cm nearer.
    let between = stage.draws.uniform(0.2, 0.26);
    let ahead = |joint: usize| stage.usual(0, joint)[2] + stage.usual(1, joint)[2];
    let near = (ahead(9) + between + 0.1).max(stage.clear(0, 0.2)).max(stage.clear(9, 0.24));
    let far = near + stage.draws.uniform(0.55, 0.95);
    stage.apart(far, 0.0);
    stage.arrive();
    let come = 1.0 * stage.slow;
    let start = stage.now();
    let both = stage.draws.chance(0.6);
    for who in 0..2 {
        if both {
            stage.step(who, [0.0, 0.5 * (far - near)], 0.0, come);
        } else if who == 0 {
            stage.step(who, [0.0, far - near], 0.0, come + 0.4);
        }
    }
    let close = stage.now();
    let hold = stage.draws.uniform(1.0, 3.0);
    stage.stay_until(close + 0.3 + hold + 0.3);
    let lets_go = stage.draws.chance(0.7);
    if lets_go {
        stage.let_go(both);
        let end = stage.now().max(close + hold + 1.2);
        stage.stay_until(end);
    }
    let rub = stage.draws.uniform(0.0, 0.04);
    let mut parts = stage.parts();
    for part in &mut parts {
        let open = Span { from: start + 0.2, rise: close - start - 0.2, hold: 0.0, fall: 0.5 };
        let around = Span::meeting(close + 0.3, 0.7, hold, 0.8);
        part.bend(around, Torso { bend: 0.14, lean: -0.06 * high.sign(), nod: 0.15, ..Torso::default() });
        for mine in Hand::BOTH {
            // First the arms open, then they close around the other's back.
            part.reach_with(mine, open, [1.0, -0.6, -0.3], move |view| {
                add(view.own(mine.shoulder()), view.mine([0.18 * mine.sign(), -0.12, 0.3]))
            });
            let up = if mine == high { 0.14 } else { -0.1 };
            part.reach_with(mine, around, [1.0, -0.5, 0.2], move |view| {
                let slide = rub * (view.time * 3.0).sin();
                add(view.theirs(9), view.their_way([-0.05 * mine.sign(), up + slide, -0.14]))
            });
        }
    }
    stage.chained(
        "hug",
        &parts,
        Deed {
            they: &[
                "~hug",
                "~embrace",
                "~hug each other",
                "~embrace each other",
                "~give each other a hug",
                "~put their arms around each other",
                "~share a hug",
            ],
            first: &["~hug {2}", "~embrace {2}", "~give {2} a hug", "~put both arms around {2}"],
            second: &[],
        },
        &[
            "{they} [hug|embrace|hug each other|embrace each other|are hugging]",
            "{1} [steps|comes] up to {2} and they [hug|embrace]",
            "{1} and {2} [hug|embrace] [warmly|for a moment|tightly|]",
            "{they} put their arms around each other",
            "{they} give each other a [big|long|warm|] hug",
            "{they} wrap their arms around each other, {h} arm above",
            "{1} hugs {2}, the {h} arm over the shoulder and the {o} arm around the back",
            "{1} [hugs|embraces|gives a hug to] {2}",
            "{2} is [hugged|embraced] by {1}",
            "[hug|a hug|hugging|hugging each other|an embrace|give each other a hug]",
            "{they} [hold each other|are in each other's arms|comfort each other with a hug]",
        ],
        [
            &["a person hugs someone with both arms", "{1} puts both arms around someone"],
            &["a person hugs someone with both arms", "{1} is embraced and hugs back"],
        ],
    )
}

/// Pat the other's shoulder, head or chest with a named hand.
pub fn pat(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let place = stage.draws.below(3);
    let (above, height) = [(0.58, 0.07), (0.72, 0.12), (0.38, 0.0)][place];
    let stretch = stage.draws.uniform(0.8, 0.92);
    let distance = stage.touch_distance(hand, above, stretch).max(stage.clear(0, 0.34));

    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let (rate, pats) = (stage.draws.uniform(1.8, 2.8), 2 + stage.draws.below(3));
    let at = settled + 0.8 * stage.slow;
    let hold = pats as f64 / rate + 0.1;
    stage.stay_until(at + hold + 0.5);
    stage.leave();
    stage.stay_until(at + hold + 0.95);
    let mut parts = stage.parts();
    let when = Span::meeting(at, 0.7 * stage.slow, hold, 0.8);
    lean_in(&mut parts[0], when, 0.1, -0.2 * hand.sign());
    let bounce = move |time: f64| 0.05 * (TAU * 0.5 * rate * (time - at)).sin().powi(2);
    parts[0].reach_with(hand, when, [0.8, -1.0, 0.0], move |view| {
        let joint = match place {
            0 => hand.other().shoulder(),
            1 => 15,
            _ => 9,
        };
        let at = add(view.theirs(joint), view.their_way([0.0, height, if place == 2 { 0.1 } else { 0.05 }]));
        add(at, [0.0, bounce(view.time), 0.0])
    });
    let nod = Torso { bend: 0.03, nod: 0.08, ..Torso::default() };
    parts[1].bend(Span { from: at, rise: 0.2, hold: hold - 0.2, fall: 0.4 }, nod);
    let [shoulder, head, chest]: [&[&str]; 3] = [
        &[
            "{1} [pats|taps] {2} on the {o} shoulder with the {h} hand",
            "{1} [puts|lays] the {h} hand on {2}'s shoulder and pats it",
            "{2} is [patted|tapped] on the shoulder by {1}",
            "{1} [reaches out|stretches out the {h} arm] and pats {2} on the shoulder",
            "{1} [comforts|encourages|reassures] {2} with a pat on the shoulder, using the {h} hand",
            "one pats the other's shoulder with the {h} hand",
        ],
        &[
            "{1} [pats|taps|strokes] {2} on the head with the {h} hand",
            "{1} [puts|lays] the {h} hand on {2}'s head and pats it",
            "{2} is patted on the head by {1}",
            "{1} reaches up and pats {2}'s head with the {h} hand",
            "one pats the other's head with the {h} hand",
            "with the {h} hand {1} gives {2} a pat on the head",
        ],
        &[
            "{1} [pats|taps] {2} on the chest with the {h} hand",
            "{1} [puts|lays] the {h} hand on {2}'s chest and pats it",
            "{2} is [patted|tapped] on the chest by {1}",
            "{1} reaches out with the {h} hand and [taps|pats] {2}'s chest",
            "one taps the other's chest with the {h} hand",
            "with the {h} hand {1} pats {2} on the chest",
        ],
    ];
    let pair = [shoulder, head, chest][place];
    let deed = [
        &["~pat {2} on the shoulder", "~pat {2} on the shoulder with the {h} hand", "~tap {2}'s shoulder"][..],
        &["~pat {2} on the head", "~pat {2}'s head with the {h} hand"],
        &["~tap {2} on the chest", "~pat {2} on the chest with the {h} hand"],
    ][place];
    stage.chained("pat", &parts, Deed { first: deed, ..Deed::default() }, pair, PATS)
}

/// What the two of a pat do, each alone.
const PATS: [&[&str]; 2] = [
    &["a person pats someone with the {h} hand", "{1} reaches out and taps with the {h} hand"],
    &["a person stands and is patted", "{1} stands still while being patted"],
];

/// Come from behind, or stand there, and pat the other's shoulder or back.
pub fn pat_from_behind(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let shoulder = stage.draws.chance(0.5);
    let above = if shoulder { 0.5 } else { 0.34 };
    let stretch = stage.draws.uniform(0.78, 0.9);
    // Seen from behind, the other's chest is farther by as much as it is before their feet.
    let distance = stage.touch_distance(hand, above, stretch) - 2.0 * stage.usual(1, 9)[2] + 0.1;
    stage.apart(distance, 0.0);
    let turn = stage.draws.uniform(-0.2, 0.2);
    stage.put(1, Place { x: 0.0, z: 0.5 * distance, turn });
    let comes = stage.draws.chance(0.5).then_some(Subject::First);
    let settled = stage.arrive_as(comes);
    let (rate, pats) = (stage.draws.uniform(1.8, 2.8), 2 + stage.draws.below(3));
    let at = settled + 0.8 * stage.slow;
    let hold = pats as f64 / rate + 0.1;
    stage.stay_until(at + hold + 1.3);
    let mut parts = stage.parts();
    let when = Span::meeting(at, 0.7 * stage.slow, hold, 0.8);
    lean_in(&mut parts[0], when, 0.12, -0.2 * hand.sign());
    parts[0].reach_with(hand, when, [0.8, -1.0, 0.0], move |view| {
        // Both face the same way: the shoulder on the side of the hand.
        let (joint, offset) =
            if shoulder { (hand.shoulder(), [0.0, 0.06, -0.05]) } else { (9, [0.0, 0.06, -0.13]) };
        let bounce = 0.04 * (TAU * 0.5 * rate * (view.time - at)).sin().powi(2);
        add(view.theirs(joint), view.their_way([offset[0], offset[1], offset[2] - bounce]))
    });
    parts[1].bend(
        Span { from: at, rise: 0.2, hold, fall: 0.5 },
        Torso { bend: 0.04, nod: 0.06, ..Torso::default() },
    );
    let (deed, pair): (&[&str], &[&str]) = if shoulder {
        (
            &[
                "~tap {2} on the shoulder from behind",
                "~pat {2}'s {h} shoulder from behind",
                "~tap {2} on the {h} shoulder",
            ],
            &[
                "{1} [taps|pats] {2} on the {h} shoulder from behind",
                "from behind, {1} [taps|pats] {2} on the shoulder [with the {h} hand|]",
                "{2} is [tapped|patted] on the shoulder from behind",
                "{1} stands behind {2} and pats {2}'s shoulder with the {h} hand",
                "{1} [puts|lays] the {h} hand on {2}'s shoulder from behind",
                "[tap on the shoulder from behind|a pat on the shoulder from behind]",
            ],
        )
    } else {
        (
            &["~pat {2} on the back", "~pat {2}'s back with the {h} hand", "~slap {2} on the back"],
            &[
                "{1} [pats|slaps|taps] {2} on the back [with the {h} hand|]",
                "{1} gives {2} a pat on the back [with the {h} hand|]",
                "{2} is [patted|slapped] on the back by {1}",
                "{1} stands behind {2} and pats {2}'s back with the {h} hand",
                "from behind, {1} pats {2} on the back",
                "[pat on the back|a slap on the back|patting someone on the back]",
            ],
        )
    };
    stage.chained("pat", &parts, Deed { first: deed, ..Deed::default() }, pair, PATS)
}

/// Lean to the other's ear, a hand at the mouth, and whisper.
pub fn whisper(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    // The outer hand hides the mouth; the ear is on the other side of it.
    let between = stage.draws.uniform(0.06, 0.12);
    let heads = stage.usual(0, 15)[2] + 0.8 * stage.usual(1, 15)[2] + between + 0.14;
    let gap = heads.max(stage.clear(0, 0.2));
    let aside = 0.22 * hand.sign();
    stage.apart(gap, 0.0);
    let turned = hand.sign() * stage.draws.uniform(0.3, 0.7);
    stage.put(0, Place { x: aside, z: -0.5 * gap, turn: 0.0 });
    stage.put(1, Place { x: 0.0, z: 0.5 * gap, turn: std::f64::consts::PI + turned });
    let comes = stage.draws.chance(0.4).then_some(Subject::First);
    let settled = stage.arrive_as(comes);
    let hold = stage.draws.uniform(1.3, 2.6);
    let when = Span { from: settled, rise: 0.75 * stage.slow, hold, fall: 0.8 };
    stage.stay_until(when.end() + 0.2);
    let mut parts = stage.parts();
    let rate = stage.draws.uniform(1.2, 2.0);
    parts[0].sway(when, move |t| Torso {
        bend: 0.2 + 0.015 * (TAU * rate * t).sin(),
        lean: -0.05 * hand.sign(),
        ..Torso::default()
    });
    parts[0].reach_with(hand, when.led(-0.05), [0.9, -0.9, 0.1], move |view| {
        add(view.own(15), view.mine([0.07 * hand.sign(), -0.05, 0.13]))
    });
    parts[1]
        .bend(when.led(-0.2), Torso { bend: 0.06, lean: -0.04 * hand.sign(), nod: 0.05, ..Torso::default() });
    stage.chained(
        "whisper",
        &parts,
        Deed {
            first: &[
                "~whisper something to {2}",
                "~whisper in {2}'s ear",
                "~whisper into {2}'s ear with the {h} hand at the mouth",
                "~tell {2} a secret",
            ],
            ..Deed::default()
        },
        &[
            "{1} whispers [something|] [in|into] {2}'s ear",
            "{1} whispers to {2}[|, the {h} hand at the mouth]",
            "{1} [leans in|leans over|bends forward] and whispers to {2}",
            "{1} tells {2} a secret[|, holding the {h} hand to the mouth]",
            "{2} listens [while|as] {1} whispers [in|into] their ear",
            "{1} is whispering [something|] to {2}",
            "{1} covers the mouth with the {h} hand and whispers to {2}",
            "[whisper|whispering|whispering a secret|whisper in the ear|telling a secret]",
            "{1} speaks quietly into {2}'s ear",
        ],
        [
            &[
                "a person leans in and whispers with the {h} hand at the mouth",
                "{1} whispers in someone's ear",
            ],
            &["a person listens to a whisper", "{1} stands and listens"],
        ],
    )
}

/// Push with both hands; the other staggers back.
pub fn push(stage: &mut Stage) -> Scene {
    let hard = stage.draws.uniform(0.4, 1.0);
    let distance = stage.touch_distance(Hand::Right, 0.38, 0.9) + 0.16;
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let at = settled + 0.75 * stage.slow;
    stage.stay_until(at);
    stage.step(1, [0.0, -(0.35 + 0.5 * hard)], 0.0, 0.55 + 0.4 * hard);
    let end = stage.now() + 0.5;
    stage.stay_until(end);
    let mut parts = stage.parts();
    // Hands come up to the chest, then shoot forward.
    let ready = Span::meeting(at - 0.22, 0.5 * stage.slow, 0.1, 0.3);
    let shove = Span { from: at - 0.25, rise: 0.25, hold: 0.12, fall: 0.6 };
    parts[0].bend(shove.led(0.05), Torso { bend: 0.26, shift: [0.0, -0.02, 0.08], ..Torso::default() });
    for hand in Hand::BOTH {
        parts[0].reach_with(hand, ready, [0.8, -0.8, -0.6], move |view| {
            add(view.own(9), view.mine([0.13 * hand.sign(), 0.08, 0.24]))
        });
        parts[0].reach_with(hand, shove, [0.9, -0.7, 0.0], move |view| {
            // The hands follow the chest only as far as arms go.
            add(view.theirs(9), view.their_way([-0.1 * hand.sign(), 0.08, 0.05]))
        });
        // The pushed one's arms fly up a little.
        let fly = Span { from: at + 0.05, rise: 0.3, hold: 0.1, fall: 0.7 };
        parts[1].reach_with(hand, fly, [1.0, -0.8, -0.5], move |view| {
            add(view.own(hand.shoulder()), view.mine([0.15 * hand.sign(), -0.22, 0.34]))
        });
    }
    let knocked = Torso { bend: -0.22 * hard, nod: 0.15, ..Torso::default() };
    parts[1].bend(Span { from: at - 0.04, rise: 0.25, hold: 0.1, fall: 0.7 }, knocked);
    stage.chained(
        "push",
        &parts,
        Deed {
            first: &[
                "~push {2}",
                "~push {2} back",
                "~shove {2} back",
                "~push {2} with both hands",
                "~shove {2}",
            ],
            second: &["~get pushed back by {1}", "~be pushed by {1}", "~stagger back from a push"],
            ..Deed::default()
        },
        &[
            "[push|pushing|shove|push someone back|a push]",
            "{1} is [pushing|shoving] {2} [back|away]",
            "{1} [pushes|shoves] {2} [|back|backward|away] [|with both hands]",
            "{1} pushes {2}, who [staggers|stumbles|steps] back",
            "{2} is [pushed|shoved] by {1} and [staggers|stumbles|steps] back",
            "{1} puts both hands on {2}'s chest and [pushes|shoves]",
            "{2} [staggers|stumbles] backward after a [push|shove] from {1}",
            "one shoves the other [away|backward] with both hands",
            "{they} [quarrel|argue|stand close], then one pushes the other back",
        ],
        [
            &["a person pushes forward with both hands", "{1} shoves someone away with both hands"],
            &["a person is pushed and staggers back", "{1} steps back after a push"],
        ],
    )
}
