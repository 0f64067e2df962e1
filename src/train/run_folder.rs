//! The folder of one training: `config.toml`, `log.jsonl`, `latest.safetensors`, `best.safetensors`; a transformer's also
//! `vq.safetensors`, a text tower's `teacher.safetensors` and `tower.safetensors`.

use super::checkpoint::{Checkpoint, Kind};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which checkpoint of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Best on the held-out split.
    Best,
    /// Newest.
    Latest,
}

/// Paths inside a training's folder.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The folder of an existing run; nothing is checked.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Make the folder of a new run and echo its settings. A folder that holds a run is refused.
    pub fn create(path: &Path, config: &str) -> Result<Self> {
        let run = Self::at(path);
        if run.latest().exists() || run.best().exists() {
            return Err(Error::invalid(
                "run_exists",
                format!(
                    "{} already holds a training; go on with it (--resume) or choose another --out",
                    path.display()
                ),
            ));
        }
        std::fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
        run.write_config(config)?;
        Ok(run)
    }

    /// Echo the settings.
    pub fn write_config(&self, config: &str) -> Result<()> {
        std::fs::write(self.config(), config).map_err(|e| Error::io("write", &self.config(), e))
    }

    /// The echoed settings.
    pub fn read_config(&self) -> Result<String> {
        std::fs::read_to_string(self.config()).map_err(|e| Error::io("read", &self.config(), e))
    }

    /// The best checkpoint or the newest.
    pub fn load(&self, which: Which, kind: Kind) -> Result<Checkpoint> {
        match which {
            Which::Best => self.load_best(kind),
            Which::Latest => self.load_latest(kind),
        }
    }

    /// The newest checkpoint.
    pub fn load_latest(&self, kind: Kind) -> Result<Checkpoint> {
        Checkpoint::load(&self.latest(), kind)
    }

    /// The best checkpoint, or the newest of a run that has not been validated yet.
    pub fn load_best(&self, kind: Kind) -> Result<Checkpoint> {
        if self.best().exists() { Checkpoint::load(&self.best(), kind) } else { self.load_latest(kind) }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Settings.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// Metrics, one JSON object a line.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }

    /// Newest checkpoint.
    pub fn latest(&self) -> PathBuf {
        self.0.join("latest.safetensors")
    }

    /// A transformer run's copy of the VQ-VAE checkpoint whose tokens it learns, so that it cannot change under it.
    pub fn vq(&self) -> PathBuf {
        self.0.join("vq.safetensors")
    }

    /// A text run's notes of what the teacher says, so that it is asked only once.
    pub fn teacher(&self) -> PathBuf {
        self.0.join("teacher.safetensors")
    }

    /// A text run's tower as others use it: under CLIP's names, with the whole token table.
    pub fn tower(&self) -> PathBuf {
        self.0.join("tower.safetensors")
    }

    /// Checkpoint with the best validation value.
    pub fn best(&self) -> PathBuf {
        self.0.join("best.safetensors")
    }
}
