//! How badly a pair came back from the codes.

use crate::motion::Pose;
use crate::motion::vector::{norm, sub, widen};

/// Joints whose places say whether a clip came back: pelvis, ankles, head, wrists.
const TELLING: [usize; 6] = [0, 7, 8, 15, 20, 21];
/// What a distance between two of them weighs that is off by as much as a place is: this where they touch, half of it where they are
/// [`REACH`] metres apart, little where they are far apart.
const TOUCH: f64 = 2.0;
const REACH: f64 = 0.15;

/// How badly a pair came back, metres: the root mean square over frames of how far telling joints are off on average, and of how far the
/// distances between them are, of which those weigh that say who touches what.
pub(super) fn error(real: &[Vec<Pose>; 2], made: &[Vec<Pose>; 2]) -> f64 {
    let frames = real[0].len().min(made[0].len());
    let joints: Vec<(usize, usize)> =
        (0..2).flat_map(|person| TELLING.map(|joint| (person, joint))).collect();
    let frame = |t: usize| -> f64 {
        let at = |of: &[Vec<Pose>; 2], (person, joint): (usize, usize)| widen(of[person][t][joint]);
        let off = joints.iter().map(|&joint| norm(sub(at(real, joint), at(made, joint)))).sum::<f64>();
        let mut between = 0.0;
        for (n, &a) in joints.iter().enumerate() {
            for &b in &joints[..n] {
                let apart = norm(sub(at(real, a), at(real, b)));
                let now = norm(sub(at(made, a), at(made, b)));
                between += TOUCH * (apart - now).abs() / (1.0 + apart / REACH);
            }
        }
        (off + between) / joints.len() as f64
    };
    ((0..frames).map(|t| frame(t).powi(2)).sum::<f64>() / frames.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;

    #[test]
    fn hands_that_no_longer_meet_are_worse_than_a_pair_that_stands_elsewhere() {
        let pose = walk(1).positions[0];
        let mut other = pose.map(|[x, y, z]| [x, y, z + 0.5]);
        other[20] = [pose[20][0], pose[20][1], pose[20][2] + 0.02];
        let real = [vec![pose; 3], vec![other; 3]];
        assert_eq!(error(&real, &real), 0.0);
        let aside = |person: Vec<Pose>| {
            person.into_iter().map(|pose| pose.map(|[x, y, z]| [x + 0.02, y, z])).collect()
        };
        let all: [Vec<Pose>; 2] = real.clone().map(aside);
        assert!((error(&real, &all) - 0.02).abs() < 1e-6, "two centimetres aside: distances are the same");
        let mut apart = real.clone();
        for pose in &mut apart[1] {
            pose[20][2] += 0.2;
        }
        let off = 0.2 / 12.0;
        assert!(
            error(&real, &apart) > 2.0 * off,
            "the wrist itself is {off} of it, the rest that it touches no more"
        );
    }
}
