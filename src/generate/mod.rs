//! From a validated request to motion: text, tokens, decoding, placement; and from motion to motion ([`edit`]). Other model
//! families implement [`Generator`] too.

mod confidence;
pub mod decoding;
pub mod edit;
pub mod intermask;
mod kept;
pub mod masked;
pub mod noise;
mod sampling;
pub mod schedule;
mod together;

use crate::error::{Error, ErrorKind, Result};
use crate::models::vqvae::PARTS;
use crate::motion::{Motion, Pose};
pub use edit::EditRequest;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Duration;
pub use together::{Together, Turn, Underway, wanted};

/// Shortest clip, frames.
pub const MIN_FRAMES: usize = 16;
/// Longest clip, frames.
pub const MAX_FRAMES: usize = 300;
/// Frames per token (the VQ-VAE's time stride).
pub const FRAMES_PER_TOKEN: usize = 4;

/// Everything that decides a result; with an edit, how its new part is made. Built only by `engine::request`, which validates ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "kept::Request", into = "kept::Request")]
pub struct GenerateRequest {
    /// The sentence, 1..=1000 characters, no control characters.
    pub prompt: String,
    /// Multiple of [`FRAMES_PER_TOKEN`], within [`MIN_FRAMES`]..=[`MAX_FRAMES`]; of an edit, the length of its result, which may
    /// be longer.
    pub frames: usize,
    /// Seed of the first sample; sample i uses `seed + i` (wrapping).
    pub seed: u64,
    /// Independent samples, 1..=8.
    pub samples: usize,
    /// Decoding steps, 1..=64.
    pub steps: usize,
    /// Classifier-free guidance scale, 0..=10; 1 = no guidance.
    pub guidance: f32,
    /// Share of the codes that sampling leaves out at each position (upstream `topkr`), 0..1; keeps ceil((1-r)·K) codes.
    pub top_k_ratio: f64,
    /// Divides the logits; 1 equals upstream.
    pub temperature: f32,
    /// Share of a remembered clip's tokens that stay, 0..=1: 0 draws everything, as upstream does. `None`: as the model has it. Models
    /// that remember nothing draw everything.
    pub memory: Option<f32>,
    /// Also compute the foot-fixed motion (InterMask spec §5).
    pub foot_fix: bool,
    /// Give each person bones that keep their length ([`crate::motion::rigid`], ours); false = upstream's positions.
    pub rigid: bool,
}

impl GenerateRequest {
    /// Tokens that a decoding step of the request passes through the transformer: ten for each token frame of each sample, twice with
    /// guidance, whose unconditional half is in the same batch. Clips are not padded, so this is what a batch with it grows by.
    pub fn batch_tokens(&self) -> usize {
        let rows = if self.guidance == 1.0 { 1 } else { 2 };
        2 * PARTS * (self.frames / FRAMES_PER_TOKEN) * self.samples * rows
    }
}

/// One generated clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// 0-based.
    pub index: usize,
    /// Seed that alone reproduces this sample (`samples` = 1).
    pub seed: u64,
    /// Denormalised and temporally smoothed, as upstream's plain npy where the request is not `rigid`.
    pub motion: Motion,
    /// The same after the foot fix, as upstream's `ik_` npy where the request is not `rigid`; present when it was asked for.
    pub foot_fixed: Option<Motion>,
    /// The tokens behind the motion, in the motion's own frame; `None` where it did not come from tokens as a whole (a file,
    /// a clip beyond [`MAX_FRAMES`], a person who was moved).
    pub tokens: Option<Tokens>,
}

/// The token maps of a pair, about four bytes a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>")]
pub struct Tokens(Vec<u32>);

impl TryFrom<Vec<u32>> for Tokens {
    type Error = &'static str;

    fn try_from(ids: Vec<u32>) -> std::result::Result<Self, Self::Error> {
        Self::new(ids).ok_or("not the tokens of a pair")
    }
}

