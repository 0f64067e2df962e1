//! The way back to a caller. The model's thread and the watch over it share it: whoever answers first is heard.

use super::task::Outcome;
use crate::error::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::oneshot;

/// Where an answer goes. Dropped without one, the caller learns that none will come.
pub(super) struct Reply(Arc<Slot>);

/// The same for one who only looks on: it keeps no caller waiting.
pub(super) struct Overheard(Weak<Slot>);

struct Slot(Mutex<Option<oneshot::Sender<Result<Outcome>>>>);

impl Reply {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<Outcome>>) {
        let (sender, answer) = oneshot::channel();
        (Self(Arc::new(Slot(Mutex::new(Some(sender))))), answer)
    }

    /// Whether nobody waits for an answer: the caller has gone, or has it.
    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    pub(super) fn send(&self, answer: Result<Outcome>) {
        self.0.send(answer);
    }

    pub(super) fn overheard(&self) -> Overheard {
        Overheard(Arc::downgrade(&self.0))
    }
}

impl Overheard {
    /// Whether an answer may still be owed.
    pub(super) fn is_open(&self) -> bool {
        self.0.upgrade().is_some_and(|slot| slot.lock().is_some())
    }

    pub(super) fn send(&self, answer: Result<Outcome>) {
        if let Some(slot) = self.0.upgrade() {
            slot.send(answer);
        }
    }
}

impl Slot {
    fn send(&self, answer: Result<Outcome>) {
        let sender = self.lock().take();
        if let Some(sender) = sender {
            // A failed send means that the caller left meanwhile: nobody to tell.
            let _ = sender.send(answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<oneshot::Sender<Result<Outcome>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
