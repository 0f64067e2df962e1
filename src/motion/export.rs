//! What InterMask's inference writes: smoothed positions with raw rotations, plain and foot-fixed (InterMask spec §5).

use super::foot_fix::FootFix;
use super::smooth::{smooth, smooth_through};
use super::{Features, JOINTS, Motion, Person, Pose};
use crate::error::{Error, Result};

/// Numbers per joint in a keypoint array: position, then 6D rotation.
pub const KEYPOINT_WIDTH: usize = 9;

/// Both motions that come out of one generated pair, and what upstream's video shows.
#[derive(Clone, Debug, PartialEq)]
pub struct PostProcessed {
    /// Positions smoothed in time, rotations as generated: upstream's plain npy.
    pub plain: Motion,
    /// The same after the foot fix and a second smoothing: upstream's `ik_` npy.
    pub fixed: Motion,
    /// After the foot fix, before the second smoothing.
    unsmoothed: [Vec<Pose>; 2],
}

impl PostProcessed {
    /// Joints of upstream's plain video: foot-fixed but not smoothed again, because its fix edits the array the plain video
    /// draws. The plain npy holds the untouched ones.
    pub fn mp4_joints_plain(&self, person: usize) -> &[Pose] {
        &self.unsmoothed[person]
    }

    /// Joints of upstream's `ik_` video: those of the `ik_` npy.
    pub fn mp4_joints_ik(&self, person: usize) -> &[Pose] {
        &self.fixed.persons[person].positions
    }
}

/// Smooth and foot-fix two denormalised persons of the same number of frames.
///
/// # Errors
/// `persons_differ_in_length`.
pub fn post_process(features: [&Features; 2]) -> Result<PostProcessed> {
    if features[0].frames() != features[1].frames() {
        return Err(Error::invalid(
            "persons_differ_in_length",
            format!("person 1 has {} frames, person 2 has {}", features[0].frames(), features[1].frames()),
        ));
    }
    let plain = features.map(|f| Person { positions: smooth(&f.positions()), rotations: f.rotations() });
    let unsmoothed = [0, 1].map(|i| {
        let mut positions = plain[i].positions.clone();
        FootFix::default().apply(&mut positions, None);
        positions
    });
    let fixed =
        [0, 1].map(|i| Person { positions: smooth(&unsmoothed[i]), rotations: plain[i].rotations.clone() });
    Ok(PostProcessed { plain: Motion { persons: plain }, fixed: Motion { persons: fixed }, unsmoothed })
}

/// The people as they move where bones keep their length: smoothed, and not stopped at the ends of the clip. Upstream's plain motion
/// ([`post_process`]) slows who walks by a third within the first and last two frames.
pub fn going_on(features: [&Features; 2]) -> Motion {
    let person =
        |f: &Features| Person { positions: smooth_through(&f.positions()), rotations: f.rotations() };
    Motion { persons: features.map(person) }
}

/// A person as upstream's keypoint array, row-major (frames, 22, 9) in f64: xyz in metres, then the raw 6D of the joint,
/// zeros for the pelvis.
pub fn keypoints(person: &Person) -> Vec<f64> {
    let mut out = Vec::with_capacity(person.frames() * JOINTS * KEYPOINT_WIDTH);
    for (pose, rotations) in person.positions.iter().zip(&person.rotations) {
        let six = std::iter::once(&[0.0; 6]).chain(rotations);
        for (position, six) in pose.iter().zip(six) {
            out.extend(position.iter().chain(six).copied().map(f64::from));
        }
    }
    out
}

/// The way back from [`keypoints`]; the pelvis's six numbers are ignored.
///
/// # Errors
/// `motion_wrong_width` where the length is not a multiple of 22 x 9.
pub fn from_keypoints(numbers: &[f64]) -> Result<Person> {
    if !numbers.len().is_multiple_of(JOINTS * KEYPOINT_WIDTH) {
        return Err(Error::invalid(
            "motion_wrong_width",
            format!(
                "keypoints need frames of {JOINTS} x {KEYPOINT_WIDTH} numbers, got {} in all",
                numbers.len()
            ),
        ));
    }
    let mut person = Person { positions: Vec::new(), rotations: Vec::new() };
    for frame in numbers.chunks_exact(JOINTS * KEYPOINT_WIDTH) {
        let at = |joint: usize, k: usize| frame[joint * KEYPOINT_WIDTH + k] as f32;
        person.positions.push(std::array::from_fn(|j| std::array::from_fn(|k| at(j, k))));
        person.rotations.push(std::array::from_fn(|j| std::array::from_fn(|k| at(j + 1, 3 + k))));
    }
    Ok(person)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::contact::ContactRule;
    use crate::motion::kinematics::tests::walk;

    #[test]
    fn plain_and_fixed_share_rotations_and_differ_at_the_feet() {
        let features = Features::from_person(&walk(40), &ContactRule::default()).unwrap();
        let out = post_process([&features, &features]).unwrap();
        assert_eq!(out.plain.frames(), 39);
        for person in 0..2 {
            assert_eq!(out.plain.persons[person].rotations, features.rotations());
            assert_eq!(out.fixed.persons[person].rotations, features.rotations());
            assert_ne!(out.plain.persons[person].positions, out.fixed.persons[person].positions);
            assert_ne!(out.mp4_joints_plain(person), out.mp4_joints_ik(person));
        }
        assert!(out.plain.is_finite() && out.fixed.is_finite());
        let shorter = features.slice(0..30).unwrap();
        assert_eq!(post_process([&features, &shorter]).unwrap_err().code(), "persons_differ_in_length");
    }

    #[test]
    fn who_walks_out_of_the_clip_goes_on_walking() {
        let features = Features::from_person(&walk(40), &ContactRule::default()).unwrap();
        let last = |motion: &Motion| {
            let positions = &motion.persons[0].positions;
            let [a, b] = [positions.len() - 2, positions.len() - 1].map(|t| positions[t][0]);
            (b[0] - a[0]).hypot(b[2] - a[2])
        };
        let raw = features.positions();
        let pace = (raw[38][0][0] - raw[37][0][0]).hypot(raw[38][0][2] - raw[37][0][2]);
        let (on, upstream) =
            (going_on([&features, &features]), post_process([&features, &features]).unwrap());
        assert!(last(&on) > 0.9 * pace && last(&upstream.plain) < 0.8 * pace, "{pace}");
    }

    #[test]
    fn keypoints_and_back() {
        let person = walk(7);
        let numbers = keypoints(&person);
        assert_eq!(numbers.len(), 7 * 22 * 9);
        assert_eq!(numbers[3..9], [0.0; 6], "the pelvis has no rotation");
        assert_eq!(numbers[9], f64::from(person.positions[0][1][0]));
        assert_eq!(numbers[12], f64::from(person.rotations[0][0][0]));
        assert_eq!(from_keypoints(&numbers).unwrap(), person);
        assert_eq!(from_keypoints(&numbers[1..]).unwrap_err().code(), "motion_wrong_width");
    }
}
