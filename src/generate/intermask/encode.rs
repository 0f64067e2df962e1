//! From motion to tokens: what edits start from where there are none.

use super::InterMask;
use crate::error::{Error, ErrorKind, Result};
use crate::generate::{FRAMES_PER_TOKEN, MAX_FRAMES, Tokens};
use crate::models::vqvae::{GraphMode, PARTS};
use crate::motion::placement::Placement;
use crate::motion::{FEATURES, Motion, Person};
use candle_core::Tensor;
use std::ops::Range;

/// Frames of nothing after a clip: the transformer has learned from clips encoded with as many, which the last tokens feel.
const MARGIN: usize = 48;

/// Some frames of a motion as tokens, and where their canonical frame stands.
pub(super) struct Encoded {
    pub tokens: Tokens,
    pub placement: Placement,
    /// The tokens are those that the whole motion came from.
    pub exact: bool,
}

impl InterMask {
    /// `frames` of `motion` (whole tokens, at most [`MAX_FRAMES`]): `known` where they are the tokens of exactly these frames, else
    /// encoded.
    pub(super) fn encoded(
        &self,
        motion: &Motion,
        known: Option<&Tokens>,
        frames: Range<usize>,
    ) -> Result<Encoded> {
        if frames == (0..motion.frames())
            && let Some(tokens) = known.filter(|known| known.length() * FRAMES_PER_TOKEN == frames.len())
        {
            return Ok(Encoded { tokens: tokens.clone(), placement: Placement::HERE, exact: true });
        }
        let part = Motion { persons: motion.persons.each_ref().map(|person| cut(person, frames.clone())) };
        let (features, placement) = Placement::canonicalise(&part)?;
        let length = frames.len() / FRAMES_PER_TOKEN;
        let padded = (frames.len() + MARGIN).min(MAX_FRAMES.max(frames.len()));
        let mut values = Vec::with_capacity(2 * padded * FEATURES);
        for person in &features {
            values.extend_from_slice(self.stats.normalise(person).data());
            values.resize(values.len().next_multiple_of(padded * FEATURES), 0.0);
        }
        let motion = Tensor::from_vec(values, (2, padded, FEATURES), &self.device)?;
        let ids = self.vq.encode(&motion, GraphMode::PerClip)?.to_vec2::<u32>()?;
        let whole = padded / FRAMES_PER_TOKEN;
        let ids =
            ids.iter().flat_map(|person| person.chunks(whole).take(PARTS)).flat_map(|row| &row[..length]);
        let tokens = Tokens::new(ids.copied().collect()).ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                "motion_too_short",
                "the motion is shorter than one token (4 frames)",
            )
        })?;
        Ok(Encoded { tokens, placement, exact: false })
    }
}

fn cut(person: &Person, frames: Range<usize>) -> Person {
    Person {
        positions: person.positions[frames.clone()].to_vec(),
        rotations: person.rotations[frames].to_vec(),
    }
}
