//! More ways to tell of a scene than stand beside its motion: whole sentences and phrases, written as many different people would put them.
//!
//! The strings of a list (templates of one gesture, phrases of one action) are all true of the same scenes. A section of a file
//! `*.txt` here names such a list by one of its strings, `= …`, and gives more of that list, one a line; `{h}` and `{o}` are sides
//! as in [`super::gesture`], and phrases may have alternatives in brackets as templates do.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The sections, by file.
const FILES: [&str; 8] = [
    include_str!("actions.txt"),
    include_str!("fights.txt"),
    include_str!("frames.txt"),
    include_str!("lively.txt"),
    include_str!("signs.txt"),
    include_str!("together.txt"),
    include_str!("touch.txt"),
    include_str!("walking.txt"),
];

static SECTIONS: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut sections = HashMap::new();
    for (key, lines) in FILES.iter().flat_map(|text| parse(text)) {
        // A list may come with its sides named.
        for sides in [None, Some(["left", "right"]), Some(["right", "left"])] {
            let named = |text: &str| match sides {
                Some([side, other]) => text.replace("{h}", side).replace("{o}", other),
                None => text.to_owned(),
            };
            sections.entry(named(key)).or_insert_with(|| lines.iter().map(|line| named(line)).collect());
        }
    }
    sections
});

/// The list and what the files add to it.
pub fn more<T: AsRef<str>>(list: &[T]) -> Vec<String> {
    let mut all: Vec<String> = list.iter().map(|text| text.as_ref().to_owned()).collect();
    all.extend(list.iter().filter_map(|text| SECTIONS.get(text.as_ref())).flatten().cloned());
    all
}

/// Sections of a file: the string that names the list, and the lines.
fn parse(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("= "), sections.last_mut()) {
            (Some(key), _) => sections.push((key, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    sections
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The texts in which lists stand.
    fn sources() -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data");
        let mut text = String::new();
        for folder in ["compose/gesture", "compose/families", "recipes"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                text += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
            }
        }
        text
    }

    /// Words that only the files here have: a caption with one of them has got its words from here.
    pub fn own_words() -> BTreeSet<String> {
        let words = |text: &str| -> BTreeSet<String> {
            text.split(|c: char| !c.is_alphabetic())
                .filter(|word| word.len() > 4)
                .map(str::to_owned)
                .collect()
        };
        let others = sources() + include_str!("../thesaurus/rows.txt") + include_str!("../names/lists.rs");
        let others = words(&others);
        sections()
            .flat_map(|(_, lines)| lines)
            .flat_map(words)
            .filter(|word| !others.contains(word))
            .collect()
    }

    fn sections() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
        FILES.iter().flat_map(|text| parse(text))
    }

    fn slots(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(slot, _)| slot)).collect()
    }

    #[test]
    fn every_section_is_of_a_list_that_is_there_and_of_one_only() {
        let (sources, mut seen) = (sources(), BTreeSet::new());
        for (key, lines) in sections() {
            assert!(sources.contains(&format!("\"{key}\"")), "no list has {key:?}");
            assert!(seen.insert(key), "{key:?} twice");
            assert!(!lines.is_empty(), "{key:?}");
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }

    #[test]
    fn lines_say_no_side_but_where_their_list_does() {
        for (key, lines) in sections() {
            let known = ["1", "2", "they", "h", "o", "x", "a", "as", "aing", "aed", "b", "bs", "bing", "bed"];
            let mut seen = BTreeSet::new();
            for line in lines {
                assert!(slots(line).iter().all(|slot| known.contains(slot)), "{line:?} under {key:?}");
                assert!(seen.insert(line), "{line:?} twice under {key:?}");
                let open = line.matches('[').count();
                assert_eq!(open, line.matches(']').count(), "{line:?}");
                assert!(open > 0 || !line.contains('|'), "{line:?}");
                for side in ["left", "right"] {
                    let mut words = line.split(|c: char| !c.is_alphabetic());
                    assert!(!words.any(|word| word == side) || key.contains(side), "{line:?} under {key:?}");
                }
                // Phrases are said of anybody, templates of somebody.
                assert_eq!(line.contains('~'), key.contains('~'), "{line:?} under {key:?}");
                // Keywords stand also for scenes in which both do it.
                if key.starts_with('[') {
                    assert!(!line.contains("{1}") && !line.contains("{2}"), "{line:?} under {key:?}");
                }
            }
        }
    }

    #[test]
    fn a_list_gets_its_lines_with_its_sides() {
        let sections = parse("# a note\n= ~wave the {h} hand\n~greet, {h} hand up\n\n= b\nc\nd\n");
        assert_eq!(sections, [("~wave the {h} hand", vec!["~greet, {h} hand up"]), ("b", vec!["c", "d"])]);
        let with_sides: Vec<_> =
            SECTIONS.keys().filter(|key| key.contains("{h}")).take(20).cloned().collect();
        assert!(!with_sides.is_empty());
        for key in with_sides {
            let left = key.replace("{h}", "left").replace("{o}", "right");
            let (plain, sided) = (more(&[key]), more(&[left]));
            assert_eq!(plain.len(), sided.len());
            assert!(plain.len() > 1 && sided.iter().all(|text| !text.contains("{h}")));
        }
        assert_eq!(more(&["nobody's list"]), ["nobody's list"]);
    }
}
