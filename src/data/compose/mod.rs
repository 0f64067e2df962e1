//! Two-person clips with captions, composed of captured single persons.
//!
//! ```text
//! manifest + BVH -> library (pieces) -> track (stretch, join, bend) -> families (who does what, where) -> scene
//!                                                  scene.facts <- caption <- inflect
//! recipe (weights, held-out takes) + seed -> draws -> run: scenes -> rotations -> data::build
//! ```

mod caption;
pub mod draws;
mod families;
pub mod gesture;
mod inflect;
pub mod library;
pub mod manifest;
mod names;
mod place;
pub mod recipe;
mod run;
pub mod scene;
pub mod stage;
mod thesaurus;
pub mod track;
mod wordings;

pub use recipe::ComposeRecipe;
pub use run::{Inputs, Step, Summary, compose};

use crate::data::recipe::Split;
use crate::error::Result;
use library::Library;
use scene::Source;
use std::sync::Arc;

/// All makers of scenes for a part of the data set. A further layer adds its own here; [`stage::Grounds`] gives it real standing
/// and walking.
fn sources<'a>(
    library: &'a Library,
    recipe: &'a ComposeRecipe,
    split: Split,
) -> Result<Vec<Box<dyn Source + 'a>>> {
    let mut sources = families::sources(library, recipe, split);
    if gesture::families().any(|family| recipe.weight(family) > 0.0) {
        let grounds: Arc<dyn gesture::Bases> = Arc::new(stage::Grounds::new(library, split)?);
        sources.extend(gesture::sources(&grounds, |family| recipe.weight(family)));
    }
    Ok(sources)
}
