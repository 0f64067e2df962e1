//! Layers and kernels that every model shares.

pub mod probe;
