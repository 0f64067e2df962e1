//! Words in a picture: Noto Sans, wrapped by width. What the font lacks is drawn as an empty box, so that any prompt can stand
//! there; scripts are not shaped.

use super::frame::{Frame, blend};
use crate::error::{Error, Result};
use tiny_skia::{FillRule, Mask, Path, PathBuilder, Transform};
use ttf_parser::{Face, OutlineBuilder};

/// Height of a line, as a multiple of the size.
const LINE: f32 = 1.3;
/// Where in that the letters stand.
const BASELINE: f32 = 1.0;
/// The box of a letter that the font lacks: its width with the gap after it, and its height.
const BOX: [f32; 2] = [0.7, 0.7];
const MORE: char = '…';

/// The font.
pub(super) struct Font {
    face: Face<'static>,
}

impl Font {
    /// # Errors
    /// Only internal ones.
    pub(super) fn new() -> Result<Self> {
        let face = Face::parse(notosans::REGULAR_TTF, 0)
            .map_err(|e| Error::internal("font", "the font could not be read").with_source(e))?;
        Ok(Self { face })
    }

    /// Width of a letter at size 1.
    fn advance(&self, letter: char) -> f32 {
        match self.face.glyph_index(letter) {
            _ if is_unseen(letter) => 0.0,
            None => BOX[0],
            Some(glyph) => {
                f32::from(self.face.glyph_hor_advance(glyph).unwrap_or(0))
                    / f32::from(self.face.units_per_em())
            }
        }
    }

    fn width(&self, text: &str) -> f32 {
        text.chars().map(|letter| self.advance(letter)).sum()
    }

    /// `text` in at most `most` lines no wider than `width` pixels at `size`; the last ends in … where more would follow. Words
    /// wider than a line are cut.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32, most: usize) -> Vec<String> {
        let fits = |line: &str| self.width(line) * size <= width;
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
        {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if fits(&longer) {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                // A line holds one letter at least, however narrow it is.
                if !fits(&line) && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
            if lines.len() > most {
                break;
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                while !last.is_empty() && !fits(&format!("{last}{MORE}")) {
                    last.pop();
                }
                last.push(MORE);
            }
        }
        lines
    }

    /// Outlines of one line, its baseline starting at (`left`, `base`).
    fn outline(&self, text: &str, size: f32, mut left: f32, base: f32) -> Option<Path> {
        let scale = size / f32::from(self.face.units_per_em());
        let mut pen = Pen { path: PathBuilder::new(), scale, left, base };
        for letter in text.chars() {
            pen.left = left;
            left += size * self.advance(letter);
            match self.face.glyph_index(letter) {
                _ if is_unseen(letter) => {}
                Some(glyph) => {
                    self.face.outline_glyph(glyph, &mut pen);
                }
                None => pen.empty_box(size),
            }
        }
        pen.path.finish()
    }
}

/// Letters that only tell how others are drawn, or where lines may break.
fn is_unseen(letter: char) -> bool {
    matches!(u32::from(letter), 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff | 0xe0000..=0xe0fff)
}

