//! What two people do over their paths: bends of the body, reaches of hands, feet that leave their place; laid frame by frame.
//!
//! Bodies first, then arms, so that a hand can aim at where the other person's body is in the same frame.

use super::path::RATE;
use super::pose::{
    Foot, Hand, UP, foot_of, heading, lay_arm, lay_legs, leg_lengths, mix, pole_of, turn_upper, world,
};
use super::timing::Span;
use crate::data::capture::Joints;
use crate::data::compose::scene::Track;
use crate::motion::rotation::Quat;
use crate::motion::vector::{Vec3d, add, scale, sub};

/// How a body differs from its standing; angles in radians, (left, up, forward) in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Torso {
    /// Where the pelvis goes.
    pub shift: Vec3d,
    /// Bend forward, at the hips and along the spine.
    pub bend: f64,
    /// Turn to the left along the spine.
    pub twist: f64,
    /// Lean to the left.
    pub lean: f64,
    /// Nod forward, on top of the bend.
    pub nod: f64,
}

/// The bodies of a frame as one of the two sees them.
pub struct View<'a> {
    poses: &'a [Joints; 2],
    me: usize,
    /// Seconds from the start of the scene.
    pub time: f64,
}

impl View<'_> {
    /// A joint of one's own.
    pub fn own(&self, joint: usize) -> Vec3d {
        self.poses[self.me][joint]
    }

    /// A joint of the other.
    pub fn theirs(&self, joint: usize) -> Vec3d {
        self.poses[1 - self.me][joint]
    }

    /// A vector (left, up, forward) of one's own, in the world.
    pub fn mine(&self, v: Vec3d) -> Vec3d {
        world(heading(&self.poses[self.me]), v)
    }

    /// A vector (left, up, forward) of the other, in the world.
    pub fn their_way(&self, v: Vec3d) -> Vec3d {
        world(heading(&self.poses[1 - self.me]), v)
    }

    /// The middle between the two chests, at a height that is the mean pelvis height plus `above`; the same for both.
    pub fn between(&self, above: f64) -> Vec3d {
        let [a, b] = [self.poses[0], self.poses[1]];
        let middle = mix(a[9], b[9], 0.5);
        [middle[0], 0.5 * (a[0][1] + b[0][1]) + above, middle[2]]
    }

    /// Where hands that belong to these shoulders meet: between them, at `above` the mean pelvis height.
    pub fn meeting(&self, my_hand: Hand, their_hand: Hand, above: f64) -> Vec3d {
        let shoulders = mix(self.own(my_hand.shoulder()), self.theirs(their_hand.shoulder()), 0.5);
        let middle = self.between(above);
        let at = mix(middle, shoulders, 0.7);
        [at[0], middle[1], at[2]]
    }
}

/// Gives a point or a vector in the world.
pub type Aim = Box<dyn Fn(&View) -> Vec3d>;

struct Reach {
    hand: Hand,
    when: Span,
    aim: Aim,
    /// (left, up, forward) direction of the elbow.
    pole: Vec3d,
}

struct Sway {
    when: Span,
    torso: Box<dyn Fn(f64) -> Torso>,
}

struct Stride {
    leg: Hand,
    when: Span,
    /// (ankle, toes) from the pelvis's place on the floor, (left, up, forward).
    foot: Foot,
}

/// Off the floor for a while.
struct Leap {
    from: f64,
    /// Seconds.
    flight: f64,
    /// Metres.
    height: f64,
}

impl Leap {
    /// How high the feet are at `time`: a throw straight up.
    fn at(&self, time: f64) -> f64 {
        let share = ((time - self.from) / self.flight).clamp(0.0, 1.0);
        4.0 * self.height * share * (1.0 - share)
    }
}

/// One person's part.
pub struct Part {
    base: Track,
    bends: Vec<Sway>,
    reaches: Vec<Reach>,
    strides: Vec<Stride>,
    leaps: Vec<Leap>,
    /// Phases of the tremor of hands.
    tremor: f64,
}

impl Part {
    /// Doing nothing but what `base` does.
    pub fn new(base: Track, tremor: f64) -> Self {
        Self { base, bends: Vec::new(), reaches: Vec::new(), strides: Vec::new(), leaps: Vec::new(), tremor }
    }

    /// Hold the body like this for a span.
    pub fn bend(&mut self, when: Span, torso: Torso) {
        self.sway(when, move |_| torso);
    }

    /// Move the body like this, by seconds since the span began.
    pub fn sway(&mut self, when: Span, torso: impl Fn(f64) -> Torso + 'static) {
        let from = when.from;
        self.bends.push(Sway { when, torso: Box::new(move |time| torso(time - from)) });
    }

    /// Be off the floor from `from` on for `flight` seconds, at most `height` metres.
    pub fn leap(&mut self, from: f64, flight: f64, height: f64) {
        self.leaps.push(Leap { from, flight, height });
    }

    /// Reach with a hand; the elbow points down, out and back.
    pub fn reach(&mut self, hand: Hand, when: Span, aim: impl Fn(&View) -> Vec3d + 'static) {
        self.reach_with(hand, when, [0.6, -1.0, -0.3], aim);
    }

    /// Reach with a hand, the elbow toward (outward, up, forward).
    pub fn reach_with(
        &mut self,
        hand: Hand,
        when: Span,
        [out, up, forward]: Vec3d,
        aim: impl Fn(&View) -> Vec3d + 'static,
    ) {
        let pole = [hand.sign() * out, up, forward];
        self.reaches.push(Reach { hand, when, aim: Box::new(aim), pole });
    }

