//! What a package says of the sentences it was taught, so that a prompt far from all of them can be told apart.

use serde::{Deserialize, Serialize};

/// Most sentences of a package.
const MOST: usize = 400;
/// Longest sentence, characters.
const LONGEST: usize = 200;

/// Sentences that stand for all a model was taught, and how near to one of them a prompt must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownPrompts {
    /// Cosine of sentence vectors ([`crate::text::sentence`]) from which on a prompt counts as known.
    pub near: f32,
    /// The sentences.
    pub prompts: Vec<String>,
}

impl KnownPrompts {
    /// What is wrong with them, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let usable = |text: &String| {
            !text.trim().is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
        };
        if !(2..=MOST).contains(&self.prompts.len()) || !self.prompts.iter().all(usable) {
            return Err(format!("known.prompts are 2 to {MOST} lines of 1 to {LONGEST} characters"));
        }
        if !(-1.0..=1.0).contains(&self.near) {
            return Err("known.near is a cosine, -1 to 1".to_owned());
        }
        Ok(())
    }
}
