//! Other words for the same thing in the composer's sentences: a table of interchangeable phrases, `rows.txt`, so that the model
//! learns what is meant and not how the grammar happens to say it.

use super::draws::Draws;
use super::inflect::{Form, inflect};
use std::collections::HashMap;
use std::sync::LazyLock;

/// How often a phrase of the table is exchanged.
const EXCHANGED: f64 = 0.65;
/// Words of the longest phrase that is looked for.
const LONGEST: usize = 14;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("rows.txt")));

/// `text` with phrases of the table exchanged now and then. Verbs may be marked with `~` or stand in any form, people may be slots
/// (`{1}`, `{2}`) or "the other".
pub fn vary(text: &str, draws: &mut Draws) -> String {
    TABLE.vary(text, draws)
}

/// How a phrase stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// Its verbs are marked, or it has none.
    AsWritten,
    /// Its verbs have this form.
    In(Form),
}

/// A phrase of the table as it stands in a text.
#[derive(Clone, Debug)]
struct Place {
    row: usize,
    stands: Stands,
    /// Whether the phrase has to end what is said of somebody.
    ends: bool,
    /// What stands for each slot.
    slots: Vec<(&'static str, &'static str)>,
}

struct Table {
    /// Phrases as written, slots and all.
    rows: Vec<Vec<String>>,
    /// Every phrase in every form.
    places: HashMap<String, Place>,
}

const SLOTS: [(&str, &[&str]); 3] = [
    ("{h}", &["left", "right"]),
    ("{d}", &["the", "their", "his", "her"]),
    (
        "{x}",
        &[
            "{1}",
            "{2}",
            "the other person",
            "the other",
            "them",
            "someone else",
            "someone",
            "somebody",
            "another person",
        ],
    ),
];

impl Table {
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut table = Self { rows: Vec::new(), places: HashMap::new() };
        for (row, line) in lines.enumerate() {
            let (ends, line) = line.strip_prefix(". ").map_or((false, line), |line| (true, line));
            let phrases = line.split('|').map(str::trim);
            for phrase in phrases.clone().filter(|phrase| !phrase.starts_with('+')) {
                table.place(row, ends, phrase);
            }
            table.rows.push(phrases.map(|phrase| phrase.trim_start_matches('+').to_owned()).collect());
        }
        table
    }

    /// Every way in which a phrase may stand in a text.
    fn place(&mut self, row: usize, ends: bool, phrase: &str) {
        let mut ways = vec![(phrase.to_owned(), Vec::new())];
        for (slot, values) in SLOTS.iter().filter(|(slot, _)| phrase.contains(slot)) {
            ways = ways
                .iter()
                .flat_map(|(text, slots)| {
                    values.iter().map(move |value| {
                        (text.replace(slot, value), [&slots[..], &[(*slot, *value)]].concat())
                    })
                })
                .collect();
        }
        for (text, slots) in ways {
            let mut add = |text: String, stands| {
                self.places.entry(text).or_insert(Place { row, stands, ends, slots: slots.clone() });
            };
            if text.contains('~') {
                // "They put" may be now or then: left alone.
                let is_clear = inflect(&text, Form::Base) != inflect(&text, Form::Past);
                let forms = [Form::Third, Form::Ing, Form::Base, Form::Past];
                for form in &forms[..if is_clear { 4 } else { 2 }] {
                    add(inflect(&text, *form), Stands::In(*form));
                }
            }
            add(text, Stands::AsWritten);
        }
    }

    fn vary(&self, text: &str, draws: &mut Draws) -> String {
        let mut out = String::with_capacity(text.len() + 24);
        let mut at = 0;
        while at < text.len() {
            let end = match self.longest(text, at) {
                Some((end, place)) if draws.chance(EXCHANGED) => {
                    out.push_str(&place.other(&self.rows[place.row], draws));
                    end
                }
                // What stays as it is stays whole.
                found => {
                    let end = found.map_or_else(|| word_end(text, at), |(end, _)| end);
                    out.push_str(&text[at..end]);
                    end
                }
            };
            at = text[end..].find(|c: char| c != ' ').map_or(text.len(), |gap| end + gap);
            out.push_str(&text[end..at]);
        }
        out
    }

    /// The longest phrase that begins at a word, and where it ends.
    fn longest(&self, text: &str, at: usize) -> Option<(usize, &Place)> {
        let mut best = None;
        let mut end = at;
        for _ in 0..LONGEST {
            end = word_end(text, end);
            let place = self.places.get(&text[at..end]);
            if let Some(place) = place.filter(|place| place.fits(&text[..at], &text[end..])) {
                best = Some((end, place));
            }
            let Some(gap) = text[end..].strip_prefix(' ') else { break };
            end = text.len() - gap.len();
        }
        best
    }
}

