//! Contact sheet: a motion as still pictures side by side, to look at before believing a number.
//!
//! Columns are frames, evenly spread; each has a front view (x to the right) above a side view (z to the right), with
//! the floor as a line. Person 1 is blue, person 2 orange; right arms and legs are darker. The small number is the frame.
//! All pictures of a sheet have one scale and are centred on the middle between the two pelvises.

use crate::error::{Error, Result};
use crate::motion::skeleton::{Side, limbs};
use crate::motion::{Motion, Pose};
use tiny_skia::{Color, LineCap, Paint, PathBuilder, Pixmap, Rect, Stroke, Transform};

/// Width and height of one picture, pixels.
const CELL: (u32, u32) = (180, 210);
/// Columns before the next row begins.
const COLUMNS: usize = 8;
/// Most pictures of one sheet.
pub const MAX_PICTURES: usize = 64;
/// Height of the floor line above a picture's lower edge, pixels.
const FLOOR: f32 = 18.0;
/// (limbs, right limbs) of each person.
const COLOURS: [([u8; 3], [u8; 3]); 2] = [([74, 134, 232], [22, 52, 120]), ([240, 140, 40], [140, 40, 10])];

/// Draw `pictures` frames of `motion`.
///
/// # Errors
/// `empty_motion`; `sheet_pictures` unless 1..=64.
pub fn contact_sheet(motion: &Motion, pictures: usize) -> Result<Pixmap> {
    let frames = motion.frames();
    if frames == 0 || !motion.is_finite() {
        return Err(Error::invalid("empty_motion", "there is no motion to draw"));
    }
    if !(1..=MAX_PICTURES).contains(&pictures) {
        return Err(Error::invalid("sheet_pictures", format!("a sheet has 1 to {MAX_PICTURES} pictures")));
    }
    let pictures = pictures.min(frames);
    let chosen: Vec<usize> = (0..pictures).map(|i| i * (frames - 1) / (pictures - 1).max(1)).collect();
    let columns = pictures.min(COLUMNS);
    let rows = pictures.div_ceil(columns);
    let (width, height) = (CELL.0 * columns as u32, 2 * CELL.1 * rows as u32);
    let mut sheet = Pixmap::new(width, height)
        .ok_or_else(|| Error::internal("sheet_size", "the contact sheet could not be allocated"))?;
    sheet.fill(Color::WHITE);

    let scale = scale(motion, &chosen);
    for (i, frame) in chosen.iter().enumerate() {
        let poses = [&motion.persons[0].positions[*frame], &motion.persons[1].positions[*frame]];
        let left = (CELL.0 as usize * (i % columns)) as f32;
        for (view, axis) in [(0, 0), (1, 2)] {
            let top = (CELL.1 as usize * (2 * (i / columns) + view)) as f32;
            let picture = Picture { left, top, axis, scale, centre: centre(poses) };
            picture.draw(&mut sheet, poses);
            if view == 0 {
                number(&mut sheet, *frame, left + 5.0, top + 5.0);
            }
        }
    }
    Ok(sheet)
}

/// Middle between the pelvises, seen from above.
fn centre(poses: [&Pose; 2]) -> [f32; 3] {
    std::array::from_fn(|a| 0.5 * (poses[0][0][a] + poses[1][0][a]))
}

/// Pixels a metre, so that all chosen frames fit.
fn scale(motion: &Motion, chosen: &[usize]) -> f32 {
    let (mut across, mut up) = (0.6f32, 1.0f32);
    for frame in chosen {
        let poses = [&motion.persons[0].positions[*frame], &motion.persons[1].positions[*frame]];
        let centre = centre(poses);
        for joint in poses.into_iter().flatten() {
            across = across.max((joint[0] - centre[0]).abs()).max((joint[2] - centre[2]).abs());
            up = up.max(joint[1]);
        }
    }
    let (w, h) = (CELL.0 as f32, CELL.1 as f32);
    ((0.5 * w - 8.0) / across).min((h - FLOOR - 16.0) / up)
}

/// One view of one frame.
struct Picture {
    left: f32,
    top: f32,
    /// World axis that points to the right.
    axis: usize,
    scale: f32,
    centre: [f32; 3],
}

