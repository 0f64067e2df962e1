//! How well a tower understands: against the teacher, against paraphrases in words it was not trained on, and against near
//! misses.

use super::corpus::Lesson;
use super::grammar::Respect;
use super::teacher::unit;
use crate::error::{Error, Result};
use candle_core::Tensor;
use serde_json::{Value, json};

/// The committed pairs.
const PAIRS: &str = include_str!("paraphrases.txt");

/// Pairs of sentences that mean the same, with words that the corpus lacks.
pub struct Paraphrases(Vec<[String; 2]>);

impl Paraphrases {
    /// The committed pairs.
    ///
    /// # Errors
    /// `word_list` for a line that is no pair.
    pub fn load() -> Result<Self> {
        let lines = PAIRS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let pair = |line: &str| {
            let (a, b) = line.split_once('|')?;
            Some([a.trim().to_owned(), b.trim().to_owned()])
        };
        let broken = |line: &str| Error::internal("word_list", format!("paraphrases.txt: {line}"));
        Ok(Self(lines.map(|line| pair(line).ok_or_else(|| broken(line))).collect::<Result<_>>()?))
    }

    /// All sentences; 2i and 2i + 1 are a pair.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }
}

/// What is graded: sentence vectors in the order of the corpus' sentences and then the paraphrases', of which only held-out
/// ones count.
pub struct Exam<'a> {
    /// Lessons that were not learned.
    pub held_out: &'a [Lesson],
    /// (N, 384), what the teacher says.
    pub teacher: &'a Tensor,
    /// Sentences of the corpus.
    pub corpus: usize,
}

/// One tower's grades.
#[derive(Clone, Debug, PartialEq)]
pub struct Grades {
    /// Mean cosine to the teacher's vectors of held-out sentences, where the tower says any.
    pub cosine: Option<f64>,
    /// Correlation of its similarities of held-out sentences with the teacher's.
    pub agreement: f64,
    /// Share of paraphrases whose nearest neighbour among all of them is their partner.
    pub retrieval: f64,
    /// Share of held-out scenes that lie closer to their rewording than to their near misses.
    pub told_apart: f64,
    /// Mean cosine distance between near misses.
    pub separation: f64,
    /// Mean cosine distance between wordings of the same scene.
    pub spread: f64,
    /// `told_apart` by what differs.
    pub by_respect: Vec<(Respect, f64)>,
}

