//! Bodies whose bones keep their length. Ours, not upstream's: a decoder places each joint by itself, so that the limbs of
//! its bodies grow and shrink within a clip, by centimetres where a model is small.

use super::contact::{Contacts, FEET};
use super::inverse::{clip_bones, solve_onto};
use super::kinematics::{Bones, replay};
use super::planting::Planting;
use super::rotation::best_fit;
use super::skeleton::{MIRRORED, PARENTS, children};
use super::vector::{Vec3d, add, narrow, norm, scale, sub, unit, widen};
use super::{JOINTS, Motion, Person, Pose};
use crate::error::Result;
use std::array::from_fn;
use std::iter::repeat_n;

/// Both people of a smoothed motion, each on one skeleton, and the same with planted feet where `foot_fix` asks for it.
/// Rotations stay as they are.
///
/// The order was measured on generated clips. The body comes first: feet fixed on a body that breathes are torn from it
/// again by rigid bones. Planted feet keep their mean height, ankles above toes, where upstream puts both at y = 0 and
/// thereby flattens the foot. Where bones had to move, the body may turn abruptly: smoothing and fitting once more after
/// the feet takes the edge off.
///
/// # Errors
/// `motion_too_short`, `motion_not_finite`.
pub fn stiffen(motion: &Motion, foot_fix: bool) -> Result<(Motion, Option<Motion>)> {
    let [first, second] = &motion.persons;
    let (one, two) = (stiffen_person(first, foot_fix)?, stiffen_person(second, foot_fix)?);
    let fixed = one.1.zip(two.1).map(|(one, two)| Motion { persons: [one, two] });
    Ok((Motion { persons: [one.0, two.0] }, fixed))
}

fn stiffen_person(person: &Person, foot_fix: bool) -> Result<(Person, Option<Person>)> {
    let with = |positions| Person { positions, rotations: person.rotations.clone() };
    let body = Body::of(&person.positions)?;
    let plain = body.fit(&person.positions, &[])?;
    let fixed = if foot_fix { Some(with(body.plant(&Planting::of(&plain), &ALL_MOVE)?.0)) } else { None };
    Ok((with(plain), fixed))
}

/// Rounds of [`Body::draw_together`]: after them the bones are within a millimetre of their lengths.
const ROUNDS: usize = 24;

/// How readily each joint leaves its place, relative to the others. Hands and feet are what one sees and what touches;
/// elbows, knees and the joints inside the trunk make room for them.
const YIELDING: [f64; JOINTS] = {
    let mut yielding = [1.0; JOINTS];
    let firm = [(7, 0.1), (8, 0.1), (10, 0.3), (11, 0.3), (15, 0.3), (20, 0.2), (21, 0.2)];
    let mut i = 0;
    while i < firm.len() {
        yielding[firm[i].0] = firm[i].1;
        i += 1;
    }
    yielding
};
/// The same for a foot that stands on the floor.
const PLANTED: f64 = 0.01;

/// Share of what the frame before had to move a joint by that the next frame starts from. Where a decoder folds a limb into less
/// than its bones, an elbow could as well be pushed out to one side as to the other: it stays on the side where it was, and a body
/// does not twitch. Measured on decoded clips: with none of it velocities change twice as abruptly (99th percentile), with this
/// much as they do in the decoded positions themselves, with more nothing else is gained and hands go astray.
const CARRIED: f64 = 0.7;
/// How often the first frame is fitted as if it had been there before, so that what is carried has settled: else a body unfolds within
/// the first frames. 0.7 to the 16th is 0.3 %.
const SETTLING: usize = 16;

/// No joint is kept.
const ALL_MOVE: [bool; JOINTS] = [false; JOINTS];

/// One person's skeleton: bone vectors of the rest pose, the same on the left and on the right.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    bones: Bones,
    rods: Vec<Rod>,
}

/// Two joints that keep their distance.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rod {
    ends: [usize; 2],
    /// Metres.
    length: f64,
}

impl Body {
    /// The skeleton of a clip: each length is the median over its frames, the mean of left and right.
    ///
    /// # Errors
    /// `motion_too_short` without frames, `motion_not_finite`.
    pub fn of(clip: &[Pose]) -> Result<Self> {
        let seen = clip_bones(clip)?;
        let lengths: [f64; JOINTS] = from_fn(|j| PARENTS[j].map_or(0.0, |p| median_distance(clip, j, p)));
        let bones = from_fn(|j| {
            let m = MIRRORED[j];
            let [x, y, z] = seen[m];
            let direction = unit(add(seen[j], [-x, y, z])).unwrap_or([0.0; 3]);
            scale(direction, (lengths[j] + lengths[m]) / 2.0)
        });
        Ok(Self { bones, rods: rods(&bones) })
    }

