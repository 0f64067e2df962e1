//! Hands that meet: handshake, high-five, fist bump; and hands on the other: pat, push, hug, pull.

use super::pose::Hand;
use super::score::Torso;
use super::stage::{Stage, lean_in, palms};
use super::timing::{Span, ease};
use crate::data::compose::scene::Scene;
use crate::motion::vector::add;
use std::f64::consts::TAU;

/// Handshake, either hand, two to four shakes. Wrists end about 10 cm apart.
pub fn handshake(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let (above, stretch) = (stage.draws.uniform(0.1, 0.2), stage.draws.uniform(0.86, 0.95));
    let distance = stage.reach_distance([hand; 2], above, stretch, 0.1);
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let (rise, shakes) = (0.7 * stage.slow, 2 + stage.draws.below(3));
    let (rate, height) = (stage.draws.uniform(1.8, 2.6), stage.draws.uniform(0.03, 0.06));
    let at = settled + rise + 0.1;
    let hold = shakes as f64 / rate + 0.35;
    stage.stay_until(at + hold + 1.1);
    stage.maybe_part();
    let mut parts = stage.parts();
    for (who, part) in parts.iter_mut().enumerate() {
        // The one who answers is a little later.
        let late = if who == stage.actor { 0.0 } else { 0.15 };
        let when = Span::meeting(at, rise - late, hold, 0.8);
        lean_in(part, when, 0.16, -0.12 * hand.sign());
        let bob = move |time: f64| {
            let since = time - at - 0.1;
            let shaking = ease(since / 0.15) * (1.0 - ease((since - shakes as f64 / rate) / 0.2));
            height * shaking * (TAU * rate * since).sin()
        };
        part.reach(hand, when, palms(hand, hand, above, bob));
    }
    stage.scene(
        "handshake",
        &parts,
        &[
            "two people shake [|their] {h} hands",
            "{A} and {B} shake hands with their {h} hands",
            "{A} [offers|extends|holds out] the {h} hand and {B} [shakes it|takes it and shakes it]",
            "{A} shakes hands with {B} using the {h} hand",
            "[the two|they|both people] [greet each other with|exchange] a {h}-handed handshake",
            "{A} greets {B} with a [friendly|firm|short|] handshake, {h} hand in {h} hand",
            "the two [face each other|stand face to face] and shake {h} hands",
            "two people [shake hands|give each other a handshake]",
            "{B} is greeted by {A} with a handshake of the {h} hand",
            "both [reach out|extend their arms], clasp {h} hands and shake them up and down",
        ],
        [
            &["a person shakes hands with the {h} hand", "{A} [holds out|extends] the {h} hand and shakes"],
            &["a person shakes a hand with the {h} hand", "{A} takes an offered hand with the {h} hand"],
        ],
    )
}

/// High-five with left, right or both hands; palms meet at head height.
pub fn high_five(stage: &mut Stage) -> Scene {
    let both = stage.draws.chance(0.3);
    let hand = stage.side;
    let (above, stretch) = (stage.draws.uniform(0.58, 0.7), stage.draws.uniform(0.84, 0.95));
    // Both hands meet their mirror image, one hand its like across.
    let hands = if both { [hand, hand.other()] } else { [hand; 2] };
    let distance = stage.reach_distance(hands, above, stretch, 0.03);
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let at = settled + 0.75 * stage.slow;
    let hold = stage.draws.uniform(0.08, 0.3);
    stage.stay_until(at + hold + 1.0);
    stage.maybe_part();
    let mut parts = stage.parts();
    for part in &mut parts {
        let when = Span::meeting(at, 0.65 * stage.slow, hold, 0.75);
        lean_in(part, when, 0.06, if both { 0.0 } else { -0.15 * hand.sign() });
        for mine in Hand::BOTH.into_iter().filter(|h| both || *h == hand) {
            let theirs = if both { mine.other() } else { mine };
            part.reach_with(mine, when, [0.9, -0.8, 0.0], palms(mine, theirs, above, |_| 0.0));
        }
    }
    if both {
        return stage.scene(
            "high-five",
            &parts,
            &[
                "two people [give each other|do|share] a [double|two-handed] high-five",
                "{A} and {B} high-five with both hands",
                "{A} [raises|lifts] both hands and {B} [claps|slaps] them",
                "[they|the two|both people] raise both arms and clap their palms together",
                "the two [celebrate with|exchange] a high-five of both hands",
                "both lift their hands [over their shoulders|to head height] and high-five each other",
            ],
            [
                &["a person high-fives with both hands", "{A} raises both hands to meet two palms"],
                &["a person high-fives with both hands", "{A} claps both raised palms forward"],
            ],
        );
    }
    stage.scene(
        "high-five",
        &parts,
        &[
            "two people [give each other|do|share] a high-five with their {h} hands",
            "{A} high-fives {B} with the {h} hand",
            "{A} [raises|lifts|puts up] the {h} hand and {B} [slaps|claps|hits] it with the {h} hand",
            "[they|the two|both people] [slap|clap|touch] their raised {h} hands together",
            "{A} gives {B} a [high-five|high five] [using|with] the {h} hand",
            "two people [high-five|high five each other|do a high five]",
            "both raise their {h} arms and their palms meet [in the air|at head height]",
            "the two [celebrate|greet each other] with a {h}-handed high-five",
        ],
        [
            &["a person high-fives with the {h} hand", "{A} raises the {h} hand for a high-five"],
            &["a person high-fives with the {h} hand", "{A} slaps a raised hand with the {h} hand"],
        ],
    )
}

