//! New motion brought to where old motion is, so that a join has nothing to bridge but poses: both people together along the
//! floor, then each alone at the seams.

use super::ramp::level;
use super::rotation::Quat;
use super::swing::onward;
use super::vector::{Vec3d, add, narrow, norm, scale, sub, widen};
use super::{Motion, Person, Pose, Vec3};
use std::ops::Range;

/// Frames over which a person who is not where the old motion ended comes to where the new motion wants to be, where nothing
/// else ends that before.
const FADE: usize = 45;

/// A turn about the vertical and a shift along the floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloorMove {
    /// Counter-clockwise seen from above, radians.
    turn: f64,
    /// What is turned about, and where it goes; y = 0.
    from: Vec3d,
    to: Vec3d,
}

impl FloorMove {
    /// The one that takes the first pose of each pair to the second with the least squares of distances between joints. Without
    /// pairs, none at all.
    pub fn between<'a>(pairs: impl Iterator<Item = (&'a Pose, &'a Pose)> + Clone) -> Self {
        let joints = pairs.flat_map(|(a, b)| a.iter().zip(b)).map(|(&a, &b)| (on_floor(a), on_floor(b)));
        let (mut from, mut to, mut count) = ([0.0; 3], [0.0; 3], 0.0);
        for (a, b) in joints.clone() {
            (from, to, count) = (add(from, a), add(to, b), count + 1.0);
        }
        if count == 0.0 {
            return Self { turn: 0.0, from, to };
        }
        let (from, to) = (scale(from, 1.0 / count), scale(to, 1.0 / count));
        Self { turn: turn(joints.map(|(a, b)| (sub(a, from), sub(b, to)))), from, to }
    }

    /// `motion` moved by it.
    pub fn moved(&self, motion: &Motion) -> Motion {
        let about = Quat::about([0.0, 1.0, 0.0], self.turn);
        let put = |p: Vec3| narrow(add(self.to, about.rotate(sub(widen(p), self.from))));
        let mut motion = motion.clone();
        let poses = motion.persons.iter_mut().flat_map(|person| &mut person.positions);
        poses.flatten().for_each(|p| *p = put(*p));
        motion
    }
}

/// `new` with both ends of `window` where `old` is, seen in the `seam` frames before and after it: there the person as a whole
/// is put beside and turned by what is between the two on average. Within the window that runs from one end's to the other's, or
/// to nothing where there is no other end. Heights and poses stay.
pub fn met(new: &Person, old: &Person, window: &Range<usize>, seam: usize) -> Person {
    let frames = new.frames().min(old.frames());
    let before = Offset::over(new, old, window.start.saturating_sub(seam)..window.start.min(frames));
    let after = Offset::over(new, old, window.end.min(frames)..(window.end + seam).min(frames));
    let open = before.is_none() || after.is_none();
    let span = if open { window.len().min(FADE) } else { window.len() }.max(1);
    let mut person = new.clone();
    for (t, pose) in person.positions.iter_mut().enumerate() {
        let left = level(t as f64 - window.start as f64 + 1.0, span as f64 + 1.0);
        let right = level(window.end as f64 - t as f64, span as f64 + 1.0);
        let of = |offset: Option<Offset>, gone: f64| offset.map(|offset| offset.times(1.0 - gone));
        // Between two ends the shares add up to one.
        let right = if open { right } else { 1.0 - left };
        for offset in [of(before, left), of(after, right)].into_iter().flatten() {
            offset.put(pose);
        }
    }
    person
}

