//! Duet: from a sentence to the 3D motion of two interacting people.
//!
//! The house, room by room. Arrows point one way, from the doors inwards:
//!
//! ```text
//! cli, server -> engine -> generate -> models -> nn
//!                  |          |          text -> nn
//!                formats    package
//!                  |
//!                render -> motion              (formats, eval and data draw with it)
//! train, eval -> data -> formats -> motion        (motion knows nothing else)
//! ```
//!
//! `ARCHITECTURE.md` has the picture and the reasons.

pub mod cli;
pub mod data;
pub mod engine;
pub mod error;
pub mod eval;
pub mod formats;
pub mod generate;
pub mod models;
pub mod motion;
pub mod nn;
pub mod package;
pub mod render;
pub mod rng;
pub mod server;
pub mod text;
pub mod train;

pub use error::{Error, ErrorKind, Result};