impl Exam<'_> {
    /// Numbers of the sentences that count for [`Exam::grade`], ascending: held-out ones, then paraphrases.
    pub fn questions(&self) -> Result<Vec<usize>> {
        let mut all: Vec<usize> =
            self.held_out.iter().flat_map(|l| l.same.iter().chain(&l.other)).copied().collect();
        all.sort_unstable();
        all.extend(self.corpus..self.teacher.dim(0)?);
        Ok(all)
    }

    /// Grade the vectors (questions, any width) of [`Exam::questions`], and what they say (questions, 384).
    ///
    /// # Errors
    /// From the tensor library.
    pub fn grade(&self, states: &Tensor, says: Option<&Tensor>) -> Result<Grades> {
        let questions = self.questions()?;
        let rows: Vec<u32> = questions.iter().map(|q| *q as u32).collect();
        let teacher =
            self.teacher.index_select(&Tensor::from_vec(rows, questions.len(), self.teacher.device())?, 0)?;
        let known = questions.iter().take_while(|q| **q < self.corpus).count();
        let similar = |vectors: &Tensor| -> Result<Vec<Vec<f32>>> {
            let vectors = unit(vectors)?;
            Ok(vectors.matmul(&vectors.t()?)?.to_vec2()?)
        };
        let (ours, theirs) = (similar(states)?, similar(&teacher)?);
        let cosine = match says {
            Some(says) => {
                let each = (unit(says)? * &teacher)?.sum(1)?.narrow(0, 0, known)?;
                Some(f64::from(each.mean_all()?.to_scalar::<f32>()?))
            }
            None => None,
        };
        let place = |q: &usize| questions.binary_search(q).unwrap_or(0);
        let near_misses: Vec<(Respect, f64, f64)> = self
            .held_out
            .iter()
            .filter(|l| l.same.len() == 2 && !l.other.is_empty())
            .map(|l| {
                let (a, b) = (place(&l.same[0]), place(&l.same[1]));
                let other = l.other.iter().map(|o| f64::from(ours[a][place(o)])).fold(f64::MIN, f64::max);
                (l.respect, f64::from(ours[a][b]), other)
            })
            .collect();
        let told_apart = |respect: Option<Respect>| {
            share(
                near_misses
                    .iter()
                    .filter(|(r, ..)| respect.is_none_or(|want| want == *r))
                    .map(|(_, s, o)| s > o),
            )
        };
        let mean = |f: &dyn Fn(&(Respect, f64, f64)) -> f64| {
            near_misses.iter().map(f).sum::<f64>() / near_misses.len().max(1) as f64
        };
        Ok(Grades {
            cosine,
            agreement: correlation(&ours, &theirs, known),
            retrieval: retrieval(&ours, known),
            told_apart: told_apart(None),
            separation: mean(&|(_, _, other)| 1.0 - other),
            spread: mean(&|(_, same, _)| 1.0 - same),
            by_respect: Respect::ALL.iter().map(|r| (*r, told_apart(Some(*r)))).collect(),
        })
    }
}

fn share(hits: impl Iterator<Item = bool>) -> f64 {
    let (mut yes, mut all) = (0usize, 0usize);
    for hit in hits {
        yes += usize::from(hit);
        all += 1;
    }
    yes as f64 / all.max(1) as f64
}

/// Top-1 among the rows from `start` on, where neighbours 2i and 2i + 1 are partners.
fn retrieval(similar: &[Vec<f32>], start: usize) -> f64 {
    let n = similar.len();
    share((start..n).map(|i| {
        let partner = start + ((i - start) ^ 1);
        (start..n).all(|j| j == i || j == partner || similar[i][j] < similar[i][partner])
    }))
}

