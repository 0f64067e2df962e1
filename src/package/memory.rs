//! What a package says of the clips it remembers: motion that generations of sentences near its own start from.
//!
//! Two files belong to it. The `memory` part holds clips as token maps, grouped by what happens in them, and vectors of the sentences that
//! tell of them; the `reader` part is the text tower that made those vectors.

use super::dimensions;
use super::manifest::bad;
use crate::error::Result;
use crate::models::config::ClipTextConfig;
use serde::{Deserialize, Serialize};

/// Most clips and sentences, so that a lying file cannot ask for the moon.
const MOST: usize = 1 << 20;

/// Sizes and defaults of a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Share of a remembered clip's tokens that stay where a request does not say, 0..=1; the model draws the others.
    pub share: f64,
    /// Cosine of a prompt to the nearest remembered sentence from which on the memory is used.
    pub near: f64,
    /// Different things that happen.
    pub scenes: usize,
    /// Clips, ordered by what happens in them.
    pub clips: usize,
    /// Token frames of all clips together.
    pub tokens: usize,
    /// Sentences, ordered by what they tell of.
    pub sentences: usize,
    /// Numbers of a sentence's vector.
    pub key: usize,
    /// Bytes of all sentences together.
    pub letters: usize,
    /// Dimensions of the tower that reads prompts for the memory.
    pub reader: ClipTextConfig,
}

impl Memory {
    /// Check every number against its range and the others.
    pub(super) fn check(&self) -> Result<()> {
        for (field, share) in [("share", self.share), ("near", self.near)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(bad(format!("memory.{field} must lie in 0 to 1")));
            }
        }
        dimensions::range("memory.clips", self.clips, 1, MOST)?;
        dimensions::range("memory.scenes", self.scenes, 1, self.clips)?;
        dimensions::range("memory.tokens", self.tokens, self.clips, MOST * 8)?;
        dimensions::range("memory.sentences", self.sentences, self.scenes, MOST)?;
        dimensions::range("memory.letters", self.letters, self.sentences, MOST * 64)?;
        dimensions::range("memory.key", self.key, 1, self.reader.width)?;
        dimensions::validate_text(&self.reader)
    }
}
