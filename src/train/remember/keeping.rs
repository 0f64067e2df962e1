//! A memory as tensors, in a run folder and back.

use super::{Gathering, Remembered, Scene};
use crate::data::spread;
use crate::error::{Error, Result};
use crate::models::config::ClipTextConfig;
use crate::models::vqvae::PARTS;
use crate::package::memory::Memory;
use crate::package::weights::Tensors;
use crate::text::clip::ClipText;
use crate::text::sentence;
use crate::text::tokenizer::Tokenizer;
use crate::train::checkpoint::{Checkpoint, Kind, Meta};
use crate::train::config::{from_toml, to_toml};
use crate::train::run_folder::RunFolder;
use crate::train::teach::pca::Components;
use crate::train::teach::teach_loop;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

/// A memory, ready to be packed.
pub struct Gathered {
    /// The tensors of [`crate::package::expected::memory`].
    pub tensors: Tensors,
    /// Their sizes, with the usual share and nearness.
    pub sizes: Memory,
    /// Mean of [`error`] over the clips kept, centimetres; `None` where they were kept before.
    pub error_cm: Option<f64>,
}

/// Numbers of a sentence's vector, where the reader gives more: with 96 of 192 as many sentences are found as with all.
const KEY: usize = 96;
/// Share of a remembered clip's tokens that stay unless the package says otherwise.
pub const SHARE: f64 = 0.7;
/// Cosine from which on a sentence counts as near unless the package says otherwise.
pub const NEAR: f64 = 0.7;

/// Scenes as tensors.
pub(super) fn gathered(scenes: &[Scene], keys: &[Vec<f32>], reader: ClipTextConfig) -> Result<Gathered> {
    let clips: Vec<&Remembered> = scenes.iter().flat_map(|scene| &scene.clips).collect();
    let lengths: Vec<usize> = clips.iter().map(|clip| clip.tokens.length()).collect();
    let (tokens, sentences) = (lengths.iter().sum::<usize>(), keys.len());
    let mut ids = Vec::with_capacity(2 * PARTS * tokens);
    for row in 0..2 * PARTS {
        for (clip, &length) in clips.iter().zip(&lengths) {
            ids.extend(clip.tokens.ids()[row * length..][..length].iter().map(|id| *id as f32));
        }
    }
    let keyed = keyed(keys, reader.width)?;
    let told: Vec<&str> = scenes.iter().flat_map(|scene| &scene.sentences).map(String::as_str).collect();
    let mut tensors = Tensors::from([
        ("ids".to_owned(), Tensor::from_vec(ids, (2 * PARTS, tokens), &Device::Cpu)?),
        ("lengths".to_owned(), floats(lengths)?),
        ("scene_clips".to_owned(), floats(scenes.iter().map(|scene| scene.clips.len()).collect())?),
        ("scene_seen".to_owned(), floats(scenes.iter().map(|scene| scene.seen).collect())?),
        ("scene_sentences".to_owned(), floats(scenes.iter().map(|scene| scene.sentences.len()).collect())?),
    ]);
    let letters = said(&told, &mut tensors)?;
    tensors.extend(keyed);
    let error = clips.iter().map(|clip| clip.error).sum::<f64>() / clips.len().max(1) as f64;
    let sizes = Memory {
        share: SHARE,
        near: NEAR,
        scenes: scenes.len(),
        clips: clips.len(),
        tokens,
        sentences,
        key: KEY.min(reader.width),
        letters,
        reader,
    };
    Ok(Gathered { tensors, sizes, error_cm: Some(100.0 * error) })
}

fn floats(counts: Vec<usize>) -> Result<Tensor> {
    let count = counts.len();
    Ok(Tensor::from_vec(counts.into_iter().map(|n| n as f32).collect::<Vec<_>>(), count, &Device::Cpu)?)
}

/// The tensors of the sentences themselves; how many bytes they have together.
fn said(sentences: &[&str], tensors: &mut Tensors) -> Result<usize> {
    let text: Vec<f32> = sentences.iter().flat_map(|sentence| sentence.bytes()).map(f32::from).collect();
    let letters = text.len();
    tensors.insert("letters".to_owned(), floats(sentences.iter().map(|text| text.len()).collect())?);
    tensors.insert("text".to_owned(), Tensor::from_vec(text, letters, &Device::Cpu)?);
    Ok(letters)
}

