//! Each predicate: a case that it is true of, one that it is false of, and the first in a mirror.

use super::super::stage::{People, mirrored, people, reach, see, sink, step, tip, twist};
use super::*;
use crate::motion::mirror::{CaptionRule, mirror_caption};
use crate::motion::{Pose, Vec3};

fn holds(text: &str, people: &People) -> bool {
    #[derive(Deserialize)]
    struct One {
        check: Predicate,
    }
    let one: One = toml::from_str(&format!("check = {text}")).unwrap();
    one.check.holds(Cast { scene: &see(people), exchanged: false })
}

/// As [`both_ways`]; where the text names a side, it is false of the mirrored `yes` as it stands.
fn told_apart(text: &str, yes: &People, no: &People) {
    both_ways(text, yes, no);
    if text.contains("left") || text.contains("right") {
        assert!(!holds(text, &mirrored(yes)), "{text} should mind the mirror");
    }
}

/// `text` is true of `yes` and false of `no`; in a mirror, with left and right exchanged in its words, likewise.
fn both_ways(text: &str, yes: &People, no: &People) {
    assert!(holds(text, yes), "{text} should be true");
    assert!(!holds(text, no), "{text} should be false");
    let exchanged = mirror_caption(text, CaptionRule::Upstream);
    assert!(holds(&exchanged, &mirrored(yes)), "{exchanged} should be true in the mirror");
    assert!(!holds(&exchanged, &mirrored(no)), "{exchanged} should be false in the mirror");
}

/// A, at the origin, bends as told; B stands 1.2 m before A and looks at A.
fn a_does(act: impl Fn(f32, &mut Pose)) -> People {
    people(|person, s, pose| {
        if person == 0 {
            act(s, pose);
            (0.0, 0.0, 0.0)
        } else {
            (0.0, 1.2, 180.0)
        }
    })
}

/// A goes as told, with x, z, degrees; B stands at x, z, degrees.
fn a_goes(b: (f32, f32, f32), way: impl Fn(f32) -> (f32, f32, f32)) -> People {
    people(|person, s, _| if person == 0 { way(s) } else { b })
}

fn idle() -> People {
    a_does(|_, _| ())
}

/// Up and down between 0 and 1, `times` a second.
fn beat(s: f32, times: f32) -> f32 {
    0.5 - 0.5 * (s * times * std::f32::consts::TAU).cos()
}

const HANG: Vec3 = [0.2, 0.85, 0.0];
const B: (f32, f32, f32) = (0.0, 2.0, 180.0);

