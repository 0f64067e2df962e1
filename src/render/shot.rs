//! A camera put in its place: where a point of the world lands in a picture.

use super::camera::Camera;
use crate::motion::Vec3;

/// Half the vertical field of view, as a tangent (34 degrees in all, as on the page).
const HALF_FIELD: f32 = 0.305_730_7;
/// How far bodies reach beyond their joints to all sides, metres.
const FLESH: f32 = 0.13;
/// The nearest that a fitted camera stands, and the farthest, metres.
const NEAREST: f32 = 2.4;
const FARTHEST: f32 = 60.0;
/// Share of the picture that the people may fill.
const FILL: f32 = 0.94;
/// Nothing nearer to the eye than this is drawn, metres.
pub(super) const NEAR: f32 = 0.15;

/// Where in a picture people are to be seen: a rectangle, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// A resolved camera.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shot {
    pub eye: Vec3,
    /// Axes of length 1 in the world: to the right of the picture, up in it, and from it towards the eye.
    pub right: Vec3,
    pub up: Vec3,
    pub back: Vec3,
    /// Pixels at a metre's size and distance.
    pub focal: f32,
    /// Where the middle of the view lies, pixels.
    pub centre: [f32; 2],
}

impl Shot {
    /// `camera` around people who first stand `along` each other (from person 1 to person 2, on the floor), so near that all
    /// `points` fit into `area`, the upper `margin` pixels of which are kept free.
    pub(super) fn fit(camera: &Camera, along: [f32; 2], area: Area, margin: usize, points: &[Vec3]) -> Self {
        let across = f64::from(-along[1]).atan2(f64::from(along[0]));
        let ((sin, cos), (sin_tilt, cos_tilt)) =
            ((across + camera.azimuth()).sin_cos(), camera.elevation().sin_cos());
        let back = [sin * cos_tilt, sin_tilt, cos * cos_tilt].map(|v| v as f32);
        let right = [cos, 0.0, -sin].map(|v| v as f32);
        let up = [-sin * sin_tilt, cos_tilt, -cos * sin_tilt].map(|v| v as f32);
        let (width, height) = (area.width as f32, area.height as f32);
        let free = height - margin as f32;
        let centre = [area.left as f32 + 0.5 * width, area.top as f32 + margin as f32 + 0.5 * free];
        let focal = 0.5 * height / HALF_FIELD;
        let mut shot = Self { eye: [0.0; 3], right, up, back, focal, centre };

        let half = [0.5 * FILL * width / focal, 0.5 * FILL * free / focal];
        let mut target = middle(points);
        let mut distance = NEAREST;
        for _ in 0..6 {
            distance = points
                .iter()
                .map(|p| {
                    let [x, y, z] = shot.seen(*p, target);
                    z + FLESH + ((x.abs() + FLESH) / half[0]).max((y.abs() + FLESH) / half[1])
                })
                .fold(NEAREST, f32::max)
                .min(FARTHEST);
            // Bring the middle of what is seen to the middle of the picture.
            let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
            for p in points {
                let [x, y, z] = shot.seen(*p, target);
                let depth = (distance - z).max(NEAR);
                for (axis, value) in [x / depth, y / depth].into_iter().enumerate() {
                    low[axis] = low[axis].min(value);
                    high[axis] = high[axis].max(value);
                }
            }
            if !points.is_empty() {
                let shift = [0, 1].map(|axis| 0.5 * (low[axis] + high[axis]) * distance);
                target = std::array::from_fn(|a| target[a] + right[a] * shift[0] + up[a] * shift[1]);
            }
        }
        let distance = camera.distance().map_or(distance, |metres| metres as f32);
        shot.eye = std::array::from_fn(|a| target[a] + back[a] * distance);
        shot.eye[1] = shot.eye[1].max(0.05);
        shot
    }

    /// The same camera carried along.
    pub(super) fn moved(&self, by: Vec3) -> Self {
        Self { eye: std::array::from_fn(|a| self.eye[a] + by[a]), ..*self }
    }

    /// A point in the camera's axes, from `origin`.
    fn seen(&self, p: Vec3, origin: Vec3) -> Vec3 {
        let from: Vec3 = std::array::from_fn(|a| p[a] - origin[a]);
        [self.right, self.up, self.back].map(|axis| super::light::dot(axis, from))
    }

    /// Right and up from the eye, and how far in front of it, metres.
    pub(super) fn view(&self, p: Vec3) -> Vec3 {
        let [x, y, z] = self.seen(p, self.eye);
        [x, y, -z]
    }

