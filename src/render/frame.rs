//! A picture in memory: sRGB, eight bits a channel, rows from the top.

use crate::error::{Error, Result};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

/// An opaque picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Frame {
    /// All of one colour.
    pub fn new(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    /// Pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row by row, `width` x `height` of them.
    pub fn pixels(&self) -> &[[u8; 3]] {
        &self.pixels
    }

    /// To draw on.
    pub(super) fn pixels_mut(&mut self) -> &mut [[u8; 3]] {
        &mut self.pixels
    }

    /// Put `other` with its upper left corner at (`left`, `top`); what would stick out is left away.
    pub(super) fn put(&mut self, other: &Self, left: usize, top: usize) {
        let width = other.width.min(self.width.saturating_sub(left));
        for y in 0..other.height.min(self.height.saturating_sub(top)) {
            let (to, from) = ((top + y) * self.width + left, y * other.width);
            self.pixels[to..to + width].copy_from_slice(&other.pixels[from..from + width]);
        }
    }

    /// A PNG file.
    ///
    /// # Errors
    /// Only internal ones.
    pub fn png(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive)
            .write_image(
                self.pixels.as_flattened(),
                self.width as u32,
                self.height as u32,
                ExtendedColorType::Rgb8,
            )
            .map_err(|e| Error::internal("png", "the picture could not be encoded").with_source(e))?;
        Ok(out)
    }
}

/// `over` laid on `under` with opacity 0 to 1.
pub(super) fn blend(under: [u8; 3], over: [u8; 3], opacity: f32) -> [u8; 3] {
    std::array::from_fn(|c| {
        let (a, b) = (f32::from(under[c]), f32::from(over[c]));
        (a + (b - a) * opacity).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sticks_out_is_cut() {
        let mut frame = Frame::new(4, 3, [0; 3]);
        frame.put(&Frame::new(3, 3, [9; 3]), 2, 1);
        let set: Vec<usize> = (0..12).filter(|&i| frame.pixels[i] == [9; 3]).collect();
        assert_eq!(set, [6, 7, 10, 11]);
        frame.put(&Frame::new(3, 3, [7; 3]), 9, 9);
        assert!(!frame.pixels.contains(&[7; 3]));
        let read = image::load_from_memory(&frame.png().unwrap()).unwrap().to_rgb8();
        assert_eq!((read.dimensions(), read.as_raw().as_slice()), ((4, 3), frame.pixels.as_flattened()));
    }
}
