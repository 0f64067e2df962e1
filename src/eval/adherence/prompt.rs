//! Prompt files: sentences, each with the statements that have to be true of what they make.

use super::predicate::Predicate;
use super::scene::Scene;
use super::words::Cast;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The set that comes with the program.
const EVERYDAY: &str = include_str!("../prompts/everyday.toml");
/// Length of a clip where the prompt names none, s.
const SECONDS: f64 = 3.0;

/// A sentence and what has to be true of the motion that it asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Its name in reports: letters, digits and hyphens.
    pub id: String,
    /// The interaction that it is about.
    pub family: String,
    /// The sentence.
    pub prompt: String,
    /// The same asked in other words, by somebody else.
    pub reworded: Option<String>,
    /// Two prompts of the same pair, `KIND/NAME`, differ in one thing: `side` (left or right), `who` (who does it), `way`
    /// (toward or away).
    pub pair: Option<String>,
    /// Length of the clip, s.
    #[serde(default = "seconds")]
    pub seconds: f64,
    /// Who may play A.
    #[serde(default)]
    pub roles: Roles,
    /// All of them have to be true.
    pub checks: Vec<Check>,
}

/// Who may play A.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roles {
    /// Either person, the same one for all checks.
    #[default]
    Either,
    /// Person 1.
    Listed,
}

/// A predicate and how the file says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Check {
    predicate: Predicate,
    /// As in the file, for reports.
    pub words: String,
}

impl TryFrom<toml::Table> for Check {
    type Error = toml::de::Error;

    fn try_from(table: toml::Table) -> std::result::Result<Self, Self::Error> {
        Ok(Self { words: words(&table), predicate: table.try_into()? })
    }
}

/// `is` first, then the other fields: `raises above=head hand=left who=A`.
fn words(table: &toml::Table) -> String {
    let plain = |value: &toml::Value| -> String {
        match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Table(inner) => format!("({})", words(inner)),
            toml::Value::Array(items) => {
                let items: Vec<_> = items.iter().filter_map(|item| item.as_table().map(words)).collect();
                format!("({})", items.join("; "))
            }
            other => other.to_string(),
        }
    };
    let name = table.get("is").map(plain).unwrap_or_default();
    let fields = table.iter().filter(|(key, _)| *key != "is");
    fields.fold(name, |text, (key, value)| format!("{text} {key}={}", plain(value)))
}

/// What came out of a check.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Everything holds with person 1 as A, with person 2 as A.
    pub orders: [bool; 2],
    /// One of the orders that the prompt allows holds.
    pub passed: bool,
    /// The checks that fail with the better cast.
    pub failed: Vec<String>,
}

impl Prompt {
    /// Check a motion.
    pub fn check(&self, scene: &Scene) -> Verdict {
        let failed = [false, true].map(|exchanged| -> Vec<String> {
            let cast = Cast { scene, exchanged };
            let fails = self.checks.iter().filter(|check| !check.predicate.holds(cast));
            fails.map(|check| check.words.clone()).collect()
        });
        let orders = [failed[0].is_empty(), failed[1].is_empty()];
        let [listed, exchanged] = failed;
        let failed = match self.roles {
            Roles::Either if exchanged.len() < listed.len() => exchanged,
            Roles::Either | Roles::Listed => listed,
        };
        Verdict { orders, passed: failed.is_empty(), failed }
    }

    /// The kind of its minimal pair: what comes before the slash.
    pub fn pair_kind(&self) -> Option<&str> {
        self.pair.as_deref().map(|pair| pair.split('/').next().unwrap_or(pair))
    }

    /// Whether the sentence tells the people apart by number.
    pub fn counts_people(&self) -> bool {
        let text = self.prompt.to_lowercase();
        ["first", "second", "person 1", "person 2", "person one", "person two"]
            .iter()
            .any(|word| text.contains(word))
    }
}

fn seconds() -> f64 {
    SECONDS
}

/// The prompts of the set that comes with the program.
///
/// # Errors
/// None but faults of ours: the set is tested.
pub fn everyday() -> Result<Vec<Prompt>> {
    read(EVERYDAY)
}

/// The same prompts asked in their other words.
///
/// # Errors
/// `no_rewording` where a prompt has none.
pub fn reworded(prompts: Vec<Prompt>) -> Result<Vec<Prompt>> {
    let other = |prompt: Prompt| match prompt.reworded {
        Some(words) => Ok(Prompt { prompt: words, reworded: Some(prompt.prompt), ..prompt }),
        None => {
            let message =
                format!("{} is asked in one way only: the file says nothing as `reworded`", prompt.id);
            Err(Error::invalid("no_rewording", message))
        }
    };
    prompts.into_iter().map(other).collect()
}

