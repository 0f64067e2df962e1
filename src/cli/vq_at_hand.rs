//! A VQ-VAE and its statistics, of a package or of a training.

use crate::error::{Error, Result};
use crate::models::vqvae::VqVae;
use crate::motion::Stats;
use crate::package::{Package, Part, SearchPath};
use crate::train::checkpoint::Kind;
use crate::train::config::{VqTrainConfig, from_toml};
use crate::train::pack::stats_of;
use crate::train::run_folder::RunFolder;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use std::path::Path;

/// The network and what its numbers are normalised with.
pub struct VqAtHand {
    pub vq: VqVae,
    pub stats: Stats,
}

impl VqAtHand {
    /// The best checkpoint of a training.
    ///
    /// # Errors
    /// Whatever is wrong with the checkpoint.
    pub fn of_run(run: &Path, device: &Device) -> Result<Self> {
        let checkpoint = RunFolder::at(run).load_best(Kind::Vq)?;
        let config: VqTrainConfig = from_toml(&checkpoint.meta.config)?;
        let vb = VarBuilder::from_tensors(checkpoint.model(), DType::F32, device);
        Ok(Self { vq: VqVae::new(&config.model, vb)?, stats: stats_of(&checkpoint)? })
    }

    /// That of a model.
    ///
    /// # Errors
    /// `motion_layout` for models of another kind of motion; whatever is wrong with the package.
    pub fn of_package(package: &Package, device: &Device) -> Result<Self> {
        let vb = VarBuilder::from_tensors(package.tensors(Part::Vq)?, DType::F32, device);
        let vq = VqVae::new(&package.manifest().vq, vb)?;
        let stats = package.statistics()?.ok_or_else(|| {
            Error::invalid("motion_layout", "only models with the InterHuman motion layout can be measured")
        })?;
        Ok(Self { vq, stats })
    }

    /// The folder of a training, the folder of a package, or the name of a model.
    ///
    /// # Errors
    /// As the two others, and `unknown_model`.
    pub fn named(name: &str, device: &Device) -> Result<Self> {
        let folder = Path::new(name);
        if RunFolder::at(folder).config().is_file() {
            return Self::of_run(folder, device);
        }
        Self::of_package(&SearchPath::from_env().by_name_or_path(name)?, device)
    }
}
