//! Draws round cones, each pixel by itself: where the ray meets the cone, how it faces, how much of the pixel it covers.
//!
//! A round cone is all spheres between its two ends. A ray straight into the picture meets the sphere at share `t` of the way
//! at depth `z(t) - sqrt(q(t))`, with `q = r² - d²`, radius and distance from the ray both linear in `t`. `q` is a quadratic, so
//! the nearest meeting is known in closed form. Cones are small beside their distance: each is drawn as if its rays were
//! parallel, at the scale of its own distance.

use super::figure::Cone;
use super::frame::{Frame, blend};
use super::light::{Colour, Light};
use super::shot::{Area, NEAR, Shot};

/// A cone in the picture: pixels to the right and down, and in the same unit away from the eye, from the middle of the cone.
pub(super) struct Drawn {
    ends: [[f32; 3]; 2],
    radii: [f32; 2],
    /// Metres from the eye, at the middle.
    depth: f32,
    /// Metres a pixel.
    grain: f32,
    /// Of the ends above the floor, metres.
    heights: [f32; 2],
    tone: Colour,
    /// Second end less the first.
    run: [f32; 3],
    /// The same of the radii.
    growth: f32,
    /// Of q, over the square of the share; nearly 0 or more where one end hides the other.
    curve: f32,
}

/// Where a ray meets a cone.
struct Meeting {
    /// Share of the pixel that is covered.
    cover: f32,
    /// Metres from the eye.
    depth: f32,
    /// Where the surface faces: right, up, towards the eye.
    normal: [f32; 3],
    /// Of the surface above the floor, metres, if the world's up is the picture's.
    height: f32,
}

/// The nearest surface in each pixel of a view. Its colour is found when no nearer one can come: bodies are many cones deep.
pub(super) struct Surfaces {
    /// Metres from the eye.
    depths: Vec<f32>,
    /// Tone, where it faces, height.
    faces: Vec<(Colour, [f32; 3], f32)>,
    /// Whether the colour is still to be found.
    is_due: Vec<bool>,
}

impl Surfaces {
    /// Of a view of so many pixels.
    pub(super) fn new(pixels: usize) -> Self {
        let face = ([0.0; 3], [0.0; 3], 0.0);
        Self { depths: vec![f32::MAX; pixels], faces: vec![face; pixels], is_due: vec![false; pixels] }
    }

    /// The colour of what is nearest in pixel `at`, once.
    fn settle(&mut self, at: usize, light: &Light) -> Option<[u8; 3]> {
        std::mem::take(&mut self.is_due[at]).then(|| {
            let (tone, normal, height) = self.faces[at];
            light.shade(tone, normal, height, 1.0)
        })
    }

    /// Find all colours that are due, and forget what was nearest.
    fn finish(&mut self, frame: &mut Frame, area: Area, light: &Light) {
        let width = frame.width();
        for row in 0..area.height {
            for column in 0..area.width {
                if let Some(colour) = self.settle(row * area.width + column, light) {
                    frame.pixels_mut()[(area.top + row) * width + area.left + column] = colour;
                }
            }
        }
        self.depths.fill(f32::MAX);
    }
}

impl Drawn {
    /// `None` where it is not in front of the eye.
    pub(super) fn new(cone: &Cone, shot: &Shot) -> Option<Self> {
        let seen = cone.ends.map(|end| shot.view(end));
        if seen.iter().any(|[_, _, depth]| *depth < NEAR) {
            return None;
        }
        let depth = 0.5 * (seen[0][2] + seen[1][2]);
        let scale = shot.focal / depth;
        let ends = seen.map(|[x, y, z]| {
            let own = shot.focal / z;
            [shot.centre[0] + x * own, shot.centre[1] - y * own, (z - depth) * scale]
        });
        let radii = [0, 1].map(|end| cone.radii[end] * shot.focal / seen[end][2]);
        Some(Self::between(ends, radii, [depth, scale], cone.ends.map(|end| end[1]), cone.tone))
    }

    /// From pixels; `scale` is pixels a metre.
    fn between(
        ends: [[f32; 3]; 2],
        radii: [f32; 2],
        [depth, scale]: [f32; 2],
        heights: [f32; 2],
        tone: Colour,
    ) -> Self {
        let run: [f32; 3] = std::array::from_fn(|axis| ends[1][axis] - ends[0][axis]);
        let growth = radii[1] - radii[0];
        let curve = growth * growth - run[0] * run[0] - run[1] * run[1];
        Self { ends, radii, depth, grain: 1.0 / scale, heights, tone, run, growth, curve }
    }

    /// Metres from the eye, at the middle.
    pub(super) fn depth(&self) -> f32 {
        self.depth
    }