    /// Poses of this body near `wanted` (y up, metres): hands, head and feet stay where they are wanted as far as the bones
    /// reach, and a foot in contact most of all. `contacts` has one row a frame; frames without one are free.
    ///
    /// # Errors
    /// As [`Body::of`].
    pub fn fit(&self, wanted: &[Pose], contacts: &[Contacts]) -> Result<Vec<Pose>> {
        self.fit_beside(wanted, contacts, &ALL_MOVE)
    }

    /// As [`Body::fit`], with joints that do not move at all: `kept` ones, and with each those between it and the pelvis. What
    /// hangs on them does so by bones of true length.
    ///
    /// # Errors
    /// As [`Body::of`].
    pub fn fit_beside(
        &self,
        wanted: &[Pose],
        contacts: &[Contacts],
        kept: &[bool; JOINTS],
    ) -> Result<Vec<Pose>> {
        let mut near: Vec<Pose> = Vec::with_capacity(wanted.len());
        let mut moved = [[0.0; 3]; JOINTS];
        let settling = if wanted.is_empty() { 0 } else { SETTLING };
        for (t, counts) in repeat_n((0, false), settling).chain((0..wanted.len()).map(|t| (t, true))) {
            let mut yielding = yielding(contacts, t);
            (0..JOINTS).filter(|&j| kept[j]).for_each(|j| yielding[j] = 0.0);
            let pose = wanted[t].map(widen);
            let mut start = pose;
            (1..JOINTS).filter(|&j| !kept[j]).for_each(|j| start[j] = add(pose[j], scale(moved[j], CARRIED)));
            let drawn = self.draw_together(start, &yielding);
            moved = from_fn(|j| sub(drawn[j], pose[j]));
            if counts {
                near.push(drawn.map(narrow));
            }
        }
        // What is left of the error goes when the body is put together from the pelvis outward.
        let solution = solve_onto(self.bones, &near)?;
        let fitted = replay(&solution, near.iter().map(|pose| pose[0]));
        Ok(fitted.iter().zip(wanted).map(|(fitted, wanted)| hung(fitted, wanted, kept)).collect())
    }

    /// This body with planted feet, and the contacts it stands by, one row a frame. `kept` joints stay, as in [`Body::fit_beside`], and so
    /// do whole frames that are planted already.
    ///
    /// # Errors
    /// As [`Body::of`].
    pub fn plant(
        &self,
        planting: &Planting<'_>,
        kept: &[bool; JOINTS],
    ) -> Result<(Vec<Pose>, Vec<Contacts>)> {
        let (mut wanted, contacts) = planting.planted();
        for (wanted, pose) in wanted.iter_mut().zip(planting.poses) {
            (0..JOINTS).filter(|&j| kept[j]).for_each(|j| wanted[j] = pose[j]);
        }
        let fitted = self.fit_beside(&wanted, &contacts, kept)?.into_iter().enumerate();
        Ok((fitted.map(|(t, pose)| planting.staying(t).copied().unwrap_or(pose)).collect(), contacts))
    }

    /// Put `joint` and its children into the shape they have in this body, placed and turned to fit best. Rods alone would
    /// let a badly squeezed pelvis unfold to either side, and to another side in the next frame.
    ///
    /// Joints that do not yield say alone where the others are.
    fn shape(&self, joint: usize, pose: &mut [Vec3d; JOINTS], yielding: &[f64; JOINTS]) {
        let whole = || std::iter::once(joint).chain(children(joint));
        let firm = whole().any(|j| yielding[j] == 0.0);
        let block = || whole().filter(|&j| !firm || yielding[j] == 0.0);
        let rest = |j: usize| if j == joint { [0.0; 3] } else { self.bones[j] };
        let middle = |of: &dyn Fn(usize) -> Vec3d| {
            scale(block().map(of).fold([0.0; 3], add), 1.0 / block().count() as f64)
        };
        let (from, to) = (middle(&rest), middle(&|j| pose[j]));
        let Some(turn) = best_fit(block().map(|j| (sub(rest(j), from), sub(pose[j], to)))) else { return };
        for j in whole().filter(|&j| yielding[j] > 0.0) {
            pose[j] = add(to, turn.rotate(sub(rest(j), from)));
        }
    }

