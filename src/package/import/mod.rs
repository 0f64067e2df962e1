//! Other people's layouts, converted to model packages.
//!
//! * [`official`]: checkpoint folders as the InterMask project saves them,
//! * [`hub`]: the safetensors layout of `ZeyuLing/motius-intermask-interhuman`,
//! * `copy`: packages as this program writes them.

pub mod clip;
mod copy;
pub mod hub;
pub mod official;
pub mod options;
pub mod pickle;
pub mod torch;

use super::dimensions;
use super::expected::{self, Expected};
use super::manifest::{self, Part};
use super::open::{Package, statistics};
use super::weights::{self, Precision, Tensors, check_shapes, list_names};
use super::write::{Description, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::npy;
use crate::models::config::{
    Activation, InterMConfig, MotionLayout, Places, TextHeadConfig, VqConfig, WordAttention,
};
use crate::motion::{FEATURES, Stats};
use options::{MAX_OPTIONS_BYTES, Options, Value, parse_options};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// What the importer cannot find in the source, or should not take from there.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Weights of the CLIP text tower (safetensors), for sources that come without. Wins over the source's own.
    pub clip: Option<PathBuf>,
    /// Heads of the text tower; by default its width over 64.
    pub text_heads: Option<usize>,
    /// Heads of the trained text head; by default 8, the official number.
    pub text_head_heads: Option<usize>,
    /// Folder with `global_mean.npy` and `global_std.npy`, where they do not lie beside the checkpoints.
    pub statistics: Option<PathBuf>,
    /// Which checkpoint of several, without ending; by default `best_fid`.
    pub checkpoint: Option<String>,
    /// What `model.toml` says.
    pub about: About,
    /// Let an existing package of that name give way.
    pub replace: bool,
}

/// Words for `model.toml`; what is absent gets a plain default.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Name for people.
    pub title: Option<String>,
    /// What the model knows, one line.
    pub knows: Option<String>,
    /// Terms of the weights.
    pub licence: Option<String>,
    /// Where the weights come from.
    pub provenance: Option<String>,
}

/// What came of an import.
#[derive(Debug)]
pub struct Imported {
    /// The new package.
    pub package: Package,
    /// Tensors of the source that this kind of model does not have; they were left out.
    pub unknown: Vec<String>,
}

/// A layout that can be imported.
trait Layout {
    /// Name of the layout, for `model.toml`.
    fn describe(&self) -> String;
    fn vq_options(&self) -> Result<Options>;
    fn transformer_options(&self) -> Result<Options>;
    fn vq(&self) -> Result<Tensors>;
    /// Everything the file has, `clip_*` included.
    fn transformer(&self) -> Result<Tensors>;
    /// `None` where the layout's motion is not normalised.
    fn statistics(&self) -> Result<Option<Stats>>;
}