    /// Put into `area` of `frame` what is nearer than `surfaces`: soft edges at once, the rest when it is settled.
    fn draw(&self, frame: &mut Frame, surfaces: &mut Surfaces, area: Area, light: &Light) {
        let [[ax, ay, _], [bx, by, _]] = self.ends;
        let [ra, rb] = self.radii;
        // Casts saturate, so that a cone far outside has an empty range.
        let range = |low: f32, high: f32, start: usize, size: usize| {
            let clip = |v: f32| (v.max(0.0) as usize).clamp(start, start + size);
            clip(low - 1.0)..clip(high + 2.0)
        };
        let columns = range((ax - ra).min(bx - rb), (ax + ra).max(bx + rb), area.left, area.width);
        let width = frame.width();
        for y in range((ay - ra).min(by - rb), (ay + ra).max(by + rb), area.top, area.height) {
            let row = (y - area.top) * area.width;
            for x in columns.clone() {
                let Some(met) = self.meet(x as f32 + 0.5, y as f32 + 0.5) else { continue };
                let at = row + x - area.left;
                if met.depth >= surfaces.depths[at] {
                    continue;
                }
                if met.cover >= 1.0 {
                    surfaces.depths[at] = met.depth;
                    surfaces.faces[at] = (self.tone, met.normal, met.height);
                    surfaces.is_due[at] = true;
                    continue;
                }
                let pixel = &mut frame.pixels_mut()[y * width + x];
                let behind = surfaces.settle(at, light).unwrap_or(*pixel);
                *pixel = blend(behind, light.shade(self.tone, met.normal, met.height, 1.0), met.cover);
                if met.cover >= 0.5 {
                    surfaces.depths[at] = met.depth;
                }
            }
        }
    }

    fn meet(&self, x: f32, y: f32) -> Option<Meeting> {
        let [ax, ay, az] = self.ends[0];
        let (ra, [dx, dy, dz], dr, curve) = (self.radii[0], self.run, self.growth, self.curve);
        let (px, py) = (x - ax, y - ay);
        // q(t) = curve t² + 2 slope t + start
        let slope = ra * dr + px * dx + py * dy;
        let start = ra * ra - px * px - py * py;
        let q = |t: f32| (curve * t + 2.0 * slope) * t + start;
        let is_long = curve < -1e-3;
        // The sphere that reaches farthest over the ray decides what is covered.
        let top = -slope / curve;
        let widest = if is_long { top.clamp(0.0, 1.0) } else { f32::from(q(1.0) > start) };
        let most = q(widest);
        let radius = ra + widest * dr;
        if most < -(radius + 0.25) {
            return None;
        }
        let inner = (radius - 0.5).max(0.0);
        let cover = if radius * radius - most <= inner * inner {
            1.0
        } else {
            (radius - (radius * radius - most).max(0.0).sqrt() + 0.5).clamp(0.0, 1.0)
        };
        if cover <= 0.0 {
            return None;
        }
        let nearest = if is_long {
            let height = start + slope * top;
            let shift = if height > 0.0 { dz * (height / (curve * (curve - dz * dz))).sqrt() } else { 0.0 };
            (top - shift).clamp(0.0, 1.0)
        } else {
            // One end lies within the other: the nearer surface of the two.
            let surface = |t: f32| if q(t) < 0.0 { f32::MAX } else { az + t * dz - q(t).sqrt() };
            f32::from(surface(1.0) < surface(0.0))
        };
        let at_nearest = q(nearest);
        let (t, q) = if at_nearest < 0.0 { (widest, most.max(0.0)) } else { (nearest, at_nearest) };
        let radius = (ra + t * dr).max(1e-3);
        let (out, share) = (q.sqrt(), 1.0 / radius);
        let normal = [(px - t * dx) * share, -(py - t * dy) * share, out * share];
        Some(Meeting {
            cover,
            depth: self.depth + (az + t * dz - out) * self.grain,
            normal,
            height: self.heights[0]
                + t * (self.heights[1] - self.heights[0])
                + normal[1] * radius * self.grain,
        })
    }
}

