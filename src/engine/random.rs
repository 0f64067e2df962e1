//! Randomness that decides no motion: names of results, and seeds for requests that bring none.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Name of a result: 128 random bits, written as 32 lower-case hexadecimal digits. Knowing one is the right to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MotionId([u8; 16]);

impl MotionId {
    /// A new name.
    ///
    /// # Errors
    /// `no_randomness` when the operating system has none to give.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Read the 32 digits; anything else is no name.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|bits| Self(bits.to_be_bytes()))
    }
}

impl From<[u8; 16]> for MotionId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl From<MotionId> for [u8; 16] {
    fn from(id: MotionId) -> Self {
        id.0
    }
}

impl fmt::Display for MotionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A seed below 2^53, so that JavaScript can repeat it exactly.
pub(super) fn seed() -> Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes) >> 11)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|source| {
        Error::internal("no_randomness", "the operating system gave no random numbers").with_source(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_differ() {
        let id = MotionId::random().unwrap();
        assert_ne!(id, MotionId::random().unwrap());
        assert_eq!(MotionId::parse(&id.to_string()), Some(id));
        assert_eq!(id.to_string().len(), 32);
    }

    #[test]
    fn nothing_else_is_an_id() {
        let good = "0".repeat(32);
        assert!(MotionId::parse(&good).is_some());
        for bad in ["", "../../etc/passwd", "0x", &good[1..], &"A".repeat(32), &format!("+{}", &good[1..])] {
            assert_eq!(MotionId::parse(bad), None, "{bad}");
        }
    }
}
