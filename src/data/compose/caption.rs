//! Sentences about a scene in InterHuman's style: templates with alternatives, filled with what the two people do.
//!
//! A template is text with alternatives in brackets, which may nest, and slots in braces: `{1}` and `{2}` name the two people,
//! `{they}` both; `{a}`, `{as}`, `{aing}`, `{aed}` say what the first of them does ("throw", "throws", "throwing", "threw"), and
//! `{b}` … what the second does. Which of the two tracks is "the first person" is nobody's to say (see [`super::scene::Facts`]).

use super::draws::Draws;
use super::inflect::{Form, inflect};
use super::names::{self, Names};
use std::collections::BTreeSet;

/// Parts of the body that may be called theirs.
const BODY: &[&str] = &[
    "hand", "hands", "arm", "arms", "fist", "fists", "foot", "leg", "legs", "knee", "knees", "elbow",
    "shoulder", "head", "face", "mouth",
];

/// What a scene's sentences are made of.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// Templates that are true of the scene.
    pub templates: &'a [&'a str],
    /// What each person does, base form with marked verbs.
    pub does: [&'a [String]; 2],
    /// Fewest and most captions.
    pub count: [usize; 2],
    /// Share of captions with a slip of the pen.
    pub misspelt: f64,
}

/// Different captions of a scene; fewer than asked for only where the templates give no more.
pub fn captions(material: &Material<'_>, draws: &mut Draws) -> Vec<String> {
    let [few, many] = material.count;
    let wanted = few + draws.below(many - few + 1);
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    // Templates take turns, beginning anywhere, so that a clip does not have four captions of one build.
    let first = draws.below(material.templates.len());
    for attempt in 0..8 * wanted {
        if list.len() == wanted {
            break;
        }
        let template = material.templates[(first + attempt) % material.templates.len()];
        let plain = fill(template, material.does, draws);
        if seen.insert(plain.clone()) {
            list.push(finish(&plain, material.misspelt, draws));
        }
    }
    list
}

/// Sentences about one person.
pub fn alone(does: &[String], draws: &mut Draws) -> Vec<String> {
    let names = ["a person", "someone", "one person", "a person", "the person"];
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let name = draws.choice(&names);
        let phrase = theirs(draws.choice::<String>(does), "their", draws);
        let sentence = if draws.chance(0.3) {
            format!("{name} is {}", inflect(&phrase, Form::Ing))
        } else {
            format!("{name} {}", inflect(&phrase, Form::Third))
        };
        seen.insert(format!("{sentence}."));
    }
    seen.into_iter().collect()
}

/// One sentence about someone.
pub fn read(template: &str, draws: &mut Draws) -> String {
    let text = choose(template, draws).replace("{1}", "someone");
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

fn fill(template: &str, does: [&[String]; 2], draws: &mut Draws) -> String {
    let text = choose(template, draws);
    // Only a subject that is named once may be called "he" or "she".
    let subject =
        ["{1} ", "{2} "].iter().any(|slot| text.starts_with(slot) && text.matches(slot.trim()).count() == 1);
    let people = text.find('{').filter(|&at| text[at..].starts_with("{they}"));
    let names = names::names(subject, people.is_some(), draws);
    let Names { earlier, later, again, own } = names;
    // Who has been named, in order.
    let mut named: Vec<&str> = Vec::new();
    let both = names::both(draws);
    let second_first = match (text.find("{1}"), text.find("{2}")) {
        (Some(one), Some(two)) => two < one,
        (None, Some(_)) => true,
        _ => false,
    };
    let owners = if text.contains("{they}") {
        ["their"; 2]
    } else if second_first {
        [own[1], own[0]]
    } else {
        own
    };
    let phrase = |list: &[String], own, draws: &mut Draws| match list {
        [] => String::new(),
        list => theirs(draws.choice::<String>(list), own, draws),
    };
    let phrases = [phrase(does[0], owners[0], draws), phrase(does[1], owners[1], draws)];
    let mut out = String::with_capacity(text.len() + 40);
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let Some(close) = rest[open..].find('}') else { break };
        let slot = &rest[open + 1..open + close];
        rest = &rest[open + close + 1..];
        let (person, form) = slot.split_at(1.min(slot.len()));
        match (slot, person) {
            ("1" | "2", _) => {
                let known = named.iter().position(|known| *known == slot);
                match known.unwrap_or(named.len()) {
                    0 if known.is_some() => out.push_str(again),
                    0 => out.push_str(earlier),
                    _ if known.is_some() => out.push_str(&names.later_again()),
                    _ => out.push_str(later),
                }
                if known.is_none() {
                    named.push(slot);
                }
            }
            ("they", _) => out.push_str(both),
            (_, "a" | "b") => {
                let form = match form {
                    "s" => Form::Third,
                    "ing" => Form::Ing,
                    "ed" => Form::Past,
                    _ => Form::Base,
                };
                out.push_str(&inflect(&phrases[usize::from(person == "b")], form));
            }
            _ => {}
        }
    }
    out.push_str(rest);
    // Alternatives may have been empty.
    out.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",").replace("both both", "both")
}

