//! How a model is: written by its thread, read by probes.

use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a model is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not loaded yet: it will be when the first request comes.
    Idle,
    /// Being loaded, for the first time or again after a panic.
    Loading,
    /// Waiting for work.
    Ready,
    /// Working on a request.
    Working,
    /// Could not be loaded; the next request tries again.
    Failed,
}

/// How a model is.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// What it is doing.
    pub phase: Phase,
    /// Requests in its queue.
    pub waiting: usize,
    /// Time since the last sign of life: a change of phase or a decoding step.
    pub quiet: Duration,
    /// How often its thread was started again after a panic.
    pub restarts: u64,
}

/// The thread's own words about itself.
pub(super) struct Status(Mutex<Inner>);

struct Inner {
    phase: Phase,
    since: Instant,
    restarts: u64,
}

impl Status {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner { phase: Phase::Idle, since: Instant::now(), restarts: 0 }))
    }

    /// A sign of life.
    pub(super) fn set(&self, phase: Phase) {
        let mut inner = self.lock();
        (inner.phase, inner.since) = (phase, Instant::now());
    }

    /// The thread is over; another one is about to load the model again.
    pub(super) fn restart(&self) {
        self.set(Phase::Loading);
        self.lock().restarts += 1;
    }

    pub(super) fn health(&self, waiting: usize) -> Health {
        let inner = self.lock();
        Health { phase: inner.phase, waiting, quiet: inner.since.elapsed(), restarts: inner.restarts }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
