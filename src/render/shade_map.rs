//! How much light reaches the floor, seen as a map: shadows fall along the sunlight, and what comes near the floor darkens it
//! from straight above.

use super::figure::Cone;
use super::light::SUN;
use crate::motion::Vec3;
use std::ops::Range;

/// Room around the people for their shadows, metres.
const ROOM: f32 = 1.5;
/// Size of a texel where the people do not need more texels than this on a side, metres.
const TEXEL: f32 = 0.025;
const MOST_TEXELS: f32 = 320.0;
/// Spread of soft edges, metres: of cast shadows, of nearness.
const SOFT: [f32; 2] = [0.03, 0.09];
/// How dark the deepest of either is.
const STRENGTH: [f32; 2] = [0.36, 0.4];
/// Heights between which a cast shadow fades, metres.
const FADES: [f32; 2] = [0.05, 0.85];

/// A map of the floor.
pub(super) struct ShadeMap {
    /// Of texel (0, 0): x, z.
    corner: [f32; 2],
    texel: f32,
    size: [usize; 2],
    /// Cast and near darkness, 0 to 1.
    layers: [Vec<f32>; 2],
    spare: Vec<f32>,
    /// Share of light that is left.
    light: Vec<f32>,
    /// Columns and rows that hold any darkness now.
    used: [Range<usize>; 2],
}

impl ShadeMap {
    /// A map of the floor below and around `points`.
    pub(super) fn around(points: &[Vec3]) -> Self {
        let ends = |axis: usize| {
            let of = |pick: fn(f32, f32) -> f32, start| points.iter().map(|p| p[axis]).fold(start, pick);
            [of(f32::min, f32::MAX) - ROOM, of(f32::max, f32::MIN) + ROOM]
        };
        let [[left, right], [back, front]] =
            if points.is_empty() { [[0.0; 2]; 2] } else { [ends(0), ends(2)] };
        let texel = TEXEL.max((right - left).max(front - back) / MOST_TEXELS);
        let size = [right - left, front - back].map(|metres| (metres / texel) as usize + 1);
        let empty = || vec![0.0; size[0] * size[1]];
        Self {
            corner: [left, back],
            texel,
            size,
            layers: [empty(), empty()],
            spare: empty(),
            light: vec![1.0; size[0] * size[1]],
            used: [0..0, 0..0],
        }
    }

    /// Take the bodies that stand here now.
    pub(super) fn cast(&mut self, cones: &[Cone]) {
        self.light.fill(1.0);
        self.layers.iter_mut().for_each(|layer| layer.fill(0.0));
        let mut used = [0, 1].map(|_| Range { start: usize::MAX, end: 0 });
        for cone in cones {
            let height = cone.ends.map(|end| end[1].max(0.0));
            let falls = height.map(|h| 1.0 - smoothstep(FADES[0], FADES[1], h));
            let slanted = [0, 1].map(|e| {
                let [x, _, z] = cone.ends[e];
                [x - SUN[0] / SUN[1] * height[e], z - SUN[2] / SUN[1] * height[e]]
            });
            let below = cone.ends.map(|[x, _, z]| [x, z]);
            let presses = [0, 1].map(|e| {
                let gap = (height[e] - cone.radii[e]).max(0.0);
                (0.95 * (-gap / 0.05).exp()).max(0.55 * (-gap / 0.4).exp())
            });
            for (layer, ends, values) in [(0, slanted, falls), (1, below, presses)] {
                if values[0].max(values[1]) > 0.01 {
                    self.press(layer, ends, cone.radii, values, &mut used);
                }
            }
        }
        let reach = SOFT.map(|metres| ((metres / self.texel).round() as usize).max(1));
        let grown = [0, 1].map(|axis| {
            let Range { start, end } = used[axis].clone();
            let by = 2 * reach[0].max(reach[1]) + 1;
            if start >= end { 0..0 } else { start.saturating_sub(by)..(end + by).min(self.size[axis]) }
        });
        self.used = grown;
        for (layer, reach) in reach.into_iter().enumerate() {
            // Two boxes make a fair bell.
            self.blur(layer, reach);
            self.blur(layer, reach);
        }
        for row in self.used[1].clone() {
            for at in self.used[0].clone().map(|column| row * self.size[0] + column) {
                let [cast, near] = [self.layers[0][at], self.layers[1][at]];
                self.light[at] = (1.0 - STRENGTH[0] * cast) * (1.0 - STRENGTH[1] * near);
            }
        }
    }

