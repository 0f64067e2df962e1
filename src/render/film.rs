//! A motion as the frames of a video: one view, or two side by side, under a title.

use super::camera::Camera;
use super::frame::Frame;
use super::light::{INK, SOFT};
use super::scene::{Scene, View};
use super::shade_map::ShadeMap;
use super::shot::{Area, Shot};
use super::text::{Font, Lettering};
use crate::error::Result;
use crate::motion::{Motion, Vec3};

/// Most lines of a title.
const TITLE_LINES: usize = 3;
/// Of a picture of this height: sizes of the title and of the line below, the gap beside them, and the gap above. Pixels.
const HEIGHT: f32 = 540.0;
const TITLE: f32 = 22.0;
const CAPTION: f32 = 14.0;
const ASIDE: f32 = 24.0;
const ABOVE: f32 = 16.0;
/// Frames between those whose joints decide how near the camera stands.
const STRIDE: usize = 3;

/// From where to look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Views {
    /// Two views side by side: from the front, and nearly at right angles to it.
    #[default]
    Two,
    /// This one.
    One(Camera),
}

/// How to film.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    /// Width and height in pixels. Both are even and at least 64.
    pub size: (usize, usize),
    /// From where.
    pub views: Views,
    /// What it is called; empty for nothing.
    pub title: &'a str,
    /// A smaller line below; empty for nothing.
    pub caption: &'a str,
}

/// Draws one frame after another.
pub struct Film<'m> {
    scene: Scene<'m>,
    views: Vec<View>,
    shades: ShadeMap,
    words: Lettering,
    frame: Frame,
}

impl<'m> Film<'m> {
    /// Put up the cameras: they stand still, and so near that the whole motion stays in view.
    ///
    /// # Errors
    /// `empty_motion`, `persons_differ_in_length`; internal ones.
    pub fn new(motion: &'m Motion, take: Take<'_>) -> Result<Self> {
        let scene = Scene::new(motion)?;
        let (width, height) = take.size;
        let words = heading(take)?;
        let margin = (words.bottom() as usize).min(height / 2);
        let points: Vec<Vec3> = (0..scene.frames())
            .filter(|frame| frame % STRIDE == 0 || frame + 1 == scene.frames())
            .flat_map(|frame| scene.points(frame).collect::<Vec<_>>())
            .collect();
        let cameras = match take.views {
            Views::Two => vec![Camera::FRONT, Camera::SIDE],
            Views::One(camera) => vec![camera],
        };
        let share = width / cameras.len();
        let focus = middle(&points);
        let views = cameras
            .iter()
            .enumerate()
            .map(|(n, camera)| {
                let area = Area { left: n * share, top: 0, width: share, height };
                let shot = Shot::fit(camera, scene.along(), area, margin, &points);
                View::new(shot, area, height, focus, [n > 0, n + 1 < cameras.len()])
            })
            .collect();
        let shades = ShadeMap::around(&points);
        Ok(Self { scene, views, shades, words, frame: Frame::new(width, height, [0; 3]) })
    }

    /// How many frames there are, at the motion's own rate.
    pub fn frames(&self) -> usize {
        self.scene.frames()
    }

    /// Draw frame `n`, counted from 0; beyond the end the last one.
    pub fn draw(&mut self, n: usize) -> &Frame {
        let cones = self.scene.cones(n.min(self.scene.frames() - 1));
        self.shades.cast(&cones);
        for view in &mut self.views {
            view.draw(&mut self.frame, &cones, &self.shades);
        }
        self.words.draw(&mut self.frame);
        &self.frame
    }
}

/// Title and caption.
fn heading(take: Take<'_>) -> Result<Lettering> {
    let (width, height) = take.size;
    let scale = height as f32 / HEIGHT;
    let mut words = Lettering::new(width, height, ABOVE * scale);
    let font = Font::new()?;
    let room = width as f32 - 2.0 * ASIDE * scale;
    for (text, size, most, colour) in
        [(take.title, TITLE, TITLE_LINES, INK), (take.caption, CAPTION, 1, SOFT)]
    {
        let lines = font.wrap(text, size * scale, room, most);
        words.write(&font, &lines, ASIDE * scale, size * scale, colour)?;
    }
    Ok(words)
}

