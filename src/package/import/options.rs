//! Option files of the official project: `key: value` lines between two dashed lines (InterMask spec §6).

use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest option file that is read, bytes.
pub const MAX_OPTIONS_BYTES: u64 = 64 << 10;

/// A value as the official reader types it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// `True` or `False`.
    Bool(bool),
    /// Digits with an optional sign.
    Int(i64),
    /// Digits, a dot, digits, with an optional sign. Exponents stay text, as upstream.
    Float(f64),
    /// Everything else; upstream reads `None` back as the text "None" and treats it so.
    Text(String),
}

/// The options of one file by key.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Options(BTreeMap<String, Value>);

impl Options {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A whole number of at least 0 that must be there.
    pub fn size(&self, key: &str) -> Result<usize> {
        match self.get(key) {
            Some(Value::Int(value)) => {
                usize::try_from(*value).map_err(|_| wrong(key, "a whole number of at least 0"))
            }
            Some(_) => Err(wrong(key, "a whole number")),
            None => Err(Error::corrupt("options", format!("the option file lacks {key}"))),
        }
    }

    /// The text of `key`, if it is there.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.get(key) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(key, "text")),
            None => Ok(None),
        }
    }
}

fn wrong(key: &str, what: &str) -> Error {
    Error::corrupt("options", format!("option {key} must be {what}"))
}

/// Read the text of an option file. Lines before the opening and after the closing dashes do not count; where there are no
/// dashed lines every line does.
pub fn parse_options(text: &str) -> Result<Options> {
    if text.len() as u64 > MAX_OPTIONS_BYTES {
        return Err(Error::corrupt(
            "options",
            format!("the option file is longer than {MAX_OPTIONS_BYTES} bytes"),
        ));
    }
    let mut options = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || (line.starts_with("----") && line.ends_with("----")) {
            continue;
        }
        let Some((key, value)) = line.split_once(':') else {
            return Err(Error::corrupt(
                "options",
                format!("line {} of the option file is not `key: value`", number + 1),
            ));
        };
        if options.insert(key.trim().to_owned(), typed(value.trim())).is_some() {
            return Err(Error::corrupt(
                "options",
                format!("line {} of the option file repeats a key", number + 1),
            ));
        }
    }
    Ok(Options(options))
}

fn typed(text: &str) -> Value {
    match text {
        "True" => return Value::Bool(true),
        "False" => return Value::Bool(false),
        _ => {}
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = match magnitude.split_once('.') {
        Some((whole, fraction)) if digits(whole) && digits(fraction) => text.parse().ok().map(Value::Float),
        None if digits(magnitude) => text.parse().ok().map(Value::Int),
        _ => None,
    };
    number.unwrap_or_else(|| Value::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_as_the_official_reader_types_them() {
        let text = "------------ Options -------------\na: True\nb: 3\nc: -0.50\nd: None\ne: ./x: y\nf: 1e-4\n\
                    g: +7\nh: 1.\ni: 99999999999999999999\n-------------- End ----------------\n";
        let options = parse_options(text).unwrap();
        let text = |t: &str| Some(Value::Text(t.into()));
        assert_eq!(options.get("a"), Some(&Value::Bool(true)));
        assert_eq!(options.get("b"), Some(&Value::Int(3)));
        assert_eq!(options.get("c"), Some(&Value::Float(-0.5)));
        assert_eq!(options.get("d").cloned(), text("None"));
        assert_eq!(options.get("e").cloned(), text("./x: y"));
        assert_eq!(options.get("f").cloned(), text("1e-4"));
        assert_eq!(options.get("g"), Some(&Value::Int(7)));
        assert_eq!(options.get("h").cloned(), text("1."));
        assert_eq!(options.get("i").cloned(), text("99999999999999999999"));
        assert_eq!(options.get("End"), None);
        assert_eq!(options.size("b").unwrap(), 3);
        for key in ["a", "c", "zzz"] {
            assert_eq!(options.size(key).unwrap_err().code(), "options");
        }
    }

    #[test]
    fn what_is_not_an_option_file_is_refused() {
        for text in ["no colon here", "a: 1\na: 2", &"x: 1\n".repeat(20_000)] {
            assert_eq!(parse_options(text).unwrap_err().code(), "options");
        }
    }
}
