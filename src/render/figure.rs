//! From 22 joints to a body of round cones: limbs, trunk, a head with a face and a nose, mitten hands, shoes. The page's figure
//! (`static/figure.js`) without its flattened cones: what is wider than deep lies three abreast.
//!
//! Lengths are metres for a body with a leg of 0.82 m, and scale with it.

use super::FARTHEST;
use super::light::{Colour, Tones};
use crate::motion::vector::{Vec3d, add, cross, dot, narrow, norm, scale, sub, unit, widen};
use crate::motion::{Person, Pose, Vec3};

const PELVIS: usize = 0;
const HIPS: [usize; 2] = [1, 2];
const SPINE: [usize; 3] = [3, 6, 9];
const KNEES: [usize; 2] = [4, 5];
const ANKLES: [usize; 2] = [7, 8];
const TOES: [usize; 2] = [10, 11];
const NECK: usize = 12;
const HEAD: usize = 15;
const SHOULDERS: [usize; 2] = [16, 17];
const ELBOWS: [usize; 2] = [18, 19];
const WRISTS: [usize; 2] = [20, 21];

/// A leg of this length has scale 1, metres.
const LEG: f64 = 0.82;

/// The hull of two spheres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cone {
    pub ends: [Vec3; 2],
    /// Metres, of the spheres around the ends.
    pub radii: [f32; 2],
    pub tone: Colour,
}

/// What stays the same of a body through a clip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Build {
    scale: f64,
    /// How high the ankles stand above the sole, metres.
    ankle: f64,
}

impl Build {
    /// Measured from a motion.
    pub(super) fn of(person: &Person) -> Self {
        let (mut leg, mut ankles) = (0.0, Vec::with_capacity(2 * person.frames()));
        for pose in &person.positions {
            let at = |joint: usize| widen(pose[joint]);
            leg += norm(sub(at(HIPS[0]), at(KNEES[0]))) + norm(sub(at(KNEES[0]), at(ANKLES[0])));
            ankles.extend([0, 1].map(|side| at(ANKLES[side])[1] - at(TOES[side])[1]));
        }
        ankles.sort_by(f64::total_cmp);
        let quarter = ankles.get(ankles.len() / 4).copied().unwrap_or(0.0);
        Self {
            scale: (leg / person.frames().max(1) as f64 / LEG).clamp(0.4, 1.8),
            ankle: quarter.clamp(0.03, 0.11),
        }
    }
}

/// Add the cones of one person in `pose`.
pub(super) fn draw(cones: &mut Vec<Cone>, pose: &Pose, build: Build, tones: &Tones) {
    let p = pose.map(|joint| widen(joint.map(|v| v.clamp(-FARTHEST, FARTHEST))));
    let mut figure = Figure { cones, p, k: build.scale };
    let hip_left = unit(sub(p[HIPS[0]], p[HIPS[1]])).unwrap_or([1.0, 0.0, 0.0]);
    let chest_left = unit(sub(p[SHOULDERS[0]], p[SHOULDERS[1]])).unwrap_or(hip_left);
    let spine = unit(sub(p[NECK], p[SPINE[1]])).unwrap_or([0.0, 1.0, 0.0]);
    let front = unit(cross(chest_left, spine)).unwrap_or([0.0, 0.0, 1.0]);
    figure.trunk(tones, hip_left, chest_left, front, spine);
    figure.head(tones, chest_left, spine);
    for (side, colour) in [tones.left, tones.right].into_iter().enumerate() {
        figure.arm(side, colour, front);
        figure.leg(side, colour, hip_left, build.ankle);
    }
}

struct Figure<'a> {
    cones: &'a mut Vec<Cone>,
    p: [Vec3d; crate::motion::JOINTS],
    k: f64,
}

