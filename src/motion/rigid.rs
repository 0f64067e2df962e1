//! Bodies whose bones keep their length. Ours, not upstream's: a decoder places each joint by itself, so that the limbs of
//! its bodies grow and shrink within a clip, by centimetres where a model is small.

use super::contact::{Contacts, FEET};
use super::inverse::{clip_bones, solve_onto};
use super::kinematics::{Bones, replay};
use super::skeleton::{MIRRORED, PARENTS, children};
use super::vector::{Vec3d, add, narrow, norm, scale, sub, unit, widen};
use super::{JOINTS, Pose};
use crate::error::Result;

/// Rounds of [`Body::draw_together`]: after them the bones are within a millimetre of their lengths.
const ROUNDS: usize = 24;

/// How readily each joint leaves its place, relative to the others. Hands and feet are what one sees and what touches;
/// elbows, knees and the joints inside the trunk make room for them.
const YIELDING: [f64; JOINTS] = {
    let mut yielding = [1.0; JOINTS];
    let firm = [7, 8, 10, 11, 15, 20, 21];
    let mut i = 0;
    while i < firm.len() {
        yielding[firm[i]] = 0.2;
        i += 1;
    }
    yielding
};
/// The same for a foot that stands on the floor.
const PLANTED: f64 = 0.01;

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
        let lengths: [f64; JOINTS] =
            std::array::from_fn(|j| PARENTS[j].map_or(0.0, |p| median_distance(clip, j, p)));
        let bones = std::array::from_fn(|j| {
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
        let near: Vec<Pose> = wanted
            .iter()
            .enumerate()
            .map(|(t, pose)| self.draw_together(pose.map(widen), &yielding(contacts, t)).map(narrow))
            .collect();
        // What is left of the error goes when the body is put together from the pelvis outward.
        let solution = solve_onto(self.bones, &near)?;
        Ok(replay(&solution, near.iter().map(|pose| pose[0])))
    }

    /// Move joints until all rods have nearly their lengths: position-based dynamics (Müller et al., 2007) without a time
    /// step, each joint as light as it is yielding.
    fn draw_together(&self, mut pose: [Vec3d; JOINTS], yielding: &[f64; JOINTS]) -> [Vec3d; JOINTS] {
        let mut relax = |rod: &Rod| {
            let [a, b] = rod.ends;
            let between = sub(pose[b], pose[a]);
            let length = norm(between);
            // Joints that coincide have no direction to part in; their neighbours will part them.
            if length > 1e-9 {
                let share = (length - rod.length) / (length * (yielding[a] + yielding[b]));
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
