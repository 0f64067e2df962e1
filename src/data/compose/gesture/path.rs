//! Where a person is and goes, before any gesture: standing with planted feet, steps, walking in and walking off.

use super::pose::{Foot, Hand, blend, foot_of, heading, lay_legs, leg_lengths, mix, placed, world};
use super::timing::ease;
use crate::data::capture::Joints;
use crate::data::compose::scene::Track;
use crate::motion::vector::{Vec3d, add, scale, sub};

/// Frames a second.
pub const RATE: f64 = 30.0;
/// How high a foot is lifted in a step, metres.
const LIFT: f64 = 0.07;

/// A place on the floor and a heading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Metres.
    pub x: f64,
    /// Metres.
    pub z: f64,
    /// Radians, as [`heading`].
    pub turn: f64,
}

impl Place {
    /// The place `forward` and `left` of this one, with the same heading.
    #[must_use]
    pub fn moved(self, left: f64, forward: f64) -> Self {
        let [x, _, z] = world(self.turn, [left, 0.0, forward]);
        Self { x: self.x + x, z: self.z + z, ..self }
    }

    /// The same place with the heading turned.
    #[must_use]
    pub fn turned(self, by: f64) -> Self {
        Self { turn: self.turn + by, ..self }
    }

    fn toward(self, to: Self, w: f64) -> Self {
        let part = |a: f64, b: f64| a + (b - a) * w;
        Self { x: part(self.x, to.x), z: part(self.z, to.z), turn: part(self.turn, to.turn) }
    }

    fn put(self, pose: &Joints) -> Joints {
        placed(pose, self.turn, [self.x, 0.0, self.z])
    }

    fn put_foot(self, foot: Foot) -> Foot {
        foot.map(|p| add(world(self.turn, p), [self.x, 0.0, self.z]))
    }
}

/// Somebody standing: real sway above feet that stay where they are. The feet's middle is above the origin, the heading 0.
pub struct Stand {
    poses: Vec<Joints>,
    feet: [Foot; 2],
    /// Thigh, shin and foot on both sides.
    pub legs: [[f64; 3]; 2],
}

impl Stand {
    /// From a track of standing.
    pub fn new(track: &Track) -> Self {
        let first = placed(&track[0], -heading(&track[0]), [0.0; 3]);
        let middle = mix(first[7], first[8], 0.5);
        let shift = [-middle[0], 0.0, -middle[2]];
        let turn = -heading(&track[0]);
        let legs = leg_lengths(&track[0]);
        let mut feet = Hand::BOTH.map(|leg| foot_of(&first, leg).map(|p| add(p, shift)));
        for ((foot, length), leg) in feet.iter_mut().zip(legs).zip(Hand::BOTH) {
            // Flat on the floor: toes near it, the ankle a little above, as long as the foot is.
            let mut along = sub(foot[1], foot[0]);
            if along[2] < 0.5 * length[2] {
                // A foot that was just being lifted says nothing of where it would stand: ahead, a little outward.
                along = [0.25 * leg.sign(), 0.0, 1.0];
            }
            let (ankle, toe): (f64, f64) = (foot[0][1].clamp(0.05, 0.09), 0.015);
            let across = (length[2] * length[2] - (ankle - toe).powi(2)).max(1e-4).sqrt();
            let grown = across / along[0].hypot(along[2]).max(1e-6);
            foot[0][1] = ankle;
            foot[1] = [foot[0][0] + along[0] * grown, toe, foot[0][2] + along[2] * grown];
        }
        let poses = track
            .iter()
            .map(|pose| {
                let mut pose = placed(pose, turn, shift);
                lay_legs(&mut pose, feet, legs);
                pose
            })
            .collect();
        Self { poses, feet, legs }
    }

    /// The pose of a frame; the track runs to and fro, so any frame has one.
    pub fn at(&self, frame: usize) -> &Joints {
        let last = (self.poses.len() - 1).max(1);
        let there = frame % (2 * last);
        &self.poses[if there > last { 2 * last - there } else { there }.min(self.poses.len() - 1)]
    }
}

/// A track that grows piece by piece.
pub struct Path {
    stand: Stand,
    /// What there is so far.
    pub track: Track,
    /// Where the person now is.
    pub place: Place,
    /// Frame of the standing that comes next, so that sway goes on across pieces.
    clock: usize,
}

