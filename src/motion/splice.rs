//! New motion put into old: where the old stays not one number changes, and between the two one runs into the other.

use super::alignment::turned;
use super::body_parts::{ARMS, BodyParts, HIPS, LEGS, TORSO};
use super::foot_fix::FootFix;
use super::rigid::Body;
use super::rotation::{Quat, best_fit};
use super::skeleton::{PARENTS, children};
use super::smooth::smooth;
use super::vector::{Vec3d, add, narrow, norm, scale, sub, unit, widen};
use super::{JOINTS, Motion, Person, Pose, Rotations};
use crate::error::Result;
use std::f64::consts::TAU;

/// What is put where.
#[derive(Clone, Copy, Debug)]
pub struct Splice<'a> {
    /// The motion as it was.
    pub old: &'a Motion,
    /// The same with fixed feet, where the result is to have such a motion too.
    pub old_fixed: Option<&'a Motion>,
    /// What a model made, smoothed; as many frames.
    pub new: &'a Motion,
    /// For each person and frame, how much of the new: 0 keeps the old untouched, 1 takes the new.
    pub weights: &'a [Vec<f32>; 2],
    /// The joints that are taken.
    pub parts: BodyParts,
    /// Whether bones keep their length ([`super::rigid`]): that of the old motion where some of it stays.
    pub rigid: bool,
}

impl Splice<'_> {
    /// The motion as a whole, plain and, where there was one, foot-fixed.
    ///
    /// # Errors
    /// As [`Body::of`].
    pub fn join(&self) -> Result<(Motion, Option<Motion>)> {
        let (one, two) = (self.person(0)?, self.person(1)?);
        let fixed = one.1.zip(two.1).map(|(one, two)| Motion { persons: [one, two] });
        Ok((Motion { persons: [one.0, two.0] }, fixed))
    }

    fn person(&self, who: usize) -> Result<(Person, Option<Person>)> {
        let (old, new, weights) = (&self.old.persons[who], &self.new.persons[who], &self.weights[who]);
        let old_fixed = self.old_fixed.map(|motion| &motion.persons[who]);
        if weights.iter().all(|&w| w == 0.0) {
            return Ok((old.clone(), old_fixed.cloned()));
        }
        let staying: Vec<Pose> =
            old.positions.iter().zip(weights).filter(|(_, w)| **w < 1.0).map(|(pose, _)| *pose).collect();
        // The bones of what stays; of one whose parts are all new, the new ones.
        let of = match (staying.is_empty(), self.parts.is_all()) {
            (true, true) => &new.positions,
            (true, false) => &old.positions,
            (false, _) => &staying,
        };
        let body = if self.rigid { Some(Body::of(of)?) } else { None };
        let rotations = (0..weights.len())
            .map(|t| rotated(&old.rotations[t], &new.rotations[t], weights[t], self.parts))
            .collect();
        let positions = self.run_in(body.as_ref(), &old.positions, &new.positions, weights)?;
        let plain = Person { positions, rotations };
        let Some(old_fixed) = old_fixed else { return Ok((plain, None)) };
        let positions = self.planted(body.as_ref(), &old_fixed.positions, &plain.positions, weights)?;
        let fixed = Person { positions, rotations: plain.rotations.clone() };
        Ok((plain, Some(fixed)))
    }

    /// The chosen parts of `new` on what stays of `old`, one running into the other.
    fn run_in(&self, body: Option<&Body>, old: &[Pose], new: &[Pose], weights: &[f32]) -> Result<Vec<Pose>> {
        let wanted = self.mixed(old, &self.assembled(old, new, weights), weights);
        let Some(body) = body else { return Ok(wanted) };
        let fitted = body.fit_beside(&wanted, &[], &self.parts.kept())?;
        let frames = fitted.iter().zip(old).zip(weights);
        Ok(frames.map(|((fitted, old), &w)| if w > 0.0 { *fitted } else { *old }).collect())
    }

    /// Poses between those of two motions, where the weight is neither 0 nor 1.
    fn mixed(&self, old: &[Pose], new: &[Pose], weights: &[f32]) -> Vec<Pose> {
        // Who keeps the pelvis does not turn as a whole.
        let turns = !self.parts.kept()[0];
        let mut turn = 0.0;
        let frames = old.iter().zip(new).zip(weights);
        let pose = |((old, new), &w): ((&Pose, &Pose), &f32)| {
            if w <= 0.0 || w >= 1.0 {
                return if w > 0.0 { *new } else { *old };
            }
            if turns {
                // The way round that it was in the frame before.
                let now = turned(old, new);
                turn = now + TAU * ((turn - now) / TAU).round();
            }
            between(old, new, w, turn)
        };
        frames.map(pose).collect()
    }

    /// The same with planted feet, from the `plain` result: feet that were not chosen are planted already.
    fn planted(
        &self,
        body: Option<&Body>,
        old_fixed: &[Pose],
        plain: &[Pose],
        weights: &[f32],
    ) -> Result<Vec<Pose>> {
        if !self.parts.legs {
            return self.run_in(body, old_fixed, plain, weights);
        }
        let wanted = self.assembled(old_fixed, plain, weights);
        let feet = match body {
            Some(body) => body.plant(&wanted, &self.parts.kept())?,
            None => {
                let mut feet = wanted;
                FootFix::default().apply(&mut feet, None);
                smooth(&feet)
            }
        };
        if weights.iter().all(|&w| w >= 1.0) {
            return Ok(feet);
        }
        self.run_in(body, old_fixed, &feet, weights)
    }

    fn assembled(&self, old: &[Pose], new: &[Pose], weights: &[f32]) -> Vec<Pose> {
        let pose = |((old, new), &w)| if w > 0.0 { assemble(old, new, self.parts) } else { *old };
        old.iter().zip(new).zip(weights).map(pose).collect()
    }
}