/// `new` going on from where `old` is at frame `start`; the two share the `seam` frames before it, in which the person as a
/// whole is kept where `old` is.
///
/// A small model that begins something else may throw a person to where that happens, metres within a few frames. After
/// `start` people therefore go on by the new motion's steps and turns, for [`SETTLING`] frames none of them faster than usual
/// in either motion, nor of a sudden; what is then between them and where the new motion has them goes at [`RETURN`]. Heights
/// and poses stay.
pub fn continued(new: &Person, old: &Person, start: usize, seam: usize) -> Person {
    let usual = Pace::of(&old.positions[start.saturating_sub(LOOK_BACK)..start.min(old.frames())])
        .or_faster(Pace::of(new.positions.get(start + SETTLING..).unwrap_or_default()));
    let mut person = new.clone();
    let mut offset = Offset { shift: [0.0; 3], turn: 0.0 };
    let mut pace = match old.positions.get(start.saturating_sub(2)..start) {
        Some([before, last]) => step(before, last),
        _ => ([0.0; 3], 0.0),
    };
    for t in start.saturating_sub(seam)..new.frames() {
        if t < start || t == 0 {
            offset = Offset::over(new, old, t..t + 1).unwrap_or(offset);
        } else {
            let (step, turn) = step(&new.positions[t - 1], &new.positions[t]);
            let since = (t - start) as f64;
            let settling = since < SETTLING as f64;
            if settling {
                let most = turn.clamp(-usual.turn, usual.turn);
                pace.1 = most.clamp(pace.1 - CHANGE * usual.turn, pace.1 + CHANGE * usual.turn);
                offset.turn += pace.1 - turn;
            }
            let gone = if settling { shortened(step, usual.step) } else { step };
            // Who faces another way also goes another way.
            let mut gone = Quat::about([0.0, 1.0, 0.0], offset.turn).rotate(gone);
            if settling {
                pace.0 = add(pace.0, shortened(sub(gone, pace.0), CHANGE * usual.step));
                gone = pace.0;
            }
            offset.shift = add(offset.shift, sub(gone, step));
            let haste = level(since, SETTLING as f64);
            let back = scale(offset.shift, EASE);
            offset.shift = sub(offset.shift, shortened(back, haste * RETURN.step));
            offset.turn -= (EASE * offset.turn).clamp(-haste * RETURN.turn, haste * RETURN.turn);
        }
        offset.put(&mut person.positions[t]);
    }
    person
}

/// `person` up to frame `end`, and then on to `frames` frames as a body does that nothing drives any more: it goes on, turns on and
/// swings on, and slows down.
pub fn coasting(person: &Person, end: usize, frames: usize) -> Person {
    let mut person =
        Person { positions: person.positions[..end].to_vec(), rotations: person.rotations[..end].to_vec() };
    let (Some(&last), Some(&rotations)) = (person.positions.last(), person.rotations.last()) else {
        return person;
    };
    let before = person.positions.iter().rev().nth(1).copied().unwrap_or(last);
    let mut far = 1.0;
    let shares = (1..=frames.saturating_sub(end)).map(|k| {
        // As a critically damped spring: neither place nor speed leaps.
        let late = k as f64 / SLOWING;
        far += (1.0 + late) * (-late).exp();
        far
    });
    person.positions.extend(onward(&before, &last, shares));
    person.rotations.resize(frames.max(end), rotations);
    person
}

/// Frames after which a body that nothing drives has lost a quarter of its speed; after four times as many nearly all.
const SLOWING: f64 = 2.0;
/// Frames before a join that tell how fast people move.
const LOOK_BACK: usize = 60;
/// Frames after a join in which a decoder still feels what was before it.
const SETTLING: usize = 32;
/// Share of what is usual by which a pace changes from frame to frame meanwhile, at most.
const CHANGE: f64 = 0.25;
/// How fast who is elsewhere comes to where the new motion is, at most.
const RETURN: Pace = Pace { step: 0.012, turn: 0.03 };
/// Share of the way that is gone in a frame where that is less.
const EASE: f64 = 0.08;
/// Nobody is held to less.
const LEAST: Pace = Pace { step: 0.01, turn: 0.02 };

/// How fast a person moves as a whole: metres and radians a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pace {
    step: f64,
    turn: f64,
}

impl Pace {
    /// The 95th percentile of a piece, [`LEAST`] at least.
    fn of(poses: &[Pose]) -> Self {
        let paces = poses.windows(2).map(|pair| step(&pair[0], &pair[1]));
        let (mut steps, mut turns): (Vec<f64>, Vec<f64>) =
            paces.map(|(step, turn)| (norm(step), turn.abs())).unzip();
        let usual = |list: &mut Vec<f64>| {
            list.sort_by(f64::total_cmp);
            list.get(list.len() * 95 / 100).copied().unwrap_or(0.0)
        };
        Self { step: usual(&mut steps), turn: usual(&mut turns) }.or_faster(LEAST)
    }

