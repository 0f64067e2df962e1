//! Which clips of a composed training folder show what a prompt asks for, and which have nothing to do with it.
//!
//! A file of rules says it (`prompts/everyday-composed.toml` describes the format). Composed captions are true by construction, so
//! a caption that says "with the left hand" vouches for the left hand.

use super::prompt::Prompt;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The rules for the prompts that come with the program.
const EVERYDAY: &str = include_str!("../prompts/everyday-composed.toml");

/// Rules for a prompt file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    family: BTreeMap<String, Family>,
    #[serde(default)]
    prompt: BTreeMap<String, One>,
}

/// What is true of all prompts of a family.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    /// Kinds of clips that show it.
    clips: Vec<String>,
    /// What makes a clip of another kind not unrelated.
    akin: Vec<Term>,
}

/// What is true of one prompt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    /// In place of those of the family.
    clips: Option<Vec<String>>,
    /// All of them are in the captions.
    #[serde(default)]
    says: Vec<Term>,
    /// None of them is.
    #[serde(default)]
    never: Vec<Term>,
}

/// Beginnings of words, one of which is looked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Term(Vec<String>);

impl TryFrom<String> for Term {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let words: Vec<String> = text.split('|').map(|word| format!(" {}", word.to_lowercase())).collect();
        if words.iter().any(|word| word.trim().is_empty()) {
            return Err(format!("{text:?} looks for nothing"));
        }
        Ok(Self(words))
    }
}

impl Term {
    fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|word| text.contains(word))
    }
}

/// A clip as the rules see it.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Its name without the number: `handshake` of `handshake-00012`, `60_61` of `60_61_05-seg03`.
    pub kind: String,
    /// Kind and captions, in small letters and blanks only.
    text: String,
}

impl Labelled {
    /// From the name and the captions of a clip.
    pub fn new(id: &str, captions: &[String]) -> Self {
        let kind = kind(id);
        let text = std::iter::once(kind).chain(captions.iter().map(String::as_str)).fold(
            " ".to_owned(),
            |mut text, part| {
                text.extend(part.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }));
                // Captions are apart: no term reaches from one into the next.
                text.push_str(" . ");
                text
            },
        );
        let text = text
            .split(' ')
            .filter(|word| !word.is_empty())
            .fold(" ".to_owned(), |text, word| text + word + " ");
        Self { kind: kind.to_owned(), text }
    }
}

/// A composed clip is named after its kind and its number, a captured one after subjects and take.
fn kind(id: &str) -> &str {
    match id.rsplit_once('-') {
        Some((kind, number)) if !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) => kind,
        _ => id.match_indices('_').nth(1).map_or(id, |(end, _)| &id[..end]),
    }
}

impl Rules {
    /// The rules for the set of prompts that comes with the program.
    ///
    /// # Errors
    /// None but faults of ours: the rules are tested.
    pub fn everyday() -> Result<Self> {
        Self::parse(EVERYDAY)
    }

    /// Read rules.
    ///
    /// # Errors
    /// `examples_file`.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|error| Error::invalid("examples_file", format!("not a file of examples: {error}")))
    }

    /// Every rule is about a prompt or a family that there is, and every family has its rules.
    ///
    /// # Errors
    /// `examples_file`.
    pub fn check(&self, prompts: &[Prompt]) -> Result<()> {
        let ids: BTreeSet<&str> = prompts.iter().map(|prompt| prompt.id.as_str()).collect();
        let families: BTreeSet<&str> = prompts.iter().map(|prompt| prompt.family.as_str()).collect();
        let unknown = self
            .prompt
            .keys()
            .find(|id| !ids.contains(id.as_str()))
            .or_else(|| self.family.keys().find(|family| !families.contains(family.as_str())));
        if let Some(name) = unknown {
            return Err(Error::invalid("examples_file", format!("there is no prompt or family {name:?}")));
        }
        match families.iter().find(|family| !self.family.contains_key(**family)) {
            Some(family) => {
                Err(Error::invalid("examples_file", format!("there are no rules for the family {family:?}")))
            }
            None => Ok(()),
        }
    }

    /// Whether the clip shows what the prompt asks for.
    pub fn shows(&self, prompt: &Prompt, clip: &Labelled) -> bool {
        let one = self.prompt.get(&prompt.id);
        let kinds = self.kinds(prompt);
        kinds.contains(&clip.kind)
            && one.is_none_or(|one| {
                one.says.iter().all(|term| term.is_in(&clip.text))
                    && !one.never.iter().any(|term| term.is_in(&clip.text))
            })
    }

    /// Whether the clip has nothing to do with the prompt.
    pub fn unrelated(&self, prompt: &Prompt, clip: &Labelled) -> bool {
        !self.kinds(prompt).contains(&clip.kind)
            && self.family.get(&prompt.family).is_some_and(|family| {
                !family.clips.contains(&clip.kind) && !family.akin.iter().any(|term| term.is_in(&clip.text))
            })
    }

    fn kinds(&self, prompt: &Prompt) -> &[String] {
        let own = self.prompt.get(&prompt.id).and_then(|one| one.clips.as_deref());
        own.or_else(|| self.family.get(&prompt.family).map(|family| family.clips.as_slice()))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::prompt::everyday;
    use super::*;

    fn clip(id: &str, captions: &[&str]) -> Labelled {
        Labelled::new(id, &captions.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_tell_kinds() {
        for (id, expected) in [
            ("high-five-00012", "high-five"),
            ("wave-7", "wave"),
            ("60_61_05-seg03", "60_61"),
            ("60_61_05", "60_61"),
            ("someone's", "someone's"),
        ] {
            assert_eq!(kind(id), expected);
        }
    }

    #[test]
    fn terms_are_beginnings_of_words_or_whole_words() {
        let text = clip("wave-1", &["One person, waving the LEFT hand.", "handy"]).text;
        let found = |term: &str| Term::try_from(term.to_owned()).unwrap().is_in(&text);
        assert!(found("wav") && found("left ") && found("right|left") && found("hand "));
        assert!(!found("lef ") && !found("aving") && !found("hand handy"));
        assert!(Term::try_from("left|".to_owned()).is_err());
    }

    #[test]
    fn the_rules_that_come_along_fit_the_prompts() {
        let (rules, prompts) = (Rules::everyday().unwrap(), everyday().unwrap());
        rules.check(&prompts).unwrap();
        let named = |id: &str| prompts.iter().find(|prompt| prompt.id == id).unwrap();
        let left = clip("wave-00001", &["one person waves the left hand", "someone waves"]);
        assert!(rules.shows(named("wave-1"), &left) && !rules.shows(named("wave-2"), &left));
        assert!(!rules.unrelated(named("wave-2"), &left), "a wave, if of the other hand");
        assert!(rules.unrelated(named("wave-2"), &clip("push-00002", &["a push"])));
        assert!(!rules.unrelated(named("wave-2"), &clip("box-00002", &["they box, then one waves"])));
    }

    #[test]
    fn rules_for_what_is_not_there_are_refused() {
        let prompts = everyday().unwrap();
        let everything = EVERYDAY.to_owned();
        for bad in ["[prompt.nod-77]\nsays = [\"nod\"]", "[family.nod]\nclips = []\nakin = []"] {
            let rules = Rules::parse(&format!("{everything}\n{bad}")).unwrap();
            assert_eq!(rules.check(&prompts).unwrap_err().code(), "examples_file", "{bad}");
        }
        assert!(Rules::parse("[family.nod]\nclips = []\nakin = []").unwrap().check(&prompts).is_err());
        assert!(Rules::parse("[prompt.nod]\ncolour = 1").is_err());
    }
}