/// Read a prompt file.
///
/// # Errors
/// `prompt_file`: no TOML, an unknown predicate or field, a number out of range, an id twice, a pair that is no pair.
pub fn read(text: &str) -> Result<Vec<Prompt>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        prompts: Vec<Prompt>,
    }
    let refused = |why: String| Err(Error::invalid("prompt_file", why));
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => return refused(format!("not a prompt file: {error}")),
    };
    if file.prompts.is_empty() {
        return refused("the prompt file holds no prompt".into());
    }
    let mut ids = BTreeSet::new();
    let mut pairs: BTreeMap<&str, usize> = BTreeMap::new();
    for prompt in &file.prompts {
        let id = &prompt.id;
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return refused(format!("{id:?} is no id: letters, digits and hyphens"));
        }
        if !ids.insert(id) {
            return refused(format!("the id {id:?} is there twice"));
        }
        if prompt.checks.is_empty() || prompt.family.is_empty() {
            return refused(format!("{id}: a prompt has a family and at least one check"));
        }
        if let Some(pair) = &prompt.pair {
            if !pair.contains('/') {
                return refused(format!("{id}: {pair:?} is no pair: KIND/NAME"));
            }
            *pairs.entry(pair).or_default() += 1;
        }
    }
    if let Some((pair, count)) = pairs.iter().find(|(_, count)| **count != 2) {
        return refused(format!("the pair {pair:?} has {count} prompts instead of two"));
    }
    Ok(file.prompts)
}

#[cfg(test)]
mod tests {
    use super::super::stage;
    use super::*;
    use crate::motion::Pose;

    fn file(prompts: &str) -> Result<Vec<Prompt>> {
        read(&format!("prompts = [{prompts}]"))
    }

    const A_RAISES: &str = r#"{ is = "raises", who = "A", hand = "left" }"#;
    const B_STAYS: &str = r#"{ is = "stays", who = "B" }"#;