    /// Darken a layer under a cone lying flat at `ends`.
    fn press(
        &mut self,
        layer: usize,
        ends: [[f32; 2]; 2],
        radii: [f32; 2],
        values: [f32; 2],
        used: &mut [Range<usize>; 2],
    ) {
        let [a, b] = ends.map(|end| [0, 1].map(|axis| (end[axis] - self.corner[axis]) / self.texel));
        let radii = radii.map(|r| r / self.texel);
        let ranges = [0, 1].map(|axis| {
            let low = (a[axis] - radii[0]).min(b[axis] - radii[1]) - 1.0;
            let high = (a[axis] + radii[0]).max(b[axis] + radii[1]) + 2.0;
            let clip = |v: f32| (v.max(0.0) as usize).min(self.size[axis]);
            clip(low)..clip(high)
        });
        for axis in 0..2 {
            if ranges[0].is_empty() || ranges[1].is_empty() {
                return;
            }
            used[axis] = used[axis].start.min(ranges[axis].start)..used[axis].end.max(ranges[axis].end);
        }
        let d = [b[0] - a[0], b[1] - a[1]];
        let square = (d[0] * d[0] + d[1] * d[1]).max(1e-6);
        for row in ranges[1].clone() {
            for column in ranges[0].clone() {
                let p = [column as f32 + 0.5 - a[0], row as f32 + 0.5 - a[1]];
                let t = ((p[0] * d[0] + p[1] * d[1]) / square).clamp(0.0, 1.0);
                let away = [p[0] - t * d[0], p[1] - t * d[1]];
                let radius = radii[0] + t * (radii[1] - radii[0]);
                let cover = (radius - (away[0] * away[0] + away[1] * away[1]).sqrt() + 0.5).clamp(0.0, 1.0);
                let value = cover * (values[0] + t * (values[1] - values[0]));
                let texel = &mut self.layers[layer][row * self.size[0] + column];
                *texel = texel.max(value);
            }
        }
    }

    /// Mean over 2 x `reach` + 1 texels, along rows, then along columns.
    fn blur(&mut self, layer: usize, reach: usize) {
        let [columns, rows] = self.used.clone();
        let (width, values) = (self.size[0], &mut self.layers[layer]);
        for row in rows.clone() {
            average(values, &mut self.spare, columns.clone(), |column| row * width + column, reach);
        }
        for column in columns {
            average(&self.spare, values, rows.clone(), |row| row * width + column, reach);
        }
    }

    /// Share of light that is left at a place on the floor (x, z).
    pub(super) fn light_at(&self, place: [f32; 2]) -> f32 {
        let [x, y] = [0, 1].map(|axis| (place[axis] - self.corner[axis]) / self.texel - 0.5);
        let [width, height] = self.size;
        if !(x >= 0.0 && y >= 0.0 && x < (width - 1) as f32 && y < (height - 1) as f32) {
            return 1.0;
        }
        let (left, top) = (x as usize, y as usize);
        let (right, down) = (x - left as f32, y - top as f32);
        let at = |column: usize, row: usize| self.light[row * width + column];
        let upper = at(left, top) + right * (at(left + 1, top) - at(left, top));
        let lower = at(left, top + 1) + right * (at(left + 1, top + 1) - at(left, top + 1));
        upper + down * (lower - upper)
    }

    /// Corners (x, z) of the part of the floor that is darkened now; `None`: all of it is light.
    pub(super) fn darkened(&self) -> Option<[[f32; 2]; 4]> {
        let [columns, rows] = &self.used;
        let at = |column: usize, row: usize| {
            [self.corner[0] + column as f32 * self.texel, self.corner[1] + row as f32 * self.texel]
        };
        (!columns.is_empty() && !rows.is_empty()).then(|| {
            [
                at(columns.start, rows.start),
                at(columns.end, rows.start),
                at(columns.start, rows.end),
                at(columns.end, rows.end),
            ]
        })
    }
}

/// `to[at(i)]` for each i: mean of `from` over i - reach ..= i + reach, zero beyond the range.
fn average(from: &[f32], to: &mut [f32], range: Range<usize>, at: impl Fn(usize) -> usize, reach: usize) {
    let share = 1.0 / (2 * reach + 1) as f32;
    let value = |i: usize| if range.contains(&i) { from[at(i)] } else { 0.0 };
    let mut sum: f32 = (range.start..range.start + reach).map(value).sum();
    for i in range.clone() {
        sum += value(i + reach);
        if i > range.start + reach {
            sum -= value(i - reach - 1);
        }
        to[at(i)] = (sum * share).max(0.0);
    }
}

pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ball(x: f32, y: f32, z: f32) -> Cone {
        Cone { ends: [[x, y, z]; 2], radii: [0.1; 2], tone: [0.5; 3] }
    }

    #[test]
    fn shadows_lie_beneath_and_away_from_the_sun() {
        let mut map = ShadeMap::around(&[[0.0; 3], [4.0, 1.0, 4.0]]);
        map.cast(&[ball(1.0, 0.1, 1.0)]);
        assert!(map.light_at([1.0, 1.0]) < 0.7, "dark beneath: {}", map.light_at([1.0, 1.0]));
        assert_eq!(map.light_at([3.0, 3.0]), 1.0);
        map.cast(&[ball(2.0, 0.5, 2.0)]);
        assert_eq!(map.light_at([1.0, 1.0]), 1.0, "the old shadow is gone");
        let fallen = map.light_at([2.0 + 0.42 * 0.5, 2.0 - 0.5 * 0.5]);
        assert!(fallen < 0.95 && fallen < map.light_at([2.0 - 0.42 * 0.5, 2.0 + 0.5 * 0.5]));
        map.cast(&[ball(2.0, 3.0, 2.0)]);
        assert_eq!(map.darkened(), None, "nothing near the floor");
    }

    #[test]
    fn wide_and_empty_scenes_stay_small() {
        let map = ShadeMap::around(&[[-100.0, 0.0, -100.0], [100.0, 0.0, 100.0]]);
        assert!(map.light.len() < 400 * 400);
        let mut none = ShadeMap::around(&[]);
        none.cast(&[ball(0.0, 0.0, 0.0), ball(1e9, 0.0, 0.0)]);
        assert_eq!(none.light_at([f32::NAN, 0.0]), 1.0);
    }
}