/// Middle of the box around `points`, seen from above: x, z.
fn middle(points: &[Vec3]) -> [f32; 2] {
    [0, 2].map(|axis| {
        let of = |pick: fn(f32, f32) -> f32, start| points.iter().map(|p| p[axis]).fold(start, pick);
        0.5 * (of(f32::min, f32::MAX) + of(f32::max, f32::MIN))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;
    use crate::motion::{Motion, Person};

    fn beside(mut person: Person, by: f32) -> Person {
        person.positions.iter_mut().flatten().for_each(|joint| joint[0] += by);
        person
    }

    fn pair() -> Motion {
        Motion { persons: [walk(12), beside(walk(12), 1.2)] }
    }

    fn take(views: Views) -> Take<'static> {
        Take { size: (480, 270), views, title: "two people walk", caption: "a model" }
    }

    /// Pixels in the columns that are clearly amber, and clearly teal.
    fn people(frame: &Frame, columns: std::ops::Range<usize>) -> [usize; 2] {
        let rows = frame.pixels().chunks_exact(frame.width());
        let pixels = || rows.clone().flat_map(|row| &row[columns.clone()]).map(|p| p.map(i32::from));
        [pixels().filter(|[r, _, b]| r - b > 60).count(), pixels().filter(|[r, _, b]| b - r > 40).count()]
    }

    #[test]
    fn both_people_are_seen_in_every_view() {
        let motion = pair();
        let mut film = Film::new(&motion, take(Views::Two)).unwrap();
        assert_eq!(film.frames(), 12);
        for half in [0..240, 240..480] {
            let seen = people(film.draw(5), half.clone());
            assert!(seen.iter().all(|&count| count > 300), "{half:?}: {seen:?}");
        }
        let camera = Camera::new(140.0, 30.0, None).unwrap();
        let mut film = Film::new(&motion, take(Views::One(camera))).unwrap();
        let seen = people(film.draw(5), 0..480);
        assert!(seen.iter().all(|&count| count > 1000), "{seen:?}");
    }

    #[test]
    fn frames_repeat_whatever_was_drawn_before_and_differ_from_each_other() {
        let motion = pair();
        let mut film = Film::new(&motion, take(Views::Two)).unwrap();
        let first = film.draw(0).clone();
        let last = film.draw(11).clone();
        assert_ne!(first, last);
        assert_eq!(*film.draw(0), first);
        assert_eq!(*film.draw(99), last);
        let mut again = Film::new(&motion, take(Views::Two)).unwrap();
        assert_eq!(*again.draw(11), last);
    }

    #[test]
    fn a_camera_among_or_over_the_people_draws_what_it_sees() {
        let motion = pair();
        for camera in ["0,0,0.5", "180,90,0.5", "77,3,50"] {
            let mut film = Film::new(&motion, take(Views::One(camera.parse().unwrap()))).unwrap();
            let colours: std::collections::BTreeSet<_> = film.draw(3).pixels().iter().collect();
            assert!(colours.len() > 50, "{camera}: {}", colours.len());
        }
    }

    #[test]
    fn strange_motions_are_drawn_or_refused_without_a_panic() {
        let far = |by: f32| Motion { persons: [walk(4), beside(walk(4), by)] };
        for by in [0.0, 50.0, 1e6, -1e30] {
            let motion = far(by);
            Film::new(&motion, take(Views::Two)).unwrap().draw(2);
        }
        let code = |motion: &Motion| Film::new(motion, take(Views::Two)).map(|_| ()).unwrap_err().code();
        assert_eq!(code(&far(f32::NAN)), "empty_motion");
        assert_eq!(code(&Motion { persons: [walk(0), walk(0)] }), "empty_motion");
        assert_eq!(code(&Motion { persons: [walk(4), walk(5)] }), "persons_differ_in_length");
    }
}
