//! What a model's thread is asked for, and who waits for it.

use super::drafts::Drafts;
use super::reply::Reply;
use crate::error::Result;
use crate::generate::{EditRequest, GenerateRequest, Generated, Generator, Onlooker, Progress};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// Told (steps done, steps in all) after each decoding step, on the model's thread.
pub type OnProgress = Box<dyn FnMut(usize, usize) + Send>;

/// What the model's thread hands back.
pub(super) struct Outcome {
    pub generated: Generated,
    /// Time spent in the queue (and, for the first request to a model, loading it).
    pub queue: Duration,
}

/// What a model is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Work {
    Generate(GenerateRequest),
    Edit(EditRequest),
}

impl Work {
    /// What decides the shape of the result.
    pub(super) fn how(&self) -> &GenerateRequest {
        match self {
            Self::Generate(request) => request,
            Self::Edit(request) => &request.how,
        }
    }

    pub(super) fn run(
        &self,
        generator: &mut dyn Generator,
        progress: Progress<'_>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Generated> {
        match self {
            Self::Generate(request) => generator.generate_shown(request, progress, onlooker),
            Self::Edit(request) => generator.edit(request, progress),
        }
    }
}

/// Who follows the work while it goes on.
pub(super) struct Follower {
    pub on_progress: OnProgress,
    /// Those who may want to see it.
    pub drafts: Option<Arc<Drafts>>,
    /// Told when the model begins.
    pub begun: Arc<Notify>,
}

impl Follower {
    /// One who looks at the progress alone.
    pub(super) fn of(on_progress: OnProgress) -> Self {
        Self { on_progress, drafts: None, begun: Arc::default() }
    }
}

/// A request in the queue.
pub(super) struct Job {
    pub work: Work,
    pub reply: Reply,
    pub follower: Follower,
    pub queued: Instant,
}

/// What the queue holds.
pub(super) enum Task {
    Load(oneshot::Sender<Result<()>>),
    Run(Job),
}

impl Task {
    /// Whether nobody waits for it any more.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Load(reply) => reply.is_closed(),
            Self::Run(job) => job.reply.is_closed(),
        }
    }
}