/// Draws outlines where a letter stands.
struct Pen {
    path: PathBuilder,
    scale: f32,
    left: f32,
    base: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.left + x * self.scale, self.base - y * self.scale)
    }

    fn empty_box(&mut self, size: f32) {
        let line = (0.06 * size).max(1.0);
        let (left, right) = (self.left + 0.06 * size, self.left + (BOX[0] - 0.06) * size);
        let (top, bottom) = (self.base - BOX[1] * size, self.base);
        // The inner edge runs the other way round, which makes a hole.
        for [x0, y0, x1, y1] in
            [[left, top, right, bottom], [right - line, top + line, left + line, bottom - line]]
        {
            self.path.move_to(x0, y0);
            self.path.line_to(x1, y0);
            self.path.line_to(x1, y1);
            self.path.line_to(x0, y1);
            self.path.close();
        }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

/// Written lines, ready to be laid over one picture after another.
pub(super) struct Lettering {
    /// Index of a pixel, how much of it is covered, 0 to 1, and the colour.
    spots: Vec<(usize, f32, [u8; 3])>,
    size: [usize; 2],
    /// Where the next line begins, pixels from the top.
    top: f32,
}

impl Lettering {
    /// For pictures of this size; the first line begins `top` pixels down.
    pub(super) fn new(width: usize, height: usize, top: f32) -> Self {
        Self { spots: Vec::new(), size: [width, height], top }
    }

    /// Add lines of one size and colour, `left` pixels in.
    ///
    /// # Errors
    /// Only internal ones.
    pub(super) fn write(
        &mut self,
        font: &Font,
        lines: &[String],
        left: f32,
        size: f32,
        colour: [u8; 3],
    ) -> Result<()> {
        let [width, height] = self.size;
        let mut mask = Mask::new(width as u32, height as u32)
            .ok_or_else(|| Error::internal("text", "the title's picture could not be allocated"))?;
        for line in lines {
            let base = self.top + BASELINE * size;
            self.top += LINE * size;
            if let Some(path) = font.outline(line, size, left, base) {
                mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
            }
        }
        let covered = mask.data().iter().enumerate().filter(|(_, cover)| **cover > 0);
        self.spots.extend(covered.map(|(at, cover)| (at, f32::from(*cover) / 255.0, colour)));
        Ok(())
    }

    /// Where the next line would begin, pixels from the top.
    pub(super) fn bottom(&self) -> f32 {
        self.top
    }

    /// Lay the words over a picture of the size given to [`Lettering::new`].
    pub(super) fn draw(&self, frame: &mut Frame) {
        for &(at, cover, colour) in &self.spots {
            if let Some(pixel) = frame.pixels_mut().get_mut(at) {
                *pixel = blend(*pixel, colour, cover);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn font() -> Font {
        Font::new().unwrap()
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        let font = font();
        let lines = font.wrap("two people  dance\nsalsa together", 20.0, 150.0, 9);
        assert_eq!(lines.join(" "), "two people dance salsa together");
        assert!(lines.len() >= 2 && lines.iter().all(|line| font.width(line) * 20.0 <= 150.0), "{lines:?}");
        let cut = font.wrap(&"x".repeat(200), 20.0, 150.0, 99);
        assert_eq!(cut.concat().len(), 200);
        let short = font.wrap("one two three four five six seven eight nine", 20.0, 80.0, 2);
        assert!(short.len() == 2 && short[1].ends_with('…'), "{short:?}");
        assert!(font.wrap(" \n\t ", 20.0, 150.0, 3).is_empty());
    }

    #[test]
    fn letters_of_many_scripts_leave_ink_and_unknown_ones_a_box() {
        let font = font();
        let ink = |text: &str| {
            let mut words = Lettering::new(300, 60, 8.0);
            words.write(&font, &[text.to_owned()], 5.0, 24.0, [0; 3]).unwrap();
            words.spots.iter().map(|spot| spot.1).sum::<f32>()
        };
        for text in ["abc", "Ünïcödé", "Привет", "Ωμέγα", "握手", "💃🕺", "\u{10ffff}", "\u{e000}"]
        {
            assert!(ink(text) > 20.0, "{text}");
        }
        assert_eq!(ink("\u{200d}\u{fe0f}\u{200b}"), 0.0);
        assert_eq!(font.face.glyph_index('握'), None, "a box stands for it");
        assert!((ink("握") - ink("💃")).abs() < 1e-3, "all boxes are the same");
    }

    proptest! {
        #[test]
        fn any_text_can_be_written(text in any::<String>(), width in 0.0f32..300.0) {
            let font = font();
            let lines = font.wrap(&text, 18.0, width, 3);
            prop_assert!(lines.len() <= 3);
            let mut words = Lettering::new(64, 48, 2.0);
            words.write(&font, &lines, 4.0, 18.0, [0; 3]).unwrap();
            words.draw(&mut Frame::new(64, 48, [255; 3]));
        }
    }
}
