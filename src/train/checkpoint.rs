//! A training's whole state in one safetensors file, written beside its target and renamed into place: a reader never
//! sees half a checkpoint, and a full disk leaves the last good one.
//!
//! Names: `model.<variable>`, `adam.<variable>` (2, n); a VQ-VAE's also `codebook.{codes,sum,count}` and
//! `stats.{mean,std}`, a trained text tower's `vocabulary`. The header's metadata holds [`Meta`] as JSON under `duet`.

use crate::error::{Error, ErrorKind, Result};
use candle_core::{Device, Tensor, Var};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

const FORMAT: u32 = 1;

/// What a checkpoint belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A motion VQ-VAE.
    Vq,
    /// An Inter-M transformer, with its text tower when that is trained too.
    Transformer,
    /// A text tower that a sentence model teaches.
    Text,
    /// Clips that a model remembers.
    Memory,
}

/// Everything of a training that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Layout of this file.
    pub format: u32,
    /// What was trained.
    pub kind: Kind,
    /// Steps made. All random numbers of step n follow from (seed, n), so this is the generator's state too.
    pub step: u64,
    /// Best validation value so far.
    pub best: Option<f64>,
    /// The training's settings, TOML.
    pub config: String,
}

impl Meta {
    /// Metadata of a checkpoint at `step`.
    pub fn new(kind: Kind, step: u64, best: Option<f64>, config: String) -> Self {
        Self { format: FORMAT, kind, step, best, config }
    }
}

/// A checkpoint in memory.
pub struct Checkpoint {
    /// See [`Meta`].
    pub meta: Meta,
    /// All tensors by name.
    pub tensors: HashMap<String, Tensor>,
}

impl Checkpoint {
    /// Write to `path`, atomically.
    pub fn save(path: &Path, meta: &Meta, tensors: &[(String, Tensor)]) -> Result<()> {
        let json = serde_json::to_string(meta).expect("metadata is strings and numbers");
        write_whole(path, HashMap::from([("duet".to_owned(), json)]), tensors)
    }

    /// Read `path`, which must hold a training of `kind`.
    pub fn load(path: &Path, kind: Kind) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let damaged = |why: String| {
            Error::corrupt(
                "checkpoint_corrupt",
                format!("{} is not a usable checkpoint: {why}", path.display()),
            )
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(e.to_string()))?;
        let json = header.metadata().as_ref().and_then(|info| info.get("duet"));
        let json = json.ok_or_else(|| damaged("it was not written by `duet train`".into()))?;
        let meta: Meta = serde_json::from_str(json).map_err(|e| damaged(e.to_string()))?;
        if meta.format != FORMAT {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "checkpoint_format",
                format!("{} has format {}, this version reads {FORMAT}", path.display(), meta.format),
            ));
        }
        if meta.kind != kind {
            return Err(Error::invalid(
                "checkpoint_kind",
                format!("{} holds a {:?} training, not {kind:?}", path.display(), meta.kind),
            ));
        }
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|e| damaged("its tensors cannot be read".into()).with_source(e))?;
        Ok(Self { meta, tensors })
    }

    /// The model's tensors, under the names that the model uses.
    pub fn model(&self) -> HashMap<String, Tensor> {
        let model = self.tensors.iter().filter_map(|(name, t)| Some((name.strip_prefix("model.")?, t)));
        model.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect()
    }
}

/// The variables of a model as checkpoint tensors.
pub fn model_tensors(vars: &BTreeMap<String, Var>) -> Vec<(String, Tensor)> {
    vars.iter().map(|(name, var)| (format!("model.{name}"), var.as_tensor().clone())).collect()
}

