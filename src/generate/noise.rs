//! Where sampling gets its randomness from.

use crate::rng::CounterRng;

/// What decides between the codes that survive filtering at one position.
#[derive(Clone, Copy, Debug)]
pub enum Draw<'a> {
    /// A uniform in [0, 1): the first code whose cumulative probability exceeds it.
    Uniform(f32),
    /// One number a code, added to the filtered logits; the largest sum wins.
    Gumbel(&'a [f32]),
    /// The largest logit wins.
    Greedy,
}

/// Supplies the draw of each position.
pub trait Noise: Sync {
    /// The draw for `clip` of the batch, decoding step `step`, position `position` of the sampled map.
    fn draw(&self, clip: usize, step: usize, position: usize) -> Draw<'_>;
}

/// Counter-based noise: one stream a clip, keyed by the clip's seed, addressed by (step, position).
pub struct Seeded(Vec<CounterRng>);

impl Seeded {
    /// One seed a clip.
    pub fn new(seeds: &[u64]) -> Self {
        Self(seeds.iter().map(|&seed| CounterRng::new(seed, "tokens")).collect())
    }
}

impl Noise for Seeded {
    fn draw(&self, clip: usize, step: usize, position: usize) -> Draw<'_> {
        Draw::Uniform(self.0[clip].uniform(step as u32, position as u32))
    }
}
