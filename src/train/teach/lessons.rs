//! What the teacher says of the vocabulary's words and of the corpus' sentences, asked once and kept beside the run.

use super::corpus::Corpus;
use super::measure::Paraphrases;
use super::pca::Components;
use super::teacher::{Teacher, WIDTH};
use crate::error::{Error, Result};
use crate::text::tokenizer::{Tokenizer, VOCABULARY};
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::Path;

/// Deviation of the token table's numbers. CLIP starts at 0.02; larger, so that a later training's steps, which are as large
/// for every number, do not wash the meanings out.
const DEVIATION: f64 = 0.1;
/// A piece inside a word has to be this long to mean something.
const PIECE_LETTERS: usize = 3;

/// The teacher's answers.
pub struct Lessons {
    /// CLIP ids whose entry the teacher was asked for, ascending.
    asked: Vec<u32>,
    /// Those of them that are whole words.
    pub words: Vec<u32>,
    /// (asked, 384), unit length.
    word_vectors: Tensor,
    /// (sentences, 384), unit length: the corpus', then those of the paraphrase test.
    pub sentences: Tensor,
}

impl Lessons {
    /// Ask the teacher; `told` hears what part is being asked and how much of it is done.
    ///
    /// # Errors
    /// From the teacher.
    pub fn ask(teacher: &Teacher, corpus: &Corpus, mut told: impl FnMut(&str, usize, usize)) -> Result<Self> {
        let (asked, texts): (Vec<u32>, Vec<String>) =
            meaningful().into_iter().map(|(id, text, _)| (id, text)).unzip();
        let word_vectors = teacher.embed(&texts, |done| told("words", done, texts.len()))?;
        let sentences = all_sentences(corpus)?;
        let sentences = teacher.embed(&sentences, |done| told("sentences", done, sentences.len()))?;
        Ok(Self { words: whole_words(), asked, word_vectors, sentences })
    }

    /// Keep the answers at `path`, in half precision.
    ///
    /// # Errors
    /// From the disk.
    pub fn save(&self, path: &Path) -> Result<()> {
        let half = |t: &Tensor| t.to_dtype(DType::F16);
        let tensors = HashMap::from([
            ("words".to_owned(), half(&self.word_vectors)?),
            ("sentences".to_owned(), half(&self.sentences)?),
        ]);
        Ok(candle_core::safetensors::save(&tensors, path)?)
    }

    /// Answers that [`Lessons::save`] kept for the same corpus.
    ///
    /// # Errors
    /// `teacher_answers` when they are of another corpus or damaged.
    pub fn load(path: &Path, corpus: &Corpus, device: &Device) -> Result<Self> {
        let other = || {
            let message =
                format!("{} is not of this run; start a new one with another --out", path.display());
            Error::corrupt("teacher_answers", message)
        };
        let tensors = candle_core::safetensors::load(path, device).map_err(|e| other().with_source(e))?;
        let get = |name: &str, rows: usize| -> Result<Tensor> {
            let tensor = tensors.get(name).filter(|t| t.dims() == [rows, WIDTH]).ok_or_else(other)?;
            Ok(tensor.to_dtype(DType::F32)?)
        };
        let asked: Vec<u32> = meaningful().into_iter().map(|(id, ..)| id).collect();
        let word_vectors = get("words", asked.len())?;
        let sentences = get("sentences", all_sentences(corpus)?.len())?;
        Ok(Self { words: whole_words(), asked, word_vectors, sentences })
    }

    /// The token table (49408, width) that these words make, and the share of their variance that it keeps. Rows of entries
    /// that mean nothing alone are zero.
    ///
    /// # Errors
    /// `pca_size` for a width over 384.
    pub fn table(&self, width: usize) -> Result<(Tensor, f64)> {
        let components = Components::of(&self.word_vectors, width)?;
        let reduced = components.reduce(&self.word_vectors)?;
        let deviation = f64::from(reduced.sqr()?.mean_all()?.to_scalar::<f32>()?).sqrt().max(1e-12);
        let values = (reduced * (DEVIATION / deviation))?.flatten_all()?.to_vec1::<f32>()?;
        let mut table = vec![0f32; VOCABULARY * width];
        for (id, row) in self.asked.iter().zip(values.chunks_exact(width)) {
            table[*id as usize * width..][..width].copy_from_slice(row);
        }
        Ok((Tensor::from_vec(table, (VOCABULARY, width), self.sentences.device())?, components.kept))
    }

    /// What the teacher says of words (CLIP ids out of [`Lessons::words`]): (N, 384).
    ///
    /// # Errors
    /// From the tensor library.
    pub fn of_words(&self, ids: &[u32]) -> Result<Tensor> {
        let rows: Vec<u32> = ids.iter().map(|id| self.asked.binary_search(id).unwrap_or(0) as u32).collect();
        let rows = Tensor::from_vec(rows, ids.len(), self.word_vectors.device())?;
        Ok(self.word_vectors.index_select(&rows, 0)?)
    }
}

/// The corpus' sentences and then the paraphrase test's.
fn all_sentences(corpus: &Corpus) -> Result<Vec<String>> {
    let mut all = corpus.texts.clone();
    all.extend(Paraphrases::load()?.sentences().map(str::to_owned));
    Ok(all)
}

/// Entries of CLIP's vocabulary that mean something by themselves: id, letters, whether it is a whole word.
fn meaningful() -> Vec<(u32, String, bool)> {
    let entries = Tokenizer::clip().entries().into_iter().enumerate();
    entries
        .filter_map(|(id, entry)| {
            let (text, ends) = entry?;
            let letters = text.chars().all(|c| c.is_ascii_alphabetic());
            let long = text.len() >= if ends { 1 } else { PIECE_LETTERS };
            (letters && long).then_some((id as u32, text, ends))
        })
        .collect()
}

fn whole_words() -> Vec<u32> {
    meaningful().into_iter().filter(|(_, text, ends)| *ends && text.len() > 1).map(|(id, ..)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_words_where_the_tokenizer_looks_for_them() {
        let entries = meaningful();
        let asked: Vec<u32> = entries.iter().map(|(id, ..)| *id).collect();
        // A stand-in for the teacher: every word has the vector of its first letter.
        let vectors: Vec<f32> = entries
            .iter()
            .flat_map(|(_, text, _)| {
                let letter = text.bytes().next().unwrap_or(b'a').to_ascii_lowercase();
                (0..WIDTH).map(move |i| ((i * usize::from(letter)) as f32).sin())
            })
            .collect();
        let word_vectors = Tensor::from_vec(vectors, (asked.len(), WIDTH), &Device::Cpu).unwrap();
        let sentences = Tensor::zeros((1, WIDTH), DType::F32, &Device::Cpu).unwrap();
        let lessons = Lessons { asked, words: whole_words(), word_vectors, sentences };
        let (table, kept) = lessons.table(32).unwrap();
        assert!(kept > 0.99, "26 letters fit into 32 numbers: {kept}");
        let row = |word: &str| {
            let id = Tokenizer::clip().ids(word)[0];
            assert!(lessons.words.contains(&id));
            table.get(id as usize).unwrap().to_vec1::<f32>().unwrap()
        };
        let gap =
            |a: &str, b: &str| row(a).iter().zip(row(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(gap("hug", "hand") < 1e-3 && gap("hug", "push") > 1e-2);
        let end = table.get(VOCABULARY - 1).unwrap().abs().unwrap().max(0).unwrap();
        assert_eq!(end.to_scalar::<f32>().unwrap(), 0.0);
    }
}
