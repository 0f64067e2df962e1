//! What one person shows the other with a named hand (wave, point, salute …) or with the body (bow, kneel); the other
//! watches or answers alike.

use super::pose::{Hand, mix};
use super::score::{Part, Torso, View, short_of};
use super::stage::Stage;
use super::timing::Span;
use crate::data::compose::scene::Scene;
use crate::motion::vector::{Vec3d, add};
use std::f64::consts::TAU;

/// A sign of one hand: where the wrist goes, and the words for it.
struct Sign {
    family: &'static str,
    /// Wrist and elbow direction; times are seconds since the hand is there.
    aim: fn(&View, Hand, f64) -> Vec3d,
    pole: Vec3d,
    /// Templates where only one acts.
    one: &'static [&'static str],
    /// Templates where both do it with the same hand.
    both: &'static [&'static str],
    /// What the one who acts does, alone.
    alone: &'static [&'static str],
}

/// (outward, up, forward) of the shoulder of this hand.
fn from_shoulder(view: &View, hand: Hand, [out, up, forward]: Vec3d) -> Vec3d {
    add(view.own(hand.shoulder()), view.mine([hand.sign() * out, up, forward]))
}

fn perform(stage: &mut Stage, sign: &Sign) -> Scene {
    let (hand, actor) = (stage.side, stage.actor);
    let far = stage.draws.uniform(0.9, 2.4);
    let aside = stage.draws.uniform(-0.2, 0.2);
    stage.apart(far, aside);
    let settled = if stage.draws.chance(0.5) { stage.arrive() } else { stage.draws.uniform(0.2, 0.9) };
    let at = settled + 0.8 * stage.slow;
    let hold = stage.draws.uniform(0.9, 2.4);
    let answers = stage.draws.chance(0.35);
    let late = stage.draws.uniform(0.2, 0.9);
    let (rise, fall) = (stage.draws.uniform(0.6, 0.9), stage.draws.uniform(0.6, 1.0));
    let more = stage.draws.uniform(0.3, 0.8);
    stage.stay_until(at + hold + late + fall + more);
    let mut parts = stage.parts();
    for (who, part) in parts.iter_mut().enumerate() {
        let at = if who == actor { at } else { at + late };
        let when = Span::meeting(at, rise, hold, fall);
        if who == actor || answers {
            show(part, sign, hand, when);
        } else {
            part.bend(when, Torso { nod: 0.06, lean: 0.03 * hand.sign(), ..Torso::default() });
        }
    }
    let pair = if answers { sign.both } else { sign.one };
    let other: &[&str] = if answers {
        sign.alone
    } else {
        &["a person stands and [watches|looks on]", "{A} stands [still|facing someone]"]
    };
    stage.scene(sign.family, &parts, pair, [sign.alone, other])
}

fn show(part: &mut Part, sign: &Sign, hand: Hand, when: Span) {
    part.bend(when.led(0.08), Torso { twist: -0.06 * hand.sign(), ..Torso::default() });
    let (aim, start) = (sign.aim, when.there());
    part.reach_with(hand, when, sign.pole, move |view| aim(view, hand, view.time - start));
}

/// Wave with a hand beside the head.
pub fn wave(stage: &mut Stage) -> Scene {
    let sign = Sign {
        family: "wave",
        aim: |view, hand, t| {
            let side = 0.22 + 0.1 * (TAU * 1.7 * t).sin();
            from_shoulder(view, hand, [side, 0.3, 0.18])
        },
        pole: [1.0, -0.8, 0.0],
        one: &[
            "{A} waves [at|to] {B} with the {h} hand",
            "{A} [raises|lifts] the {h} hand and waves [|hello] to {B}",
            "{A} waves the {h} hand while {B} [watches|stands still|looks on]",
            "{A} [greets|says hello to] {B} by waving the {h} hand",
            "{B} is greeted by {A}, who waves the {h} hand",
            "with the {h} arm raised, {A} waves at {B}",
        ],
        both: &[
            "two people wave at each other with their {h} hands",
            "{A} waves with the {h} hand and {B} waves back with the {h} hand",
            "[they|both people|the two] wave their {h} hands at each other",
            "{A} and {B} greet each other, waving their {h} hands",
            "{B} [answers|returns] {A}'s wave with the {h} hand",
            "two people raise their {h} hands and wave",
        ],
        alone: &["a person waves with the {h} hand", "{A} [raises|lifts] the {h} hand and waves"],
    };
    perform(stage, &sign)
}

