//! New motion put into old: where the old stays not one number changes, and between the two one runs into the other.

use super::body_parts::{ARMS, BodyParts, HIPS, LEGS, TORSO};
use super::calm::calmed;
use super::contact::Contacts;
use super::foot_fix::{FootFix, floor_height, standing_height};
use super::haste::unhurried;
use super::planting::Planting;
use super::ramp::Ramp;
use super::rigid::Body;
use super::rotation::{Quat, SixD, best_fit};
use super::smooth::smooth;
use super::swing::{Shares, between};
use super::vector::{Vec3d, add, narrow, scale, sub, widen};
use super::{JOINTS, Motion, Person, Pose, Rotations};
use crate::error::Result;

/// Frames over which the old motion with planted feet gives way to the new one, where legs or bones are as they are.
const SOON: usize = 16;
/// Frames beside a join in which a decoder may still be hasty because of it.
const LATER: usize = 32;
/// Floors this near to y = 0 are taken to be there, metres: planting puts what models make there, but for a centimetre or two.
const NEAR: f32 = 0.05;

/// What is put where.
#[derive(Clone, Copy, Debug)]
pub struct Splice<'a> {
    /// The motion as it was.
    pub old: &'a Motion,
    /// The same with fixed feet, where the result is to have such a motion too.
    pub old_fixed: Option<&'a Motion>,
    /// How high the floor under each person of it is, as [`floors`] says of the clip that is edited.
    pub floors: [f32; 2],
    /// What a model made, smoothed; as many frames.
    pub new: &'a Motion,
    /// For each person, when the new takes over and gives back; `None` keeps the old untouched.
    pub ramps: [Option<Ramp>; 2],
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
        let (one, two) = rayon::join(|| self.person(0), || self.person(1));
        let (one, two) = (one?, two?);
        let fixed = one.1.zip(two.1).map(|(one, two)| Motion { persons: [one, two] });
        Ok((Motion { persons: [one.0, two.0] }, fixed))
    }

    fn person(&self, who: usize) -> Result<(Person, Option<Person>)> {
        let (old, new) = (&self.old.persons[who], &self.new.persons[who]);
        let old_fixed = self.old_fixed.map(|motion| &motion.persons[who]);
        let Some(ramp) = &self.ramps[who] else { return Ok((old.clone(), old_fixed.cloned())) };
        let frames = old.frames();
        let taken = ramp.shares(frames);
        let staying: Vec<Pose> =
            old.positions.iter().zip(&taken).filter(|(_, w)| **w < 1.0).map(|(pose, _)| *pose).collect();
        // The bones of what stays; of one whose parts are all new, the new ones.
        let of = match (staying.is_empty(), self.parts.is_all()) {
            (true, true) => &new.positions,
            (true, false) => &old.positions,
            (false, _) => &staying,
        };
        let body = if self.rigid { Some(Body::of(of)?) } else { None };
        // Only a body can be half way to another: what a decoder gives may have limbs folded into nothing.
        let hanging = self.assembled(&old.positions, &new.positions, &taken);
        let hanging = match &body {
            Some(body) => body.fit_beside(&hanging, &[], &self.parts.kept())?,
            None => hanging,
        };
        let shares = unhurried(&old.positions, &hanging, ramp, self.turns());
        let rotations = (0..frames)
            .map(|t| rotated(&old.rotations[t], &new.rotations[t], self.parts, |j| shares.turning(j)[t]))
            .collect();
        let positions = between(&old.positions, &hanging, &shares, self.turns());
        let calm = |positions, contacts: &[Contacts]| match &body {
            Some(body) if !ramp.is_firm() => {
                calmed(body, positions, &seams(&shares), contacts, &self.parts.kept())
            }
            _ => Ok(positions),
        };
        let plain = Person { positions: calm(positions, &[])?, rotations };
        let Some(old_fixed) = old_fixed else { return Ok((plain, None)) };
        let (positions, contacts) =
            self.on_floor(self.floors[who], body.as_ref(), &old_fixed.positions, &plain.positions, ramp)?;
        let positions = calm(positions, &contacts)?;
        let fixed = Person { positions, rotations: plain.rotations.clone() };
        Ok((plain, Some(fixed)))
    }

    /// Who keeps the pelvis does not turn as a whole.
    fn turns(&self) -> bool {
        !self.parts.kept()[0]
    }

    /// [`Splice::planted`] on a floor that need not be at y = 0: who was captured elsewhere stays there, and so does what is new.
    fn on_floor(
        &self,
        floor: f32,
        body: Option<&Body>,
        old_fixed: &[Pose],
        plain: &[Pose],
        ramp: &Ramp,
    ) -> Result<(Vec<Pose>, Vec<Contacts>)> {
        if floor == 0.0 {
            return self.planted(body, old_fixed, plain, ramp);
        }
        let (planted, contacts) =
            self.planted(body, &raised(old_fixed, -floor), &raised(plain, -floor), ramp)?;
        let mut positions = raised(&planted, floor);
        // Down and up again is not quite where it was, and what stays stays to the bit.
        let kept = self.parts.kept();
        for ((pose, was), share) in positions.iter_mut().zip(old_fixed).zip(ramp.shares(plain.len())) {
            keep(pose, was, if share == 0.0 { &[true; JOINTS] } else { &kept });
        }
        Ok((positions, contacts))
    }

    /// The same with planted feet, from the `plain` result, and contacts where feet were planted anew: those that were not chosen are
    /// planted already.
    fn planted(
        &self,
        body: Option<&Body>,
        old_fixed: &[Pose],
        plain: &[Pose],
        ramp: &Ramp,
    ) -> Result<(Vec<Pose>, Vec<Contacts>)> {
        let kept = self.parts.kept();
        if let (Some(body), true) = (body, self.parts.legs) {
            let shares = ramp.shares(plain.len());
            let stays: Vec<Option<Pose>> =
                old_fixed.iter().zip(shares).map(|(pose, share)| (share == 0.0).then_some(*pose)).collect();
            let poses: Vec<Pose> =
                old_fixed.iter().zip(plain).map(|(old, new)| assemble(old, new, self.parts)).collect();
            // Who keeps the pelvis is on the floor already.
            let floor = if kept[0] { 0.0 } else { floor_height(plain) };
            return body.plant(&Planting { poses: &poses, floor, stays: &stays }, &kept);
        }
        // At its ends the plain result is all but what it was, so that it soon takes over from the old one with planted feet.
        let shares = ramp.at_most(SOON).shares(plain.len());
        let mut wanted = self.assembled(old_fixed, plain, &shares);
        if self.parts.legs {
            FootFix::default().apply(&mut wanted, None);
            wanted = smooth(&wanted);
            // Both move the whole body.
            wanted.iter_mut().zip(old_fixed).for_each(|(pose, was)| keep(pose, was, &kept));
        }
        Ok((between(old_fixed, &wanted, &Shares::even(shares), self.turns()), Vec::new()))
    }

    /// The chosen parts of `new` on what stays of `old`, where there is any of the new.
    fn assembled(&self, old: &[Pose], new: &[Pose], shares: &[f64]) -> Vec<Pose> {
        let pose = |((old, new), &share)| if share > 0.0 { assemble(old, new, self.parts) } else { *old };
        old.iter().zip(new).zip(shares).map(pose).collect()
    }
}

