//! The sentences that are learned, in groups that mean the same, with the groups they must not be taken for.

use super::grammar::{Grammar, Respect};
use super::measure::Paraphrases;
use crate::data::folder::Reader;
use crate::data::{Folder, Split};
use crate::error::{Error, Result};
use crate::motion::mirror::{CaptionRule, mirror_caption};
use crate::rng::CounterRng;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a step sees together: sentences that mean the same, and sentences alike but for one respect. Either may be alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Sentence numbers that mean the same.
    pub same: Vec<usize>,
    /// Sentence numbers that mean something else, the same among themselves; may be empty.
    pub other: Vec<usize>,
    /// In what the two groups differ.
    pub respect: Respect,
}

/// All sentences and lessons.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// Sentences; lessons name them by number.
    pub texts: Vec<String>,
    /// Those that are learned.
    pub lessons: Vec<Lesson>,
    /// Those that only measure.
    pub held_out: Vec<Lesson>,
}

/// Scenes that only measure.
const HELD_OUT: usize = 250;

impl Corpus {
    /// Captions of the training split of `folders`, lines of `files`, `scenes` scenes of the grammar and held-out ones.
    ///
    /// # Errors
    /// From the folders and files.
    pub fn gather(folders: &[PathBuf], files: &[PathBuf], scenes: usize, seed: u64) -> Result<Self> {
        let mut corpus = Self::default();
        for caption in captions(folders, files)? {
            let mirrored = mirror_caption(&caption, CaptionRule::Words);
            let other = if mirrored == caption { Vec::new() } else { vec![mirrored] };
            let lesson = corpus.lesson(vec![caption], other, Respect::Side);
            corpus.lessons.push(lesson);
        }
        let grammar = Grammar::new()?;
        let tested: BTreeSet<String> = Paraphrases::load()?.sentences().map(bare).collect();
        for (held_out, count) in [(true, HELD_OUT), (false, scenes)] {
            let rng = CounterRng::new(seed, if held_out { "held-out scenes" } else { "scenes" });
            let made = (0..count as u64).map(|i| grammar.scene(&rng, i));
            for scene in
                made.filter(|s| !s.meaning.iter().chain(&s.contrast).any(|text| tested.contains(&bare(text))))
            {
                let lesson = corpus.lesson(scene.meaning.to_vec(), scene.contrast.to_vec(), scene.respect);
                if held_out { corpus.held_out.push(lesson) } else { corpus.lessons.push(lesson) }
            }
        }
        Ok(corpus)
    }

    fn lesson(&mut self, same: Vec<String>, other: Vec<String>, respect: Respect) -> Lesson {
        let mut add = |texts: Vec<String>| {
            let start = self.texts.len();
            self.texts.extend(texts);
            (start..self.texts.len()).collect::<Vec<_>>()
        };
        Lesson { same: add(same), other: add(other), respect }
    }
}

/// A sentence without its full stop.
fn bare(text: impl AsRef<str>) -> String {
    text.as_ref().trim_end_matches('.').to_owned()
}

/// Captions of the training splits and lines of the files, each once.
fn captions(folders: &[PathBuf], files: &[PathBuf]) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for root in folders {
        let folder = Folder::open(root)?;
        for id in folder.ids(Split::Train, Reader::Text)? {
            all.extend(folder.captions(&id)?);
        }
    }
    for path in files {
        all.extend(lines(path)?);
    }
    Ok(all)
}

fn lines(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_scenes_become_lessons() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts.txt");
        std::fs::write(&file, "two people bow\n\na person waves the left hand\ntwo people bow\n").unwrap();
        let corpus = Corpus::gather(&[], &[file], 20, 1).unwrap();
        assert!(corpus.held_out.len() > HELD_OUT - 5);
        let text = |lesson: &Lesson| corpus.texts[lesson.same[0]].as_str();
        assert_eq!(text(&corpus.lessons[1]), "two people bow");
        assert!(corpus.lessons[1].other.is_empty());
        assert_eq!(corpus.texts[corpus.lessons[0].other[0]], "a person waves the right hand");
        assert!(corpus.lessons.len() > 15 && corpus.lessons[2].same.len() == 2);
    }
}
