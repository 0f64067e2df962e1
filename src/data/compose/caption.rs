//! Sentences about a scene in InterHuman's style: templates with alternatives, filled with what the two people do.
//!
//! A template is text with alternatives in brackets, which may nest, and slots in braces: `{1}` and `{2}` name the two people,
//! `{they}` both; `{a}`, `{as}`, `{aing}`, `{aed}` say what the first of them does ("throw", "throws", "throwing", "threw"), and
//! `{b}` … what the second does. "The first person" is the scene's first, whoever is named first (see [`super::names`]).

use super::draws::Draws;
use super::inflect::{Form, inflect};
use super::names::{self, Mentions, Names};
use super::thesaurus;
use std::collections::BTreeSet;

/// Parts of the body that may be called theirs.
const BODY: &[&str] = &[
    "hand", "hands", "arm", "arms", "fist", "fists", "foot", "leg", "legs", "knee", "knees", "elbow",
    "shoulder", "head", "face", "mouth",
];

/// Stands for "their", "his" or "her" until it is known who does what is said.
const OWN: &str = "{own}";

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

/// Sentences about one person, in the grammar's own words: rules go by them that say what a clip shows.
pub fn alone(does: &[String], draws: &mut Draws) -> Vec<String> {
    let names = ["a person", "someone", "one person", "a person", "the person"];
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let name = draws.choice(&names);
        let phrase = owned(draws.choice::<String>(does), draws).replace(OWN, "their");
        let sentence = if draws.chance(0.3) {
            format!("{name} is {}", inflect(&phrase, Form::Ing))
        } else {
            format!("{name} {}", inflect(&phrase, Form::Third))
        };
        seen.insert(format!("{sentence}."));
    }
    seen.into_iter().collect()
}

/// What happens in a scene: its family, the first and the last of its templates (further ones are added for where and how) and the first
/// phrase of what each person does.
pub fn meaning<T: AsRef<str>>(family: &str, templates: &[T], does: [&[String]; 2]) -> String {
    let phrase = |list: &[String]| list.first().cloned().unwrap_or_default();
    let told = |template: Option<&T>| template.map_or(String::new(), |text| text.as_ref().to_owned());
    let (first, last) = (told(templates.first()), told(templates.last()));
    [family, &first, &last, &phrase(does[0]), &phrase(does[1])].join(" / ")
}

