//! The floor and what is behind it: a pool of light around the people, ruled in metres, that fades into the backdrop.

use super::frame::Frame;
use super::light::{Colour, HIGH, LINE, LOW, Light, POOL, linear};
use super::shade_map::{ShadeMap, smoothstep};
use super::shot::{Area, Shot};

/// Distances at which the pool of light and the lines have faded, metres, squared.
const POOL_FADES: f32 = 14.0;
const LINES_FADE: f32 = 12.0;
/// Width of a line, metres.
const LINE_WIDTH: f32 = 0.01;
/// Towards a neighbouring view everything fades over this many pixels, so that the two share one backdrop.
const SEAM: f32 = 48.0;

/// The floor as one camera sees it, without anybody on it.
pub(super) struct Floor {
    area: Area,
    /// Where each pixel looks: x and z, not a number above the horizon.
    places: Vec<[f32; 2]>,
    colours: Vec<Colour>,
    picture: Vec<[u8; 3]>,
}

impl Floor {
    /// Seen by `shot` in `area` of a picture of `height` pixels; the pool lies around `focus` (x, z). `seams` says whether
    /// another view follows to the left and to the right.
    pub(super) fn new(
        shot: &Shot,
        area: Area,
        height: usize,
        focus: [f32; 2],
        seams: [bool; 2],
        light: &Light,
    ) -> Self {
        let (high, low, pool, line) = (linear(HIGH), linear(LOW), linear(POOL), linear(LINE));
        let mut floor = Self { area, places: Vec::new(), colours: Vec::new(), picture: Vec::new() };
        for y in area.top..area.top + area.height {
            let upward = 1.0 - (y as f32 + 0.5) / height as f32;
            let backdrop = mix(low, high, smoothstep(0.0, 1.0, upward));
            for x in area.left..area.left + area.width {
                let mut colour = backdrop;
                let place = shot.floor(x, y);
                if let Some([px, pz]) = place {
                    let away = (px - focus[0]).powi(2) + (pz - focus[1]).powi(2);
                    let fade = seam(x, area, seams);
                    colour = mix(colour, pool, (-away / POOL_FADES).exp() * fade);
                    let next = [shot.floor(x + 1, y), shot.floor(x, y + 1)];
                    let ruled = ruled([px, pz], next) * (-away / LINES_FADE).exp();
                    colour = mix(colour, line, 0.45 * ruled * fade);
                }
                floor.places.push(place.unwrap_or([f32::NAN; 2]));
                floor.picture.push(light.encode(colour));
                floor.colours.push(colour);
            }
        }
        floor
    }

    /// Draw it with these shadows.
    pub(super) fn draw(&self, frame: &mut Frame, shot: &Shot, shades: &ShadeMap, light: &Light) {
        let Area { left, top, width, height } = self.area;
        let full = frame.width();
        for (y, row) in self.picture.chunks_exact(width).enumerate() {
            let at = (top + y) * full + left;
            frame.pixels_mut()[at..at + width].copy_from_slice(row);
        }
        let Some(corners) = shades.darkened() else { return };
        let seen = corners.map(|[x, z]| shot.project([x, 0.0, z]));
        let within = |axis: usize, start: usize, size: usize| {
            let ends = seen.iter().try_fold([f32::MAX, f32::MIN], |[low, high], place| {
                place.map(|p| [low.min(p[axis]), high.max(p[axis])])
            });
            // A corner behind the eye: look everywhere.
            let Some([low, high]) = ends else { return 0..size };
            let clip = |v: f32| (v.max(0.0) as usize).clamp(start, start + size) - start;
            clip(low)..clip(high + 1.0)
        };
        let columns = within(0, left, width);
        for y in within(1, top, height) {
            for x in columns.clone() {
                let at = y * width + x;
                let share = shades.light_at(self.places[at]);
                if share < 0.998 {
                    frame.pixels_mut()[(top + y) * full + left + x] =
                        light.encode(self.colours[at].map(|c| c * share));
                }
            }
        }
    }
}

/// How much of a pixel at `place` a line covers; `next` are the places of the pixels to the right and below.
fn ruled(place: [f32; 2], next: [Option<[f32; 2]>; 2]) -> f32 {
    let mut most = 0.0f32;
    for axis in 0..2 {
        let step = |other: Option<[f32; 2]>| other.map_or(1.0, |p| (p[axis] - place[axis]).abs());
        let width = step(next[0]) + step(next[1]);
        let away = ((place[axis] - 0.5).rem_euclid(1.0) - 0.5).abs();
        let half = 0.5 * LINE_WIDTH;
        let covered = 1.0 - smoothstep(half, half + (width * 1.2).max(1e-4), away);
        // Lines thinner than a pixel grow faint instead of flickering.
        most = most.max(covered * (1.0 - (width - 0.15) / 0.35).clamp(0.0, 1.0));
    }
    most
}

/// 1, and falling to 0 towards a neighbouring view.
fn seam(x: usize, area: Area, seams: [bool; 2]) -> f32 {
    let from_left = (x - area.left) as f32 + 0.5;
    let gaps = [from_left, area.width as f32 - from_left];
    (0..2).filter(|&side| seams[side]).map(|side| smoothstep(0.0, SEAM, gaps[side])).fold(1.0, f32::min)
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * share)
}