/// Draw all of them, the farthest first, so that soft edges lie over what is behind them.
pub(super) fn draw(
    cones: &[Cone],
    frame: &mut Frame,
    surfaces: &mut Surfaces,
    area: Area,
    shot: &Shot,
    light: &Light,
) {
    let mut drawn: Vec<Drawn> = cones.iter().filter_map(|cone| Drawn::new(cone, shot)).collect();
    drawn.sort_by(|a, b| b.depth().total_cmp(&a.depth()));
    for cone in &drawn {
        cone.draw(frame, surfaces, area, light);
    }
    surfaces.finish(frame, area, light);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::light::dot;

    fn cone(ends: [[f32; 3]; 2], radii: [f32; 2]) -> Drawn {
        Drawn::between(ends, radii, [5.0, 100.0], [1.0; 2], [0.5; 3])
    }

    /// The nearest meeting by trying many spheres.
    fn tried(cone: &Drawn, x: f32, y: f32) -> Option<f32> {
        let [a, b] = cone.ends;
        let spheres = (0..=4000).filter_map(|i| {
            let t = i as f32 / 4000.0;
            let at: [f32; 3] = std::array::from_fn(|k| a[k] + t * (b[k] - a[k]));
            let r = cone.radii[0] + t * (cone.radii[1] - cone.radii[0]);
            let q = r * r - (x - at[0]).powi(2) - (y - at[1]).powi(2);
            (q >= 0.0).then(|| cone.depth + (at[2] - q.sqrt()) * cone.grain)
        });
        spheres.reduce(f32::min)
    }

    #[test]
    fn rays_meet_the_nearest_of_all_spheres() {
        let cones = [
            cone([[20.0, 20.0, -10.0], [60.0, 35.0, 15.0]], [12.0, 6.0]),
            cone([[20.0, 20.0, 30.0], [26.0, 22.0, -30.0]], [10.0, 10.0]),
            cone([[40.0, 40.0, 0.0], [41.0, 40.0, 20.0]], [14.0, 5.0]),
            cone([[30.0, 30.0, 0.0], [30.0, 30.0, 0.0]], [9.0, 9.0]),
        ];
        for (n, cone) in cones.iter().enumerate() {
            let mut met = 0;
            for (x, y) in (0..80).flat_map(|x| (0..60).map(move |y| (x as f32 + 0.5, y as f32 + 0.5))) {
                let ours = cone.meet(x, y);
                match tried(cone, x, y) {
                    Some(depth) => {
                        let ours = ours.expect("covered");
                        assert!(ours.cover >= 0.5, "{n}: {x} {y}");
                        assert!((ours.depth - depth).abs() < 2e-3, "{n}: {x} {y} {} {depth}", ours.depth);
                        let length = dot(ours.normal, ours.normal).sqrt();
                        assert!((length - 1.0).abs() < 0.05, "{n}: {x} {y} {length}");
                        met += 1;
                    }
                    None => assert!(ours.is_none_or(|met| met.cover <= 0.51), "{n}: {x} {y}"),
                }
            }
            assert!(met > 200, "{n}: {met}");
        }
    }

    #[test]
    fn the_nearer_cone_hides_the_farther_in_either_order() {
        let area = Area { left: 0, top: 0, width: 80, height: 60 };
        let light = Light::new([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let near = cone([[20.0, 30.0, 0.0], [60.0, 30.0, 0.0]], [10.0, 10.0]);
        let far = Drawn {
            depth: 6.0,
            tone: [0.9, 0.0, 0.0],
            ..cone([[40.0, 10.0, 0.0], [40.0, 50.0, 0.0]], [10.0, 10.0])
        };
        let pictures = [[&near, &far], [&far, &near]].map(|order| {
            let (mut frame, mut surfaces) = (Frame::new(80, 60, [255; 3]), Surfaces::new(80 * 60));
            order.iter().for_each(|cone| cone.draw(&mut frame, &mut surfaces, area, &light));
            surfaces.finish(&mut frame, area, &light);
            frame
        });
        let at = |frame: &Frame, x: usize, y: usize| frame.pixels()[y * 80 + x];
        for frame in &pictures {
            let ([r, g, _], [far_r, far_g, _]) = (at(frame, 40, 30), at(frame, 40, 14));
            assert!(r == g || r.abs_diff(g) < 8, "grey in front");
            assert!(far_r > far_g + 50, "red behind");
            assert_eq!(at(frame, 2, 2), [255; 3]);
        }
    }

    #[test]
    fn cones_outside_the_area_draw_nothing() {
        let area = Area { left: 10, top: 10, width: 20, height: 20 };
        let light = Light::new([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let (mut frame, mut surfaces) = (Frame::new(80, 60, [255; 3]), Surfaces::new(400));
        for far in [-1e9, -50.0, 60.0, 1e9] {
            cone([[far, far, 0.0], [far + 5.0, far, 0.0]], [6.0, 6.0]).draw(
                &mut frame,
                &mut surfaces,
                area,
                &light,
            );
        }
        surfaces.finish(&mut frame, area, &light);
        assert_eq!(frame, Frame::new(80, 60, [255; 3]));
        cone([[20.0, 20.0, 0.0]; 2], [500.0; 2]).draw(&mut frame, &mut surfaces, area, &light);
        surfaces.finish(&mut frame, area, &light);
        assert_eq!(frame.pixels().iter().filter(|p| **p != [255; 3]).count(), 400, "clipped to the area");
    }
}
