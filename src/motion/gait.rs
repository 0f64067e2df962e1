//! The feet of people who go somewhere: which of them bears the body, also where a model lets it glide, and how the other one clears
//! the floor. Ours, not upstream's.

use super::contact::{ContactRule, Contacts, FEET};
use super::vector::{Vec3d, add, dot, norm, scale, sub, widen};
use super::{FPS, Pose};
use std::array::from_fn;

/// Left and right toe.
const TOES: [usize; 2] = [10, 11];
/// Who is slower than this (m/s) stands, whatever the feet do: they are planted where they are slow ([`ContactRule`]).
const SLOWEST: f64 = 0.3;
/// Who is faster than this (m/s) runs: feet fly as low as they land, and touch the floor for too short a time to tell.
const FASTEST: f64 = 3.3;
/// Frames to either side over which the way of the body is averaged: a step sways less far than that.
const WAY: usize = 5;
/// How far a foot may get ahead of the body, as a share of the body's way, and still not be swinging. Measured on decoded clips: at 0
/// 15 % more frames skate, at twice this 5 % fewer.
const AHEAD: f64 = 0.2;
/// By how much a foot has to fall behind the other one to bear the body, as a share of the body's way: not below the first, surely from the
/// second of these. Feet that only tremble do not step.
const BEHIND: [f64; 2] = [0.02, 0.1];
/// A toe that rises or falls faster than this (m/s) is not standing: people jump on their way, too.
const LEVEL: f64 = 0.3;
/// A toe is slow below the first and swings from the second of these, m/s.
const SWINGING: [f32; 2] = [0.25, 0.6];
/// How far above the toe that stands one that swings passes at least, metres. Captured walkers' do by 1 to 3 cm; of decoded ones, whose
/// feet drag, 7 % of frames skate with nothing of it, 4 % with this much.
const CLEARANCE: f32 = 0.03;

/// For each frame how surely each of [`FEET`] bears a body that is on its way, 0..=1. A walking body passes over the foot that bears it:
/// the foot that falls behind the other one does, though a model may let both of them glide along, and its ankle with it until the heel
/// rises. Where neither falls behind, neither is held: legs that do not step cannot follow. `poses` stand on a floor at y = 0, metres.
pub(super) fn bearing(poses: &[Pose]) -> Vec<[f64; 4]> {
    let (way, rule) = (steps(poses, 0), ContactRule::default());
    let toes = TOES.map(|toe| steps(poses, toe));
    let bears = |t: usize| {
        let along = mean(&way, t, WAY);
        let pace = norm(along) * f64::from(FPS);
        let walks = (SLOWEST..FASTEST).contains(&pace);
        let ahead = toes.each_ref().map(|toe| dot(sub(mean(toe, t, 1), along), along) / dot(along, along));
        let low = |joint: usize, height: f64| f64::from(poses[t][joint][1]) < height;
        let surely: [f64; 2] = from_fn(|k| {
            let stands = low(TOES[k], rule.toe_height) && rise(poses, t, TOES[k]) < LEVEL;
            let behind = (ahead[1 - k] - ahead[k] - BEHIND[0]) / (BEHIND[1] - BEHIND[0]);
            if walks && ahead[k] < AHEAD && stands { behind.clamp(0.0, 1.0) } else { 0.0 }
        });
        from_fn(|foot| {
            let is_toe = TOES.contains(&FEET[foot]);
            if is_toe || low(FEET[foot], rule.ankle_height) { surely[foot / 2] } else { 0.0 }
        })
    };
    (0..poses.len()).map(bears).collect()
}

/// For each frame how far the left and the right foot are to be lifted, metres: one that swings past one that stands does so above it,
/// not through the floor.
pub(super) fn lifts(poses: &[Pose], contacts: &[Contacts]) -> Vec<[f32; 2]> {
    let last = poses.len().saturating_sub(1);
    let stands = |t: usize, k: usize| contacts[t][2 * k] || contacts[t][2 * k + 1];
    let wanted = |t: usize, k: usize| {
        if stands(t, k) || !stands(t, 1 - k) {
            return 0.0;
        }
        let from = t.min(last.saturating_sub(1));
        let (a, b) = (poses[from][TOES[k]], poses[(from + 1).min(last)][TOES[k]]);
        let speed = (b[0] - a[0]).hypot(b[2] - a[2]) * FPS;
        let swings = ((speed - SWINGING[0]) / (SWINGING[1] - SWINGING[0])).clamp(0.0, 1.0);
        swings * (poses[t][TOES[1 - k]][1] + CLEARANCE - poses[t][TOES[k]][1]).max(0.0)
    };
    let abrupt: Vec<[f32; 2]> = (0..poses.len()).map(|t| from_fn(|k| wanted(t, k))).collect();
    // Softening takes two frames to either side: the heel has left the floor by then, and the toe rolls off it.
    soft(&soft(&abrupt))
}

