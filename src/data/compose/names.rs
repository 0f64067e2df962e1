//! How sentences name the two people.
//!
//! A number is a name: "the first person", "person 1" and "person A" are the scene's first person, in whatever order a sentence
//! speaks of them, as in InterHuman. A model that tells people apart learns who is meant; one that does not exchanges them.

mod lists;

use super::draws::Draws;
use lists::{AMONG, BOTH, NAMES, SUBJECTS};

/// Names of the two people of a scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Names {
    /// The one named first.
    pub earlier: &'static str,
    /// The one named second.
    pub later: &'static str,
    /// The first, when named again.
    pub again: &'static str,
    /// Whose hand it is, for the first and the second named: "their", "his", "her", "its".
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
            Some(("a" | "an", rest)) => format!("the {rest}"),
            Some(("another", rest)) => format!("the other {rest}"),
            Some(("someone", _)) => "the other person".to_owned(),
            _ => self.later.to_owned(),
        }
    }
}

/// Words that a number may follow: "person one", "character A".
const NUMBERED: &[&str] =
    &["person", "character", "actor", "dancer", "player", "figure", "avatar", "performer"];

/// Which person a name with a number is for.
pub fn number(name: &str) -> Option<usize> {
    let mut words = name.split(' ');
    let numbers: [&[&str]; 2] = match words.next()? {
        "the" => [&["first"], &["second"]],
        word if NUMBERED.contains(&word) => [&["one", "1", "A"], &["two", "2", "B"]],
        _ => return None,
    };
    let number = words.next()?;
    numbers.iter().position(|same| same.contains(&number))
}

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
        assert_eq!(number("character A"), Some(0));
        assert_eq!(number("dancer 2"), Some(1));
        for name in ["one person", "a character", "the other one", "the player"] {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn numbers_agree_within_names() {
        for names in all() {
            if let Some(earlier) = number(names.earlier) {
                assert_eq!(number(names.later), Some(1 - earlier), "{names:?}");
                assert_eq!(number(names.again), Some(earlier), "{names:?}");
            }
            assert_ne!(names.later_again(), names.again, "{names:?}");
        }
    }
}