/// How high the floor is under each person of a clip whose feet are planted already. What a model made stands at y = 0; captured people
/// stand wherever their files have them.
pub fn floors(fixed: &Motion) -> [f32; 2] {
    fixed.persons.each_ref().map(|person| {
        // However high: a stage is a floor, too.
        let floor = standing_height(&person.positions);
        if floor.abs() < NEAR { 0.0 } else { floor }
    })
}

fn raised(poses: &[Pose], by: f32) -> Vec<Pose> {
    poses.iter().map(|pose| pose.map(|[x, y, z]| [x, y + by, z])).collect()
}

/// `pose` with the `kept` joints where they were.
fn keep(pose: &mut Pose, was: &Pose, kept: &[bool; JOINTS]) {
    (0..JOINTS).filter(|&j| kept[j]).for_each(|j| pose[j] = was[j]);
}

/// Frames that may still be smoothed: those that have something of both, and those of the new within [`LATER`] frames.
fn seams(shares: &Shares) -> Vec<bool> {
    let frames = shares.body.len();
    let mut may = vec![false; frames];
    for run in shares.runs() {
        let beside = run.start.saturating_sub(LATER)..(run.end + LATER).min(frames);
        may[beside.clone()].iter_mut().zip(beside).for_each(|(may, t)| *may = shares.has_new(t));
    }
    may
}

/// The local rotations between, each by the share of what it turns.
fn rotated(old: &Rotations, new: &Rotations, parts: BodyParts, share: impl Fn(usize) -> f64) -> Rotations {
    std::array::from_fn(|i| if parts.turns(i + 1) { mixed(&old[i], &new[i], share(i + 1)) } else { old[i] })
}

/// A share of the way from one rotation to another, along the shorter arc; by components where the numbers are no rotation.
fn mixed(old: &[f32; 6], new: &[f32; 6], share: f64) -> [f32; 6] {
    if share >= 1.0 {
        return *new;
    }
    if share <= 0.0 {
        return *old;
    }
    let turn = |six: &[f32; 6]| SixD::Interleaved.decode(*six).map(|m| Quat::from_matrix(&m));
    match (turn(old), turn(new)) {
        (Some(a), Some(b)) => SixD::Interleaved.encode(&a.slerp(b, share).to_matrix()),
        _ => std::array::from_fn(|c| old[c] + share as f32 * (new[c] - old[c])),
    }
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
mod tests;
