//! The bounded line in front of a model. Admission is decided when a job comes, and people who left hold no place. Whose turn it is
//! is the knowledge of [`Lanes`].

use super::lanes::Lanes;
pub(super) use super::lanes::{Ticket, Turn};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Those who wait for a model: about `capacity` of them, shared among lanes.
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    wake: Condvar,
    capacity: usize,
}

struct Inner<T> {
    lanes: Lanes<T>,
    closed: bool,
}

/// Why a job was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let inner = Inner { lanes: Lanes::new(), closed: false };
        Self { inner: Mutex::new(inner), wake: Condvar::new(), capacity: capacity.max(1) }
    }

    /// Whether one more of this lane would be let in now: a look before other work is begun for it, no promise.
    pub(super) fn look(&self, lane: Option<&str>, gone: impl Fn(&T) -> bool) -> Result<(), Refused> {
        self.admits(&mut self.lock(), lane, gone)
    }

    /// Let `item` in when its lane has room after everything that is `gone` has been dropped.
    pub(super) fn push(&self, turn: Turn, item: T, gone: impl Fn(&T) -> bool) -> Result<Ticket, Refused> {
        let mut inner = self.lock();
        self.admits(&mut inner, turn.lane.as_deref(), gone)?;
        Ok(self.append(&mut inner, turn, item))
    }

    fn admits(
        &self,
        inner: &mut Inner<T>,
        lane: Option<&str>,
        gone: impl Fn(&T) -> bool,
    ) -> Result<(), Refused> {
        if inner.closed {
            return Err(Refused::Closed);
        }
        if !inner.lanes.has_room(lane, self.capacity) {
            inner.lanes.clear(gone);
        }
        if inner.lanes.has_room(lane, self.capacity) { Ok(()) } else { Err(Refused::Full) }
    }

    /// Let `item` in whether there is room or not: it had a place before.
    pub(super) fn readmit(&self, turn: Turn, item: T) -> Result<Ticket, Refused> {
        let mut inner = self.lock();
        if inner.closed { Err(Refused::Closed) } else { Ok(self.append(&mut inner, turn, item)) }
    }

    fn append(&self, inner: &mut Inner<T>, turn: Turn, item: T) -> Ticket {
        let ticket = inner.lanes.push(turn, item);
        self.wake.notify_one();
        ticket
    }

    /// The next item; waits for one. `None` once the queue is closed. One that is `gone` may come, too, and takes nobody's turn.
    pub(super) fn pop(&self, gone: impl Fn(&T) -> bool) -> Option<T> {
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return None;
            }
            if let Some(item) = inner.lanes.pop(&gone) {
                return Some(item);
            }
            inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wait for an item or the end of the queue, so long at most; whether there is either.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let is_idle = |inner: &mut Inner<T>| !inner.closed && inner.lanes.len() == 0;
        let waited = self.wake.wait_timeout_while(self.lock(), patience, is_idle);
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !is_idle(&mut inner)
    }

    /// The next item if there is one and `take` says so; does not wait. `None` once the queue is closed.
    pub(super) fn next_if(&self, gone: impl Fn(&T) -> bool, take: impl Fn(&T) -> bool) -> Option<T> {
        let mut inner = self.lock();
        if inner.closed || !inner.lanes.first().is_some_and(take) { None } else { inner.lanes.pop(gone) }
    }

    /// Refuse everything from now on, and drop what waits.
    pub(super) fn close(&self) {
        let dropped = {
            let mut inner = self.lock();
            inner.closed = true;
            self.wake.notify_all();
            std::mem::replace(&mut inner.lanes, Lanes::new())
        };
        drop(dropped);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many will be served before this one if nobody comes, those who are `gone` not counted; `None` when it waits no longer.
    pub(super) fn position(&self, ticket: Ticket, gone: impl Fn(&T) -> bool) -> Option<usize> {
        self.lock().lanes.position(ticket, gone)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().lanes.len()
    }

    /// No code that can panic runs under the lock but the caller's `gone` and `take`, which leave the line whole.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
