//! The quantiser while it learns (InterMask spec §3.4): codes drawn with Gumbel noise, codebook moved by an exponential
//! mean of the vectors assigned to each code, dead codes replaced from the batch.
//!
//! No gradient passes here, so this is plain host code on row-major slices; the straight-through estimate is the
//! caller's. Upstream forgets `sum`, `count` and the fact of initialisation when it saves; here they are part of the
//! checkpoint, so that a resumed training is the same training.

use crate::error::{Error, Result};
use crate::rng::CounterRng;
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::collections::HashMap;

/// Smallest argument of a logarithm in the Gumbel noise.
const LOG_FLOOR: f32 = 1e-20;
/// No Gumbel draw from a 24-bit uniform is larger than −ln(−ln(1 − 2⁻²⁴)) = 16.64.
const LARGEST_NOISE: f32 = 16.7;

/// Where the noise of [`Codebook::sample`] comes from.
pub enum CodeNoise<'a> {
    /// Nearest code, no noise.
    None,
    /// Given uniforms in \[0, 1), (vectors, codes) row-major.
    Uniform(&'a [f32]),
    /// Drawn from a counter-based generator: number `vector · codes + code`.
    Rng(&'a CounterRng),
}

/// Codebook and the running statistics that move it.
#[derive(Clone, Debug, PartialEq)]
pub struct Codebook {
    /// Length of a code.
    pub dim: usize,
    /// (codes, dim) row-major.
    pub codes: Vec<f32>,
    /// Running sum of the vectors of each code, (codes, dim).
    pub sum: Vec<f32>,
    /// Running number of vectors of each code.
    pub count: Vec<f32>,
    /// Whether a first batch has set the codes.
    pub initialised: bool,
    /// Decay of the running statistics.
    pub mu: f32,
    /// Running count below which a code is dead.
    pub dead_below: f32,
}

/// Upstream's bound of [`Codebook::dead_below`]. At its batch of 20,480 vectors a step that is a twentieth of what a code has in
/// the mean; at a batch of 1,280 it is most of it, and whatever is rare loses its code over and over.
pub const DEAD_BELOW: f32 = 1.0;

/// −ln(−ln u), both logarithms' arguments held above 1e-20.
fn gumbel(u: f32) -> f32 {
    -(-u.max(LOG_FLOOR).ln()).max(LOG_FLOOR).ln()
}

impl Codebook {
    /// `codes` zero vectors, to be set by the first batch; codes die as upstream's do.
    pub fn empty(codes: usize, dim: usize, mu: f32) -> Self {
        Self {
            dim,
            codes: vec![0.0; codes * dim],
            sum: vec![0.0; codes * dim],
            count: vec![1.0; codes],
            initialised: false,
            mu,
            dead_below: DEAD_BELOW,
        }
    }

    /// Number of codes.
    pub fn len(&self) -> usize {
        self.count.len()
    }

    /// Whether there are no codes.
    pub fn is_empty(&self) -> bool {
        self.count.is_empty()
    }

    /// One code.
    pub fn code(&self, k: usize) -> &[f32] {
        &self.codes[k * self.dim..][..self.dim]
    }

    /// First batch: the codes are its first vectors, sums the codes, counts 1.
    ///
    /// A batch with fewer vectors than codes is tiled and Gaussian noise of deviation 0.01/sqrt(dim) added.
    pub fn initialise(&mut self, vectors: &[f32], rng: &CounterRng) {
        self.codes = self.rows(vectors, rng);
        self.sum = self.codes.clone();
        self.count = vec![1.0; self.len()];
        self.initialised = true;
    }

    /// As many batch vectors as there are codes.
    fn rows(&self, vectors: &[f32], rng: &CounterRng) -> Vec<f32> {
        let wanted = self.codes.len();
        if vectors.len() >= wanted {
            return vectors[..wanted].to_vec();
        }
        let deviation = 0.01 / (self.dim as f32).sqrt();
        (0..wanted).map(|i| vectors[i % vectors.len()] + deviation * rng.normal_at(i as u64)).collect()
    }

    /// One code for each vector: argmax(−‖x − c‖²/`temperature` + Gumbel noise). Ties go to the smaller index.
    pub fn sample(&self, vectors: &[f32], temperature: f32, noise: &CodeNoise) -> Result<Vec<u32>> {
        // Without noise the temperature changes nothing.
        let temperature = if temperature > 0.0 { temperature } else { 1.0 };
        let (n, k) = (vectors.len() / self.dim, self.len());
        let products = self.products(vectors, n)?;
        let squares: Vec<f32> = (0..k).map(|k| self.code(k).iter().map(|v| v * v).sum()).collect();
        let codes = products
            .par_chunks(k)
            .enumerate()
            .map(|(row, products)| {
                let x = &vectors[row * self.dim..][..self.dim];
                let square: f32 = x.iter().map(|v| v * v).sum();
                let mut best = (0, f32::NEG_INFINITY);
                for code in 0..k {
                    let logit = -(square - 2.0 * products[code] + squares[code]) / temperature;
                    let at = row * k + code;
                    let value = match noise {
                        CodeNoise::None => logit,
                        CodeNoise::Uniform(u) => logit + gumbel(u[at]),
                        // Most codes are too far for any draw to save them: the draw is skipped, the result is the same.
                        CodeNoise::Rng(_) if logit + LARGEST_NOISE < best.1 => continue,
                        CodeNoise::Rng(rng) => logit + gumbel(rng.uniform_at(at as u64)),
                    };
                    if value > best.1 {
                        best = (code, value);
                    }
                }
                best.0 as u32
            })
            .collect();
        Ok(codes)
    }

    /// x·cᵀ, (n, codes).
    fn products(&self, vectors: &[f32], n: usize) -> Result<Vec<f32>> {
        let x = Tensor::from_slice(vectors, (n, self.dim), &Device::Cpu)?;
        let c = Tensor::from_slice(&self.codes, (self.len(), self.dim), &Device::Cpu)?;
        Ok(x.matmul(&c.t()?)?.flatten_all()?.to_vec1()?)
    }

    /// The vectors of the given codes, (codes.len(), dim).
    pub fn gather(&self, codes: &[u32]) -> Vec<f32> {
        codes.iter().flat_map(|k| self.code(*k as usize)).copied().collect()
    }

    /// Move the codes towards the vectors assigned to them; a code whose running count falls below
    /// [`dead_below`](Self::dead_below) is replaced by the batch vector of its own index. Returns the perplexity exp(−Σ p ln(p + 1e-7)) of the batch's code usage.
    pub fn update(&mut self, vectors: &[f32], codes: &[u32], rng: &CounterRng) -> f64 {
        let (k, dim) = (self.len(), self.dim);
        let mut sum = vec![0f32; k * dim];
        let mut count = vec![0f32; k];
        for (x, code) in vectors.chunks(dim).zip(codes) {
            let code = *code as usize;
            count[code] += 1.0;
            for (s, v) in sum[code * dim..][..dim].iter_mut().zip(x) {
                *s += v;
            }
        }
        let replacement = self.rows(vectors, rng);
        let mu = self.mu;
        for (code, assigned) in count.iter().enumerate() {
            self.count[code] = mu * self.count[code] + (1.0 - mu) * assigned;
            let alive = self.count[code] >= self.dead_below;
            for i in code * dim..(code + 1) * dim {
                self.sum[i] = mu * self.sum[i] + (1.0 - mu) * sum[i];
                self.codes[i] = if alive { self.sum[i] / self.count[code] } else { replacement[i] };
            }
        }
        perplexity(&count)
    }

    /// The state as tensors, for a checkpoint.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let shape = (self.len(), self.dim);
        Ok(vec![
            ("codebook.codes".to_owned(), Tensor::from_slice(&self.codes, shape, &Device::Cpu)?),
            ("codebook.sum".to_owned(), Tensor::from_slice(&self.sum, shape, &Device::Cpu)?),
            ("codebook.count".to_owned(), Tensor::from_slice(&self.count, self.len(), &Device::Cpu)?),
        ])
    }

    /// Continue from [`Codebook::state`] of an initialised codebook.
    pub fn restore(&mut self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        for (name, values) in [
            ("codebook.codes", &mut self.codes),
            ("codebook.sum", &mut self.sum),
            ("codebook.count", &mut self.count),
        ] {
            let saved = tensors.get(name).filter(|saved| saved.elem_count() == values.len());
            let saved = saved.ok_or_else(|| {
                Error::corrupt("checkpoint_codebook", format!("the checkpoint lacks a fitting `{name}`"))
            })?;
            *values = saved.flatten_all()?.to_vec1()?;
        }
        self.initialised = true;
        Ok(())
    }
}

