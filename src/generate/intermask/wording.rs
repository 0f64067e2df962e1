//! Which words sentences have in common: what is asked for in the words of a remembered sentence is likely the same.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::HashMap;

/// Remembered sentences by the stems of their words.
pub(super) struct Wordings {
    stemmer: Stemmer,
    /// The number of each stem.
    stems: HashMap<String, usize>,
    /// By number.
    in_sentences: Vec<Use<(usize, f32)>>,
    in_scenes: Vec<Use<usize>>,
    sentences: usize,
    scenes: usize,
}

/// How rare a stem is, ln(all / those with it), and those with it: a sentence with its weight there, or a scene.
struct Use<T> {
    rarity: f32,
    by: Vec<T>,
}

impl Wordings {
    /// Of sentences, each with its scene; a scene's follow each other.
    pub(super) fn of<'s>(told: impl Iterator<Item = (&'s str, usize)>, scenes: usize) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let mut stems: HashMap<String, usize> = HashMap::new();
        // Few different words make many sentences: each is stemmed once.
        let mut forms: HashMap<String, usize> = HashMap::new();
        let mut in_sentences: Vec<Use<(usize, f32)>> = Vec::new();
        let mut in_scenes: Vec<Use<usize>> = Vec::new();
        let mut sentences = 0;
        for (at, (sentence, scene)) in told.enumerate() {
            sentences = at + 1;
            for word in words(sentence) {
                let number = match forms.get(&word) {
                    Some(&number) => number,
                    None => {
                        let next = stems.len();
                        let number = *stems.entry(stemmer.stem(&word).into_owned()).or_insert(next);
                        forms.insert(word, number);
                        number
                    }
                };
                if number == in_sentences.len() {
                    in_sentences.push(Use { rarity: 0.0, by: Vec::new() });
                    in_scenes.push(Use { rarity: 0.0, by: Vec::new() });
                }
                match in_sentences[number].by.last_mut() {
                    Some((last, times)) if *last == at => *times += 1.0,
                    _ => in_sentences[number].by.push((at, 1.0)),
                }
                if in_scenes[number].by.last() != Some(&scene) {
                    in_scenes[number].by.push(scene);
                }
            }
        }
        // Unit vectors of how often a stem comes times how rare it is (tf-idf).
        let mut norms = vec![0.0f32; sentences];
        for stem in &mut in_sentences {
            stem.rarity = (sentences as f32 / stem.by.len() as f32).ln();
            for (at, weight) in &mut stem.by {
                *weight *= stem.rarity;
                norms[*at] += *weight * *weight;
            }
        }
        for (at, weight) in in_sentences.iter_mut().flat_map(|stem| &mut stem.by) {
            *weight /= norms[*at].sqrt().max(f32::MIN_POSITIVE);
        }
        for stem in &mut in_scenes {
            stem.rarity = (scenes as f32 / stem.by.len() as f32).ln();
        }
        Self { stemmer, stems, in_sentences, in_scenes, sentences, scenes }
    }

    /// The cosine of what is said to each sentence, 0 where they have no word in common. Words that no sentence has do not count.
    pub(super) fn likeness(&self, said: &str) -> Vec<f32> {
        let (mut all, mut norm) = (vec![0.0; self.sentences], 0.0);
        let said = self.numbers(said);
        for part in said.chunk_by(|a, b| a == b) {
            let stem = &self.in_sentences[part[0]];
            let weight = part.len() as f32 * stem.rarity;
            norm += weight * weight;
            stem.by.iter().for_each(|(at, own)| all[*at] += own * weight);
        }
        let norm = norm.sqrt().max(f32::MIN_POSITIVE);
        all.into_iter().map(|sum: f32| sum / norm).collect()
    }

    /// How much of what is said each scene has words for in whichever of its sentences, 0 to 1: rare words count more, words that no scene has
    /// do not.
    pub(super) fn coverage(&self, said: &str) -> Vec<f32> {
        let (mut all, mut whole) = (vec![0.0; self.scenes], 0.0);
        let mut said = self.numbers(said);
        said.dedup();
        for number in said {
            let stem = &self.in_scenes[number];
            whole += stem.rarity;
            stem.by.iter().for_each(|scene| all[*scene] += stem.rarity);
        }
        let whole = whole.max(f32::MIN_POSITIVE);
        all.into_iter().map(|part: f32| part / whole).collect()
    }

    /// The known stems of a text, in the order of their numbers, so that sums come out the same each time.
    fn numbers(&self, text: &str) -> Vec<usize> {
        let stem = |word: String| self.stems.get(self.stemmer.stem(&word).as_ref()).copied();
        let mut numbers: Vec<usize> = words(text).filter_map(stem).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_in_common_count_in_whatever_form_they_come() {
        let sentences =
            ["one person claps", "one person waves with the left hand", "one person waves", "both wave"];
        let wordings = Wordings::of(sentences.into_iter().zip(0..), 4);
        let like = wordings.likeness("Somebody is clapping.");
        assert!(like[0] > 0.8 && like[1..].iter().all(|&cosine| cosine == 0.0), "{like:?}");
        let like = wordings.likeness("one person waves with the left hand");
        assert!((like[1] - 1.0).abs() < 1e-5 && like[2] < like[1], "{like:?}");
        let like = wordings.likeness("waving, left");
        assert!(like[1] > like[2] && like[2] > 0.0, "{like:?}");
        assert_eq!(wordings.likeness("a spaceship lands"), [0.0; 4]);
        assert_eq!(wordings.likeness(""), [0.0; 4]);
    }

    #[test]
    fn a_scene_has_words_for_what_any_of_its_sentences_says() {
        let told = [
            ("one waves, the other folds the arms", 0),
            ("while one greets with a wave, the arms of the other are crossed", 0),
            ("one person waves", 1),
            ("one person jumps", 2),
        ];
        let wordings = Wordings::of(told.into_iter(), 3);
        let covered = wordings.coverage("the arms crossed, a wave");
        assert!((covered[0] - 1.0).abs() < 1e-6 && (0.01..0.5).contains(&covered[1]), "{covered:?}");
        assert_eq!(covered[2], 0.0);
        assert_eq!(wordings.coverage("spaceships land"), [0.0; 3]);
    }
}