impl Tokens {
    /// Ids of person 1 then person 2, part-major, 10L of them; `None` where the length is not that.
    pub fn new(ids: Vec<u32>) -> Option<Self> {
        (!ids.is_empty() && ids.len().is_multiple_of(2 * PARTS)).then_some(Self(ids))
    }

    /// Token frames, L.
    pub fn length(&self) -> usize {
        self.0.len() / (2 * PARTS)
    }

    /// The ids: person 1 then person 2, part-major.
    pub fn ids(&self) -> &[u32] {
        &self.0
    }
}

impl Sample {
    /// What a viewer should show: the foot-fixed motion where there is one.
    pub fn shown(&self) -> &Motion {
        self.foot_fixed.as_ref().unwrap_or(&self.motion)
    }
}

/// Where the time went, on the clock: beside others each stage takes longer than alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Tokenising and the text tower; next to nothing where the prompt is one that came lately.
    pub text: Duration,
    /// From the first decoding step to the last.
    pub tokens: Duration,
    /// Token maps to motion, smoothing, rigid bones, foot fix.
    pub decode: Duration,
}

/// How a prompt stands to the sentences that the model was taught.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Familiarity {
    /// Near enough to be told apart from what the model never heard of.
    pub near: bool,
    /// Cosine to the nearest of its sentences.
    pub similarity: f32,
    /// That sentence.
    pub nearest: String,
}

/// A finished request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// As many as were asked for, in order.
    pub samples: Vec<Sample>,
    /// The prompt was longer than the text encoder reads.
    pub prompt_truncated: bool,
    /// `None` where the model does not say what it was taught, and of edits.
    pub familiarity: Option<Familiarity>,
    /// Where the time went, on the clock: beside others each stage takes longer than alone.
    pub timings: Timings,
}

/// Called after each decoding step with (steps done, steps in all); `Break` stops the work with `ErrorKind::Cancelled`.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>;

/// A motion that is still being made, as it would be if decoding ended now.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// 0-based.
    pub sample: usize,
    /// Positions of persons 1 and 2 at every frame, smoothed in time; bones and feet as the model gives them.
    pub positions: [Vec<Pose>; 2],
}

/// Looks at motions that are still being made.
pub trait Onlooker {
    /// Whether to be shown what there is after `done` decoding steps (in all, over all samples). Showing costs the decoding of
    /// a whole clip, so whoever does not look says no.
    fn wants(&mut self, done: usize) -> bool;

    /// What there is after `done` steps.
    fn see(&mut self, done: usize, draft: Draft);
}

/// Nobody looks.
pub struct Nobody;

impl Onlooker for Nobody {
    fn wants(&mut self, _: usize) -> bool {
        false
    }

    fn see(&mut self, _: usize, _: Draft) {}
}

/// A family of models that turns a request into motion.
pub trait Generator: Send {
    /// Generate, shown to `onlooker` while it goes on. The same request gives the same bytes whatever ran before, on any number
    /// of threads, and whoever looks; families that cannot show their work just do it.
    fn generate_shown(
        &mut self,
        request: &GenerateRequest,
        progress: Progress<'_>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Generated>;

    /// [`Generator::generate_shown`] where nobody looks.
    ///
    /// # Errors
    /// As there.
    fn generate(&mut self, request: &GenerateRequest, progress: Progress<'_>) -> Result<Generated> {
        self.generate_shown(request, progress, &mut Nobody)
    }

    /// Itself, if it can work on several generations side by side; by default it cannot.
    fn together(&self) -> Option<&dyn Together> {
        None
    }

    /// Change a motion. The same request gives the same bytes, as with [`Generator::generate`].
    ///
    /// # Errors
    /// `edit_not_supported` from families that can only do what needs no model.
    fn edit(&mut self, request: &EditRequest, _progress: Progress<'_>) -> Result<Generated> {
        edit::without_model(request)?.ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "edit_not_supported",
                "this model cannot make edits of this kind",
            )
        })
    }
}