/// exp of the entropy of code usage.
pub fn perplexity(count: &[f32]) -> f64 {
    let total: f64 = count.iter().map(|c| f64::from(*c)).sum();
    let entropy: f64 = count.iter().map(|c| f64::from(*c) / total).map(|p| -p * (p + 1e-7).ln()).sum();
    entropy.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> CounterRng {
        CounterRng::new(7, "test")
    }

    fn book(codes: &[[f32; 2]]) -> Codebook {
        let mut book = Codebook::empty(codes.len(), 2, 0.99);
        book.initialise(&codes.concat(), &rng());
        book
    }

    #[test]
    fn without_noise_the_nearest_code_wins() {
        let book = book(&[[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]]);
        let vectors = [0.9, 0.1, 0.1, 4.0, -3.0, 0.0];
        assert_eq!(book.sample(&vectors, 0.5, &CodeNoise::None).unwrap(), [1, 2, 0]);
    }

    #[test]
    fn skipping_hopeless_draws_changes_nothing() {
        let rng = rng();
        let codes: Vec<[f32; 2]> =
            (0..64).map(|i| [rng.normal_at(i), 3.0 * rng.normal_at(100 + i)]).collect();
        let book = book(&codes);
        let vectors: Vec<f32> = (0..80).map(|i| 3.0 * rng.normal_at(1000 + i)).collect();
        let draws = rng.fork("draws");
        let given: Vec<f32> = (0..40 * 64).map(|i| draws.uniform_at(i)).collect();
        assert_eq!(
            book.sample(&vectors, 0.5, &CodeNoise::Rng(&draws)).unwrap(),
            book.sample(&vectors, 0.5, &CodeNoise::Uniform(&given)).unwrap()
        );
    }

    #[test]
    fn living_codes_follow_their_vectors_and_dead_ones_are_replaced() {
        let mut book = book(&[[0.0, 0.0], [4.0, 0.0]]);
        // Both vectors belong to code 0; code 1 falls to a count of 0.99 and takes the batch vector of its own index.
        let vectors = [1.0, 1.0, 3.0, 1.0];
        let perplexity = book.update(&vectors, &[0, 0], &rng());
        assert!((perplexity - 1.0).abs() < 1e-5);
        assert!((book.count[0] - 1.01).abs() < 1e-6);
        assert!((book.code(0)[0] - 0.04 / 1.01).abs() < 1e-6);
        assert_eq!(book.code(1), [3.0, 1.0]);
    }

    #[test]
    fn how_rare_a_code_may_be_is_a_choice() {
        let mut book = book(&[[0.0, 0.0], [4.0, 0.0]]);
        book.dead_below = 0.5;
        for _ in 0..60 {
            book.update(&[1.0, 1.0, 3.0, 1.0], &[0, 0], &rng());
        }
        assert!(
            book.count[1] > 0.5 && (book.code(1)[0] - 4.0).abs() < 1e-5,
            "not used for 60 steps, and still there"
        );
        for _ in 0..20 {
            book.update(&[1.0, 1.0, 3.0, 1.0], &[0, 0], &rng());
        }
        assert_eq!(book.code(1), [3.0, 1.0]);
    }

    #[test]
    fn a_small_first_batch_is_tiled_with_noise() {
        let mut book = Codebook::empty(5, 2, 0.99);
        book.initialise(&[1.0, 2.0, 3.0, 4.0], &rng());
        assert!((book.code(2)[0] - 1.0).abs() < 0.1 && (book.code(3)[1] - 4.0).abs() < 0.1);
        assert_ne!(book.code(0), book.code(2));
    }

    #[test]
    fn state_round_trips() {
        let mut book = book(&[[0.0, 1.0], [4.0, 0.0]]);
        book.update(&[1.0, 1.0, 3.0, 1.0], &[0, 1], &rng());
        let mut other = Codebook::empty(2, 2, 0.99);
        other.restore(&book.state().unwrap().into_iter().collect()).unwrap();
        assert_eq!(book, other);
    }
}