    /// Move joints until all rods have nearly their lengths: position-based dynamics (Müller et al., 2007) without a time
    /// step, each joint as light as it is yielding.
    fn draw_together(&self, mut pose: [Vec3d; JOINTS], yielding: &[f64; JOINTS]) -> [Vec3d; JOINTS] {
        for joint in [PELVIS, CHEST] {
            self.shape(joint, &mut pose, yielding);
        }
        let mut relax = |rod: &Rod| {
            let [a, b] = rod.ends;
            let between = sub(pose[b], pose[a]);
            let length = norm(between);
            let give = yielding[a] + yielding[b];
            // Joints that coincide have no direction to part in; their neighbours will part them. Firm ones stay.
            if length > 1e-9 && give > 0.0 {
                let share = (length - rod.length) / (length * give);
                pose[a] = add(pose[a], scale(between, share * yielding[a]));
                pose[b] = sub(pose[b], scale(between, share * yielding[b]));
            }
        };
        // Outward and back, so that neither end of a limb has the last word.
        for _ in 0..ROUNDS / 2 {
            self.rods.iter().for_each(&mut relax);
            self.rods.iter().rev().for_each(&mut relax);
        }
        pose
    }
}

/// `pose` with the `kept` joints where `stays` has them, the others hung on them as they hang now.
fn hung(pose: &Pose, stays: &Pose, kept: &[bool; JOINTS]) -> Pose {
    let mut out = *pose;
    for j in 0..JOINTS {
        if kept[j] {
            out[j] = stays[j];
        } else if let Some(p) = PARENTS[j].filter(|&p| out[p] != pose[p]) {
            out[j] = from_fn(|c| out[p][c] + (pose[j][c] - pose[p][c]));
        }
    }
    out
}

/// The joints with several children.
const PELVIS: usize = 0;
const CHEST: usize = 9;

/// One rod a bone, and those that keep the pelvis and the upper chest, each with several bones, in shape.
fn rods(bones: &Bones) -> Vec<Rod> {
    let mut rods = Vec::new();
    for joint in 0..JOINTS {
        let below: Vec<usize> = children(joint).collect();
        for (i, &a) in below.iter().enumerate() {
            rods.push(Rod { ends: [joint, a], length: norm(bones[a]) });
            rods.extend(
                below[..i].iter().map(|&b| Rod { ends: [b, a], length: norm(sub(bones[a], bones[b])) }),
            );
        }
    }
    rods
}

fn median_distance(clip: &[Pose], a: usize, b: usize) -> f64 {
    let mut lengths: Vec<f64> = clip.iter().map(|pose| norm(sub(widen(pose[a]), widen(pose[b])))).collect();
    lengths.sort_by(f64::total_cmp);
    lengths[lengths.len() / 2]
}

