//! A simple body around a rest skeleton: one round cone a bone, and a head, hands and toes beyond the last joints.
//!
//! Each cone follows one joint alone. Cones that meet at a joint end there in spheres of about the same size, so the body
//! bends without collapsing, and without blended weights.

use crate::motion::JOINTS;
use crate::motion::skeleton::{PARENTS, tip};
use crate::motion::vector::{Vec3d, add, cross, dot, narrow, norm, scale, sub, unit, widen};

/// Vertices around a cone.
const AROUND: usize = 12;
/// Rings of vertices at each of its ends, the pole not counted.
const RINGS: usize = 3;

/// Radii at the start and end of the bone that ends in a joint, metres, for a body with the rest skeleton's legs.
const RADII: [[f64; 2]; JOINTS] = [
    [0.0, 0.0],
    [0.1, 0.085],
    [0.1, 0.085],
    [0.115, 0.11],
    [0.082, 0.055],
    [0.082, 0.055],
    [0.11, 0.115],
    [0.055, 0.04],
    [0.055, 0.04],
    [0.115, 0.12],
    [0.04, 0.036],
    [0.04, 0.036],
    [0.095, 0.052],
    [0.085, 0.07],
    [0.085, 0.07],
    [0.05, 0.055],
    [0.066, 0.054],
    [0.066, 0.054],
    [0.05, 0.04],
    [0.05, 0.04],
    [0.039, 0.03],
    [0.039, 0.03],
];

/// Radius of what lies beyond a joint without children, and where along the way to its tip it starts and ends.
fn beyond(joint: usize) -> ([f64; 2], [f64; 2]) {
    match joint {
        15 => ([0.088, 0.094], [0.3, 0.5]),
        20 | 21 => ([0.034, 0.026], [0.15, 0.8]),
        _ => ([0.034, 0.028], [0.0, 0.6]),
    }
}

/// A triangle mesh whose every vertex follows one joint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mesh {
    /// Metres, in the rest pose.
    pub positions: Vec<[f32; 3]>,
    /// Unit length, outwards.
    pub normals: Vec<[f32; 3]>,
    /// The joint that moves the vertex.
    pub joints: Vec<u8>,
    /// Three a triangle, counterclockwise seen from outside.
    pub indices: Vec<u16>,
}

/// The body around joints at `rest`, the world positions of a T-pose.
pub(super) fn body(rest: &[Vec3d; JOINTS]) -> Mesh {
    let size = leg(rest) / REST_LEG;
    let mut mesh = Mesh::default();
    for (joint, parent) in PARENTS.iter().enumerate() {
        if let Some(parent) = *parent {
            let radii = RADII[joint].map(|r| r * size);
            mesh.cone(parent, [rest[parent], rest[joint]], radii);
        }
        if let Some(tip) = tip(joint) {
            let (radii, along) = beyond(joint);
            let ends = along.map(|share| add(rest[joint], scale(widen(tip), share * size)));
            mesh.cone(joint, ends, radii.map(|r| r * size));
        }
    }
    mesh
}

/// Length of the rest skeleton's leg from hip to ankle, metres.
const REST_LEG: f64 = 0.8025;

fn leg(rest: &[Vec3d; JOINTS]) -> f64 {
    norm(sub(rest[4], rest[1])) + norm(sub(rest[7], rest[4]))
}

