//! Joins that are still too hasty, smoothed where they are: the last means, after all that keeps haste from arising.

use super::contact::Contacts;
use super::haste::{Haste, Leap, leaps};
use super::moves::{KNOWN, Moves, Wishes};
use super::rigid::Body;
use super::{JOINTS, Pose};
use crate::error::Result;

/// How many times as hasty as usual is bearable. Less than what is promised of a join: people may stand still after it, and then less
/// is usual.
const BEARABLE: f64 = 1.6;
/// Rounds in which what is too hasty is smoothed more and more.
const ROUNDS: usize = 8;
/// What smoothing weighs at first, and how many times as much each time it was not enough.
const FIRST: f64 = 0.5;
const MORE: f64 = 3.0;
/// Frames before and after a hasty one that are smoothed with it.
const AROUND: usize = 4;
/// What is smoothed together, so that bones do not pull one joint back to where the others still are.
const LIMBS: [&[usize]; 4] = [&[4, 7, 10], &[5, 8, 11], &[18, 20], &[19, 21]];

/// `poses` of `body` with no joint more hasty than is bearable in the frames that `may` change, or as nearly so as smoothing brings it. The
/// other frames stay, and so do `kept` joints. `contacts` of feet, which stand firmly, has one row a frame, or none at all.
///
/// # Errors
/// As [`Body::of`].
pub fn calmed(
    body: &Body,
    poses: Vec<Pose>,
    may: &[bool],
    contacts: &[Contacts],
    kept: &[bool; JOINTS],
) -> Result<Vec<Pose>> {
    let bearable = Haste::of(&poses).times(BEARABLE);
    let known: Vec<f64> = may.iter().map(|&may| if may { 0.0 } else { KNOWN }).collect();
    let mut calm = vec![vec![0.0; poses.len()]; JOINTS];
    let mut now = poses.clone();
    let mut best = (f64::INFINITY, Vec::new());
    for round in 0..=ROUNDS {
        let leaps = leaps(&now, &bearable, may);
        let worst = leaps.iter().map(|leap| leap.times).fold(0.0, f64::max);
        if worst < best.0 {
            best = (worst, now);
        }
        if leaps.is_empty() || round == ROUNDS {
            break;
        }
        weigh(&mut calm, &leaps);
        let mut wanted = poses.clone();
        for joint in (0..JOINTS).filter(|&j| !kept[j] && calm[j].iter().any(|&weight| weight > 0.0)) {
            let wishes = Wishes { known: known.clone(), calm: calm[joint].clone(), ..Wishes::default() };
            let moves = Moves::new(poses.len(), wishes);
            for axis in 0..3 {
                let path: Vec<f64> = poses.iter().map(|pose| f64::from(pose[joint][axis])).collect();
                let by = moves.along(&path, |_| 0.0);
                wanted.iter_mut().zip(by).for_each(|(pose, by)| pose[joint][axis] += by as f32);
            }
        }
        let fitted = body.fit_beside(&wanted, contacts, kept)?;
        let frames = fitted.into_iter().zip(&poses).zip(may);
        now = frames.map(|((fitted, stays), &may)| if may { fitted } else { *stays }).collect();
    }
    Ok(best.1)
}

/// More smoothing for each limb in the frames about its leaps.
fn weigh(calm: &mut [Vec<f64>], leaps: &[Leap]) {
    for (joint, weights) in calm.iter_mut().enumerate() {
        let together =
            |other: usize| joint == other || LIMBS.iter().any(|l| l.contains(&joint) && l.contains(&other));
        let hasty =
            |t: usize| leaps.iter().any(|leap| together(leap.joint) && leap.frame.abs_diff(t) <= AROUND);
        for (_, weight) in weights.iter_mut().enumerate().filter(|(t, _)| hasty(*t)) {
            *weight = FIRST.max(MORE * *weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::haste::Passing;
    use crate::motion::kinematics::tests::walk;

    #[test]
    fn a_hand_that_leaps_is_calmed_where_it_may_be() {
        let mut poses = walk(90).positions;
        let body = Body::of(&poses).unwrap();
        for pose in &mut poses[44..47] {
            [18, 20].iter().for_each(|&j| pose[j][1] += 0.15);
        }
        let poses = body.fit(&poses, &[]).unwrap();
        assert!(Passing::of(&poses, 30..60).jump > 3.0);
        let may: Vec<bool> = (0..90).map(|t| (30..60).contains(&t)).collect();
        let kept = [false; JOINTS];
        let calm = calmed(&body, poses.clone(), &may, &[], &kept).unwrap();
        let Passing { speed, jump } = Passing::of(&calm, 30..60);
        assert!(speed < 2.0 && jump < 2.0, "{speed} {jump}");
        assert!((0..90).all(|t| may[t] || calm[t] == poses[t]));
        assert_eq!(calmed(&body, poses.clone(), &[false; 90], &[], &kept).unwrap(), poses);
    }
}
