//! What two do with their feet: circle each other on guard, pace to and fro, march in step, dance salsa.

use super::path::Place;
use super::pose::Hand;
use super::score::Torso;
use super::stage::{Stage, palms};
use super::timing::Span;
use crate::data::compose::scene::Scene;
use crate::motion::vector::add;
use std::f64::consts::{PI, TAU};

/// Around each other with sidesteps, fists up, eyes on the other.
pub fn circle_on_guard(stage: &mut Stage) -> Scene {
    let radius = stage.draws.uniform(0.55, 0.75);
    stage.apart(2.0 * radius, 0.0);
    let sign = stage.side.sign();
    let (angle, count) = (stage.draws.uniform(0.36, 0.46), 4 + stage.draws.below(3));
    for _ in 0..count {
        let seconds = stage.draws.uniform(0.55, 0.7);
        for who in 0..2 {
            // Whoever goes to the left turns right, so that the middle stays in front.
            let aside = [sign * radius * angle.sin(), radius * (1.0 - angle.cos())];
            stage.step(who, aside, -sign * angle, seconds);
        }
    }
    let end = stage.now();
    let mut parts = stage.parts();
    let guard = Span { from: 0.0, rise: 0.6, hold: end, fall: 0.5 };
    for part in &mut parts {
        for hand in Hand::BOTH {
            part.reach_with(hand, guard, [0.6, -1.0, 0.1], move |view| {
                let bob = 0.02 * (TAU * 1.1 * view.time).sin();
                add(view.own(15), view.mine([0.11 * hand.sign(), bob - 0.1, 0.22]))
            });
        }
    }
    stage.scene(
        "circle-on-guard",
        &parts,
        &[
            "[circling each other|boxers circling each other|circling with raised fists|on guard]",
            "{they} circle each other with raised fists",
            "{they} go around each other, fists up, without taking their eyes off the other",
            "{they} [circle|move around] each other like boxers",
            "two [boxers|fighters] circle each other, [watching|facing] each other",
            "{they} sidestep around each other on guard",
            "{they} keep facing each other while they circle",
        ],
        [
            &["a person sidesteps in a circle with raised fists", "{1} circles an opponent"],
            &["a person sidesteps in a circle with raised fists", "{1} circles an opponent"],
        ],
    )
}

/// To and fro before the other's eyes.
pub fn pace(stage: &mut Stage) -> Scene {
    let (far, gap) = (stage.draws.uniform(0.95, 1.3), stage.draws.uniform(1.2, 2.0));
    let way = if stage.draws.chance(0.5) { 1.0 } else { -1.0 };
    stage.put(0, Place { x: -0.5 * way * far, z: 0.0, turn: 0.5 * PI * way });
    stage.put(1, Place { x: 0.0, z: gap, turn: PI });
    let there = stage.draws.uniform(1.1, 1.4);
    stage.step(0, [0.0, far], 0.0, there);
    stage.step(0, [0.0, 0.0], PI * way, 1.1);
    stage.step(0, [0.0, far], 0.0, there);
    if stage.draws.chance(0.4) {
        stage.step(0, [0.0, 0.0], PI * way, 1.1);
    }
    let parts = stage.parts();
    stage.scene(
        "pace",
        &parts,
        &[
            "[pacing|pacing to and fro|walking back and forth|walk up and down]",
            "{1} paces to and fro while {2} watches",
            "{1} walks back and forth in front of {2}",
            "{1} walks up and down, {2} [stands and watches|stands still|looks on]",
            "{2} watches {1} walk back and forth",
            "{1} goes to one side, turns around and comes back while {2} waits",
            "{1} keeps walking up and down before {2}",
        ],
        [
            &["a person paces to and fro", "{1} walks back and forth"],
            &["a person stands and watches", "{1} stands still"],
        ],
    )
}

