//! The 262-number frame (InterMask spec §1) and its typed views.

use super::contact::{self, ContactRule, Contacts};
use super::{FEATURES, JOINTS, Person, Pose, Rotations};
use crate::error::{Error, Result};
use std::ops::Range;

/// Global joint positions, 22 x (x, y, z), metres.
pub const POSITIONS: Range<usize> = 0..66;
/// Step to the next frame of each joint, 22 x (x, y, z), metres per frame (not divided by the frame time).
pub const VELOCITIES: Range<usize> = 66..132;
/// Local rotations of joints 1..=21, 21 x 6D.
pub const ROTATIONS: Range<usize> = 132..258;
/// Foot contacts, 0 or 1, in the order of [`contact::FEET`].
pub const CONTACTS: Range<usize> = 258..262;

/// One person as frames of [`FEATURES`] numbers, row-major (frames, 262). Raw or normalised: the holder knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    data: Vec<f32>,
}

impl Features {
    /// Wrap (frames, 262) row-major numbers.
    ///
    /// # Errors
    /// `motion_wrong_width` where the length is not a positive multiple of 262.
    pub fn new(data: Vec<f32>) -> Result<Self> {
        if data.is_empty() || !data.len().is_multiple_of(FEATURES) {
            return Err(Error::invalid(
                "motion_wrong_width",
                format!("a motion needs frames of {FEATURES} numbers, got {} numbers in all", data.len()),
            ));
        }
        Ok(Self { data })
    }

    /// `positions` and `rotations` of T frames become T−1 frames: the last one only ends the last velocity.
    ///
    /// # Errors
    /// `motion_too_short` below two frames, `motion_lengths_differ` where rotations are not as many as positions.
    pub fn from_person(person: &Person, rule: &ContactRule) -> Result<Self> {
        let frames = person.frames();
        if person.rotations.len() != frames {
            return Err(Error::invalid(
                "motion_lengths_differ",
                format!("{frames} frames of positions but {} of rotations", person.rotations.len()),
            ));
        }
        if frames < 2 {
            return Err(Error::invalid(
                "motion_too_short",
                "a motion needs at least two frames, so that it has a velocity",
            ));
        }
        let contacts = contact::detect(&person.positions, rule);
        let mut data = Vec::with_capacity((frames - 1) * FEATURES);
        for ((pair, rotations), contacts) in person.positions.windows(2).zip(&person.rotations).zip(&contacts)
        {
            let (now, next) = (pair[0].as_flattened(), pair[1].as_flattened());
            data.extend(now);
            data.extend(next.iter().zip(now).map(|(b, a)| b - a));
            data.extend(rotations.as_flattened());
            data.extend(contacts.map(|c| f32::from(u8::from(c))));
        }
        Ok(Self { data })
    }

    /// Number of frames, at least one.
    pub fn frames(&self) -> usize {
        self.data.len() / FEATURES
    }

    /// All numbers, row-major (frames, 262).
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All numbers, row-major (frames, 262), for changing in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Give up the numbers.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// The frames, 262 numbers each.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(FEATURES)
    }

    /// A run of frames; `None` where it is empty or reaches past the end.
    pub fn slice(&self, frames: Range<usize>) -> Option<Self> {
        let numbers = frames.start.checked_mul(FEATURES)?..frames.end.checked_mul(FEATURES)?;
        self.data.get(numbers).filter(|d| !d.is_empty()).map(|d| Self { data: d.to_vec() })
    }

    /// Joint positions of every frame, metres where the numbers are denormalised.
    pub fn positions(&self) -> Vec<Pose> {
        self.rows().map(|row| triples(&row[POSITIONS])).collect()
    }

    /// Step of every joint to the next frame, metres per frame where the numbers are denormalised.
    pub fn velocities(&self) -> Vec<Pose> {
        self.rows().map(|row| triples(&row[VELOCITIES])).collect()
    }

    /// Local rotations of joints 1..=21, raw 6D as stored (see [`super::rotation::SixD::Interleaved`]).
    pub fn rotations(&self) -> Vec<Rotations> {
        self.rows()
            .map(|row| std::array::from_fn(|j| std::array::from_fn(|k| row[ROTATIONS.start + 6 * j + k])))
            .collect()
    }

    /// Foot contacts: a number above one half is a contact.
    pub fn contacts(&self) -> Vec<Contacts> {
        self.rows().map(|row| std::array::from_fn(|k| row[CONTACTS.start + k] > 0.5)).collect()
    }

    /// Positions and rotations.
    pub fn to_person(&self) -> Person {
        Person { positions: self.positions(), rotations: self.rotations() }
    }
}

fn triples(numbers: &[f32]) -> Pose {
    let mut pose = [[0.0; 3]; JOINTS];
    pose.as_flattened_mut().copy_from_slice(numbers);
    pose
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_tile_the_frame() {
        let ranges = [POSITIONS, VELOCITIES, ROTATIONS, CONTACTS];
        assert_eq!(ranges[0].start, 0);
        assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
        assert_eq!(ranges[3].end, FEATURES);
    }

    #[test]
    fn person_to_features_and_back_less_the_last_frame() {
        let pose = |t: usize| std::array::from_fn(|j| [t as f32, j as f32, (t * j) as f32]);
        let rotation =
            |t: usize| std::array::from_fn(|j| std::array::from_fn(|k| (t + 100 * j + 10 * k) as f32));
        let person =
            Person { positions: (0..5).map(pose).collect(), rotations: (0..5).map(rotation).collect() };
        let features = Features::from_person(&person, &ContactRule::default()).unwrap();
        assert_eq!(features.frames(), 4);
        let back = features.to_person();
        assert_eq!(back.positions, person.positions[..4]);
        assert_eq!(back.rotations, person.rotations[..4]);
        assert_eq!(features.velocities()[2][7], [1.0, 0.0, 7.0]);
        assert_eq!(features.slice(1..3).unwrap().positions(), person.positions[1..3]);
        assert!(features.slice(3..5).is_none() && features.slice(2..2).is_none());
    }

    #[test]
    fn wrong_shapes_are_refused() {
        assert_eq!(Features::new(vec![0.0; 263]).unwrap_err().code(), "motion_wrong_width");
        assert_eq!(Features::new(vec![]).unwrap_err().code(), "motion_wrong_width");
        let one = Person { positions: vec![[[0.0; 3]; JOINTS]], rotations: vec![[[0.0; 6]; JOINTS - 1]] };
        let rule = ContactRule::default();
        assert_eq!(Features::from_person(&one, &rule).unwrap_err().code(), "motion_too_short");
        let uneven = Person { rotations: vec![], ..one };
        assert_eq!(Features::from_person(&uneven, &rule).unwrap_err().code(), "motion_lengths_differ");
    }
}
