//! Joins that are still too hasty, smoothed where they are: the last means, after all that keeps haste from arising.

use super::contact::Contacts;
use super::haste::{Haste, Leap, leaps};
use super::moves::{KNOWN, Moves, Wishes};
use super::rigid::Body;
use super::{JOINTS, Pose};
use crate::error::Result;
use std::ops::Range;

/// How many times as hasty as usual is bearable. Less than what is promised of a join: people may stand still after it, and then less
/// is usual.
const BEARABLE: f64 = 1.5;
/// Rounds in which what is too hasty is smoothed more and more.
const ROUNDS: usize = 8;
/// What smoothing weighs at first, and how many times as much each time it was not enough.
const FIRST: f64 = 0.5;
const MORE: f64 = 3.0;
/// Frames before and after a hasty one that are smoothed with it.
const AROUND: usize = 4;
/// Frames before those that may change with which a fit begins. It looks back less and less, by a factor of 0.7 a frame: after so many
/// nothing is left but how numbers are rounded.
const LEAD: usize = 48;
/// Frames after them that tell how firmly a foot stands.
const AHEAD: usize = 2;
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
    let Some(seen) = seen(may) else { return Ok(poses) };
    let contacts = contacts.get(seen.clone()).unwrap_or_default();
    let known: Vec<f64> = may.iter().map(|&may| if may { 0.0 } else { KNOWN }).collect();
    let mut calm = vec![vec![0.0; poses.len()]; JOINTS];
    let mut now = poses.clone();
    let mut best = (f64::INFINITY, Vec::new());
    for round in 0..=ROUNDS {
        // As a join is measured: by what is usual in the clip that it is part of, which is less once its leaps are smoothed.
        let leaps = leaps(&now, &Haste::of(&now).times(BEARABLE), may);
        let worst = leaps.iter().map(|leap| leap.times).fold(0.0, f64::max);
        if worst < best.0 {
            best = (worst, now);
        }
        if leaps.is_empty() || round == ROUNDS {
            break;
        }
        weigh(&mut calm, &leaps);
        let mut wanted = poses[seen.clone()].to_vec();
        for joint in (0..JOINTS).filter(|&j| !kept[j] && calm[j].iter().any(|&weight| weight > 0.0)) {
            let wishes = Wishes { known: known.clone(), calm: calm[joint].clone(), ..Wishes::default() };
            let moves = Moves::new(poses.len(), wishes);
            for axis in 0..3 {
                let path: Vec<f64> = poses.iter().map(|pose| f64::from(pose[joint][axis])).collect();
                let by = moves.along(&path, |_| 0.0);
                wanted
                    .iter_mut()
                    .zip(&by[seen.clone()])
                    .for_each(|(pose, by)| pose[joint][axis] += *by as f32);
            }
        }
        let fitted = body.fit_beside(&wanted, contacts, kept)?;
        now = poses.clone();
        let frames = now[seen.clone()].iter_mut().zip(fitted).zip(&may[seen.clone()]);
        frames.filter(|(_, may)| **may).for_each(|((pose, fitted), _)| *pose = fitted);
    }
    Ok(best.1)
}

/// The frames that have to be fitted for those that `may` change to be as in a fit of the whole clip; `None` where none may.
fn seen(may: &[bool]) -> Option<Range<usize>> {
    let (first, last) = (may.iter().position(|&may| may)?, may.iter().rposition(|&may| may)?);
    Some(first.saturating_sub(LEAD)..(last + 1 + AHEAD).min(may.len()))
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

    #[test]
    fn a_part_of_a_clip_is_fitted_as_in_the_whole() {
        let mut poses = walk(240).positions;
        let body = Body::of(&poses).unwrap();
        // Bones that are never quite as long as the body's, before the part as well.
        for (t, pose) in poses.iter_mut().enumerate() {
            (16..JOINTS).for_each(|j| pose[j][1] += 0.05 * (0.9 * t as f32 + j as f32).sin());
        }
        let contacts: Vec<Contacts> =
            (0..240).map(|t| [t % 50 < 20, t % 50 < 24, t % 50 > 30, t % 50 > 24]).collect();
        let may: Vec<bool> = (0..240).map(|t| (120..150).contains(&t)).collect();
        let (part, kept) = (seen(&may).unwrap(), [false; JOINTS]);
        assert_eq!(part, 72..152);
        let whole = body.fit_beside(&poses, &contacts, &kept).unwrap();
        let fitted = body.fit_beside(&poses[part.clone()], &contacts[part.clone()], &kept).unwrap();
        let off = (120..150).flat_map(|t| fitted[t - part.start].iter().zip(&whole[t]));
        let off = off.flat_map(|(a, b)| (0..3).map(move |c| (a[c] - b[c]).abs())).fold(0.0, f32::max);
        assert!(off < 1e-6, "{off}");
        assert_eq!((seen(&[false; 9]), seen(&[true; 9])), (None, Some(0..9)));
    }
}