/// [`YIELDING`] in frame `t`, with feet that become firm and loose over a few frames around a contact: a body that
/// changed its mind at once would twitch.
fn yielding(contacts: &[Contacts], t: usize) -> [f64; JOINTS] {
    const BELL: [f64; 5] = [1.0, 4.0, 6.0, 4.0, 1.0];
    let mut yielding = YIELDING;
    for (k, &joint) in FEET.iter().enumerate() {
        let last = contacts.len().saturating_sub(1);
        let planted: f64 = (0..BELL.len())
            .filter(|i| contacts.get((t + i).saturating_sub(2).min(last)).is_some_and(|c| c[k]))
            .map(|i| BELL[i] / 16.0)
            .sum();
        yielding[joint] += planted * (PLANTED - yielding[joint]);
    }
    yielding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::skeleton::limbs;

    fn length(pose: &Pose, from: usize, to: usize) -> f64 {
        norm(sub(widen(pose[from]), widen(pose[to])))
    }

    /// A walk whose bones grow and shrink by up to a tenth, each at its own time.
    fn breathing(frames: usize) -> Person {
        let mut person = walk(frames);
        for (t, pose) in person.positions.iter_mut().enumerate() {
            let from = *pose;
            for limb in limbs() {
                let swell = 1.0 + 0.1 * (0.3 * t as f32 + 1.7 * limb.to as f32).sin();
                for c in 0..3 {
                    pose[limb.to][c] = pose[limb.from][c] + swell * (from[limb.to][c] - from[limb.from][c]);
                }
            }
        }
        person
    }

    #[test]
    fn bones_keep_one_length_on_both_sides_and_hands_and_feet_their_places() {
        let person = breathing(60);
        let (plain, fixed) = stiffen_person(&person, true).unwrap();
        for poses in [&plain.positions, &fixed.unwrap().positions] {
            for limb in limbs() {
                let first = length(&poses[0], limb.from, limb.to);
                for pose in poses {
                    assert!((length(pose, limb.from, limb.to) - first).abs() < 1e-5, "{limb:?}");
                    let mirrored = length(pose, MIRRORED[limb.from], MIRRORED[limb.to]);
                    assert!((mirrored - first).abs() < 1e-5, "{limb:?}");
                }
            }
        }
        for joint in [7, 8, 20, 21] {
            let moved: f64 = plain
                .positions
                .iter()
                .zip(&person.positions)
                .map(|(a, b)| norm(sub(widen(a[joint]), widen(b[joint]))))
                .sum();
            assert!(moved / 60.0 < 0.015, "joint {joint} moves {} m", moved / 60.0);
        }
        assert_eq!(plain.rotations, person.rotations);
    }

    #[test]
    fn a_body_that_is_rigid_stays_where_it_is() {
        let person = walk(40);
        let (plain, fixed) = stiffen_person(&person, false).unwrap();
        assert!(fixed.is_none());
        for (a, b) in plain.positions.iter().flatten().zip(person.positions.iter().flatten()) {
            assert!(norm(sub(widen(*a), widen(*b))) < 1e-4);
        }
    }

    #[test]
    fn nobody_unfolds_at_the_start() {
        // Decoders that fold a spine, a leg or an arm: bones push it out, in the first frame as in all that follow. Without settling the
        // first frame is 10 to 16 mm from the last.
        let stand = walk(1).positions[0];
        let body = Body::of(&walk(20).positions).unwrap();
        let drawn = |joints: &[usize], to: usize, share: f32, out: (usize, f32)| {
            let mut pose = stand;
            for &j in joints {
                pose[j] = std::array::from_fn(|c| stand[to][c] + share * (stand[j][c] - stand[to][c]));
            }
            pose[out.0][2] += out.1;
            pose
        };
        let mut spine = stand;
        [3, 6, 9].iter().for_each(|&j| spine[j][2] += 0.09);
        let leg = drawn(&[4, 7, 10], 1, 0.8, (4, 0.02));
        let arm = drawn(&[18, 20], 16, 0.7, (18, -0.02));
        for (what, pose) in [("spine", spine), ("leg", leg), ("arm", arm)] {
            let fitted = body.fit(&[pose; 60], &[]).unwrap();
            for (j, (first, last)) in fitted[0].iter().zip(&fitted[59]).enumerate() {
                let off = norm(sub(widen(*first), widen(*last)));
                assert!(off < 1e-3, "{what}, joint {j}: {off}");
            }
        }
    }

    #[test]
    fn planted_feet_slide_less() {
        // Standing on a conveyor belt: slow enough to be a contact, fast enough to skate.
        let stand = walk(1);
        let positions: Vec<Pose> =
            (0..60).map(|t| stand.positions[0].map(|[x, y, z]| [x, y, z + 0.02 * t as f32])).collect();
        let person = Person { positions, rotations: vec![stand.rotations[0]; 60] };
        let (plain, fixed) = stiffen_person(&person, true).unwrap();
        // The body cannot leave its feet behind for two seconds, so look at their speed where the body can still follow.
        let step = |poses: &[Pose], t: usize| norm(sub(widen(poses[t + 1][11]), widen(poses[t][11])));
        let fixed = fixed.unwrap().positions;
        assert!((step(&plain.positions, 30) - 0.02).abs() < 1e-3);
        assert!(step(&fixed, 30) < 0.005, "{}", step(&fixed, 30));
    }

    #[test]
    fn collapsed_bodies_come_out_finite_and_none_at_all_is_refused() {
        let mut person = walk(20);
        person.positions = vec![[[0.1, 0.2, 0.3]; JOINTS]; 20];
        let (plain, fixed) = stiffen_person(&person, true).unwrap();
        assert!(plain.is_finite() && fixed.unwrap().is_finite());
        person.positions.clear();
        assert_eq!(stiffen_person(&person, true).unwrap_err().code(), "motion_too_short");
    }
}
