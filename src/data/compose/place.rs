//! Where two people are in one room, and whether that can be.

use super::scene::Track;
use super::track::{shift, turn};
use crate::data::capture::Joints;

/// Nearest that two pelvises come, metres.
const PELVIS_GAP: f64 = 0.35;
/// Half the thickness of a torso, metres: nobody's limb comes nearer than this to the other's spine.
const TORSO: f64 = 0.15;

/// Put a track somewhere: turned by `angle` (from +z toward +x), its origin at `at` (x, z).
#[must_use]
pub fn put(mut track: Track, angle: f64, at: [f64; 2]) -> Track {
    turn(&mut track, angle);
    shift(&mut track, at);
    track
}

/// Whether two people keep out of each other: pelvises at least [`PELVIS_GAP`] apart, and heads, arms and legs of one outside
/// the torso of the other.
pub fn apart(a: &[Joints], b: &[Joints]) -> bool {
    a.iter().zip(b).step_by(2).all(|(a, b)| {
        let gap = (a[0][0] - b[0][0]).hypot(a[0][2] - b[0][2]);
        // Beyond two arms' length nothing can touch.
        gap > 2.2 || (gap >= PELVIS_GAP && !reaches_into(a, b) && !reaches_into(b, a))
    })
}

/// Whether a limb of one pose is inside the torso of another.
fn reaches_into(limbs: &Joints, torso: &Joints) -> bool {
    const LIMBS: [(usize, usize); 9] =
        [(16, 18), (18, 20), (17, 19), (19, 21), (1, 4), (4, 7), (2, 5), (5, 8), (12, 15)];
    let spine = [torso[0], torso[6], torso[12], torso[15]];
    let points = LIMBS.iter().flat_map(|&(from, to)| {
        [0.5, 1.0].map(|t| -> [f64; 3] {
            std::array::from_fn(|i| limbs[from][i] + t * (limbs[to][i] - limbs[from][i]))
        })
    });
    points.into_iter().any(|point| spine.windows(2).any(|bone| distance(point, bone[0], bone[1]) < TORSO))
}

/// From a point to a segment, metres.
fn distance(point: [f64; 3], from: [f64; 3], to: [f64; 3]) -> f64 {
    let along: [f64; 3] = std::array::from_fn(|i| to[i] - from[i]);
    let away: [f64; 3] = std::array::from_fn(|i| point[i] - from[i]);
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let t = (dot(away, along) / dot(along, along).max(1e-12)).clamp(0.0, 1.0);
    (0..3).map(|i| (away[i] - t * along[i]).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::compose::track::tests::stroll;

    #[test]
    fn two_people_in_one_place_are_refused() {
        let track = stroll(20);
        let at = |metres: f64| put(track.clone(), 0.0, [metres, 0.0]);
        assert!(!apart(&at(0.0), &at(0.1)));
        assert!(!apart(&at(0.0), &at(0.3)));
        assert!(apart(&at(0.0), &at(1.5)));
        // A hand in somebody's chest, pelvises far enough apart.
        let mut reaching = at(0.8);
        for (pose, other) in reaching.iter_mut().zip(&track) {
            pose[21] = other[9];
        }
        assert!(!apart(&track, &reaching));
    }
}
