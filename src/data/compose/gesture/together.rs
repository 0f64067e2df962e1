//! What two do with each other for longer: hold hands and walk, dance, pull, pass, kneel, laugh, say goodbye.

use super::path::Place;
use super::pose::Hand;
use super::score::{Torso, short_of};
use super::stage::{Deed, PALM, Stage, lean_in, palms};
use super::timing::Span;
use crate::data::compose::scene::Scene;
use crate::motion::vector::add;
use std::f64::consts::{PI, TAU};

/// Side by side, hand in hand, walking ahead.
pub fn hold_hands(stage: &mut Stage) -> Scene {
    let half = 0.5 * stage.draws.uniform(0.5, 0.62);
    // Person 0 has the other on the left or on the right.
    let inner = if stage.draws.chance(0.5) { Hand::Left } else { Hand::Right };
    for (who, sign) in [(0, -1.0), (1, 1.0)] {
        stage.put(who, Place { x: sign * inner.sign() * half, z: 0.0, turn: 0.0 });
    }
    stage.side = inner;
    let wait = stage.draws.uniform(0.9, 1.3);
    stage.stay_until(wait);
    let seconds = stage.draws.uniform(2.5, 3.5);
    stage.walk_off_together(seconds);
    let end = stage.now();
    let mut parts = stage.parts();
    for (who, part) in parts.iter_mut().enumerate() {
        let mine = if who == 0 { inner } else { inner.other() };
        let when = Span { from: 0.05, rise: 0.8, hold: end, fall: 1.0 };
        part.reach(mine, when, move |view| {
            let at = view.meeting(mine, mine.other(), 0.08);
            short_of(view.own(mine.shoulder()), at, PALM)
        });
    }
    stage.scene(
        "hold hands and walk",
        &parts,
        &[
            "[holding hands|walking hand in hand|hold hands|walk hand in hand]",
            "{they} hold hands and walk [|side by side|forward]",
            "{1} takes {2}'s {o} hand with the {h} hand and they walk together",
            "{1} and {2} walk [side by side|next to each other], holding hands",
            "{they} walk hand in hand",
            "{1} holds {2}'s {o} hand in the {h} hand while they walk forward",
            "{they} take each other's hand and walk off together",
        ],
        [
            &["a person walks holding someone's hand with the {h} hand", "{1} walks forward, {h} hand held"],
            &["a person walks holding someone's hand with the {o} hand", "{1} walks forward, {o} hand held"],
        ],
    )
}

/// Closed dance hold, swaying from foot to foot.
pub fn dance_hold(stage: &mut Stage) -> Scene {
    let joined = stage.side;
    let near = stage.draws.uniform(0.46, 0.54);
    stage.apart(near, 0.0);
    let hold = stage.draws.uniform(3.0, 5.0);
    let when = Span { from: 0.3, rise: 1.0 * stage.slow, hold, fall: 0.9 };
    stage.stay_until(when.end() + 0.4);
    let (rate, size) = (stage.draws.uniform(0.35, 0.6), stage.draws.uniform(0.04, 0.07));
    let mut parts = stage.parts();
    for (who, sign) in [(0, 1.0), (1, -1.0)] {
        // The actor's left is the other's right, so they go to opposite own sides.
        parts[who].sway(when, move |t| {
            let s = sign * (TAU * rate * t).sin();
            Torso { shift: [size * s, -0.02, 0.0], lean: 0.5 * size * s, twist: 0.06 * s, ..Torso::default() }
        });
        let mine = if who == 0 { joined } else { joined.other() };
        parts[who].reach_with(mine, when, [0.3, -1.0, -0.2], move |view| {
            let middle = view.between(0.42);
            let at = add(middle, view.mine([0.42 * mine.sign(), 0.0, 0.0]));
            short_of(view.own(mine.shoulder()), at, PALM)
        });
    }
    let free = joined.other();
    parts[0].reach_with(free, when, [1.0, -0.5, 0.0], move |view| {
        add(view.theirs(9), view.their_way([-0.1 * free.sign(), 0.0, -0.12]))
    });
    parts[1].reach_with(joined, when, [1.0, -0.3, 0.0], move |view| {
        add(view.theirs(free.shoulder()), view.their_way([0.0, 0.05, 0.03]))
    });
    stage.scene(
        "dance hold",
        &parts,
        &[
            "[slow dance|slow dancing|dancing together|dancing in each other's arms]",
            "{they} dance [slowly|] in a closed hold",
            "{1} and {2} slow dance, swaying [from side to side|side to side]",
            "{1} holds {2}'s {o} hand in the {h} hand and they dance",
            "{they} hold each other and sway [|to the music]",
            "{they} dance close together with joined hands",
            "{1} leads {2} in a slow dance",
        ],
        [
            &["a person sways in a dance hold, the {h} hand out", "{1} dances slowly with someone"],
            &["a person sways in a dance hold, the {o} hand out", "{1} dances slowly with someone"],
        ],
    )
}

