//! Checkpoint folders of the official project (InterMask spec §6, §8):
//! `[checkpoints/<data set>/]{vq_default,trans_default}/{opt.txt,model/*.tar}`, statistics in `data/stats`.

use super::options::{Options, Value};
use super::{ImportOptions, Layout, read_options, read_statistics, torch};
use crate::error::{Error, ErrorKind, Result};
use crate::motion::Stats;
use crate::package::weights::Tensors;
use std::path::{Path, PathBuf};

/// Entries that may hold the VQ-VAE.
const VQ_ROOTS: [&str; 2] = ["vq_model", "net"];
/// Entries that may hold the transformer.
const TRANSFORMER_ROOTS: [&str; 2] = ["t2m_transformer", "trans"];

pub(super) struct Official {
    /// `vq_default` or as the transformer's options call it.
    vq: PathBuf,
    vq_checkpoint: PathBuf,
    transformer: PathBuf,
    transformer_checkpoint: PathBuf,
    statistics: Vec<PathBuf>,
    interhuman: bool,
}

impl Official {
    pub fn open(source: &Path, options: &ImportOptions) -> Result<Self> {
        let (folder, transformer) = find_models(source)?;
        let transformer_options = read_options(&transformer.join("opt.txt"))?;
        let vq_name = match transformer_options.get("vq_name") {
            // A folder's name, never a way out of the folder.
            Some(Value::Text(name)) if !name.contains(['/', '\\']) && name != ".." => name.clone(),
            None => "vq_default".into(),
            Some(_) => {
                return Err(Error::corrupt(
                    "options",
                    "vq_name of the transformer's options is not a plain name",
                ));
            }
        };
        let vq = folder.join(vq_name);
        let vq_options = read_options(&vq.join("opt.txt"))?;
        let interhuman = vq_options.text("dataset_name")?.unwrap_or("interhuman") == "interhuman";
        let wanted = options.checkpoint.as_deref();
        let statistics = match &options.statistics {
            Some(folder) => vec![folder.clone()],
            // Beside the checkpoints, or where the official repository keeps them: `data/stats` beside `checkpoints`.
            None => [Some(source), Some(&*folder), folder.parent(), folder.parent().and_then(Path::parent)]
                .into_iter()
                .flatten()
                .flat_map(|base| [base.to_owned(), base.join("stats"), base.join("data/stats")])
                .collect(),
        };
        Ok(Self {
            // Upstream always pairs a transformer with the best VQ-VAE.
            vq_checkpoint: find_checkpoint(&vq, None)?,
            vq,
            transformer_checkpoint: find_checkpoint(&transformer, wanted)?,
            transformer,
            statistics,
            interhuman,
        })
    }
}

/// The folder of models and in it the transformer's: `source` itself, a folder in it, or one data set of `checkpoints`.
fn find_models(source: &Path) -> Result<(PathBuf, PathBuf)> {
    let mut folders = vec![source.to_owned()];
    for base in [source.to_owned(), source.join("checkpoints")] {
        folders.extend(sub_folders(&base));
    }
    let is_transformer = |dir: &Path| {
        dir.join("model").is_dir()
            && read_options(&dir.join("opt.txt")).is_ok_and(|o| o.get("n_layers").is_some())
    };
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    for folder in folders {
        found.extend(
            sub_folders(&folder)
                .into_iter()
                .filter(|dir| is_transformer(dir))
                .map(|dir| (folder.clone(), dir)),
        );
    }
    // One folder may have been reached in two ways.
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found.dedup_by(|a, b| a.1 == b.1);
    let default = found.iter().position(|(_, dir)| dir.ends_with("trans_default"));
    match (found.len(), default) {
        (1, _) => Ok(found.remove(0)),
        (0, _) => Err(Error::new(
            ErrorKind::NotFound,
            "source_unknown",
            format!(
                "{} holds no model in a known layout. Known are the official one, \
                 {{vq_default,trans_default}}/{{opt.txt,model/*.tar}}, and the hub's, {} beside {}",
                source.display(),
                super::hub::VQ,
                super::hub::TRANSFORMER
            ),
        )),
        (_, Some(default)) if found.iter().filter(|(_, dir)| dir.ends_with("trans_default")).count() == 1 => {
            Ok(found.remove(default))
        }
        _ => {
            let names: Vec<String> = found.iter().map(|(_, dir)| dir.display().to_string()).collect();
            Err(Error::invalid(
                "source_ambiguous",
                format!(
                    "{} holds several models; name the folder of one data set: {}",
                    source.display(),
                    names.join(", ")
                ),
            ))
        }
    }
}

fn sub_folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> =
        entries.take(1000).filter_map(|e| e.ok().map(|e| e.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// `wanted`, else `best_fid.tar`, else the only one.
fn find_checkpoint(model: &Path, wanted: Option<&str>) -> Result<PathBuf> {
    let folder = model.join("model");
    let entries = std::fs::read_dir(&folder).map_err(|e| Error::io("read", &folder, e))?;
    let mut found: Vec<PathBuf> = entries
        .take(10_000)
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "tar"))
        .collect();
    found.sort();
    let named = |name: &str| found.iter().find(|path| path.file_stem().is_some_and(|s| s == name)).cloned();
    let choice = match wanted {
        Some(name) => named(name),
        None => named("best_fid").or_else(|| (found.len() == 1).then(|| found[0].clone())),
    };
    choice.ok_or_else(|| {
        let stems: Vec<String> =
            found.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
        let there = if stems.is_empty() {
            "none is there".to_owned()
        } else {
            format!("there: {}", stems.join(", "))
        };
        Error::new(
            ErrorKind::NotFound,
            "no_checkpoint",
            format!(
                "{} has no checkpoint {}.tar; {there}. Choose one with --checkpoint",
                folder.display(),
                wanted.unwrap_or("best_fid")
            ),
        )
    })
}

impl Layout for Official {
    fn describe(&self) -> String {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!(
            "official InterMask checkpoints ({}/{} and {}/{})",
            name(&self.vq),
            name(&self.vq_checkpoint),
            name(&self.transformer),
            name(&self.transformer_checkpoint)
        )
    }

    fn vq_options(&self) -> Result<Options> {
        read_options(&self.vq.join("opt.txt"))
    }

    fn transformer_options(&self) -> Result<Options> {
        read_options(&self.transformer.join("opt.txt"))
    }

    fn vq(&self) -> Result<Tensors> {
        torch::read(&self.vq_checkpoint, &VQ_ROOTS, |_| true)
    }

    fn transformer(&self) -> Result<Tensors> {
        torch::read(&self.transformer_checkpoint, &TRANSFORMER_ROOTS, |_| true)
    }

    fn statistics(&self) -> Result<Option<Stats>> {
        if !self.interhuman {
            return Ok(None);
        }
        read_statistics(&self.statistics).map(Some)
    }
}
