//! A motion as pictures that play anywhere: MP4 for posting, GIF for where only pictures go, PNG for paper. What is in them is
//! drawn by [`render`](crate::render).

mod gif;
#[cfg(feature = "mp4")]
mod mp4;
mod palette;
#[cfg(feature = "mp4")]
mod yuv;

use super::Origin;
use crate::error::Result;
use crate::motion::Motion;
use crate::render::{Film, Sheet, Take, Views, contact_sheet};

/// Pictures of a PNG contact sheet.
const PICTURES: usize = 8;
/// Width and height, pixels.
#[cfg(feature = "mp4")]
const MP4_SIZE: (usize, usize) = (960, 540);
const GIF_SIZE: (usize, usize) = (640, 360);

/// H.264 in an MP4 file, every frame of the motion at its own rate, ready to play while it loads.
///
/// # Errors
/// `empty_motion`, `persons_differ_in_length`; `mp4_not_built` in a program built without its feature; internal ones.
#[cfg(feature = "mp4")]
pub fn mp4(motion: &Motion, origin: &Origin, views: Views) -> Result<Vec<u8>> {
    mp4::write(film(motion, origin, views, MP4_SIZE)?, origin.prompt.as_deref())
}

/// Says that this program cannot.
///
/// # Errors
/// `mp4_not_built`.
#[cfg(not(feature = "mp4"))]
pub fn mp4(_: &Motion, _: &Origin, _: Views) -> Result<Vec<u8>> {
    Err(super::mp4_not_built())
}

/// An animated GIF that repeats for ever, every second frame of the motion.
///
/// # Errors
/// As [`mp4`].
pub fn gif(motion: &Motion, origin: &Origin, views: Views) -> Result<Vec<u8>> {
    gif::write(film(motion, origin, views, GIF_SIZE)?)
}

/// A contact sheet of frames spread over the motion, each from the front and from the side.
///
/// # Errors
/// As [`mp4`].
pub fn png(motion: &Motion, origin: &Origin) -> Result<Vec<u8>> {
    let (title, caption) = heading(origin);
    contact_sheet(motion, Sheet { pictures: PICTURES, title, caption: &caption })?.png()
}

fn film<'m>(motion: &'m Motion, origin: &Origin, views: Views, size: (usize, usize)) -> Result<Film<'m>> {
    let (title, caption) = heading(origin);
    Film::new(motion, Take { size, views, title, caption: &caption })
}

/// The prompt, and what made the motion.
fn heading(origin: &Origin) -> (&str, String) {
    let seed = origin.seed.map(|seed| format!("seed {seed}"));
    let made: Vec<String> = origin.model.clone().into_iter().chain(seed).collect();
    (origin.prompt.as_deref().unwrap_or(""), made.join(" · "))
}