impl Figure<'_> {
    /// Radii for a body of scale 1.
    fn put(&mut self, from: Vec3d, to: Vec3d, radii: [f64; 2], tone: Colour) {
        let radii = radii.map(|r| (r * self.k) as f32);
        self.cones.push(Cone { ends: [narrow(from), narrow(to)], radii, tone });
    }

    /// Three cones abreast along `side`; `girths` are width and depth at each end, as shares of the radius there.
    fn put_wide(
        &mut self,
        (from, to): (Vec3d, Vec3d),
        radii: [f64; 2],
        side: Vec3d,
        girths: [[f64; 2]; 2],
        tone: Colour,
    ) {
        let out: [f64; 2] =
            std::array::from_fn(|end| (girths[end][0] - girths[end][1]) * radii[end] * self.k);
        let deep = std::array::from_fn(|end| girths[end][1] * radii[end]);
        for share in [-1.0, 0.0, 1.0] {
            let at = |point, end: usize| add(point, scale(side, share * out[end]));
            self.put(at(from, 0), at(to, 1), deep, tone);
        }
    }

    fn trunk(&mut self, tones: &Tones, hip_left: Vec3d, chest_left: Vec3d, front: Vec3d, spine: Vec3d) {
        let (p, k) = (self.p, self.k);
        let hips = mix(p[HIPS[0]], p[HIPS[1]], 0.5);
        let seat = mix(hips, p[PELVIS], 0.3);
        let waist_left = unit(add(hip_left, chest_left)).unwrap_or(hip_left);
        let breast = along(p[SPINE[2]], front, 0.006 * k);
        let collar = mix(p[SPINE[2]], p[NECK], 0.62);
        let [seat_girth, waist, ribs, chest, top] =
            [[1.36, 1.02], [1.2, 0.9], [1.28, 0.94], [1.36, 0.96], [1.5, 0.9]];
        let [first, second, _] = SPINE.map(|joint| p[joint]);
        let tone = tones.body;
        self.put_wide((seat, first), [0.1, 0.097], hip_left, [seat_girth, waist], tone);
        self.put_wide((first, second), [0.097, 0.1], waist_left, [waist, ribs], tone);
        self.put_wide((second, breast), [0.1, 0.108], chest_left, [ribs, chest], tone);
        self.put_wide((breast, collar), [0.108, 0.078], chest_left, [chest, top], tone);
        let nape = mix(p[SPINE[2]], p[NECK], 0.9);
        for shoulder in SHOULDERS.map(|joint| p[joint]) {
            self.put(collar, shoulder, [0.076, 0.052], tone);
            self.put(nape, along(shoulder, spine, 0.006 * k), [0.05, 0.044], tone);
        }
    }

    fn head(&mut self, tones: &Tones, chest_left: Vec3d, spine: Vec3d) {
        let (neck, head, k) = (self.p[NECK], self.p[HEAD], self.k);
        let nod = unit(sub(head, neck)).unwrap_or(spine);
        let up = unit(add(nod, scale(spine, 0.4))).unwrap_or(spine);
        // Positions alone do not tell where a head turns; it looks where the chest does.
        let left = reject(chest_left, up).unwrap_or(chest_left);
        let front = cross(left, up);
        let at = |x: f64, y: f64, z: f64| along(along(along(head, left, x * k), up, y * k), front, z * k);
        let (body, face) = (tones.body, tones.face);
        self.put(along(neck, up, -0.02 * k), at(0.0, 0.01, 0.0), [0.055, 0.049], body);
        // Skull, jaw, a lighter face and a small nose, so that facing reads from afar.
        self.put(at(0.0, 0.084, -0.012), at(0.0, 0.1, 0.018), [0.086, 0.086], body);
        self.put(at(0.0, 0.0, 0.044), at(0.0, 0.09, 0.02), [0.043, 0.081], body);
        self.put(at(0.0, 0.012, 0.06), at(0.0, 0.09, 0.053), [0.038, 0.059], face);
        self.put(at(0.0, 0.085, 0.112), at(0.0, 0.057, 0.12), [0.009, 0.0145], face);
    }

    fn arm(&mut self, side: usize, tone: Colour, front: Vec3d) {
        let [shoulder, elbow, wrist] = [SHOULDERS, ELBOWS, WRISTS].map(|joints| self.p[joints[side]]);
        let k = self.k;
        let upper = unit(sub(elbow, shoulder)).unwrap_or([0.0, -1.0, 0.0]);
        let fore = unit(sub(wrist, elbow)).unwrap_or(upper);
        // A bent elbow turns the thumb to the inside of the bend; a straight arm keeps it forward.
        let wish = add(scale(upper, -1.0), add(scale(front, 0.35), [0.0, 0.15, 0.0]));
        let thumb = reject(wish, fore).unwrap_or(front);
        let on = |far: f64, across: f64| along(along(wrist, fore, far * k), thumb, across * k);

        let (bulge, swell) = (mix(shoulder, elbow, 0.42), mix(elbow, wrist, 0.3));
        self.put(shoulder, bulge, [0.056, 0.05], tone);
        self.put(bulge, elbow, [0.05, 0.041], tone);
        self.put(elbow, swell, [0.041, 0.043], tone);
        self.put(swell, wrist, [0.043, 0.028], tone);
        self.put_wide((wrist, on(0.08, 0.002)), [0.028, 0.041], thumb, [[1.0, 1.0], [1.0, 0.6]], tone);
        self.put_wide(
            (on(0.08, 0.002), on(0.15, 0.0)),
            [0.041, 0.026],
            thumb,
            [[1.0, 0.6], [1.0, 0.6]],
            tone,
        );
        self.put(on(0.028, 0.022), on(0.088, 0.058), [0.017, 0.0125], tone);
    }

    fn leg(&mut self, side: usize, tone: Colour, hip_left: Vec3d, ankle_height: f64) {
        let [hip, knee, ankle, toe] = [HIPS, KNEES, ANKLES, TOES].map(|joints| self.p[joints[side]]);
        let k = self.k;
        let shin = unit(sub(knee, ankle)).unwrap_or([0.0, 1.0, 0.0]);
        let instep = sub(toe, ankle);
        let reach = norm(instep);
        let ahead = unit(instep).unwrap_or([0.0, 0.0, 1.0]);
        let left = unit(cross(shin, ahead)).unwrap_or(hip_left);
        let left = reject(add(left, scale(hip_left, 0.2)), ahead).unwrap_or(hip_left);
        // The sole runs from under the ankle to the toe joint: turn the instep up by the angle the ankle's height makes.
        let above = cross(ahead, left);
        let sine = (ankle_height / reach.max(1e-3)).min(0.85);
        let cosine = (1.0 - sine * sine).sqrt();
        let forward = add(scale(ahead, cosine), scale(above, sine));
        let up = add(scale(above, cosine), scale(ahead, -sine));
        let heel = along(ankle, up, -ankle_height.min(reach * 0.85));
        let back = unit(cross(left, shin)).map_or(forward, |v| scale(v, -1.0));

        let thigh = mix(hip, knee, 0.4);
        let calf = along(mix(knee, ankle, 0.3), back, 0.012 * k);
        self.put(hip, thigh, [0.09, 0.079], tone);
        self.put(thigh, knee, [0.079, 0.054], tone);
        self.put(knee, calf, [0.054, 0.055], tone);
        self.put(calf, ankle, [0.055, 0.035], tone);

        let foot = |base: Vec3d, far: f64, lift: f64| along(along(base, up, lift * k), forward, far * k);
        let (heel_end, ball, tip) =
            (foot(heel, -0.03, 0.036), foot(toe, -0.01, 0.034), foot(toe, 0.062, 0.026));
        self.put_wide((heel_end, ball), [0.038, 0.038], left, [[1.05, 0.95], [1.2, 0.9]], tone);
        self.put_wide((ball, tip), [0.038, 0.03], left, [[1.2, 0.9], [1.25, 0.85]], tone);
        self.put(ankle, foot(mix(heel, toe, 0.62), 0.0, 0.034), [0.036, 0.034], tone);
    }
}

