//! Signs of the whole body: bow, sit, kneel, squat, look around, turn slow arms in a crouch.

use super::pose::Hand;
use super::score::Torso;
use super::sign::Sign;
use super::stage::Stage;
use super::timing::Span;
use crate::data::compose::families::templates::{UNISON, WATCH};
use crate::data::compose::scene::Scene;
use crate::motion::vector::add;
use std::f64::consts::{PI, TAU};

/// All signs of bodies.
pub const SIGNS: &[Sign] = &[
    Sign {
        family: "bow",
        phrases: &[
            "~bow",
            "~take a bow",
            "~bow politely",
            "~bend forward in a bow",
            "~make a bow",
            "~bow respectfully",
            "~lower the head and ~bow",
        ],
        short: &["[bow|bowing|a bow|a deep bow|taking a bow]", "{1} bows [to|in front of|before] {2}"],
        lay: |part, _, when| {
            // The hips go back as the head goes forward, over feet that stay.
            part.bend(when, Torso { bend: 0.95, nod: 0.25, shift: [0.0, -0.01, -0.1], ..Torso::default() });
        },
        hold: [0.3, 1.1],
        walking: false,
        posture: false,
    },
    Sign {
        family: "bow",
        phrases: &["~bow slightly", "~nod with a slight bow", "~make a small bow", "~bow a little"],
        short: &["[a slight bow|a small bow]", "{1} bows a little to {2}"],
        lay: |part, _, when| {
            part.bend(when, Torso { bend: 0.5, nod: 0.25, shift: [0.0, 0.0, -0.05], ..Torso::default() });
        },
        hold: [0.3, 0.9],
        walking: false,
        posture: false,
    },
    Sign {
        family: "sit",
        phrases: &[
            "~sit down",
            "~sit down on a chair",
            "~take a seat",
            "~sit on a chair",
            "~lower the body onto a seat",
        ],
        short: &[
            "[sit down|sitting down|sitting|take a seat|sitting on a chair]",
            "{1} sits down on a chair",
        ],
        lay: |part, _, when| {
            let down = when;
            part.sway(down, |_| Torso { shift: [0.0, -0.4, -0.3], bend: 0.08, ..Torso::default() });
            // Down and up, the body leans over the feet.
            for from in [down.from, down.there() + down.hold] {
                let over = Span { from, rise: 0.45 * down.rise, hold: 0.0, fall: 0.55 * down.rise };
                part.bend(over, Torso { bend: 0.55, ..Torso::default() });
            }
            for hand in Hand::BOTH {
                part.reach(hand, down.led(-0.1), move |view| {
                    add(view.own(hand.knee()), view.mine([0.02 * hand.sign(), 0.07, -0.09]))
                });
            }
        },
        hold: [2.0, 3.4],
        walking: false,
        posture: true,
    },
    Sign {
        family: "kneel",
        phrases: &[
            "~kneel on the {h} knee",
            "~go down on the {h} knee",
            "~kneel down on the {h} knee",
            "~kneel",
            "~kneel down",
            "~get down on one knee",
        ],
        short: &[
            "[kneel|kneeling|kneel down|on the {h} knee]",
            "{1} kneels [before|in front of] {2} on the {h} knee",
        ],
        lay: |part, leg, when| {
            let (legs, hips) = part.build();
            let [thigh, shin, _] = legs[0];
            part.bend(when, Torso { shift: [0.0, thigh + 0.06 - hips, 0.0], bend: 0.08, ..Torso::default() });
            let (knee, front) = (0.09 * leg.sign(), -0.1 * leg.sign());
            part.stride(leg, when, [[knee, 0.1, -shin + 0.04], [knee, 0.02, -shin - 0.02]]);
            part.stride(leg.other(), when, [[front, 0.07, 0.34], [front, 0.015, 0.46]]);
        },
        hold: [1.6, 3.0],
        walking: false,
        posture: true,
    },
    Sign {
        family: "squat",
        phrases: &[
            "~squat down",
            "~squat",
            "~crouch down",
            "~go down into a squat",
            "~bend the knees and ~squat",
            "~do a squat",
        ],
        short: &["[squat|squatting|squats|crouching down]", "{1} squats down"],
        lay: |part, _, when| {
            part.bend(when, Torso { shift: [0.0, -0.4, -0.1], bend: 0.5, nod: -0.2, ..Torso::default() });
            for hand in Hand::BOTH {
                part.reach(hand, when, move |view| {
                    add(view.own(hand.shoulder()), view.mine([-0.05 * hand.sign(), -0.08, 0.45]))
                });
            }
        },
        hold: [0.3, 1.4],
        walking: false,
        posture: false,
    },
    Sign {
        family: "look-around",
        phrases: &[
            "~look around",
            "~look to the left and to the right",
            "~look from side to side",
            "~glance around",
            "~turn the head and ~look about",
            "~look over both shoulders",
            "~search all around with the eyes",
        ],
        short: &["[looking around|look around|look left and right|glancing around]", "{1} looks around"],
        lay: |part, side, when| {
            let rate = 1.0 / (0.5 * when.hold + 0.8);
            let wide = Span { hold: when.hold + 0.3, ..when };
            let sign = side.sign();
            part.sway(wide, move |t| {
                let turn = (TAU * rate * (t - 0.2)).sin();
                Torso { twist: sign * 1.25 * turn, nod: 0.04 * (3.0 * t).sin(), ..Torso::default() }
            });
        },
        hold: [2.0, 3.2],
        walking: false,
        posture: false,
    },
    Sign {
        family: "tai-chi",
        phrases: &[
            "~do tai chi",
            "~practice tai chi",
            "~do slow tai chi movements",
            "~move the arms slowly in tai chi",
            "~perform tai chi",
            "~do slow flowing arm movements with bent knees",
        ],
        short: &["[tai chi|doing tai chi|practicing tai chi|slow tai chi]", "{1} does tai chi"],
        lay: |part, side, when| {
            let sign = side.sign();
            part.sway(when, move |t| {
                let s = (TAU * 0.22 * t).sin();
                Torso {
                    shift: [0.07 * sign * s, -0.1 - 0.03 * (TAU * 0.22 * t).cos(), -0.02],
                    twist: 0.35 * sign * s,
                    ..Torso::default()
                }
            });
            for hand in Hand::BOTH {
                let from = when.from;
                let phase = if hand == side { 0.0 } else { 0.8 * PI };
                part.reach_with(hand, when, [0.8, -1.0, -0.1], move |view| {
                    let (sin, cos) = (TAU * 0.22 * (view.time - from) + phase).sin_cos();
                    let offset = [(0.02 + 0.14 * cos) * hand.sign(), -0.12 + 0.2 * sin, 0.36 + 0.06 * cos];
                    add(view.own(hand.shoulder()), view.mine(offset))
                });
            }
        },
        hold: [2.8, 4.5],
        walking: false,
        posture: false,
    },
    Sign {
        family: "stretch",
        phrases: &[
            "~stretch both arms overhead",
            "~stretch and ~yawn",
            "~stretch the body with the arms up",
            "~stretch upward with both arms",
            "~stretch",
        ],
        short: &["[stretching|stretch|stretching the arms up|a good stretch]", "{1} stretches the arms up"],
        lay: |part, side, when| {
            part.bend(when, Torso { bend: -0.12, lean: 0.05 * side.sign(), nod: -0.2, ..Torso::default() });
            for hand in Hand::BOTH {
                part.reach_with(hand, when, [1.0, -0.1, 0.1], move |view| {
                    add(view.own(hand.shoulder()), view.mine([0.02 * hand.sign(), 0.5, 0.0]))
                });
            }
        },
        hold: [1.0, 2.2],
        walking: false,
        posture: false,
    },
    Sign {
        family: "stretch",
        phrases: &[
            "~bend down and ~touch the toes",
            "~bend over and ~reach for the toes",
            "~stretch by touching the toes",
            "~reach down to the feet with both hands",
        ],
        short: &["[touch the toes|touching the toes|toe touch]", "{1} touches the toes"],
        lay: |part, _, when| {
            part.bend(when, Torso { bend: 1.9, nod: 0.1, shift: [0.0, -0.03, -0.14], ..Torso::default() });
            for hand in Hand::BOTH {
                part.reach_with(hand, when, [0.6, 0.5, -0.3], move |view| {
                    add(view.own(hand.ankle()), view.mine([0.03 * hand.sign(), 0.12, 0.12]))
                });
            }
        },
        hold: [0.5, 1.3],
        walking: false,
        posture: false,
    },
];

