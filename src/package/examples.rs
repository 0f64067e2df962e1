//! Prompts that a model answers well, to be offered to people.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Most examples of a package.
const MOST: usize = 60;

/// A prompt that a model answers well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What kind of thing it is, a word or two for people; the same for its likes.
    pub family: String,
    /// The sentence.
    pub prompt: String,
    /// A length that suits it, seconds.
    pub seconds: f64,
}

/// A file of them, as `duet train package --examples` reads it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    examples: Vec<Example>,
}

/// The examples in `text`, TOML: `[[examples]]` with `family`, `prompt` and `seconds`.
///
/// # Errors
/// `examples_file` where it is no such file.
pub fn parse(text: &str) -> Result<Vec<Example>> {
    let wrong =
        |why: String| Error::invalid("examples_file", format!("the file of examples is not usable: {why}"));
    let file: File = toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
    check(&file.examples).map_err(wrong)?;
    Ok(file.examples)
}

/// What is wrong with them, where something is.
pub fn check(examples: &[Example]) -> std::result::Result<(), String> {
    let line = |text: &str, longest: usize| {
        !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
    };
    let fine = |e: &Example| line(&e.family, 30) && line(&e.prompt, 200) && (0.5..=10.0).contains(&e.seconds);
    if examples.len() > MOST || !examples.iter().all(fine) {
        return Err(format!(
            "examples are at most {MOST}: families of 1 to 30 and prompts of 1 to 200 characters, 0.5 to 10 seconds"
        ));
    }
    Ok(())
}

/// Families in the order in which they first come, with their examples.
pub fn by_family(examples: &[Example]) -> Vec<(&str, Vec<&Example>)> {
    let mut families: Vec<(&str, Vec<&Example>)> = Vec::new();
    for example in examples {
        match families.iter_mut().find(|(family, _)| *family == example.family) {
            Some((_, list)) => list.push(example),
            None => families.push((&example.family, vec![example])),
        }
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[examples]]
        family = "Greet"
        prompt = "both bow"
        seconds = 3
        [[examples]]
        family = "Walk"
        prompt = "one person chases the other"
        seconds = 4.5
        [[examples]]
        family = "Greet"
        prompt = "two people hug"
        seconds = 3.0
    "#;

    #[test]
    fn families_keep_their_order() {
        let examples = parse(FILE).unwrap();
        let families = by_family(&examples);
        let of = |n: usize| families[n].1.iter().map(|e| e.prompt.as_str()).collect::<Vec<_>>();
        assert_eq!(families.iter().map(|(family, _)| *family).collect::<Vec<_>>(), ["Greet", "Walk"]);
        assert_eq!(of(0), ["both bow", "two people hug"]);
    }

    #[test]
    fn what_cannot_be_offered_is_refused() {
        for (from, to) in [
            ("\"both bow\"", "\" \""),
            ("seconds = 4.5", "seconds = 11"),
            ("\"Walk\"", "\"a\\u0007\""),
            ("family", "kin"),
        ] {
            let text = FILE.replacen(from, to, 1);
            assert_ne!(text, FILE);
            assert_eq!(parse(&text).unwrap_err().code(), "examples_file", "{to}");
        }
    }
}