/// How much of the new in each of `frames` frames: all of it within `window`, less and less over `blend` frames on
/// either side, nothing beyond.
pub fn ramps(frames: usize, window: &std::ops::Range<usize>, blend: usize) -> Vec<f32> {
    let away =
        |t: usize| if t < window.start { window.start - t } else { (t + 1).saturating_sub(window.end) };
    (0..frames)
        .map(|t| {
            let near = 1.0 - away(t) as f32 / (blend + 1) as f32;
            if near <= 0.0 { 0.0 } else { near * near * (3.0 - 2.0 * near) }
        })
        .collect()
}

fn rotated(old: &Rotations, new: &Rotations, w: f32, parts: BodyParts) -> Rotations {
    std::array::from_fn(|i| if parts.turns(i + 1) { mixed(&old[i], &new[i], w) } else { old[i] })
}

/// A share `w` of the way from one pose to another that is turned by `turn` against it: both are turned to face the same way,
/// then every bone of a limb turns along the shorter arc. Limbs that were mixed point by point would shrink and then flip where
/// the two poses hold them another way.
fn between(old: &Pose, new: &Pose, w: f32, turn: f64) -> Pose {
    let share = f64::from(w);
    let facing = |pose: &Pose, angle: f64| {
        let (about, pelvis) = (Quat::about([0.0, 1.0, 0.0], angle), widen(pose[0]));
        pose.map(|p| about.rotate(sub(widen(p), pelvis)))
    };
    let (from, to) = (facing(old, share * turn), facing(new, (share - 1.0) * turn));
    let mix = |a: Vec3d, b: Vec3d| add(a, scale(sub(b, a), share));
    let mut pose = [mix(widen(old[0]), widen(new[0])); JOINTS];
    for j in 1..JOINTS {
        let parent = PARENTS[j].unwrap_or(0);
        let (a, b) = (sub(from[j], from[parent]), sub(to[j], to[parent]));
        // Several bones of one block keep their shape together.
        let bone = if children(parent).count() > 1 { mix(a, b) } else { swung(a, b, share) };
        pose[j] = add(pose[parent], bone);
    }
    let stays = |j: usize| turn == 0.0 && old[j] == new[j];
    std::array::from_fn(|j| if stays(j) { old[j] } else { narrow(pose[j]) })
}

