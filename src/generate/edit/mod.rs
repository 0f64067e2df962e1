//! What an edit is: a motion, what to do with it, and how the new part is made.
//!
//! Token maps make edits cheap: whatever stays is given to the model as known tokens, and only the rest is sampled. Around the
//! model stands [`crate::motion::splice`], which puts the new motion into the old one so that what stays does not move.

pub mod canvas;
mod shift;

use super::{FRAMES_PER_TOKEN, GenerateRequest, Generated, MAX_FRAMES, Tokens};
use crate::error::Result;
use crate::motion::{BodyParts, Motion};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Longest clip that edits may lead to, frames (60 s).
pub const LONGEST: usize = 1800;
/// Frames beyond a changed token that its decoding still moves, on either side: convolutions over 5 token frames, then over 5
/// steps of two frames, then over 2 frames. Measured in a test.
pub const RECEPTIVE_FIELD: usize = 32;
/// Frames on either side of a window in which it is seen where people are.
pub const SEAM: usize = 8;

/// A motion to be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Both people.
    pub motion: Motion,
    /// The same with fixed feet; the result has such a motion if and only if this one does.
    pub foot_fixed: Option<Motion>,
    /// The tokens it came from. Without them the motion is encoded.
    pub tokens: Option<Tokens>,
}

/// Everything that decides an edit's result. Built only by `engine`, which validates ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditRequest {
    /// How new motion is made, and the length of the result.
    pub how: GenerateRequest,
    /// What is changed.
    pub source: Arc<Source>,
    /// What is done.
    pub task: Task,
}

/// What can be done with a motion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// Some frames anew.
    Window(Window),
    /// A new partner for one person.
    React(React),
    /// Both ends stay, the middle is new.
    Between(Between),
    /// More after the end: one prompt a stretch.
    Extend(Vec<Stretch>),
    /// The tokens that the model is least sure of anew: this share of them, above 0 and up to 1.
    Vary(f64),
    /// One person elsewhere; needs no model.
    Move(Move),
}

/// Frames to make anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Within the clip, whole tokens.
    pub frames: Range<usize>,
    /// Whose.
    pub persons: [bool; 2],
    /// Of which the joints may move.
    pub parts: BodyParts,
    /// Frames on either side over which the new runs into the old, at most [`RECEPTIVE_FIELD`].
    pub blend: usize,
}

/// Who stays and who is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct React {
    /// The person of the source who stays, 0 or 1.
    pub kept: usize,
    /// Who that is in the prompt and in the result, 0 or 1.
    pub role: usize,
}

/// What stays and what is made, in frames, whole tokens each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Between {
    /// Kept at the beginning.
    pub first: usize,
    /// Made.
    pub middle: usize,
    /// Kept at the end.
    pub last: usize,
}

/// One piece of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// What happens in it.
    pub prompt: String,
    /// How long, whole tokens.
    pub frames: usize,
}

/// Where a person goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// 0 or 1.
    pub person: usize,
    /// Along x and z, metres.
    pub shift: [f64; 2],
    /// About the vertical through the pelvis at the first of `frames`, counter-clockwise seen from above, degrees.
    pub turn: f64,
    /// The move grows from nothing to all over these frames; empty, the whole clip moves.
    pub frames: Range<usize>,
}

impl Task {
    /// Length of the result where the source has `frames`.
    pub fn result_frames(&self, frames: usize) -> usize {
        match self {
            Self::Between(Between { first, middle, last }) => first + middle + last,
            Self::Extend(timeline) => frames + timeline.iter().map(|stretch| stretch.frames).sum::<usize>(),
            _ => frames,
        }
    }
}

/// The result of an edit that needs no model, or `None` for the others.
///
/// # Errors
/// As [`crate::motion::rigid::Body::of`].
pub fn without_model(request: &EditRequest) -> Result<Option<Generated>> {
    match &request.task {
        Task::Move(how) => shift::moved(&request.source, how, request.how.rigid)
            .map(|(motion, foot_fixed)| Some(shift::generated(motion, foot_fixed, &request.how))),
        _ => Ok(None),
    }
}

/// Of a clip of `frames`, those that a model looks at to make `window` anew: all, or as many as it can hold, with the window in
/// the middle. Whole tokens.
pub fn context(frames: usize, window: &Range<usize>) -> Range<usize> {
    if frames <= MAX_FRAMES {
        return 0..frames;
    }
    let before = (MAX_FRAMES.saturating_sub(window.len()) / 2).min(window.start);
    let start = (window.start - before).min(frames - MAX_FRAMES) / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN;
    start..start + MAX_FRAMES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_hold_the_window_and_no_more_than_a_model_can() {
        assert_eq!(context(88, &(20..40)), 0..88);
        for (frames, window) in [(600, 0..40), (600, 300..420), (600, 560..600), (304, 0..304 - 64)] {
            let context = context(frames, &window);
            assert_eq!(context.len(), MAX_FRAMES);
            assert!(context.start <= window.start && context.end >= window.end && context.end <= frames);
            assert!(context.start.is_multiple_of(FRAMES_PER_TOKEN));
        }
    }
}