fn mix(a: Vec3d, b: Vec3d, share: f64) -> Vec3d {
    along(a, sub(b, a), share)
}

fn along(a: Vec3d, direction: Vec3d, far: f64) -> Vec3d {
    add(a, scale(direction, far))
}

/// The part of `v` across `axis`, at length 1.
fn reject(v: Vec3d, axis: Vec3d) -> Option<Vec3d> {
    unit(sub(v, scale(axis, dot(v, axis))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::render::light::people;

    fn cones(pose: &Pose, build: Build) -> Vec<Cone> {
        let mut cones = Vec::new();
        draw(&mut cones, pose, build, &people()[0]);
        cones
    }

    #[test]
    fn a_body_surrounds_its_joints_and_stands_on_the_floor() {
        let person = walk(20);
        let build = Build::of(&person);
        for pose in &person.positions {
            let cones = cones(pose, build);
            let lowest = pose.iter().map(|p| p[1]).fold(f32::MAX, f32::min);
            for joint in pose {
                let inside = cones.iter().any(|cone| {
                    (0..=20).any(|i| {
                        let t = i as f32 / 20.0;
                        let at: Vec3 = std::array::from_fn(|a| {
                            cone.ends[0][a] + t * (cone.ends[1][a] - cone.ends[0][a])
                        });
                        let away: f32 = (0..3).map(|a| (at[a] - joint[a]).powi(2)).sum::<f32>().sqrt();
                        away < cone.radii[0] + t * (cone.radii[1] - cone.radii[0])
                    })
                });
                assert!(inside, "{joint:?}");
            }
            let sole = cones.iter().flat_map(|c| [0, 1].map(|e| c.ends[e][1] - c.radii[e]));
            assert!(sole.fold(f32::MAX, f32::min) > lowest - 0.08);
        }
    }

    #[test]
    fn a_pose_without_shape_is_drawn_without_a_nan() {
        for pose in [[[0.0; 3]; 22], [[1e30, -1e30, 5.0]; 22]] {
            let person = Person { positions: vec![pose], rotations: vec![[[0.0; 6]; 21]] };
            let cones = cones(&pose, Build::of(&person));
            assert!(cones.iter().all(|c| c.ends.iter().flatten().chain(&c.radii).all(|v| v.is_finite())));
        }
    }
}
