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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_passes_is_within_the_bounds_and_comes_back(
            noise in "(near|prompts|more|[]= \\[\"',.0-9a-z\n-]){0,40}",
            near in any::<f32>(),
            prompts in prop::collection::vec(".{0,210}", 0..5),
        ) {
            let known = KnownPrompts { near, prompts };
            for read in [toml::from_str(&noise).ok(), Some(known)].into_iter().flatten() {
                if read.check().is_ok() {
                    prop_assert!((-1.0..=1.0).contains(&read.near) && (2..=MOST).contains(&read.prompts.len()));
                    prop_assert!(read.prompts.iter().all(|text| (1..=LONGEST).contains(&text.chars().count())));
                    let written = toml::to_string(&read).unwrap();
                    prop_assert_eq!(toml::from_str::<KnownPrompts>(&written).unwrap(), read);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let lines = |count: usize| vec!["they bow".to_owned(); count];
        let is_good = |near, prompts| KnownPrompts { near, prompts }.check().is_ok();
        assert!(is_good(0.8, lines(2)) && is_good(-1.0, lines(MOST)));
        assert!(!is_good(0.8, lines(1)) && !is_good(0.8, lines(MOST + 1)));
        assert!(![f32::NAN, f32::INFINITY, 1.1].iter().any(|&near| is_good(near, lines(2))));
        for bad in [String::new(), " ".into(), "a\u{7}".into(), "x".repeat(LONGEST + 1)] {
            assert!(!is_good(0.8, vec![bad, "they bow".into()]));
        }
    }
}