/// Tensors and what is said of them, as one safetensors file that is there whole or not at all.
pub(super) fn write_whole(
    path: &Path,
    info: HashMap<String, String>,
    tensors: &[(String, Tensor)],
) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let entries = tensors.iter().map(|(name, tensor)| (name, tensor));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".duet-").suffix(".part");
    // Like any other file of the user, not private as temporary files are.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder).map_err(|e| Error::io("write in", folder, e))?;
    let failed = |e| Error::io("write", path, e);
    let permissions = temporary.as_file().metadata().map_err(failed)?.permissions();
    safetensors::serialize_to_file(entries, Some(info), temporary.path()).map_err(|e| match e {
        safetensors::SafeTensorError::IoError(e) => failed(e),
        e => Error::internal("checkpoint_write", "the checkpoint could not be written").with_source(e),
    })?;
    // Under that name now lies a file of the library's own, private again and perhaps not on the disk yet.
    let written = File::options().write(true).open(temporary.path()).map_err(failed)?;
    written.set_permissions(permissions).map_err(failed)?;
    written.sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is read from a checkpoint with these words for its metadata.
    fn read(words: &str) -> Result<Checkpoint> {
        let info = HashMap::from([("duet".to_owned(), words.to_owned())]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), safetensors::serialize(tensors(), Some(info)).unwrap()).unwrap();
        Checkpoint::load(file.path(), Kind::Vq)
    }

    proptest! {
        #[test]
        fn metadata_of_strangers_is_read_or_refused_by_name(
            noise in ".{0,60}",
            nearly in r#"\{("(format|kind|step|best|config|more)":("[a-z]{0,4}"|"vq"|-?[0-9.e]{1,6}|null|\[|\{|1),?){0,6}\}?"#,
        ) {
            for words in [noise, nearly] {
                if let Err(error) = read(&words) {
                    prop_assert!(
                        matches!(error.code(), "checkpoint_corrupt" | "checkpoint_format" | "checkpoint_kind"),
                        "{}", error
                    );
                }
            }
        }

        #[test]
        fn metadata_comes_back(step in any::<u64>(), best in prop::option::of(-1e6..1e6), config in ".{0,200}") {
            let written = Meta::new(Kind::Vq, step, best, config);
            let back = read(&serde_json::to_string(&written).unwrap()).unwrap().meta;
            // The last bit of a number is not promised by serde_json.
            let gap = back.best.unwrap_or_default() - best.unwrap_or_default();
            prop_assert!(back.best.is_some() == best.is_some() && gap.abs() <= 1e-9);
            prop_assert_eq!(Meta { best, ..back }, written);
        }
    }

    fn meta() -> Meta {
        Meta::new(Kind::Vq, 17, Some(0.1 + 0.2), "lr = 1\n".into())
    }

    fn tensors() -> Vec<(String, Tensor)> {
        vec![("model.w".into(), Tensor::new(&[1.5f32, -0.1], &Device::Cpu).unwrap())]
    }

    #[test]
    fn round_trip_is_exact_and_the_same_state_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        Checkpoint::save(&a, &meta(), &tensors()).unwrap();
        Checkpoint::save(&b, &meta(), &tensors()).unwrap();
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
        let loaded = Checkpoint::load(&a, Kind::Vq).unwrap();
        assert_eq!(loaded.meta, meta());
        assert_eq!(loaded.model()["w"].to_vec1::<f32>().unwrap(), [1.5, -0.1]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left behind");
    }

    #[test]
    #[cfg(unix)]
    fn a_checkpoint_is_as_readable_as_any_other_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        std::fs::write(folder.path().join("usual"), "a").unwrap();
        Checkpoint::save(&folder.path().join("latest"), &meta(), &tensors()).unwrap();
        assert_eq!(mode("latest"), mode("usual"));
    }

    #[test]
    fn wrong_kind_and_damage_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        Checkpoint::save(&path, &meta(), &tensors()).unwrap();
        assert_eq!(Checkpoint::load(&path, Kind::Transformer).err().unwrap().code(), "checkpoint_kind");
        let bytes = std::fs::read(&path).unwrap();
        for cut in [0, 7, 40, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(Checkpoint::load(&path, Kind::Vq).err().unwrap().code(), "checkpoint_corrupt");
        }
        assert_eq!(
            Checkpoint::load(&folder.path().join("no"), Kind::Vq).err().unwrap().code(),
            "file_not_found"
        );
    }
}