/// Sit from the beginning, hands on the knees, and get up when `up` begins to fall.
fn seated(part: &mut super::score::Part, up: Span) {
    part.bend(up, Torso { shift: [0.0, -0.4, -0.3], bend: 0.08, ..Torso::default() });
    for hand in Hand::BOTH {
        part.reach(hand, up, move |view| {
            add(view.own(hand.knee()), view.mine([0.02 * hand.sign(), 0.07, -0.09]))
        });
    }
}

/// Get up from a seat; the other sits on, stands, or gets up as well.
pub fn get_up(stage: &mut Stage) -> Scene {
    let (gap, aside) = (stage.draws.uniform(1.1, 2.2), stage.draws.uniform(-0.2, 0.2));
    stage.apart(gap, aside);
    let (from, fall) = (stage.draws.uniform(0.3, 1.0), stage.draws.uniform(1.0, 1.5));
    let other = stage.draws.below(3);
    let end = from + fall + stage.draws.uniform(0.5, 1.5);
    stage.stay_until(end.max(2.4));
    let mut parts = stage.parts();
    let up = Span { from: -1.0, rise: 0.2, hold: 0.8 + from, fall };
    let over = Span { from: from - 0.15, rise: 0.45 * fall, hold: 0.0, fall: 0.65 * fall };
    for (who, part) in parts.iter_mut().enumerate() {
        let stays = Span { hold: 60.0, ..up };
        match (who, other) {
            (1, 1) => {}
            (1, 0) => seated(part, stays),
            _ => {
                seated(part, up);
                part.bend(over, Torso { bend: 0.5, ..Torso::default() });
            }
        }
    }
    let rises =
        ["~get up from a chair", "~stand up", "~rise from a seat", "~get up", "~stand up from a chair"];
    let stays: &[&str] = match other {
        0 => &["~stay seated", "~sit", "~remain seated", "~keep sitting", "~sit on a chair"],
        1 => &["~stand", "~stand still", "~wait", "~watch"],
        _ => &rises,
    };
    let templates = if other == 2 { UNISON } else { WATCH };
    let does = [&rises[..], stays].map(|list| list.iter().map(|&phrase| phrase.to_owned()).collect());
    let skips =
        ["does nothing", "{1} faces {2} and {as}", "{they} stand", "[stands|watches", "remains standing"];
    let templates: Vec<&str> =
        templates.iter().copied().filter(|text| skips.iter().all(|skip| !text.contains(skip))).collect();
    stage.told_by("sit", &parts, &templates, does)
}

