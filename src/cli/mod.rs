//! See ARCHITECTURE.md.

pub mod data;
