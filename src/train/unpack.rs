//! From a model package back to runs that new trainings can start from.

use super::checkpoint::{Checkpoint, Kind, Meta};
use super::config::{Common, TextTrainConfig, TextTraining, TransformerTrainConfig, VqTrainConfig, to_toml};
use super::quantizer::Codebook;
use super::run_folder::RunFolder;
use super::teach::objective::Weights;
use super::text_source::PREFIX;
use super::vq_loop::CODEBOOK;
use crate::error::{Error, Result};
use crate::package::{Package, Part};
use candle_core::{Device, Tensor};
use std::path::{Path, PathBuf};

/// Running count that every code starts with. What a training does not use falls to a bound of 1 in 230 steps.
const COUNT: f32 = 10.0;

/// The runs that a package became.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// The VQ-VAE, for `--vq` and `--from`.
    pub vq: PathBuf,
    /// The transformer with its text tower, for `--from`.
    pub transformer: PathBuf,
    /// The text tower, for `--text`.
    pub text: PathBuf,
}

/// Write `package` as the runs `out`/vq, `out`/text and `out`/transformer, each at step 0 and without the optimiser's memory: a
/// training starts from them, it does not resume.
///
/// # Errors
/// `training_layout` for a model that cannot be trained here, `run_exists` where a run stands already; from the files.
pub fn unpack(package: &Package, out: &Path) -> Result<Unpacked> {
    let manifest = package.manifest();
    let stats = package.statistics()?.ok_or_else(|| {
        let message = "only models with the InterHuman motion layout can be trained further";
        Error::invalid("training_layout", message)
    })?;
    let unpacked =
        Unpacked { vq: out.join("vq"), transformer: out.join("transformer"), text: out.join("text") };

    let vq = VqTrainConfig::of(manifest.vq.clone(), PathBuf::new());
    let tensors = package.tensors(Part::Vq)?;
    let codes = tensors.get(CODEBOOK).ok_or_else(|| {
        Error::corrupt("checkpoint_codebook", format!("the package has no tensor `{CODEBOOK}`"))
    })?;
    let mut all = codebook(codes, &vq)?.state()?;
    all.extend(tensors.iter().map(|(name, tensor)| (format!("model.{name}"), tensor.clone())));
    for (name, values) in [("stats.mean", stats.mean()), ("stats.std", stats.std())] {
        all.push((name.to_owned(), Tensor::from_slice(values, values.len(), &Device::Cpu)?));
    }
    let run = RunFolder::create(&unpacked.vq, &to_toml(&vq)?)?;
    Checkpoint::save(&run.latest(), &Meta::new(Kind::Vq, 0, None, to_toml(&vq)?), &all)?;

    let text = TextTrainConfig {
        teacher: PathBuf::new(),
        data: Vec::new(),
        texts: Vec::new(),
        clips: 0,
        scenes: 0,
        words: 0,
        common: Common { data: PathBuf::new(), ..vq.common },
        tower: manifest.text.clone(),
        weights: Weights::default(),
    };
    let tower = package.tensors(Part::Text)?;
    let named = |prefix: &str| -> Vec<(String, Tensor)> {
        tower.iter().map(|(name, tensor)| (format!("model.{prefix}{name}"), tensor.clone())).collect()
    };
    let run = RunFolder::create(&unpacked.text, &to_toml(&text)?)?;
    Checkpoint::save(&run.tower(), &Meta::new(Kind::Text, 0, None, to_toml(&text)?), &named(""))?;

    let taught = TextTraining::Taught { tower: manifest.text.clone(), run: unpacked.text.clone(), rate: 0.1 };
    let config =
        TransformerTrainConfig::of(manifest.transformer.clone(), taught, unpacked.vq.clone(), PathBuf::new());
    let mut all = named(&format!("{PREFIX}."));
    let own = package.tensors(Part::Transformer)?;
    all.extend(own.into_iter().map(|(name, tensor)| (format!("model.{name}"), tensor)));
    let run = RunFolder::create(&unpacked.transformer, &to_toml(&config)?)?;
    Checkpoint::save(&run.latest(), &Meta::new(Kind::Transformer, 0, None, to_toml(&config)?), &all)?;
    Ok(unpacked)
}

/// A codebook that has been in use.
fn codebook(codes: &Tensor, config: &VqTrainConfig) -> Result<Codebook> {
    let (count, dim) = (config.model.codes, config.model.code_dim);
    let codes = codes.flatten_all()?.to_vec1::<f32>()?;
    Ok(Codebook {
        sum: codes.iter().map(|value| COUNT * value).collect(),
        count: vec![COUNT; count],
        codes,
        initialised: true,
        ..Codebook::empty(count, dim, config.mu)
    })
}
