//! In which order clips are seen: a fresh permutation each epoch, a pure function of (seed, epoch).

use crate::rng::CounterRng;

/// Numbers 0..n, shuffled (Fisher-Yates with counter-based draws).
pub fn permutation(n: usize, rng: &CounterRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, rng.below_at(i as u64, i as u64 + 1) as usize);
    }
    order
}

/// Hands out the clips of each step; drops an epoch's incomplete last batch, as upstream does.
pub struct Order {
    n: usize,
    batch: usize,
    rng: CounterRng,
    epoch: Option<(u64, Vec<usize>)>,
    lengths: Option<Vec<usize>>,
}

/// Batches whose clips are sorted by length among themselves.
const BUCKET: usize = 8;

impl Order {
    /// `n` clips (at least one), `batch` a step.
    pub fn new(n: usize, batch: usize, rng: CounterRng) -> Self {
        Self { n, batch, rng, epoch: None, lengths: None }
    }

    /// Put clips of similar length into one batch: every eight batches of a shuffled epoch are sorted by length, then the
    /// batches shuffled. Less padding, the same clips each epoch.
    pub fn bucketed(mut self, lengths: Vec<usize>) -> Self {
        self.lengths = Some(lengths);
        self
    }

    /// Steps an epoch has.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.n / self.batch).max(1) as u64
    }

    /// Clips of `step`, counted from 1. With fewer clips than a batch holds, clips repeat.
    pub fn batch(&mut self, step: u64) -> Vec<usize> {
        let (epoch, within) = ((step - 1) / self.steps_per_epoch(), (step - 1) % self.steps_per_epoch());
        if self.epoch.as_ref().is_none_or(|(e, _)| *e != epoch) {
            self.epoch = Some((epoch, self.arrange(epoch)));
        }
        let order = self.epoch.as_ref().map_or(&[][..], |(_, order)| order);
        (0..self.batch).map(|i| order[(within as usize * self.batch + i) % order.len()]).collect()
    }

    fn arrange(&self, epoch: u64) -> Vec<usize> {
        let rng = self.rng.nth(epoch);
        let mut order = permutation(self.n, &rng);
        let Some(lengths) = &self.lengths else { return order };
        order.truncate(self.n / self.batch * self.batch);
        if order.is_empty() {
            return permutation(self.n, &rng);
        }
        for bucket in order.chunks_mut(BUCKET * self.batch) {
            bucket.sort_by_key(|clip| lengths[*clip]);
        }
        let batches = permutation(order.len() / self.batch, &rng.fork("batches"));
        batches.into_iter().flat_map(|b| order[b * self.batch..][..self.batch].to_vec()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_epoch_shows_every_clip_once_in_another_order() {
        let mut order = Order::new(12, 4, CounterRng::new(5, "order"));
        let epoch = |order: &mut Order, e: u64| -> Vec<usize> {
            (1..=3).flat_map(|s| order.batch(e * 3 + s)).collect()
        };
        let (a, b) = (epoch(&mut order, 0), epoch(&mut order, 1));
        assert_eq!(a.iter().collect::<BTreeSet<_>>().len(), 12);
        assert_ne!(a, b);
        // Any step can be asked for at any time.
        assert_eq!(epoch(&mut order, 0), a);
    }

    #[test]
    fn bucketed_batches_have_similar_lengths() {
        let lengths: Vec<usize> = (0..64).map(|i| i * 7 % 64).collect();
        let mut order = Order::new(64, 8, CounterRng::new(5, "order")).bucketed(lengths.clone());
        let all: BTreeSet<usize> = (1..=8)
            .flat_map(|step| {
                let batch = order.batch(step);
                let l = batch.iter().map(|c| lengths[*c]);
                assert!(l.clone().max().unwrap() - l.min().unwrap() < 16);
                batch
            })
            .collect();
        assert_eq!(all.len(), 64);
    }

    #[test]
    fn few_clips_repeat() {
        assert_eq!(Order::new(2, 5, CounterRng::new(5, "order")).batch(1).len(), 5);
    }
}
