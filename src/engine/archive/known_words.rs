//! Codes of errors that come back from the disk. A code is one of the program's own words ([`Error::code`](crate::Error::code))
//! and lives as long as it; those read here join them, each once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Longest code.
const MAX: usize = 40;
/// Most codes: many more than this program has.
const MOST: usize = 200;

static CODES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The code as a word of the program; `internal` for what is no code.
pub(super) fn code(text: &str) -> &'static str {
    let is_code =
        (1..=MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = codes.get(text) {
        return known;
    }
    if !is_code || codes.len() >= MOST {
        return "internal";
    }
    let code: &'static str = Box::leak(text.to_owned().into_boxed_str());
    codes.insert(code);
    code
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn codes_come_back_once_and_nothing_else_does() {
        let first = code("took_too_long");
        assert_eq!(first, "took_too_long");
        assert!(std::ptr::eq(first, code(&String::from("took_too_long"))));
        for bad in ["", "A", "a b", "a\n", &"a".repeat(41)] {
            assert_eq!(code(bad), "internal");
        }
    }
}
