//! Finished results, kept for `GET /motions/{id}`: in memory, the least recently used ones leave first.
//!
//! What outlives the process is in [`super::archive`]; what is read from there is kept here for a while, too.

use super::Finished;
use super::gallery::{Browse, Entry};
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
        kept.retain(|other| other.id != finished.id);
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

    pub(super) fn remove(&self, id: MotionId) {
        self.lock().retain(|finished| finished.id != id);
    }

    /// Results of one owner, the newest first; one more than asked for where there are more.
    pub(super) fn browse(&self, browse: &Browse) -> Vec<Entry> {
        let mut own: Vec<_> =
            self.lock().iter().filter(|finished| finished.owner == browse.owner).cloned().collect();
        own.sort_by_key(|finished| std::cmp::Reverse(finished.created));
        let start = match browse.before {
            None => 0,
            // Results leave in another order than they came: where this one has gone, nothing is after it.
            Some(id) => {
                own.iter().position(|finished| finished.id == id).map_or(own.len(), |place| place + 1)
            }
        };
        own.iter().skip(start).take(browse.limit + 1).map(|finished| Entry::of(finished)).collect()
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
    fn pages_are_of_one_owner_newest_first() {
        let store = Store::new(10, usize::MAX);
        let moment = std::time::SystemTime::now();
        let all: Vec<_> = (0..5u64)
            .map(|n| {
                let mut finished = fake::finished(16, 1);
                finished.created = moment + std::time::Duration::from_secs(n);
                finished.owner = (n == 2).then(|| "anna".into());
                Arc::new(finished)
            })
            .collect();
        all.iter().for_each(|finished| store.put(finished.clone()));
        let page = |owner: Option<&str>, before: Option<usize>, limit| {
            let before = before.map(|n| all[n].id);
            let entries = store.browse(&Browse { owner: owner.map(Into::into), before, limit });
            let place = |entry: &Entry| all.iter().position(|f| f.id == entry.id).unwrap();
            entries.iter().map(place).collect::<Vec<_>>()
        };
        assert_eq!(page(None, None, 9), [4, 3, 1, 0]);
        assert_eq!(page(None, None, 2), [4, 3, 1], "one more says that there are more");
        assert_eq!(page(None, Some(3), 9), [1, 0]);
        assert_eq!(page(Some("anna"), None, 9), [2]);
        assert_eq!(page(Some("anna"), Some(3), 9), [] as [usize; 0]);
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
