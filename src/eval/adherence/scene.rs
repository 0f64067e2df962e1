//! Two people as the predicates see them: positions, where each faces, where the floor is, how high each stands.
//!
//! Everything comes from joint positions. Headings are radians, 0 along +z, growing as the person turns left.

use crate::error::{Error, Result};
use crate::motion::foot_fix::floor_height;
use crate::motion::vector::{Vec3d, add, norm, scale, sub, unit, widen};
use crate::motion::{FPS, JOINTS, Motion, Pose};

pub const PELVIS: usize = 0;
pub const HIPS: [usize; 2] = [1, 2];
pub const KNEES: [usize; 2] = [4, 5];
pub const ANKLES: [usize; 2] = [7, 8];
pub const TOES: [usize; 2] = [10, 11];
pub const CHEST: usize = 9;
pub const NECK: usize = 12;
pub const HEAD: usize = 15;
pub const SHOULDERS: [usize; 2] = [16, 17];
pub const ELBOWS: [usize; 2] = [18, 19];
pub const WRISTS: [usize; 2] = [20, 21];

/// Share of frames that may have a lower ankle than a foot that stands: noise.
const LOWEST: f64 = 0.1;
/// From the wrist to the middle of the hand, metres.
const PALM: f64 = 0.09;
/// Fewest frames in which anything can be told to happen.
const FEWEST_FRAMES: usize = 8;

/// One person's clip.
#[derive(Clone, Debug)]
pub struct Actor {
    joints: Vec<[Vec3d; JOINTS]>,
    heading: Vec<f64>,
    floor: f64,
    standing: f64,
}

/// Two people in one frame of reference, of the same length.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Person 1 and person 2.
    pub actors: [Actor; 2],
}

impl Scene {
    /// From joint positions of both people, metres, y up, 30 frames a second.
    ///
    /// # Errors
    /// `persons_differ_in_length`, `motion_too_short` below eight frames, `motion_not_finite`.
    pub fn new(people: [&[Pose]; 2]) -> Result<Self> {
        if people[0].len() != people[1].len() {
            let message = "the two people have different numbers of frames";
            return Err(Error::invalid("persons_differ_in_length", message));
        }
        if people[0].len() < FEWEST_FRAMES {
            return Err(Error::invalid("motion_too_short", "a motion to check has at least eight frames"));
        }
        if !people.iter().copied().flatten().flatten().flatten().all(|v| v.is_finite()) {
            return Err(Error::invalid(
                "motion_not_finite",
                "the motion holds a position that is not finite",
            ));
        }
        Ok(Self { actors: people.map(Actor::new) })
    }

    /// The positions of a finished motion.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub fn of(motion: &Motion) -> Result<Self> {
        let [first, second] = &motion.persons;
        Self::new([&first.positions, &second.positions])
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.actors[0].joints.len()
    }

    /// Distance of the pelvises over the floor in each frame, metres.
    pub fn distances(&self) -> Vec<f64> {
        let [a, b] = &self.actors;
        (0..self.frames()).map(|t| flat(sub(a.at(t, PELVIS), b.at(t, PELVIS)))).collect()
    }
}

impl Actor {
    fn new(positions: &[Pose]) -> Self {
        let joints: Vec<[Vec3d; JOINTS]> = positions.iter().map(|pose| pose.map(widen)).collect();
        let bone = |t: usize, from: usize, to: usize| norm(sub(joints[t][to], joints[t][from]));
        let legs = (0..joints.len()).map(|t| {
            let leg = |s: usize| bone(t, HIPS[s], KNEES[s]) + bone(t, KNEES[s], ANKLES[s]);
            0.5 * (leg(0) + leg(1))
        });
        let floor = f64::from(floor_height(positions));
        // Skeletons differ: some have the pelvis above the hips and some below, and ankles are not equally high.
        let pelvis = joints.iter().map(|pose| pose[PELVIS][1] - 0.5 * (pose[HIPS[0]][1] + pose[HIPS[1]][1]));
        let ankle = joints.iter().map(|pose| pose[ANKLES[0]][1].min(pose[ANKLES[1]][1]) - floor);
        let standing = quantile(legs.collect(), 0.5)
            + quantile(pelvis.collect(), 0.5)
            + quantile(ankle.collect(), LOWEST);
        Self { heading: headings(&joints), floor, standing, joints }
    }

    /// Position of a joint, metres.
    pub fn at(&self, frame: usize, joint: usize) -> Vec3d {
        self.joints[frame][joint]
    }

    /// Height of a joint above the floor, metres.
    pub fn height(&self, frame: usize, joint: usize) -> f64 {
        self.joints[frame][joint][1] - self.floor
    }

    /// Height of the pelvis as a share of its height over straight legs: 0.91 to 0.98 for captured people who stand.
    pub fn stance(&self, frame: usize) -> f64 {
        self.height(frame, PELVIS) / self.standing
    }

    /// Direction the body faces, radians, without jumps by whole turns.
    pub fn heading(&self, frame: usize) -> f64 {
        self.heading[frame]
    }

