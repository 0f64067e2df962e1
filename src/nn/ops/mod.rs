//! Own CPU kernels, each with its backward pass. candle's versions are several times slower on CPU or drop gradients
//! silently (`docs/performance.md`); on other devices each function falls back to candle's.

mod affine;
mod attention;
mod conv2d;
mod exp;
mod gelu;
mod linear;
mod map;
mod norm;
mod persons;
mod relu;
mod rows;
mod slope;
mod softmax;

pub use crate::nn::machine::bf16::available as bf16_available;
pub use affine::{add_bias, gated};
pub use attention::{Among, Mask, attention, attention_to_partner, self_attention};
pub use conv2d::{ConvGeometry, conv2d};
pub use gelu::gelu;
pub use linear::{After, linear};
pub use norm::{norm_affine, norm_modulate};
pub use persons::{persons, together, without_separator};
pub use relu::relu;
pub use rows::{add_to_first, pick};
pub use slope::with_slope;
pub use softmax::softmax;

use candle_core::{CpuStorage, Layout, Result};

/// The f32 values of a contiguous CPU tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout, op: &str) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&all[from..to]),
        None => candle_core::bail!("{op} needs a contiguous tensor"),
    }
}
