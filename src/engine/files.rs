//! The files of a result: an npy per person and motion, named as InterMask names them, and for each sample what other
//! programs open. Nothing is kept: a file is made when it is asked for, the same bytes each time.

use super::answer::Settings;
use super::{Edited, Finished};
use crate::error::{Error, Result};
use crate::formats::{Choices, Exporter, Format, MotionFile, Origin, npy};
use crate::generate::Sample;
use crate::render::Views;
use serde::Serialize;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// (frames, 22, 9) float64 of one person, see [`npy::write_person`].
    Keypoints {
        /// 0 or 1.
        person: usize,
        /// The foot-fixed motion rather than the plain one.
        foot_fixed: bool,
    },
    /// The motion that a viewer should show ([`Sample::shown`]).
    Shown(MotionFile),
}

/// One file of a [`Finished`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultFile {
    /// 0-based.
    pub sample: usize,
    /// What of it.
    pub content: Content,
}

impl ResultFile {
    /// The files that a request for `samples` gives, with the two `ik_` ones where the feet are to be fixed.
    pub fn expected(samples: usize, foot_fix: bool) -> impl Iterator<Item = Self> {
        (0..samples).flat_map(move |sample| {
            let keypoints = [false, true]
                .into_iter()
                .filter(move |fixed| foot_fix || !fixed)
                .flat_map(|foot_fixed| (0..2).map(move |person| Content::Keypoints { person, foot_fixed }));
            keypoints
                .chain(MotionFile::built().map(Content::Shown))
                .map(move |content| Self { sample, content })
        })
    }

    /// The files of a sample.
    pub fn of_sample(sample: &Sample) -> impl Iterator<Item = Self> {
        let index = sample.index;
        Self::expected(1, sample.foot_fixed.is_some()).map(move |file| Self { sample: index, ..file })
    }

    /// All files of a result.
    pub fn of(finished: &Finished) -> impl Iterator<Item = Self> {
        finished.generated.samples.iter().flat_map(Self::of_sample)
    }

    /// What kind of file it is.
    pub fn format(self) -> Format {
        match self.content {
            Content::Keypoints { .. } => Format::Npy,
            Content::Shown(file) => file.format(),
        }
    }

    /// `<base><sample, two digits>_<person>.npy`, with `ik_` in front of the foot-fixed ones, and
    /// `<base><sample>_person1.bvh`, `<base><sample>_motion.glb` and so on.
    pub fn name(self, base: &str) -> String {
        let base = format!("{base}{:02}", self.sample);
        match self.content {
            Content::Keypoints { person, foot_fixed } => npy::file_name(&base, person, foot_fixed),
            Content::Shown(file) => file.name(&base),
        }
    }

    /// The file's content.
    ///
    /// # Errors
    /// `npy_write` and other internal ones, such as for a file that is not one of [`ResultFile::of`] this result.
    pub fn bytes(self, finished: &Finished) -> Result<Vec<u8>> {
        self.bytes_from(finished, Views::default())
    }

    /// The file's content, filmed from elsewhere where it is a film.
    ///
    /// # Errors
    /// As [`ResultFile::bytes`].
    pub fn bytes_from(self, finished: &Finished, views: Views) -> Result<Vec<u8>> {
        let sample = sample_of(finished, self.sample)?;
        let origin = origin_in(finished, self.sample);
        let choices = Choices { views, ..Choices::default() };
        self.content_of(sample, &Exporter::new(sample.shown(), &origin, choices)?)
    }

    /// The contents of several files, in their order. What those of a sample have in common is worked out once.
    ///
    /// # Errors
    /// As [`ResultFile::bytes`].
    pub fn bytes_of(files: &[Self], finished: &Finished) -> Result<Vec<Vec<u8>>> {
        let mut contents = Vec::with_capacity(files.len());
        for files in files.chunk_by(|one, next| one.sample == next.sample) {
            let index = files.first().map_or(0, |file| file.sample);
            let (sample, origin) = (sample_of(finished, index)?, origin_in(finished, index));
            let exporter = Exporter::new(sample.shown(), &origin, Choices::default())?;
            for file in files {
                contents.push(file.content_of(sample, &exporter)?);
            }
        }
        Ok(contents)
    }

    /// Its content, where it is one of a sample whose shown motion `exporter` writes.
    fn content_of(self, sample: &Sample, exporter: &Exporter<'_>) -> Result<Vec<u8>> {
        match self.content {
            Content::Keypoints { person, foot_fixed } => {
                let motion = if foot_fixed { sample.foot_fixed.as_ref() } else { Some(&sample.motion) };
                let person = motion.and_then(|motion| motion.persons.get(person)).ok_or_else(of_another)?;
                npy::write_person(person)
            }
            Content::Shown(file) => exporter.bytes(file),
        }
    }
}

fn of_another() -> Error {
    Error::internal("internal", "a file of another result was asked for")
}

fn sample_of(finished: &Finished, index: usize) -> Result<&Sample> {
    finished.generated.samples.get(index).ok_or_else(of_another)
}

/// As [`origin`], of a result at hand.
fn origin_in(finished: &Finished, sample: usize) -> Origin {
    let request = &finished.request;
    let edit = finished.edit.as_ref().map(Edited::to_json);
    origin(&finished.model, &request.prompt, &request.into(), edit, sample)
}