/// Point at the other, up, or to the side.
pub fn point(stage: &mut Stage) -> Scene {
    let signs = [
        Sign {
            family: "point",
            aim: |view, hand, _| {
                let shoulder = view.own(hand.shoulder());
                let target = view.theirs(9);
                short_of(target, shoulder, 0.47)
            },
            pole: [0.4, -1.0, 0.0],
            one: &[
                "{A} points at {B} with the {h} hand",
                "{A} [stretches out|extends|raises] the {h} arm and points at {B}",
                "{B} is pointed at by {A}",
                "{A} [points a finger|points] [at|toward] {B} using the {h} hand",
                "with the {h} hand {A} points straight at {B}",
                "{A} points at {B}, who [stands still|watches]",
            ],
            both: &[
                "two people point at each other with their {h} hands",
                "{A} points at {B} and {B} points back, both with the {h} hand",
                "[they|both people|the two] [raise|stretch out] the {h} arm and point at each other",
                "both point at each other using the {h} hand",
                "{A} and {B} point their {h} hands at each other",
            ],
            alone: &["a person points forward with the {h} hand", "{A} extends the {h} arm and points ahead"],
        },
        Sign {
            family: "point up",
            aim: |view, hand, _| from_shoulder(view, hand, [0.08, 0.47, 0.12]),
            pole: [1.0, 0.0, 0.4],
            one: &[
                "{A} points up with the {h} hand while {B} [watches|stands still]",
                "{A} raises the {h} arm and points [up|to the sky|upward]",
                "{A} shows {B} something [above|up in the sky], pointing with the {h} hand",
                "{A} [lifts|raises] the {h} hand high and points up, {B} looks on",
                "with the {h} hand {A} points upward in front of {B}",
            ],
            both: &[
                "two people point up with their {h} hands",
                "{A} points up with the {h} hand and {B} does the same",
                "[they|both people|the two] raise the {h} arm and point [upward|to the sky]",
                "both point to the sky using the {h} hand",
                "{A} and {B} point upward with their {h} hands",
            ],
            alone: &["a person points up with the {h} hand", "{A} raises the {h} arm to point upward"],
        },
        Sign {
            family: "point aside",
            aim: |view, hand, _| from_shoulder(view, hand, [0.46, 0.02, 0.14]),
            pole: [0.0, -1.0, -0.4],
            one: &[
                "{A} points to the {h} with the {h} hand",
                "{A} [stretches|extends] the {h} arm to the side while {B} watches",
                "{A} shows {B} the way, pointing to the {h}",
                "{A} [raises|lifts] the {h} arm sideways and points",
                "with the {h} arm out to the side {A} points for {B}",
            ],
            both: &[
                "two people point to their {h} side",
                "{A} points to the {h} with the {h} hand and {B} does the same",
                "[they|both people|the two] stretch the {h} arm out to the side",
                "both point sideways with the {h} hand",
                "{A} and {B} raise the {h} arm sideways and point",
            ],
            alone: &["a person points to the {h} with the {h} hand", "{A} raises the {h} arm to the side"],
        },
    ];
    let which = stage.draws.below(signs.len());
    perform(stage, &signs[which])
}

/// Salute: the hand at the brow.
pub fn salute(stage: &mut Stage) -> Scene {
    let sign = Sign {
        family: "salute",
        aim: |view, hand, _| add(view.own(15), view.mine([hand.sign() * 0.13, 0.02, 0.1])),
        pole: [1.0, -0.25, 0.1],
        one: &[
            "{A} salutes {B} with the {h} hand",
            "{A} [brings|raises|lifts] the {h} hand to the forehead and salutes",
            "{A} gives {B} a [military|sharp|] salute with the {h} hand",
            "{B} is saluted by {A} with the {h} hand",
            "{A} salutes with the {h} hand while {B} [stands still|watches]",
        ],
        both: &[
            "two people salute each other with their {h} hands",
            "{A} salutes with the {h} hand and {B} returns the salute",
            "[they|both people|the two] raise the {h} hand to the forehead and salute",
            "{A} and {B} exchange a {h}-handed salute",
            "both salute each other with the {h} hand",
        ],
        alone: &["a person salutes with the {h} hand", "{A} raises the {h} hand to the forehead"],
    };
    perform(stage, &sign)
}

