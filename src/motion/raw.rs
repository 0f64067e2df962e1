//! InterHuman's raw arrays: (T,492) on disk, of which (T,192) are used, z up (InterMask spec §1.1).

use super::{JOINTS, Person, Pose, Rotations, Vec3};
use crate::error::{Error, Result};

/// Numbers per frame in a file: 62 joints x 3 positions, then 51 x 6 rotations.
pub const FILE_WIDTH: usize = 492;
/// Numbers per frame that are used: 22 positions, then 21 rotations.
pub const WIDTH: usize = 192;
/// Where the rotations start in a file's frame.
const FILE_ROTATIONS: usize = 62 * 3;
/// Numbers of positions per frame.
const POSITION_NUMBERS: usize = JOINTS * 3;

/// One person as InterHuman's files hold one: z up, metres, 30 frames a second; same length of positions and rotations.
#[derive(Clone, Debug, PartialEq)]
pub struct RawPerson {
    /// Joint positions, z up.
    pub positions: Vec<Pose>,
    /// Local rotations of joints 1..=21, 6D as stored; the change of axes leaves them alone.
    pub rotations: Vec<Rotations>,
}

impl RawPerson {
    /// Take the used columns 0..66 and 186..312 of (T,492) row-major numbers.
    ///
    /// # Errors
    /// `motion_wrong_width` where the length is not a positive multiple of 492, `motion_not_finite` for a NaN or infinity
    /// in the used columns.
    pub fn from_file_rows(rows: &[f32]) -> Result<Self> {
        Self::read(rows, FILE_WIDTH, FILE_ROTATIONS)
    }

    /// Read (T,192) row-major numbers: 66 positions, 126 rotations.
    ///
    /// # Errors
    /// As [`RawPerson::from_file_rows`].
    pub fn from_rows(rows: &[f32]) -> Result<Self> {
        Self::read(rows, WIDTH, POSITION_NUMBERS)
    }

    fn read(rows: &[f32], width: usize, rotations_at: usize) -> Result<Self> {
        if rows.is_empty() || !rows.len().is_multiple_of(width) {
            return Err(Error::invalid(
                "motion_wrong_width",
                format!("a raw motion needs frames of {width} numbers, got {} numbers in all", rows.len()),
            ));
        }
        let mut person = Self { positions: Vec::new(), rotations: Vec::new() };
        for (t, row) in rows.chunks_exact(width).enumerate() {
            let mut pose = [[0.0; 3]; JOINTS];
            let mut rotation = [[0.0; 6]; JOINTS - 1];
            let rotation_numbers = rotation.as_flattened().len();
            pose.as_flattened_mut().copy_from_slice(&row[..POSITION_NUMBERS]);
            rotation.as_flattened_mut().copy_from_slice(&row[rotations_at..rotations_at + rotation_numbers]);
            if !pose.as_flattened().iter().chain(rotation.as_flattened()).all(|v| v.is_finite()) {
                return Err(Error::invalid(
                    "motion_not_finite",
                    format!("frame {t} of the motion holds a number that is not finite"),
                ));
            }
            person.positions.push(pose);
            person.rotations.push(rotation);
        }
        Ok(person)
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.positions.len()
    }

    /// The (T,192) row-major numbers.
    pub fn to_rows(&self) -> Vec<f32> {
        self.write(WIDTH, POSITION_NUMBERS)
    }

    /// The (T,492) row-major numbers of a file; columns nothing here knows (hands) are zero.
    pub fn to_file_rows(&self) -> Vec<f32> {
        self.write(FILE_WIDTH, FILE_ROTATIONS)
    }

    fn write(&self, width: usize, rotations_at: usize) -> Vec<f32> {
        let mut rows = vec![0.0; self.frames() * width];
        for ((row, pose), rotation) in rows.chunks_exact_mut(width).zip(&self.positions).zip(&self.rotations)
        {
            let numbers = rotation.as_flattened();
            row[..POSITION_NUMBERS].copy_from_slice(pose.as_flattened());
            row[rotations_at..rotations_at + numbers.len()].copy_from_slice(numbers);
        }
        rows
    }

    /// A run of frames; `None` where it is empty or reaches past the end.
    pub fn slice(&self, frames: std::ops::Range<usize>) -> Option<Self> {
        let positions = self.positions.get(frames.clone()).filter(|p| !p.is_empty())?.to_vec();
        Some(Self { positions, rotations: self.rotations.get(frames)?.to_vec() })
    }

    /// The same person with y up: (x, y, z) becomes (x, z, −y).
    pub fn to_y_up(&self) -> Person {
        Person {
            positions: self.positions.iter().map(|pose| pose.map(y_up)).collect(),
            rotations: self.rotations.clone(),
        }
    }

    /// The way back: (x, y, z) with y up becomes (x, −z, y).
    pub fn from_y_up(person: &Person) -> Self {
        Self {
            positions: person.positions.iter().map(|pose| pose.map(|[x, y, z]| [x, -z, y])).collect(),
            rotations: person.rotations.clone(),
        }
    }
}

/// (x, y, z) with z up to y up: (x, z, −y).
pub fn y_up([x, y, z]: Vec3) -> Vec3 {
    [x, z, -y]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_used_columns_come_out_and_go_back() {
        let rows: Vec<f32> = (0..3 * FILE_WIDTH).map(|i| i as f32).collect();
        let person = RawPerson::from_file_rows(&rows).unwrap();
        assert_eq!(person.frames(), 3);
        assert_eq!(person.positions[1][21], [555.0, 556.0, 557.0]); // 492 + 63..
        assert_eq!(person.rotations[2][20][5], (2 * FILE_WIDTH + 311) as f32);
        assert_eq!(RawPerson::from_rows(&person.to_rows()).unwrap(), person);
        assert_eq!(RawPerson::from_file_rows(&person.to_file_rows()).unwrap(), person);
        assert_eq!(RawPerson::from_y_up(&person.to_y_up()), person);
        assert_eq!(person.slice(1..2).unwrap().positions[0], person.positions[1]);
        assert!(person.slice(2..4).is_none());
    }

    #[test]
    fn bad_arrays_are_refused() {
        assert_eq!(RawPerson::from_file_rows(&[0.0; 491]).unwrap_err().code(), "motion_wrong_width");
        assert_eq!(RawPerson::from_rows(&[]).unwrap_err().code(), "motion_wrong_width");
        let mut rows = vec![0.0; FILE_WIDTH];
        rows[100] = f32::NAN; // an unused column
        assert!(RawPerson::from_file_rows(&rows).is_ok());
        rows[200] = f32::NAN;
        assert_eq!(RawPerson::from_file_rows(&rows).unwrap_err().code(), "motion_not_finite");
    }
}
