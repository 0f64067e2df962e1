//! Training: the VQ-VAE and the transformer learn here, resumably and reproducibly.
//!
//! [`vq_loop`], [`transformer_loop`] and [`teach`]`::teach_loop` read from top to bottom; [`vq_step`] and [`transformer_step`]
//! hold one step each, and everything random in step n follows from (seed, n).

pub mod after_step;
pub mod checkpoint;
pub mod config;
pub mod contrast;
pub mod cross_entropy;
mod defaults;
pub mod dropout;
mod geometry;
pub mod grow;
pub mod interaction;
pub mod journal;
pub mod losses;
pub mod masking;
mod muon;
pub mod optim;
pub mod order;
pub mod pack;
pub mod quantizer;
pub mod remember;
pub mod run_folder;
pub mod schedule;
pub mod shards;
pub mod stop;
pub mod teach;
pub mod text_source;
pub mod token_store;
pub mod tokens;
pub mod transformer_loop;
pub mod transformer_step;
pub mod unpack;
pub mod vocabulary;
pub mod vq_loop;
pub mod vq_step;

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were made.
    Finished,
    /// It was asked to stop after this step, and saved.
    Stopped(u64),
}
