//! Inter-X's representation (InterMask spec §2): SMPL-X joint angles of two people as the model reads them.
//!
//! A raw clip is (T, 56, 6): channels 0..3 person 1 and 3..6 person 2; rows 0..55 axis-angle rotations (root, 21 body joints, jaw,
//! two eyes, 15 joints of each hand), row 55 the place of the root, metres. What a model reads of one person is (T, 56, 6):
//! rows 0..55 the first two rows of the rotation matrix, row 55 the place and the step to the next frame. Nothing is normalised,
//! and people stay where they are in the world.

use crate::error::{Error, Result};

/// Rows of a frame: 55 joints and the root's place.
pub const ROWS: usize = 56;
/// Numbers of a row for one person.
pub const CHANNELS: usize = 6;
/// Numbers of a frame, raw or of one person.
pub const FRAME: usize = ROWS * CHANNELS;
/// Frames of a transformer item; shorter clips are padded with zeros.
pub const MAX_FRAMES: usize = 150;
/// Clips have at least this many frames …
pub const MIN_LENGTH: usize = 24;
/// … and fewer than this many.
pub const MAX_LENGTH: usize = 1000;
/// Frames of a token: items are a multiple of this long.
pub const UNIT: usize = 4;

/// A raw clip of two people.
#[derive(Clone, Debug, PartialEq)]
pub struct InterXClip {
    data: Vec<f32>,
}

impl InterXClip {
    /// From (T, 56, 6) row-major numbers.
    ///
    /// # Errors
    /// `motion_wrong_width` unless they are whole frames, `motion_not_finite`.
    pub fn new(data: Vec<f32>) -> Result<Self> {
        if data.is_empty() || !data.len().is_multiple_of(FRAME) {
            let message =
                format!("an Inter-X clip needs frames of {FRAME} numbers, got {} in all", data.len());
            return Err(Error::invalid("motion_wrong_width", message));
        }
        if !data.iter().all(|value| value.is_finite()) {
            return Err(Error::invalid("motion_not_finite", "the clip holds a number that is not finite"));
        }
        Ok(Self { data })
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.data.len() / FRAME
    }

    /// (length, 56, 6) of one person (0 or 1) from frame `start`; the step of the last frame is zero, also where the
    /// clip goes on after it. `None` where the clip has no such frames or person.
    pub fn person(&self, person: usize, start: usize, length: usize) -> Option<Vec<f32>> {
        let end = start.checked_add(length)?.checked_mul(FRAME)?;
        let raw = self.data.get(start * FRAME..end).filter(|raw| person < 2 && !raw.is_empty())?;
        let triple = |frame: usize, row: usize| -> [f32; 3] {
            let at = frame * FRAME + row * CHANNELS + 3 * person;
            [raw[at], raw[at + 1], raw[at + 2]]
        };
        let mut out = Vec::with_capacity(raw.len());
        for frame in 0..length {
            for row in 0..ROWS - 1 {
                out.extend(matrix_rows(triple(frame, row)));
            }
            let here = triple(frame, ROWS - 1);
            let next = if frame + 1 < length { triple(frame + 1, ROWS - 1) } else { here };
            out.extend(here);
            out.extend(std::array::from_fn::<f32, 3, _>(|axis| next[axis] - here[axis]));
        }
        Some(out)
    }
}

/// First two rows of the rotation matrix of an axis-angle vector (radians), through a quaternion whose sine is a series below
/// 1e-6, in f64.
fn matrix_rows(axis_angle: [f32; 3]) -> [f32; 6] {
    let vector = axis_angle.map(f64::from);
    let angle = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    let scale = if angle < 1e-6 { 0.5 - angle * angle / 48.0 } else { (angle / 2.0).sin() / angle };
    let (w, [x, y, z]) = ((angle / 2.0).cos(), vector.map(|value| value * scale));
    let two = 2.0 / (w * w + x * x + y * y + z * z);
    [
        1.0 - two * (y * y + z * z),
        two * (x * y - z * w),
        two * (x * z + y * w),
        two * (x * y + z * w),
        1.0 - two * (x * x + z * z),
        two * (y * z - x * w),
    ]
    .map(|value| value as f32)
}

/// (motion, first frame) of every VQ-VAE window over clips of these lengths; motion 2i + p is person p of clip i.
pub fn window_indices(lengths: &[usize], size: usize, stride: usize) -> Vec<(usize, usize)> {
    let starts = |length: &usize| {
        length
            .checked_sub(size)
            .map(|last| (0..=last).step_by(stride.max(1)))
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
    };
    let motions = lengths.iter().flat_map(|length| [length, length]).enumerate();
    motions
        .flat_map(|(motion, length)| starts(length).into_iter().map(move |start| (motion, start)))
        .collect()
}