/// A share of the way from one bone to another, along the shorter arc.
fn swung(a: Vec3d, b: Vec3d, share: f64) -> Vec3d {
    let (Some(from), Some(to)) = (unit(a), unit(b)) else { return add(a, scale(sub(b, a), share)) };
    let turned = Quat::IDENTITY.slerp(Quat::between(from, to), share).rotate(from);
    scale(turned, norm(a) + share * (norm(b) - norm(a)))
}

fn mixed<const N: usize>(old: &[f32; N], new: &[f32; N], w: f32) -> [f32; N] {
    if w >= 1.0 {
        return *new;
    }
    if w <= 0.0 {
        return *old;
    }
    std::array::from_fn(|c| old[c] + w * (new[c] - old[c]))
}

/// The bones that give the upper body its direction.
const CHEST: [usize; 4] = [9, 12, 13, 14];

/// The chosen parts of `new` on what stays of `old`: legs and torso hang on the pelvis, arms on the chest, wherever those
/// are.
fn assemble(old: &Pose, new: &Pose, parts: BodyParts) -> Pose {
    if parts.is_all() {
        return *new;
    }
    let mut pose = *old;
    if parts.legs && parts.torso {
        HIPS.iter().for_each(|&j| pose[j] = new[j]);
    }
    let from_hips = Carry::between(new, &pose, &HIPS);
    if parts.legs {
        LEGS.iter().for_each(|&j| pose[j] = from_hips.carry(new[j]));
    }
    if parts.torso {
        TORSO.iter().for_each(|&j| pose[j] = from_hips.carry(new[j]));
    }
    if parts.torso || parts.arms {
        let source = if parts.arms { new } else { old };
        let from_chest = Carry::between(source, &pose, &CHEST);
        ARMS.iter().for_each(|&j| pose[j] = from_chest.carry(source[j]));
    }
    pose
}

/// A rigid motion that takes some joints of one pose to those of another as well as it can.
struct Carry {
    from: Vec3d,
    to: Vec3d,
    turn: Quat,
}

impl Carry {
    fn between(a: &Pose, b: &Pose, joints: &[usize]) -> Self {
        let middle = |pose: &Pose| {
            let sum = joints.iter().map(|&j| widen(pose[j])).fold([0.0; 3], add);
            scale(sum, 1.0 / joints.len() as f64)
        };
        let (from, to) = (middle(a), middle(b));
        let pairs = joints.iter().map(|&j| (sub(widen(a[j]), from), sub(widen(b[j]), to)));
        Self { from, to, turn: best_fit(pairs).unwrap_or(Quat::IDENTITY) }
    }