impl Place {
    /// Whether what comes before lets the phrase be a verb ("a salute" is none, "throws punches" has only one), and what comes after lets it
    /// end.
    fn fits(&self, before: &str, after: &str) -> bool {
        let goes_on = [" while ", " as {", " and ", " then "];
        let over = after.is_empty()
            || after.starts_with([',', ';', '.', ':'])
            || goes_on.iter().any(|word| after.starts_with(word));
        if self.ends && !over {
            return false;
        }
        let Stands::In(form) = self.stands else { return true };
        let before = before.trim_end();
        let last = before.rsplit(' ').next().unwrap_or_default();
        let joins = before.is_empty() || before.ends_with(['}', ',', ';', '.']);
        joins
            || ["and", "then", "also", "both", "who", "while", "as"].contains(&last)
            || match form {
                Form::Base => ["they", "to"].contains(&last),
                Form::Ing => ["is", "are", "by", "after", "all"].contains(&last),
                Form::Third | Form::Past => ["other", "one", "person", "they"].contains(&last),
            }
    }

    /// One of the row's phrases, in this one's form and with what stands for its slots.
    fn other(&self, row: &[String], draws: &mut Draws) -> String {
        let mut text = draws.choice(row).clone();
        for (slot, value) in &self.slots {
            text = text.replace(slot, value);
        }
        // A phrase of the row may leave a pronoun open where this one has none.
        text = text.replace("{d}", "the");
        match self.stands {
            Stands::AsWritten => text,
            Stands::In(form) => inflect(&text, form),
        }
    }
}

/// Where the word that begins at `at`, or after the space there, ends.
fn word_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let skipped = rest.len() - rest.trim_start_matches(' ').len();
    let stop = |c: char| matches!(c, ' ' | ',' | '.' | ';' | ':');
    let length = rest[skipped..].find(stop).unwrap_or(rest.len() - skipped);
    // A lone sign is a word of its own.
    at + skipped + length.max(usize::from(skipped < rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::CounterRng;
    use std::collections::BTreeSet;

    fn all(text: &str) -> BTreeSet<String> {
        (0..400).map(|n| vary(text, &mut Draws::new(CounterRng::new(n, "thesaurus")))).collect()
    }

    #[test]
    fn rows_have_alternatives_with_the_same_slots_and_no_sides() {
        for row in &TABLE.rows {
            assert!(row.len() > 1, "{row:?}");
            for (slot, _) in SLOTS.iter().filter(|(slot, _)| *slot != "{d}") {
                assert!(row.iter().all(|phrase| phrase.contains(slot) == row[0].contains(slot)), "{row:?}");
            }
            let verbs = row.iter().map(|phrase| phrase.contains('~')).collect::<BTreeSet<_>>();
            assert_eq!(verbs.len(), 1, "{row:?}");
            for phrase in row {
                for form in [Form::Base, Form::Third, Form::Ing, Form::Past] {
                    let said = inflect(phrase, form);
                    let mut words = said.split([' ', '-']);
                    assert!(!words.any(|word| ["left", "right"].contains(&word)), "{said}");
                }
            }
        }
    }

    #[test]
    fn no_phrase_is_of_two_rows() {
        let mut seen = BTreeSet::new();
        for line in include_str!("rows.txt").lines().filter(|line| !line.starts_with('#')) {
            let phrases = line.strip_prefix(". ").unwrap_or(line).split('|').map(str::trim);
            for phrase in phrases.filter(|phrase| !phrase.is_empty() && !phrase.starts_with('+')) {
                assert!(seen.insert(phrase), "{phrase}");
            }
        }
    }

    #[test]
    fn phrases_are_exchanged_in_their_form_with_their_side_and_person() {
        let said = all("{1} raises the left hand while {2} stands still");
        assert!(said.len() > 40, "{}", said.len());
        for part in ["{1} puts up the left hand ", "{1} stretches the left arm up ", "while {2} stays put"] {
            assert!(said.iter().any(|text| text.contains(part)), "{part}: {said:?}");
        }
        for text in said {
            assert!(text.starts_with("{1} ") && text.contains("left") && text.contains(" {2} "), "{text}");
            assert!(!text.contains("right") && !text.contains('~'), "{text}");
        }
        let said = all("~pat the other on the back and ~walk away");
        for part in ["~clap the other on the back ", " and ~head off"] {
            assert!(said.iter().any(|text| text.contains(part)), "{part}: {said:?}");
        }
        assert!(said.iter().all(|text| text.contains("the other") && text.starts_with('~')), "{said:?}");
    }

    #[test]
    fn what_is_no_verb_and_what_is_in_a_longer_phrase_is_left_alone() {
        for text in ["a salute", "{1} aims punches", "{2} claps it", "military salute"] {
            let said = all(text);
            assert!(said.iter().all(|said| !said.contains("give") && !said.contains("spar")), "{said:?}");
        }
        for text in all("{they} clap their palms together") {
            assert!(text.ends_with("palms together"), "{text}");
        }
        // What follows belongs to the phrase, or does not.
        assert_eq!(all("{1} dances an arabesque"), BTreeSet::from(["{1} dances an arabesque".to_owned()]));
        assert!(all("{1} dances while {2} watches").len() > 4);
        // "Put" may be now or then.
        let put = "they met, put their arms around each other and talked";
        assert!(all(put).iter().all(|said| said.contains("put their arms")), "{:?}", all(put));
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["", " ", "a, b. c", "{1}'s hat; {2}", "nothing  known, here"] {
            assert_eq!(all(text), BTreeSet::from([text.to_owned()]));
        }
    }
}
