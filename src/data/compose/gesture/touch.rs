//! Hands that meet: handshake, high-five, fist bump.

use super::lively::{airborne, hop};
use super::pose::Hand;
use super::score::Torso;
use super::stage::{Deed, Stage, lean_in, palms};
use super::timing::{Span, ease};
use crate::data::compose::scene::Scene;
use std::f64::consts::TAU;

/// Handshake, either hand, two to four shakes. Wrists end about 10 cm apart.
pub fn handshake(stage: &mut Stage) -> Scene {
    shake(stage, false)
}

/// A small bow of both, then a handshake.
pub fn bow_and_shake(stage: &mut Stage) -> Scene {
    shake(stage, true)
}

fn shake(stage: &mut Stage, bows: bool) -> Scene {
    let hand = stage.side;
    let (above, stretch) = (stage.draws.uniform(0.12, 0.22), stage.draws.uniform(0.92, 0.98));
    let distance = stage.reach_distance([hand; 2], above, stretch, 0.1);
    stage.apart(distance, 0.0);
    let come = stage.arrive();
    let bow = Span { from: come, rise: 0.45, hold: 0.12, fall: 0.45 };
    let settled = if bows { bow.end() - 0.2 } else { come };
    let (rise, shakes) = (0.7 * stage.slow, 2 + stage.draws.below(3));
    let (rate, height) = (stage.draws.uniform(1.8, 2.6), stage.draws.uniform(0.03, 0.06));
    let at = settled + rise + 0.1;
    let hold = shakes as f64 / rate + 0.35;
    stage.stay_until(at + hold + 0.5);
    stage.leave();
    stage.stay_until(at + hold + 0.95);
    let mut parts = stage.parts();
    for (who, part) in parts.iter_mut().enumerate() {
        // The one who answers is a little later.
        let late = if who == 0 { 0.0 } else { 0.15 };
        let when = Span::meeting(at, rise - late, hold, 0.8);
        lean_in(part, when, 0.16, -0.12 * hand.sign());
        let bob = move |time: f64| {
            let since = time - at - 0.1;
            let shaking = ease(since / 0.15) * (1.0 - ease((since - shakes as f64 / rate) / 0.2));
            height * shaking * (TAU * rate * since).sin()
        };
        part.reach(hand, when, palms(hand, hand, above, bob));
        if bows {
            part.bend(bow, Torso { bend: 0.45, nod: 0.25, shift: [0.0, 0.0, -0.05], ..Torso::default() });
        }
    }
    if bows {
        return stage.chained(
            "handshake",
            &parts,
            Deed {
                they: &[
                    "~bow slightly and ~shake {h} hands",
                    "~bow to each other and ~shake {h} hands",
                    "~nod with a small bow and ~shake hands",
                    "~make a small bow, then ~shake hands",
                ],
                ..Deed::default()
            },
            &[
                "[bow and shake hands|a small bow and a handshake]",
                "{they} bow slightly and then shake {h} hands",
                "{they} [bow|nod] to each other [and|, then] shake hands",
                "first {they} bow a little, then they shake their {h} hands",
                "{they} greet each other with a small bow and a handshake",
                "after a slight bow {they} shake hands",
            ],
            [
                &["a person bows a little and shakes hands with the {h} hand"],
                &["a person bows a little and shakes an offered {h} hand"],
            ],
        );
    }
    stage.chained(
        "handshake",
        &parts,
        Deed {
            they: &[
                "~shake {h} hands",
                "~shake hands",
                "~shake their {h} hands",
                "~shake hands with their {h} hands",
                "~exchange a {h}-handed handshake",
                "~greet each other with a handshake",
                "~shake each other's {h} hand",
            ],
            first: &[
                "~shake hands with {2}",
                "~shake {2}'s {h} hand",
                "~shake {h} hands with {2}",
                "~offer the {h} hand to {2} for a handshake",
                "~give {2} a handshake",
            ],
            second: &[],
        },
        &[
            "{they} shake [|their] {h} hands",
            "{they} shake hands [with|using] their {h} hands",
            "{they} [are shaking|shook] [{h} hands|hands]",
            "{1} and {2} shake hands with their {h} hands",
            "{1} [offers|extends|holds out] the {h} hand and {2} [shakes it|takes it and shakes it]",
            "{1} shakes hands with {2} using the {h} hand",
            "{1} shakes {2}'s {h} hand",
            "{they} [greet each other with|exchange] a {h}-handed handshake",
            "{1} greets {2} with a [friendly|firm|short|] handshake, {h} hand in {h} hand",
            "{they} [face each other|stand face to face] and shake {h} hands",
            "{they} [shake hands|give each other a handshake|do a handshake]",
            "{2} is greeted by {1} with a handshake of the {h} hand",
            "{they} [reach out|extend their arms], clasp {h} hands and shake them up and down",
            "[handshake|a handshake|shaking hands|shake hands|a {h}-handed handshake|shake {h} hands|{h} hand handshake]",
            "{they} [agree on something|make a deal|say hello|meet] and shake hands",
        ],
        [
            &["a person shakes hands with the {h} hand", "{1} [holds out|extends] the {h} hand and shakes"],
            &["a person shakes a hand with the {h} hand", "{1} takes an offered hand with the {h} hand"],
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
    let hold = stage.draws.uniform(0.06, 0.2);
    stage.stay_until(at + hold + 0.45);
    stage.leave();
    stage.stay_until(at + hold + 0.9);
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
        return stage.chained(
            "high-five",
            &parts,
            Deed {
                they: &[
                    "~high-five each other with both hands",
                    "~give each other a double high-five",
                    "~clap both hands together in the air",
                    "~do a two-handed high five",
                ],
                first: &["~give {2} a high-five with both hands"],
                second: &[],
            },
            &[
                "[double high five|a two-handed high-five|high five with both hands]",
                "{they} [give each other|do|share] a [double|two-handed] high-five",
                "{1} and {2} high-five with both hands",
                "{1} [raises|lifts] both hands and {2} [claps|slaps] them",
                "{they} raise both arms and clap their palms together",
                "{they} [celebrate with|exchange] a high-five of both hands",
                "both lift their hands [over their shoulders|to head height] and high-five each other",
            ],
            [
                &["a person high-fives with both hands", "{1} raises both hands to meet two palms"],
                &["a person high-fives with both hands", "{1} holds both raised palms forward"],
            ],
        );
    }
    stage.chained(
        "high-five",
        &parts,
        Deed {
            they: &[
                "~high-five each other",
                "~give each other a high-five",
                "~do a high five with their {h} hands",
                "~slap their {h} hands together",
                "~share a {h}-handed high-five",
                "~clap their raised {h} palms together",
            ],
            first: &["~give {2} a high-five", "~give {2} a high five with the {h} hand"],
            second: &[],
        },
        &[
            "{they} [give each other|do|share] a high-five with their {h} hands",
            "{1} high-fives {2} with the {h} hand",
            "{1} [raises|lifts|puts up] the {h} hand and {2} [slaps|claps|hits] it with the {h} hand",
            "{they} [slap|clap|touch] their raised {h} hands together",
            "{1} gives {2} a [high-five|high five] [using|with] the {h} hand",
            "{they} [high-five|high five each other|do a high five|are giving each other a high-five]",
            "{they} raise their {h} arms and their palms meet [in the air|at head height]",
            "{they} [celebrate|greet each other] with a {h}-handed high-five",
            "[high five|high-five|a high five|giving high fives|high five with the {h} hand|{h}-handed high five]",
        ],
        [
            &["a person high-fives with the {h} hand", "{1} raises the {h} hand for a high-five"],
            &["a person high-fives with the {h} hand", "{1} slaps a raised hand with the {h} hand"],
        ],
    )
}

/// Both leap up, and their palms meet in the air.
pub fn jumping_high_five(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let (above, stretch) = (stage.draws.uniform(0.6, 0.7), stage.draws.uniform(0.84, 0.94));
    let distance = stage.reach_distance([hand; 2], above, stretch, 0.03);
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let height = stage.draws.uniform(0.13, 0.2);
    let at = settled + 0.8 * stage.slow + 0.1;
    stage.stay_until(at + 0.9);
    stage.leave();
    let mut parts = stage.parts();
    for part in &mut parts {
        hop(part, at - 0.5 * airborne(height), height);
        let when = Span::meeting(at - 0.05, 0.6 * stage.slow, 0.12, 0.7);
        part.reach_with(hand, when, [0.9, -0.8, 0.0], palms(hand, hand, above, |_| 0.0));
    }
    stage.chained(
        "high-five",
        &parts,
        Deed {
            they: &[
                "~jump and ~high-five each other",
                "~jump up and ~give each other a high-five",
                "~leap and ~slap {h} hands in the air",
                "~do a jumping high five with their {h} hands",
            ],
            ..Deed::default()
        },
        &[
            "[jumping high five|a high five in the air|jump and high-five]",
            "{they} jump [and|to] high-five each other",
            "{they} leap up and slap their {h} hands together",
            "{they} jump with joy and [give each other|share] a high-five",
            "{they} meet in mid-air for a {h}-handed high-five",
        ],
        [
            &["a person jumps and high-fives with the {h} hand"],
            &["a person leaps and slaps a raised hand with the {h} hand"],
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
    stage.stay_until(at + hold + 0.4);
    stage.leave();
    stage.stay_until(at + hold + 0.85);
    let mut parts = stage.parts();
    for part in &mut parts {
        let when = Span::meeting(at, 0.6 * stage.slow, hold, 0.7);
        lean_in(part, when, 0.08, -0.18 * hand.sign());
        part.reach(hand, when, palms(hand, hand, above, |_| 0.0));
    }
    stage.chained(
        "fist bump",
        &parts,
        Deed {
            they: &[
                "~bump fists",
                "~bump {h} fists",
                "~touch their {h} fists together",
                "~give each other a fist bump",
                "~do a {h}-handed fist bump",
            ],
            first: &["~give {2} a fist bump", "~bump {2}'s {h} fist", "~bump fists with {2}"],
            second: &[],
        },
        &[
            "{they} [bump|touch|knock] their {h} fists",
            "{1} fist-bumps {2} with the {h} hand",
            "{1} [holds out|extends|offers] the {h} fist and {2} [bumps|knocks|touches] it with the {h} fist",
            "{they} [do|share|exchange] a [fist bump|fist-bump] with their {h} hands",
            "{they} greet each other with a {h}-handed fist bump",
            "{they} [bump fists|fist bump|give each other a fist bump|are bumping fists]",
            "{1} and {2} punch their {h} fists lightly together at chest height",
            "[fist bump|a fist bump|bumping fists|bump {h} fists|{h}-handed fist bump]",
        ],
        [
            &["a person bumps fists with the {h} hand", "{1} holds out the {h} fist"],
            &["a person bumps fists with the {h} hand", "{1} meets a fist with the {h} fist"],
        ],
    )
}