/// Take the other by the hand and pull them along.
pub fn pull(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let distance = stage.reach_distance([hand; 2], 0.16, 0.92, 0.08);
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let at = settled + 0.8 * stage.slow;
    stage.stay_until(at + 0.3);
    let start = stage.now();
    let (far, seconds) = (stage.draws.uniform(0.6, 1.1), stage.draws.uniform(1.3, 1.8));
    stage.step(0, [0.0, -far], 0.0, seconds);
    stage.step(1, [0.0, far], 0.0, seconds);
    let there = stage.now();
    stage.stay_until(there + 1.0);
    let mut parts = stage.parts();
    let when = Span::meeting(at, 0.7 * stage.slow, there - at, 0.8);
    for part in &mut parts {
        lean_in(part, when, 0.1, -0.15 * hand.sign());
        part.reach(hand, when, palms(hand, hand, 0.16, |_| 0.0));
    }
    let tug = Span { from: start - 0.1, rise: 0.4, hold: seconds - 0.8, fall: 0.5 };
    parts[0].bend(tug, Torso { bend: -0.16, ..Torso::default() });
    parts[1].bend(tug, Torso { bend: 0.12, ..Torso::default() });
    stage.chained(
        "pull",
        &parts,
        Deed {
            first: &[
                "~pull {2} along by the {h} hand",
                "~take {2}'s {h} hand and ~pull",
                "~drag {2} along",
                "~pull {2} closer",
            ],
            ..Deed::default()
        },
        &[
            "[pull|pulling|pulling someone by the hand|pull by the {h} hand]",
            "{1} [pulls|drags|tugs] {2} [closer|toward them|along]",
            "{1} [pulls|drags] {2} [forward|along] by the {h} hand",
            "{1} takes {2}'s {h} hand and pulls",
            "{2} is [pulled|dragged] forward by {1}",
            "{1} grabs {2}'s {h} hand and [steps|walks] backward, pulling {2} along",
            "{2} follows as {1} pulls with the {h} hand",
            "one pulls the other by the hand",
        ],
        [
            &["a person pulls with the {h} hand and steps back", "{1} pulls someone while walking backward"],
            &["a person is pulled forward by the {h} hand", "{1} is pulled along"],
        ],
    )
}

/// Both lean back from their joined hands and pull, to and fro.
pub fn tug(stage: &mut Stage) -> Scene {
    let distance = stage.reach_distance([Hand::Left, Hand::Right], 0.12, 0.9, 0.0) - 0.16;
    stage.apart(distance, 0.0);
    let hold = stage.draws.uniform(2.0, 3.2);
    let from = stage.draws.uniform(0.05, 0.3);
    let when = Span { from, rise: 0.6, hold, fall: 0.7 };
    stage.stay_until(when.end() + 0.1);
    let (rate, size) = (stage.draws.uniform(0.5, 0.9), stage.draws.uniform(0.03, 0.06));
    let mut parts = stage.parts();
    for (part, sign) in parts.iter_mut().zip([1.0, -1.0]) {
        part.sway(when, move |t| {
            let s = sign * (TAU * rate * t).sin();
            Torso { shift: [0.0, -0.06, -0.05 + size * s], bend: -0.04 + 0.08 * s, ..Torso::default() }
        });
        for mine in Hand::BOTH {
            part.reach(mine, when, palms(mine, mine.other(), 0.12, |_| 0.0));
        }
    }
    stage.scene(
        "tug",
        &parts,
        &[
            "{they} pull [on|at] each other's hands",
            "{they} hold each other's hands and pull",
            "{they} tug at each other with both hands",
            "{they} pull each other to and fro by the hands",
            "{1} and {2} pull against each other, hands joined",
            "[pulling at each other|tugging|pulling each other's hands]",
        ],
        [
            &["a person pulls at someone's hands and leans back", "{1} holds two hands and pulls"],
            &["a person is held by both hands and pulls back", "{1} leans back and pulls"],
        ],
    )
}

