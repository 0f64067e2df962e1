//! Dropout as a thing the caller brings: inference brings none, training brings its own random numbers.

use candle_core::{Result, Tensor};

/// Drops entries of a tensor.
pub trait Dropout {
    /// Zero each entry with probability `p` and divide the others by 1 − p.
    fn apply(&mut self, x: &Tensor, p: f32) -> Result<Tensor>;
}

/// Inference: keeps everything.
pub struct Keep;

impl Dropout for Keep {
    fn apply(&mut self, x: &Tensor, _p: f32) -> Result<Tensor> {
        Ok(x.clone())
    }
}
