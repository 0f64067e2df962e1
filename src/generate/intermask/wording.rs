//! Which words sentences have in common: what is asked for in the words of a remembered sentence is likely the same.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::HashMap;

/// Sentences by the stems of their words, each a unit vector of weights: how often a stem comes in it times how rare it is (tf-idf).
pub(super) struct Wordings {
    stemmer: Stemmer,
    /// By stem: its number and its rarity, ln(sentences / sentences with it).
    stems: HashMap<String, (usize, f32)>,
    /// By number: sentences with that stem and its weight in them.
    used: Vec<Vec<(usize, f32)>>,
    count: usize,
}

impl Wordings {
    pub(super) fn of<'s>(sentences: impl ExactSizeIterator<Item = &'s str>) -> Self {
        let count = sentences.len();
        let stemmer = Stemmer::create(Algorithm::English);
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut used: Vec<Vec<(usize, f32)>> = Vec::new();
        for (at, sentence) in sentences.enumerate() {
            for stem in stems(&stemmer, sentence) {
                let number = *numbers.entry(stem).or_insert(used.len());
                if number == used.len() {
                    used.push(Vec::new());
                }
                match used[number].last_mut() {
                    Some((last, times)) if *last == at => *times += 1.0,
                    _ => used[number].push((at, 1.0)),
                }
            }
        }
        let rarity = |number: usize| (count as f32 / used[number].len() as f32).ln();
        let stems: HashMap<String, (usize, f32)> =
            numbers.into_iter().map(|(stem, number)| (stem, (number, rarity(number)))).collect();
        let mut norms = vec![0.0f32; count];
        for (number, rarity) in stems.values() {
            for (at, weight) in &mut used[*number] {
                *weight *= rarity;
                norms[*at] += *weight * *weight;
            }
        }
        for (at, weight) in used.iter_mut().flatten() {
            *weight /= norms[*at].sqrt().max(f32::MIN_POSITIVE);
        }
        Self { stemmer, stems, used, count }
    }

    /// The cosine of `said` to each sentence, 0 where they have no word in common. Words that no sentence has do not count.
    pub(super) fn likeness(&self, said: &str) -> Vec<f32> {
        let mut weights: HashMap<usize, f32> = HashMap::new();
        for stem in stems(&self.stemmer, said) {
            if let Some(&(number, rarity)) = self.stems.get(&stem) {
                *weights.entry(number).or_default() += rarity;
            }
        }
        let norm = weights.values().map(|weight| weight * weight).sum::<f32>().sqrt();
        let mut all = vec![0.0; self.count];
        // In the order of their numbers, so that sums come out the same each time.
        let mut weights: Vec<(usize, f32)> = weights.into_iter().collect();
        weights.sort_unstable_by_key(|(number, _)| *number);
        for (number, weight) in weights {
            for (at, own) in &self.used[number] {
                all[*at] += own * weight / norm.max(f32::MIN_POSITIVE);
            }
        }
        all
    }
}

/// Which stems are told of which scene, whichever of its sentences they are in.
pub(super) struct Vocabularies {
    stemmer: Stemmer,
    /// By stem: its rarity, ln(scenes / scenes with it), and the scenes.
    stems: HashMap<String, (f32, Vec<usize>)>,
    count: usize,
}

impl Vocabularies {
    /// Of sentences, each with its scene; a scene's follow each other.
    pub(super) fn of<'s>(told: impl Iterator<Item = (&'s str, usize)>, count: usize) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let mut stems_of: HashMap<String, (f32, Vec<usize>)> = HashMap::new();
        for (sentence, scene) in told {
            for stem in stems(&stemmer, sentence) {
                let (_, scenes) = stems_of.entry(stem).or_default();
                if scenes.last() != Some(&scene) {
                    scenes.push(scene);
                }
            }
        }
        for (rarity, scenes) in stems_of.values_mut() {
            *rarity = (count as f32 / scenes.len() as f32).ln();
        }
        Self { stemmer, stems: stems_of, count }
    }

    /// How much of what `said` says each scene has words for, 0 to 1: rare words count more, words that no scene has do not.
    pub(super) fn coverage(&self, said: &str) -> Vec<f32> {
        let mut words: Vec<String> = stems(&self.stemmer, said).collect();
        words.sort_unstable();
        words.dedup();
        let (mut all, mut whole) = (vec![0.0; self.count], 0.0);
        for (rarity, scenes) in words.iter().filter_map(|word| self.stems.get(word)) {
            whole += rarity;
            scenes.iter().for_each(|scene| all[*scene] += rarity);
        }
        all.into_iter().map(|part: f32| part / whole.max(f32::MIN_POSITIVE)).collect()
    }
}

fn stems<'a>(stemmer: &'a Stemmer, text: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| stemmer.stem(&word.to_lowercase()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_in_common_count_in_whatever_form_they_come() {
        let sentences =
            ["one person claps", "one person waves with the left hand", "one person waves", "both wave"];
        let wordings = Wordings::of(sentences.iter().copied());
        let like = wordings.likeness("Somebody is clapping.");
        assert!(like[0] > 0.8 && like[1..].iter().all(|&cosine| cosine == 0.0), "{like:?}");
        let like = wordings.likeness("one person waves with the left hand");
        assert!((like[1] - 1.0).abs() < 1e-5 && like[2] < like[1], "{like:?}");
        assert!(wordings.likeness("waving, left")[1] > wordings.likeness("waving, left")[2]);
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
        let words = Vocabularies::of(told.into_iter(), 3);
        let covered = words.coverage("the arms crossed, a wave");
        assert!((covered[0] - 1.0).abs() < 1e-6 && (0.01..0.5).contains(&covered[1]), "{covered:?}");
        assert_eq!(covered[2], 0.0);
        assert_eq!(words.coverage("a spaceship lands")[1..], [0.0; 2]);
    }
}