    /// Unit vector forward over the floor.
    pub fn forward(&self, frame: usize) -> Vec3d {
        let (s, c) = self.heading[frame].sin_cos();
        [s, 0.0, c]
    }

    /// Unit vector to the person's left over the floor.
    pub fn left(&self, frame: usize) -> Vec3d {
        let (s, c) = self.heading[frame].sin_cos();
        [c, 0.0, -s]
    }

    /// The middle of a hand: 9 cm beyond the wrist, along the forearm. `side` is 0 for left.
    pub fn palm(&self, frame: usize, side: usize) -> Vec3d {
        let (elbow, wrist) = (self.at(frame, ELBOWS[side]), self.at(frame, WRISTS[side]));
        unit(sub(wrist, elbow)).map_or(wrist, |along| add(wrist, scale(along, PALM)))
    }

    /// A point in the person's own frame: left, up and forward of the pelvis, metres.
    pub fn own(&self, frame: usize, point: Vec3d) -> Vec3d {
        let from = sub(point, self.at(frame, PELVIS));
        let (l, f) = (self.left(frame), self.forward(frame));
        [from[0] * l[0] + from[2] * l[2], from[1], from[0] * f[0] + from[2] * f[2]]
    }

    /// Angle over the floor from where the person faces to a point, radians in (−π, π], left positive.
    pub fn bearing(&self, frame: usize, point: Vec3d) -> f64 {
        let [left, _, forward] = self.own(frame, point);
        left.atan2(forward)
    }
}

/// Hips and shoulders say where a body faces; where they do not, it faces as before.
fn headings(joints: &[[Vec3d; JOINTS]]) -> Vec<f64> {
    let mut last = 0.0;
    joints
        .iter()
        .map(|pose| {
            let hips = sub(pose[HIPS[0]], pose[HIPS[1]]);
            let across = add(hips, sub(pose[SHOULDERS[0]], pose[SHOULDERS[1]]));
            if flat(across) > 1e-6 {
                let angle = (-across[2]).atan2(across[0]);
                last += wrap(angle - last);
            }
            last
        })
        .collect()
}

/// Length over the floor.
pub fn flat(v: Vec3d) -> f64 {
    v[0].hypot(v[2])
}

/// An angle in −π..π.
pub fn wrap(angle: f64) -> f64 {
    let turn = std::f64::consts::TAU;
    (angle + 0.5 * turn).rem_euclid(turn) - 0.5 * turn
}

/// Frames in a time, at least one.
pub fn frames_in(seconds: f64) -> usize {
    ((seconds * f64::from(FPS)).round() as usize).max(1)
}

/// Longest run of frames in which something holds.
pub fn longest(flags: &[bool]) -> usize {
    flags.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).max().unwrap_or(0)
}

/// Share of frames in which something holds.
pub fn share(flags: &[bool]) -> f64 {
    flags.iter().filter(|flag| **flag).count() as f64 / flags.len().max(1) as f64
}

/// The value that this share of the others is below; 0 of nothing.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * share) as usize).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::stage;
    use super::*;
    use std::f64::consts::{FRAC_PI_2, PI};

    #[test]
    fn a_standing_person_faces_where_it_was_put() {
        let scene = stage::standing(0.5, 0.0, 90.0);
        for t in [0, scene.frames() - 1] {
            let [a, b] = &scene.actors;
            assert!(a.heading(t).abs() < 1e-6 && wrap(b.heading(t) - FRAC_PI_2).abs() < 1e-6);
            assert!((a.stance(t) - 1.0).abs() < 0.05 && a.height(t, TOES[0]).abs() < 1e-3);
            // B stands half a metre to the left of A (+x), A is behind B's back.
            assert!((a.bearing(t, b.at(t, PELVIS)) - FRAC_PI_2).abs() < 1e-6);
            assert!((b.bearing(t, a.at(t, PELVIS)).abs() - PI).abs() < 1e-6);
            assert!(a.own(t, a.palm(t, 0))[0] > 0.0 && a.own(t, a.palm(t, 1))[0] < 0.0);
        }
        assert!(scene.distances().iter().all(|d| (d - 0.5).abs() < 1e-6));
    }

    #[test]
    fn runs_and_shares() {
        let flags = [true, false, true, true, false];
        assert_eq!((longest(&flags), longest(&[]), longest(&[false])), (2, 0, 0));
        assert!((share(&flags) - 0.6).abs() < 1e-12);
        assert_eq!((frames_in(0.1), frames_in(0.001)), (3, 1));
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        let pose = [[0.0, 1.0, 0.0]; JOINTS];
        let mut odd = vec![pose; 20];
        odd[3][4][0] = f32::NAN;
        let code = |a: &[Pose], b: &[Pose]| Scene::new([a, b]).unwrap_err().code();
        assert_eq!(code(&[pose; 20], &[pose; 21]), "persons_differ_in_length");
        assert_eq!(code(&[pose; 3], &[pose; 3]), "motion_too_short");
        assert_eq!(code(&[pose; 20], &odd), "motion_not_finite");
    }
}
