//! Other words for the same thing, so that a small text encoder does not learn sentences by heart.
//!
//! A table of interchangeable phrases, exchanged whole-word and deterministically. Gender is not known from the captures,
//! so no phrase names one. Left and right are never touched, and no phrase says more than its row does, such as who leads or
//! which hands are shaken: what is true of one recipe only stands in its captions.

use std::collections::BTreeSet;

/// Phrases of one row mean the same and fit the same grammar. A phrase may stand in one row only.
const SYNONYMS: &[&[&str]] = &[
    &["two people", "two persons", "a pair of people"],
    &["two dancers", "two dancing people", "a dancing pair"],
    &["the first person", "person one"],
    &["the second person", "person two"],
    &["one person", "one of them", "somebody"],
    &["walk toward each other", "walk towards each other", "approach each other", "come toward each other"],
    &["step toward each other", "step towards each other", "move toward each other"],
    &["walk up to each other", "go up to each other"],
    &["step apart", "move apart", "separate", "walk away from each other"],
    &["step back from each other", "step away from each other", "back away from each other"],
    &["let go of each other", "release each other"],
    &["greet each other", "say hello to each other"],
    &["dance salsa", "dance a salsa", "do the salsa"],
    &["dance basic salsa steps", "do basic salsa steps", "step a basic salsa"],
    &["spins", "twirls", "whirls"],
    &["makes two turns", "turns twice", "spins twice"],
    &["turns once", "makes one turn", "spins once"],
    &["quickly", "rapidly"],
    &["drops into a low crouch", "crouches down low", "goes down into a squat"],
    &["squats down low", "squats deeply"],
    &["deep dip", "low dip"],
    &["a close embrace", "a tight hug", "a hug"],
    &["rotate half a turn", "turn halfway round", "make a half turn"],
    &["in a closed hold", "in a close hold", "holding each other close"],
    &["face to face", "facing each other"],
    &["from a distance", "from afar"],
    &["bows deeply", "takes a deep bow", "bends far forward"],
];

/// Up to `count` rewordings of a caption, all different from it and from each other: other phrases, and half of them without
/// the final full stop, which people leave out of prompts. None where there is nothing to change. The same caption always
/// gives the same rewordings.
pub fn reword(caption: &str, count: usize) -> Vec<String> {
    let found = occurrences(caption);
    let bare = caption.strip_suffix('.');
    let endings: usize = if bare.is_some() { 2 } else { 1 };
    let possible =
        found.iter().fold(endings, |product, found| product.saturating_mul(SYNONYMS[found.row].len()));
    let wanted = count.min(possible - 1);
    let mut variants = BTreeSet::new();
    let mut list = Vec::with_capacity(wanted);
    let mut state = fnv1a(caption);
    // Draws repeat themselves, the more the fewer are left; the bound only ends the search in hopeless cases.
    for _ in 0..64 * count {
        if list.len() == wanted {
            break;
        }
        let text = match bare {
            Some(bare) if split_mix(&mut state) & 1 == 0 => exchange(bare, &found, &mut state),
            _ => exchange(caption, &found, &mut state),
        };
        if text != caption && variants.insert(text.clone()) {
            list.push(text);
        }
    }
    list
}

/// A phrase of the table at a place of a text.
struct Occurrence {
    start: usize,
    end: usize,
    row: usize,
}

/// Phrases in the text, leftmost and longest first, not overlapping.
fn occurrences(text: &str) -> Vec<Occurrence> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let longest = SYNONYMS
            .iter()
            .enumerate()
            .flat_map(|(row, phrases)| phrases.iter().map(move |phrase| (row, phrase.len(), phrase)))
            .filter(|(row, length, phrase)| {
                text[start..].starts_with(**phrase)
                    && ends_word(text, start)
                    && ends_word(text, start + length)
                    // "the two dancers" are not "the a dancing pair".
                    && !(text[..start].ends_with("the ") && SYNONYMS[*row].iter().any(|p| p.starts_with("a ")))
            })
            .max_by_key(|(_, length, _)| *length);
        let next = text[start..].chars().next().map_or(1, char::len_utf8);
        if let Some((row, length, _)) = longest {
            found.push(Occurrence { start, end: start + length, row });
            start += length;
        } else {
            start += next;
        }
    }
    found
}

/// Whether a word boundary is at this byte.
fn ends_word(text: &str, at: usize) -> bool {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !(letter(text[..at].chars().next_back()) && letter(text[at..].chars().next()))
}

fn exchange(text: &str, found: &[Occurrence], state: &mut u64) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut from = 0;
    for occurrence in found {
        let row = SYNONYMS[occurrence.row];
        out.push_str(&text[from..occurrence.start]);
        out.push_str(row[(split_mix(state) % row.len() as u64) as usize]);
        from = occurrence.end;
    }
    out.push_str(&text[from..]);
    out
}

/// FNV-1a, so that each caption has its own draws.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// SplitMix64 (Steele et al. 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_phrase_stands_in_two_rows() {
        let mut seen = BTreeSet::new();
        for phrase in SYNONYMS.iter().flat_map(|row| row.iter()) {
            assert!(seen.insert(phrase), "{phrase}");
        }
        assert!(SYNONYMS.iter().all(|row| row.len() > 1));
    }

    #[test]
    fn no_phrase_says_more_than_its_row() {
        let word = |phrase: &str, word: &str| phrase.split(' ').any(|part| part == word);
        for phrase in SYNONYMS.iter().flat_map(|row| row.iter()) {
            assert!(
                !["left", "right", "leader", "follower"].iter().any(|more| word(phrase, more)),
                "{phrase}"
            );
        }
        assert_eq!(reword("they shake hands.", 5), ["they shake hands"]);
        let spins = reword("two fast spins", 5);
        assert!(!spins.is_empty() && spins.iter().all(|text| text.starts_with("two fast ")), "{spins:?}");
    }

    #[test]
    fn rewordings_are_different_keep_sides_and_repeat_exactly() {
        let caption = "two people walk toward each other, shake right hands and step apart to the left";
        let list = reword(caption, 5);
        assert_eq!(list.len(), 5);
        assert_eq!(list, reword(caption, 5));
        assert!(list.iter().all(|text| text != caption && text.ends_with("to the left")), "{list:?}");
    }

    #[test]
    fn only_whole_words_are_exchanged_and_asking_for_more_than_there_are_ends() {
        assert!(reword("stepfast spinster", 3).is_empty());
        assert_eq!(reword("deep dip", 9), ["low dip"]);
        assert!(reword("salsa", 3).is_empty());
        assert_eq!(reword("salsa.", 3), ["salsa"]);
        assert!(reword("the two dancers wait", 3).is_empty(), "not \"the a dancing pair\"");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[a-zé ]{0,40}(spins|fast)?[ é.]{0,3}") {
            for variant in reword(&text, 2) {
                prop_assert!(variant != text);
            }
        }
    }
}
