//! The word lists behind the sentences that teach the text tower, and the few forms of English verbs they need.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::HashMap;

/// The committed lists.
const LISTS: &str = include_str!("words.toml");
/// Prepositions (and the like) after which the object stands at the end: "wave at somebody".
const HANGING: &[&str] = &[
    "to", "at", "of", "for", "from", "with", "on", "in", "around", "behind", "past", "after", "before",
    "over", "toward", "beside", "against", "by", "onto", "into", "as",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    irregular: String,
    act: String,
    mutual: String,
    solo: String,
    limb: String,
    limbs: String,
    touch: String,
    place: String,
    toward: String,
    away: String,
    manner: String,
    thing: String,
    give: String,
    pairs: String,
    someone: String,
    both: String,
}

/// An action in the forms that sentences need, split where its object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// "push", "pushes", "pushed", "pushing".
    forms: [String; 4],
    /// Between verb and object.
    before: String,
    /// After the object.
    after: String,
    /// The object may become the subject of a passive sentence.
    pub passive: bool,
}

/// Which form of the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// push
    Base = 0,
    /// pushes
    Third = 1,
    /// pushed
    Participle = 2,
    /// pushing
    Ing = 3,
}

impl Action {
    /// The verb with `object` in its place; an empty object leaves none.
    pub fn with(&self, form: Form, object: &str) -> String {
        let parts = [self.forms[form as usize].as_str(), &self.before, object, &self.after];
        parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
    }
}

/// Things that can be said in several ways, each way an action.
pub type Synonyms = Vec<Action>;

/// The lists, ready for use. The outer index is what is meant, the inner one how it is said.
pub struct Words {
    /// One person to the other.
    pub acts: Vec<Synonyms>,
    /// Both alike, and the noun for it.
    pub mutual: Vec<(Synonyms, String)>,
    /// Alone.
    pub solo: Vec<Synonyms>,
    /// With one's own limb.
    pub limb: Vec<Synonyms>,
    /// Limbs that have a side.
    pub limbs: Vec<Vec<String>>,
    /// To the other with a limb, and the limbs that can do it.
    pub touch: Vec<(Action, Vec<String>)>,
    /// Where the other is touched.
    pub places: Vec<Vec<String>>,
    /// Toward the other.
    pub toward: Vec<Synonyms>,
    /// Away from the other, row by row the opposite of `toward`.
    pub away: Vec<Synonyms>,
    /// How.
    pub manner: Vec<Vec<String>>,
    /// What is handed over.
    pub things: Vec<Vec<String>>,
    /// Ways of handing over.
    pub give: Vec<Synonyms>,
    /// Two people who can be told apart.
    pub pairs: Vec<Vec<[String; 2]>>,
    /// Two people who cannot.
    pub someone: Vec<[String; 2]>,
    /// The two as one subject.
    pub both: Vec<String>,
}

impl Words {
    /// The committed lists.
    ///
    /// # Errors
    /// `word_list` where a line does not have its list's form.
    pub fn load() -> Result<Self> {
        let raw: Raw = toml::from_str(LISTS).map_err(|e| broken(&e.to_string()))?;
        let irregular: HashMap<&str, [String; 4]> = lines(&raw.irregular)
            .map(|line| {
                let forms: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                let forms: [String; 4] = forms.try_into().map_err(|_| broken(line))?;
                Ok((line.split(' ').next().unwrap_or(line), forms))
            })
            .collect::<Result<_>>()?;
        let action = |text: &str| inflect(text, &irregular);
        let actions = |text: &str| -> Vec<Synonyms> {
            lines(text).map(|line| split(line).map(action).collect()).collect()
        };
        let ending = |text: &str| -> Vec<Synonyms> {
            lines(text).map(|line| split(line).map(|text| at_end(action(text))).collect()).collect()
        };
        let texts = |text: &str| -> Vec<Vec<String>> {
            lines(text).map(|line| split(line).map(str::to_owned).collect()).collect()
        };
        let words = Self {
            acts: actions(&raw.act),
            mutual: lines(&raw.mutual)
                .map(|line| {
                    let (verbs, noun) = line.split_once('=').ok_or_else(|| broken(line))?;
                    Ok((split(verbs).map(action).collect(), noun.trim().to_owned()))
                })
                .collect::<Result<_>>()?,
            solo: ending(&raw.solo),
            limb: actions(&raw.limb),
            limbs: texts(&raw.limbs),
            touch: lines(&raw.touch)
                .map(|line| {
                    let (verb, limbs) = line.split_once('=').ok_or_else(|| broken(line))?;
                    Ok((action(verb.trim()), split(limbs).map(str::to_owned).collect()))
                })
                .collect::<Result<_>>()?,
            places: texts(&raw.place),
            toward: ending(&raw.toward),
            away: ending(&raw.away),
            manner: texts(&raw.manner),
            things: texts(&raw.thing),
            give: actions(&raw.give),
            pairs: lines(&raw.pairs).map(|line| split(line).map(pair).collect()).collect::<Result<_>>()?,
            someone: lines(&raw.someone).map(pair).collect::<Result<_>>()?,
            both: lines(&raw.both).map(str::to_owned).collect(),
        };
        if words.toward.len() != words.away.len() {
            return Err(broken("toward and away must have the same number of lines"));
        }
        Ok(words)
    }
}

