//! How sentences name the two people.
//!
//! A number is a name: "the first person", "person 1" and "person A" are the scene's first person, in whatever order a sentence
//! speaks of them, as in InterHuman. A model that tells people apart learns who is meant; one that does not exchanges them.

use super::draws::Draws;

/// Names of the two people of a scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Names {
    /// The one named first.
    pub earlier: &'static str,
    /// The one named second.
    pub later: &'static str,
    /// The first, when named again.
    pub again: &'static str,
    /// Whose hand it is, for the first and the second named: "their", "his", "her".
    pub own: [&'static str; 2],
}

/// What a sentence asks of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mentions {
    /// The first named is the subject and is named only once.
    pub subject: bool,
    /// Both have been spoken of together before.
    pub among: bool,
    /// Which person is named first: 0 or 1.
    pub earlier: usize,
    /// The first named is named again.
    pub again: bool,
}

impl Names {
    /// Whether every number in them is that of whoever they would name.
    fn fit(&self, mentions: Mentions) -> bool {
        let of = |name: &str, person: usize| number(name).is_none_or(|number| number == person);
        of(self.earlier, mentions.earlier)
            && of(self.later, 1 - mentions.earlier)
            && (!mentions.again || of(self.again, mentions.earlier))
    }

    /// The second, when named again: who was any man is that man.
    pub fn later_again(&self) -> String {
        match self.later.split_once(' ') {
            Some(("a", rest)) => format!("the {rest}"),
            Some(("another", rest)) => format!("the other {rest}"),
            Some(("someone", _)) => "the other person".to_owned(),
            _ => self.later.to_owned(),
        }
    }
}

/// Which person a name with a number is for.
pub fn number(name: &str) -> Option<usize> {
    let numbers = [
        ["the first", "person one", "person 1", "person A"],
        ["the second", "person two", "person 2", "person B"],
    ];
    numbers.iter().position(|starts| starts.iter().any(|start| name.starts_with(start)))
}

const fn they(earlier: &'static str, later: &'static str, again: &'static str) -> Names {
    Names { earlier, later, again, own: ["their"; 2] }
}