    #[test]
    fn one_cast_has_to_do_for_all_checks() {
        // Person 2 raises the left hand and walks; person 1 does nothing.
        let scene = stage::scene(|person, s, pose| {
            if person == 1 {
                stage::reach(pose, 0, [0.2, 1.9, 0.1]);
            }
            (person as f32, if person == 1 { s } else { 0.0 }, 0.0)
        });
        let verdict = |roles: &str, checks: &str| {
            let text = format!(r#"{{ id = "x", family = "f", prompt = "p", {roles} checks = [{checks}] }}"#);
            file(&text).unwrap()[0].check(&scene)
        };
        let free = verdict("", &format!("{A_RAISES}, {B_STAYS}"));
        assert_eq!((free.orders, free.passed, free.failed.len()), ([false, true], true, 0));
        let listed = verdict("roles = \"listed\",", &format!("{A_RAISES}, {B_STAYS}"));
        assert!(!listed.passed && listed.failed.len() == 2);
        // Each check holds with some cast, but not both with the same.
        let mixed = verdict("", &format!("{A_RAISES}, {{ is = \"stays\", who = \"A\" }}"));
        assert!(!mixed.passed);
        assert_eq!(mixed.failed, ["raises hand=left who=A"]);
    }

    #[test]
    fn mistakes_in_a_file_are_told() {
        let prompt = |id: &str, more: &str| {
            format!(r#"{{ id = "{id}", family = "f", prompt = "p", {more} checks = [{A_RAISES}] }}"#)
        };
        assert!(file(&prompt("a", "")).is_ok());
        for bad in [
            String::new(),
            prompt("", ""),
            prompt("a b", ""),
            [prompt("a", ""), prompt("a", "")].join(","),
            prompt("a", "pair = \"side/x\","),
            prompt("a", "colour = 1,"),
            r#"{ id = "a", family = "f", prompt = "p", checks = [] }"#.into(),
            r#"{ id = "a", family = "f", prompt = "p", checks = [{ is = "flies" }] }"#.into(),
            r#"{ id = "a", family = "f", prompt = "p", checks = [{ is = "stays", who = "A", wings = 2 }] }"#.into(),
            r#"{ id = "a", family = "f", prompt = "p", checks = [{ is = "stays", who = "A", within_m = -1.0 }] }"#
                .into(),
        ] {
            assert_eq!(file(&bad).unwrap_err().code(), "prompt_file", "{bad}");
        }
    }

    #[test]
    fn a_prompt_is_asked_in_its_other_words_where_it_has_some() {
        let prompt = |more: &str| {
            let text = format!(r#"{{ id = "a", family = "f", prompt = "p", {more} checks = [{A_RAISES}] }}"#);
            file(&text).unwrap()
        };
        assert_eq!(reworded(prompt("reworded = \"q\",")).unwrap()[0].prompt, "q");
        assert_eq!(reworded(prompt("")).unwrap_err().code(), "no_rewording");
    }

    #[test]
    fn the_set_that_comes_along_is_as_large_as_promised() {
        let prompts = everyday().unwrap();
        let families: BTreeSet<_> = prompts.iter().map(|prompt| &prompt.family).collect();
        let paired = prompts.iter().filter(|prompt| prompt.pair.is_some()).count();
        let again = reworded(prompts.clone()).unwrap();
        let texts: BTreeSet<_> =
            prompts.iter().chain(&again).map(|prompt| prompt.prompt.to_lowercase()).collect();
        assert!(prompts.len() >= 150, "{}", prompts.len());
        assert!(families.len() >= 40, "{}", families.len());
        assert!(3 * paired >= prompts.len(), "{paired} of {}", prompts.len());
        assert_eq!(texts.len(), 2 * prompts.len(), "a wording is there twice");
        for prompt in &prompts {
            assert!((2.0..=6.0).contains(&prompt.seconds), "{}", prompt.id);
        }
    }

    /// Whether this motion is what a prompt of the set asks for.
    fn passes(id: &str, act: impl Fn(usize, f32, &mut Pose) -> (f32, f32, f32)) -> bool {
        let prompts = everyday().unwrap();
        prompts.iter().find(|prompt| prompt.id == id).unwrap().check(&stage::scene(act)).passed
    }

    #[test]
    fn who_walks_straight_past_or_in_a_bend_neither_circles_nor_turns_on_the_spot() {
        let past = |person: usize, s: f32, _: &mut Pose| {
            if person == 0 { (0.0, 1.2 * s - 1.8, 0.0) } else { (0.7, 0.0, 180.0) }
        };
        let both_past = |person: usize, s: f32, _: &mut Pose| {
            let z = 1.2 * s - 1.8;
            if person == 0 { (0.0, z, 0.0) } else { (0.7, -z, 180.0) }
        };
        // Counterclockwise from above is to the left, as +z goes toward +x in a turn to the left.
        let around = |person: usize, s: f32, _: &mut Pose| {
            let angle = 1.2 * s;
            if person == 0 { (-angle.cos(), angle.sin(), angle.to_degrees()) } else { (0.0, 0.0, 180.0) }
        };
        let each_other = |person: usize, s: f32, _: &mut Pose| {
            let angle = 1.2 * s + std::f32::consts::PI * person as f32;
            (-angle.cos(), angle.sin(), angle.to_degrees())
        };
        assert!(passes("circle-1", each_other) && passes("circle-2", around));
        assert!(!passes("circle-1", both_past) && !passes("circle-2", past));

        let turn = |x: f32| {
            move |person: usize, s: f32, _: &mut Pose| {
                if person == 0 { (x * s, 0.0, (60.0 * s).min(170.0)) } else { (0.0, 1.5, 180.0) }
            }
        };
        assert!(passes("turn-1", turn(0.0)) && !passes("turn-2", turn(0.0)));
        assert!(!passes("turn-1", turn(0.4)) && !passes("turn-1", around), "not on the spot");
        let both = |_: usize, s: f32, _: &mut Pose| (0.0, 0.0, (60.0 * s).min(170.0));
        assert!(!passes("turn-1", both), "the other stands still");
    }

    #[test]
    fn who_claps_does_not_wave() {
        // Claps before the first time, waves after the second: hands before the chest, then one above the shoulder.
        let who = |acts: [[f32; 2]; 2]| {
            move |person: usize, s: f32, pose: &mut Pose| {
                let [claps, waves] = acts[person];
                if s < claps {
                    let apart = 0.02 + 0.1 * (1.0 - (9.0 * s).cos());
                    stage::reach(pose, 0, [apart, 1.38, 0.35]);
                    stage::reach(pose, 1, [-apart, 1.38, 0.35]);
                } else if s >= waves {
                    stage::reach(pose, 1, [-0.35 + 0.15 * (12.0 * s).sin(), 1.7, 0.1]);
                }
                (0.0, 1.5 * person as f32, 180.0 * person as f32)
            }
        };
        let (claps, waves, both, idle) = ([9.0, 9.0], [0.0, 0.0], [1.5, 1.5], [0.0, 9.0]);
        assert!(passes("clap-3", who([claps, waves])) && !passes("clap-3", who([claps, claps])));
        assert!(passes("clap-4", who([both, idle])) && !passes("clap-4", who([claps, idle])));
        assert!(!passes("clap-4", who([claps, waves])), "one and the same person does both");
    }

    #[test]
    fn the_other_one_does_not_do_it_with_the_other_hand() {
        let raise = |hands: [Option<usize>; 2]| {
            move |person: usize, _: f32, pose: &mut Pose| {
                if let Some(side) = hands[person] {
                    stage::reach(pose, side, [if side == 0 { 0.2 } else { -0.2 }, 1.9, 0.1]);
                }
                (0.0, 1.5 * person as f32, 180.0 * person as f32)
            }
        };
        assert!(
            passes("raise-arms-1", raise([Some(0), None])) && passes("raise-arms-2", raise([None, Some(1)]))
        );
        for id in ["raise-arms-1", "raise-arms-2"] {
            assert!(!passes(id, raise([Some(0), Some(1)])), "{id}: each raises one");
        }
        assert!(passes("raise-arms-3", raise([Some(1), Some(1)])));
    }

    #[test]
    fn nobody_passes_by_standing_about() {
        // A prompt that two idle people fulfil measures nothing.
        let scene = stage::scene(|person, _, _| (0.0, 1.2 * person as f32, 180.0 * person as f32));
        for prompt in everyday().unwrap() {
            assert!(!prompt.check(&scene).passed, "{} is fulfilled by standing still", prompt.id);
        }
    }
}