#[test]
fn near_and_far() {
    // Two right hands meet halfway.
    let hands = people(|person, _, pose| {
        reach(pose, 1, [0.0, 1.1, 0.5]);
        (0.0, 1.2 * person as f32, 180.0 * person as f32)
    });
    let other_hands = people(|person, _, pose| {
        reach(pose, 0, [0.0, 1.1, 0.5]);
        (0.0, 1.2 * person as f32, 180.0 * person as f32)
    });
    told_apart(
        r#"{ is = "near", of = "A.right_hand", to = "B.right_hand", share = 0.9 }"#,
        &hands,
        &other_hands,
    );
    told_apart(
        r#"{ is = "far", of = "A.left_hand", to = "B.left_hand", at_least_cm = 60 }"#,
        &hands,
        &other_hands,
    );
    let claps = a_does(|s, pose| {
        let apart = 0.04 + 0.2 * beat(s, 1.5);
        reach(pose, 0, [apart, 1.2, 0.3]);
        reach(pose, 1, [-apart, 1.2, 0.3]);
    });
    let folded = a_does(|_, pose| {
        reach(pose, 0, [0.04, 1.2, 0.3]);
        reach(pose, 1, [-0.04, 1.2, 0.3]);
    });
    both_ways(r#"{ is = "near", of = "A.left_hand", to = "A.right_hand", times = 3 }"#, &claps, &folded);
    // A hand on B's left shoulder, which from the front is on A's right.
    let pats = a_does(|_, pose| reach(pose, 1, [-0.17, 1.38, 1.0]));
    told_apart(r#"{ is = "near", of = "A.hand", to = "B.left_shoulder" }"#, &pats, &idle());
}

#[test]
fn coming_going_and_keeping() {
    let comes = a_goes(B, |s| (0.0, 0.4 * s, 0.0));
    let leaves = a_goes((0.0, 1.0, 0.0), |s| (0.0, -0.4 * s, 180.0));
    told_apart(r#"{ is = "approach" }"#, &comes, &leaves);
    told_apart(r#"{ is = "part" }"#, &leaves, &comes);
    told_apart(r#"{ is = "keeps", above_m = 0.9 }"#, &leaves, &a_goes(B, |s| (0.0, 0.6 * s, 0.0)));
    told_apart(r#"{ is = "travels", who = "A", at_least_m = 0.8, way = "toward" }"#, &comes, &leaves);
    told_apart(r#"{ is = "travels", who = "A", at_least_m = 0.8, way = "away" }"#, &leaves, &comes);
    told_apart(r#"{ is = "travels", who = "A", at_least_m = 0.8 }"#, &comes, &idle());
    told_apart(r#"{ is = "stays", who = "A" }"#, &idle(), &comes);
    let backs = a_goes(B, |s| (0.0, -0.4 * s, 0.0));
    told_apart(r#"{ is = "travels", who = "A", at_least_m = 0.8, way = "backward" }"#, &backs, &comes);
    told_apart(r#"{ is = "travels", who = "A", at_least_m = 0.8, way = "forward" }"#, &comes, &backs);
    let sidles = a_goes(B, |s| (0.4 * s, 0.0, 0.0));
    told_apart(r#"{ is = "travels", who = "A", at_least_m = 0.8, way = "left" }"#, &sidles, &comes);
    let runs = a_goes((0.0, 9.0, 180.0), |s| (0.0, 2.5 * s, 0.0));
    told_apart(r#"{ is = "speed", who = "A", at_least = 1.8 }"#, &runs, &comes);
    told_apart(r#"{ is = "speed", who = "A", at_most = 1.8 }"#, &comes, &runs);
}

#[test]
fn turning_and_circling() {
    let turns = a_goes(B, |s| (0.0, 0.0, 120.0 * s));
    let nods = a_goes(B, |s| (0.0, 0.0, 20.0 * s.sin()));
    told_apart(r#"{ is = "turns", who = "A", at_least_deg = 300 }"#, &turns, &nods);
    told_apart(r#"{ is = "turns", who = "A", at_least_deg = 300, to = "left" }"#, &turns, &nods);
    let circles = a_goes((0.0, 0.0, 0.0), |s| {
        let (sin, cos) = (1.2 * s).sin_cos();
        (1.3 * sin, 1.3 * cos, 0.0)
    });
    told_apart(r#"{ is = "circles", who = "A", at_least_deg = 180, to = "left" }"#, &circles, &turns);
}

#[test]
fn facing_and_standing() {
    let eye_to_eye = a_goes(B, |_| (0.0, 0.0, 0.0));
    let back_to_b = a_goes(B, |_| (0.0, 0.0, 180.0));
    told_apart(r#"{ is = "faces", who = "both" }"#, &eye_to_eye, &back_to_b);
    told_apart(r#"{ is = "faces", who = "A", away = true }"#, &back_to_b, &eye_to_eye);
    told_apart(r#"{ is = "same_way" }"#, &back_to_b, &eye_to_eye);
    told_apart(r#"{ is = "placed", who = "B", at = "front" }"#, &eye_to_eye, &back_to_b);
    told_apart(r#"{ is = "placed", who = "B", at = "behind" }"#, &back_to_b, &eye_to_eye);
    let beside = a_goes((0.0, 0.0, 0.0), |_| (0.8, 0.0, 0.0));
    told_apart(r#"{ is = "placed", who = "A", at = "beside" }"#, &beside, &eye_to_eye);
    told_apart(r#"{ is = "placed", who = "A", at = "left" }"#, &beside, &eye_to_eye);
}

#[test]
fn jumping_crouching_kneeling() {
    let jumps = a_does(|s, pose| {
        let up = (0.3 * (s * std::f32::consts::PI).sin()).max(0.0);
        pose.iter_mut().for_each(|p| p[1] += up);
    });
    let hovers = a_does(|s, pose| {
        // One foot after the other is lifted, never both.
        let side = usize::from(s > 1.5);
        step(pose, side, [0.1, 0.4, 0.1]);
    });
    told_apart(r#"{ is = "airborne", who = "A" }"#, &jumps, &hovers);
    told_apart(
        r#"{ is = "airborne", who = "A", times = 2 }"#,
        &jumps,
        &a_does(|s, pose| {
            if s > 2.0 && s < 2.3 {
                pose.iter_mut().for_each(|p| p[1] += 0.2);
            }
        }),
    );
    let sits_down = a_does(|s, pose| sink(pose, 0.15 * s));
    told_apart(r#"{ is = "crouches", who = "A" }"#, &sits_down, &idle());
    told_apart(
        r#"{ is = "crouches", who = "A", when = "end" }"#,
        &sits_down,
        &a_does(|s, pose| sink(pose, 0.45 - 0.15 * s)),
    );
    told_apart(r#"{ is = "lower", who = "A" }"#, &sits_down, &idle());
    let kneels = a_does(|_, pose| {
        sink(pose, 0.4);
        pose[4] = [0.1, 0.08, 0.0];
        pose[7] = [0.1, 0.08, -0.4];
        pose[5] = [-0.1, 0.5, 0.4];
    });
    told_apart(r#"{ is = "kneels", who = "A", knee = "left" }"#, &kneels, &sits_down);
    told_apart(r#"{ is = "kneels", who = "A" }"#, &kneels, &sits_down);
}

#[test]
fn leaning_and_looking() {
    let bows = a_does(|s, pose| tip(pose, 20.0 * s, 0.0));
    let leans_left = a_does(|s, pose| tip(pose, 0.0, 20.0 * s));
    told_apart(r#"{ is = "leans", who = "A", way = "forward" }"#, &bows, &leans_left);
    told_apart(
        r#"{ is = "leans", who = "A", way = "backward" }"#,
        &a_does(|s, pose| tip(pose, -15.0 * s, 0.0)),
        &bows,
    );
    told_apart(r#"{ is = "leans", who = "A", way = "left" }"#, &leans_left, &bows);
    let looks_around = r#"{ is = "looks_around", who = "A" }"#;
    let looks = a_does(|s, pose| twist(pose, 35.0 * (2.0 * s).sin()));
    told_apart(looks_around, &looks, &idle());
    told_apart(looks_around, &looks, &a_goes(B, |s| (0.0, 0.0, 60.0 * (2.0 * s).sin())));
    told_apart(looks_around, &looks, &a_does(|s, pose| twist(pose, 40.0 * (2.0 * s).sin().abs())));
}

#[test]
fn arms() {
    let left_up = a_does(|_, pose| reach(pose, 0, [0.2, 1.9, 0.1]));
    told_apart(r#"{ is = "raises", who = "A", hand = "left" }"#, &left_up, &idle());
    let by_turns = a_does(|s, pose| reach(pose, usize::from(s > 1.5), [0.2, 1.9, 0.1]));
    let both_up = a_does(|_, pose| {
        reach(pose, 0, [0.2, 1.9, 0.1]);
        reach(pose, 1, [-0.2, 1.9, 0.1]);
    });
    told_apart(r#"{ is = "raises", who = "A", hand = "both" }"#, &both_up, &by_turns);
    told_apart(r#"{ is = "extends", who = "A", hand = "left", toward = "up" }"#, &left_up, &idle());
    let points = a_does(|_, pose| reach(pose, 1, [-0.15, 1.4, 0.5]));
    told_apart(r#"{ is = "extends", who = "A", hand = "right", toward = "other" }"#, &points, &idle());
    told_apart(r#"{ is = "extends", who = "A", hand = "right", toward = "forward" }"#, &points, &left_up);
    let shows = a_does(|_, pose| reach(pose, 0, [0.7, 1.4, 0.0]));
    told_apart(r#"{ is = "extends", who = "A", hand = "left", toward = "side" }"#, &shows, &points);
    let waves = a_does(|s, pose| reach(pose, 0, [0.3 + 0.2 * beat(s, 1.2), 1.7, 0.1]));
    told_apart(r#"{ is = "oscillates", of = "A.left_hand", above = "shoulder" }"#, &waves, &left_up);
    told_apart(r#"{ is = "oscillates", of = "A.left_hand", axis = "across" }"#, &waves, &left_up);
    told_apart(r#"{ is = "moves_more", of = "A.left_arm", than = "A.right_arm" }"#, &waves, &both_up);
    told_apart(r#"{ is = "moves_more", of = "A", than = "B" }"#, &waves, &idle());
}

#[test]
fn strikes_and_kicks() {
    let punches = a_does(|s, pose| {
        let out = beat(s, 2.0);
        reach(pose, 0, [0.15, 1.3, 0.1 + 0.5 * out]);
    });
    let reaches = a_does(|s, pose| reach(pose, 0, [0.15, 1.3, 0.1 + 0.15 * s]));
    told_apart(r#"{ is = "strikes", who = "A", hand = "left" }"#, &punches, &reaches);
    // As fast, but as low as an arm in walking.
    let walks = a_does(|s, pose| reach(pose, 0, [0.15, 0.85, 0.1 + 0.5 * beat(s, 2.0)]));
    told_apart(r#"{ is = "strikes", who = "A", hand = "left" }"#, &punches, &walks);
    let swings = a_does(|s, pose| reach(pose, 0, [0.6 * beat(s, 2.0) - 0.2, 1.3, 0.4]));
    told_apart(r#"{ is = "swings", who = "A", hand = "left" }"#, &swings, &reaches);
    told_apart(r#"{ is = "swings", who = "A", hand = "left" }"#, &swings, &walks);
    let kicks = a_does(|s, pose| {
        let out = beat(s, 1.0);
        step(pose, 1, [-0.1, 0.09 + 0.6 * out, 0.7 * out]);
    });
    let back_kick = a_does(|s, pose| {
        let out = beat(s, 1.0);
        step(pose, 1, [-0.1, 0.09 + 0.6 * out, -0.7 * out]);
    });
    told_apart(r#"{ is = "kicks", who = "A", foot = "right" }"#, &kicks, &back_kick);
}

/// At 1 s A's hands are at B's chest or not; then B goes from A, or is drawn to A.
fn hands_on_b(hands: impl Fn(f32) -> f32, way: impl Fn(f32) -> f32) -> People {
    people(|person, s, pose| {
        if person == 0 {
            reach(pose, 1, [-0.1, 1.2, 0.15 + hands(s)]);
        } else {
            reach(pose, 1, [-0.1, 1.1, 0.4]);
        }
        (0.0, person as f32 * (0.85 + way(s)), person as f32 * 180.0)
    })
}

#[test]
fn pushing_and_pulling() {
    let out = |s: f32| 0.5 * ((s - 0.6) / 0.3).clamp(0.0, 1.0);
    let gives_way = |s: f32| 0.5 * ((s - 1.0) / 0.5).clamp(0.0, 1.0);
    let shoves = r#"{ is = "shoves", who = "A" }"#;
    told_apart(shoves, &hands_on_b(out, gives_way), &hands_on_b(out, |_| 0.0));
    // Hands that have lain there for long, as in an embrace, do not shove.
    told_apart(shoves, &hands_on_b(out, gives_way), &hands_on_b(|_| 0.5, gives_way));
    let drags = r#"{ is = "drags", who = "A" }"#;
    let held = |s: f32| {
        people(move |person, t, pose| {
            reach(pose, 1, [0.0, 1.1, 0.45]);
            let z = -s * t.min(1.5);
            (0.0, z + 0.95 * person as f32, 180.0 * person as f32)
        })
    };
    told_apart(drags, &held(0.4), &held(0.0));
    told_apart(drags, &held(0.4), &held(-0.4));
}

#[test]
fn to_and_fro_in_the_room() {
    let paces = a_goes(B, |s| (0.0, 0.8 * beat(s, 0.5), 0.0));
    let comes = a_goes(B, |s| (0.0, 0.4 * s, 0.0));
    told_apart(r#"{ is = "oscillates", of = "A.pelvis", times = 1, at_least_cm = 60 }"#, &paces, &comes);
}

#[test]
fn a_bend_is_walked_forward() {
    // Round a circle of 1 m, front first: half a circle ends behind where it began.
    let circles = a_goes((0.0, 9.0, 0.0), |s| {
        let (sin, cos) = (1.2 * s).sin_cos();
        (1.0 - cos, sin, (1.2 * s).to_degrees())
    });
    assert!(holds(r#"{ is = "travels", who = "A", at_least_m = 2.0, way = "forward" }"#, &circles));
    assert!(!holds(r#"{ is = "travels", who = "A", at_least_m = 0.3, way = "backward" }"#, &circles));
}

#[test]
fn in_step() {
    let both = |late: f32, same_side: bool| {
        people(|person, s, pose| {
            // Uneven, so that there is one best delay only.
            let s = if person == 0 { s } else { s - late };
            let up = (2.0 * s).sin() * (0.7 * s).cos();
            let side = usize::from(person == 1 && !same_side);
            reach(pose, side, [HANG[0] * if side == 0 { 1.0 } else { -1.0 }, 1.3 + 0.4 * up, 0.1]);
            (0.0, 1.5 * person as f32, 180.0 * person as f32)
        })
    };
    let text = r#"{ is = "in_step" }"#;
    told_apart(text, &both(0.0, true), &both(0.6, true));
    told_apart(text, &both(0.1, false), &both(0.6, false));
    assert!(!holds(text, &idle()), "two people who stand still are not in step");
}

#[test]
fn not_any_and_all() {
    let left_up = a_does(|_, pose| reach(pose, 0, [0.2, 1.9, 0.1]));
    told_apart(
        r#"{ is = "not", check = { is = "raises", who = "A", hand = "left" } }"#,
        &mirrored(&left_up),
        &left_up,
    );
    let any =
        r#"{ is = "any", checks = [{ is = "raises", who = "A", hand = "left" }, { is = "approach" }] }"#;
    told_apart(any, &left_up, &idle());
    let all = any.replace("\"any\"", "\"all\"");
    let comes = |arm: bool| {
        people(move |person, s, pose| {
            if person == 0 && arm {
                reach(pose, 0, [0.2, 1.9, 0.1]);
            }
            if person == 0 { (0.0, 0.4 * s, 0.0) } else { B }
        })
    };
    told_apart(&all, &comes(true), &comes(false));
    assert!(!holds(&all, &left_up), "one of the two is not enough");
}

#[test]
fn b_is_looked_at_where_b_is_named() {
    let left_up = a_does(|_, pose| reach(pose, 0, [0.2, 1.9, 0.1]));
    let text = r#"{ is = "raises", who = "B", hand = "left" }"#;
    assert!(!holds(text, &left_up));
    let [a, b] = left_up;
    assert!(holds(text, &[b, a]));
}
