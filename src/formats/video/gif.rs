//! An animated GIF: one palette for all frames, and of each frame only what changed.

use super::palette::{Palette, SAME};
use crate::error::{Error, Result};
use crate::render::{Film, Frame};
use gif::{DisposalMethod, Encoder, Repeat};
use std::borrow::Cow;

/// Every how many frames of the motion one is kept: 15 a second.
const EVERY: usize = 2;
/// Frames that the palette is chosen from.
const SAMPLES: usize = 4;

/// Draw and encode.
pub(super) fn write(mut film: Film<'_>) -> Result<Vec<u8>> {
    let shown: Vec<usize> = (0..film.frames()).step_by(EVERY).collect();
    let samples: Vec<Frame> =
        shown.iter().step_by(shown.len().div_ceil(SAMPLES)).map(|&n| film.draw(n).clone()).collect();
    let palette = Palette::of(samples.iter());
    let mut out = Vec::new();
    let (width, height) = (samples[0].width(), samples[0].height());
    let mut encoder =
        Encoder::new(&mut out, width as u16, height as u16, palette.colours()).map_err(failed)?;
    encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
    let mut before: Vec<u8> = Vec::new();
    for (n, &frame) in shown.iter().enumerate() {
        let now: Vec<u8> = film.draw(frame).pixels().iter().map(|pixel| palette.index(*pixel)).collect();
        let mut picture = changed(&before, &now, width);
        picture.delay = delay(n, film.frames());
        encoder.write_frame(&picture).map_err(failed)?;
        before = now;
    }
    drop(encoder);
    Ok(out)
}

/// How long the `n`th shown frame stays, hundredths of a second; the last one ends when a motion of `frames` does.
fn delay(n: usize, frames: usize) -> u16 {
    let begins = |n: usize| (n * EVERY).min(frames) * 10 / 3;
    (begins(n + 1) - begins(n)) as u16
}

/// The smallest rectangle of `now` that holds all changes, what did not change in it left as it was.
fn changed(before: &[u8], now: &[u8], width: usize) -> gif::Frame<'static> {
    let differs = |i: usize| before.get(i) != Some(&now[i]);
    let (mut low, mut high) = ([usize::MAX; 2], [0; 2]);
    for i in (0..now.len()).filter(|&i| differs(i)) {
        for (axis, at) in [i % width, i / width].into_iter().enumerate() {
            low[axis] = low[axis].min(at);
            high[axis] = high[axis].max(at);
        }
    }
    if low[0] > high[0] {
        // Nothing changed, but the time that passes needs a frame.
        (low, high) = ([0; 2], [0; 2]);
    }
    let index = |i: usize| if differs(i) { now[i] } else { SAME };
    let buffer: Vec<u8> =
        (low[1]..=high[1]).flat_map(|y| (low[0]..=high[0]).map(move |x| y * width + x)).map(index).collect();
    gif::Frame {
        left: low[0] as u16,
        top: low[1] as u16,
        width: (high[0] - low[0] + 1) as u16,
        height: (high[1] - low[1] + 1) as u16,
        buffer: Cow::Owned(buffer),
        transparent: Some(SAME),
        dispose: DisposalMethod::Keep,
        ..gif::Frame::default()
    }
}

fn failed(error: gif::EncodingError) -> Error {
    Error::internal("video_encode", "the GIF could not be encoded; the log has the cause").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Origin, video};
    use crate::motion::Motion;
    use crate::motion::kinematics::tests::walk;
    use crate::render::Views;

    #[test]
    fn it_plays_as_long_as_the_motion_and_looks_like_the_frames() {
        let motion = Motion { persons: [walk(31), walk(31)] };
        let file = video::gif(&motion, &Origin::default(), Views::Two).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::Indexed);
        let mut decoder = options.read_info(&file[..]).unwrap();
        assert_eq!((decoder.width(), decoder.height(), decoder.repeat()), (640, 360, Repeat::Infinite));
        let palette: Vec<u8> = decoder.global_palette().unwrap().to_vec();
        let mut film = video::film(&motion, &Origin::default(), Views::Two, video::GIF_SIZE).unwrap();
        let (mut canvas, mut delays) = (vec![SAME; 640 * 360], Vec::new());
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            for (i, &index) in frame.buffer.iter().enumerate().filter(|(_, index)| **index != SAME) {
                let (x, y) = (i % usize::from(frame.width), i / usize::from(frame.width));
                canvas[(y + usize::from(frame.top)) * 640 + x + usize::from(frame.left)] = index;
            }
            let drawn = film.draw(EVERY * delays.len());
            let error = |(index, pixel): (&u8, &[u8; 3])| {
                let colour = &palette[3 * usize::from(*index)..];
                (0..3).map(|c| u64::from(colour[c].abs_diff(pixel[c]))).sum::<u64>()
            };
            let total: u64 = canvas.iter().zip(drawn.pixels()).map(error).sum();
            let mean = total as f64 / (3 * canvas.len()) as f64;
            assert!(mean < 4.0, "frame {}: {mean}", delays.len());
            delays.push(frame.delay);
        }
        assert_eq!(delays.len(), 16);
        assert_eq!(delays.iter().sum::<u16>(), 103, "31 frames at 30 a second");
        assert!(delays[..15].iter().all(|d| (6..=7).contains(d)), "{delays:?}");
        assert_eq!(video::gif(&motion, &Origin::default(), Views::Two).unwrap(), file);
    }

    #[test]
    fn only_what_changed_is_stored() {
        let before = [1, 1, 1, 1, 1, 1];
        let frame = changed(&before, &[1, 1, 1, 1, 2, 1], 3);
        assert_eq!((frame.left, frame.top, frame.width, frame.height), (1, 1, 1, 1));
        let frame = changed(&before, &[1, 3, 1, 2, 1, 1], 3);
        assert_eq!((frame.width, frame.height, &frame.buffer[..]), (2, 2, &[SAME, 3, 2, SAME][..]));
        assert_eq!(changed(&before, &before, 3).buffer[..], [SAME]);
        assert_eq!(changed(&[], &before, 3).buffer[..], before);
    }
}
