//! Sentences about two people, far beyond the captions of any training folder: each scene is said twice in different words,
//! and a second scene that differs in one respect only (who does it, which side, where to, how, whether at all) as well.

use super::words::{Action, Form, Synonyms, Words};
use crate::error::Result;
use crate::motion::mirror::{CaptionRule, mirror_caption};
use crate::rng::CounterRng;

/// Rate of misspelt sentences.
const MISSPELT: f32 = 0.04;

/// One scene in two wordings, and its opposite in two wordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Both say the same.
    pub meaning: [String; 2],
    /// Both say something else, alike but for one respect.
    pub contrast: [String; 2],
    /// The respect.
    pub respect: Respect,
}

/// In what a scene and its contrast differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Respect {
    /// Which of the two people does it.
    Role,
    /// Left or right.
    Side,
    /// Toward or away.
    Direction,
    /// What comes first.
    Order,
    /// Whether it happens.
    Negation,
    /// How it is done, or with what.
    Manner,
}

impl Respect {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Role, Self::Side, Self::Direction, Self::Order, Self::Negation, Self::Manner];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Role => "who does it",
            Self::Side => "left or right",
            Self::Direction => "toward or away",
            Self::Order => "what comes first",
            Self::Negation => "whether at all",
            Self::Manner => "how, with what",
        }
    }
}

/// What happens, without words for it: numbers are lines of the lists.
#[derive(Clone, Copy, Debug)]
struct Fact {
    what: What,
    /// Line of `pairs`, or nobody in particular.
    pair: Option<usize>,
    /// The second of the pair does it.
    exchanged: bool,
    /// The right side, where the scene has one.
    right: bool,
    manner: Option<usize>,
    negated: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Act(usize),
    Mutual(usize),
    Solo(usize),
    Together(usize, usize),
    Sequence(usize, usize),
    Limb { verb: usize, limb: usize },
    Touch { verb: usize, limb: usize },
    Place { verb: usize, place: usize },
    Approach { line: usize, away: bool },
    Give { thing: usize, verb: usize },
}

/// Verbs of [`What::Place`], by their lines' first ways of saying.
const AT_PLACE: [&str; 6] = ["touch", "tap", "hit", "hold", "grab", "point at"];

/// Makes scenes.
pub struct Grammar {
    words: Words,
    at_place: Vec<Action>,
}

