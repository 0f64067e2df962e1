//! From two finished trainings to one model package.

use super::checkpoint::{Checkpoint, Kind};
use super::config::{TextTraining, TransformerTrainConfig, VqTrainConfig, from_toml};
use super::remember;
use super::run_folder::{RunFolder, Which};
use super::text_source::{PREFIX, frozen_tensors};
use super::vocabulary::Vocabulary;
use super::vq_loop::DECODER;
use crate::data::Folder;
use crate::error::{Error, Result};
use crate::models::config::ClipTextConfig;
use crate::motion::{FPS, Stats};
use crate::package::bytes::in_bytes;
use crate::package::known::KnownPrompts;
use crate::package::manifest::Part;
use crate::package::memory::Memory;
use crate::package::weights::{Precision, Tensors};
use crate::package::write::{Description, Writer};
use crate::package::{Example, Package, expected};
use crate::text::clip::ClipText;
use crate::text::sentence;
use crate::text::tokenizer::Tokenizer;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use std::path::PathBuf;

/// Share of a package's own sentences that may stand alone.
const STRANGE: f64 = 0.05;

/// What to pack and what the package says about itself.
#[derive(Clone, Debug)]
pub struct Packing {
    /// Run folder of the transformer; it keeps the VQ-VAE whose tokens it learned.
    pub transformer: PathBuf,
    /// Run folder of the VQ-VAE instead of the one that the transformer was trained with; it has to make the same tokens.
    pub vq: Option<PathBuf>,
    /// Checkpoint of the transformer run.
    pub which: Which,
    /// Folder that holds packages.
    pub root: PathBuf,
    /// Name of the package and of its folder.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What the model knows, one line.
    pub knows: String,
    /// Prompts to be offered.
    pub examples: Vec<Example>,
    /// Guidance where a request does not say.
    pub guidance: Option<f64>,
    /// What the model remembers.
    pub memory: Option<Remembering>,
    /// Terms of the weights.
    pub licence: String,
    /// Where the weights come from.
    pub provenance: String,
    /// Sentences that stand for all it was taught; none: the package does not tell.
    pub known: Vec<String>,
    /// Model card, Markdown; written as README.md.
    pub card: Option<String>,
    /// Give way to an existing package of that name.
    pub replace: bool,
}

/// A memory, and how it is used where a request does not say.
#[derive(Clone, Debug)]
pub struct Remembering {
    /// Its run folder.
    pub run: PathBuf,
    /// See [`crate::package::memory::Memory::share`].
    pub share: f64,
    /// See [`crate::package::memory::Memory::near`].
    pub near: f64,
}

/// Write the package, weights in half precision.
///
/// # Errors
/// `package_mismatch` when the VQ-VAE run's best checkpoint makes other tokens than the one that the transformer was trained with.
pub fn pack(packing: &Packing) -> Result<Package> {
    let run = RunFolder::at(&packing.transformer);
    let transformer = run.load(packing.which, Kind::Transformer)?;
    let mut vq = Checkpoint::load(&run.vq(), Kind::Vq)?;
    if let Some(other) = &packing.vq {
        let other = RunFolder::at(other).load_best(Kind::Vq)?;
        if !same_tokens(&vq, &other)? {
            return Err(Error::invalid(
                "package_mismatch",
                format!(
                    "the transformer was trained on the tokens of the VQ-VAE's step {}, the run given has step {} and makes \
                     others; leave out --vq to pack the one it was trained with",
                    vq.meta.step, other.meta.step
                ),
            ));
        }
        vq = other;
    }
    let vq_config: VqTrainConfig = from_toml(&vq.meta.config)?;
    let config: TransformerTrainConfig = from_toml(&transformer.meta.config)?;

    let stats = stats_of(&vq)?;
    let (transformer_tensors, text_tensors) = split_text(&transformer, &config)?;
    let known_prompts = known_prompts(&packing.known, &text_tensors, config.text.tower())?;
    let mut writer = Writer::begin(&packing.root, &packing.name, packing.replace)?;
    let known = expected::vq(&vq_config.model);
    writer.part(Part::Vq, &only(vq.model().into_iter().collect(), &known), Precision::Half)?;
    let known = expected::transformer(&config.model);
    writer.part(Part::Transformer, &only(transformer_tensors, &known), Precision::Half)?;
    writer.part(Part::Text, &text_tensors, Precision::Half)?;
    writer.statistics(&stats)?;
    let memory = match &packing.memory {
        Some(Remembering { run, share, near }) => {
            let (sizes, memory, reader) = remember::load(&RunFolder::at(run))?;
            writer.part(Part::Memory, &memory, Precision::Whole)?;
            writer.part(Part::Reader, &in_bytes(reader)?, Precision::Whole)?;
            Some(Memory { share: *share, near: *near, ..sizes })
        }
        None => None,
    };
    if let Some(card) = &packing.card {
        writer.text_file("README.md", card)?;
    }
    writer.finish(Description {
        title: packing.title.clone(),
        knows: packing.knows.clone(),
        examples: packing.examples.clone(),
        guidance: packing.guidance,
        licence: packing.licence.clone(),
        provenance: packing.provenance.clone(),
        fps: FPS as u32,
        vq: vq_config.model,
        transformer: config.model,
        text: config.text.tower().clone(),
        known: known_prompts,
        memory,
    })
}

