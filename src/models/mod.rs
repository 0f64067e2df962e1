//! Tensors in, tensors out: one file a model. No text, no files, no HTTP.

pub mod config;
pub mod inter_m;

pub mod vqvae;