/// What the files of sample `sample` say about where it comes from: the settings that make this one alone, so that a sample's
/// bytes do not depend on how many were asked for with it, and of an edit what was done, as `POST /edit` answers it. The
/// parent's id is not told: files go from hand to hand, and knowing an id is the right to read.
pub fn origin(
    model: &str,
    prompt: &str,
    settings: &Settings,
    edit: Option<serde_json::Value>,
    sample: usize,
) -> Origin {
    #[derive(Serialize)]
    struct Alone {
        #[serde(flatten)]
        settings: Settings,
        #[serde(skip_serializing_if = "Option::is_none")]
        edit: Option<serde_json::Value>,
    }
    let seed = settings.seed.wrapping_add(sample as u64);
    let alone = Alone { settings: Settings { seed, samples: 1, ..settings.clone() }, edit };
    Origin {
        prompt: Some(prompt.to_owned()),
        model: Some(model.to_owned()),
        seed: Some(seed),
        settings: serde_json::to_string(&alone).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;

    #[test]
    fn names_and_contents() {
        let finished = fake::finished(16, 2);
        let mut names: Vec<_> = ResultFile::of(&finished).map(|file| file.name("")).collect();
        let of_sample = |n: &str| {
            let keypoints =
                ["", "ik_"].map(|ik| [0, 1].map(|person| format!("{ik}{n}_{person}.npy"))).concat();
            let shown = ["npz", "glb", "mp4", "gif"].map(|end| format!("{n}_motion.{end}"));
            let others =
                ["_person1.amass.npz", "_person2.amass.npz", "_person1.bvh", "_person2.bvh", "_sheet.png"]
                    .map(|end| format!("{n}{end}"));
            let mut all = [&keypoints[..], &shown, &others].concat();
            all.retain(|name| !name.ends_with("mp4") || cfg!(feature = "mp4"));
            all.sort_unstable();
            all
        };
        names.sort_unstable();
        let mut all = [of_sample("00"), of_sample("01")].concat();
        all.sort_unstable();
        assert_eq!(names, all);
        let expected: Vec<_> = ResultFile::expected(2, true).collect();
        assert_eq!(expected, ResultFile::of(&finished).collect::<Vec<_>>());

        let file = ResultFile { sample: 1, content: Content::Keypoints { person: 1, foot_fixed: true } };
        let person = npy::read_person(&file.bytes(&finished).unwrap()).unwrap();
        assert_eq!(&person, &finished.generated.samples[1].foot_fixed.as_ref().unwrap().persons[1]);
        let other = ResultFile { sample: 2, ..file };
        assert!(other.bytes(&finished).is_err());
        for file in ResultFile::of(&finished) {
            assert!(file.name("").ends_with(file.format().extension()));
        }
        let is_quick = |file: &ResultFile| !matches!(file.content, Content::Shown(shown) if shown.is_slow());
        let quick: Vec<_> = ResultFile::of(&finished).filter(is_quick).collect();
        let together = ResultFile::bytes_of(&quick, &finished).unwrap();
        let alone: Vec<_> = quick.iter().map(|file| file.bytes(&finished).unwrap()).collect();
        assert!(together == alone, "the same bytes, one by one or all at once");
        assert!(ResultFile::bytes_of(&[file, other], &finished).is_err());
    }

    #[test]
    fn files_of_an_edit_say_what_was_done() {
        use crate::generate::edit::Task;
        let mut finished = fake::finished(16, 1);
        let file = ResultFile { sample: 0, content: Content::Shown(MotionFile::Bvh(0)) };
        let npz = ResultFile { sample: 0, content: Content::Shown(MotionFile::Npz) };
        let (bvh, plain) = (file.bytes(&finished).unwrap(), npz.bytes(&finished).unwrap());
        let parent = Some(finished.id);
        finished.edit = Some(Edited { parent, sample: 0, task: Task::Vary(0.5) });
        assert_eq!(file.bytes(&finished).unwrap(), bvh, "a BVH has no place for it");
        let edited = npz.bytes(&finished).unwrap();
        // NumPy's text is four bytes a character.
        let told = |bytes: &[u8], text: &str| {
            let wide: Vec<u8> = text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
            bytes.windows(wide.len()).any(|part| part == wide)
        };
        let edit = r#""edit":{"kind":"vary","sample":0,"share":0.5}"#;
        assert!(told(&edited, edit) && !told(&plain, "\"edit\""));
        assert!(!told(&edited, &finished.id.to_string()));
    }

    #[test]
    fn a_film_from_elsewhere_is_another_film() {
        let finished = fake::finished(16, 1);
        let file = ResultFile { sample: 0, content: Content::Shown(MotionFile::Gif) };
        let camera = Views::One("30,40,3".parse().unwrap());
        assert_ne!(file.bytes(&finished).unwrap(), file.bytes_from(&finished, camera).unwrap());
    }

    #[test]
    fn a_sample_alone_has_the_bytes_of_the_sample_among_others() {
        let two = fake::finished(16, 2);
        let mut one = two.clone();
        one.request.samples = 1;
        one.request.seed += 1;
        one.generated.samples.remove(0);
        one.generated.samples[0].index = 0;
        for file in MotionFile::built().filter(|file| !matches!(file, MotionFile::Mp4)) {
            let of = |sample| ResultFile { sample, content: Content::Shown(file) };
            assert_eq!(of(1).bytes(&two).unwrap(), of(0).bytes(&one).unwrap(), "{file:?}");
        }
    }
}