/// What is random about one access to an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CropDraws {
    /// One token less than fits (upstream: with probability 1/3, its `double` branch).
    pub one_unit_less: bool,
    /// First frame of the crop, up to the frames that the crop leaves over.
    pub start: usize,
}

/// One item for the transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct InterXItem {
    /// (150, 56, 12) row-major: the channels of person 1, then of person 2; rows of frames from `length` on are zero.
    pub motion: Vec<f32>,
    /// Frames that hold motion, a multiple of 4.
    pub length: usize,
}

/// Frames of the crop of a clip.
pub fn crop_length(frames: usize, one_unit_less: bool) -> usize {
    (frames / UNIT).saturating_sub(usize::from(one_unit_less)) * UNIT
}

/// One item of a clip.
///
/// # Errors
/// `data_length` for a clip outside 24..1000 frames, `data_draw` for a crop outside the clip.
pub fn item(clip: &InterXClip, draws: CropDraws) -> Result<InterXItem> {
    let frames = clip.frames();
    if !(MIN_LENGTH..MAX_LENGTH).contains(&frames) {
        let message =
            format!("an Inter-X clip has {MIN_LENGTH} to {} frames, this one {frames}", MAX_LENGTH - 1);
        return Err(Error::invalid("data_length", message));
    }
    let cropped = crop_length(frames, draws.one_unit_less);
    let persons = [0, 1].map(|person| clip.person(person, draws.start, cropped));
    let [Some(first), Some(second)] = persons else {
        return Err(Error::invalid("data_draw", "the crop reaches past the end of the clip"));
    };
    // The crop is made and its steps are taken before the cut to 150 frames, so frame 149 of a longer crop keeps its step.
    let length = cropped.min(MAX_FRAMES);
    let mut motion = Vec::with_capacity(MAX_FRAMES * 2 * FRAME);
    for (a, b) in first.chunks_exact(CHANNELS).zip(second.chunks_exact(CHANNELS)).take(length * ROWS) {
        motion.extend(a);
        motion.extend(b);
    }
    motion.resize(MAX_FRAMES * 2 * FRAME, 0.0);
    Ok(InterXItem { motion, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(frames: usize) -> InterXClip {
        InterXClip::new((0..frames * FRAME).map(|i| (i as f32 * 0.37).sin()).collect()).unwrap()
    }

    #[test]
    fn rotations_become_the_first_two_rows_of_their_matrix() {
        let quarter = std::f32::consts::FRAC_PI_2;
        let near = |found: [f32; 6], expected: [f32; 6]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        };
        near(matrix_rows([0.0, 0.0, quarter]), [0.0, -1.0, 0.0, 1.0, 0.0, 0.0]);
        near(matrix_rows([quarter, 0.0, 0.0]), [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
        near(matrix_rows([0.0; 3]), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        near(matrix_rows([1e-7, 0.0, 0.0]), [1.0, 0.0, 0.0, 0.0, 1.0, -1e-7]);
    }

    #[test]
    fn the_last_step_of_a_window_is_zero() {
        let clip = clip(12);
        let window = clip.person(1, 3, 5).unwrap();
        let row = |frame: usize| &window[frame * FRAME + (ROWS - 1) * CHANNELS..(frame + 1) * FRAME];
        assert_eq!(row(4)[3..], [0.0; 3]);
        assert_eq!(row(2)[3], row(3)[0] - row(2)[0]);
        assert!(
            clip.person(0, 8, 5).is_none()
                && clip.person(2, 0, 5).is_none()
                && clip.person(0, 0, 0).is_none()
        );
    }

    #[test]
    fn items_are_whole_tokens_padded_to_150_frames() {
        let short = item(&clip(70), CropDraws { one_unit_less: true, start: 6 }).unwrap();
        assert_eq!((short.length, short.motion.len()), (64, 150 * 56 * 12));
        assert!(short.motion[64 * 2 * FRAME..].iter().all(|&value| value == 0.0));
        assert_eq!(item(&clip(200), CropDraws::default()).unwrap().length, 150);
        let code = |frames, start| {
            item(&clip(frames), CropDraws { one_unit_less: false, start }).unwrap_err().code()
        };
        assert_eq!((code(23, 0), code(1000, 0), code(70, 3)), ("data_length", "data_length", "data_draw"));
    }

    #[test]
    fn windows_of_each_person_in_turn() {
        assert_eq!(window_indices(&[50, 39, 40], 40, 10), [(0, 0), (0, 10), (1, 0), (1, 10), (4, 0), (5, 0)]);
    }
}
