//! Where the models run.

use candle_core::Device;

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
