//! The sentences that are learned, in groups that mean the same, with the groups they must not be taken for.

use super::grammar::{Grammar, Respect};
use super::measure::Paraphrases;
use crate::data::folder::Reader;
use crate::data::{Folder, Split, spread};
use crate::error::{Error, Result};
use crate::motion::mirror::{CaptionRule, mirror_caption};
use crate::rng::CounterRng;
use crate::train::config::TextTrainConfig;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

/// What a step sees together: sentences that mean the same, and sentences alike but for one respect. Either may be alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Sentence numbers that mean the same.
    pub same: Vec<usize>,
    /// Sentence numbers that mean something else, the same among themselves; may be empty.
    pub other: Vec<usize>,
    /// In what the two groups differ.
    pub respect: Respect,
    /// Of which scenes of a composed folder the two groups tell, where it says so.
    pub told: Option<Told>,
}

/// Scenes of a composed folder, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What the first group tells of, and what the second does: its mirror image.
    pub scenes: [usize; 2],
    /// Scenes of one family are alike.
    pub family: usize,
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
    /// Numbers by sentence.
    numbers: HashMap<String, usize>,
    /// Numbers by what happens in a scene, and by family.
    scenes: HashMap<String, usize>,
    /// Lessons of each family of scenes.
    families: Vec<Vec<usize>>,
}

/// Captions of a clip that are learned together.
const TOLD: usize = 4;
/// Between the family of a scene and the rest of what happens in it ([`crate::data::compose`]).
const FAMILY_ENDS: &str = " / ";
/// Lessons of its family beside a lesson.
const KIN: usize = 3;
/// Scenes that only measure.
const HELD_OUT: usize = 250;

impl Corpus {
    /// Captions of the training splits, lines of files, scenes of the grammar and held-out ones.
    ///
    /// # Errors
    /// From the folders and files.
    pub fn gather(config: &TextTrainConfig) -> Result<Self> {
        let (scenes, seed) = (config.scenes, config.common.seed);
        let mut corpus = Self::default();
        for (meaning, told) in clips(&config.data, config.clips)? {
            corpus.told(&told, meaning.as_deref());
        }
        for line in lines(&config.texts)? {
            corpus.told(&[line], None);
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
        corpus.gather_families();
        Ok(corpus)
    }

    fn gather_families(&mut self) {
        self.families = vec![Vec::new(); self.scenes.len()];
        for (at, lesson) in self.lessons.iter().enumerate() {
            if let Some(told) = lesson.told {
                self.families[told.family].push(at);
            }
        }
    }

    /// Of the lessons whose turn it is every fourth, each with three of its family (drawn from `rng`) where it has one, for those are hard
    /// to tell apart.
    pub fn beside_their_kin(&self, turn: &[usize], rng: &CounterRng) -> Vec<usize> {
        let drawn = |(at, lesson): (usize, &usize)| {
            let first = turn[at - at % (1 + KIN)];
            match self.lessons[first].told {
                Some(told) if at % (1 + KIN) > 0 => {
                    let family = &self.families[told.family];
                    family[rng.below_at(at as u64, family.len() as u64) as usize]
                }
                _ => *lesson,
            }
        };
        turn.iter().enumerate().map(drawn).collect()
    }

    /// What is told of one clip means the same, whether it names a side or not; with the other side it does not.
    fn told(&mut self, captions: &[String], meaning: Option<&str>) {
        let told = meaning.map(|meaning| self.scenes(meaning));
        let mirrored = |caption: &String| {
            let other = mirror_caption(caption, CaptionRule::Words);
            (other != *caption).then(|| (caption.clone(), other))
        };
        let (sided, others): (Vec<_>, Vec<_>) = captions.iter().filter_map(mirrored).unzip();
        if sided.len() < captions.len() {
            let lesson = self.lesson(captions.to_vec(), Vec::new(), Respect::Side);
            self.lessons.push(Lesson { told, ..lesson });
        }
        if !sided.is_empty() {
            let lesson = self.lesson(sided, others, Respect::Side);
            // Where what happens names no side, captions that do are of two kinds of scenes.
            let told = told.filter(|told| told.scenes[0] != told.scenes[1]);
            self.lessons.push(Lesson { told, ..lesson });
        }
    }

    /// Numbers of a scene, of its mirror image and of their family.
    fn scenes(&mut self, meaning: &str) -> Told {
        let family = meaning.split(FAMILY_ENDS).next().unwrap_or(meaning).to_owned();
        let mut number = |of: String| {
            let next = self.scenes.len();
            *self.scenes.entry(of).or_insert(next)
        };
        let scenes = [meaning.to_owned(), mirror_caption(meaning, CaptionRule::Words)].map(&mut number);
        Told { scenes, family: number(family) }
    }

    fn lesson(&mut self, same: Vec<String>, other: Vec<String>, respect: Respect) -> Lesson {
        let mut add =
            |texts: Vec<String>| texts.into_iter().map(|text| self.number(text)).collect::<Vec<_>>();
        Lesson { same: add(same), other: add(other), respect, told: None }
    }

    /// The number of a sentence, a new one where it was not there yet.
    fn number(&mut self, text: String) -> usize {
        let next = self.texts.len();
        *self.numbers.entry(text).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            next
        })
    }
}