/// Fist bump at chest height.
pub fn fist_bump(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let (above, stretch) = (stage.draws.uniform(0.26, 0.38), stage.draws.uniform(0.85, 0.96));
    let distance = stage.reach_distance([hand; 2], above, stretch, 0.05);
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let at = settled + 0.7 * stage.slow;
    let hold = stage.draws.uniform(0.1, 0.3);
    stage.stay_until(at + hold + 0.9);
    stage.maybe_part();
    let mut parts = stage.parts();
    for part in &mut parts {
        let when = Span::meeting(at, 0.6 * stage.slow, hold, 0.7);
        lean_in(part, when, 0.08, -0.18 * hand.sign());
        part.reach(hand, when, palms(hand, hand, above, |_| 0.0));
    }
    stage.scene(
        "fist bump",
        &parts,
        &[
            "two people [bump|touch] their {h} fists",
            "{A} fist-bumps {B} with the {h} hand",
            "{A} [holds out|extends|offers] the {h} fist and {B} [bumps|knocks|touches] it with the {h} fist",
            "[they|the two|both people] [do|share|exchange] a [fist bump|fist-bump] with their {h} hands",
            "the two greet each other with a {h}-handed fist bump",
            "two people [bump fists|fist bump|give each other a fist bump]",
            "{A} and {B} punch their {h} fists lightly together at chest height",
        ],
        [
            &["a person bumps fists with the {h} hand", "{A} holds out the {h} fist"],
            &["a person bumps fists with the {h} hand", "{A} meets a fist with the {h} fist"],
        ],
    )
}

/// Step together, arms around each other, step apart.
pub fn hug(stage: &mut Stage) -> Scene {
    let high = stage.side;
    let (near, far) = (stage.draws.uniform(0.3, 0.36), stage.draws.uniform(0.9, 1.3));
    stage.apart(far, 0.0);
    stage.arrive();
    let come = 1.0 * stage.slow;
    let start = stage.now();
    let both = stage.draws.chance(0.6);
    for who in 0..2 {
        if both {
            stage.step(who, [0.0, 0.5 * (far - near)], 0.0, come);
        } else if who == stage.actor {
            stage.step(who, [0.0, far - near], 0.0, come + 0.4);
        }
    }
    let close = stage.now();
    let hold = stage.draws.uniform(1.0, 3.0);
    stage.stay_until(close + 0.3 + hold + 0.3);
    let back = stage.draws.uniform(0.35, 0.6);
    if both {
        stage.step(1 - stage.actor, [0.0, -back], 0.0, 1.1);
    }
    stage.step(stage.actor, [0.0, -back], 0.0, 1.1);
    let end = stage.now() + 0.4;
    stage.stay_until(end);
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
    stage.scene(
        "hug",
        &parts,
        &[
            "two people [hug|embrace|hug each other|embrace each other]",
            "{A} [steps|comes] up to {B} and they [hug|embrace]",
            "{A} and {B} [hug|embrace] [warmly|for a moment|]",
            "[they|the two|both people] put their arms around each other",
            "the two [step|come] together, [hug|embrace] and [step apart|let go]",
            "two people wrap their arms around each other, {h} arm above",
            "{A} hugs {B}, the {h} arm over the shoulder and the {o} arm around the back",
        ],
        [
            &["a person hugs someone with both arms", "{A} puts both arms around someone"],
            &["a person hugs someone with both arms", "{A} is embraced and hugs back"],
        ],
    )
}

