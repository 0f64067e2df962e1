//! Where the models run, and how exactly.

use crate::error::Result;
use crate::nn::precision::{self, Precision};
use candle_core::Device;
use clap::Args;

/// How exactly a model computes.
#[derive(Debug, Args)]
pub struct ComputeArgs {
    /// What matrix products on the CPU round to: bf16 is faster where the CPU has Intel AMX or AVX-512 BF16, most with large models; the same
    /// seed then gives a slightly different motion than f32
    #[arg(long, env = "DUET_PRECISION", default_value = "f32")]
    precision: Precision,
}

impl ComputeArgs {
    /// Choose for this process.
    ///
    /// # Errors
    /// Those of [`precision::set`].
    pub fn apply(&self) -> Result<()> {
        precision::set(self.precision)
    }
}

/// The first NVIDIA GPU in a build that can use one, else the CPU.
pub fn best() -> Device {
    #[cfg(feature = "cuda")]
    match Device::new_cuda(0) {
        Ok(device) => return device,
        Err(error) => {
            tracing::debug!(%error, "no GPU");
            tracing::warn!("no usable NVIDIA GPU here: running on the CPU");
        }
    }
    Device::Cpu
}

/// What [`best`] finds, in a word.
pub fn name() -> &'static str {
    if best().is_cuda() { "cuda" } else { "cpu" }
}
