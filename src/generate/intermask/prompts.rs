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
    /// What the model remembers; it knows better than the known sentences what is near.
    memory: Option<Memory>,
    device: Device,
    /// By token ids as the tower reads them: what is spelled differently may be the same to it, and what it cuts off does not count.
    kept: Mutex<LruCache<Vec<u32>, Arc<Told>>>,
}

/// What is made of a prompt.
pub(super) struct Told {
    /// One row.
    pub features: TextFeatures,
    /// Worked out when somebody asks for it: edits do not.
    standing: OnceLock<Standing>,
}

/// How a prompt stands to what the model was taught.
#[derive(Clone, Default)]
pub(super) struct Standing {
    /// `None` where the model does not say what it was taught.
    pub familiarity: Option<Familiarity>,
    /// What it brings to mind; `None` without a memory, and far from all it holds.
    pub recalled: Option<Recalled>,
}

impl Prompts {
    pub(super) fn new(
        tokenizer: Tokenizer,
        tower: ClipText,
        known: Option<KnownSentences>,
        memory: Option<Memory>,
        device: &Device,
    ) -> Self {
        let kept = Mutex::new(LruCache::new(KEPT));
        Self { tokenizer, tower, known, memory, device: device.clone(), kept }
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
                let told = Arc::new(Told { features, standing: OnceLock::new() });
                self.kept().put(encoded.ids, told.clone());
                told
            }
        };
        Ok((told, encoded.truncated))
    }

    /// What the model remembers.
    pub(super) fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// How `prompt`, of which `told` was made, stands to what the model was taught.
    pub(super) fn standing(&self, prompt: &str, told: &Told) -> Result<Standing> {
        if let Some(standing) = told.standing.get() {
            return Ok(standing.clone());
        }
        let standing = match (&self.memory, &self.known) {
            (Some(memory), _) => memory.recall(prompt, &self.tokenizer)?,
            (None, Some(known)) => Standing {
                familiarity: known.familiarity(prompt, &self.tokenizer, &self.tower, &self.device)?,
                recalled: None,
            },
            (None, None) => Standing::default(),
        };
        // Refused is what another thread has found meanwhile: the same.
        let _ = told.standing.set(standing.clone());
        Ok(standing)
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