/// Beckon, touch one's own head, raise an arm straight up.
pub fn arm_signs(stage: &mut Stage) -> Scene {
    let signs = [
        Sign {
            family: "beckon",
            aim: |view, hand, t| {
                let pull = 0.5 - 0.5 * (TAU * 1.2 * t).cos();
                from_shoulder(view, hand, [0.02, -0.12 + 0.18 * pull, 0.44 - 0.2 * pull])
            },
            pole: [0.6, -1.0, -0.2],
            one: &[
                "{A} beckons {B} with the {h} hand",
                "{A} [waves|calls|beckons] {B} [closer|over] with the {h} hand",
                "{B} is [called|beckoned] over by {A} with the {h} hand",
                "{A} gestures with the {h} hand for {B} to come",
                "with the {h} hand {A} asks {B} to come closer",
            ],
            both: &[
                "two people beckon each other with their {h} hands",
                "{A} beckons with the {h} hand and {B} beckons back",
                "both gesture for the other to come, using the {h} hand",
                "[they|the two] call each other closer with their {h} hands",
                "{A} and {B} beckon each other with the {h} hand",
            ],
            alone: &["a person beckons with the {h} hand", "{A} gestures to come closer with the {h} hand"],
        },
        Sign {
            family: "touch own head",
            aim: |view, hand, t| {
                let rub = 0.015 * (TAU * 1.5 * t).sin();
                add(view.own(15), view.mine([hand.sign() * 0.08, 0.13 + rub, 0.0]))
            },
            pole: [1.0, 0.1, 0.3],
            one: &[
                "{A} [touches|scratches] their head with the {h} hand while {B} [watches|stands still]",
                "{A} puts the {h} hand on their own head in front of {B}",
                "{A} [raises|lifts] the {h} hand and scratches their head, facing {B}",
                "facing {B}, {A} lays the {h} hand on their own head",
                "{A} scratches their own head with the {h} hand, {B} looks on",
            ],
            both: &[
                "two people [touch|scratch] their own heads with their {h} hands",
                "{A} scratches their head with the {h} hand and {B} does the same",
                "both put the {h} hand on their own head",
                "[they|the two] lay the {h} hand on their own heads",
                "{A} and {B} scratch their own heads with the {h} hand",
            ],
            alone: &["a person touches their head with the {h} hand", "{A} scratches their head, {h} hand"],
        },
        Sign {
            family: "raise arm",
            aim: |view, hand, _| from_shoulder(view, hand, [0.06, 0.5, 0.03]),
            pole: [1.0, 0.0, 0.3],
            one: &[
                "{A} [raises|lifts] the {h} arm while {B} [watches|stands still]",
                "{A} [puts|raises] the {h} hand up [high|over the head]",
                "facing {B}, {A} raises the {h} hand above the head",
                "{A} [holds|stretches] the {h} arm up in front of {B}",
                "{A} raises the {h} hand, {B} looks on",
            ],
            both: &[
                "two people [raise|lift] their {h} arms",
                "{A} raises the {h} hand and {B} does the same",
                "both hold the {h} arm up [high|over the head]",
                "[they|the two] put their {h} hands up",
                "{A} and {B} raise their {h} arms above their heads",
            ],
            alone: &["a person raises the {h} arm", "{A} holds the {h} hand above the head"],
        },
    ];
    let which = stage.draws.below(signs.len());
    perform(stage, &signs[which])
}

/// Bow to the other; the other may bow too.
pub fn bow(stage: &mut Stage) -> Scene {
    let (actor, deep) = (stage.actor, stage.draws.uniform(0.6, 1.15));
    let far = stage.draws.uniform(1.3, 2.2);
    stage.apart(far, 0.0);
    let settled = stage.arrive();
    let answers = stage.draws.chance(0.5);
    let late = stage.draws.uniform(0.0, 0.8);
    let (rise, hold) = (stage.draws.uniform(0.8, 1.2), stage.draws.uniform(0.3, 1.0));
    let when = Span::meeting(settled + rise + 0.1, rise, hold, rise);
    stage.stay_until(when.end() + late + 0.4);
    let mut parts = stage.parts();
    for (who, part) in parts.iter_mut().enumerate() {
        if who == actor || answers {
            let from = if who == actor { when.from } else { when.from + late };
            // The hips go back as the head goes forward, over feet that stay.
            let shift = [0.0, -0.01, -0.1 * deep];
            let torso = Torso { bend: deep, nod: 0.25, shift, ..Torso::default() };
            part.bend(Span { from, ..when }, torso);
        } else {
            part.bend(when, Torso { nod: 0.1, ..Torso::default() });
        }
    }
    let pair: &[&str] = if answers {
        &[
            "two people bow to each other",
            "{A} bows and {B} bows back",
            "{A} and {B} greet each other with a bow",
            "[they|both people|the two] bow [politely|respectfully|] [|to each other]",
            "both bend forward in a bow",
            "the two face each other and bow",
        ]
    } else {
        &[
            "{A} bows [to|in front of] {B}",
            "{A} [greets|thanks] {B} with a bow",
            "{A} bends forward and bows while {B} [stands still|watches]",
            "{B} stands upright as {A} bows",
            "{A} takes a bow in front of {B}",
            "one bows [politely|respectfully|deeply] to the other",
        ]
    };
    let other: &[&str] = if answers {
        &["a person bows", "{A} bows back"]
    } else {
        &["a person stands upright", "{A} stands and watches"]
    };
    stage.scene("bow", &parts, pair, [&["a person bows", "{A} bends forward in a bow"], other])
}

