//! Edits at the door: [`RawEdit`] as typed, the rules, and what the answer says of one.

mod answer;
mod parent;
mod raw;
mod rules;
#[cfg(test)]
mod tests;

pub use answer::Edited;
pub use parent::Parent;
pub use raw::{RawEdit, RawStretch};
pub use rules::{MAX_STRETCHES, ValidEdit};

/// Names of the fields of `POST /edit`.
pub fn fields() -> impl Iterator<Item = &'static str> {
    raw::OWN.into_iter().chain(raw::HOW)
}