/// Pass a small object from hand to hand.
pub fn pass_object(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let above = stage.draws.uniform(0.16, 0.28);
    let distance = stage.reach_distance([hand; 2], above, 0.9, 0.06);
    stage.apart(distance, 0.0);
    let settled = stage.arrive();
    let at = settled + 1.0 * stage.slow;
    stage.stay_until(at + 1.0);
    stage.leave();
    stage.stay_until(at + 1.8);
    let mut parts = stage.parts();
    for (who, part) in parts.iter_mut().enumerate() {
        let (rise, hold) = if who == 0 { (0.9, 0.25) } else { (0.6, 0.2) };
        let when = Span::meeting(at, rise * stage.slow, hold, 0.7);
        lean_in(part, when, 0.1, -0.12 * hand.sign());
        part.reach(hand, when, palms(hand, hand, above, |_| 0.0));
        if who != 0 {
            // What was taken is held before the chest and looked at.
            let keep = Span { from: at + hold, rise: 0.7, hold: 0.6, fall: 0.6 };
            part.reach(hand, keep, move |view| {
                add(view.own(9), view.mine([0.08 * hand.sign(), -0.05, 0.26]))
            });
            part.bend(keep, Torso { nod: 0.2, ..Torso::default() });
        }
    }
    stage.chained(
        "pass object",
        &parts,
        Deed { first: &["~give something to {2}", "~hand something to {2} with the {h} hand", "~pass an object to {2}", "~hand {2} something"], second: &["~take something from {1}", "~receive something from {1} with the {h} hand"], ..Deed::default() },
        &[
            "[passing an object|hand over an object|give something|handing something over with the {h} hand|pass it on]",
            "{1} is [handing|giving|passing] [a cup|a book|a box|something|a bottle] to {2}",
            "{1} gives {2} [a present|a letter|a ball|a key] with the {h} hand and {2} takes it",
            "{1} [hands|passes|gives] {2} something with the {h} hand",
            "{1} [hands|passes|gives] an object to {2}, {h} hand to {h} hand",
            "{2} [takes|receives] something from {1} with the {h} hand",
            "{1} [holds out|offers] a small object in the {h} hand and {2} takes it",
            "one person hands over an object and the other takes it with the {h} hand",
            "{2} is handed something by {1}",
        ],
        [
            &["a person hands something over with the {h} hand", "{1} gives an object away, {h} hand out"],
            &["a person takes something with the {h} hand", "{1} receives an object with the {h} hand"],
        ],
    )
}

/// Go down on one knee and propose.
pub fn kneel(stage: &mut Stage) -> Scene {
    let leg = stage.side;
    let gap = stage.draws.uniform(1.2, 1.5);
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let (rise, hold) = (1.2 * stage.slow, stage.draws.uniform(1.5, 2.5));
    let down = Span { from: settled + 0.1, rise, hold, fall: 1.3 };
    let ends = stage.draws.chance(0.4);
    let end = if ends { down.end() + 0.3 } else { down.there() + hold };
    stage.stay_until(end);
    let [thigh, shin, _] = stage.legs(0)[0];
    let drop = thigh + 0.06 - stage.usual(0, leg.hip())[1];
    let mut parts = stage.parts();
    let torso = Torso { shift: [0.0, drop, 0.0], bend: 0.08, nod: -0.15, ..Torso::default() };
    parts[0].bend(down, torso);
    let (knee, front) = (0.09 * leg.sign(), -0.1 * leg.sign());
    parts[0].stride(leg, down, [[knee, 0.1, -shin + 0.04], [knee, 0.02, -shin - 0.02]]);
    parts[0].stride(leg.other(), down, [[front, 0.07, 0.34], [front, 0.015, 0.46]]);
    let offer = Span { from: down.there() - 0.2, rise: 0.7, hold: hold - 0.9, fall: 0.6 };
    for hand in Hand::BOTH {
        parts[0]
            .reach(hand, offer, move |view| add(view.own(9), view.mine([0.05 * hand.sign(), 0.08, 0.36])));
        let moved = Span { from: offer.there(), rise: 0.8, hold: 0.5, fall: 0.7 };
        // The one who is asked brings both hands to the mouth.
        parts[1].reach_with(hand, moved, [0.9, -1.0, 0.0], move |view| {
            add(view.own(12), view.mine([0.06 * hand.sign(), -0.02, 0.15]))
        });
    }
    parts[1].bend(down, Torso { bend: 0.08, nod: 0.2, ..Torso::default() });
    stage.chained(
        "kneel",
        &parts,
        Deed {
            first: &[
                "~kneel on the {h} knee before {2}",
                "~propose to {2}",
                "~go down on one knee and ~propose",
                "~kneel down in front of {2}",
            ],
            ..Deed::default()
        },
        &[
            "[propose|a proposal|proposing marriage|on one knee|kneeling on the {h} knee]",
            "{1} asks {2} to marry them, down on one knee",
            "{1} kneels [down|] on the {h} knee in front of {2}",
            "{1} goes down on the {h} knee and proposes to {2}",
            "{1} [kneels|gets down on one knee] and [proposes to|offers a ring to] {2}",
            "{2} [stands|watches] as {1} kneels on the {h} knee",
            "{1} proposes to {2}, kneeling on the {h} knee",
            "one kneels before the other on the {h} knee and holds out both hands",
        ],
        [
            &["a person kneels on the {h} knee", "{1} goes down on the {h} knee and holds out both hands"],
            &["a person brings both hands to the mouth", "{1} is moved by a proposal"],
        ],
    )
}

