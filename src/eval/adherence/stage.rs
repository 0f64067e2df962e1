//! Puppets for tests: the rest skeleton with hanging arms, bent and placed frame by frame.

use super::scene::Scene;
use crate::motion::skeleton::{MIRRORED, PARENTS, REST_OFFSETS};
use crate::motion::{JOINTS, Pose, Vec3};

pub type People = [Vec<Pose>; 2];
const FRAMES: usize = 90;

/// Standing at the origin, facing +z, arms hanging, soles on the floor.
pub fn rest() -> Pose {
    let mut pose = [REST_OFFSETS[0]; JOINTS];
    for joint in 1..JOINTS {
        if let Some(parent) = PARENTS[joint] {
            pose[joint] = std::array::from_fn(|a| pose[parent][a] + REST_OFFSETS[joint][a]);
        }
    }
    let lowest = pose.iter().map(|p| p[1]).fold(f32::INFINITY, f32::min);
    pose.iter_mut().for_each(|p| p[1] -= lowest);
    for side in 0..2 {
        let [x, y, z] = pose[16 + side];
        pose[18 + side] = [x * 1.1, y - 0.26, z];
        pose[20 + side] = [x * 1.1, y - 0.51, z];
    }
    pose
}

/// Three seconds of two people. `act(person, seconds, pose)` bends a person, and says where it stands: x, z, degrees.
pub fn people(act: impl Fn(usize, f32, &mut Pose) -> (f32, f32, f32)) -> People {
    [0, 1].map(|person| {
        (0..FRAMES)
            .map(|t| {
                let mut pose = rest();
                let (x, z, degrees) = act(person, t as f32 / 30.0, &mut pose);
                let (s, c) = degrees.to_radians().sin_cos();
                pose.map(|[px, py, pz]| [x + c * px + s * pz, py, z - s * px + c * pz])
            })
            .collect()
    })
}

pub fn scene(act: impl Fn(usize, f32, &mut Pose) -> (f32, f32, f32)) -> Scene {
    see(&people(act))
}

pub fn see(people: &People) -> Scene {
    Scene::new([&people[0], &people[1]]).unwrap()
}

/// Person 1 at the origin, facing +z; person 2 somewhere else.
pub fn standing(x: f32, z: f32, degrees: f32) -> Scene {
    scene(|person, _, _| if person == 0 { (0.0, 0.0, 0.0) } else { (x, z, degrees) })
}

/// The same in a mirror.
pub fn mirrored(people: &People) -> People {
    people.clone().map(|track| {
        let turned = |pose: Pose| {
            std::array::from_fn(|j| [-pose[MIRRORED[j]][0], pose[MIRRORED[j]][1], pose[MIRRORED[j]][2]])
        };
        track.into_iter().map(turned).collect()
    })
}

/// A straight arm from the shoulder to a place in the person's own frame (left is +x, floor at 0).
pub fn reach(pose: &mut Pose, side: usize, wrist: Vec3) {
    let shoulder = pose[16 + side];
    pose[18 + side] = std::array::from_fn(|a| 0.5 * (shoulder[a] + wrist[a]));
    pose[20 + side] = wrist;
}

/// A leg from the hip to a place for its ankle.
pub fn step(pose: &mut Pose, side: usize, ankle: Vec3) {
    let hip = pose[1 + side];
    pose[4 + side] = std::array::from_fn(|a| 0.5 * (hip[a] + ankle[a]));
    pose[7 + side] = ankle;
    pose[10 + side] = [ankle[0], ankle[1] - 0.06, ankle[2] + 0.13];
}

/// Everything above the ankles goes down, the knees half as far and so far forward that thighs keep their length.
pub fn sink(pose: &mut Pose, metres: f32) {
    let thigh = pose[1][1] - pose[4][1];
    let bent = thigh - 0.5 * metres;
    let forward = (thigh * thigh - bent * bent).max(0.0).sqrt();
    for (joint, p) in pose.iter_mut().enumerate() {
        match joint {
            7 | 8 | 10 | 11 => (),
            4 | 5 => *p = [p[0], p[1] - 0.5 * metres, p[2] + forward],
            _ => p[1] -= metres,
        }
    }
}

/// The trunk, head and arms tip about the pelvis: forward by `pitch`, to the left by `roll`, degrees.
pub fn tip(pose: &mut Pose, pitch: f32, roll: f32) {
    let pelvis = pose[0];
    let ((sp, cp), (sr, cr)) = (pitch.to_radians().sin_cos(), roll.to_radians().sin_cos());
    for joint in [3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21] {
        let [x, y, z]: Vec3 = std::array::from_fn(|a| pose[joint][a] - pelvis[a]);
        let (y, z) = (cp * y - sp * z, sp * y + cp * z);
        let (x, y) = (cr * x + sr * y, cr * y - sr * x);
        pose[joint] = [pelvis[0] + x, pelvis[1] + y, pelvis[2] + z];
    }
}

/// Shoulders, arms and head turn against the hips, to the left by `degrees`.
pub fn twist(pose: &mut Pose, degrees: f32) {
    let ([px, _, pz], (s, c)) = (pose[0], degrees.to_radians().sin_cos());
    for joint in [9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21] {
        let [x, y, z] = pose[joint];
        let (x, z) = (x - px, z - pz);
        pose[joint] = [px + c * x + s * z, y, pz - s * x + c * z];
    }
}
