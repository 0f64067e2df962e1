//! What no sentence asks for and every motion should have: feet that stand, smoothness, a floor, and two bodies that do not
//! pass through each other. To be read beside the same figures of real data.

use super::scene::{CHEST, HEAD, NECK, PELVIS};
use crate::eval::Skate;
use crate::motion::foot_fix::floor_height;
use crate::motion::skeleton::limbs;
use crate::motion::vector::{Vec3d, add, dot, norm, scale, sub, widen};
use crate::motion::{FPS, Pose};
use serde::Serialize;

/// A joint this far (m) under the floor is under the floor.
const UNDER: f64 = 0.01;
/// Two bodies this deep (m) in each other are in each other: skin gives way.
const INSIDE: f64 = 0.02;

/// Sums over people and clips; [`Quality::figures`] makes means of them.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    skate: Skate,
    acceleration: f64,
    accelerations: usize,
    person_frames: usize,
    under: usize,
    depth: f64,
    pair_frames: usize,
    inside: usize,
    overlap: f64,
}

/// Means over a set of clips.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Share of frames with a sliding standing foot, as [`Skate`].
    pub foot_skate: f64,
    /// Mean size of a joint's acceleration, m/s².
    pub jitter: f64,
    /// Share of frames in which a joint is more than 1 cm under the floor (as the foot fix finds it).
    pub floor_share: f64,
    /// How deep the lowest joint is in those frames, cm.
    pub floor_cm: f64,
    /// Share of frames in which the two bodies, as capsules, are more than 2 cm in each other.
    pub overlap_share: f64,
    /// How deep they are at the deepest place in those frames, cm.
    pub overlap_cm: f64,
}

impl Quality {
    /// Add a clip of two people of the same length.
    pub fn add(&mut self, people: [&[Pose]; 2]) {
        for positions in people {
            self.skate = self.skate.and(Skate::of(positions));
            self.jitter(positions);
            let floor = f64::from(floor_height(positions));
            for pose in positions {
                let lowest = pose.iter().map(|p| f64::from(p[1])).fold(f64::INFINITY, f64::min);
                self.person_frames += 1;
                if floor - lowest > UNDER {
                    self.under += 1;
                    self.depth += floor - lowest;
                }
            }
        }
        for (a, b) in people[0].iter().zip(people[1]) {
            let depth = overlap(a, b);
            self.pair_frames += 1;
            if depth > INSIDE {
                self.inside += 1;
                self.overlap += depth;
            }
        }
    }

    fn jitter(&mut self, positions: &[Pose]) {
        let fps = f64::from(FPS);
        for frames in positions.windows(3) {
            let [before, now, after] = [&frames[0], &frames[1], &frames[2]];
            for ((a, b), c) in before.iter().zip(now).zip(after) {
                let [a, b, c] = [a, b, c].map(|joint| widen(*joint));
                self.acceleration += norm(sub(add(a, c), scale(b, 2.0))) * fps * fps;
                self.accelerations += 1;
            }
        }
    }

    /// The means.
    pub fn figures(&self) -> Figures {
        let mean = |sum: f64, count: usize| sum / count.max(1) as f64;
        Figures {
            foot_skate: self.skate.ratio(),
            jitter: mean(self.acceleration, self.accelerations),
            floor_share: mean(self.under as f64, self.person_frames),
            floor_cm: 100.0 * mean(self.depth, self.under),
            overlap_share: mean(self.inside as f64, self.pair_frames),
            overlap_cm: 100.0 * mean(self.overlap, self.inside),
        }
    }
}

/// Radius of the capsule around the limb that ends in a joint, metres: of an average adult, by eye.
fn radius(to: usize) -> f64 {
    match to {
        3 | 6 | CHEST => 0.11,
        1 | 2 => 0.09,
        NECK => 0.07,
        HEAD => 0.09,
        13 | 14 | 16 | 17 => 0.06,
        4 | 5 => 0.07,
        7 | 8 => 0.05,
        10 | 11 => 0.04,
        PELVIS => 0.0,
        _ => 0.04,
    }
}

