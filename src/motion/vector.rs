//! Three numbers in f64: the few operations that rotations and kinematics need.

use super::Vec3;

/// A vector in double precision.
pub type Vec3d = [f64; 3];

pub fn widen(v: Vec3) -> Vec3d {
    v.map(f64::from)
}

pub fn narrow(v: Vec3d) -> Vec3 {
    v.map(|x| x as f32)
}

pub fn add(a: Vec3d, b: Vec3d) -> Vec3d {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub fn sub(a: Vec3d, b: Vec3d) -> Vec3d {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub fn scale(a: Vec3d, s: f64) -> Vec3d {
    a.map(|x| x * s)
}

pub fn dot(a: Vec3d, b: Vec3d) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub fn cross(a: Vec3d, b: Vec3d) -> Vec3d {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub fn norm(a: Vec3d) -> f64 {
    dot(a, a).sqrt()
}

/// `a` at length 1, or `None` where it has no direction (shorter than 1e-12, or not finite).
pub fn unit(a: Vec3d) -> Option<Vec3d> {
    let length = norm(a);
    (length.is_finite() && length > 1e-12).then(|| scale(a, 1.0 / length))
}
