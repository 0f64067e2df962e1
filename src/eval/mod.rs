//! How good is it? Numbers and pictures of what the models make.

pub mod adherence;
pub mod frechet;
pub mod generated;
pub mod joins;
pub mod reconstruct;
pub mod skate;

pub use skate::Skate;
