//! Scenes of several deeds, one after the other: people come, do something, and part. What each deed is called, and sentences
//! that tell the whole, or a part of it that a shorter scene would tell as well.

use crate::data::compose::draws::Draws;
use crate::data::compose::inflect::{Form, inflect};
use crate::data::compose::wordings;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Both.
    They,
    /// Whoever acts.
    First,
    /// The other.
    Second,
}

/// Something that somebody does: phrases in the base form, verbs marked with `~`; `{1}` and `{2}` name the two.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Who does it.
    pub who: Subject,
    /// What it is called.
    pub phrases: Vec<String>,
}

impl Clause {
    /// Of phrases.
    pub fn new(who: Subject, phrases: &[&str]) -> Self {
        Self { who, phrases: wordings::more(phrases) }
    }
}

/// What people do to come to each other.
pub const COME_BOTH: &[&str] = &[
    "~walk toward each other",
    "~walk towards each other",
    "~approach each other",
    "~walk up to each other",
    "~meet",
    "~come together",
    "~come toward each other",
    "~step up to each other",
    "~go up to each other",
    "~walk toward one another",
];
/// What one does to come to the other, `{x}`.
pub const COME_ONE: &[&str] = &[
    "~walk up to {x}",
    "~approach {x}",
    "~walk over to {x}",
    "~come up to {x}",
    "~walk toward {x}",
    "~go to {x}",
    "~step up to {x}",
];
/// What both do who step back.
pub const STEP_BOTH: &[&str] = &[
    "~step apart",
    "~step back",
    "~step away from each other",
    "~take a step back",
    "~move apart",
    "~separate",
    "~step backward",
];
/// What both do after an embrace.
pub const LET_GO: &[&str] =
    &["~let go", "~let go of each other", "~let go and ~step back", "~release each other"];
/// What one does who steps back.
pub const STEP_ONE: &[&str] =
    &["~step back", "~take a step back", "~step away", "~move back", "~step backward"];
/// What both do who turn and leave.
pub const LEAVE_BOTH: &[&str] = &[
    "~turn around and ~walk away",
    "~walk away from each other",
    "~walk off in opposite directions",
    "~go their separate ways",
    "~part and ~walk away",
    "~part ways",
    "~walk apart",
    "~leave",
];
/// What one does who turns and leaves.
pub const LEAVE_ONE: &[&str] =
    &["~turn around and ~walk away", "~walk off", "~leave", "~walk away", "~turn and ~leave", "~go away"];
/// What two do who leave side by side.
pub const LEAVE_TOGETHER: &[&str] = &[
    "~walk off together",
    "~walk away side by side",
    "~leave together",
    "~walk on side by side",
    "~go off together",
];

/// Words between two deeds, and among three.
const TWO: &[&str] = &[" and ", " and then ", ", then ", ", and then ", " and "];
const THREE: &[[&str; 2]] = &[
    [", ", " and "],
    [", ", " and "],
    [", ", ", and then "],
    [" and ", ", then "],
    [", then ", " and then "],
    [", ", ", and "],
    [" and then ", " and "],
    [", ", ", then "],
];

/// One template that tells of these deeds in turn; of each, one clause is taken.
pub fn sentence(deeds: &[Vec<Clause>], draws: &mut Draws) -> String {
    let mut told: Vec<(Subject, String)> = Vec::new();
    for choices in deeds {
        let weights: Vec<f64> = choices
            .iter()
            .map(|clause| match told.last() {
                _ if clause.phrases.is_empty() => 0.0,
                Some((who, _)) if *who == clause.who => 3.0,
                _ => 1.0,
            })
            .collect();
        if let Some(clause) = choices.get(draws.weighted(&weights)).filter(|c| !c.phrases.is_empty()) {
            told.push((clause.who, draws.choice(&clause.phrases).clone()));
        }
    }
    let same = told.windows(2).all(|pair| pair[0].0 == pair[1].0);
    let together = same && told.first().is_some_and(|(who, _)| *who == Subject::They);
    match draws.unit() {
        // Not "left": mirrored clips would make it "right".
        style if style < 0.1 && told.iter().all(|(_, phrase)| !phrase.contains("~leave")) => {
            told_in(&told, [Form::Past; 2], true, draws)
        }
        style if style < 0.2 && together => told_in(&told, [Form::Base; 2], false, draws),
        style if style < 0.27 && same => told_in(&told, [Form::Ing; 2], false, draws),
        style if style < 0.36 && told.len() > 1 && together => {
            let before = inflect(&told[0].1, Form::Ing);
            format!("after {before}, {}", told_in(&told[1..], [Form::Base, Form::Third], true, draws))
        }
        _ => told_in(&told, [Form::Base, Form::Third], true, draws),
    }
}

/// The deeds in a row; `forms` of verbs for both and for one.
fn told_in(told: &[(Subject, String)], forms: [Form; 2], named: bool, draws: &mut Draws) -> String {
    let joints: Vec<&str> = match told.len() {
        3 => draws.choice(THREE).to_vec(),
        2 => vec![*draws.choice(TWO)],
        _ => Vec::new(),
    };
    let mut text = String::new();
    for (at, (who, phrase)) in told.iter().enumerate() {
        let again = at > 0 && told[at - 1].0 == *who;
        if at > 0 {
            text.push_str(joints.get(at - 1).unwrap_or(&", "));
        }
        let (subject, form) = match who {
            Subject::They if at == 0 => ("{they}", forms[0]),
            Subject::They => ("[they|the two|they]", forms[0]),
            Subject::First => ("{1}", forms[1]),
            Subject::Second => ("{2}", forms[1]),
        };
        if named && !again {
            text.push_str(subject);
            text.push(' ');
        }
        let mut said = inflect(phrase, form);
        // Whoever was named just now is "them".
        for slot in ["{1}", "{2}"] {
            if again && text.contains(slot) {
                said = said.replace(&format!("{slot}'s"), "their").replace(slot, &format!("[them|{slot}]"));
            } else if !named {
                said = said.replace(slot, "[someone|somebody|another person]");
            }
        }
        text.push_str(&said);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::CounterRng;

    #[test]
    fn deeds_are_told_in_their_order() {
        let one = Clause::new(Subject::First, &["~shake hands with {2}"]);
        let deeds = [
            vec![Clause::new(Subject::First, &["~walk up to {2}"])],
            vec![Clause::new(Subject::They, &["~shake hands"]), one],
            vec![Clause::new(Subject::They, &["~step apart"])],
        ];
        let mut plain = 0;
        for seed in 0..60 {
            let text = sentence(&deeds, &mut Draws::new(CounterRng::new(seed, "chain")));
            let at = |words: [&str; 3]| words.iter().find_map(|word| text.find(word));
            let [come, shake, step] =
                [["walk", "walk", "walk"], ["shake", "shaking", "shook"], ["step ap", "stepped", "stepping"]]
                    .map(at);
            assert!(come.is_some() && come < shake && shake < step, "{text}");
            assert!(!text.contains('~'), "{text}");
            plain += usize::from(text.contains("{1} walks up to {2}"));
        }
        assert!(plain > 20);
    }
}
