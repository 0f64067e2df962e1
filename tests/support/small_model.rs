//! A small model with random weights, and the program told to use it.

use candle_core::{Device, Tensor, safetensors};
use duet::package::import::{ImportOptions, import};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Words of CLIP's byte-pair vocabulary.
const VOCABULARY: usize = 49408;

/// A folder of packages with one in it, called "small": the random weights of a fixture, its vocabulary repeated until
/// there is a vector for every word.
pub fn models() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/hub_layout");
    for name in ["intermask_config.json", "vq_model.safetensors", "vq_opt.txt", "transformer_opt.txt"] {
        copy(&fixture.join(name), &source.join(name));
    }
    for name in ["stats/global_mean.npy", "stats/global_std.npy"] {
        copy(&fixture.join(name), &source.join(name));
    }
    let mut weights = safetensors::load(fixture.join("transformer.safetensors"), &Device::Cpu).unwrap();
    let words = weights.get_mut("clip_token_embedding.weight").unwrap();
    let copies = VOCABULARY.div_ceil(words.dim(0).unwrap());
    *words = Tensor::cat(&vec![words.clone(); copies], 0).unwrap().narrow(0, 0, VOCABULARY).unwrap();
    safetensors::save(&weights, source.join("transformer.safetensors")).unwrap();
    // Nothing in those files says that their towers have heads of 16.
    let options = ImportOptions { text_heads: Some(4), text_head_heads: Some(4), ..Default::default() };
    import(&source, root.path(), "small", &options, &mut |_| ()).unwrap();
    root
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}

/// The program, asked to use that model and nothing from this machine's settings.
pub fn duet(models: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DUET_")) {
        command.env_remove(variable);
    }
    command.env("DUET_MODELS", models).env("DUET_MODEL", "small").env("DUET_NO_DATA", "true");
    command.stdin(Stdio::null());
    command
}