impl Picture {
    fn at(&self, p: &[f32; 3]) -> (f32, f32) {
        let x = self.left + 0.5 * CELL.0 as f32 + self.scale * (p[self.axis] - self.centre[self.axis]);
        let y = self.top + CELL.1 as f32 - FLOOR - self.scale * p[1];
        // Whatever a bad model makes stays inside its own picture.
        let inside = |v: f32, low: f32, size: u32| v.clamp(low, low + size as f32);
        (inside(x, self.left, CELL.0), inside(y, self.top, CELL.1))
    }

    fn draw(&self, sheet: &mut Pixmap, poses: [&Pose; 2]) {
        let floor = self.top + CELL.1 as f32 - FLOOR;
        let (w, h) = (CELL.0 as f32, CELL.1 as f32);
        line(sheet, (self.left, floor), (self.left + w, floor), [190, 190, 190], 1.0);
        line(sheet, (self.left, self.top), (self.left, self.top + h), [225, 225, 225], 1.0);
        // Whoever is farther away is drawn first. The front view looks along −z, the side view along +x.
        let depth = |pose: &Pose| if self.axis == 0 { pose[0][2] } else { -pose[0][0] };
        let mut order = [0, 1];
        order.sort_by(|a, b| depth(poses[*a]).total_cmp(&depth(poses[*b])));
        for person in order {
            let (plain, right) = COLOURS[person];
            for limb in limbs() {
                let colour = if limb.side == Side::Right { right } else { plain };
                let (from, to) = (self.at(&poses[person][limb.from]), self.at(&poses[person][limb.to]));
                line(sheet, from, to, colour, 3.0);
            }
        }
    }
}

fn line(sheet: &mut Pixmap, from: (f32, f32), to: (f32, f32), [r, g, b]: [u8; 3], width: f32) {
    let mut path = PathBuilder::new();
    path.move_to(from.0, from.1);
    path.line_to(to.0, to.1);
    let mut paint = Paint::default();
    paint.set_color_rgba8(r, g, b, 255);
    let stroke = Stroke { width, line_cap: LineCap::Round, ..Stroke::default() };
    // A limb of no length has no path, and nothing to draw.
    if let Some(path) = path.finish() {
        sheet.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }
}

/// Digits as three by five dots, rows of three bits.
const DIGITS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 2, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];

fn number(sheet: &mut Pixmap, value: usize, left: f32, top: f32) {
    const DOT: f32 = 2.0;
    let mut paint = Paint::default();
    paint.set_color_rgba8(110, 110, 110, 255);
    for (n, digit) in value.to_string().bytes().enumerate() {
        for (y, row) in DIGITS[usize::from(digit - b'0')].iter().enumerate() {
            for x in (0..3).filter(|x| row >> (2 - x) & 1 == 1) {
                let (x, y) = (left + DOT * (4 * n + x) as f32, top + DOT * y as f32);
                if let Some(dot) = Rect::from_xywh(x, y, DOT, DOT) {
                    sheet.fill_rect(dot, &paint, Transform::identity(), None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::skeleton::{PARENTS, REST_OFFSETS};
    use crate::motion::{JOINTS, Person};

    fn standing(x: f32) -> Person {
        let mut pose = [[x, 0.95, 0.0]; JOINTS];
        for joint in 1..JOINTS {
            let parent = PARENTS[joint].unwrap();
            pose[joint] = std::array::from_fn(|a| pose[parent][a] + REST_OFFSETS[joint][a]);
        }
        Person { positions: vec![pose; 20], rotations: vec![[[0.0; 6]; JOINTS - 1]; 20] }
    }

    #[test]
    fn both_people_are_drawn_in_their_colours() {
        let motion = Motion { persons: [standing(-0.5), standing(0.5)] };
        let sheet = contact_sheet(&motion, 10).unwrap();
        assert_eq!((sheet.width(), sheet.height()), (CELL.0 * 8, CELL.1 * 4));
        for (plain, right) in COLOURS {
            for [r, g, b] in [plain, right] {
                let drawn = sheet.pixels().iter().any(|p| (p.red(), p.green(), p.blue()) == (r, g, b));
                assert!(drawn, "{r} {g} {b} is missing");
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let motion = Motion { persons: [standing(0.0), standing(1.0)] };
        assert_eq!(contact_sheet(&motion, 0).unwrap_err().code(), "sheet_pictures");
        let none = Person { positions: Vec::new(), rotations: Vec::new() };
        let motion = Motion { persons: [none.clone(), none] };
        assert_eq!(contact_sheet(&motion, 5).unwrap_err().code(), "empty_motion");
    }
}