    fn or_faster(self, other: Self) -> Self {
        Self { step: self.step.max(other.step), turn: self.turn.max(other.turn) }
    }
}

/// How the pelvis moves along the floor and how the body turns from one pose to another.
fn step(from: &Pose, to: &Pose) -> (Vec3d, f64) {
    (sub(on_floor(to[0]), on_floor(from[0])), turned(from, to))
}

/// How far the body of one pose is turned to be that of another, about the vertical, radians in −π..=π.
pub(super) fn turned(from: &Pose, to: &Pose) -> f64 {
    turn(levers(from, to))
}

/// What says where a body faces: hips, collars, shoulders. Arms held another way are no turn.
const ACROSS: [usize; 6] = [1, 2, 13, 14, 16, 17];

/// [`ACROSS`] in two poses, seen from the pelvis.
fn levers<'a>(a: &'a Pose, b: &'a Pose) -> impl Iterator<Item = (Vec3d, Vec3d)> + 'a {
    let lever = |pose: &Pose, j: usize| sub(on_floor(pose[j]), on_floor(pose[0]));
    ACROSS.into_iter().map(move |j| (lever(a, j), lever(b, j)))
}

/// `v`, no longer than `most`.
fn shortened(v: Vec3d, most: f64) -> Vec3d {
    let length = norm(v);
    if length > most { scale(v, most / length) } else { v }
}

/// How a person as a whole is elsewhere.
#[derive(Clone, Copy, Debug)]
struct Offset {
    /// y = 0.
    shift: Vec3d,
    /// About the pelvis, radians.
    turn: f64,
}

impl Offset {
    /// From `new` to `old`, on average over `frames`.
    fn over(new: &Person, old: &Person, frames: Range<usize>) -> Option<Self> {
        if frames.is_empty() {
            return None;
        }
        let count = frames.len() as f64;
        let pairs = new.positions[frames.clone()].iter().zip(&old.positions[frames]);
        let apart = pairs.clone().map(|(a, b)| sub(on_floor(b[0]), on_floor(a[0]))).fold([0.0; 3], add);
        let bodies = pairs.flat_map(|(a, b)| levers(a, b));
        Some(Self { shift: scale(apart, 1.0 / count), turn: turn(bodies) })
    }

    fn times(self, share: f64) -> Self {
        Self { shift: scale(self.shift, share), turn: self.turn * share }
    }

    fn put(self, pose: &mut Pose) {
        if self.turn == 0.0 && self.shift == [0.0; 3] {
            return;
        }
        let pelvis = widen(pose[0]);
        let about = Quat::about([0.0, 1.0, 0.0], self.turn);
        for p in pose {
            *p = narrow(add(add(pelvis, self.shift), about.rotate(sub(widen(*p), pelvis))));
        }
    }
}

/// The turn about the vertical that best takes each first vector to the second: y does not matter.
fn turn(pairs: impl Iterator<Item = (Vec3d, Vec3d)>) -> f64 {
    let (sine, cosine) = pairs.fold((0.0, 0.0), |(sine, cosine), (a, b)| {
        (sine + a[2] * b[0] - a[0] * b[2], cosine + a[0] * b[0] + a[2] * b[2])
    });
    sine.atan2(cosine)
}