    fn carry(&self, p: [f32; 3]) -> [f32; 3] {
        narrow(add(self.to, self.turn.rotate(sub(widen(p), self.from))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::skeleton::limbs;

    fn shifted(person: &Person, by: [f32; 3]) -> Person {
        let mut person = person.clone();
        person.positions.iter_mut().flatten().for_each(|p| (0..3).for_each(|c| p[c] += by[c]));
        person
    }

    fn length(pose: &Pose, a: usize, b: usize) -> f64 {
        norm(sub(widen(pose[a]), widen(pose[b])))
    }

    #[test]
    fn ramps_are_level_at_both_ends() {
        let w = ramps(20, &(8..12), 3);
        assert_eq!((w[4], w[8], w[11], w[15]), (0.0, 1.0, 1.0, 0.0));
        assert!((5..8).all(|t| w[t] > 0.0 && w[t] < w[t + 1] && w[t] == w[19 - t]));
        assert_eq!(ramps(4, &(0..2), 0), [1.0, 1.0, 0.0, 0.0]);
        assert!(ramps(8, &(0..8), 5).iter().all(|&w| w == 1.0));
    }

    #[test]
    fn what_stays_stays_to_the_bit_and_bones_keep_their_length() {
        let old = Motion { persons: [walk(60), shifted(&walk(60), [1.0, 0.0, 0.0])] };
        let new = Motion { persons: old.persons.each_ref().map(|p| shifted(p, [0.05, 0.02, -0.04])) };
        let window = ramps(60, &(24..36), 6);
        let weights = [window.clone(), vec![0.0; 60]];
        for rigid in [true, false] {
            let parts = BodyParts::ALL;
            let splice =
                Splice { old: &old, old_fixed: Some(&old), new: &new, weights: &weights, parts, rigid };
            let (plain, fixed) = splice.join().unwrap();
            let fixed = fixed.unwrap();
            for motion in [&plain, &fixed] {
                assert_eq!(motion.persons[1], old.persons[1]);
                for t in (0..60).filter(|&t| window[t] == 0.0) {
                    assert_eq!(motion.persons[0].positions[t], old.persons[0].positions[t], "frame {t}");
                }
                assert_ne!(motion.persons[0].positions[30], old.persons[0].positions[30]);
                for limb in limbs().filter(|_| rigid) {
                    let was = length(&old.persons[0].positions[0], limb.from, limb.to);
                    for pose in &motion.persons[0].positions {
                        assert!((length(pose, limb.from, limb.to) - was).abs() < 2e-4, "{limb:?}");
                    }
                }
            }
            assert!((plain.persons[0].positions[30][0][1] - new.persons[0].positions[30][0][1]).abs() < 1e-4);
        }
    }

    #[test]
    fn limbs_that_are_held_another_way_swing_over() {
        // One arm down, then up: half way it points to the side, as long as ever.
        let down = walk(1).positions[0];
        let mut up = down;
        for j in [18, 20] {
            up[j][1] = 2.0 * down[16][1] - down[j][1];
        }
        let mut before = down;
        for w in 1..20 {
            let pose = between(&down, &up, w as f32 / 20.0, 0.0);
            for (from, to) in [(16, 18), (18, 20)] {
                assert!((length(&pose, from, to) - length(&down, from, to)).abs() < 1e-5);
            }
            let step = norm(sub(widen(pose[20]), widen(before[20])));
            assert!(step < 0.12, "evenly: {step} at {w}");
            assert_eq!((pose[16], pose[21]), (down[16], down[21]));
            before = pose;
        }
    }

    #[test]
    fn parts_hang_on_what_stays() {
        let (old, other) = (walk(40).positions[3], walk(40).positions[20]);
        let turn = Quat::about([0.0, 1.0, 0.0], 0.7);
        let new: Pose = other.map(|p| narrow(add(turn.rotate(widen(p)), [0.4, 0.0, 1.0])));
        let only = |names: &[&str]| BodyParts::named(names.iter().copied()).unwrap();

        let arms = assemble(&old, &new, only(&["arms"]));
        assert!((0..16).all(|j| arms[j] == old[j]) && (16..22).all(|j| arms[j] != old[j]));
        assert!((length(&arms, 13, 16) - length(&new, 13, 16)).abs() < 2e-2);
        assert!((length(&arms, 18, 20) - length(&new, 18, 20)).abs() < 1e-5);

        let torso = assemble(&old, &new, only(&["torso"]));
        assert!([0, 1, 2, 4, 5, 7, 8, 10, 11].iter().all(|&j| torso[j] == old[j]));
        assert!((length(&torso, 13, 20) - length(&old, 13, 20)).abs() < 2e-2, "arms go with the chest");

        let lower = assemble(&old, &new, only(&["legs", "torso"]));
        assert!((0..16).all(|j| norm(sub(widen(lower[j]), widen(new[j]))) < 1e-5));
        assert!((length(&lower, 16, 20) - length(&old, 16, 20)).abs() < 1e-5);
    }
}