/// The tensors of vectors (sentences, width): their principal components in a byte each, the largest number of all as 255 or 1, and how they
/// are made.
fn keyed(keys: &[Vec<f32>], width: usize) -> Result<Tensors> {
    let keys = Tensor::from_vec(keys.concat(), (keys.len(), width), &Device::Cpu)?;
    let components = Components::of(&keys, KEY.min(width))?;
    let reduced = components.reduce(&keys)?;
    let most = reduced.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?.max(f32::MIN_POSITIVE);
    let (mean, axes) = components.map();
    Ok(Tensors::from([
        ("keys".to_owned(), reduced.affine(127.0 / f64::from(most), 128.0)?.round()?),
        ("mean".to_owned(), mean.clone()),
        ("axes".to_owned(), axes.clone()),
    ]))
}

/// A memory that [`save`] kept, read by the tower of another run, with no more than `told` sentences of a scene.
///
/// # Errors
/// From the run folders.
pub fn read_by(from: &RunFolder, text: &RunFolder, told: usize) -> Result<Gathered> {
    let (sizes, mut tensors, _) = load(from)?;
    let damaged =
        || Error::corrupt("package_memory", "the sentences of the memory cannot be read; gather it again");
    let whole = |name: &str| -> Result<Vec<f32>> { Ok(tensors.get(name).ok_or_else(damaged)?.to_vec1()?) };
    let bytes: Vec<u8> = whole("text")?.into_iter().map(|byte| byte as u8).collect();
    let mut rest = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
    let mut sentences = Vec::with_capacity(sizes.sentences);
    for letters in whole("letters")? {
        let (sentence, after) = rest.split_at_checked(letters as usize).ok_or_else(damaged)?;
        sentences.push(sentence);
        rest = after;
    }
    let (mut kept, mut counts, mut all) = (Vec::new(), Vec::new(), sentences.as_slice());
    for count in whole("scene_sentences")? {
        let (own, after) = all.split_at_checked(count as usize).ok_or_else(damaged)?;
        let before = kept.len();
        kept.extend(spread(own, told).copied());
        counts.push(kept.len() - before);
        all = after;
    }
    let sentences = kept;
    tensors.insert("scene_sentences".to_owned(), floats(counts)?);
    let letters = said(&sentences, &mut tensors)?;
    let (tower, reader) = reader(text)?;
    let keys = sentence::vectors(&Tokenizer::clip(), &tower, &sentences, &Device::Cpu)?;
    tensors.extend(keyed(&keys, reader.width)?);
    let (key, count) = (KEY.min(reader.width), sentences.len());
    Ok(Gathered {
        tensors,
        sizes: Memory { key, reader, sentences: count, letters, ..sizes },
        error_cm: None,
    })
}

/// Keep a memory, and the tower that reads for it, in a run folder.
///
/// # Errors
/// From the disk.
pub fn save(gathered: &Gathered, how: &Gathering, run: &RunFolder) -> Result<()> {
    let sizes = to_toml(&gathered.sizes)?;
    let tensors: Vec<(String, Tensor)> =
        gathered.tensors.iter().map(|(name, tensor)| (format!("model.{name}"), tensor.clone())).collect();
    let tower = Checkpoint::load(&RunFolder::at(&how.text).tower(), Kind::Text)?;
    let named: Vec<(String, Tensor)> = tower.tensors.into_iter().collect();
    Checkpoint::save(&run.tower(), &tower.meta, &named)?;
    Checkpoint::save(&run.latest(), &Meta::new(Kind::Memory, 0, None, sizes), &tensors)
}

/// A memory that [`save`] kept: its sizes, its tensors and those of its reader.
///
/// # Errors
/// From the disk.
pub fn load(run: &RunFolder) -> Result<(Memory, Tensors, Tensors)> {
    let memory = run.load_latest(Kind::Memory)?;
    let (_, tower) = teach_loop::finished(run)?;
    Ok((from_toml(&memory.meta.config)?, memory.model(), tower))
}

/// The finished tower of a text run.
pub(super) fn reader(run: &RunFolder) -> Result<(ClipText, ClipTextConfig)> {
    let (config, tensors) = teach_loop::finished(run)?;
    Ok((ClipText::new(&config, VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?, config))
}
