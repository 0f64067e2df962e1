//! Draws from an addressed random stream, taken one after the other.

use crate::rng::CounterRng;

/// A stream of draws. Two streams made from the same [`CounterRng`] give the same values.
#[derive(Clone, Debug)]
pub struct Draws {
    rng: CounterRng,
    next: u64,
}

impl Draws {
    /// From the beginning of `rng`.
    pub fn new(rng: CounterRng) -> Self {
        Self { rng, next: 0 }
    }

    fn take(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        let at = self.take();
        f64::from(self.rng.uniform_at(at))
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        let at = self.take();
        f64::from(self.rng.normal_at(at))
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in 0..`count`; 0 where `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        let at = self.take();
        if count == 0 { 0 } else { self.rng.below_at(at, count as u64) as usize }
    }

    /// One of `items`.
    ///
    /// # Panics
    /// If `items` is empty.
    pub fn choice<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// An index drawn by weight; weights are not negative. 0 where they sum to nothing.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_itself_and_weights_count() {
        let rng = CounterRng::new(3, "test");
        let (mut a, mut b) = (Draws::new(rng), Draws::new(rng));
        assert!((0..20).all(|_| a.unit() == b.unit()));
        let mut hits = [0; 3];
        for _ in 0..3000 {
            hits[a.weighted(&[1.0, 0.0, 2.0])] += 1;
        }
        assert_eq!(hits[1], 0);
        assert!((850..1150).contains(&hits[0]), "{hits:?}");
    }
}