/// Both of one's own hands: surrender, cross arms, hands on hips, clap.
pub fn both_hands(stage: &mut Stage) -> Scene {
    let which = stage.draws.below(4);
    let (actor, side) = (stage.actor, stage.side);
    let far = stage.draws.uniform(1.0, 2.4);
    stage.apart(far, 0.0);
    let settled = stage.arrive();
    let hold = stage.draws.uniform(1.2, 2.8);
    let when = Span::meeting(settled + 0.9 * stage.slow, 0.8 * stage.slow, hold, 0.8);
    stage.stay_until(when.end() + 0.4);
    let rate = stage.draws.uniform(2.0, 3.0);
    let mut parts = stage.parts();
    for hand in Hand::BOTH {
        let pole = [[1.0, -0.6, 0.0], [0.9, -0.9, 0.1], [1.0, 0.0, -0.5], [0.9, -0.9, -0.2]][which];
        parts[actor].reach_with(hand, when, pole, move |view| match which {
            0 => from_shoulder(view, hand, [0.18, 0.3, 0.1]),
            // Forearms one above the other in front of the chest.
            1 => {
                let up = if hand == side { 0.0 } else { -0.07 };
                add(view.own(9), view.mine([-0.1 * hand.sign(), up, 0.2 - up * 0.3]))
            }
            2 => add(mix(view.own(0), view.own(3), 0.5), view.mine([0.19 * hand.sign(), 0.0, -0.02])),
            _ => {
                let open = 0.05 + 0.09 * (std::f64::consts::PI * rate * view.time).sin().abs();
                add(view.own(9), view.mine([open * hand.sign(), 0.06, 0.3]))
            }
        });
    }
    let family = ["surrender", "cross arms", "hands on hips", "clap"][which];
    let pair: &[&str] = match which {
        0 => &[
            "{A} [raises|lifts|puts up] both hands in surrender",
            "{A} surrenders to {B} with both hands up",
            "{A} holds both hands up in front of {B}",
            "{B} watches as {A} puts both hands up",
            "{A} [gives up|surrenders] and raises both arms",
        ],
        1 => &[
            "{A} crosses [the|both] arms in front of {B}",
            "{A} [folds|crosses] both arms over the chest",
            "{A} stands with crossed arms and {B} watches",
            "facing {B}, {A} [folds|crosses] the arms",
            "one crosses the arms while the other stands [still|by]",
        ],
        2 => &[
            "{A} puts both hands on the hips in front of {B}",
            "{A} stands with the hands on the hips, facing {B}",
            "{A} [places|puts] the hands on the hips while {B} [watches|stands still]",
            "facing {B}, {A} sets both hands on the hips",
            "one stands with hands on hips, the other watches",
        ],
        _ => &[
            "{A} claps [for|in front of] {B}",
            "{A} [applauds|claps the hands for] {B}",
            "{B} is applauded by {A}",
            "{A} claps both hands while {B} [watches|stands still]",
            "one [applauds|claps for] the other",
        ],
    };
    let alone: [&[&str]; 4] = [
        &["a person puts both hands up", "{A} raises both hands"],
        &["a person crosses the arms", "{A} folds both arms"],
        &["a person puts the hands on the hips", "{A} stands with hands on hips"],
        &["a person claps", "{A} claps both hands"],
    ];
    let watch: &[&str] = &["a person stands and watches", "{A} stands facing someone"];
    stage.scene(family, &parts, pair, [alone[which], watch])
}
