//! What the processor and the system offer that safe Rust does not: the one room with unsafe code in the house. Each block says why it
//! is sound; what leaves the room is checked.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
pub mod bf16;
pub mod gemm;
pub mod memory;
pub mod threads;
pub mod vectorise;

/// Other processors' units for bf16 are not used yet.
#[cfg(not(target_arch = "x86_64"))]
pub mod bf16 {
    use super::gemm::Strides;

    pub fn available() -> bool {
        false
    }

    pub fn gemm(
        _: (usize, usize, usize),
        _: (&[f32], Strides),
        _: (&[f32], Strides),
        _: &mut [f32],
        _: bool,
    ) {
        unreachable!("asked for only where it is available")
    }
}
