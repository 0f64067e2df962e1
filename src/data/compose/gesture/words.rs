//! Sentences from templates: `[a|b]` is one of several, `{A}` who acts, `{B}` the other, `{h}` a side, `{o}` the other side.

use super::pose::Hand;
use crate::data::compose::draws::Draws;
use crate::data::compose::scene::Facts;

/// Names of the one who acts and of the other. People may be exchanged in training: "the first" means "one of them".
const NAMES: [[&str; 2]; 8] = [
    ["one person", "the other"],
    ["one person", "the other person"],
    ["the first person", "the second person"],
    ["the first person", "the second"],
    ["a person", "another person"],
    ["one", "the other"],
    ["someone", "the other person"],
    ["one person", "the second person"],
];
/// Most captions of a scene.
const MOST: usize = 8;
/// Fewest captions of a scene, where there are as many templates.
const FEWEST: usize = 5;

/// One reading of a template.
fn read(template: &str, names: [&str; 2], side: Hand, draws: &mut Draws) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('[') {
        out.push_str(&rest[..open]);
        let inner = &rest[open + 1..];
        let close = inner.find(']').unwrap_or(inner.len());
        let choices: Vec<&str> = inner[..close].split('|').collect();
        out.push_str(choices[draws.below(choices.len())]);
        rest = inner.get(close + 1..).unwrap_or("");
    }
    out.push_str(rest);
    let said = out
        .replace("{A}", names[0])
        .replace("{B}", names[1])
        .replace("{h}", side.word())
        .replace("{o}", side.other().word());
    said.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

/// Captions from the templates of a scene and sentences about each alone (the one who acts first).
pub fn facts(draws: &mut Draws, side: Hand, actor: usize, pair: &[&str], alone: [&[&str]; 2]) -> Facts {
    let wanted = FEWEST + draws.below(MOST - FEWEST + 1);
    let mut left: Vec<&str> = pair.to_vec();
    let mut captions: Vec<String> = Vec::new();
    // Each template once, then again in other words until there are enough.
    for round in 0..3 * wanted {
        if captions.len() == wanted {
            break;
        }
        if left.is_empty() || round == 0 {
            left = pair.to_vec();
        }
        let template = left.remove(draws.below(left.len()));
        let names = *draws.choice(&NAMES);
        let said = read(template, names, side, draws);
        if !captions.contains(&said) {
            captions.push(said);
        }
    }
    let mut persons: [Vec<String>; 2] = Default::default();
    for (who, templates) in [actor, 1 - actor].into_iter().zip(alone) {
        for template in templates.iter().take(2) {
            persons[who].push(read(template, ["a person", "someone"], side, draws));
        }
    }
    Facts { captions, persons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::CounterRng;

    #[test]
    fn templates_are_read_whole_and_sides_are_said() {
        let mut draws = Draws::new(CounterRng::new(1, "words"));
        let pair = ["{A} [taps|pats] {B} with the {h} hand, not the {o} one", "two people [stand|wait]"];
        let facts = facts(&mut draws, Hand::Left, 1, &pair, [&["a person pats"], &["a person is patted"]]);
        assert!(facts.captions.len() >= FEWEST);
        assert!(facts.captions.iter().all(|c| !c.contains(['[', ']', '{', '}', '|'])), "{facts:?}");
        assert!(facts.captions.iter().any(|c| c.contains("with the left hand, not the right one")));
        assert_eq!(facts.persons[1], ["a person pats"]);
    }
}