/// Draws one after the other from a stream.
struct Draws {
    rng: CounterRng,
    next: u64,
}

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        self.rng.below_at(self.next, n.max(1) as u64) as usize
    }

    fn chance(&mut self, p: f32) -> bool {
        self.next += 1;
        self.rng.uniform_at(self.next) < p
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

impl Grammar {
    /// # Errors
    /// See [`Words::load`].
    pub fn new() -> Result<Self> {
        let words = Words::load()?;
        let at_place = words.touch.iter().map(|(action, _)| action.clone());
        let at_place = at_place.filter(|a| AT_PLACE.contains(&a.with(Form::Base, "").as_str())).collect();
        Ok(Self { words, at_place })
    }

    /// Scene `index` of the stream.
    pub fn scene(&self, rng: &CounterRng, index: u64) -> Scene {
        let mut draws = Draws { rng: rng.nth(index), next: 0 };
        let fact = self.fact(&mut draws);
        let meaning = [self.say(&fact, &mut draws), self.say(&fact, &mut draws)];
        let (other, respect) = self.contrast(&fact, &meaning, &mut draws);
        let contrast = match other {
            Some(other) => [self.say(&other, &mut draws), self.say(&other, &mut draws)],
            None => meaning.clone().map(|text| mirror_caption(&text, CaptionRule::Words)),
        };
        Scene {
            meaning: meaning.map(|text| finish(text, &mut draws)),
            contrast: contrast.map(|text| finish(text, &mut draws)),
            respect,
        }
    }

    fn fact(&self, d: &mut Draws) -> Fact {
        let w = &self.words;
        let what = match d.below(20) {
            0..6 => What::Act(d.below(w.acts.len())),
            6..9 => What::Mutual(d.below(w.mutual.len())),
            9..11 => What::Solo(d.below(w.solo.len())),
            11..13 => What::Together(d.below(w.solo.len()), d.below(w.solo.len())),
            13 => What::Sequence(d.below(w.solo.len()), d.below(w.solo.len())),
            14 => What::Limb { verb: d.below(w.limb.len()), limb: d.below(w.limbs.len()) },
            15..17 => What::Touch { verb: d.below(w.touch.len()), limb: d.below(4) },
            17 => What::Place { verb: d.below(self.at_place.len()), place: d.below(w.places.len()) },
            18 => What::Approach { line: d.below(w.toward.len()), away: d.chance(0.5) },
            _ => What::Give { thing: d.below(w.things.len()), verb: d.below(w.give.len()) },
        };
        // The first line, "the first person / the second person", is how captions name people.
        let told_apart = d.chance(0.6);
        let line = if d.chance(0.5) { 0 } else { d.below(w.pairs.len()) };
        Fact {
            what,
            pair: told_apart.then_some(line),
            exchanged: d.chance(0.5),
            right: d.chance(0.5),
            manner: d.chance(0.25).then(|| d.below(w.manner.len())),
            negated: d.chance(0.05),
        }
    }

    /// The fact that differs in one respect; `None` stands for the mirrored sentences.
    fn contrast(&self, fact: &Fact, said: &[String; 2], d: &mut Draws) -> (Option<Fact>, Respect) {
        let w = &self.words;
        let mirrored = said.iter().all(|text| *text != mirror_caption(text, CaptionRule::Words));
        if mirrored && d.chance(0.6) {
            return (None, Respect::Side);
        }
        let exchanged = Fact { exchanged: !fact.exchanged, ..*fact };
        let (what, respect) = match fact.what {
            What::Approach { line, away } if d.chance(0.6) => {
                (What::Approach { line, away: !away }, Respect::Direction)
            }
            What::Sequence(a, b) if a != b => (What::Sequence(b, a), Respect::Order),
            What::Give { thing, verb } if fact.pair.is_none() || d.chance(0.3) => (
                What::Give { thing: (thing + 1 + d.below(w.things.len() - 1)) % w.things.len(), verb },
                Respect::Manner,
            ),
            What::Together(a, b) if fact.pair.is_some() && a != b => (What::Together(b, a), Respect::Role),
            _ if fact.pair.is_some()
                && !matches!(fact.what, What::Mutual(_))
                && (matches!(fact.what, What::Give { .. }) || d.chance(0.75)) =>
            {
                return (Some(exchanged), Respect::Role);
            }
            _ if matches!(fact.what, What::Together(..) | What::Sequence(..))
                || (fact.manner.is_some() && d.chance(0.6)) =>
            {
                let other = (fact.manner.unwrap_or(0) + 1 + d.below(w.manner.len() - 1)) % w.manner.len();
                return (Some(Fact { manner: Some(other), ..*fact }), Respect::Manner);
            }
            _ => return (Some(Fact { negated: !fact.negated, ..*fact }), Respect::Negation),
        };
        (Some(Fact { what, ..*fact }), respect)
    }

    fn say(&self, fact: &Fact, d: &mut Draws) -> String {
        let w = &self.words;
        let [mut a, mut b] = match fact.pair {
            Some(line) => d.pick(&w.pairs[line]).clone(),
            None => d.pick(&w.someone).clone(),
        };
        if fact.exchanged && fact.pair.is_some() {
            std::mem::swap(&mut a, &mut b);
        }
        let how = fact.manner.map(|line| d.pick(&w.manner[line]).as_str());
        let side = if fact.right { "right" } else { "left" };
        match fact.what {
            What::Act(line) => self.transitive(d.pick(&w.acts[line]), &a, &b, "", how, fact.negated, d),
            What::Mutual(line) => self.mutual(line, how, fact.negated, d),
            What::Solo(line) => {
                let alone = d.pick(&w.solo[line]);
                statement(alone, &a, "", how, fact.negated, d)
            }
            What::Together(x, y) => self.together(x, y, &a, &b, how, d),
            What::Sequence(x, y) => {
                let [first, then] = [x, y].map(|line| d.pick(&w.solo[line]).with(Form::Third, ""));
                let text = match d.below(5) {
                    0 => format!("{a} {first} and then {then}"),
                    1 => format!("first {a} {first}, then {a} {then}"),
                    2 => format!("{a} {then} after {a} {first}"),
                    3 => format!("before {a} {then}, {a} {first}"),
                    _ => format!("{a} {first}, after that {a} {then}"),
                };
                with_manner(text, how)
            }
            What::Limb { verb, limb } => {
                let owner = d.pick(&["the", "the", "their", "his", "her"]);
                let limb = format!("{owner} {side} {}", d.pick(&w.limbs[limb]));
                statement(d.pick(&w.limb[verb]), &a, &limb, how, fact.negated, d)
            }
            What::Touch { verb, limb } => {
                let (action, limbs) = &w.touch[verb];
                let with = format!(" with the {side} {}", limbs[limb % limbs.len()]);
                self.transitive(action, &a, &b, &with, how, fact.negated, d)
            }
            What::Place { verb, place } => {
                let place = d.pick(&w.places[place]);
                let action = &self.at_place[verb];
                match d.below(3) {
                    0 => statement(action, &a, &format!("{b}'s {side} {place}"), how, fact.negated, d),
                    1 => statement(action, &a, &format!("the {side} {place} of {b}"), how, fact.negated, d),
                    _ => statement(action, &a, &format!("{b} on the {side} {place}"), how, fact.negated, d),
                }
            }
            What::Approach { line, away } => {
                let ways = if away { &w.away[line] } else { &w.toward[line] };
                statement(d.pick(ways), &a, &b, how, fact.negated, d)
            }
            What::Give { thing, verb } => {
                self.give(d.pick::<String>(&w.things[thing]), &w.give[verb], &a, &b, how, d)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one sentence")]
    fn transitive(
        &self,
        action: &Action,
        a: &str,
        b: &str,
        with: &str,
        how: Option<&str>,
        negated: bool,
        d: &mut Draws,
    ) -> String {
        if !action.passive || d.chance(0.6) {
            return statement(action, a, &format!("{b}{with}"), how, negated, d);
        }
        let done = action.with(Form::Participle, "");
        let verb = match (negated, d.below(3)) {
            (true, _) => "is not",
            (false, 0) => "gets",
            (false, 1) => "is being",
            (false, _) => "is",
        };
        with_manner(format!("{b} {verb} {done} by {a}{with}"), how)
    }

    fn mutual(&self, line: usize, how: Option<&str>, negated: bool, d: &mut Draws) -> String {
        let (ways, noun) = &self.words.mutual[line];
        let both = d.pick(&self.words.both);
        let action = d.pick(ways);
        let (base, ing) = (action.with(Form::Base, ""), action.with(Form::Ing, ""));
        let text = match (negated, d.below(8)) {
            (true, 0..4) => format!("{both} do not {base}"),
            (true, _) => format!("{both} don't {base}"),
            (false, 0..3) => format!("{both} {base}"),
            (false, 3) => format!("{both} are {ing}"),
            (false, 4) => format!("one person and the other {base}"),
            (false, 5) => noun.clone(),
            (false, 6) => format!("{noun} of two people"),
            (false, _) => format!("{both} {ing}"),
        };
        with_manner(text, how)
    }

    fn together(&self, x: usize, y: usize, a: &str, b: &str, how: Option<&str>, d: &mut Draws) -> String {
        let [one, other]: [&Action; 2] = [x, y].map(|line| d.pick(&self.words.solo[line]));
        let ([f, g], [i, j]) =
            ([one, other].map(|v| v.with(Form::Third, "")), [one, other].map(|v| v.with(Form::Ing, "")));
        let text = match d.below(6) {
            0 => format!("{a} {f} while {b} {g}"),
            1 => format!("{a} {f} and {b} {g}"),
            2 => format!("{b} {g} while {a} {f}"),
            3 => format!("as {a} {f}, {b} {g}"),
            4 => format!("{a} is {i} and {b} is {j}"),
            _ => format!("{b} is {j} while {a} is {i}"),
        };
        with_manner(text, how)
    }

    fn give(
        &self,
        thing: &str,
        ways: &Synonyms,
        a: &str,
        b: &str,
        how: Option<&str>,
        d: &mut Draws,
    ) -> String {
        let action = d.pick(ways);
        let article = if thing.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let (third, ing) = (action.with(Form::Third, ""), action.with(Form::Ing, ""));
        let done = action.with(Form::Participle, "");
        let text = match d.below(6) {
            0 => format!("{a} {third} {b} {article} {thing}"),
            1 => format!("{a} {third} {article} {thing} to {b}"),
            2 => format!("{a} is {ing} {article} {thing} to {b}"),
            3 => format!("{article} {thing} is {done} to {b} by {a}"),
            4 => format!("{b} gets {article} {thing} from {a}"),
            _ => format!("{b} takes the {thing} that {a} {third}"),
        };
        with_manner(text, how)
    }
}

/// `subject` does `action` to `object` (or to nothing).
fn statement(
    action: &Action,
    subject: &str,
    object: &str,
    how: Option<&str>,
    negated: bool,
    d: &mut Draws,
) -> String {
    let form = |form| action.with(form, object);
    let text = match (negated, d.below(9)) {
        (true, 0..3) => format!("{subject} does not {}", form(Form::Base)),
        (true, 3..6) => format!("{subject} doesn't {}", form(Form::Base)),
        (true, 6) => format!("{subject} is not {}", form(Form::Ing)),
        (true, _) => format!("{subject} refuses to {}", form(Form::Base)),
        (false, 0..5) => format!("{subject} {}", form(Form::Third)),
        (false, 5) => format!("{subject} is {}", form(Form::Ing)),
        (false, 6) => format!("{subject} {}", form(Form::Ing)),
        (false, 7) => format!("{subject} starts to {}", form(Form::Base)),
        (false, _) => format!("we see {subject} {}", form(Form::Ing)),
    };
    with_manner(text, how)
}

/// Some manners stand in front, most at the end; which, is settled once for each by its length.
fn with_manner(text: String, how: Option<&str>) -> String {
    match how {
        Some(how) if how.len().is_multiple_of(3) => format!("{how}, {text}"),
        Some(how) => format!("{text} {how}"),
        None => text,
    }
}

/// Some prompts end in a full stop, some hold a typing error.
fn finish(mut text: String, d: &mut Draws) -> String {
    if d.chance(MISSPELT) {
        let long: Vec<(usize, &str)> = text
            .split(' ')
            .scan(0, |at, word| {
                let here = *at;
                *at += word.len() + 1;
                Some((here, word))
            })
            .filter(|(_, word)| {
                word.len() >= 5 && word.is_ascii() && !matches!(*word, "right" | "second" | "first")
            })
            .collect();
        if !long.is_empty() {
            let (start, word) = *d.pick(&long);
            let at = start + 1 + d.below(word.len() - 2);
            text.remove(at);
        }
    }
    if d.chance(0.3) { text + "." } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn scenes_repeat_by_seed_and_cover_every_respect() {
        let grammar = Grammar::new().unwrap();
        let rng = CounterRng::new(1, "grammar");
        let scenes: Vec<Scene> = (0..2000).map(|i| grammar.scene(&rng, i)).collect();
        assert_eq!(scenes[7], grammar.scene(&rng, 7));
        let respects: BTreeSet<Respect> = scenes.iter().map(|scene| scene.respect).collect();
        assert_eq!(respects.len(), Respect::ALL.len());
        for scene in &scenes {
            let same = scene.meaning.iter().filter(|m| scene.contrast.contains(m)).count();
            assert_eq!(same, 0, "{scene:?}");
        }
    }

    #[test]
    fn sentences_read_as_english() {
        let grammar = Grammar::new().unwrap();
        let (action, mut d) = (&grammar.words.acts[0][0], Draws { rng: CounterRng::new(3, "x"), next: 0 });
        let said: BTreeSet<String> = (0..200)
            .map(|_| grammar.transitive(action, "one person", "the other", "", None, false, &mut d))
            .collect();
        assert!(said.contains("one person hugs the other"), "{said:?}");
        assert!(said.contains("the other is hugged by one person"), "{said:?}");
    }

    /// `DUET_SHOW=1 cargo test grammar -- --nocapture` prints some scenes to read.
    #[test]
    fn no_sentence_is_empty_or_runs_on() {
        let grammar = Grammar::new().unwrap();
        let rng = CounterRng::new(2, "grammar");
        for i in 0..500 {
            let scene = grammar.scene(&rng, i);
            if std::env::var_os("DUET_SHOW").is_some() && i < 60 {
                println!("{scene:?}");
            }
            for text in scene.meaning.iter().chain(&scene.contrast) {
                assert!(!text.contains("  ") && text.split(' ').count() < 45 && text.len() > 3, "{text:?}");
            }
        }
    }
}