/// Laugh, shaking, and point at the other.
pub fn laugh(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let gap = stage.draws.uniform(1.1, 2.0);
    stage.apart(gap, 0.0);
    let settled = stage.arrive();
    let hold = stage.draws.uniform(1.5, 2.8);
    let when = Span { from: settled + 0.2, rise: 0.6, hold, fall: 0.8 };
    stage.stay_until(when.end() + 0.3);
    let (rate, bend) = (stage.draws.uniform(2.8, 3.8), stage.draws.uniform(0.4, 0.65));
    let mut parts = stage.parts();
    parts[0].sway(when.led(0.1), move |t| {
        let shake = (TAU * rate * t).sin();
        let rock = (PI * 0.9 * t).sin();
        Torso { bend: bend * (0.6 + 0.4 * rock) + 0.03 * shake, nod: 0.05 * shake, ..Torso::default() }
    });
    parts[0].reach(hand, when, move |view| short_of(view.theirs(9), view.own(hand.shoulder()), 0.49));
    parts[0].reach(hand.other(), when, move |view| {
        add(view.own(6), view.mine([-0.03 * hand.sign(), -0.05, 0.17]))
    });
    stage.chained(
        "laugh and point",
        &parts,
        Deed {
            first: &[
                "~laugh at {2} and ~point with the {h} hand",
                "~point at {2} and ~laugh",
                "~laugh at {2}",
            ],
            ..Deed::default()
        },
        &[
            "[laugh and point|laughing and pointing|laughing at someone]",
            "{1} is laughing at {2} and pointing with the {h} hand",
            "{1} laughs and points at {2} with the {h} hand",
            "{1} points at {2} with the {h} hand, laughing",
            "{2} is laughed at by {1}, who points with the {h} hand",
            "{1} laughs at {2}, pointing with the {h} hand and holding the belly with the {o} hand",
            "{1} [makes fun of|mocks|laughs at] {2}",
            "one laughs [hard|loudly|] and points at the other with the {h} hand",
        ],
        [
            &["a person laughs and points with the {h} hand", "{1} laughs, the {o} hand on the belly"],
            &["a person stands and is laughed at", "{1} stands still"],
        ],
    )
}

/// Wave goodbye with a named hand, turn around and walk away.
pub fn goodbye(stage: &mut Stage) -> Scene {
    let hand = stage.side;
    let gap = stage.draws.uniform(0.9, 1.5);
    stage.apart(gap, 0.0);
    let from = stage.draws.uniform(0.05, 0.3);
    let hold = stage.draws.uniform(0.7, 1.3);
    let when = Span { from, rise: 0.55, hold, fall: 0.6 };
    // The hand comes down on the way.
    stage.stay_until(when.end() - 0.5);
    let way = if stage.draws.chance(0.5) { PI } else { -PI };
    stage.step(0, [0.0, 0.0], way, 1.2 * stage.slow);
    let far = stage.draws.uniform(1.5, 2.3);
    stage.walk_off(0, far);
    let answers = stage.draws.chance(0.5);
    let mut parts = stage.parts();
    for (who, part) in parts.iter_mut().enumerate() {
        if who == 0 || answers {
            let late = if who == 0 { 0.0 } else { 0.3 };
            part.reach_with(hand, Span { from: from + late, ..when }, [1.0, -0.8, 0.0], move |view| {
                let side = hand.sign() * (0.22 + 0.1 * (TAU * 1.7 * view.time).sin());
                add(view.own(hand.shoulder()), view.mine([side, 0.3, 0.18]))
            });
        }
    }
    let pair: &[&str] = if answers {
        &[
            "{they} wave goodbye with their {h} hands and {1} walks away",
            "{1} and {2} wave goodbye with the {h} hand, then {1} [leaves|walks off]",
            "{1} waves the {h} hand, {2} waves back, and {1} turns around and walks away",
            "both wave goodbye with their {h} hands, then one leaves",
            "they say goodbye waving their {h} hands and one walks off",
        ]
    } else {
        &[
            "{1} waves goodbye to {2} with the {h} hand and walks away",
            "{1} waves the {h} hand, turns around and [leaves|walks away|walks off]",
            "{1} says goodbye with a wave of the {h} hand and leaves {2}",
            "{2} stays behind as {1} waves with the {h} hand and walks away",
            "one waves goodbye with the {h} hand and walks off, the other stays",
        ]
    };
    let other: &[&str] = if answers {
        &["a person waves with the {h} hand and stays", "{1} waves back with the {h} hand"]
    } else {
        &["a person stands and watches", "{1} stays where they are"]
    };
    let one: &[&str] =
        &["a person waves goodbye with the {h} hand and walks away", "{1} waves, turns around and leaves"];
    stage.scene("goodbye", &parts, pair, [one, other])
}
