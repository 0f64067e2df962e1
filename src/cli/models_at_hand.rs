//! From the packages on this machine to models that the engine can load: the one place where names, folders and model
//! families meet.

use super::device;
use crate::engine::{Loader, ModelFile, ModelSpec};
use crate::error::{Error, ErrorKind, Result};
use crate::generate::Generator;
use crate::generate::intermask::InterMask;
use crate::models::config::MotionLayout;
use crate::package::manifest::{FileEntry, Kind, Part};
use crate::package::{DEFAULT_MODEL, Package, SearchPath};
use std::sync::Arc;

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
    /// `no_model` when there is nothing, `unknown_model` when `asked` is not there, and whatever is wrong with it when it is
    /// there. Other packages that are damaged are left out with a warning.
    pub fn find(asked: Option<&str>) -> Result<Self> {
        Self::find_in(&SearchPath::from_env(), asked)
    }

    /// The same of other places.
    ///
    /// # Errors
    /// As [`ModelsAtHand::find`].
    pub fn find_in(places: &SearchPath, asked: Option<&str>) -> Result<Self> {
        let mut packages = Vec::new();
        for found in places.list().into_iter().filter(|found| !found.shadowed) {
            match found.package {
                // Inter-X motion has no 22-joint body to show (InterMask spec §2).
                Ok(package) if package.manifest().vq.layout == MotionLayout::InterHuman => {
                    packages.push((found.name, package));
                }
                Ok(_) => tracing::debug!(model = found.name, "not offered: its motion has no 22-joint body"),
                Err(error) => tracing::warn!(model = found.name, %error, "left out a damaged model"),
            }
        }
        let default = match asked {
            Some(asked) => {
                let package = places.by_name_or_path(asked)?;
                // A folder given as a path goes by the name that it gives itself.
                let named = packages.iter().any(|(name, _)| name == asked);
                let name = if named { asked.to_owned() } else { package.manifest().name.clone() };
                packages.retain(|(other, _)| *other != name);
                packages.insert(0, (name.clone(), package));
                name
            }
            None => packages
                .iter()
                .find(|(name, _)| name == DEFAULT_MODEL)
                .or(packages.first())
                .map(|(name, _)| name.clone())
                .ok_or_else(|| Error::new(ErrorKind::NotFound, "no_model", "no model is installed"))?,
        };
        Ok(Self {
            models: packages.into_iter().map(|(name, package)| spec(name, package)).collect(),
            default,
        })
    }
}

fn spec(name: String, package: Package) -> ModelSpec {
    let manifest = package.manifest();
    let (title, knows) = (manifest.title.clone(), manifest.knows.clone());
    let (examples, licence) = (manifest.examples.clone(), manifest.licence.clone());
    let file = |(part, entry): (Part, &FileEntry)| ModelFile {
        part: part.word().to_owned(),
        bytes: entry.bytes,
        sha256: entry.sha256.clone(),
    };
    let files = manifest.files.iter().map(file).collect();
    let guidance = manifest.guidance;
    let memory = manifest.memory.as_ref().map(|memory| memory.share);
    ModelSpec { name, title, knows, examples, guidance, memory, licence, files, loader: loader(package) }
}

/// How a package becomes a model: one arm for each family.
fn loader(package: Package) -> Loader {
    Arc::new(move || -> Result<Box<dyn Generator>> {
        match package.manifest().kind {
            Kind::InterMask => Ok(Box::new(InterMask::load(&package, &device::best())?)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Surroundings;

    fn nowhere(asked: Option<&str>) -> Result<ModelsAtHand> {
        ModelsAtHand::find_in(&SearchPath::new(Surroundings::default()), asked)
    }

    fn find(asked: Option<&str>) -> &'static str {
        nowhere(asked).map(|_| ()).unwrap_err().code()
    }

    #[test]
    #[cfg(feature = "bundle")]
    fn the_bundled_model_is_always_at_hand() {
        for asked in [None, Some(DEFAULT_MODEL)] {
            let found = nowhere(asked).unwrap();
            assert_eq!(found.default, DEFAULT_MODEL);
            assert!(found.models.iter().any(|model| model.name == DEFAULT_MODEL));
        }
        assert_eq!(find(Some("./no/such/folder")), "package_not_found");
    }

    #[test]
    #[cfg(not(feature = "bundle"))]
    fn nothing_at_hand() {
        assert_eq!(find(None), "no_model");
        assert_eq!(find(Some("duet-mini")), "unknown_model");
        assert_eq!(find(Some("./no/such/folder")), "package_not_found");
    }
}
