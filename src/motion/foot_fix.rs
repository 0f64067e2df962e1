//! Feet that stand still while they stand: upstream's `remove_fs`, step by step (InterMask spec §5).

use super::contact::{self, ContactRule, Contacts, FEET};
use super::{Pose, Vec3};

/// How the foot fix works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FootFix {
    /// A free foot blends toward contacts at most this many frames away.
    pub reach: usize,
    /// Put planted feet at y = 0.
    pub on_floor: bool,
    /// What counts as contact where no contacts are given.
    pub rule: ContactRule,
}

impl Default for FootFix {
    /// As upstream's export: 5 frames, on the floor, InterHuman's thresholds.
    fn default() -> Self {
        Self { reach: 5, on_floor: true, rule: ContactRule::default() }
    }
}

/// Floors above this height are no floor (a swimmer's, say), metres.
const HIGHEST_FLOOR: f32 = 0.5;

impl FootFix {
    /// Fix `joints` in place and return the contacts used, one row a frame.
    ///
    /// `given` contacts replace the computed ones; rows beyond the last given one count as free. The floor estimate is
    /// subtracted from all joints in either case. Only the four foot joints move further: legs are not re-posed.
    pub fn apply(&self, joints: &mut [Pose], given: Option<&[Contacts]>) -> Vec<Contacts> {
        let mut contacts = match given {
            Some(given) => given.to_vec(),
            None => contact::detect_all(joints, &self.rule),
        };
        contacts.resize(joints.len(), Contacts::default());

        let floor = floor_height(joints);
        joints.iter_mut().flatten().for_each(|p| p[1] -= floor);
        for (k, &joint) in FEET.iter().enumerate() {
            let planted: Vec<bool> = contacts.iter().map(|c| c[k]).collect();
            self.plant(joints, joint, &planted);
            self.blend(joints, joint, &planted);
        }
        contacts
    }

    /// Every run of contact frames becomes its mean.
    fn plant(&self, joints: &mut [Pose], joint: usize, planted: &[bool]) {
        let mut start = 0;
        for run in planted.chunk_by(|a, b| a == b) {
            let frames = &mut joints[start..start + run.len()];
            start += run.len();
            if !run[0] {
                continue;
            }
            let mut mean = [0.0f32; 3];
            for pose in frames.iter() {
                for (m, p) in mean.iter_mut().zip(pose[joint]) {
                    *m += p;
                }
            }
            mean = mean.map(|m| m / run.len() as f32);
            if self.on_floor {
                mean[1] = 0.0;
            }
            for pose in frames {
                pose[joint] = mean;
            }
        }
    }

    /// Free frames near a contact ease into it. Frames go in increasing order and in place, but a frame reads only itself and
    /// contact frames, which no longer change.
    fn blend(&self, joints: &mut [Pose], joint: usize, planted: &[bool]) {
        let last = joints.len().saturating_sub(1);
        for s in 0..joints.len() {
            if planted[s] {
                continue;
            }
            let left = (1..=self.reach.min(s)).map(|k| s - k).find(|&t| planted[t]);
            let right = (1..=self.reach.min(last - s)).map(|k| s + k).find(|&t| planted[t]);
            let now = joints[s][joint];
            let toward = |t: usize| {
                let share = (s.abs_diff(t) + 1) as f64 / (self.reach + 1) as f64;
                lerp(ease(share), now, joints[t][joint])
            };
            joints[s][joint] = match (left, right) {
                (Some(l), Some(r)) => {
                    let share = (s - l + 1) as f64 / (r - l + 1) as f64;
                    lerp(ease(share), toward(r), toward(l))
                }
                (Some(t), None) | (None, Some(t)) => toward(t),
                (None, None) => now,
            };
        }
    }
}

/// As [`standing_height`]; 0 above [`HIGHEST_FLOOR`].
pub fn floor_height(joints: &[Pose]) -> f32 {
    let height = standing_height(joints);
    if height > HIGHEST_FLOOR { 0.0 } else { height }
}

/// Mean of the 25–50 % quantile slice of each frame's lowest foot joint.
///
/// Below two frames the slice is empty (upstream yields NaN): then the floor stays where it is.
pub fn standing_height(joints: &[Pose]) -> f32 {
    let mut lowest: Vec<f32> =
        joints.iter().map(|pose| FEET.iter().map(|&j| pose[j][1]).fold(f32::INFINITY, f32::min)).collect();
    lowest.sort_by(f32::total_cmp);
    let slice = &lowest[lowest.len() / 4..lowest.len() / 2];
    if slice.is_empty() {
        return 0.0;
    }
    (slice.iter().copied().map(f64::from).sum::<f64>() / slice.len() as f64) as f32
}

