//! What the transformer is told: a batch of texts as it leaves the text path.

use candle_core::{Result, Tensor};

/// A batch of texts, one row a clip.
#[derive(Clone, Debug)]
pub struct TextFeatures {
    sentence: Tensor,
    words: Option<Words>,
}

/// The single words of a batch of texts.
#[derive(Clone, Debug)]
struct Words {
    /// (B, M, text_dim): the text tower's last hidden states, M the longest text of the batch.
    hidden: Tensor,
    /// Tokens of each text up to and including its end; 0 where the text is dropped.
    counts: Vec<usize>,
}

impl TextFeatures {
    /// Sentence vectors (B, text_dim) alone, for models without word attention.
    pub fn of_sentences(sentence: &Tensor) -> Self {
        Self { sentence: sentence.clone(), words: None }
    }

    /// Adds the text tower's last hidden states (B, 77, text_dim) up to each text's end-of-text position.
    pub fn with_words(self, hidden: &Tensor, ends: &[u32]) -> Result<Self> {
        let counts: Vec<usize> = ends.iter().map(|end| *end as usize + 1).collect();
        // What lies behind the longest text would only be masked.
        let longest = counts.iter().copied().max().unwrap_or(1);
        let hidden = hidden.narrow(1, 0, longest)?.contiguous()?;
        Ok(Self { words: Some(Words { hidden, counts }), ..self })
    }

    /// Sentence vectors (B, text_dim), zero where the text is dropped.
    pub fn sentence(&self) -> &Tensor {
        &self.sentence
    }

    /// Hidden states (B, M, text_dim) and how many of each row are real, 0 where the text is dropped; if words were given.
    pub(super) fn words(&self) -> Option<(&Tensor, &[usize])> {
        self.words.as_ref().map(|words| (&words.hidden, &words.counts[..]))
    }

    /// The same with the flagged rows said nothing: neither a sentence nor words. `dropped` has one flag a row.
    pub fn dropped(&self, dropped: &[bool]) -> Result<Self> {
        let keep: Vec<f32> = dropped.iter().map(|dropped| if *dropped { 0.0 } else { 1.0 }).collect();
        let keep = Tensor::from_vec(keep, (dropped.len(), 1), self.sentence.device())?;
        let words = self.words.as_ref().map(|words| {
            let counts = words.counts.iter().zip(dropped).map(|(n, dropped)| if *dropped { 0 } else { *n });
            Words { hidden: words.hidden.clone(), counts: counts.collect() }
        });
        Ok(Self { sentence: self.sentence.broadcast_mul(&keep)?, words })
    }

    /// One text by itself, its words as many as it has.
    pub fn row(&self, row: usize) -> Result<Self> {
        let words = self.words.as_ref().map(|words| {
            let counts = words.counts.get(row..=row).unwrap_or_default().to_vec();
            let own = counts.first().copied().unwrap_or(0).max(1);
            Ok::<_, candle_core::Error>(Words {
                hidden: words.hidden.narrow(0, row, 1)?.narrow(1, 0, own)?.contiguous()?,
                counts,
            })
        });
        Ok(Self { sentence: self.sentence.narrow(0, row, 1)?.contiguous()?, words: words.transpose()? })
    }

    /// Both halves of a guided batch: the texts, then as many rows that say nothing.
    pub fn guided(&self) -> Result<Self> {
        let sentence = Tensor::cat(&[&self.sentence, &self.sentence.zeros_like()?], 0)?;
        let words = self.words.as_ref().map(|words| {
            let nothing = vec![0; words.counts.len()];
            let hidden = Tensor::cat(&[&words.hidden, &words.hidden], 0)?;
            Ok::<_, candle_core::Error>(Words { hidden, counts: [&words.counts[..], &nothing].concat() })
        });
        Ok(Self { sentence, words: words.transpose()? })
    }

    /// The same values, without a way back to what made them.
    pub fn detach(&self) -> Self {
        Self {
            sentence: self.sentence.detach(),
            words: self
                .words
                .as_ref()
                .map(|words| Words { hidden: words.hidden.detach(), counts: words.counts.clone() }),
        }
    }
}