const fn of(
    earlier: &'static str,
    later: &'static str,
    again: &'static str,
    own: [&'static str; 2],
) -> Names {
    Names { earlier, later, again, own }
}

/// Ways to name the two people, with weights.
const NAMES: &[(Names, f64)] = &[
    (they("one person", "the other person", "the first person"), 3.0),
    (they("one person", "the other", "the first"), 3.0),
    (they("the first person", "the second person", "the first person"), 2.0),
    (they("the second person", "the first person", "the second person"), 1.0),
    (they("the first", "the second", "the first"), 0.7),
    (they("one", "the other", "the first"), 1.5),
    (they("a person", "another person", "the first person"), 1.5),
    (they("a person", "the other person", "the first person"), 0.7),
    (they("someone", "another person", "the first person"), 0.7),
    (they("somebody", "the other person", "the first person"), 0.6),
    (they("somebody", "someone else", "the first person"), 0.4),
    (they("person A", "person B", "person A"), 0.5),
    (they("person B", "person A", "person B"), 0.3),
    (they("one of them", "the other one", "the first one"), 1.0),
    (they("one of the two", "the other", "the first"), 0.4),
    (they("person one", "person two", "person one"), 0.5),
    (they("person two", "person one", "person two"), 0.3),
    (they("person 1", "person 2", "person 1"), 0.5),
    (they("person 2", "person 1", "person 2"), 0.3),
    (they("one individual", "the other individual", "the first individual"), 0.3),
    (they("someone", "a friend", "the first person"), 0.6),
    (of("a man", "a woman", "the man", ["his", "her"]), 1.0),
    (of("a woman", "a man", "the woman", ["her", "his"]), 1.0),
    (of("a man", "another man", "the first man", ["his", "his"]), 0.5),
    (of("a woman", "another woman", "the first woman", ["her", "her"]), 0.4),
    (of("a man", "the other", "the man", ["his", "their"]), 0.4),
    (of("a guy", "a girl", "the guy", ["his", "her"]), 0.4),
    (of("a guy", "his friend", "the guy", ["his", "their"]), 0.6),
    (of("a girl", "her friend", "the girl", ["her", "their"]), 0.4),
    (of("a boy", "a girl", "the boy", ["his", "her"]), 0.3),
    (of("a kid", "another kid", "the first kid", ["their", "their"]), 0.3),
    (of("a guy", "another guy", "the first guy", ["his", "his"]), 0.3),
    (of("the man", "the woman", "the man", ["his", "her"]), 0.5),
    (of("the woman", "the man", "the woman", ["her", "his"]), 0.5),
    (they("one", "the other one", "the first one"), 0.6),
    (they("one of two people", "the other", "the first"), 0.3),
    (they("a stranger", "another stranger", "the first stranger"), 0.2),
    (they("a friend", "the other friend", "the first friend"), 0.2),
    (they("a player", "another player", "the first player"), 0.2),
    (they("a student", "the teacher", "the student"), 0.2),
    (they("the teacher", "the student", "the teacher"), 0.2),
    (they("a fighter", "the opponent", "the fighter"), 0.15),
    (they("a soldier", "another soldier", "the first soldier"), 0.15),
    (they("a dancer", "the partner", "the dancer"), 0.15),
    (they("a neighbour", "the visitor", "the neighbour"), 0.15),
    (they("a child", "a grown-up", "the child"), 0.15),
    (they("an actor", "another actor", "the first actor"), 0.15),
    (they("the host", "a guest", "the host"), 0.15),
    (they("a worker", "a colleague", "the worker"), 0.15),
    (they("a customer", "the shopkeeper", "the customer"), 0.1),
    (of("a mother", "a son", "the mother", ["her", "his"]), 0.1),
    (of("a father", "a daughter", "the father", ["his", "her"]), 0.1),
    (of("an old man", "a young man", "the old man", ["his", "his"]), 0.15),
    (of("a lady", "a gentleman", "the lady", ["her", "his"]), 0.1),
    (of("a boy", "another boy", "the first boy", ["his", "his"]), 0.15),
    (of("a girl", "another girl", "the first girl", ["her", "her"]), 0.15),
];

/// Names that only the subject of a sentence has, with weights.
const SUBJECTS: &[(Names, f64)] = &[
    (of("he", "his friend", "he", ["his", "their"]), 1.0),
    (of("she", "her friend", "she", ["her", "their"]), 1.0),
    (of("he", "the woman", "he", ["his", "her"]), 0.7),
    (of("she", "the man", "she", ["her", "his"]), 0.7),
    (of("he", "the other man", "he", ["his", "his"]), 0.4),
];

/// Names that tell apart two who were just spoken of as "they", with weights.
const AMONG: &[(Names, f64)] = &[
    (they("one of them", "the other", "the first"), 2.0),
    (they("one person", "the other", "the first person"), 2.0),
    (they("one person", "the other person", "the first person"), 2.0),
    (they("one", "the other", "the first"), 2.0),
    (they("the first person", "the second person", "the first person"), 1.0),
    (they("the second person", "the first person", "the second person"), 1.0),
    (they("the first", "the second", "the first"), 0.5),
    (they("the second", "the first", "the second"), 0.5),
];

/// Ways to name both, with weights.
const BOTH: &[(&str, f64)] = &[
    ("two people", 5.0),
    ("they", 2.5),
    ("both people", 1.5),
    ("the two people", 1.5),
    ("two persons", 0.8),
    ("the two", 0.8),
    ("both persons", 0.5),
    ("a pair of people", 0.5),
    ("two individuals", 0.4),
    ("both of them", 0.6),
    ("both", 0.6),
    ("two friends", 0.8),
    ("two men", 0.6),
    ("two women", 0.4),
    ("two guys", 0.4),
    ("a man and a woman", 0.8),
    ("a couple", 0.4),
    ("the pair", 0.3),
    ("person 1 and person 2", 0.3),
    ("the two of them", 0.6),
    ("two strangers", 0.3),
    ("two kids", 0.3),
    ("two players", 0.2),
    ("two students", 0.2),
    ("two soldiers", 0.2),
    ("two actors", 0.2),
    ("old friends", 0.2),
    ("two colleagues", 0.2),
    ("a pair", 0.2),
    ("two buddies", 0.2),
    ("these two", 0.2),
    ("a boy and a girl", 0.3),
    ("father and son", 0.1),
    ("two neighbours", 0.1),
    ("two adults", 0.2),
];

/// Names for a sentence.
pub fn names(mentions: Mentions, draws: &mut Draws) -> Names {
    let list = if mentions.among {
        AMONG
    } else if mentions.subject && draws.chance(0.12) {
        SUBJECTS
    } else {
        NAMES
    };
    draw(list, |names| names.fit(mentions), draws)
}

/// A name for both.
pub fn both(draws: &mut Draws) -> &'static str {
    draw(BOTH, |_| true, draws)
}

/// All names that are not bound to a place in the sentence.
#[cfg(test)]
pub fn all() -> impl Iterator<Item = Names> {
    NAMES.iter().chain(SUBJECTS).chain(AMONG).map(|(names, _)| *names)
}

fn draw<T: Copy>(list: &[(T, f64)], fits: impl Fn(&T) -> bool, draws: &mut Draws) -> T {
    let weights: Vec<f64> =
        list.iter().map(|(item, weight)| if fits(item) { *weight } else { 0.0 }).collect();
    list[draws.weighted(&weights)].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_has_names_for_every_order() {
        for list in [NAMES, SUBJECTS, AMONG] {
            for (earlier, again) in [(0, false), (0, true), (1, false), (1, true)] {
                let mentions = Mentions { subject: false, among: false, earlier, again };
                assert!(list.iter().any(|(names, _)| names.fit(mentions)), "{mentions:?}");
            }
        }
        assert_eq!(number("the first man"), Some(0));
        assert_eq!(number("person two"), Some(1));
        assert_eq!(number("one person"), None);
    }
}
