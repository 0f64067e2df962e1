//! The files of a result: one npy per person and motion, named as InterMask names them.

use super::Finished;
use crate::error::Result;
use crate::formats::npy;
use crate::generate::Sample;

/// One npy file of a [`Finished`]: which sample, which person, which of its motions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultFile {
    /// 0-based.
    pub sample: usize,
    /// 0 or 1.
    pub person: usize,
    /// The foot-fixed motion rather than the plain one.
    pub foot_fixed: bool,
}

impl ResultFile {
    /// The files of a sample: `_0`, `_1`, and the two `ik_` ones where there is a foot-fixed motion.
    pub fn of_sample(sample: &Sample) -> impl Iterator<Item = Self> {
        let (sample, has_fixed) = (sample.index, sample.foot_fixed.is_some());
        [false, true]
            .into_iter()
            .filter(move |fixed| has_fixed || !fixed)
            .flat_map(move |foot_fixed| (0..2).map(move |person| Self { sample, person, foot_fixed }))
    }

    /// All files of a result.
    pub fn of(finished: &Finished) -> impl Iterator<Item = Self> {
        finished.generated.samples.iter().flat_map(Self::of_sample)
    }

    /// `<base><sample, two digits>_<person>.npy`, with `ik_` in front of the foot-fixed ones.
    pub fn name(self, base: &str) -> String {
        npy::file_name(&format!("{base}{:02}", self.sample), self.person, self.foot_fixed)
    }

    /// The file's content: (frames, 22, 9) float64, see [`npy::write_person`].
    ///
    /// # Errors
    /// `npy_write`; a file that is not one of [`ResultFile::of`] this result is an `internal` error.
    pub fn bytes(self, finished: &Finished) -> Result<Vec<u8>> {
        let sample = finished.generated.samples.get(self.sample);
        let motion =
            sample.and_then(
                |sample| {
                    if self.foot_fixed { sample.foot_fixed.as_ref() } else { Some(&sample.motion) }
                },
            );
        let person = motion
            .and_then(|motion| motion.persons.get(self.person))
            .ok_or_else(|| crate::Error::internal("internal", "a file of another result was asked for"))?;
        npy::write_person(person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;

    #[test]
    fn names_and_contents() {
        let finished = fake::finished(16, 2);
        let names: Vec<_> = ResultFile::of(&finished).map(|file| file.name("")).collect();
        assert_eq!(
            names,
            [
                "00_0.npy",
                "00_1.npy",
                "ik_00_0.npy",
                "ik_00_1.npy",
                "01_0.npy",
                "01_1.npy",
                "ik_01_0.npy",
                "ik_01_1.npy"
            ]
        );
        let file = ResultFile { sample: 1, person: 1, foot_fixed: true };
        let person = npy::read_person(&file.bytes(&finished).unwrap()).unwrap();
        assert_eq!(&person, &finished.generated.samples[1].foot_fixed.as_ref().unwrap().persons[1]);
        let other = ResultFile { sample: 2, ..file };
        assert!(other.bytes(&finished).is_err());
    }
}
