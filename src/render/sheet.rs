//! Contact sheet: a motion as still pictures side by side, to look at before believing a number, or to put into a paper.
//!
//! Columns are frames, evenly spread; each has a front view above a side view. The small number is the frame. All pictures of a
//! sheet have one scale and follow the middle between the two pelvises.

use super::camera::Camera;
use super::frame::Frame;
use super::light::{HIGH, INK, LINE, SOFT};
use super::scene::{Scene, View};
use super::shade_map::ShadeMap;
use super::shot::{Area, Shot};
use super::text::{Font, Lettering};
use crate::error::{Error, Result};
use crate::motion::{Motion, Vec3};

/// Width and height of one picture, pixels.
const CELL: (usize, usize) = (200, 240);
/// Columns before the next row begins.
const COLUMNS: usize = 8;
/// Most pictures of one sheet.
pub const MAX_PICTURES: usize = 64;
/// Kept free at the top of each picture for the number, pixels.
const MARGIN: usize = 18;
/// Gap around the title, and sizes of the title, the caption and the numbers, pixels.
const GAP: f32 = 14.0;
const TITLE: f32 = 22.0;
const CAPTION: f32 = 14.0;
const NUMBER: f32 = 13.0;

/// What a sheet shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sheet<'a> {
    /// How many frames, 1 to [`MAX_PICTURES`].
    pub pictures: usize,
    /// Above the pictures; empty for nothing.
    pub title: &'a str,
    /// A smaller line below; empty for nothing.
    pub caption: &'a str,
}

/// Draw a sheet of `motion`.
///
/// # Errors
/// `empty_motion`, `persons_differ_in_length`; `sheet_pictures` unless 1..=64.
pub fn contact_sheet(motion: &Motion, sheet: Sheet<'_>) -> Result<Frame> {
    let scene = Scene::new(motion)?;
    if !(1..=MAX_PICTURES).contains(&sheet.pictures) {
        return Err(Error::invalid("sheet_pictures", format!("a sheet has 1 to {MAX_PICTURES} pictures")));
    }
    let pictures = sheet.pictures.min(scene.frames());
    let chosen: Vec<usize> =
        (0..pictures).map(|i| i * (scene.frames() - 1) / (pictures - 1).max(1)).collect();
    let columns = pictures.min(COLUMNS);
    let rows = pictures.div_ceil(columns);
    let width = CELL.0 * columns;

    let font = Font::new()?;
    let lines = |text: &str, size: f32| font.wrap(text, size, width as f32 - 2.0 * GAP, 3);
    let (title, caption) = (lines(sheet.title, TITLE), lines(sheet.caption, CAPTION));
    let top = heading_height(title.len(), caption.len());
    let height = top + 2 * CELL.1 * rows;
    let mut words = Lettering::new(width, height, GAP);
    words.write(&font, &title, GAP, TITLE, INK)?;
    words.write(&font, &caption, GAP, CAPTION, SOFT)?;

    let shots = shots(&scene, &chosen)?;
    let mut picture = Frame::new(width, height, HIGH);
    let mut cell = Frame::new(CELL.0, CELL.1, HIGH);
    for (i, &frame) in chosen.iter().enumerate() {
        let cones = scene.cones(frame);
        let points: Vec<Vec3> = scene.points(frame).collect();
        let mut shades = ShadeMap::around(&points);
        shades.cast(&cones);
        let middle = scene.middle(frame);
        for (view, shot) in shots.iter().enumerate() {
            let shot = shot.moved(middle);
            View::new(shot, AREA, CELL.1, [middle[0], middle[2]], [false; 2])
                .draw(&mut cell, &cones, &shades);
            let (left, down) = (CELL.0 * (i % columns), top + CELL.1 * (2 * (i / columns) + view));
            edge(&mut cell);
            picture.put(&cell, left, down);
            if view == 0 {
                let mut number = Lettering::new(width, height, down as f32 + 4.0);
                number.write(&font, &[frame.to_string()], left as f32 + 7.0, NUMBER, SOFT)?;
                number.draw(&mut picture);
            }
        }
    }
    words.draw(&mut picture);
    Ok(picture)
}

const AREA: Area = Area { left: 0, top: 0, width: CELL.0, height: CELL.1 };

/// Pixels above the pictures.
fn heading_height(title: usize, caption: usize) -> usize {
    let lines = 1.3 * (title as f32 * TITLE + caption as f32 * CAPTION);
    if title + caption == 0 { 0 } else { (lines + 1.5 * GAP) as usize }
}

/// Front and side, for people whose middle is the origin.
fn shots(scene: &Scene<'_>, chosen: &[usize]) -> Result<[Shot; 2]> {
    let points: Vec<Vec3> = chosen
        .iter()
        .flat_map(|&frame| {
            let middle = scene.middle(frame);
            let from_middle = move |p: Vec3| -> Vec3 { std::array::from_fn(|a| p[a] - middle[a]) };
            scene.points(frame).map(from_middle).collect::<Vec<_>>()
        })
        .collect();
    let [front, side] = [Camera::new(0.0, 6.0, None)?, Camera::new(-90.0, 6.0, None)?];
    Ok([front, side].map(|camera| Shot::fit(&camera, scene.along(), AREA, MARGIN, &points)))
}

/// A line to the left, which tells one picture from the next.
fn edge(cell: &mut Frame) {
    let width = cell.width();
    cell.pixels_mut().iter_mut().step_by(width).for_each(|pixel| *pixel = LINE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::Person;
    use crate::motion::kinematics::tests::walk;

    fn standing(x: f32) -> Person {
        let mut person = walk(20);
        person.positions.iter_mut().flatten().for_each(|joint| joint[0] += x);
        person
    }

    fn sheet(pictures: usize) -> Sheet<'static> {
        Sheet { pictures, ..Sheet::default() }
    }

    #[test]
    fn both_people_are_drawn_in_their_colours_in_every_picture() {
        let motion = Motion { persons: [standing(-0.6), standing(0.6)] };
        let picture = contact_sheet(&motion, sheet(10)).unwrap();
        assert_eq!((picture.width(), picture.height()), (CELL.0 * 8, CELL.1 * 4));
        for (n, of_people) in [(0, true), (9, true), (10, false)] {
            let (left, top) = (CELL.0 * (n % 8), 2 * CELL.1 * (n / 8));
            let count = |is: fn(i32, i32) -> bool| {
                let rows = (top..top + CELL.1).flat_map(|y| (left..left + CELL.0).map(move |x| (x, y)));
                let pixel = |(x, y): (usize, usize)| picture.pixels()[y * picture.width() + x].map(i32::from);
                rows.map(pixel).filter(|[r, _, b]| is(*r, *b)).count()
            };
            let seen = [count(|r, b| r - b > 60), count(|r, b| b - r > 40)];
            assert_eq!(seen.iter().all(|&count| count > 200), of_people, "{n}: {seen:?}");
        }
        let titled = Sheet { title: "two people walk", caption: "seed 7", ..sheet(10) };
        assert!(contact_sheet(&motion, titled).unwrap().height() > picture.height() + 40);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let motion = Motion { persons: [standing(0.0), standing(1.0)] };
        assert_eq!(contact_sheet(&motion, sheet(0)).unwrap_err().code(), "sheet_pictures");
        assert_eq!(contact_sheet(&motion, sheet(65)).unwrap_err().code(), "sheet_pictures");
        let none = Person { positions: Vec::new(), rotations: Vec::new() };
        let motion = Motion { persons: [none.clone(), none] };
        assert_eq!(contact_sheet(&motion, sheet(5)).unwrap_err().code(), "empty_motion");
    }
}