/// Pat the other's shoulder, head or chest with a named hand.
pub fn pat(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let place = stage.draws.below(3);
    let (above, height) = [(0.58, 0.07), (0.72, 0.12), (0.38, 0.0)][place];
    let stretch = stage.draws.uniform(0.8, 0.92);
    let distance = stage.touch_distance(hand, above, stretch);
    let (actor, other) = (stage.actor, 1 - stage.actor);
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let (rate, pats) = (stage.draws.uniform(1.8, 2.8), 2 + stage.draws.below(3));
    let at = settled + 0.8 * stage.slow;
    let hold = pats as f64 / rate + 0.1;
    stage.stay_until(at + hold + 1.0);
    stage.maybe_part();
    let mut parts = stage.parts();
    let when = Span::meeting(at, 0.7 * stage.slow, hold, 0.8);
    lean_in(&mut parts[actor], when, 0.1, -0.2 * hand.sign());
    let bounce = move |time: f64| 0.05 * (TAU * 0.5 * rate * (time - at)).sin().powi(2);
    parts[actor].reach_with(hand, when, [0.8, -1.0, 0.0], move |view| {
        let joint = match place {
            0 => hand.other().shoulder(),
            1 => 15,
            _ => 9,
        };
        let at = add(view.theirs(joint), view.their_way([0.0, height, if place == 2 { 0.1 } else { 0.05 }]));
        add(at, [0.0, bounce(view.time), 0.0])
    });
    let nod = Torso { bend: 0.03, nod: 0.08, ..Torso::default() };
    parts[other].bend(Span { from: at, rise: 0.2, hold: hold - 0.2, fall: 0.4 }, nod);
    let [shoulder, head, chest]: [&[&str]; 3] = [
        &[
            "{A} [pats|taps] {B} on the {o} shoulder with the {h} hand",
            "{A} [puts|lays] the {h} hand on {B}'s shoulder and pats it",
            "{B} is [patted|tapped] on the shoulder by {A}",
            "{A} [reaches out|stretches out the {h} arm] and pats {B} on the shoulder",
            "{A} [comforts|encourages|reassures] {B} with a pat on the shoulder, using the {h} hand",
            "one pats the other's shoulder with the {h} hand",
        ],
        &[
            "{A} [pats|taps|strokes] {B} on the head with the {h} hand",
            "{A} [puts|lays] the {h} hand on {B}'s head and pats it",
            "{B} is patted on the head by {A}",
            "{A} reaches up and pats {B}'s head with the {h} hand",
            "one pats the other's head with the {h} hand",
            "with the {h} hand {A} gives {B} a pat on the head",
        ],
        &[
            "{A} [pats|taps] {B} on the chest with the {h} hand",
            "{A} [puts|lays] the {h} hand on {B}'s chest and pats it",
            "{B} is [patted|tapped] on the chest by {A}",
            "{A} reaches out with the {h} hand and [taps|pats] {B}'s chest",
            "one taps the other's chest with the {h} hand",
            "with the {h} hand {A} pats {B} on the chest",
        ],
    ];
    let pair = [shoulder, head, chest][place];
    stage.scene(
        "pat",
        &parts,
        pair,
        [
            &["a person pats someone with the {h} hand", "{A} reaches out and taps with the {h} hand"],
            &["a person stands and is patted", "{A} stands still while being patted"],
        ],
    )
}

/// Push with both hands; the other staggers back.
pub fn push(stage: &mut Stage) -> Scene {
    let (actor, other) = (stage.actor, 1 - stage.actor);
    let hard = stage.draws.uniform(0.4, 1.0);
    let distance = stage.touch_distance(Hand::Right, 0.38, 0.9) + 0.16;
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let at = settled + 0.75 * stage.slow;
    stage.stay_until(at);
    stage.step(other, [0.0, -(0.35 + 0.5 * hard)], 0.0, 0.55 + 0.4 * hard);
    let end = stage.now() + 0.8;
    stage.stay_until(end);
    let mut parts = stage.parts();
    // Hands come up to the chest, then shoot forward.
    let ready = Span::meeting(at - 0.22, 0.5 * stage.slow, 0.1, 0.3);
    let shove = Span { from: at - 0.25, rise: 0.25, hold: 0.12, fall: 0.6 };
    parts[actor].bend(shove.led(0.05), Torso { bend: 0.26, shift: [0.0, -0.02, 0.08], ..Torso::default() });
    for hand in Hand::BOTH {
        parts[actor].reach_with(hand, ready, [0.8, -0.8, -0.6], move |view| {
            add(view.own(9), view.mine([0.13 * hand.sign(), 0.08, 0.24]))
        });
        parts[actor].reach_with(hand, shove, [0.9, -0.7, 0.0], move |view| {
            // The hands follow the chest only as far as arms go.
            add(view.theirs(9), view.their_way([-0.1 * hand.sign(), 0.08, 0.1]))
        });
        // The pushed one's arms fly up a little.
        let fly = Span { from: at + 0.05, rise: 0.3, hold: 0.1, fall: 0.7 };
        parts[other].reach_with(hand, fly, [1.0, -0.8, -0.5], move |view| {
            add(view.own(hand.shoulder()), view.mine([0.15 * hand.sign(), -0.22, 0.34]))
        });
    }
    let knocked = Torso { bend: -0.22 * hard, nod: 0.15, ..Torso::default() };
    parts[other].bend(Span { from: at - 0.04, rise: 0.25, hold: 0.1, fall: 0.7 }, knocked);
    stage.scene(
        "push",
        &parts,
        &[
            "{A} [pushes|shoves] {B} [|back|backward|away] [|with both hands]",
            "{A} pushes {B}, who [staggers|stumbles|steps] back",
            "{B} is [pushed|shoved] by {A} and [staggers|stumbles|steps] back",
            "{A} puts both hands on {B}'s chest and [pushes|shoves]",
            "{B} [staggers|stumbles] backward after a [push|shove] from {A}",
            "one shoves the other [away|backward] with both hands",
            "two people [quarrel|argue|stand close], then one pushes the other back",
        ],
        [
            &["a person pushes forward with both hands", "{A} shoves someone away with both hands"],
            &["a person is pushed and staggers back", "{A} steps back after a push"],
        ],
    )
}