/// Alternatives resolved, the innermost first.
fn choose(template: &str, draws: &mut Draws) -> String {
    let mut text = template.to_owned();
    while let Some(close) = text.find(']') {
        let Some(open) = text[..close].rfind('[') else { break };
        let options: Vec<&str> = text[open + 1..close].split('|').collect();
        let chosen = (*draws.choice(&options)).to_owned();
        text.replace_range(open..=close, &chosen);
    }
    text
}

/// "the right hand" becomes "their right hand" (or his, or hers), now and then.
fn theirs(phrase: &str, pronoun: &str, draws: &mut Draws) -> String {
    if !draws.chance(0.4) {
        return phrase.to_owned();
    }
    let words: Vec<&str> = phrase.split(' ').collect();
    let is_body = |word: Option<&&str>| {
        word.is_some_and(|word| BODY.contains(&word.trim_matches(|c: char| !c.is_alphabetic())))
    };
    let own = |at: usize| {
        words[at] == "the"
            && (is_body(words.get(at + 1))
                || (words.get(at + 1).is_some_and(|w| ["left", "right"].contains(w))
                    && is_body(words.get(at + 2))))
    };
    (0..words.len()).map(|at| if own(at) { pronoun } else { words[at] }).collect::<Vec<_>>().join(" ")
}

/// Capital, full stop, a slip of the pen: as people write.
fn finish(plain: &str, misspelt: f64, draws: &mut Draws) -> String {
    let mut text = if draws.chance(misspelt) { misspell(plain, draws) } else { plain.to_owned() };
    if draws.chance(0.15) {
        text = text[..1].to_uppercase() + &text[1..];
    }
    if draws.chance(0.5) {
        text.push('.');
    }
    text
}

/// Two neighbouring letters exchanged, or one left out, in one longer word; never in a word that names a side.
fn misspell(text: &str, draws: &mut Draws) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let sound = |word: &str| {
        word.len() >= 5
            && word.bytes().all(|b| b.is_ascii_lowercase())
            && !["right", "other", "first"].contains(&word)
            && !word.contains("clockwise")
    };
    let candidates: Vec<usize> = (0..words.len()).filter(|&i| sound(words[i])).collect();
    if candidates.is_empty() {
        return text.to_owned();
    }
    let at = *draws.choice(&candidates);
    let mut letters: Vec<char> = words[at].chars().collect();
    let place = 1 + draws.below(letters.len() - 2);
    if draws.chance(0.5) {
        letters.swap(place, place + 1);
    } else {
        letters.remove(place);
    }
    let slip: String = letters.into_iter().collect();
    words
        .iter()
        .enumerate()
        .map(|(i, word)| if i == at { slip.as_str() } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::CounterRng;

    fn draws(n: u64) -> Draws {
        Draws::new(CounterRng::new(n, "caption"))
    }

    #[test]
    fn templates_are_filled_and_sides_survive() {
        let a = vec!["~punch with the right hand".to_owned()];
        let b = vec!["~duck".to_owned()];
        for seed in 0..50 {
            let material = Material {
                templates: &[
                    "{1} {as}[ and| while] {2} {bs}",
                    "{1} is {aing}, {2} [is {bing}|{bs}]",
                    "{they} {a}",
                ],
                does: [&a, &b],
                count: [3, 3],
                misspelt: 1.0,
            };
            for text in captions(&material, &mut draws(seed)) {
                assert!(text.contains("right"), "{text}");
                assert!(!text.contains(['[', '{', '~', '|']), "{text}");
            }
        }
    }

    #[test]
    fn whoever_is_named_first_is_one_person_and_then_the_first() {
        let does = [vec!["~walk".to_owned()], vec!["~wait".to_owned()]];
        for seed in 0..40 {
            let text = fill("{2} {bs}, {1} {as}, and {2} {bs}", [&does[0], &does[1]], &mut draws(seed));
            assert!(
                names::all().any(|Names { earlier, later, again, .. }| {
                    text == format!("{earlier} waits, {later} walks, and {again} waits")
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn only_parts_of_the_body_are_theirs() {
        let all: Vec<String> = (0..20)
            .map(|n| theirs("~slash to the right with the right arm", "their", &mut draws(n)))
            .collect();
        assert!(all.iter().any(|text| text.ends_with("with their right arm")));
        assert!(all.iter().all(|text| text.starts_with("~slash to the right with")));
    }

    #[test]
    fn a_slip_changes_one_word() {
        let text = "one person punches with the right hand";
        for n in 0..30 {
            let slip = misspell(text, &mut draws(n));
            let changed = slip.split(' ').zip(text.split(' ')).filter(|(a, b)| a != b).count();
            assert!(changed <= 1 && slip.contains("right hand"), "{slip}");
        }
    }
}
