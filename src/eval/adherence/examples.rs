//! Which clips of a composed training folder show what a prompt asks for, and which have nothing to do with it.
//!
//! A file of rules says it (`prompts/everyday-composed.toml` describes the format). Composed captions are true by construction, so
//! a caption that says "with the left hand" vouches for the left hand. Captions of both people together do not say whose hand;
//! those of one person do, which a composed folder has beside them.

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
    /// True of the captions of both people together.
    #[serde(default)]
    says: Vec<Term>,
    /// True of the captions of one of the people.
    #[serde(default)]
    one: Vec<Term>,
    /// True of the captions of the other one.
    #[serde(default)]
    other: Vec<Term>,
    /// True of the captions of either.
    #[serde(default)]
    both: Vec<Term>,
}

/// Beginnings of words, one of which is in a text, or none of which is.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Term {
    words: Vec<String>,
    absent: bool,
}

impl TryFrom<String> for Term {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let (words, absent) = text.strip_prefix('!').map_or((text.as_str(), false), |words| (words, true));
        let words: Vec<String> = words.split('|').map(|word| format!(" {}", word.to_lowercase())).collect();
        if words.iter().any(|word| word.trim().is_empty()) {
            return Err(format!("{text:?} looks for nothing"));
        }
        Ok(Self { words, absent })
    }
}

impl Term {
    fn is_true_of(&self, text: &str) -> bool {
        self.words.iter().any(|word| text.contains(word)) != self.absent
    }
}

fn all(terms: &[Term], text: &str) -> bool {
    terms.iter().all(|term| term.is_true_of(text))
}

/// A clip as the rules see it.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Its name without the number: `handshake` of `handshake-00012`, `60_61` of `60_61_05-seg03`.
    pub kind: String,
    /// Kind and captions, in small letters and blanks only.
    text: String,
    /// The captions of each person, likewise; empty where there are none.
    alone: [String; 2],
}

impl Labelled {
    /// From the name of a clip, its captions, and those of each person.
    pub fn new(id: &str, captions: &[String], alone: [&[String]; 2]) -> Self {
        let kind = kind(id);
        let words = |captions: &[String]| plain(captions.iter().map(String::as_str));
        Self {
            kind: kind.to_owned(),
            text: plain(std::iter::once(kind).chain(captions.iter().map(String::as_str))),
            alone: alone.map(words),
        }
    }

    /// Whether any of the captions says so.
    fn mentions(&self, term: &Term) -> bool {
        term.is_true_of(&self.text) || self.alone.iter().any(|text| term.is_true_of(text))
    }
}

/// Words between single blanks, with a full stop after each caption: no term reaches from one into the next.
fn plain<'a>(captions: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for caption in captions {
        text.extend(caption.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }));
        text.push_str(" . ");
    }
    let words = text.split(' ').filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |text, word| text + word + " ")
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
        let Some(one) = self.prompt.get(&prompt.id) else { return self.kinds(prompt).contains(&clip.kind) };
        let [first, second] = &clip.alone;
        let cast = |a: &str, b: &str| all(&one.one, a) && all(&one.other, b);
        self.kinds(prompt).contains(&clip.kind)
            && all(&one.says, &clip.text)
            && (cast(first, second) || cast(second, first))
            && clip.alone.iter().all(|text| all(&one.both, text))
    }

    /// Whether the clip has nothing to do with the prompt.
    pub fn unrelated(&self, prompt: &Prompt, clip: &Labelled) -> bool {
        !self.kinds(prompt).contains(&clip.kind)
            && self.family.get(&prompt.family).is_some_and(|family| {
                !family.clips.contains(&clip.kind) && !family.akin.iter().any(|term| clip.mentions(term))
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

    /// A clip with captions of both people, of the first and of the second.
    fn clip(id: &str, captions: [&[&str]; 3]) -> Labelled {
        let [both, first, second] =
            captions.map(|texts| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        Labelled::new(id, &both, [&first, &second])
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
        let text = clip("wave-1", [&["One person, waving the LEFT hand.", "handy"], &[], &[]]).text;
        let found = |term: &str| Term::try_from(term.to_owned()).unwrap().is_true_of(&text);
        assert!(found("wav") && found("left ") && found("right|left") && found("hand "));
        assert!(!found("lef ") && !found("aving") && !found("hand handy"));
        assert!(found("!right") && found("!right|up") && !found("!right|left"));
        assert!(["left|", "!", ""].iter().all(|term| Term::try_from((*term).to_owned()).is_err()));
    }

    #[test]
    fn what_each_one_does_is_told_apart() {
        let wave = "[family.wave]\nclips = [\"wave\"]\nakin = [\"wav\"]\n[prompt.wave-1]\n";
        let shows = |rule: &str, clip: &Labelled| {
            let prompts = everyday().unwrap();
            let prompt = prompts.iter().find(|prompt| prompt.id == "wave-1").unwrap();
            Rules::parse(&format!("{wave}{rule}")).unwrap().shows(prompt, clip)
        };
        let told = clip("wave-1", [&["they wave"], &["waves the left hand"], &["waves the right hand"]]);
        let turned = clip("wave-1", [&["they wave"], &["waves the right hand"], &["waves the left hand"]]);
        for clip in [&told, &turned] {
            assert!(shows("one = [\"left \"]\nother = [\"right \"]", clip));
            assert!(!shows("one = [\"left \", \"right \"]", clip));
            assert!(!shows("both = [\"left \"]", clip) && shows("both = [\"wav\", \"!foot\"]", clip));
        }
        let untold = clip("wave-1", [&["they wave their left hands"], &[], &[]]);
        assert!(!shows("one = [\"left \"]", &untold) && shows("says = [\"left \"]", &untold));
    }

    #[test]
    fn the_rules_that_come_along_fit_the_prompts() {
        let (rules, prompts) = (Rules::everyday().unwrap(), everyday().unwrap());
        rules.check(&prompts).unwrap();
        let named = |id: &str| prompts.iter().find(|prompt| prompt.id == id).unwrap();
        let left = clip(
            "wave-00001",
            [&["someone waves"], &["one person waves the left hand"], &["someone stands"]],
        );
        assert!(rules.shows(named("wave-1"), &left) && !rules.shows(named("wave-2"), &left));
        assert!(!rules.unrelated(named("wave-2"), &left), "a wave, if of the other hand");
        let plain = |id: &str, caption: &str| clip(id, [&[caption], &[], &[]]);
        assert!(rules.unrelated(named("wave-2"), &plain("push-00002", "a push")));
        assert!(!rules.unrelated(named("wave-2"), &plain("box-00002", "they box, then one waves")));
        let aside = clip("box-00002", [&["they box"], &["boxes"], &["waves"]]);
        assert!(!rules.unrelated(named("wave-2"), &aside), "one of the two waves");
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