/// Turn on the spot, half around or all around: one before the other's eyes, or both until they stand back to back.
pub fn turn(stage: &mut Stage) -> Scene {
    let gap = stage.draws.uniform(0.9, 1.8);
    stage.apart(gap, 0.0);
    let side = stage.side;
    let (both, whole) = (stage.draws.chance(0.35), stage.draws.chance(0.35));
    let start = stage.draws.uniform(0.1, 0.5);
    stage.stay_until(start);
    let angle = side.sign() * if whole { TAU } else { PI };
    let seconds = stage.draws.uniform(0.45, 0.65) * angle.abs();
    stage.step(0, [0.0; 2], angle, seconds);
    if both {
        stage.step(1, [0.0; 2], angle, seconds);
    }
    let end = stage.now() + stage.draws.uniform(0.3, 0.9);
    stage.stay_until(end.max(2.3));
    let parts = stage.parts();
    let turns: &[&str] = if whole {
        &[
            "~turn all the way around to the {h}",
            "~make a full turn to the {h}",
            "~turn in a full circle on the spot",
            "~spin around once to the {h}",
            "~turn around once on the spot to the {h}",
        ]
    } else {
        &[
            "~turn around to the {h}",
            "~turn around",
            "~make a half turn to the {h}",
            "~turn around on the spot to the {h}",
            "~turn around over the {h} shoulder",
        ]
    };
    let turns = super::words::all_sided(turns, side);
    let backs = [
        "{they} turn [away from each other|back to back]",
        "{they} turn their backs [on|to] each other",
        "{they} turn around until they stand back to back",
        "{1} turns their back on {2} and {2} does the same",
    ];
    let away = [
        "{1} turns their back on {2}",
        "{1} turns away from {2}, who {bs}",
        "{1} turns [around|away] and shows {2} their back",
    ];
    let stands: Vec<String> = ["~stand still", "~watch", "~wait", "~stand"].map(str::to_owned).to_vec();
    let own: &[&str] = match (whole, both) {
        (true, _) => &[],
        (false, true) => &backs,
        (false, false) => &away,
    };
    let templates = if both { UNISON } else { WATCH };
    let does = [turns.clone(), if both { turns } else { stands }];
    stage.told_by("turn", &parts, &[templates, own, own].concat(), does)
}
