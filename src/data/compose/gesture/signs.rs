//! Signs of one hand or both: what is shown, and what it is called.

use super::pose::{Hand, mix};
use super::score::{Part, Torso, View, short_of};
use super::sign::Sign;
use super::timing::Span;
use crate::motion::vector::{Vec3d, add};
use std::f64::consts::{PI, TAU};

/// (outward, up, forward) of the shoulder of this hand.
fn from_shoulder(view: &View, hand: Hand, [out, up, forward]: Vec3d) -> Vec3d {
    add(view.own(hand.shoulder()), view.mine([hand.sign() * out, up, forward]))
}

/// One hand, with the elbow toward `pole`; `aim` gets the seconds since the hand is there.
fn one(part: &mut Part, hand: Hand, when: Span, pole: Vec3d, aim: fn(&View, Hand, f64) -> Vec3d) {
    part.bend(when.led(0.08), Torso { twist: -0.06 * hand.sign(), ..Torso::default() });
    let start = when.there();
    part.reach_with(hand, when, pole, move |view| aim(view, hand, view.time - start));
}

/// Both hands alike.
fn both(part: &mut Part, when: Span, pole: Vec3d, aim: fn(&View, Hand, f64) -> Vec3d) {
    let start = when.there();
    for hand in Hand::BOTH {
        part.reach_with(hand, when, pole, move |view| aim(view, hand, view.time - start));
    }
}

/// Held for a usual time.
const USUAL: [f64; 2] = [1.2, 2.4];