/// Side by side in step.
pub fn march(stage: &mut Stage) -> Scene {
    let gap = stage.draws.uniform(0.7, 1.1);
    let walk = stage.a_walk();
    let seconds = stage.draws.uniform(2.9, 4.4);
    for (who, x) in [(0, 0.0), (1, gap)] {
        stage.put(who, Place { x, z: 0.0, turn: 0.0 });
        stage.walk_on(who, &walk, seconds);
    }
    let parts = stage.parts();
    stage.scene(
        "march",
        &parts,
        &[
            "[marching|march|marching in step|march side by side]",
            "{they} march in step",
            "{they} march side by side like soldiers",
            "{they} walk in lockstep",
            "two soldiers march [together|in step]",
            "{they} walk side by side, in step with each other",
            "{they} keep step as they march",
        ],
        [
            &["a person marches forward", "{1} marches in step with somebody"],
            &["a person marches forward", "{1} marches in step with somebody"],
        ],
    )
}

/// Hands joined, forward and back from foot to foot; or the second turns under the joined hands.
pub fn salsa(stage: &mut Stage) -> Scene {
    let joined = stage.side;
    let gap = stage.draws.uniform(0.62, 0.74);
    stage.apart(gap, 0.0);
    let spins = stage.draws.chance(0.4);
    let wait = stage.draws.uniform(0.05, 0.25);
    stage.stay_until(wait);
    let (size, beat) = (stage.draws.uniform(0.14, 0.2), stage.draws.uniform(0.5, 0.6));
    let rock = |stage: &mut Stage, way: f64| {
        for step in [way, -way] {
            stage.step(0, [0.0, step * size], 0.0, beat);
            stage.step(1, [0.0, -step * size], 0.0, beat);
        }
    };
    rock(stage, 1.0);
    let from = stage.now();
    if spins {
        let seconds = stage.draws.uniform(2.1, 2.4);
        stage.step(1, [0.0; 2], joined.sign() * TAU, seconds);
        stage.stay_until(from + seconds);
    } else {
        rock(stage, -1.0);
        rock(stage, 1.0);
    }
    let to = stage.now();
    rock(stage, -1.0);
    let end = stage.now();
    let mut parts = stage.parts();
    let whole = Span { from: -1.0, rise: 0.5, hold: end + 1.0, fall: 1.0 };
    for (who, part) in parts.iter_mut().enumerate() {
        // Knees are soft in a dance.
        part.bend(whole, Torso { shift: [0.0, -0.035, 0.0], ..Torso::default() });
        for mine in Hand::BOTH {
            let leads = (mine == joined) == (who == 0);
            // The free pair lets go while she turns.
            let when = if spins && !leads { Span { hold: from + 0.3, fall: 0.4, ..whole } } else { whole };
            part.reach(mine, when, palms(mine, mine.other(), 0.12, |_| 0.0));
        }
        if spins {
            let lead = if who == 0 { joined } else { joined.other() };
            let over = Span { from: from - 0.3, rise: 0.5, hold: to - from - 0.5, fall: 0.5 };
            // Joined hands go over the head of the one who turns.
            part.reach_with(lead, over, [0.8, -0.6, 0.0], move |view| {
                let turning = if who == 0 { view.theirs(15) } else { view.own(15) };
                let other = if who == 0 { view.own(15) } else { view.theirs(15) };
                let between = super::pose::mix(turning, other, 0.3);
                add(between, [0.0, 0.3 - if who == 0 { 0.0 } else { 0.04 }, 0.0])
            });
        }
    }
    let pair: &[&str] = if spins {
        &[
            "[salsa turn|a turn in the dance|spin your partner]",
            "{1} spins {2} around while they dance",
            "{they} dance hand in hand and {1} turns {2} around under the arm",
            "{2} turns under {1}'s arm in a dance",
            "{they} dance salsa and {2} spins around once",
            "{1} leads {2} through a turn under their joined hands",
            "in a dance {1} makes {2} spin around, hands joined",
        ]
    } else {
        &[
            "[salsa|dancing salsa|latin dance|dance with joined hands|partner dance]",
            "{they} dance salsa",
            "{they} dance hand in hand, stepping forward and back",
            "{they} hold both hands and dance",
            "{they} dance a latin dance with joined hands",
            "{1} and {2} dance as a couple, holding hands",
            "{they} step to and fro in a salsa",
        ]
    };
    let turner: &[&str] = if spins {
        &["a person dances and turns all the way around", "{1} spins around in a dance"]
    } else {
        &["a person dances salsa", "{1} steps forward and back in a dance"]
    };
    stage.scene("salsa", &parts, pair, [&["a person dances salsa", "{1} leads a dance"], turner])
}