/// One sentence about someone.
pub fn read(template: &str, draws: &mut Draws) -> String {
    let text = choose(template, draws).replace("{1}", "someone");
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

fn fill(template: &str, does: [&[String]; 2], draws: &mut Draws) -> String {
    // Alternatives may have been empty; the thesaurus looks for words between single blanks.
    let chosen = choose(template, draws);
    let text = thesaurus::vary(&chosen.split_whitespace().collect::<Vec<_>>().join(" "), draws);
    // Only a subject that is named once may be called "he" or "she".
    let subject =
        ["{1} ", "{2} "].iter().any(|slot| text.starts_with(slot) && text.matches(slot.trim()).count() == 1);
    let people = text.find('{').filter(|&at| text[at..].starts_with("{they}"));
    let places = ["{1}", "{2}"].map(|slot| text.find(slot));
    let second_first = match places {
        [Some(one), Some(two)] => two < one,
        [None, Some(_)] => true,
        _ => false,
    };
    let earlier = usize::from(second_first);
    let again = text.matches(["{1}", "{2}"][earlier]).count() > 1;
    let names = names::names(Mentions { subject, among: people.is_some(), earlier, again }, draws);
    let Names { earlier, later, again, own } = names;
    // Who has been named, in order, and who was named last.
    let mut named: Vec<&str> = Vec::new();
    let mut last = 0;
    let both = names::both(draws);
    // Whoever is not named for themselves has no pronoun of their own.
    let owners = [0, 1].map(|person| match places[person] {
        Some(_) if !text.contains("{they}") => own[person ^ usize::from(second_first)],
        _ => "their",
    });
    let phrase = |list: &[String], draws: &mut Draws| match list {
        [] => String::new(),
        list => {
            let chosen = choose(draws.choice::<String>(list), draws);
            let plain = chosen.split_whitespace().collect::<Vec<_>>().join(" ");
            owned(&thesaurus::vary(&plain, draws), draws)
        }
    };
    let phrases = [phrase(does[0], draws), phrase(does[1], draws)];
    let mut said = [false; 2];
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
                last = usize::from(slot == "2");
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
                let doer = usize::from(person == "b");
                // What is said once more, the one named last does as well.
                let owner = owners[if said[doer] { last } else { doer }];
                said[doer] = true;
                out.push_str(&inflect(&phrases[doer], form).replace(OWN, owner));
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

/// "the right hand" becomes somebody's own right hand ([`OWN`]), now and then.
fn owned(phrase: &str, draws: &mut Draws) -> String {
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
    (0..words.len()).map(|at| if own(at) { OWN } else { words[at] }).collect::<Vec<_>>().join(" ")
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
        // Verbs that the thesaurus leaves alone.
        let does = [vec!["~wander".to_owned()], vec!["~wail".to_owned()]];
        for seed in 0..40 {
            let text = fill("{2} {bs}, {1} {as}, and {2} {bs}", [&does[0], &does[1]], &mut draws(seed));
            assert!(
                names::all().any(|Names { earlier, later, again, .. }| {
                    text == format!("{earlier} wails, {later} wanders, and {again} wails")
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn a_number_names_one_person_in_any_order() {
        // Verbs that the thesaurus leaves alone.
        let does = [vec!["~wander".to_owned()], vec!["~wail".to_owned()]];
        let templates = [
            "{1} {as} while {2} {bs}",
            "{2} {bs}, {1} {as}, and {2} {bs}",
            "{1} {as}, {2} {bs}, and {1} {as}",
            "{2} {bs}",
            "{they} argue, {2} {bs}, {1} {as}, and {2} {bs}",
        ];
        let labels = [
            ["first", "person one", "person 1", "person A"],
            ["second", "person two", "person 2", "person B"],
        ];
        let (mut numbered, mut backward) = (0, 0);
        for seed in 0..400 {
            for template in templates {
                let text = fill(template, [&does[0], &does[1]], &mut draws(seed));
                // "person 1 and person 2 argue" names both at once.
                let text = text.replace("person 1 and person 2 argue", "they argue");
                for (labels, verb) in labels.iter().zip(["wanders", "wails"]) {
                    for (at, _) in labels.iter().flat_map(|label| text.match_indices(label)) {
                        let done = text[at..].split(' ').find(|word| word.starts_with("wa"));
                        assert_eq!(done.map(|word| word.trim_end_matches(',')), Some(verb), "{text}");
                        numbered += 1;
                    }
                }
                backward +=
                    usize::from(text.starts_with("the second person wails, the first person wanders"));
            }
        }
        assert!(numbered > 400 && backward > 5, "{numbered} {backward}");
    }

    #[test]
    fn a_hand_is_that_of_whoever_does_it() {
        let does = [vec!["~raise the left hand".to_owned()], Vec::new()];
        let mut seen = BTreeSet::new();
        for seed in 0..600 {
            let text = fill("{1} {as} while {2} also {as}", [&does[0], &does[1]], &mut draws(seed));
            if let Some((first, second)) = text.split_once(" also ") {
                let his = |part: &str| part.contains(" his left hand");
                let her = |part: &str| part.contains(" her left hand");
                assert!(
                    !(first.starts_with("a boy") && her(first)
                        || text.contains("a girl also") && his(second))
                );
                seen.insert((his(first), her(second)));
            }
            let text = fill("{a}", [&does[0], &does[1]], &mut draws(seed));
            assert!(!text.contains("his") && !text.contains("her "), "{text}: nobody is named");
        }
        assert!(seen.contains(&(true, true)), "his and hers");
    }

    #[test]
    fn only_parts_of_the_body_are_theirs() {
        let all: Vec<String> =
            (0..20).map(|n| owned("~slash to the right with the right arm", &mut draws(n))).collect();
        assert!(all.iter().any(|text| text.ends_with("with {own} right arm")));
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