fn frames(seconds: f64) -> usize {
    (seconds.max(0.0) * RATE).round() as usize
}

impl Path {
    /// Standing at `place`, with nothing done yet.
    pub fn new(stand: Stand, place: Place) -> Self {
        Self { stand, track: Vec::new(), place, clock: 0 }
    }

    /// Seconds so far.
    pub fn now(&self) -> f64 {
        self.track.len() as f64 / RATE
    }

    /// Stand until `time`.
    pub fn stay_until(&mut self, time: f64) {
        while self.track.len() < frames(time) {
            self.track.push(self.place.put(self.stand.at(self.clock)));
            self.clock += 1;
        }
    }

    /// Step to another place in `seconds`: feet swing in turn, the body glides. Steps are as many as distance and turn need.
    pub fn step_to(&mut self, to: Place, seconds: f64, first: Hand) {
        let from = self.place;
        let far = (to.x - from.x).hypot(to.z - from.z);
        let needed = (far / 0.45).max((to.turn - from.turn).abs() / 1.0);
        // One more than needed, so that the last two both land at the goal.
        let steps = needed.ceil() as usize + 1;
        // Whole frames, so that a foot has landed before the other one leaves.
        let slot = (frames(seconds) as f64 / steps as f64).round().max(8.0);
        let total = slot as usize * steps;
        let homes = self.stand.feet;
        let mut feet = [0, 1].map(|i| from.put_foot(homes[i]));
        for frame in 1..=total {
            let at = frame as f64;
            let step = ((at - 1e-9) / slot).floor() as usize;
            let moving = (usize::from(first == Hand::Right) + step) % 2;
            // A foot lands where the body will be half a step later.
            let lands = |step: usize| {
                let share = if step + 2 >= steps { 1.0 } else { (step as f64 + 1.5) * slot / total as f64 };
                from.toward(to, ease(share)).put_foot(homes[moving])
            };
            let starts = if step >= 2 { lands(step - 2) } else { from.put_foot(homes[moving]) };
            feet[moving] = swing(starts, lands(step), (at - step as f64 * slot) / slot);
            let mut pose = from.toward(to, ease(at / total as f64)).put(self.stand.at(self.clock));
            self.clock += 1;
            lay_legs(&mut pose, feet, self.stand.legs);
            self.track.push(pose);
        }
        self.place = to;
    }

    /// Begin by walking in, so that the walk ends at the present place; `walk` goes straight along +z. The piece takes
    /// about `seconds`, less where the walk is short.
    pub fn walk_in(&mut self, walk: &Track, seconds: f64) {
        let piece = self.halt(walk, frames(seconds), false);
        self.track.extend(piece);
    }

    /// Walk off straight ahead for about `seconds`.
    pub fn walk_off(&mut self, walk: &Track, seconds: f64) {
        let backward: Track = walk.iter().rev().copied().collect();
        let piece = self.halt(&backward, frames(seconds), true);
        self.track.extend(piece);
        if let Some(last) = self.track.last() {
            self.place = Place { x: last[0][0], z: last[0][2], turn: heading(last) };
        }
    }

    /// Walk on ahead for `seconds` at most, without a start or a stop; `walk` goes straight along +z.
    pub fn walk_on(&mut self, walk: &Track, seconds: f64) {
        let from = self.place;
        self.track.extend(walk.iter().take(frames(seconds)).map(|pose| from.put(pose)));
        if let Some(last) = self.track.last() {
            self.place = Place { x: last[0][0], z: last[0][2], turn: heading(last) };
        }
    }

