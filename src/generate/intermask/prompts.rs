//! From a prompt to what the transformer is told, worked out once for prompts that come again.

use super::known::KnownSentences;
use super::memory::{Memory, Recalled};
use crate::error::Result;
use crate::generate::Familiarity;
use crate::models::inter_m::{InterM, TextFeatures};
use crate::nn::dropout::Keep;
use crate::text::clip::{ClipText, end_positions};
use crate::text::tokenizer::Tokenizer;
use candle_core::{Device, Tensor};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Prompts whose features are kept: at the official model's size about 40 kB each with words.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// The text path: tokenizer, tower, the sentences that the model was taught, and what was lately asked.
pub(super) struct Prompts {
    tokenizer: Tokenizer,
    tower: ClipText,
    known: Option<KnownSentences>,
    device: Device,
    /// By token ids as the tower reads them: what is spelled differently may be the same to it, and what it cuts off does not count.
    kept: Mutex<LruCache<Vec<u32>, Arc<Told>>>,
}

/// What is made of a prompt.
pub(super) struct Told {
    /// One row.
    pub features: TextFeatures,
    /// Worked out when somebody asks for it: edits do not.
    familiarity: OnceLock<Option<Familiarity>>,
    /// Likewise.
    recalled: OnceLock<Option<Recalled>>,
}

impl Prompts {
    pub(super) fn new(
        tokenizer: Tokenizer,
        tower: ClipText,
        known: Option<KnownSentences>,
        device: &Device,
    ) -> Self {
        let kept = Mutex::new(LruCache::new(KEPT));
        Self { tokenizer, tower, known, device: device.clone(), kept }
    }

    /// What `model` is told of `prompt`, and whether the prompt was longer than the encoder reads.
    pub(super) fn told(&self, prompt: &str, model: &InterM) -> Result<(Arc<Told>, bool)> {
        let encoded = self.tokenizer.encode(prompt);
        let kept = self.kept().get(&encoded.ids).cloned();
        let told = match kept {
            Some(told) => told,
            None => {
                // Not under the lock: two that come with the same new prompt at once both work it out, with the same numbers.
                let features = self.features(&encoded.ids, model)?;
                let told =
                    Arc::new(Told { features, familiarity: OnceLock::new(), recalled: OnceLock::new() });
                self.kept().put(encoded.ids, told.clone());
                told
            }
        };
        Ok((told, encoded.truncated))
    }

    /// How `prompt`, of which `told` was made, stands to what the model was taught; `None` where that is not known.
    pub(super) fn familiarity(&self, prompt: &str, told: &Told) -> Result<Option<Familiarity>> {
        let Some(known) = &self.known else { return Ok(None) };
        if let Some(familiarity) = told.familiarity.get() {
            return Ok(familiarity.clone());
        }
        let familiarity = known.familiarity(prompt, &self.tokenizer, &self.tower, &self.device)?;
        // Refused is what another thread has found meanwhile: the same.
        let _ = told.familiarity.set(familiarity.clone());
        Ok(familiarity)
    }

    /// What `prompt`, of which `told` was made, brings to mind out of `memory`, which is always the same.
    pub(super) fn recalled(&self, prompt: &str, told: &Told, memory: &Memory) -> Result<Option<Recalled>> {
        if let Some(recalled) = told.recalled.get() {
            return Ok(*recalled);
        }
        let recalled = memory.recall(prompt, &self.tokenizer)?;
        let _ = told.recalled.set(recalled);
        Ok(recalled)
    }

    fn features(&self, ids: &[u32], model: &InterM) -> Result<TextFeatures> {
        let ids = Tensor::from_slice(ids, (1, ids.len()), &self.device)?;
        let hidden = self.tower.forward(&ids, &mut ())?;
        Ok(model.text(&hidden, &end_positions(&ids)?, &mut Keep)?)
    }

    /// No code that can panic runs under the lock.
    fn kept(&self) -> MutexGuard<'_, LruCache<Vec<u32>, Arc<Told>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.kept().clear();
    }
}