/// Pearson's correlation of the entries above the diagonal among the first `n`.
fn correlation(a: &[Vec<f32>], b: &[Vec<f32>], n: usize) -> f64 {
    let pairs = || (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
    let count = pairs().count().max(1) as f64;
    let mean = |m: &[Vec<f32>]| pairs().map(|(i, j)| f64::from(m[i][j])).sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (i, j) in pairs() {
        let (x, y) = (f64::from(a[i][j]) - mean_a, f64::from(b[i][j]) - mean_b);
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    ab / (aa * bb).sqrt().max(1e-12)
}

impl Grades {
    /// For the log.
    pub fn json(&self) -> Value {
        let by_respect: serde_json::Map<String, Value> =
            self.by_respect.iter().map(|(r, v)| (r.name().to_owned(), json!(v))).collect();
        json!({
            "cosine": self.cosine, "agreement": self.agreement, "retrieval": self.retrieval,
            "told_apart": self.told_apart, "separation": self.separation, "spread": self.spread, "by_respect": by_respect,
        })
    }
}

/// The grades side by side, a column for each tower.
pub fn table(columns: &[(&str, &Grades)]) -> String {
    let row = |name: &str, value: &dyn Fn(&Grades) -> String| {
        let cells: String = columns.iter().map(|(_, grades)| format!("{:>12}", value(grades))).collect();
        format!("{name:<44}{cells}\n")
    };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut text = format!("{:<44}", "");
    text.extend(columns.iter().map(|(name, _)| format!("{name:>12}")));
    text.push('\n');
    text += &row("cosine to the teacher, held out", &|g| g.cosine.map_or("-".into(), |c| format!("{c:.3}")));
    text += &row("correlation with the teacher's similarities", &|g| format!("{:.3}", g.agreement));
    text += &row("paraphrases in new words found (top 1)", &|g| percent(g.retrieval));
    text += &row("rewording closer than the near miss", &|g| percent(g.told_apart));
    for (at, respect) in Respect::ALL.iter().enumerate() {
        text += &row(&format!("  {}", respect.name()), &|g| percent(g.by_respect[at].1));
    }
    text += &row("cosine distance of near misses", &|g| format!("{:.3}", g.separation));
    text += &row("cosine distance of rewordings", &|g| format!("{:.3}", g.spread));
    text
}

#[cfg(test)]
mod tests {
    use super::super::words::listed;
    use super::*;
    use candle_core::Device;

    #[test]
    fn paraphrases_hold_words_that_are_not_taught() {
        let pairs = Paraphrases::load().unwrap();
        assert!(pairs.0.len() >= 60);
        let listed = listed();
        // Forms of a listed word are no new words.
        let known = |word: &str| {
            ["", "s", "es", "d", "ed", "ing", "ly"].iter().filter_map(|end| word.strip_suffix(end)).any(
                |stem| {
                    let doubled = stem.chars().rev().take(2).collect::<Vec<_>>();
                    let single = doubled.len() == 2 && doubled[0] == doubled[1];
                    listed.contains(stem)
                        || listed.contains(&format!("{stem}e"))
                        || (single && listed.contains(&stem[..stem.len() - 1]))
                },
            )
        };
        for pair in &pairs.0 {
            let words =
                pair.iter().flat_map(|s| s.split(|c: char| !c.is_alphabetic())).filter(|w| w.len() > 3);
            let new: Vec<&str> = words.filter(|word| !known(word)).collect();
            assert!(!new.is_empty(), "{pair:?} has no new word");
        }
    }

    #[test]
    fn grades_are_counted_right() {
        let device = Device::Cpu;
        let lesson = Lesson { same: vec![0, 1], other: vec![2], respect: Respect::Side, told: None };
        // Sentences: the lesson's three, one that is learned, and two pairs of paraphrases.
        let rows = [
            [1.0f32, 0.0],
            [0.8, 0.6],
            [0.6, 0.8],
            [9.0, 9.0],
            [1.0, 0.1],
            [1.0, 0.2],
            [0.1, 1.0],
            [-0.5, 1.0],
        ];
        let teacher = unit(&Tensor::new(&rows, &device).unwrap()).unwrap();
        let lessons = [lesson];
        let exam = Exam { held_out: &lessons, teacher: &teacher, corpus: 4 };
        assert_eq!(exam.questions().unwrap(), [0, 1, 2, 4, 5, 6, 7]);
        let chosen = Tensor::new(&[0u32, 1, 2, 4, 5, 6, 7], &device).unwrap();
        let own = teacher.index_select(&chosen, 0).unwrap();
        let grades = exam.grade(&own, Some(&own)).unwrap();
        assert!((grades.cosine.unwrap() - 1.0).abs() < 1e-6 && (grades.agreement - 1.0).abs() < 1e-6);
        assert_eq!((grades.retrieval, grades.told_apart), (1.0, 1.0));
        assert!((grades.spread - 0.2).abs() < 1e-6 && (grades.separation - 0.4).abs() < 1e-6);
        // A tower that confuses the lesson with its near miss and one paraphrase with another.
        let wrong = [[1.0f32, 0.0], [0.0, 1.0], [1.0, 0.1], [1.0, 0.0], [0.1, 1.0], [0.9, 0.1], [0.0, 1.0]];
        let grades = exam.grade(&Tensor::new(&wrong, &device).unwrap(), None).unwrap();
        assert_eq!((grades.told_apart, grades.retrieval, grades.cosine), (0.0, 0.0, None));
        assert!(table(&[("untaught", &grades)]).contains("left or right"));
    }
}
