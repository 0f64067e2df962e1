//! Attacks and answers: kick and step back, punch and block, swing and duck.

use super::pose::Hand;
use super::score::Torso;
use super::stage::{Deed, Stage};
use super::timing::{Span, ease};
use crate::data::compose::scene::Scene;
use crate::motion::vector::add;

/// From this height of the ankle on, metres, a kick is called high.
const HIGH: f64 = 0.65;

/// Kick forward with a named leg; the other steps back out of reach.
pub fn kick(stage: &mut Stage) -> Scene {
    let leg = stage.side;
    let gap = stage.draws.uniform(1.0, 1.25);
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let rise = stage.draws.uniform(0.38, 0.5);
    let at = settled + 0.25 + rise;
    // The other steps back from it, or stays; then whoever kicked may step back.
    let way = stage.draws.weighted(&[0.55, 0.2, 0.25]);
    if way == 0 {
        stage.stay_until(at - 0.35);
        stage.step(1, [0.0, -0.45], 0.0, 0.8);
    } else {
        stage.stay_until(at + 0.75);
    }
    if way == 2 {
        let (back, seconds) = (stage.draws.uniform(0.35, 0.6), stage.draws.uniform(0.8, 1.1));
        stage.step(0, [0.0, -back], 0.0, seconds);
    }
    let end = stage.now() + if way == 0 { 1.0 } else { 0.4 };
    stage.stay_until(end);
    let height = stage.draws.uniform(0.4, 0.85);
    let mut parts = stage.parts();
    let when = Span::meeting(at, rise, 0.06, 0.6);
    let out = 0.07 * leg.sign();
    parts[0].stride(leg, when, [[out, height, 0.66], [out, height + 0.09, 0.73]]);
    let lean = -0.03 * leg.sign();
    parts[0].bend(when.led(0.15), Torso { bend: -0.16, shift: [lean, -0.02, 0.0], ..Torso::default() });
    for hand in Hand::BOTH {
        parts[0].reach(hand, when.led(0.1), move |view| {
            add(view.own(hand.shoulder()), view.mine([0.12 * hand.sign(), -0.22, 0.26]))
        });
        parts[1].reach(hand, when.led(-0.05), move |view| {
            add(view.own(hand.shoulder()), view.mine([0.03 * hand.sign(), -0.15, 0.34]))
        });
    }
    let first: &[&str] = &[
        "~kick at {2} with the {h} leg",
        "~kick {2} with the {h} foot",
        "~kick with the {h} leg",
        "~kick at {2}",
    ];
    let both = [
        "[kick|kicking|a kick with the {h} leg|{h} kick|kicking with the {h} foot]",
        "{1} is kicking at {2} with the {h} leg",
        "{1} gives {2} a kick with the {h} foot",
        "{1} kicks [at|toward] {2} with the {h} [leg|foot]",
        "{1} [lifts|raises] the {h} leg and kicks forward at {2}",
    ];
    let more: &[&str] = match way {
        0 => &[
            "{1} kicks with the {h} leg and {2} [steps back|backs away|moves back]",
            "{2} [steps back|backs off|retreats] from a kick of {1}'s {h} [leg|foot]",
            "{2} dodges a {h} kick by stepping back",
            "one kicks with the {h} foot, the other steps backward",
            "{1} kicks, so {2} [steps|takes a step] back",
        ],
        1 => &["{1} kicks with the {h} leg while {2} [stands still|stays]", "{2} does not move as {1} kicks"],
        _ => &[
            "{1} kicks with the {h} leg and then steps back[|, {2} stays where they are]",
            "{1} kicks at {2}, then [takes a step|moves] back",
            "after a kick with the {h} foot {1} steps back, {2} [stands still|stays]",
            "{1} kicks and retreats while {2} stands still",
        ],
    };
    let other: &[&str] = if way == 0 {
        &["a person steps back with raised hands", "{1} backs away from a kick"]
    } else {
        &["a person stands on guard", "{1} stands with raised hands"]
    };
    let alone: [&[&str]; 2] =
        [&["a person kicks with the {h} leg", "{1} kicks forward with the {h} foot"], other];
    let deed = Deed { first, ..Deed::default() };
    let high: &[&str] = &[
        "{1} kicks high with the {h} leg at {2}",
        "[a high kick|high kick with the {h} leg|kick to the stomach|karate kick to the chest]",
        "{1} lands a high {h} kick in {2}'s [stomach|belly|chest]",
        "{1} throws a high kick of the {h} leg at {2}",
        "a high kick of {1} with the {h} leg",
    ];
    let list = if height > HIGH { [high, &both[..], more].concat() } else { [&both[..], more].concat() };
    stage.chained("kick", &parts, deed, &list, alone)
}