/// Every word that stands in the lists as it is written there.
#[cfg(test)]
pub fn listed() -> std::collections::BTreeSet<String> {
    LISTS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(|c: char| !c.is_alphabetic()))
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect()
}

fn broken(what: &str) -> Error {
    Error::internal("word_list", format!("words.toml: {what}"))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn split(line: &str) -> impl Iterator<Item = &str> {
    line.split(';').map(str::trim).filter(|text| !text.is_empty())
}

fn pair(text: &str) -> Result<[String; 2]> {
    let (a, b) = text.split_once(" / ").ok_or_else(|| broken(text))?;
    Ok([a.trim().to_owned(), b.trim().to_owned()])
}

/// An action whose object, if any, comes last.
fn at_end(action: Action) -> Action {
    let before = [action.before, action.after].concat();
    Action { before, after: String::new(), passive: false, ..action }
}

fn inflect(text: &str, irregular: &HashMap<&str, [String; 4]>) -> Action {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let forms = irregular
        .get(verb)
        .cloned()
        .unwrap_or_else(|| [verb.to_owned(), third(verb), past(verb), progressive(verb)]);
    let (before, after) = match rest.split_once('~') {
        Some((before, after)) => (before.trim(), after.trim()),
        None if rest.rsplit(' ').next().is_some_and(|last| HANGING.contains(&last)) => (rest, ""),
        None => ("", rest),
    };
    let passive = before.is_empty() || !before.contains(' ');
    Action { forms, before: before.to_owned(), after: after.to_owned(), passive }
}

fn vowel(c: char) -> bool {
    "aeiou".contains(c)
}

/// "hug", "pat", "stop": one vowel before one consonant in a word of one syllable, which is doubled.
fn doubles(verb: &str) -> bool {
    let c: Vec<char> = verb.chars().collect();
    let n = c.len();
    n >= 3
        && !vowel(c[n - 1])
        && !"wxy".contains(c[n - 1])
        && vowel(c[n - 2])
        && !vowel(c[n - 3])
        && c[..n - 2].iter().all(|c| !vowel(*c))
}

/// "carry", "try": the y becomes i.
fn ends_in_soft_y(verb: &str) -> bool {
    verb.ends_with('y') && !verb.chars().rev().nth(1).is_some_and(vowel)
}

fn third(verb: &str) -> String {
    if ends_in_soft_y(verb) {
        return format!("{}ies", &verb[..verb.len() - 1]);
    }
    let hisses = ["s", "sh", "ch", "x", "z", "o"].iter().any(|end| verb.ends_with(end));
    format!("{verb}{}", if hisses { "es" } else { "s" })
}

fn past(verb: &str) -> String {
    if ends_in_soft_y(verb) {
        return format!("{}ied", &verb[..verb.len() - 1]);
    }
    suffixed(verb, "ed")
}

fn progressive(verb: &str) -> String {
    suffixed(verb, "ing")
}

fn suffixed(verb: &str, suffix: &str) -> String {
    let silent_e = verb.ends_with('e') && !verb.ends_with("ee") && !verb.ends_with("oe");
    match verb.chars().last() {
        Some(_) if silent_e => format!("{}{suffix}", &verb[..verb.len() - 1]),
        Some('e') if suffix == "ed" => format!("{verb}d"),
        Some(last) if doubles(verb) => format!("{verb}{last}{suffix}"),
        _ => format!("{verb}{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_take_their_forms() {
        let none = HashMap::new();
        let forms = |verb: &str| inflect(verb, &none).forms;
        assert_eq!(forms("hug"), ["hug", "hugs", "hugged", "hugging"]);
        assert_eq!(forms("push"), ["push", "pushes", "pushed", "pushing"]);
        assert_eq!(forms("salute"), ["salute", "salutes", "saluted", "saluting"]);
        assert_eq!(forms("bury"), ["bury", "buries", "buried", "burying"]);
        assert_eq!(forms("stagger"), ["stagger", "staggers", "staggered", "staggering"]);
        assert_eq!(forms("free"), ["free", "frees", "freed", "freeing"]);
    }

    #[test]
    fn objects_stand_where_english_wants_them() {
        let none = HashMap::new();
        let say = |text: &str, form| inflect(text, &none).with(form, "her");
        assert_eq!(say("wave at", Form::Third), "waves at her");
        assert_eq!(say("push to the ground", Form::Third), "pushes her to the ground");
        assert_eq!(say("knock ~ over", Form::Participle), "knocked her over");
        assert!(inflect("wave at", &none).passive);
        assert!(!inflect("raise a fist at", &none).passive);
    }

    #[test]
    fn the_lists_hold_enough_and_read_well() {
        let words = Words::load().unwrap();
        assert!(words.acts.len() > 150 && words.mutual.len() > 80 && words.solo.len() > 150);
        let ways: usize = words.acts.iter().chain(&words.solo).map(Vec::len).sum();
        assert!(ways > 800, "{ways} ways of saying an action");
        assert!(words.pairs.iter().flatten().all(|[a, b]| a != b));
    }
}
