//! Model packages: one folder, one readable `model.toml`, weights as safetensors.
//!
//! * [`manifest`] is `model.toml`, typed and validated, its numbers by [`dimensions`]; [`expected`] says which tensors its dimensions call for.
//! * [`open`] reads a package, [`weights`] its tensors, [`digest`] its fingerprints; [`write`] makes one, all or nothing;
//!   what interrupted makers left is removed by `leftovers`.
//! * [`known`] is what it says of the sentences it was taught, [`memory`] of the clips it remembers, [`examples`] what it answers well.
//! * [`find`] knows where packages lie; [`import`] converts other layouts; [`pull`] fetches from a hub first.
//!
//! Nothing here executes what it reads: PyTorch files are taken apart as data.

#[cfg(feature = "bundle")]
mod bundle;
pub mod bytes;
pub mod digest;
pub mod dimensions;
pub mod examples;
pub mod expected;
pub mod find;
pub mod import;
pub mod known;
mod leftovers;
pub mod manifest;
pub mod memory;
pub mod open;
pub mod pull;
pub mod weights;
pub mod write;

pub use examples::Example;
pub use find::{DEFAULT_MODEL, SearchPath, Surroundings};
pub use manifest::{Manifest, Part};
pub use open::Package;