/// All signs of hands.
pub const SIGNS: &[Sign] = &[
    Sign {
        family: "wave",
        phrases: &[
            "~wave with the {h} hand",
            "~wave the {h} hand",
            "~raise the {h} hand and ~wave",
            "~lift the {h} arm and ~wave",
            "~wave",
            "~wave hello with the {h} hand",
            "~wave goodbye with the {h} hand",
            "~greet with a wave of the {h} hand",
        ],
        short: &[
            "[wave|waving|waving hello|wave goodbye|waving goodbye|wave with the {h} hand|{h}-handed wave|waving the {h} hand]",
            "{1} waves [at|to] {2} [with the {h} hand|using the {h} hand|]",
            "{1} [greets|says hello to] {2} by waving the {h} hand",
            "{1} waves at {2}, {h} hand [up|raised]",
        ],
        lay: |part, hand, when| {
            one(part, hand, when, [1.0, -0.8, 0.0], |view, hand, t| {
                from_shoulder(view, hand, [0.22 + 0.16 * (TAU * 1.5 * t).sin(), 0.3, 0.18])
            });
        },
        hold: USUAL,
        walking: true,
        posture: false,
    },
    Sign {
        family: "point",
        phrases: &[
            "~point forward with the {h} hand",
            "~point at the other with the {h} hand",
            "~stretch out the {h} arm and ~point at the other",
            "~point the {h} index finger at the other",
            "~extend the {h} arm and ~point ahead",
        ],
        short: &[
            "{1} points at {2} [with|using] the {h} [hand|arm|finger]",
            "{1} [stretches out|extends|raises] the {h} arm and points at {2}",
            "{2} is pointed at by {1}",
            "{1} [points a finger|points] [at|toward] {2}",
            "[pointing|point|pointing with the {h} hand|point with the {h} arm|pointing at someone]",
        ],
        lay: |part, hand, when| {
            one(part, hand, when, [0.4, -1.0, 0.0], |view, hand, _| {
                short_of(view.theirs(9), view.own(hand.shoulder()), 0.49)
            });
        },
        hold: USUAL,
        walking: false,
        posture: false,
    },
    Sign {
        family: "point",
        phrases: &[
            "~point up with the {h} hand",
            "~raise the {h} arm and ~point up",
            "~point to the sky with the {h} hand",
            "~point upward with the {h} arm",
            "~lift the {h} hand high and ~point up",
        ],
        short: &[
            "[pointing up|point up with the {h} hand|pointing at the sky with the {h} arm]",
            "{1} points up with the {h} hand",
        ],
        lay: |part, hand, when| {
            one(part, hand, when, [1.0, 0.0, 0.4], |view, hand, _| {
                from_shoulder(view, hand, [0.08, 0.47, 0.12])
            });
        },
        hold: USUAL,
        walking: true,
        posture: false,
    },
    Sign {
        family: "point",
        phrases: &[
            "~point to the {h} with the {h} hand",
            "~point to the {h}",
            "~stretch the {h} arm out to the side and ~point",
            "~show the way to the {h}",
            "~raise the {h} arm sideways and ~point",
        ],
        short: &["[pointing to the {h}|point to the {h} side]", "{1} points to the {h}"],
        lay: |part, hand, when| {
            one(part, hand, when, [0.0, -1.0, -0.4], |view, hand, _| {
                from_shoulder(view, hand, [0.46, 0.02, 0.14])
            });
        },
        hold: USUAL,
        walking: true,
        posture: false,
    },
    Sign {
        family: "salute",
        phrases: &[
            "~salute with the {h} hand",
            "~salute",
            "~raise the {h} hand to the forehead and ~salute",
            "~give a {h}-handed salute",
            "~bring the {h} hand to the brow in a salute",
            "~give a military salute with the {h} hand",
        ],
        short: &[
            "[salute|saluting|a salute|military salute|salute with the {h} hand]",
            "{1} salutes {2} [with the {h} hand|]",
            "{2} is saluted by {1}",
        ],
        lay: |part, hand, when| {
            one(part, hand, when, [1.0, -0.25, 0.1], |view, hand, _| {
                add(view.own(15), view.mine([hand.sign() * 0.13, 0.02, 0.1]))
            });
        },
        hold: USUAL,
        walking: false,
        posture: false,
    },
    Sign {
        family: "beckon",
        phrases: &[
            "~beckon with the {h} hand",
            "~gesture to come closer with the {h} hand",
            "~wave someone over with the {h} hand",
            "~signal with the {h} hand to come here",
        ],
        short: &[
            "[beckoning|come here|beckon with the {h} hand]",
            "{1} beckons {2} [closer|over] with the {h} hand",
        ],
        lay: |part, hand, when| {
            one(part, hand, when, [0.6, -1.0, -0.2], |view, hand, t| {
                let pull = 0.5 - 0.5 * (TAU * 1.2 * t).cos();
                from_shoulder(view, hand, [0.02, -0.12 + 0.18 * pull, 0.44 - 0.2 * pull])
            });
        },
        hold: USUAL,
        walking: false,
        posture: false,
    },
    Sign {
        family: "touch-head",
        phrases: &[
            "~scratch the head with the {h} hand",
            "~touch the head with the {h} hand",
            "~put the {h} hand on the head",
            "~lay the {h} hand on the head",
            "~raise the {h} hand and ~scratch the head",
            "~rub the head with the {h} hand",
        ],
        short: &[
            "[scratching the head|scratch the head|touch the head|a hand on the head|{h} hand on the head]",
            "{1} scratches the head with the {h} hand",
        ],
        lay: |part, hand, when| {
            one(part, hand, when, [1.0, 0.1, 0.3], |view, hand, t| {
                let rub = 0.015 * (TAU * 1.5 * t).sin();
                add(view.own(15), view.mine([hand.sign() * 0.08, 0.13 + rub, 0.0]))
            });
        },
        hold: USUAL,
        walking: true,
        posture: false,
    },
    Sign {
        family: "touch-head",
        phrases: &[
            "~hold the head with both hands",
            "~put both hands on the head",
            "~grab the head with both hands",
            "~clasp both hands to the head",
            "~despair and ~hold the head in both hands",
        ],
        short: &[
            "[both hands on the head|hands on the head|holding the head with both hands]",
            "{1} holds the head with both hands",
        ],
        lay: |part, _, when| {
            part.bend(when.led(0.05), Torso { bend: 0.06, nod: 0.12, ..Torso::default() });
            both(part, when, [1.0, 0.1, 0.4], |view, hand, _| {
                add(view.own(15), view.mine([hand.sign() * 0.11, 0.08, 0.01]))
            });
        },
        hold: USUAL,
        walking: false,
        posture: false,
    },
    Sign {
        family: "raise-arms",
        phrases: &[
            "~raise the {h} arm",
            "~raise the {h} hand",
            "~put the {h} hand up",
            "~lift the {h} arm over the head",
            "~hold the {h} hand up high",
            "~stretch the {h} arm up",
            "~lift the {h} hand above the head",
        ],
        short: &[
            "[raise the {h} hand|{h} hand up|raising the {h} arm|{h} arm up|hold up the {h} hand]",
            "{1} raises the {h} arm",
        ],
        lay: |part, hand, when| {
            one(part, hand, when, [1.0, 0.0, 0.3], |view, hand, _| {
                from_shoulder(view, hand, [0.06, 0.5, 0.03])
            });
        },
        hold: USUAL,
        walking: true,
        posture: false,
    },
    Sign {
        family: "raise-arms",
        phrases: &[
            "~raise both arms",
            "~lift both arms over the head",
            "~put both hands up",
            "~hold both arms up high",
            "~throw both arms up",
            "~cheer with both arms up",
            "~surrender with both hands up",
        ],
        short: &[
            "[both arms up|raise both arms|arms up|hands in the air|cheering|surrender]",
            "{1} raises both arms",
        ],
        lay: |part, _, when| {
            both(part, when, [1.0, -0.2, 0.2], |view, hand, _| from_shoulder(view, hand, [0.14, 0.47, 0.05]));
        },
        hold: USUAL,
        walking: true,
        posture: false,
    },
    Sign {
        family: "raise-arms",
        phrases: &[
            "~put both hands up in surrender",
            "~surrender",
            "~give up and ~raise both hands",
            "~hold both hands up beside the head",
            "~raise both hands to the height of the head",
        ],
        short: &["[surrender|surrendering|hands up]", "{1} surrenders to {2}"],
        lay: |part, _, when| {
            both(part, when, [1.0, -0.6, 0.0], |view, hand, _| from_shoulder(view, hand, [0.18, 0.3, 0.1]));
        },
        hold: USUAL,
        walking: false,
        posture: false,
    },
    Sign {
        family: "raise-arms",
        phrases: &[
            "~cheer with the arms in the air",
            "~cheer and ~pump both fists in the air",
            "~celebrate with both arms up",
            "~raise the arms and ~lower them again and again",
        ],
        short: &["[cheering|celebrating|cheer with raised arms]", "{1} cheers with raised arms"],
        lay: |part, _, when| {
            both(part, when, [1.0, -0.3, 0.2], |view, hand, t| {
                let up = 0.38 + 0.1 * (TAU * 1.3 * t).sin();
                from_shoulder(view, hand, [0.18, up, 0.08])
            });
        },
        hold: USUAL,
        walking: false,
        posture: false,
    },
    Sign {
        family: "cross-arms",
        phrases: &[
            "~cross the arms",
            "~fold the arms over the chest",
            "~cross both arms in front of the chest",
            "~stand with crossed arms",
            "~fold both arms",
            "~stand with folded arms",
        ],
        short: &["[crossed arms|arms crossed|crossing the arms|folded arms]", "{1} crosses the arms"],
        lay: |part, side, when| {
            let start = when.there();
            for hand in Hand::BOTH {
                // Forearms one above the other in front of the chest.
                let up = if hand == side { 0.0 } else { -0.06 };
                part.reach_with(hand, when, [0.9, -0.9, 0.1], move |view| {
                    let breath = 0.004 * (TAU * 0.3 * (view.time - start)).sin();
                    add(view.own(9), view.mine([-0.12 * hand.sign(), up - 0.03 + breath, 0.19 - up * 0.4]))
                });
            }
        },
        hold: [1.6, 3.0],
        walking: false,
        posture: false,
    },
    Sign {
        family: "hands-on-hips",
        phrases: &[
            "~put both hands on the hips",
            "~stand with the hands on the hips",
            "~set the hands on the hips",
            "~place both hands on the hips",
            "~rest the hands on the hips",
            "~pose with the hands on the hips",
        ],
        short: &[
            "[hands on hips|hands on the hips|standing with hands on the hips]",
            "{1} puts both hands on the hips",
        ],
        lay: |part, _, when| {
            both(part, when, [1.0, 0.0, -0.5], |view, hand, _| {
                add(mix(view.own(0), view.own(3), 0.5), view.mine([0.19 * hand.sign(), 0.0, -0.02]))
            });
        },
        hold: [1.6, 3.0],
        walking: false,
        posture: false,
    },
    Sign {
        family: "clap",
        phrases: &[
            "~clap",
            "~clap the hands",
            "~applaud",
            "~clap both hands",
            "~give applause",
            "~clap the hands again and again",
        ],
        short: &["[clapping|applause|clap|clapping hands|applauding]", "{1} [claps for|applauds] {2}"],
        lay: |part, _, when| {
            both(part, when, [0.9, -0.9, -0.2], |view, hand, t| {
                // Palms meet while wrists are 4 cm apart.
                let open = 0.02 + 0.17 * (0.5 - 0.5 * (TAU * 1.35 * t).cos());
                add(view.own(9), view.mine([open * hand.sign(), 0.06, 0.3]))
            });
        },
        hold: [1.5, 2.8],
        walking: true,
        posture: false,
    },
    Sign {
        family: "drink",
        phrases: &[
            "~drink with the {h} hand",
            "~drink from a glass in the {h} hand",
            "~raise a cup to the mouth with the {h} hand",
            "~take a sip, the {h} hand at the mouth",
            "~drink something",
            "~lift the {h} hand to the mouth and ~drink",
        ],
        short: &[
            "[drinking|drink|drink from a cup|drinking with the {h} hand|having a drink]",
            "{1} drinks with the {h} hand",
        ],
        lay: |part, hand, when| {
            part.bend(when.led(-0.2), Torso { nod: -0.12, ..Torso::default() });
            one(part, hand, when, [0.9, -0.9, 0.2], |view, hand, t| {
                let tilt = 0.03 * (PI * 0.5 * t).sin().abs();
                add(view.own(15), view.mine([hand.sign() * 0.05, -0.05 + tilt, 0.15]))
            });
        },
        hold: USUAL,
        walking: false,
        posture: false,
    },
];