    /// A walk that comes to a halt at the present place, `total` frames at most; in reverse when it is a start.
    fn halt(&mut self, walk: &Track, total: usize, reverse: bool) -> Track {
        let way: f64 = if reverse { -1.0 } else { 1.0 };
        let spread = |k: usize| (walk[k][7][2] - walk[k][8][2]).abs();
        // Double support: feet farthest apart. The latest such frame with room behind it; at least the first stride stays.
        let last = walk.len() - 1;
        let peak = |k: &usize| spread(*k) >= spread(k - 1) && spread(*k) > spread(k + 1) && spread(*k) > 0.25;
        let wanted = total.saturating_sub(30).clamp(12, last.saturating_sub(2).max(12));
        let cut = (2..last).filter(peak).min_by_key(|k| k.abs_diff(wanted)).unwrap_or(last - 1);
        let pose = walk[cut];
        let speed = scale(sub(walk[cut + 1][0], walk[cut - 1][0]), 0.5);
        let front = usize::from(way * pose[8][2] > way * pose[7][2]);
        let homes = self.stand.feet;
        // One more short step, then the feet come together there.
        let goal = Place { x: pose[0][0], z: pose[7 + front][2] + way * 0.22, turn: 0.0 };
        let end = goal.put(self.stand.at(0));
        let gap = way * (end[0][2] - pose[0][2]);
        let slow = (2.0 * gap / (way * speed[2]).max(0.01)).clamp(22.0, 40.0);
        let count = slow.ceil() as usize;
        let mut out: Track = walk[..=cut].to_vec();
        let start_feet = Hand::BOTH.map(|leg| foot_of(&pose, leg));
        let end_feet = homes.map(|foot| goal.put_foot(foot));
        let clock = self.clock;
        for frame in 1..=count {
            let t = frame as f64 / count as f64;
            let along = frame.min(count) as f64 * (1.0 - 0.5 * t);
            let source = &walk[(cut + along.round() as usize).min(last)];
            let here = if reverse { clock + count - frame } else { clock + frame };
            let mut mixed = blend(source, &goal.put(self.stand.at(here)), ease(t));
            let target = std::array::from_fn(|a| {
                let [p, q, v] = [pose[0][a], self.stand_pelvis(goal, here)[a], speed[a] * count as f64];
                let (t2, t3) = (t * t, t * t * t);
                (2.0 * t3 - 3.0 * t2 + 1.0) * p + (t3 - 2.0 * t2 + t) * v + (3.0 * t2 - 2.0 * t3) * q
            });
            let shift = sub(target, mixed[0]);
            mixed.iter_mut().for_each(|p| *p = add(*p, shift));
            let mut feet = start_feet;
            feet[1 - front] = swing(start_feet[1 - front], end_feet[1 - front], t / 0.5);
            // The front foot first goes flat where it is, then follows.
            let mut flat = end_feet[front];
            let down = sub(start_feet[front][0], flat[0]);
            flat.iter_mut().for_each(|p| *p = add(*p, [down[0], 0.0, down[2]]));
            feet[front] = if t < 0.45 {
                let w = ease(t / 0.2);
                [mix(start_feet[front][0], flat[0], w), mix(start_feet[front][1], flat[1], w)]
            } else {
                swing(flat, end_feet[front], (t - 0.45) / 0.5)
            };
            lay_legs(&mut mixed, feet, self.stand.legs);
            out.push(mixed);
        }
        self.clock += count;
        // Where the walk's goal is has to be where the person is.
        let (from, to) = (goal, self.place);
        let drop = out.len().saturating_sub(total.max(count + 8));
        let mut out: Track =
            out.drain(drop..).map(|pose| to.put(&placed(&pose, 0.0, [-from.x, 0.0, -from.z]))).collect();
        if reverse {
            out.reverse();
        }
        out
    }

    fn stand_pelvis(&self, at: Place, frame: usize) -> Vec3d {
        at.put(self.stand.at(frame))[0]
    }

    /// Place of a joint while standing at first, (left, up, forward) of the feet's middle.
    pub fn usual(&self, joint: usize) -> Vec3d {
        self.stand.poses[0][joint]
    }

    /// How far a joint ever is before the feet's middle while standing, metres.
    pub fn foremost(&self, joint: usize) -> f64 {
        self.stand.poses.iter().map(|pose| pose[joint][2]).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Leg lengths of the person.
    pub fn legs(&self) -> [[f64; 3]; 2] {
        self.stand.legs
    }
}

/// A foot on its way: forward along a line with least jerk, up and down again.
fn swing(from: Foot, to: Foot, t: f64) -> Foot {
    let t = t.clamp(0.0, 1.0);
    let far = (to[0][0] - from[0][0]).hypot(to[0][2] - from[0][2]);
    let bow = (std::f64::consts::PI * t).sin().powi(2);
    let lift = LIFT.min(0.02 + 0.3 * far) * bow;
    // The heel leaves first and the toes land last.
    let heel = 0.5 * lift * (1.0 - t);
    let [mut ankle, mut toe] = [mix(from[0], to[0], ease(t)), mix(from[1], to[1], ease(t))];
    ankle[1] += lift + heel;
    toe[1] += lift;
    [ankle, toe]
}
