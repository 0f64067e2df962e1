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
    /// Being loaded, for the first time or again after it failed.
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
    /// How often its thread was started again: after a panic, a hang or a result that was none.
    pub restarts: u64,
    /// Whether another thread is started should this one hang.
    pub is_watched: bool,
    /// Whether it takes no requests any more.
    pub is_closed: bool,
}

/// The thread's own words about itself.
pub(super) struct Status(Mutex<Inner>);

struct Inner {
    phase: Phase,
    since: Instant,
    restarts: u64,
    /// It gave a motion that is none: it finishes what it has begun, and another thread follows.
    ails: bool,
}

/// Which of a model's threads, one after the other, is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life(u64);

impl Inner {
    fn is_stalled(&self, stall: Duration) -> bool {
        self.phase == Phase::Working && self.since.elapsed() > stall
    }

    fn give_over(&mut self) -> Life {
        (self.phase, self.since) = (Phase::Loading, Instant::now());
        (self.restarts, self.ails) = (self.restarts + 1, false);
        Life(self.restarts)
    }
}

impl Status {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner { phase: Phase::Idle, since: Instant::now(), restarts: 0, ails: false }))
    }

    /// The thread that is, or is about to be.
    pub(super) fn life(&self) -> Life {
        Life(self.lock().restarts)
    }

    /// Whether no other thread has taken over.
    pub(super) fn is(&self, life: Life) -> bool {
        self.life() == life
    }

    /// A sign of life. Of a thread that another has taken over from nobody hears any more.
    pub(super) fn set(&self, life: Life, phase: Phase) {
        let mut inner = self.lock();
        if inner.restarts == life.0 {
            (inner.phase, inner.since) = (phase, Instant::now());
        }
    }

    /// This thread is over, and another one, which is told, is about to load the model again. `None` where that is so already.
    pub(super) fn restart(&self, life: Life) -> Option<Life> {
        let mut inner = self.lock();
        (inner.restarts == life.0).then(|| inner.give_over())
    }

    /// The same with a thread that works and gave no sign of life for `stall`.
    pub(super) fn take_over(&self, stall: Duration) -> Option<Life> {
        let mut inner = self.lock();
        inner.is_stalled(stall).then(|| inner.give_over())
    }

    /// Not ready from now on, whatever it still does, until another thread has loaded the model.
    pub(super) fn ail(&self, life: Life) {
        let mut inner = self.lock();
        inner.ails |= inner.restarts == life.0;
    }

    /// What the thread says of itself; the rest is the desk's to say.
    pub(super) fn health(&self) -> Health {
        let inner = self.lock();
        let phase = if inner.ails { Phase::Loading } else { inner.phase };
        let (quiet, restarts) = (inner.since.elapsed(), inner.restarts);
        Health { phase, waiting: 0, quiet, restarts, is_watched: false, is_closed: false }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