    /// Take a foot to a place relative to the pelvis's standing place, and back.
    pub fn stride(&mut self, leg: Hand, when: Span, foot: Foot) {
        self.strides.push(Stride { leg, when, foot });
    }

    /// Lengths of thigh, shin and foot on both sides, and how high the hips are in standing, metres.
    pub fn build(&self) -> ([[f64; 3]; 2], f64) {
        (leg_lengths(&self.base[0]), self.base[0][1][1])
    }

    fn body(&self, frame: usize) -> Joints {
        let time = frame as f64 / RATE;
        let up: f64 = self.leaps.iter().map(|leap| leap.at(time)).sum();
        self.grounded(frame).map(|p| add(p, [0.0, up, 0.0]))
    }

    /// The body as it is while somebody stands.
    fn grounded(&self, frame: usize) -> Joints {
        let time = frame as f64 / RATE;
        let mut base = self.base[frame];
        let hold = self.strides.iter().map(|stride| (stride.when, stride.when.weight(time)));
        if let Some((when, w)) = hold.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, w)| *w > 0.0) {
            // Sway over both feet would drag a knee along that is on the floor.
            let to = sub(self.landing(when)[0], base[0]);
            base.iter_mut().for_each(|p| *p = add(*p, [w * to[0], 0.0, w * to[2]]));
        }
        let facing = heading(&base);
        let mut torso = Torso::default();
        for sway in &self.bends {
            let w = sway.when.weight(time);
            if w > 0.0 {
                let t = (sway.torso)(time);
                torso.shift = add(torso.shift, scale(t.shift, w));
                torso.bend += w * t.bend;
                torso.twist += w * t.twist;
                torso.lean += w * t.lean;
                torso.nod += w * t.nod;
            }
        }
        let mut feet = Hand::BOTH.map(|leg| foot_of(&self.base[frame], leg));
        let mut strode = false;
        for stride in &self.strides {
            let w = stride.when.weight(time);
            if w > 0.0 {
                let at = usize::from(stride.leg == Hand::Right);
                // One place, however the body sways above it.
                let stood = self.landing(stride.when);
                let floor = [stood[0][0], 0.0, stood[0][2]];
                let goal = stride.foot.map(|p| add(floor, world(heading(stood), p)));
                // Feet go over the floor, not through it.
                let lift = [0.0, 0.05 * (4.0 * w * (1.0 - w)), 0.0];
                feet[at] = [0, 1].map(|i| add(mix(feet[at][i], goal[i], w), lift));
                strode = true;
            }
        }
        if torso == Torso::default() && !strode {
            return base;
        }
        let lengths = leg_lengths(&base);
        let mut pose = base;
        let shift = world(facing, torso.shift);
        pose.iter_mut().for_each(|p| *p = add(*p, shift));
        let [left, forward] = [world(facing, [1.0, 0.0, 0.0]), world(facing, [0.0, 0.0, 1.0])];
        // Nearly half of a bend is in the hips, the rest runs up the spine.
        for (joint, share) in [(0, 0.4), (3, 0.2), (6, 0.2), (9, 0.2)] {
            let turn = Quat::about(UP, share * torso.twist)
                .after(Quat::about(left, share * torso.bend))
                .after(Quat::about(forward, -share * torso.lean));
            turn_upper(&mut pose, joint, turn);
        }
        turn_upper(&mut pose, 12, Quat::about(left, torso.nod));
        lay_legs(&mut pose, feet, lengths);
        pose
    }

    /// How the base stands when a foot lands.
    fn landing(&self, when: Span) -> &Joints {
        let frame = (when.there().max(0.0) * RATE).round() as usize;
        &self.base[frame.min(self.base.len() - 1)]
    }

    fn arms(&self, poses: &[Joints; 2], me: usize, frame: usize) -> Joints {
        let time = frame as f64 / RATE;
        let mut pose = poses[me];
        let view = View { poses, me, time };
        for reach in &self.reaches {
            let w = reach.when.weight(time);
            if w <= 0.0 {
                continue;
            }
            let chain = [reach.hand.shoulder(), reach.hand.elbow(), reach.hand.wrist()];
            let now = pose[reach.hand.wrist()];
            // On the way the hand passes in front of the body, and never quite still.
            let bow = 4.0 * w * (1.0 - w);
            let shake = |k: f64| 0.003 * w * (time * (7.0 + 2.0 * k) + self.tremor * (k + 1.0)).sin();
            let way = view.mine([0.03 * bow * reach.hand.sign(), 0.0, 0.07 * bow]);
            let aim = add((reach.aim)(&view), [shake(0.0), shake(1.0), shake(2.0)]);
            let goal = add(mix(now, aim, w), way);
            let pole = add(scale(pole_of(&pose, chain), 4.0 * (1.0 - w)), scale(view.mine(reach.pole), w));
            lay_arm(&mut pose, reach.hand, goal, pole);
        }
        pose
    }
}

/// Lay both parts; tracks are as long as the shorter base.
pub fn perform(parts: &[Part; 2]) -> [Track; 2] {
    let frames = parts[0].base.len().min(parts[1].base.len());
    let mut tracks = [Vec::with_capacity(frames), Vec::with_capacity(frames)];
    for frame in 0..frames {
        let bodies = [parts[0].body(frame), parts[1].body(frame)];
        for me in 0..2 {
            tracks[me].push(parts[me].arms(&bodies, me, frame));
        }
    }
    tracks
}

/// The point `short` before `target` on the way from `from`: where the wrist is when the palm is at the target.
pub fn short_of(from: Vec3d, target: Vec3d, short: f64) -> Vec3d {
    let way = sub(target, from);
    let length = crate::motion::vector::norm(way).max(1e-9);
    add(target, scale(way, -short / length))
}
