//! Attacks and answers: kick and step back, punch and block, swing and duck.

use super::pose::Hand;
use super::score::Torso;
use super::stage::Stage;
use super::timing::{Span, ease};
use crate::data::compose::scene::Scene;
use crate::motion::vector::add;

/// Kick forward with a named leg; the other steps back out of reach.
pub fn kick(stage: &mut Stage) -> Scene {
    let (leg, actor, other) = (stage.side, stage.actor, 1 - stage.actor);
    let gap = stage.draws.uniform(1.0, 1.25);
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let rise = stage.draws.uniform(0.38, 0.5);
    let at = settled + 0.25 + rise;
    stage.stay_until(at - 0.35);
    stage.step(other, [0.0, -0.45], 0.0, 0.8);
    let end = stage.now() + 1.0;
    stage.stay_until(end);
    let height = stage.draws.uniform(0.4, 0.75);
    let mut parts = stage.parts();
    let when = Span::meeting(at, rise, 0.06, 0.6);
    let out = 0.07 * leg.sign();
    parts[actor].stride(leg, when, [[out, height, 0.66], [out, height + 0.09, 0.73]]);
    let lean = -0.03 * leg.sign();
    parts[actor].bend(when.led(0.15), Torso { bend: -0.16, shift: [lean, -0.02, 0.0], ..Torso::default() });
    for hand in Hand::BOTH {
        parts[actor].reach(hand, when.led(0.1), move |view| {
            add(view.own(hand.shoulder()), view.mine([0.12 * hand.sign(), -0.22, 0.26]))
        });
        parts[other].reach(hand, when.led(-0.05), move |view| {
            add(view.own(hand.shoulder()), view.mine([0.03 * hand.sign(), -0.15, 0.34]))
        });
    }
    stage.scene(
        "kick",
        &parts,
        &[
            "{A} kicks [at|toward] {B} with the {h} [leg|foot]",
            "{A} kicks with the {h} leg and {B} [steps back|backs away|moves back]",
            "{B} [steps back|backs off|retreats] from a kick of {A}'s {h} [leg|foot]",
            "{A} [lifts|raises] the {h} leg and kicks forward at {B}",
            "{B} dodges a {h} kick by stepping back",
            "one kicks with the {h} foot, the other steps backward",
        ],
        [
            &["a person kicks with the {h} leg", "{A} kicks forward with the {h} foot"],
            &["a person steps back with raised hands", "{A} backs away from a kick"],
        ],
    )
}

/// A punch of one hand, blocked with the forearm on that side.
pub fn block(stage: &mut Stage) -> Scene {
    let (hand, actor, other) = (stage.side, stage.actor, 1 - stage.actor);
    let guard = hand.other();
    let stretch = stage.draws.uniform(0.85, 0.95);
    let gap = stage.touch_distance(hand, 0.55, stretch) + 0.3;
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let at = settled + 0.9;
    stage.stay_until(at + 1.3);
    let mut parts = stage.parts();
    let cock = Span::meeting(at - 0.28, 0.45, 0.05, 0.3);
    let blow = Span { from: at - 0.3, rise: 0.3, hold: 0.12, fall: 0.7 };
    parts[actor].bend(blow.led(0.06), Torso { bend: 0.14, twist: -0.45 * hand.sign(), ..Torso::default() });
    parts[actor].reach_with(hand, cock, [1.0, -0.6, -1.0], move |view| {
        add(view.own(hand.shoulder()), view.mine([0.06 * hand.sign(), -0.1, 0.12]))
    });
    // The blow ends on the forearm that is in its way.
    let stop = move |forward: f64, side: f64| [guard.sign() * side, 0.04, forward];
    parts[actor].reach_with(hand, blow, [0.8, -0.7, 0.0], move |view| {
        add(view.theirs(15), view.their_way(stop(0.3, 0.1)))
    });
    let up = Span::meeting(at - 0.03, 0.4, 0.35, 0.7);
    parts[other].bend(up, Torso { bend: -0.08, twist: 0.1 * hand.sign(), ..Torso::default() });
    parts[other]
        .reach_with(guard, up, [0.8, -1.0, 0.2], move |view| add(view.own(15), view.mine(stop(0.22, 0.1))));
    stage.scene(
        "block",
        &parts,
        &[
            "{A} punches with the {h} hand and {B} blocks with the {o} arm",
            "{B} blocks a {h} punch [from|of] {A} [with the {o} arm|]",
            "{A} throws a {h} punch, {B} [raises|lifts] the {o} arm to block it",
            "{A} punches at {B}, who blocks it with the {o} forearm",
            "{B} lifts the {o} arm and stops {A}'s {h} fist",
            "one attacks with the {h} fist, the other blocks with the {o} arm",
        ],
        [
            &["a person punches with the {h} hand", "{A} throws a {h} punch"],
            &["a person blocks with the {o} arm", "{A} raises the {o} arm to block a punch"],
        ],
    )
}

/// A swing of one arm at head height; the other ducks under it.
pub fn duck(stage: &mut Stage) -> Scene {
    let (hand, actor, other) = (stage.side, stage.actor, 1 - stage.actor);
    let gap = stage.draws.uniform(0.75, 0.9);
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let deep = stage.draws.uniform(0.28, 0.4);
    let swing = stage.draws.uniform(0.45, 0.6);
    let at = settled + 1.0;
    stage.stay_until(at + swing + 1.4);
    let mut parts = stage.parts();
    let when = Span::meeting(at, 0.6, swing, 0.7);
    parts[actor].sway(when, move |t| Torso {
        twist: hand.sign() * (0.3 - 0.7 * ease((t - 0.6) / swing)),
        bend: 0.06,
        ..Torso::default()
    });
    parts[actor].reach_with(hand, when, [0.6, -0.6, -0.2], move |view| {
        let around = hand.sign() * (1.0 - 1.7 * ease((view.time - at) / swing));
        let (sin, cos) = around.sin_cos();
        add(view.own(9), view.mine([0.48 * sin, 0.3, 0.48 * cos]))
    });
    let down = Span::meeting(at + 0.2 * swing, 0.45, 0.7 * swing, 0.7);
    let torso = Torso { shift: [0.0, -deep, -0.12], bend: 0.55, nod: 0.2, ..Torso::default() };
    parts[other].bend(down, torso);
    stage.scene(
        "duck",
        &parts,
        &[
            "{A} swings the {h} arm and {B} ducks [|under it]",
            "{B} ducks under {A}'s {h} [arm|swing]",
            "{A} swings at {B} with the {h} hand, {B} [crouches|ducks] to [dodge|avoid] it",
            "{B} [dodges|avoids] a swing of {A}'s {h} arm by ducking",
            "one swings the {h} arm at head height, the other ducks",
            "{A} attacks with a {h} swing but {B} ducks",
        ],
        [
            &["a person swings the {h} arm", "{A} swings the {h} arm at head height"],
            &["a person ducks", "{A} crouches down to dodge"],
        ],
    )
}