/// Whether two VQ-VAEs make the same tokens of a motion: they differ in the decoder alone.
fn same_tokens(a: &Checkpoint, b: &Checkpoint) -> Result<bool> {
    if stats_of(a)? != stats_of(b)? {
        return Ok(false);
    }
    let [a, b] = [a, b].map(|vq| {
        let mut tensors = vq.model();
        tensors.retain(|name, _| !name.starts_with(DECODER));
        tensors
    });
    let same = |name: &String, tensor: &Tensor| -> Result<bool> {
        let Some(other) = b.get(name).filter(|other| other.shape() == tensor.shape()) else {
            return Ok(false);
        };
        Ok(tensor.flatten_all()?.to_vec1::<f32>()? == other.flatten_all()?.to_vec1::<f32>()?)
    };
    let all = a.iter().map(|(name, tensor)| same(name, tensor)).collect::<Result<Vec<_>>>()?;
    Ok(a.len() == b.len() && all.into_iter().all(|same| same))
}

/// The sentences, and the cosine that all but [`STRANGE`] of them reach with another one.
fn known_prompts(
    prompts: &[String],
    tower: &Tensors,
    config: &ClipTextConfig,
) -> Result<Option<KnownPrompts>> {
    if prompts.is_empty() {
        return Ok(None);
    }
    let device = Device::Cpu;
    let tensors = tower.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    let tower = ClipText::new(config, VarBuilder::from_tensors(tensors, DType::F32, &device))?;
    let texts: Vec<&str> = prompts.iter().map(String::as_str).collect();
    let vectors = sentence::vectors(&Tokenizer::clip(), &tower, &texts, &device)?;
    let near = sentence::usual_nearness(&vectors, STRANGE)
        .ok_or_else(|| Error::invalid("package_known", "name at least two known prompts, one a line"))?;
    Ok(Some(KnownPrompts { near, prompts: prompts.to_vec() }))
}

/// The statistics that the VQ-VAE was trained with: in the checkpoint, or else in its training folder.
pub fn stats_of(vq: &Checkpoint) -> Result<Stats> {
    match (vq.tensors.get("stats.mean"), vq.tensors.get("stats.std")) {
        (Some(mean), Some(std)) => Stats::new(mean.to_vec1()?, std.to_vec1()?),
        _ => Folder::open(&from_toml::<VqTrainConfig>(&vq.meta.config)?.common.data)?.stats(),
    }
}

/// The transformer's own tensors, and the text tower at its full vocabulary.
fn split_text(checkpoint: &Checkpoint, config: &TransformerTrainConfig) -> Result<(Tensors, Tensors)> {
    let prefix = format!("{PREFIX}.");
    let (mut own, mut text) = (Tensors::new(), Tensors::new());
    for (name, tensor) in checkpoint.model() {
        match name.strip_prefix(&prefix) {
            Some(name) => text.insert(name.to_owned(), tensor),
            None => own.insert(name, tensor),
        };
    }
    match &config.text {
        TextTraining::Train { .. } => {
            let vocabulary = Vocabulary::restore(&checkpoint.tensors)?;
            let table: &mut Tensor = text.get_mut("token_embedding.weight").ok_or_else(|| {
                Error::corrupt(
                    "checkpoint_tensor_missing",
                    "the checkpoint has no token table of the text tower",
                )
            })?;
            *table = vocabulary.expand(table)?;
        }
        // Its table is whole already.
        TextTraining::Taught { .. } => {}
        TextTraining::Frozen { tower, package } => {
            text = frozen_tensors(package, tower)?.into_iter().collect();
        }
    }
    Ok((own, text))
}

/// Only what a package of these dimensions holds.
fn only(mut tensors: Tensors, known: &expected::Expected) -> Tensors {
    tensors.retain(|name, _| known.required.contains_key(name) || known.optional.contains_key(name));
    tensors
}
