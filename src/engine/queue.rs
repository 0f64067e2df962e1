//! The bounded line in front of a model. Admission is decided when a job comes, and people who left hold no place.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// First in, first out, at most `capacity` waiting.
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    wake: Condvar,
    capacity: usize,
}

struct Inner<T> {
    /// Each with its ticket.
    waiting: VecDeque<(Ticket, T)>,
    next: u64,
    closed: bool,
}

/// Says which of those who came this one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Why a job was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let inner = Inner { waiting: VecDeque::new(), next: 0, closed: false };
        Self { inner: Mutex::new(inner), wake: Condvar::new(), capacity: capacity.max(1) }
    }

    /// Let `item` in when there is room after everything that is `gone` has been dropped.
    pub(super) fn push(&self, item: T, gone: impl Fn(&T) -> bool) -> Result<Ticket, Refused> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Closed);
        }
        if inner.waiting.len() >= self.capacity {
            inner.waiting.retain(|(_, waiting)| !gone(waiting));
        }
        if inner.waiting.len() >= self.capacity {
            return Err(Refused::Full);
        }
        Ok(self.append(&mut inner, item))
    }

    /// Let `item` in whether there is room or not: it had a place before.
    pub(super) fn readmit(&self, item: T) -> Result<Ticket, Refused> {
        let mut inner = self.lock();
        if inner.closed { Err(Refused::Closed) } else { Ok(self.append(&mut inner, item)) }
    }

    fn append(&self, inner: &mut Inner<T>, item: T) -> Ticket {
        let ticket = Ticket(inner.next);
        inner.next += 1;
        inner.waiting.push_back((ticket, item));
        self.wake.notify_one();
        ticket
    }

    /// The next item; waits for one. `None` once the queue is closed.
    pub(super) fn pop(&self) -> Option<T> {
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return None;
            }
            if let Some((_, item)) = inner.waiting.pop_front() {
                return Some(item);
            }
            inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Refuse everything from now on, and drop what waits.
    pub(super) fn close(&self) {
        let dropped = {
            let mut inner = self.lock();
            inner.closed = true;
            self.wake.notify_all();
            std::mem::take(&mut inner.waiting)
        };
        drop(dropped);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many are before this one in the line, those who are `gone` not counted; `None` when it waits no longer.
    pub(super) fn position(&self, ticket: Ticket, gone: impl Fn(&T) -> bool) -> Option<usize> {
        let inner = self.lock();
        let place = inner.waiting.iter().position(|(other, _)| *other == ticket)?;
        Some(inner.waiting.iter().take(place).filter(|(_, waiting)| !gone(waiting)).count())
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// No code that can panic runs under the lock but the caller's `gone`, which leaves the line whole.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn first_in_first_out_and_bounded() {
        let queue = Queue::new(2);
        queue.push(1, |_| false).unwrap();
        queue.push(2, |_| false).unwrap();
        assert_eq!(queue.push(3, |_| false), Err(Refused::Full));
        assert_eq!((queue.pop(), queue.len()), (Some(1), 1));
        queue.push(4, |_| false).unwrap();
        assert_eq!((queue.pop(), queue.pop()), (Some(2), Some(4)));
    }

    #[test]
    fn who_had_a_place_finds_one_and_keeps_others_out() {
        let queue = Queue::new(1);
        queue.readmit(1).unwrap();
        queue.readmit(2).unwrap();
        assert_eq!(queue.push(3, |_| false), Err(Refused::Full));
        assert_eq!((queue.pop(), queue.pop()), (Some(1), Some(2)));
        queue.close();
        assert_eq!(queue.readmit(4), Err(Refused::Closed));
    }

    #[test]
    fn those_who_left_hold_no_place() {
        let queue = Queue::new(2);
        queue.push(1, |_| false).unwrap();
        queue.push(2, |_| false).unwrap();
        queue.push(3, |item| *item == 1).unwrap();
        assert_eq!((queue.pop(), queue.pop()), (Some(2), Some(3)));
    }

    #[test]
    fn positions_count_those_who_still_wait() {
        let queue = Queue::new(3);
        let tickets = [1, 2, 3].map(|item| queue.push(item, |_| false).unwrap());
        let positions = |gone: i32| tickets.map(|ticket| queue.position(ticket, |item| *item == gone));
        assert_eq!(positions(0), [Some(0), Some(1), Some(2)]);
        assert_eq!(positions(2), [Some(0), Some(1), Some(1)]);
        queue.pop();
        assert_eq!(positions(0), [None, Some(0), Some(1)]);
    }

    #[test]
    fn closing_wakes_and_refuses() {
        let queue = Arc::new(Queue::<u8>::new(1));
        let waiter = std::thread::spawn({
            let queue = queue.clone();
            move || queue.pop()
        });
        queue.close();
        assert_eq!(waiter.join().unwrap(), None);
        assert_eq!(queue.push(1, |_| false), Err(Refused::Closed));
        assert!(queue.is_closed());
    }
}
