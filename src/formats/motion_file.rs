//! The files that a whole motion, both people of it, can be written as.

use super::bvh::{self, Unit};
use super::{Format, Origin, amass, glb, npz, video};
use crate::error::{Error, Result};
use crate::motion::Motion;
use crate::motion::animation::{Animation, FrameRate};
use crate::motion::inverse::FitError;
use crate::render::Views;
use std::cell::OnceCell;

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MotionFile {
    /// Arrays for NumPy.
    Npz,
    /// The rotations of a person, 0 or 1, as AMASS has them.
    Amass(usize),
    /// The skeleton of a person, 0 or 1.
    Bvh(usize),
    /// Both people with bodies.
    Glb,
    /// Both people filmed.
    Mp4,
    /// The same, as an animated picture.
    Gif,
    /// A contact sheet.
    Png,
}

impl MotionFile {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Npz,
        Self::Amass(0),
        Self::Amass(1),
        Self::Bvh(0),
        Self::Bvh(1),
        Self::Glb,
        Self::Mp4,
        Self::Gif,
        Self::Png,
    ];

    /// What kind of file it is.
    pub fn format(self) -> Format {
        match self {
            Self::Npz => Format::Npz,
            Self::Amass(_) => Format::Amass,
            Self::Bvh(_) => Format::Bvh,
            Self::Glb => Format::Glb,
            Self::Mp4 => Format::Mp4,
            Self::Gif => Format::Gif,
            Self::Png => Format::Png,
        }
    }

    /// Those that this build can make.
    pub fn built() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|file| *file != Self::Mp4 || cfg!(feature = "mp4"))
    }

    /// Whether it can be seen from a chosen camera.
    pub fn has_camera(self) -> bool {
        matches!(self, Self::Mp4 | Self::Gif)
    }

    /// Whether it takes seconds rather than milliseconds to make.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Mp4 | Self::Gif | Self::Png)
    }

    /// `<base>_person1.bvh`, `<base>_person1.amass.npz`, `<base>_sheet.png`, `<base>_motion.glb` and so on.
    pub fn name(self, base: &str) -> String {
        match self {
            Self::Bvh(person) | Self::Amass(person) => {
                format!("{base}_person{}.{}", person + 1, self.format().extension())
            }
            Self::Png => format!("{base}_sheet.png"),
            _ => format!("{base}_motion.{}", self.format()),
        }
    }
}

/// What a person may choose about the files.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// Length in BVH files; the other formats have their own.
    pub unit: Unit,
    /// Frames a second of BVH, GLB and AMASS files; the other formats keep the frames of the motion.
    pub rate: FrameRate,
    /// From where MP4 and GIF files look.
    pub views: Views,
}

impl Default for Choices {
    /// Metres, at the motion's own rate, two views.
    fn default() -> Self {
        Self { unit: Unit::default(), rate: FrameRate::OWN, views: Views::default() }
    }
}

/// A motion ready to be written: its rotations are solved once for all files, and not at all for those without any.
pub struct Exporter<'a> {
    motion: &'a Motion,
    origin: &'a Origin,
    choices: Choices,
    solved: OnceCell<[Animation; 2]>,
}

impl<'a> Exporter<'a> {
    /// Of two people.
    ///
    /// # Errors
    /// `persons_differ_in_length`.
    pub fn new(motion: &'a Motion, origin: &'a Origin, choices: Choices) -> Result<Self> {
        let [first, second] = &motion.persons;
        if first.frames() != second.frames() {
            return Err(Error::invalid(
                "persons_differ_in_length",
                format!("person 1 has {} frames, person 2 has {}", first.frames(), second.frames()),
            ));
        }
        Ok(Self { motion, origin, choices, solved: OnceCell::new() })
    }

    /// How far the skeletons' joints are from the motion's: the mean of both people, and the worst of either.
    ///
    /// # Errors
    /// `motion_too_short`, `motion_not_finite`.
    pub fn fit(&self) -> Result<FitError> {
        let [a, b] = self.animations()?;
        Ok(FitError { mean: (a.error.mean + b.error.mean) / 2.0, max: a.error.max.max(b.error.max) })
    }

    /// A file's content.
    ///
    /// # Errors
    /// As [`Exporter::fit`] for files of rotations; internal ones.
    pub fn bytes(&self, file: MotionFile) -> Result<Vec<u8>> {
        let Choices { unit, rate, views } = self.choices;
        match file {
            MotionFile::Npz => {
                let [a, b] = self.animations()?;
                npz::write(self.motion, [a, b], self.origin)
            }
            MotionFile::Amass(person) => amass::write(&self.person(person)?.at(rate), self.origin),
            MotionFile::Bvh(person) => Ok(bvh::write(&self.person(person)?.at(rate), unit).into_bytes()),
            MotionFile::Glb => {
                let [a, b] = self.animations()?;
                glb::write([&a.at(rate), &b.at(rate)], self.origin)
            }
            MotionFile::Mp4 => video::mp4(self.motion, self.origin, views),
            MotionFile::Gif => video::gif(self.motion, self.origin, views),
            MotionFile::Png => video::png(self.motion, self.origin),
        }
    }

    /// The rotations, solved when they are asked for first.
    fn animations(&self) -> Result<&[Animation; 2]> {
        if let Some(solved) = self.solved.get() {
            return Ok(solved);
        }
        let [first, second] = &self.motion.persons;
        let solved = [Animation::solve(&first.positions)?, Animation::solve(&second.positions)?];
        Ok(self.solved.get_or_init(|| solved))
    }

    fn person(&self, person: usize) -> Result<&Animation> {
        self.animations()?
            .get(person)
            .ok_or_else(|| Error::internal("internal", "a motion has two people; another was asked for"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;

    #[test]
    fn every_file_has_a_name_and_content_of_its_format() {
        let motion = Motion { persons: [walk(8), walk(8)] };
        let origin = Origin::default();
        let exporter = Exporter::new(&motion, &origin, Choices::default()).unwrap();
        let starts: [&[u8]; 9] = [
            b"PK\x03\x04",
            b"PK\x03\x04",
            b"PK\x03\x04",
            b"HIERARCHY",
            b"HIERARCHY",
            b"glTF",
            b"\0\0\0\x18ftyp",
            b"GIF89a",
            b"\x89PNG\r\n",
        ];
        for (file, start) in MotionFile::ALL.into_iter().zip(starts) {
            if !MotionFile::built().any(|built| built == file) {
                continue;
            }
            assert!(exporter.bytes(file).unwrap().starts_with(start));
            assert!(file.name("00").ends_with(file.format().extension()));
        }
        assert!(exporter.fit().unwrap().max < 1e-4);
        let uneven = Motion { persons: [walk(8), walk(9)] };
        let refused = Exporter::new(&uneven, &origin, Choices::default()).err().unwrap();
        assert_eq!(refused.code(), "persons_differ_in_length");
    }

    #[test]
    fn rotations_are_solved_once_and_only_where_they_are_needed() {
        let (motion, origin) = (Motion { persons: [walk(8), walk(8)] }, Origin::default());
        let exporter = Exporter::new(&motion, &origin, Choices::default()).unwrap();
        exporter.bytes(MotionFile::Png).unwrap();
        assert!(exporter.solved.get().is_none());
        exporter.bytes(MotionFile::Bvh(1)).unwrap();
        let solved: *const _ = exporter.solved.get().unwrap();
        exporter.bytes(MotionFile::Glb).unwrap();
        assert!(std::ptr::eq(solved, exporter.animations().unwrap()));
    }
}