/// A punch of one hand, blocked with the forearm on that side.
pub fn block(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let guard = hand.other();
    let stretch = stage.draws.uniform(0.85, 0.95);
    let gap = stage.touch_distance(hand, 0.55, stretch) + 0.3;
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let at = settled + 0.9;
    stage.stay_until(at + 1.3);
    let mut parts = stage.parts();
    let cock = Span::meeting(at - 0.28, 0.45, 0.05, 0.3);
    let blow = Span { from: at - 0.27, rise: 0.27, hold: 0.12, fall: 0.7 };
    parts[0].bend(blow.led(0.06), Torso { bend: 0.14, twist: -0.45 * hand.sign(), ..Torso::default() });
    parts[0].reach_with(hand, cock, [1.0, -0.6, -1.0], move |view| {
        add(view.own(hand.shoulder()), view.mine([0.08 * hand.sign(), -0.12, -0.02]))
    });
    // The blow ends on the forearm that is in its way.
    let stop = move |forward: f64, side: f64| [guard.sign() * side, 0.04, forward];
    parts[0].reach_with(hand, blow, [0.8, -0.7, 0.0], move |view| {
        add(view.theirs(15), view.their_way(stop(0.3, 0.1)))
    });
    let up = Span::meeting(at - 0.03, 0.4, 0.35, 0.7);
    parts[1].bend(up, Torso { bend: -0.08, twist: 0.1 * hand.sign(), ..Torso::default() });
    parts[1]
        .reach_with(guard, up, [0.8, -1.0, 0.2], move |view| add(view.own(15), view.mine(stop(0.22, 0.1))));
    stage.chained(
        "block",
        &parts,
        Deed {
            first: &["~throw a {h} punch at {2}, who blocks it", "~attack {2}, who blocks the {h} punch"],
            second: &["~block a {h} punch of {1}", "~block a punch with the {o} arm"],
            ..Deed::default()
        },
        &[
            "[block|blocking a punch|block a punch with the {o} arm|punch and block]",
            "{2} [defends|guards] against a [punch|blow] with the {o} forearm",
            "{1} punches with the {h} hand and {2} blocks with the {o} arm",
            "{2} blocks a {h} punch [from|of] {1} [with the {o} arm|]",
            "{1} throws a {h} punch, {2} [raises|lifts] the {o} arm to block it",
            "{1} punches at {2}, who blocks it with the {o} forearm",
            "{2} lifts the {o} arm and stops {1}'s {h} fist",
            "one attacks with the {h} fist, the other blocks with the {o} arm",
        ],
        [
            &["a person punches with the {h} hand", "{1} throws a {h} punch"],
            &["a person blocks with the {o} arm", "{1} raises the {o} arm to block a punch"],
        ],
    )
}

/// A swing of one arm at head height; the other ducks under it.
pub fn duck(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let gap = stage.draws.uniform(0.75, 0.9);
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let deep = stage.draws.uniform(0.28, 0.4);
    let swing = stage.draws.uniform(0.45, 0.6);
    let at = settled + 1.0;
    stage.stay_until(at + swing + 1.4);
    let mut parts = stage.parts();
    let when = Span::meeting(at, 0.6, swing, 0.7);
    parts[0].sway(when, move |t| Torso {
        twist: hand.sign() * (0.3 - 0.7 * ease((t - 0.6) / swing)),
        bend: 0.06,
        ..Torso::default()
    });
    parts[0].reach_with(hand, when, [0.6, -0.6, -0.2], move |view| {
        let around = hand.sign() * (1.0 - 1.7 * ease((view.time - at) / swing));
        let (sin, cos) = around.sin_cos();
        add(view.own(9), view.mine([0.48 * sin, 0.3, 0.48 * cos]))
    });
    let down = Span::meeting(at + 0.2 * swing, 0.45, 0.7 * swing, 0.7);
    let torso = Torso { shift: [0.0, -deep, -0.12], bend: 0.55, nod: 0.2, ..Torso::default() };
    parts[1].bend(down, torso);
    stage.chained(
        "duck",
        &parts,
        Deed {
            first: &["~swing the {h} arm at {2}, who ducks"],
            second: &["~duck under a swing of {1}", "~duck under the {h} arm of {1}"],
            ..Deed::default()
        },
        &[
            "[duck|ducking|duck under a swing|ducking under a punch]",
            "{2} ducks [quickly|fast|] to get out of the way of {1}'s arm",
            "{1} swings the {h} arm and {2} ducks [|under it]",
            "{2} ducks under {1}'s {h} [arm|swing]",
            "{1} swings at {2} with the {h} hand, {2} [crouches|ducks] to [dodge|avoid] it",
            "{2} [dodges|avoids] a swing of {1}'s {h} arm by ducking",
            "one swings the {h} arm at head height, the other ducks",
            "{1} attacks with a {h} swing but {2} ducks",
        ],
        [
            &["a person swings the {h} arm", "{1} swings the {h} arm at head height"],
            &["a person ducks", "{1} crouches down to dodge"],
        ],
    )
}
