//! Finished results, kept for `GET /motions/{id}`: in memory, the least recently used ones leave first.
//!
//! Results do not outlive the process. A store on disk would offer the same `put` and `get`.

use super::Finished;
use super::random::MotionId;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// At most `count` results and about `bytes` bytes of motion; the newest result is kept whatever its size.
pub(super) struct Store {
    kept: Mutex<VecDeque<Arc<Finished>>>,
    count: usize,
    bytes: usize,
}

impl Store {
    pub(super) fn new(count: usize, bytes: usize) -> Self {
        Self { kept: Mutex::default(), count, bytes }
    }

    pub(super) fn put(&self, finished: Arc<Finished>) {
        let mut kept = self.lock();
        kept.push_back(finished);
        let mut bytes: usize = kept.iter().map(|finished| finished.bytes()).sum();
        while kept.len() > 1 && (kept.len() > self.count || bytes > self.bytes) {
            if let Some(oldest) = kept.pop_front() {
                bytes -= oldest.bytes();
            }
        }
    }

    /// The result, which thereby becomes the most recently used one.
    pub(super) fn get(&self, id: MotionId) -> Option<Arc<Finished>> {
        let mut kept = self.lock();
        // A few hundred entries at most: looking through them costs less than an index to keep in step.
        let position = kept.iter().position(|finished| finished.id == id)?;
        let finished = kept.remove(position)?;
        kept.push_back(finished.clone());
        Some(finished)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Finished>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;

    #[test]
    fn least_recently_used_leaves_first() {
        let store = Store::new(2, usize::MAX);
        let [a, b, c] = [(); 3].map(|()| Arc::new(fake::finished(16, 1)));
        store.put(a.clone());
        store.put(b.clone());
        assert!(store.get(a.id).is_some());
        store.put(c.clone());
        assert!(store.get(b.id).is_none());
        assert_eq!(store.get(a.id).map(|kept| kept.id), Some(a.id));
        assert_eq!(store.get(c.id).map(|kept| kept.id), Some(c.id));
    }

    #[test]
    fn bytes_are_bounded() {
        let one = fake::finished(16, 1);
        let store = Store::new(1000, one.bytes() * 3 + 1);
        let all: Vec<_> = (0..5).map(|_| Arc::new(fake::finished(16, 1))).collect();
        all.iter().for_each(|finished| store.put(finished.clone()));
        let kept: Vec<_> = all.iter().map(|finished| store.get(finished.id).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true]);
        let large = Arc::new(fake::finished(300, 8));
        store.put(large.clone());
        assert!(store.get(large.id).is_some() && store.get(all[4].id).is_none());
    }
}
