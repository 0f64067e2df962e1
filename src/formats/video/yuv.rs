//! sRGB to the planes that video encoders take: BT.709, limited range, colour at half the resolution both ways (yuv420p).
//! Whole numbers only, so that the same picture gives the same planes everywhere.

use crate::render::Frame;

/// Thousandths of red, green and blue in luma, and half over what is left for blue and red differences (BT.709).
const SHIFT: i32 = 16;
const LUMA: [i32; 3] = weights([0.2126, 0.7152, 0.0722], 219.0 / 255.0);
const BLUE: [i32; 3] = weights([-0.114_572, -0.385_428, 0.5], 224.0 / 255.0);
const RED: [i32; 3] = weights([0.5, -0.454_153, -0.045_847], 224.0 / 255.0);

const fn weights(shares: [f64; 3], range: f64) -> [i32; 3] {
    let unit = (1 << SHIFT) as f64 * range;
    [round(shares[0] * unit), round(shares[1] * unit), round(shares[2] * unit)]
}

const fn round(x: f64) -> i32 {
    (x + if x < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// Luma, and blue and red differences at a quarter of the size.
#[derive(Default)]
pub(super) struct Planes {
    pub y: Vec<u8>,
    pub u: Vec<u8>,
    pub v: Vec<u8>,
}

impl Planes {
    /// Take a picture of even width and height.
    pub(super) fn read(&mut self, frame: &Frame) {
        self.y.clear();
        self.u.clear();
        self.v.clear();
        self.y.extend(frame.pixels().iter().map(|pixel| weigh(pixel.map(i32::from), LUMA, 16, 0)));
        for rows in frame.pixels().chunks_exact(2 * frame.width()) {
            let (upper, lower) = rows.split_at(frame.width());
            for (above, below) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
                let four = [above[0], above[1], below[0], below[1]];
                let sum = std::array::from_fn(|c| four.iter().map(|pixel| i32::from(pixel[c])).sum());
                self.u.push(weigh(sum, BLUE, 128, 2));
                self.v.push(weigh(sum, RED, 128, 2));
            }
        }
    }
}

/// `colour`, which is 2^`sums` times too large, weighed, rounded, and moved by `offset`.
fn weigh(colour: [i32; 3], weights: [i32; 3], offset: i32, sums: i32) -> u8 {
    let shift = SHIFT + sums;
    let total: i32 = (0..3).map(|c| colour[c] * weights[c]).sum();
    (offset + ((total + (1 << (shift - 1))) >> shift)).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_have_their_standard_codes() {
        let mut planes = Planes::default();
        // BT.709 limited range, 100% colour bars.
        for (rgb, yuv) in [
            ([0, 0, 0], [16, 128, 128]),
            ([255, 255, 255], [235, 128, 128]),
            ([255, 0, 0], [63, 102, 240]),
            ([0, 255, 0], [173, 42, 26]),
            ([0, 0, 255], [32, 240, 118]),
        ] {
            planes.read(&Frame::new(4, 2, rgb));
            assert_eq!((planes.y.len(), planes.u.len(), planes.v.len()), (8, 2, 2));
            for (found, expected) in [planes.y[7], planes.u[1], planes.v[1]].into_iter().zip(yuv) {
                assert!(found.abs_diff(expected) <= 1, "{rgb:?}: {found} {expected}");
            }
        }
    }
}
