//! What a request leads to.

use super::edit::Edited;
use super::random::MotionId;
use crate::generate::{GenerateRequest, Generated};
use crate::motion::{Pose, Rotations};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// A finished request under its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Its name.
    pub id: MotionId,
    /// In whose list it is; `None` = that of nobody in particular.
    pub owner: Option<String>,
    /// When it was done.
    pub created: SystemTime,
    /// Name of the model that made it.
    pub model: String,
    /// What was asked for, all defaults resolved; of an edit, how its new part was made.
    pub request: GenerateRequest,
    /// What it was made from, if it is an edit.
    pub edit: Option<Edited>,
    /// What came out: finite numbers only, of the shape asked for.
    pub generated: Generated,
    /// Time in the queue.
    pub queue: Duration,
    /// From admission to the end.
    pub total: Duration,
    /// SHA-256 of the VQ-VAE whose codes the tokens name; `None` where that was not written down. A model may get other weights and keep
    /// its name, and results outlive that.
    pub codes: Option<String>,
}

impl Finished {
    /// Memory that the motion takes.
    pub fn bytes(&self) -> usize {
        let motions: usize =
            self.generated.samples.iter().map(|sample| 1 + usize::from(sample.foot_fixed.is_some())).sum();
        let tokens: usize =
            self.generated.samples.iter().flat_map(|s| &s.tokens).map(|t| 4 * t.ids().len()).sum();
        motions * 2 * self.request.frames * (size_of::<Pose>() + size_of::<Rotations>())
            + tokens
            + self.request.prompt.len()
    }
}