impl Mesh {
    /// The hull of two spheres, following `joint`.
    fn cone(&mut self, joint: usize, [a, b]: [Vec3d; 2], [ra, rb]: [f64; 2]) {
        let axis = unit(sub(b, a)).unwrap_or([0.0, 1.0, 0.0]);
        // Any direction across will do; the one farthest from the axis keeps its digits.
        let aside = if axis[0].abs() < 0.7 { [1.0, 0.0, 0.0] } else { [0.0, 0.0, 1.0] };
        let x = unit(sub(aside, scale(axis, dot(axis, aside)))).unwrap_or(aside);
        let y = cross(axis, x);
        // The latitude at which the cone touches both spheres.
        let touch = ((ra - rb) / norm(sub(b, a)).max(1e-9)).clamp(-1.0, 1.0).asin();
        let pole = std::f64::consts::FRAC_PI_2;
        let first = self.positions.len();
        self.vertex(joint, a, ra, scale(axis, -1.0));
        for end in 0..2 {
            for ring in 0..RINGS {
                let latitude = if end == 0 {
                    -pole + (touch + pole) * (ring + 1) as f64 / RINGS as f64
                } else {
                    touch + (pole - touch) * ring as f64 / RINGS as f64
                };
                for step in 0..AROUND {
                    let (sin, cos) = (step as f64 / AROUND as f64 * std::f64::consts::TAU).sin_cos();
                    let across = add(scale(x, cos), scale(y, sin));
                    let normal = add(scale(across, latitude.cos()), scale(axis, latitude.sin()));
                    let (centre, radius) = if end == 0 { (a, ra) } else { (b, rb) };
                    self.vertex(joint, centre, radius, normal);
                }
            }
        }
        self.vertex(joint, b, rb, axis);
        self.join_rings(first);
    }

    fn vertex(&mut self, joint: usize, centre: Vec3d, radius: f64, normal: Vec3d) {
        self.positions.push(narrow(add(centre, scale(normal, radius))));
        self.normals.push(narrow(normal));
        self.joints.push(joint as u8);
    }

    /// Triangles between the pole at `first`, the rings after it, and the last pole.
    fn join_rings(&mut self, first: usize) {
        let last = self.positions.len() - 1;
        let at = |ring: usize, step: usize| first + 1 + ring * AROUND + step % AROUND;
        let mut triangle = |corners: [usize; 3]| self.indices.extend(corners.map(|i| i as u16));
        for step in 0..AROUND {
            triangle([first, at(0, step + 1), at(0, step)]);
            for ring in 0..2 * RINGS - 1 {
                let (a, b) = (at(ring, step), at(ring, step + 1));
                let (c, d) = (at(ring + 1, step), at(ring + 1, step + 1));
                triangle([a, b, d]);
                triangle([a, d, c]);
            }
            triangle([last, at(2 * RINGS - 1, step), at(2 * RINGS - 1, step + 1)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::forward;
    use crate::motion::kinematics::tests::rest_bones;
    use crate::motion::rotation::Quat;

    fn rest() -> [Vec3d; JOINTS] {
        forward(&rest_bones(), [0.0, 0.97, 0.0], Quat::IDENTITY, &[Quat::IDENTITY; 21])
    }

    #[test]
    fn the_rest_leg_is_the_rest_skeletons() {
        assert!((leg(&rest()) - REST_LEG).abs() < 1e-3, "{}", leg(&rest()));
    }

    #[test]
    fn faces_look_outwards_and_normals_have_length_one() {
        let mesh = body(&rest());
        assert_eq!(mesh.positions.len(), 26 * (2 + 2 * RINGS * AROUND));
        assert!(mesh.positions.len() < 1 << 16);
        let mut volume = 0.0;
        for corners in mesh.indices.chunks_exact(3) {
            let [a, b, c] = [0, 1, 2].map(|k| widen(mesh.positions[corners[k] as usize]));
            let normals = [0, 1, 2].map(|k| widen(mesh.normals[corners[k] as usize]));
            let face = cross(sub(b, a), sub(c, a));
            let along = dot(face, add(normals[0], add(normals[1], normals[2])));
            assert!(along >= -1e-9, "a face that looks inwards: {along}");
            volume += dot(a, cross(b, c)) / 6.0;
        }
        assert!((0.04..0.2).contains(&volume), "cones overlap, yet about a person's volume: {volume}");
        for normal in &mesh.normals {
            assert!((norm(widen(*normal)) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_body_grows_with_the_skeleton_and_stands_any_bone() {
        let small = rest().map(|p| scale(p, 0.5));
        let (full, half) = (body(&rest()), body(&small));
        for (a, b) in full.positions.iter().flatten().zip(half.positions.iter().flatten()) {
            assert!((a * 0.5 - b).abs() < 2e-4);
        }
        let mut folded = rest();
        folded[4] = folded[1];
        assert!(body(&folded).positions.iter().flatten().all(|x| x.is_finite()));
    }
}
