//! What a mapping says about the legs of its source.

use serde::Deserialize;

/// How legs are made straight that a conversion bends: a character of other proportions than the performer was made to stand
/// where the performer stood, with bent knees.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Legs {
    /// From hip to knee, metres.
    pub thigh: f64,
    /// From knee to ankle, metres.
    pub shin: f64,
    /// By how much what is above the ankles rises where both legs reach, metres.
    pub lift: f64,
}

impl Legs {
    /// As it is, if a person could have such legs; otherwise what to write.
    pub(super) fn check(self) -> Result<Self, String> {
        let length = 0.05..2.0;
        if length.contains(&self.thigh) && length.contains(&self.shin) && (0.0..0.5).contains(&self.lift) {
            return Ok(self);
        }
        Err("legs need a thigh and a shin of 0.05 to 2 metres and a lift of 0 to 0.5 metres".to_owned())
    }
}
