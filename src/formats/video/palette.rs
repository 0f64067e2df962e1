//! The 255 colours of a GIF, chosen once for all its frames; the last index means "as before".

use crate::render::Frame;
use color_quant::NeuQuant;

/// The index of pixels that stay as they were.
pub(super) const SAME: u8 = 255;
/// Bits of each channel that decide a pixel's colour.
const BITS: u32 = 5;
/// Every how many pixels of the samples are looked at.
const SPARSE: usize = 7;

/// Colours, and which of them is nearest to any other.
pub(super) struct Palette {
    colours: Vec<u8>,
    nearest: Vec<u8>,
}

impl Palette {
    /// From a few frames that look like all of them.
    pub(super) fn of<'f>(frames: impl Iterator<Item = &'f Frame>) -> Self {
        let sampled: Vec<u8> = frames
            .flat_map(|frame| frame.pixels().iter().step_by(SPARSE))
            .flat_map(|[r, g, b]| [*r, *g, *b, 255])
            .collect();
        let chosen = NeuQuant::new(3, usize::from(SAME), &sampled);
        let colours = chosen.color_map_rgb();
        let levels = 1usize << BITS;
        let middle = |level: usize| ((level << (8 - BITS)) + (1 << (7 - BITS))) as u8;
        let nearest = (0..levels.pow(3))
            .map(|i| {
                let [r, g, b] = [i / levels / levels, i / levels % levels, i % levels].map(middle);
                chosen.index_of(&[r, g, b, 255]).min(usize::from(SAME) - 1) as u8
            })
            .collect();
        Self { colours, nearest }
    }

    /// Red, green, blue of each index.
    pub(super) fn colours(&self) -> &[u8] {
        &self.colours
    }

    /// The index of a colour.
    pub(super) fn index(&self, [r, g, b]: [u8; 3]) -> u8 {
        let level = |c: u8| usize::from(c >> (8 - BITS));
        self.nearest[(level(r) << (2 * BITS)) | (level(g) << BITS) | level(b)]
    }
}