/// Convert what lies in `source` to the package `name` in the folder `root`. `progress` is told each step in words.
pub fn import(
    source: &Path,
    root: &Path,
    name: &str,
    options: &ImportOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Imported> {
    if !source.is_dir() {
        return Err(Error::new(
            ErrorKind::NotFound,
            "source_not_found",
            format!("{} is not a folder: name the folder that holds the checkpoints", source.display()),
        ));
    }
    if source.join(manifest::MANIFEST).is_file() {
        return copy::copy(source, root, name, options, progress);
    }
    if hub::is_here(source) {
        return convert(&hub::Hub::open(source, options)?, root, name, options, progress);
    }
    convert(&official::Official::open(source, options)?, root, name, options, progress)
}

fn convert(
    layout: &dyn Layout,
    root: &Path,
    name: &str,
    options: &ImportOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Imported> {
    let mut unknown = Vec::new();
    let mut writer = Writer::begin(root, name, options.replace)?;

    let vq = vq_config(&layout.vq_options()?)?;
    progress("reading the VQ-VAE");
    let tensors = only(layout.vq()?, &expected::vq(&vq), "the VQ-VAE", &mut unknown)?;
    writer.part(Part::Vq, &tensors, Precision::Lossless)?;
    drop(tensors);

    progress("reading the transformer");
    let transformer_options = layout.transformer_options()?;
    let mut tensors = layout.transformer()?;
    let tower: Tensors = tensors.extract_if(|name, _| name.starts_with("clip_")).collect();
    let transformer = transformer_config(&transformer_options, &tensors, options.text_head_heads)?;
    let tensors = only(tensors, &expected::transformer(&transformer), "the transformer", &mut unknown)?;
    writer.part(Part::Transformer, &tensors, Precision::Lossless)?;
    drop(tensors);

    progress("reading the text tower");
    let tower = match &options.clip {
        Some(path) => read_safetensors(path, clip::is_text_tensor)?,
        None if tower.is_empty() => return Err(no_text_tower(transformer.text_dim)),
        None => tower,
    };
    let tower = clip::to_openai(tower)?;
    let text = clip::config(&tower, options.text_heads)?;
    dimensions::validate_text(&text)?;
    let tower = only(tower, &expected::text(&text), "the text tower", &mut unknown)?;
    writer.part(Part::Text, &tower, Precision::Lossless)?;
    drop(tower);

    if let Some(statistics) = layout.statistics()? {
        writer.statistics(&statistics)?;
    }
    progress("checking the package");
    let about = options.about.clone();
    let package = writer.finish(Description {
        title: about.title.unwrap_or_else(|| format!("InterMask ({name})")),
        knows: about.knows.unwrap_or_else(|| "Not stated by its source.".into()),
        examples: Vec::new(),
        guidance: None,
        licence: about.licence.unwrap_or_else(|| "Not stated by its source; ask where you got it.".into()),
        provenance: about.provenance.unwrap_or_else(|| format!("Imported from {}.", layout.describe())),
        fps: 30,
        vq,
        transformer,
        text,
        known: None,
        memory: None,
    })?;
    Ok(Imported { package, unknown })
}

/// Refuse options, by their flags, that say how to read another layout: left unheeded they would seem to have been obeyed.
fn refuse(given: &[(&str, bool)], why: &str) -> Result<()> {
    let flags: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
    if flags.is_empty() {
        return Ok(());
    }
    let message = format!("leave {} away: {why}", flags.join(", "));
    Err(Error::invalid("import_options", message))
}

/// Keep what `expected` knows, note the rest, and check that nothing is missing or of another shape.
fn only(tensors: Tensors, expected: &Expected, label: &str, unknown: &mut Vec<String>) -> Result<Tensors> {
    let known = |name: &str| expected.required.contains_key(name) || expected.optional.contains_key(name);
    let (kept, left): (Tensors, Tensors) = tensors.into_iter().partition(|(name, _)| known(name));
    let mut left: Vec<String> = left.into_keys().collect();
    left.sort();
    unknown.extend(left);
    check_shapes(kept.iter().map(|(name, tensor)| (name.as_str(), tensor.dims())), expected, label)?;
    Ok(kept)
}

fn no_text_tower(width: usize) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "no_text_tower",
        format!(
            "the source has no CLIP text tower ({width} wide): give one with --clip FILE.safetensors. The official model uses \
             ViT-L/14@336px: model.safetensors of openai/clip-vit-large-patch14-336, which `duet models pull` fetches by itself"
        ),
    )
}

/// VQ-VAE dimensions from its options; settings that this program does not have are refused by name.
fn vq_config(options: &Options) -> Result<VqConfig> {
    let layout = match options.text("dataset_name")?.unwrap_or("interhuman") {
        "interhuman" => MotionLayout::InterHuman,
        "interx" | "inter-x" => MotionLayout::InterX,
        other => return Err(unsupported(format!("the data set {other:?}"))),
    };
    for (key, only) in [("down_t", 2), ("stride_t", 2), ("num_quantizers", 1)] {
        if options.get(key).is_some() && options.size(key)? != only {
            return Err(unsupported(format!("{key} other than {only}")));
        }
    }
    if !matches!(options.get("vq_norm"), None | Some(Value::Text(_)))
        || options.text("vq_norm")?.is_some_and(|v| v != "None")
    {
        return Err(unsupported("vq_norm".into()));
    }
    let code_dim = options.size("code_dim")?;
    if options.get("output_emb_width").is_some() && options.size("output_emb_width")? != code_dim {
        return Err(unsupported("output_emb_width other than code_dim".into()));
    }
    let activation = match options.text("vq_act")?.unwrap_or("relu") {
        "relu" => Activation::Relu,
        "silu" => Activation::Silu,
        "gelu" => Activation::Gelu,
        other => return Err(unsupported(format!("the activation {other:?}"))),
    };
    let config = VqConfig {
        layout,
        width: options.size("width")?,
        code_dim,
        codes: options.size("nb_code")?,
        depth: options.size("depth")?,
        dilation_growth: options.size("dilation_growth_rate")?,
        places: Places::World,
        activation,
    };
    dimensions::validate_vq(&config)?;
    Ok(config)
}

