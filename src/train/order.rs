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

/// Draws clips with replacement, each as often as its weight says.
pub struct Weighted {
    /// Sums of the weights up to and with each clip.
    sums: Vec<f64>,
}

impl Weighted {
    /// One weight a clip; negative and not-a-number ones count as none.
    pub fn new(weights: impl Iterator<Item = f32>) -> Self {
        let mut sum = 0.0;
        let sums = weights.map(|w| {
            sum += f64::from(w.max(0.0));
            sum
        });
        Self { sums: sums.collect() }
    }

    /// The clip at `uniform` in \[0, 1); `None` where there is nothing to draw.
    pub fn at(&self, uniform: f32) -> Option<usize> {
        let total = *self.sums.last()?;
        let at = self.sums.partition_point(|sum| *sum <= f64::from(uniform) * total);
        (total > 0.0).then(|| at.min(self.sums.len() - 1))
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
    fn clips_are_drawn_as_often_as_they_weigh() {
        let weighted = Weighted::new([1.0, 0.0, 3.0, f32::NAN].into_iter());
        assert_eq!([0.0, 0.24, 0.26, 0.999].map(|u| weighted.at(u)), [Some(0), Some(0), Some(2), Some(2)]);
        assert_eq!(Weighted::new([0.0].into_iter()).at(0.5), None);
        assert_eq!(Weighted::new(std::iter::empty()).at(0.5), None);
    }

    #[test]
    fn few_clips_repeat() {
        assert_eq!(Order::new(2, 5, CounterRng::new(5, "order")).batch(1).len(), 5);
    }
}
