//! Words to vectors: the CLIP tokenizer and text tower.

pub mod clip;
pub mod sentence;
pub mod tokenizer;
