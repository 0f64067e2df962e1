//! Dropout as a thing the caller brings: inference brings none, training brings its own random numbers.

use crate::rng::CounterRng;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Decides which entries are dropped.
pub trait Dropout {
    /// The mask for the next tensor dropped with probability `p`; `None` keeps everything.
    fn mask(&mut self, p: f32) -> Option<DropMask>;

    /// Zero each entry with probability `p` and divide the others by 1 − p.
    fn apply(&mut self, x: &Tensor, p: f32) -> Result<Tensor> {
        match self.mask(p) {
            Some(mask) => mask.apply(x),
            None => Ok(x.clone()),
        }
    }
}

/// Inference: keeps everything.
pub struct Keep;

impl Dropout for Keep {
    fn mask(&mut self, _p: f32) -> Option<DropMask> {
        None
    }
}

/// Numbers that one Philox block decides: two 16-bit halves of each of its four words.
const PER_BLOCK: usize = 8;
/// Numbers a thread handles at once.
const CHUNK: usize = PER_BLOCK * 2048;

/// Which numbers to zero and what to multiply the others with: a pure function of the stream, so that the backward pass
/// draws the mask again instead of keeping it.
#[derive(Clone, Copy, Debug)]
pub struct DropMask {
    rng: CounterRng,
    /// Drop where a 16-bit draw is below this.
    below: u32,
    keep: f32,
}

impl DropMask {
    /// Drops with probability `p` (0..1, in steps of 2⁻¹⁶) by the draws of `rng`.
    pub fn new(rng: CounterRng, p: f32) -> Self {
        let below = (p * 65536.0).round() as u32;
        Self { rng, below, keep: 1.0 / (1.0 - below as f32 / 65536.0) }
    }

    /// An independent mask of the same rate.
    pub fn nth(&self, index: u64) -> Self {
        Self { rng: self.rng.nth(index), ..*self }
    }

    /// Mask numbers `from..` of the stream; `from` is a multiple of eight.
    pub fn scale(&self, from: usize, values: &mut [f32]) {
        debug_assert_eq!(from % PER_BLOCK, 0, "blocks decide eight numbers each");
        for (block, values) in values.chunks_mut(PER_BLOCK).enumerate() {
            let at = (from / PER_BLOCK + block) as u64;
            let words = self.rng.block([at as u32, (at >> 32) as u32, 0, 3]);
            for (i, value) in values.iter_mut().enumerate() {
                let draw = words[i / 2] >> (16 * (i % 2)) & 0xffff;
                *value *= if draw < self.below { 0.0 } else { self.keep };
            }
        }
    }

    fn scale_in_parallel(&self, values: &mut [f32]) {
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(n, values)| self.scale(n * CHUNK, values));
    }

    /// The masked tensor. Differentiable.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        if x.device().is_cpu() {
            return x.contiguous()?.apply_op1(self);
        }
        let mut mask = vec![1f32; x.elem_count()];
        self.scale_in_parallel(&mut mask);
        x * Tensor::from_vec(mask, x.shape(), x.device())?
    }
}

impl CustomOp1 for DropMask {
    fn name(&self) -> &'static str {
        "duet-dropout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("dropout works on contiguous tensors")
        };
        let mut values = storage.as_slice::<f32>()?[start..end].to_vec();
        self.scale_in_parallel(&mut values);
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, _res: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(gradient.contiguous()?.apply_op1_no_bwd(self)?))
    }
}
