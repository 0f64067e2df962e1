//! Data to learn from: captures become a folder in InterHuman's layout, and a folder becomes training items.
//!
//! ```text
//! recipe + BVH files -> capture -> clips -> layout (a folder) -> interhuman (windows, items) -> train, eval
//! ```

pub mod build;
pub mod capture;
pub mod clips;
pub mod compose;
pub mod folder;
pub mod interhuman;
pub mod interx;
pub mod legs;
pub mod paraphrase;
pub mod prepare;
pub mod recipe;

pub use folder::{Folder, RawPair};
pub use interhuman::{ItemDraws, TextClips, TextItem, VqWindows};
pub use recipe::{Recipe, Split};
