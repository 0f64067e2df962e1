//! Motion to pictures: two lit bodies on a floor, seen by cameras that stand still. Knows motion only; files of pictures are
//! made in [`formats`](crate::formats).
//!
//! ```text
//! Motion -> Figure (round cones) -> Shot (a camera, resolved) -> round cones drawn by depth over Floor -> Frame
//! Film: frames of a video, one view or two side by side, with a title      contact_sheet: still pictures in a grid
//! ```
//!
//! Bodies, colours and light are those of the page (`static/figure.js`, `static/theme.js`, `static/shaders.js`). Everything is
//! computed on one thread in a fixed order, so that the same motion gives the same bytes.

mod camera;
mod cone;
mod figure;
mod film;
mod floor;
mod frame;
mod light;
mod scene;
mod shade_map;
mod sheet;
mod shot;
mod text;

pub use camera::Camera;
pub use film::{Film, Take, Views};
pub use frame::Frame;
pub use sheet::{MAX_PICTURES, Sheet, contact_sheet};

use crate::error::{Error, Result};
use crate::motion::Motion;

/// How far from the origin anything is drawn, metres. What a broken model flings farther stays at this distance.
const FARTHEST: f32 = 100.0;

/// Refuse what cannot be drawn.
///
/// # Errors
/// `empty_motion`, `persons_differ_in_length`.
fn check(motion: &Motion) -> Result<()> {
    let [first, second] = &motion.persons;
    if first.frames() != second.frames() {
        return Err(Error::invalid(
            "persons_differ_in_length",
            format!("person 1 has {} frames, person 2 has {}", first.frames(), second.frames()),
        ));
    }
    let mut positions = motion.persons.iter().flat_map(|person| person.positions.iter().flatten().flatten());
    if motion.frames() == 0 || !positions.all(|v| v.is_finite()) {
        return Err(Error::invalid("empty_motion", "there is no motion to draw"));
    }
    Ok(())
}
