//! The sentences that a package says it was taught, as vectors.

use crate::error::Result;
use crate::generate::Familiarity;
use crate::package::known::KnownPrompts;
use crate::text::clip::ClipText;
use crate::text::sentence::{nearest, vectors};
use crate::text::tokenizer::Tokenizer;
use candle_core::Device;

/// Known sentences and their vectors.
pub(super) struct KnownSentences {
    told: KnownPrompts,
    vectors: Vec<Vec<f32>>,
}

impl KnownSentences {
    pub(super) fn new(
        told: KnownPrompts,
        tokenizer: &Tokenizer,
        tower: &ClipText,
        device: &Device,
    ) -> Result<Self> {
        let prompts: Vec<&str> = told.prompts.iter().map(String::as_str).collect();
        let vectors = vectors(tokenizer, tower, &prompts, device)?;
        Ok(Self { told, vectors })
    }

    /// How `prompt` stands to them.
    pub(super) fn familiarity(
        &self,
        prompt: &str,
        tokenizer: &Tokenizer,
        tower: &ClipText,
        device: &Device,
    ) -> Result<Option<Familiarity>> {
        let vector = vectors(tokenizer, tower, &[prompt], device)?;
        let found = vector.first().and_then(|vector| nearest(vector, self.vectors.iter().enumerate()));
        Ok(found.map(|(at, similarity)| Familiarity {
            near: similarity >= self.told.near,
            similarity,
            nearest: self.told.prompts[at].clone(),
        }))
    }
}
