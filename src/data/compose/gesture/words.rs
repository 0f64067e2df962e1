//! Sentences of a gesture: templates of [`crate::data::compose::caption`] in which `{h}` is a side and `{o}` the other side.

use super::pose::Hand;
use crate::data::compose::caption::{Material, captions};
use crate::data::compose::draws::Draws;
use crate::data::compose::scene::Facts;

/// Fewest and most captions of a scene, where there are as many templates.
pub const COUNT: [usize; 2] = [5, 8];
/// Share of captions with a slip of the pen.
const MISSPELT: f64 = 0.02;

/// A template, or a phrase, with its sides named.
pub fn sided(text: &str, side: Hand) -> String {
    text.replace("{h}", side.word()).replace("{o}", side.other().word())
}

/// Phrases with their sides named.
pub fn all_sided<T: AsRef<str>>(list: &[T], side: Hand) -> Vec<String> {
    list.iter().map(|text| sided(text.as_ref(), side)).collect()
}

/// Captions from templates, with what each of the two does for those that ask, and sentences about each alone (in these
/// `{1}` is "someone"). `meaning` is a template, too.
pub fn facts<T: AsRef<str>>(
    draws: &mut Draws,
    side: Hand,
    pair: &[T],
    does: [&[String]; 2],
    alone: [Vec<String>; 2],
    meaning: &str,
) -> Facts {
    let pair: Vec<String> = pair.iter().map(|template| sided(template.as_ref(), side)).collect();
    let templates: Vec<&str> = pair.iter().map(String::as_str).collect();
    let captions =
        captions(&Material { templates: &templates, does, count: COUNT, misspelt: MISSPELT }, draws);
    Facts { captions, persons: alone, meaning: sided(meaning, side) }
}

/// Sentences about one person: templates in which `{1}` is "someone".
pub fn about(templates: &[&str], side: Hand, draws: &mut Draws) -> Vec<String> {
    templates
        .iter()
        .take(2)
        .map(|text| crate::data::compose::caption::read(&sided(text, side), draws))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::CounterRng;

    #[test]
    fn templates_are_read_whole_and_sides_are_said() {
        let mut draws = Draws::new(CounterRng::new(1, "words"));
        let pair = ["{1} [taps|pats] {2} with the {h} hand, not the {o} one", "{they} [stand|wait]"];
        let alone = [&["{1} [pats|taps]"], &["a person is patted"]]
            .map(|list: &[&str; 1]| about(list, Hand::Left, &mut draws));
        let facts = facts(&mut draws, Hand::Left, &pair, [&[], &[]], alone, "pat / {h}");
        assert!(facts.captions.len() >= COUNT[0]);
        assert!(facts.captions.iter().all(|c| !c.contains(['[', ']', '{', '}', '|'])), "{facts:?}");
        assert!(facts.captions.iter().any(|c| c.contains("with the left hand, not the right one")));
        assert!(facts.persons[0][0].starts_with("someone "), "{facts:?}");
        assert_eq!(facts.meaning, "pat / left");
    }
}