/// A sentence without its full stop.
fn bare(text: impl AsRef<str>) -> String {
    text.as_ref().trim_end_matches('.').to_owned()
}

/// What happens in a clip, where its folder says it, and what is told of it.
type Clip = (Option<String>, Vec<String>);

/// Up to `most` clips of the training splits, spread evenly, with up to [`TOLD`] different captions each.
fn clips(folders: &[PathBuf], most: usize) -> Result<Vec<Clip>> {
    let mut all = Vec::new();
    for root in folders {
        let folder = Folder::open(root)?;
        all.extend(folder.ids(Split::Train, Reader::Text)?.into_iter().map(|id| (folder.clone(), id)));
    }
    let captions = spread(&all, most).map(|(folder, id)| {
        let captions: BTreeSet<String> = folder.captions(id)?.into_iter().collect();
        let step = captions.len().div_ceil(TOLD).max(1);
        Ok((folder.meaning(id)?, captions.into_iter().step_by(step).collect()))
    });
    captions.collect()
}

/// Lines of the files, each once.
fn lines(files: &[PathBuf]) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for path in files {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        all.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::from_toml;

    #[test]
    fn what_is_told_of_a_clip_means_the_same_and_not_its_mirror_image() {
        let mut corpus = Corpus::default();
        let told = ["shake hands", "they shake right hands", "a shake of right hands"].map(str::to_owned);
        corpus.told(&told, Some("shake / right"));
        corpus.told(&told[1..2], None);
        let said = |numbers: &[usize]| numbers.iter().map(|n| corpus.texts[*n].as_str()).collect::<Vec<_>>();
        let lessons: Vec<_> = corpus.lessons.iter().map(|l| (said(&l.same), said(&l.other))).collect();
        let left = vec!["they shake left hands", "a shake of left hands"];
        assert_eq!(lessons[0], (told.iter().map(String::as_str).collect(), vec![]));
        assert_eq!(lessons[1], (told[1..].iter().map(String::as_str).collect(), left.clone()));
        assert_eq!(lessons[2], (vec!["they shake right hands"], left[..1].to_vec()));
        assert_eq!(corpus.texts.len(), 5, "each sentence once");
        let same = corpus.lessons[1].told.unwrap();
        assert_eq!(corpus.lessons[0].told, Some(same));
        assert_eq!(corpus.scenes("shake / left").scenes, [same.scenes[1], same.scenes[0]]);
        assert_eq!(corpus.scenes("shake / nobody").family, same.family);
        assert_eq!(corpus.lessons[2].told, None);
    }

    #[test]
    fn a_lesson_has_its_family_beside_it() {
        let mut corpus = Corpus::default();
        let scenes = ["hug / a", "hug / b", "kick / a", "hug / c", "kick / b"];
        for (n, meaning) in scenes.iter().enumerate() {
            corpus.told(&[format!("sentence {n}")], Some(meaning));
        }
        corpus.told(&["nothing known".to_owned()], None);
        corpus.gather_families();
        let turn = [2, 0, 5, 1, 5, 0, 1, 2, 3];
        let mut seen = BTreeSet::new();
        for step in 0..40 {
            let chosen = corpus.beside_their_kin(&turn, &CounterRng::new(step, "kin"));
            assert_eq!((chosen[0], &chosen[4..]), (2, &turn[4..]), "a stranger's batch stays as it is");
            assert!(chosen[1..4].iter().all(|lesson| [2, 4].contains(lesson)), "{chosen:?}");
            seen.extend(chosen[1..4].to_vec());
        }
        assert_eq!(seen, BTreeSet::from([2, 4]));
    }

    #[test]
    fn files_and_scenes_become_lessons() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts.txt");
        std::fs::write(&file, "two people bow\n\na person waves the left hand\ntwo people bow\n").unwrap();
        // Settings of a run from before there was a choice of clips.
        let settings = include_str!("../../../docs/training/duet-mini/text.toml");
        let mut config: TextTrainConfig = from_toml(settings).unwrap();
        (config.data, config.texts, config.scenes) = (Vec::new(), vec![file], 20);
        let corpus = Corpus::gather(&config).unwrap();
        assert!(corpus.held_out.len() > HELD_OUT - 5);
        let text = |lesson: &Lesson| corpus.texts[lesson.same[0]].as_str();
        assert_eq!(text(&corpus.lessons[1]), "two people bow");
        assert!(corpus.lessons[1].other.is_empty());
        assert_eq!(corpus.texts[corpus.lessons[0].other[0]], "a person waves the right hand");
        assert!(corpus.lessons.len() > 15 && corpus.lessons[2].same.len() == 2);
    }
}