/// 2t³ − 3t² + 1: from 1 at t = 0 to 0 at t = 1, level at both ends.
fn ease(t: f64) -> f64 {
    2.0 * t.powi(3) - 3.0 * t.powi(2) + 1.0
}

/// (1 − a)·x + a·y.
fn lerp(a: f64, x: Vec3, y: Vec3) -> Vec3 {
    std::array::from_fn(|c| ((1.0 - a) * f64::from(x[c]) + a * f64::from(y[c])) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::JOINTS;
    use proptest::prelude::*;

    /// Everything at 1 m but the feet, which are still on the floor.
    fn standing(frames: usize) -> Vec<Pose> {
        let mut pose = [[0.2, 1.0, 0.1]; JOINTS];
        for (k, &j) in FEET.iter().enumerate() {
            pose[j] = [k as f32 * 0.1, 0.0, 0.3];
        }
        vec![pose; frames]
    }

    #[test]
    fn planted_feet_stay_where_they_are() {
        let mut joints = standing(30);
        let before = joints.clone();
        let contacts = FootFix::default().apply(&mut joints, None);
        assert_eq!(contacts, vec![[true; 4]; 30]);
        for (a, b) in joints.iter().flatten().flatten().zip(before.iter().flatten().flatten()) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn a_sliding_foot_stops_and_a_floating_body_comes_down() {
        let mut joints = standing(40);
        for (t, pose) in joints.iter_mut().enumerate() {
            pose[7][0] += 0.01 * t as f32; // 1 cm a frame: slow enough to count as contact
            pose.iter_mut().for_each(|p| p[1] += 0.02);
        }
        FootFix::default().apply(&mut joints, None);
        assert!(joints.iter().all(|p| p[7] == joints[0][7]), "one contact run, one place");
        assert!((joints[0][7][0] - 0.195).abs() < 1e-5, "the mean of the run");
        assert!(joints.iter().all(|p| (p[15][1] - 1.0).abs() < 1e-6), "2 cm down");
    }

    #[test]
    fn a_free_foot_eases_into_the_contacts_beside_it() {
        let mut joints = standing(12);
        let mut contacts = vec![[true; 4]; 12];
        for t in 4..9 {
            joints[t][7] = [1.0, 0.3, 0.3];
            contacts[t][0] = false;
        }
        let fix = FootFix { on_floor: false, ..FootFix::default() };
        fix.apply(&mut joints, Some(&contacts));
        // By hand for the frame next to the left contact: left share 2/6, right share 6/6, mix 2/7.
        let w = |t: f64| 2.0 * t.powi(3) - 3.0 * t.powi(2) + 1.0;
        let left = (1.0 - w(2.0 / 6.0)) * 1.0;
        let right = (1.0 - w(1.0)) * 1.0;
        let both = (1.0 - w(2.0 / 7.0)) * right + w(2.0 / 7.0) * left;
        assert!((f64::from(joints[4][7][0]) - both).abs() < 1e-6, "{} {both}", joints[4][7][0]);
        assert_eq!(joints[3][7][0], 0.0);
    }

    proptest! {
        #[test]
        fn only_feet_move_beyond_the_floor(
            numbers in prop::collection::vec(-0.2f32..0.6, 0..20 * 66), given in any::<bool>(),
        ) {
            let mut joints: Vec<Pose> = numbers
                .chunks_exact(66)
                .map(|c| std::array::from_fn(|j| [c[3 * j], c[3 * j + 1], c[3 * j + 2]]))
                .collect();
            let before = joints.clone();
            let contacts = vec![[true, false, true, false]; 3];
            let used = FootFix::default().apply(&mut joints, given.then_some(&contacts));
            prop_assert_eq!(used.len(), joints.len());
            let floor = floor_height(&before);
            for (a, b) in joints.iter().zip(&before) {
                for j in (0..JOINTS).filter(|j| !FEET.contains(j)) {
                    prop_assert_eq!(a[j], [b[j][0], b[j][1] - floor, b[j][2]]);
                }
                prop_assert!(a.iter().flatten().all(|v| v.is_finite()));
            }
        }
    }
}
