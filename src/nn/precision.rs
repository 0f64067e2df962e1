//! What matrix products on the CPU round their operands to.

use crate::error::{Error, Result};
use crate::nn::ops::bf16_available;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// Precision of the operands of matrix products and convolutions on the CPU; sums are f32 in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As the reference computes.
    #[default]
    F32,
    /// Operands rounded to bf16 on the CPU's unit for it (Intel AMX, AVX-512 BF16), as mixed-precision training does on a GPU.
    Bf16,
}

// One switch for the process, as `torch.set_float32_matmul_precision` is: kernels sit below every model and loop.
static BF16: AtomicBool = AtomicBool::new(false);

/// Choose for this process. Call it before the first product.
///
/// # Errors
/// `precision_unavailable` where the CPU has no such unit or the system withholds it.
pub fn set(precision: Precision) -> Result<()> {
    let bf16 = precision == Precision::Bf16;
    if bf16 && !bf16_available() {
        let message =
            "this CPU has no unit for bf16 (Intel AMX, or AVX-512 BF16 as AMD has since Zen 4); use f32";
        return Err(Error::invalid("precision_unavailable", message));
    }
    BF16.store(bf16, Ordering::Relaxed);
    Ok(())
}

/// What [`set`] chose; f32 until then.
pub fn get() -> Precision {
    if BF16.load(Ordering::Relaxed) { Precision::Bf16 } else { Precision::F32 }
}