/// How deep the two bodies are in each other at the deepest place, metres; negative: the gap between them.
fn overlap(a: &Pose, b: &Pose) -> f64 {
    let capsules = |pose: &Pose| -> Vec<(Vec3d, Vec3d, f64)> {
        limbs().map(|limb| (widen(pose[limb.from]), widen(pose[limb.to]), radius(limb.to))).collect()
    };
    let (a, b) = (capsules(a), capsules(b));
    a.iter()
        .flat_map(|x| b.iter().map(move |y| x.2 + y.2 - segments([x.0, x.1], [y.0, y.1])))
        .fold(f64::NEG_INFINITY, f64::max)
}

/// Shortest distance of two line segments (Ericson, Real-Time Collision Detection, §5.1.9).
fn segments(p: [Vec3d; 2], q: [Vec3d; 2]) -> f64 {
    let (u, v, w) = (sub(p[1], p[0]), sub(q[1], q[0]), sub(p[0], q[0]));
    let (uu, vv, uv, uw, vw) = (dot(u, u), dot(v, v), dot(u, v), dot(u, w), dot(v, w));
    let clamped = |top: f64, bottom: f64| if bottom > 1e-12 { (top / bottom).clamp(0.0, 1.0) } else { 0.0 };
    let mut s = clamped(uv * vw - vv * uw, uu * vv - uv * uv);
    let t = clamped(uv * s + vw, vv);
    // With `t` at an end, the nearest point of the first segment is another one.
    s = clamped(uv * t - uw, uu);
    norm(sub(add(p[0], scale(u, s)), add(q[0], scale(v, t))))
}

#[cfg(test)]
mod tests {
    use super::super::stage;
    use super::*;

    #[test]
    fn distances_of_segments() {
        let cases = [
            ([[0.0; 3], [1.0, 0.0, 0.0]], [[0.5, -1.0, 2.0], [0.5, 1.0, 2.0]], 2.0),
            ([[0.0; 3], [1.0, 0.0, 0.0]], [[3.0, 0.0, 0.0], [4.0, 0.0, 0.0]], 2.0),
            ([[0.0; 3], [1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]], 1.0),
            ([[0.0; 3], [0.0; 3]], [[0.0, 3.0, 4.0], [0.0, 3.0, 4.0]], 5.0),
            ([[0.0; 3], [1.0, 0.0, 0.0]], [[2.0, 1.0, 0.0], [2.0, 5.0, 0.0]], 2f64.sqrt()),
        ];
        for (p, q, expected) in cases {
            assert!((segments(p, q) - expected).abs() < 1e-9, "{p:?} {q:?}");
            assert!((segments(q, p) - expected).abs() < 1e-9, "{q:?} {p:?}");
        }
    }

    #[test]
    fn a_quiet_pair_is_flawless_and_a_tangled_sinking_one_is_not() {
        let figures = |people: &[Vec<Pose>; 2]| {
            let mut quality = Quality::default();
            quality.add([&people[0], &people[1]]);
            quality.figures()
        };
        let good = figures(&stage::people(|person, _, _| (person as f32, 0.0, 0.0)));
        assert_eq!((good.foot_skate, good.floor_share, good.overlap_share), (0.0, 0.0, 0.0));
        assert!(good.jitter < 1e-3);
        let bad = figures(&stage::people(|person, s, pose| {
            // The second half is 10 cm under the floor that the first half stands on; it trembles.
            let sunk = if s > 2.0 { -0.1 } else { 0.0 };
            let tremble = if (s * 30.0).round() as i32 % 2 == 0 { 0.01 } else { 0.0 };
            pose.iter_mut().for_each(|p| p[1] += sunk + tremble);
            (0.1 * person as f32, 0.0, 0.0)
        }));
        assert!(bad.overlap_share > 0.99 && bad.overlap_cm > 5.0, "{bad:?}");
        assert!(bad.floor_share > 0.2 && bad.floor_cm > 4.0, "{bad:?}");
        assert!(bad.jitter > 10.0, "{bad:?}");
    }
}
