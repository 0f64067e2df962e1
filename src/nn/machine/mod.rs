//! What the processor and the system offer that safe Rust does not: the one room with unsafe code in the house. Each block says why it
//! is sound; what leaves the room is checked.
#![allow(unsafe_code)]

pub mod amx;
pub mod gemm;
pub mod threads;
pub mod vectorise;
