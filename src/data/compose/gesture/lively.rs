//! Signs of people who are beside themselves: laugh, hop, dance from foot to foot.

use super::pose::Hand;
use super::score::{Part, Torso};
use super::sign::Sign;
use super::timing::Span;
use crate::motion::vector::add;
use std::f64::consts::{PI, TAU};

/// Acceleration of a fall, m/s².
const GRAVITY: f64 = 9.81;
/// From one hop to the next, and from one step of a dance to the next, seconds.
const HOP: f64 = 0.9;
const BEAT: f64 = 0.5;

/// All lively signs.
pub const SIGNS: &[Sign] = &[
    Sign {
        family: "laugh",
        phrases: &[
            "~laugh out loud",
            "~laugh",
            "~laugh heartily",
            "~burst out laughing",
            "~shake with laughter",
            "~bend over with laughter",
            "~hold the belly and ~laugh",
        ],
        short: &["[laughing|laugh|laughing out loud|a fit of laughter]", "{1} laughs"],
        lay: |part, _, when| {
            part.sway(when.led(0.1), |t| {
                let (rock, shake) = ((PI * 0.9 * t).sin(), (TAU * 3.2 * t).sin());
                Torso { bend: 0.55 + 0.2 * rock + 0.03 * shake, nod: 0.05 * shake, ..Torso::default() }
            });
            for hand in Hand::BOTH {
                part.reach(hand, when, move |view| {
                    add(view.own(6), view.mine([0.07 * hand.sign(), -0.05, 0.17]))
                });
            }
        },
        hold: [1.2, 2.6],
        walking: false,
        posture: false,
    },
    Sign {
        family: "jump",
        phrases: &[
            "~jump up and down",
            "~jump straight up",
            "~jump up",
            "~hop on the spot",
            "~jump for joy",
            "~leap into the air",
        ],
        short: &["[jump|jumping|hopping|jump for joy|jump up and down]", "{1} jumps"],
        lay: |part, _, when| {
            let hops = 1 + (when.hold / HOP) as usize;
            for n in 0..hops {
                hop(part, when.from + 0.35 + HOP * n as f64, 0.17);
            }
            let last = Span { from: when.from, rise: 0.35, hold: HOP * (hops - 1) as f64 + 0.4, fall: 0.45 };
            let start = last.there();
            for hand in Hand::BOTH {
                part.reach(hand, last, move |view| {
                    let up = 0.2 * (TAU / HOP * (view.time - start)).sin();
                    add(view.own(hand.shoulder()), view.mine([0.16 * hand.sign(), up - 0.12, 0.3]))
                });
            }
        },
        hold: [0.1, 2.0],
        walking: false,
        posture: false,
    },
    Sign {
        family: "jump",
        phrases: &[
            "~squat down and ~jump up",
            "~crouch and ~jump",
            "~go into a squat and ~leap up",
            "~do a squat jump",
            "~bend the knees deeply and ~jump",
        ],
        short: &["[squat jump|squat and jump|jump squats]", "{1} does a squat jump"],
        lay: |part, _, when| {
            let down = Span { from: when.from, rise: 0.7, hold: 0.3, fall: 0.3 };
            part.bend(down, Torso { shift: [0.0, -0.38, -0.1], bend: 0.5, nod: -0.2, ..Torso::default() });
            hop(part, down.end() - 0.05, 0.2);
            for hand in Hand::BOTH {
                part.reach(hand, down, move |view| {
                    add(view.own(hand.shoulder()), view.mine([-0.03 * hand.sign(), -0.1, 0.42]))
                });
            }
        },
        hold: [0.8, 1.2],
        walking: false,
        posture: false,
    },
    Sign {
        family: "dance-free",
        phrases: &[
            "~dance from side to side",
            "~dance",
            "~dance freely",
            "~dance to the music",
            "~dance and ~swing the arms",
            "~step from side to side and ~dance",
        ],
        short: &["[dance|dancing|dance freely|dancing to music]", "{1} dances"],
        lay: |part, side, when| {
            let end = when.there() + when.hold;
            let beats = ((end - when.from) / BEAT) as usize;
            for beat in 0..beats {
                let leg = if beat % 2 == 0 { side } else { side.other() };
                let out = 0.27 * leg.sign();
                let step = Span { from: when.from + BEAT * beat as f64, rise: 0.21, hold: 0.06, fall: 0.21 };
                part.stride(leg, step, [[out, 0.085, -0.03], [out, 0.015, 0.09]]);
            }
            let sign = side.sign();
            part.sway(when, move |t| {
                let (swing, dip) = ((PI / BEAT * t).sin(), (TAU / BEAT * t).cos());
                Torso {
                    shift: [0.06 * sign * swing, -0.04 + 0.02 * dip, 0.0],
                    twist: 0.25 * sign * swing,
                    lean: 0.06 * sign * swing,
                    ..Torso::default()
                }
            });
            for hand in Hand::BOTH {
                let from = when.from;
                part.reach_with(hand, when, [0.9, -0.8, -0.2], move |view| {
                    let swing = sign * hand.sign() * (PI / BEAT * (view.time - from)).sin();
                    let aim = [0.14 * hand.sign(), -0.02 + 0.2 * swing, 0.28];
                    add(view.own(hand.shoulder()), view.mine(aim))
                });
            }
        },
        hold: [2.0, 3.4],
        walking: false,
        posture: false,
    },
];

/// Off the floor at `from`, as high as `height` metres: down, up, a fall, down again.
pub fn hop(part: &mut Part, from: f64, height: f64) {
    let flight = airborne(height);
    let low = Torso { shift: [0.0, -0.16, -0.03], bend: 0.2, ..Torso::default() };
    part.bend(Span { from: from - 0.32, rise: 0.22, hold: 0.0, fall: 0.12 }, low);
    part.leap(from, flight, height);
    part.bend(Span { from: from + flight - 0.04, rise: 0.14, hold: 0.0, fall: 0.26 }, low);
}

/// How long somebody who jumps so high, metres, is off the floor, seconds: twice √(2h/g).
pub fn airborne(height: f64) -> f64 {
    2.0 * (2.0 * height / GRAVITY).sqrt()
}
