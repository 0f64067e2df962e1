//! The hub layout of `ZeyuLing/motius-intermask-interhuman`: two safetensors files, two option files, statistics as npy.

use super::options::Options;
use super::{ImportOptions, Layout, read_options, read_safetensors, read_statistics, refuse};
use crate::error::{Error, ErrorKind, Result};
use crate::motion::Stats;
use crate::package::weights::Tensors;
use std::path::{Path, PathBuf};

/// Tells the layout and states what the weights are.
pub const CONFIG: &str = "intermask_config.json";
/// VQ-VAE weights.
pub const VQ: &str = "vq_model.safetensors";
/// Transformer weights, with or without the frozen text tower.
pub const TRANSFORMER: &str = "transformer.safetensors";
/// Options that the VQ-VAE was trained with.
pub const VQ_OPTIONS: &str = "vq_opt.txt";
/// Options that the transformer was trained with.
pub const TRANSFORMER_OPTIONS: &str = "transformer_opt.txt";
/// Folder of `global_mean.npy` and `global_std.npy`.
pub const STATISTICS: &str = "stats";

/// Every file of the layout, small ones first.
pub const FILES: [&str; 7] = [
    CONFIG,
    VQ_OPTIONS,
    TRANSFORMER_OPTIONS,
    "stats/global_mean.npy",
    "stats/global_std.npy",
    VQ,
    TRANSFORMER,
];

/// True where `source` looks like this layout, complete or not.
pub(super) fn is_here(source: &Path) -> bool {
    source.join(CONFIG).is_file() || source.join(VQ).is_file()
}

pub(super) struct Hub {
    source: PathBuf,
    statistics: PathBuf,
}

impl Hub {
    pub fn open(source: &Path, options: &ImportOptions) -> Result<Self> {
        let missing: Vec<&str> = [VQ, TRANSFORMER, VQ_OPTIONS, TRANSFORMER_OPTIONS]
            .into_iter()
            .filter(|name| !source.join(name).is_file())
            .collect();
        if !missing.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "source_incomplete",
                format!("{} lacks {}", source.display(), missing.join(", ")),
            ));
        }
        let has_checkpoint = options.checkpoint.is_some();
        refuse(&[("--checkpoint", has_checkpoint)], "this layout holds one checkpoint of each model")?;
        let statistics = options.statistics.clone().unwrap_or_else(|| source.join(STATISTICS));
        let hub = Self { source: source.to_owned(), statistics };
        hub.check_config()?;
        Ok(hub)
    }

    /// The configuration file says little that the option files do not; what it says must agree with them.
    fn check_config(&self) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct Config {
            model_type: Option<String>,
            representation: Option<String>,
        }
        let path = self.source.join(CONFIG);
        let text = match std::fs::metadata(&path) {
            Ok(meta) if meta.len() > 1 << 20 => {
                return Err(Error::corrupt("source_config", format!("{} is too long", path.display())));
            }
            Ok(_) => std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?,
            // Folders that were put together by hand may lack it.
            Err(_) => return Ok(()),
        };
        let config: Config = serde_json::from_str(&text).map_err(|e| {
            Error::corrupt("source_config", format!("{} is not readable: {e}", path.display())).with_source(e)
        })?;
        let unsupported = |what: &str, value: &str| {
            let value: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
            Err(Error::new(
                ErrorKind::Unsupported,
                "source_config",
                format!("{}: {what} {value:?} is not supported", path.display()),
            ))
        };
        match (config.model_type.as_deref(), config.representation.as_deref()) {
            (Some(kind), _) if kind != "intermask" => unsupported("model_type", kind),
            (_, Some(layout)) if layout != "interhuman_native_262" => unsupported("representation", layout),
            _ => Ok(()),
        }
    }
}

impl Layout for Hub {
    fn describe(&self) -> String {
        "InterMask weights in the safetensors layout of ZeyuLing/motius-intermask-interhuman".into()
    }

    fn vq_options(&self) -> Result<Options> {
        read_options(&self.source.join(VQ_OPTIONS))
    }

    fn transformer_options(&self) -> Result<Options> {
        read_options(&self.source.join(TRANSFORMER_OPTIONS))
    }

    fn vq(&self) -> Result<Tensors> {
        read_safetensors(&self.source.join(VQ), |_| true)
    }

    fn transformer(&self) -> Result<Tensors> {
        read_safetensors(&self.source.join(TRANSFORMER), |_| true)
    }

    fn statistics(&self) -> Result<Option<Stats>> {
        read_statistics(std::slice::from_ref(&self.statistics)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str =
        r#"{"model_type":"intermask","tasks":["text"],"representation":"interhuman_native_262"}"#;

    /// What becomes of a folder whose configuration is this.
    fn checked(config: &[u8]) -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(CONFIG), config).unwrap();
        Hub { source: folder.path().to_owned(), statistics: PathBuf::new() }.check_config()
    }

    #[test]
    fn other_models_are_refused() {
        checked(GOOD.as_bytes()).unwrap();
        checked(b"{}").unwrap();
        for (from, to, kind) in [
            ("intermask", "intergen", ErrorKind::Unsupported),
            ("native_262", "native_263", ErrorKind::Unsupported),
            ("\"intermask\"", "7", ErrorKind::Corrupt),
            ("]", "", ErrorKind::Corrupt),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            let error = checked(text.as_bytes()).unwrap_err();
            assert_eq!((error.kind(), error.code()), (kind, "source_config"), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn whatever_a_configuration_says_is_taken_or_refused(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            new in prop::collection::vec(any::<u8>(), 0..6),
            (at, end) in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let mut damaged = GOOD.as_bytes().to_vec();
            let at = at.index(damaged.len());
            damaged.splice(at..(at + new.len()).min(damaged.len()), new);
            for bytes in [&noise[..], &damaged, &GOOD.as_bytes()[..end.index(GOOD.len())]] {
                if let Err(error) = checked(bytes) {
                    // What is no text is the disk's to refuse.
                    prop_assert!(matches!(error.code(), "source_config" | "io"), "{error}");
                    prop_assert!(!error.to_string().contains(char::is_control), "{error:?}");
                }
            }
        }
    }
}