fn on_floor([x, _, z]: Vec3) -> Vec3d {
    widen([x, 0.0, z])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;

    fn elsewhere(person: &Person, angle: f64, shift: Vec3d) -> Person {
        let turn = Quat::about([0.0, 1.0, 0.0], angle);
        let mut person = person.clone();
        for p in person.positions.iter_mut().flatten() {
            *p = narrow(add(turn.rotate(widen(*p)), shift));
        }
        person
    }

    fn apart(a: &Pose, b: &Pose) -> f64 {
        a.iter().zip(b).map(|(a, b)| norm(sub(widen(*a), widen(*b)))).fold(0.0, f64::max)
    }

    #[test]
    fn both_people_go_back_together() {
        let old = Motion { persons: [walk(30), elsewhere(&walk(30), 3.0, [0.2, 0.0, 1.0])] };
        let new = Motion { persons: old.persons.each_ref().map(|p| elsewhere(p, -0.8, [1.0, 0.0, -2.0])) };
        let all = (0..2).flat_map(|who| new.persons[who].positions.iter().zip(&old.persons[who].positions));
        let back = FloorMove::between(all).moved(&new);
        for (a, b) in back.persons.iter().zip(&old.persons) {
            assert!(a.positions.iter().zip(&b.positions).all(|(a, b)| apart(a, b) < 1e-4));
        }
        assert_eq!(FloorMove::between(std::iter::empty()).moved(&new), new);
    }

    #[test]
    fn an_end_that_is_met_lets_go_within_the_window() {
        let old = walk(120);
        let new = elsewhere(&old, 0.0, [0.3, 0.0, -0.1]);
        let made = met(&new, &old, &(40..120), 16);
        assert!((24..40).all(|t| apart(&made.positions[t], &old.positions[t]) < 1e-5));
        assert_eq!(made.positions[40 + FADE..], new.positions[40 + FADE..]);
        let steps: Vec<f64> = (24..100)
            .map(|t| {
                let off = |t: usize| f64::from(made.positions[t][0][0] - old.positions[t][0][0]);
                (off(t + 1) - off(t)).abs()
            })
            .collect();
        assert!(steps.iter().all(|&step| step < 0.011), "spread out: {steps:?}");
    }

    #[test]
    fn who_is_thrown_elsewhere_goes_there_instead() {
        let old = coasting(&walk(150), 60, 150);
        // Two frames after the join the person is 1.5 m away and has turned.
        let mut new = walk(150);
        for pose in &mut new.positions[62..] {
            Offset { shift: [1.5, 0.0, 0.0], turn: 1.0 }.put(pose);
        }
        let made = continued(&new, &old, 60, 16);
        assert!((44..60).all(|t| apart(&made.positions[t], &old.positions[t]) < 1e-5));
        let paces: Vec<(f64, f64)> = made.positions[44..]
            .windows(2)
            .map(|pair| step(&pair[0], &pair[1]))
            .map(|(step, turn)| (norm(step), turn.abs()))
            .collect();
        let usual = Pace::of(&walk(60).positions);
        assert!(paces.iter().all(|p| p.0 < usual.step + 0.013 && p.1 < usual.turn + 0.04), "{paces:?}");
        let off = |t: usize| {
            let (step, turn) = step(&new.positions[t], &made.positions[t]);
            (norm(step), turn.abs())
        };
        assert!(off(61).0 < 0.05 && off(62).0 > 1.3, "held back, not carried");
        assert!(off(149).0 < off(115).0 - 0.3 && off(149).1 < 0.1, "and under way: {:?}", off(149));
    }

    #[test]
    fn bodies_coast_to_a_stop() {
        let made = coasting(&walk(40), 30, 60);
        assert_eq!(made.positions[..30], walk(30).positions);
        let steps: Vec<f64> = made.positions.windows(2).map(|p| norm(step(&p[0], &p[1]).0)).collect();
        assert!(
            (29..58).all(|t| steps[t] < steps[t - 1] && steps[t] > 0.7 * steps[t - 1] - 1e-3),
            "{steps:?}"
        );
        assert!(steps[58] < 1e-3);
        for limb in crate::motion::skeleton::limbs() {
            let length = |pose: &Pose| norm(sub(widen(pose[limb.from]), widen(pose[limb.to])));
            let was = length(&made.positions[0]);
            assert!(made.positions.iter().all(|pose| (length(pose) - was).abs() < 1e-4), "{limb:?}");
        }
        assert_eq!((made.frames(), made.rotations.len()), (60, 60));
    }

    #[test]
    fn both_ends_are_met() {
        let old = walk(100);
        // The new motion turns a person at the pelvis: nothing else would be the same at both ends.
        let mut new = old.clone();
        for (t, pose) in new.positions.iter_mut().enumerate() {
            let share = if t < 50 { 1.0 } else { -1.0 };
            Offset { shift: [0.2 * share, 0.0, 0.0], turn: 0.5 * share }.put(pose);
        }
        let made = met(&new, &old, &(30..70), 8);
        for t in (22..30).chain(70..78) {
            assert!(apart(&made.positions[t], &old.positions[t]) < 1e-5, "frame {t}");
        }
    }
}