    /// Where a point lands, pixels; `None` behind the eye.
    pub(super) fn project(&self, p: Vec3) -> Option<[f32; 2]> {
        let [x, y, depth] = self.view(p);
        let scale = self.focal / depth;
        (depth > NEAR).then(|| [self.centre[0] + x * scale, self.centre[1] - y * scale])
    }

    /// Where on the floor (x, z) the middle of a pixel looks; `None` above the horizon.
    pub(super) fn floor(&self, x: usize, y: usize) -> Option<[f32; 2]> {
        let across = (x as f32 + 0.5 - self.centre[0]) / self.focal;
        let upward = (self.centre[1] - y as f32 - 0.5) / self.focal;
        let ray: Vec3 = std::array::from_fn(|a| self.right[a] * across + self.up[a] * upward - self.back[a]);
        let reach = -self.eye[1] / ray[1];
        (ray[1] < -1e-4 && reach < 1e3).then(|| [self.eye[0] + ray[0] * reach, self.eye[2] + ray[2] * reach])
    }
}

/// Middle of the box around `points`.
fn middle(points: &[Vec3]) -> Vec3 {
    let (mut low, mut high) = ([f32::MAX; 3], [f32::MIN; 3]);
    for p in points {
        for a in 0..3 {
            low[a] = low[a].min(p[a]);
            high[a] = high[a].max(p[a]);
        }
    }
    std::array::from_fn(|a| if points.is_empty() { 0.0 } else { 0.5 * (low[a] + high[a]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { left: 480, top: 0, width: 480, height: 540 };

    #[test]
    fn everything_fits_from_everywhere_and_fills_the_picture() {
        let points: Vec<Vec3> = (0..200)
            .map(|i| [(i as f32 * 0.7).sin() * 2.0 + 5.0, i as f32 * 0.009, (i as f32).cos()])
            .collect();
        for azimuth in [-170.0, -40.0, 0.0, 90.0] {
            for elevation in [0.0, 20.0, 90.0] {
                let camera = Camera::new(azimuth, elevation, None).unwrap();
                let shot = Shot::fit(&camera, [1.0, 0.0], AREA, 80, &points);
                let places: Vec<_> = points.iter().map(|p| shot.project(*p).unwrap()).collect();
                let inside = |[x, y]: &[f32; 2]| (480.0..=960.0).contains(x) && (80.0..=540.0).contains(y);
                assert!(places.iter().all(inside), "{azimuth} {elevation}");
                let spread = |axis: usize| {
                    let of =
                        |pick: fn(f32, f32) -> f32, start| places.iter().map(|p| p[axis]).fold(start, pick);
                    of(f32::max, f32::MIN) - of(f32::min, f32::MAX)
                };
                assert!(spread(0) > 300.0 || spread(1) > 280.0, "{azimuth} {elevation}");
            }
        }
    }

    #[test]
    fn at_azimuth_zero_person_1_is_left_of_person_2() {
        let people: [Vec3; 2] = [[1.0, 1.0, -1.0], [1.0, 1.0, 1.0]];
        let camera = Camera::new(0.0, 10.0, None).unwrap();
        let shot = Shot::fit(&camera, [0.0, 1.0], AREA, 0, &people);
        assert!(shot.project(people[0]).unwrap()[0] < shot.project(people[1]).unwrap()[0]);
        let higher = shot.project([1.0, 1.5, 0.0]).unwrap();
        assert!(higher[1] < shot.project([1.0, 1.0, 0.0]).unwrap()[1], "up is up");
    }

    #[test]
    fn the_floor_under_a_pixel_lands_on_that_pixel() {
        let camera = Camera::new(33.0, 25.0, Some(4.0)).unwrap();
        let shot = Shot::fit(&camera, [1.0, 0.0], AREA, 40, &[[0.0, 0.0, 0.0], [1.0, 1.7, 2.0]]);
        let [x, z] = shot.floor(700, 400).unwrap();
        let [px, py] = shot.project([x, 0.0, z]).unwrap();
        assert!((px - 700.5).abs() < 0.05 && (py - 400.5).abs() < 0.05, "{px} {py}");
        let level = Shot::fit(&Camera::new(0.0, 0.0, None).unwrap(), [1.0, 0.0], AREA, 0, &[[0.0, 1.0, 0.0]]);
        assert_eq!(level.floor(700, 5), None, "above the horizon");
    }
}