/// Transformer dimensions from its options and, where those are silent, from its weights.
fn transformer_config(
    options: &Options,
    tensors: &Tensors,
    text_head_heads: Option<usize>,
) -> Result<InterMConfig> {
    let two = |name: &str| {
        let tensor = tensors.get(name);
        let dims = tensor.and_then(|t| t.dims2().ok());
        dims.ok_or_else(|| Error::corrupt("checkpoint", format!("the transformer lacks the matrix {name}")))
    };
    let (tokens, code_dim) = two("token_emb.weight")?;
    let (_, text_dim) = two("cond_emb.weight")?;
    let (ff, _) = two("clipTrans.layers.0.linear1.weight")?;
    let config = InterMConfig {
        // Mask, pad and separator follow the codes.
        codes: tokens.saturating_sub(3),
        code_dim,
        latent_dim: options.size("latent_dim")?,
        heads: options.size("n_heads")?,
        layers: options.size("n_layers")?,
        ff: options.size("ff_size")?,
        text_dim,
        person_embedding: false,
        single_residual: false,
        word_attention: WordAttention::Off,
        text_head: TextHeadConfig {
            layers: count_layers(tensors, "clipTrans.layers."),
            heads: text_head_heads.unwrap_or(8),
            ff,
        },
    };
    dimensions::validate_transformer(&config)?;
    Ok(config)
}

/// One more than the largest number that follows `prefix` in a name.
fn count_layers(tensors: &Tensors, prefix: &str) -> usize {
    let number = |name: &String| name.strip_prefix(prefix)?.split('.').next()?.parse::<u16>().ok();
    tensors.keys().filter_map(number).max().map_or(0, |last| usize::from(last) + 1)
}

fn unsupported(what: String) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "options_unsupported",
        format!("this model was trained with {what}, which is not supported"),
    )
}

/// A small text file, bounded.
fn read_options(path: &Path) -> Result<Options> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut text = String::new();
    file.take(MAX_OPTIONS_BYTES + 1).read_to_string(&mut text).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => {
            Error::corrupt("options", format!("{} is not text", path.display()))
        }
        _ => Error::io("read", path, e),
    })?;
    parse_options(&text)
        .map_err(|e| Error::new(e.kind(), e.code(), format!("{}: {e}", path.display())).with_source(e))
}

/// The tensors of a safetensors file whose names pass `keep`.
fn read_safetensors(path: &Path, keep: impl Fn(&str) -> bool) -> Result<Tensors> {
    let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let length = file.seek(std::io::SeekFrom::End(0)).and_then(|length| file.rewind().map(|()| length));
    let length = length.map_err(|e| Error::io("read", path, e))?;
    let reader = std::io::BufReader::with_capacity(1 << 18, file);
    weights::read(reader, length, &path.display().to_string(), None, keep).map(|(tensors, _)| tensors)
}

/// `global_mean.npy` and `global_std.npy` of the first folder that has them.
fn read_statistics(folders: &[PathBuf]) -> Result<Stats> {
    let has = |folder: &&PathBuf| {
        folder.join("global_mean.npy").is_file() && folder.join("global_std.npy").is_file()
    };
    let Some(folder) = folders.iter().find(has) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "no_statistics",
            "global_mean.npy and global_std.npy were not found beside the checkpoints: name their folder with --stats",
        ));
    };
    statistics(read_npy(&folder.join("global_mean.npy"))?, read_npy(&folder.join("global_std.npy"))?)
}

/// One row of f32 or f64 numbers.
fn read_npy(path: &Path) -> Result<Vec<f32>> {
    const MOST: u64 = 1 << 20;
    let bad = |what: &str| Error::corrupt("statistics", format!("{} {what}", path.display()));
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut data = Vec::new();
    file.take(MOST + 1).read_to_end(&mut data).map_err(|e| Error::io("read", path, e))?;
    if data.len() as u64 > MOST {
        return Err(bad("is too long for statistics"));
    }
    npy::read_vector(&data, FEATURES).map_err(|e| bad(&format!("is no statistics: {e}")).with_source(e))
}

/// "tensor a", "3 tensors: a, b, c": what an import left out, for people.
pub fn describe_unknown(unknown: &[String]) -> Option<String> {
    let names: Vec<&str> = unknown.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| list_names(&names))
}
