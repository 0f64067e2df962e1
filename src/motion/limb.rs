//! A limb of two bones, laid by inverse kinematics in closed form.

use super::vector::{Vec3d, add, cross, dot, norm, scale, sub, unit};

/// Least bend of an elbow or knee that is laid, radians from straight: limbs are never quite straight, let alone bent backward.
pub const LEAST_BEND: f64 = 0.14;
/// Greatest bend, radians.
const MOST_BEND: f64 = 2.62;

/// Distance between the far ends of two bones that are bent by `bend` radians from straight.
pub fn reach([upper, lower]: [f64; 2], bend: f64) -> f64 {
    (upper * upper + lower * lower + 2.0 * upper * lower * bend.cos()).sqrt()
}

/// Lay two bones of the given lengths from `root` toward `target`, the joint between them toward `pole`. A target that is
/// too far or too near is met as nearly as the limits of the bend allow. Returns the middle joint and the end.
pub fn two_bones(root: Vec3d, [upper, lower]: [f64; 2], target: Vec3d, pole: Vec3d) -> (Vec3d, Vec3d) {
    let span = sub(target, root);
    let along = unit(span).unwrap_or([0.0, -1.0, 0.0]);
    let distance = norm(span).clamp(reach([upper, lower], MOST_BEND), reach([upper, lower], LEAST_BEND));
    let aside = sub(pole, scale(along, dot(pole, along)));
    let aside = unit(aside).or_else(|| unit(cross(along, [1.0, 0.3, 0.2]))).unwrap_or([0.0, 1.0, 0.0]);
    let foot = (upper * upper - lower * lower + distance * distance) / (2.0 * distance);
    let height = (upper * upper - foot * foot).max(0.0).sqrt();
    let middle = add(root, add(scale(along, foot), scale(aside, height)));
    (middle, add(root, scale(along, distance)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bones_meet_what_they_can_reach_and_bend_toward_the_pole() {
        let root = [0.1, 1.4, 0.0];
        for target in [[0.3, 1.2, 0.3], [0.1, 1.0, 0.1], [0.0, 1.7, 0.2]] {
            let (middle, end) = two_bones(root, [0.28, 0.25], target, [0.0, -1.0, -0.2]);
            assert!(norm(sub(end, target)) < 1e-9);
            assert!((norm(sub(middle, root)) - 0.28).abs() < 1e-9);
            assert!((norm(sub(end, middle)) - 0.25).abs() < 1e-9);
            assert!(dot(sub(middle, scale(add(root, end), 0.5)), [0.0, -1.0, -0.2]) > 0.0);
        }
        let (_, far) = two_bones(root, [0.28, 0.25], [3.0, 1.4, 0.0], [0.0, 1.0, 0.0]);
        assert!(norm(sub(far, root)) < 0.53);
    }
}