/// Each frame's numbers with a quarter of those before and after it.
fn soft(of: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let last = of.len().saturating_sub(1);
    let mixed =
        |t: usize, k: usize| (of[t.saturating_sub(1)][k] + 2.0 * of[t][k] + of[(t + 1).min(last)][k]) / 4.0;
    (0..of.len()).map(|t| from_fn(|k| mixed(t, k))).collect()
}

/// The steps of a joint over the floor from each frame to the next, metres.
fn steps(poses: &[Pose], joint: usize) -> Vec<Vec3d> {
    let step = |pair: &[Pose]| {
        let [x, _, z] = sub(widen(pair[1][joint]), widen(pair[0][joint]));
        [x, 0.0, z]
    };
    poses.windows(2).map(step).collect()
}

/// The mean of the steps within `reach` of `t`; nothing where there is none.
fn mean(steps: &[Vec3d], t: usize, reach: usize) -> Vec3d {
    let t = t.min(steps.len().saturating_sub(1));
    let near = &steps[t.saturating_sub(reach)..(t + reach + 1).min(steps.len())];
    scale(near.iter().copied().fold([0.0; 3], add), 1.0 / near.len().max(1) as f64)
}

/// How fast a joint rises or falls around a frame, m/s.
fn rise(poses: &[Pose], t: usize, joint: usize) -> f64 {
    let (before, after) = (t.saturating_sub(1), (t + 1).min(poses.len() - 1));
    let frames = (after - before).max(1) as f64;
    f64::from((poses[after][joint][1] - poses[before][joint][1]).abs()) * f64::from(FPS) / frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::JOINTS;

    /// A body at `pace` (m/s); the left toe at `left`, the right at `right` times that pace, both 1 cm high.
    fn going(pace: f32, left: f32, right: f32) -> Vec<Pose> {
        let at = |t: usize| {
            let way = pace * t as f32 / FPS;
            let mut pose = [[0.0, 1.0, way]; JOINTS];
            pose[FEET[0]][1] = 0.08;
            pose[FEET[2]][1] = 0.08;
            pose[TOES[0]] = [0.0, 0.01, left * way];
            pose[TOES[1]] = [0.0, 0.01, right * way];
            pose
        };
        (0..20).map(at).collect()
    }

    #[test]
    fn the_foot_that_the_body_passes_bears_it() {
        let walk = going(1.2, 0.0, 2.0);
        let all = |poses: &[Pose], feet: [f64; 4]| bearing(poses).iter().all(|now| *now == feet);
        let (left, none) = ([1.0, 1.0, 0.0, 0.0], [0.0; 4]);
        assert!(all(&walk, left));
        assert!(all(&going(1.2, 0.85, 1.1), left), "gliding");
        assert!(all(&going(1.2, 0.99, 1.0), none), "no step at all");
        assert!(all(&going(1.2, 1.5, 2.0), none), "both swing");
        assert!(all(&going(0.1, 0.0, 2.0), none), "as good as standing");
        assert!(all(&going(5.0, 0.0, 2.0), none), "running");
        let lifted = |joint: usize, by: f32| {
            let mut poses = walk.clone();
            poses.iter_mut().for_each(|pose| pose[joint][1] = by);
            poses
        };
        assert!(all(&lifted(TOES[0], 0.2), none), "a foot in the air");
        assert!(all(&lifted(FEET[0], 0.15), [0.0, 1.0, 0.0, 0.0]), "a heel in the air");
        let mut rising = walk.clone();
        rising.iter_mut().enumerate().for_each(|(t, pose)| pose[TOES[0]][1] = 0.015 * t as f32);
        assert_eq!(bearing(&rising)[1], none, "a foot that takes off");
        assert!(bearing(&[]).is_empty() && bearing(&[[[0.0; 3]; JOINTS]]) == [none]);
    }

    #[test]
    fn a_swinging_foot_clears_the_one_that_stands() {
        let walk = going(1.2, 0.0, 2.0);
        let stands = |left, right| vec![[left, left, right, right]; walk.len()];
        let lifted = lifts(&walk, &stands(true, false));
        assert!(lifted.iter().all(|by| by[0] == 0.0 && (by[1] - CLEARANCE).abs() < 1e-6), "{lifted:?}");
        let none = vec![[0.0; 2]; walk.len()];
        assert_eq!(lifts(&walk, &stands(true, true)), none, "both stand");
        assert_eq!(lifts(&walk, &stands(false, false)), none, "in flight");
        assert_eq!(lifts(&going(0.1, 0.0, 2.0), &stands(true, false)), none, "a foot that is put right");
        assert!(lifts(&[], &[]).is_empty() && lifts(&walk[..1], &stands(true, false)[..1]) == [[0.0; 2]]);
    }
}
