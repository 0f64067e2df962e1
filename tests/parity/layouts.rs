//! Kinds `hub_layout` and `official_layout`: option files; importing a package and generating from it.
//!
//! Layouts go by file names, which carry no meaning in a case: the files that the item points at are laid out under the
//! names the importer expects, imported, and the imported package generates.

use super::case::{FileWeights, Package as Paths, WeightSource};
use super::generate::{self, Generation};
use super::inputs::{Args, Inputs, Params, host};
use super::runner::Quantities;
use super::{clip, dims};
use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use duet::models::inter_m::InterM;
use duet::models::vqvae::VqVae;
use duet::motion::Stats;
use duet::nn::dropout::Keep;
use duet::package::import::options::{Options, parse_options};
use duet::package::import::{ImportOptions, hub, import};
use duet::package::{Package, Part};
use duet::text::clip::{ClipText, end_positions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Parsed(BTreeMap<String, Options>);

fn read_options(path: &Path) -> Result<Options> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(parse_options(&text)?)
}

pub fn options(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let files = inputs.params.below("options")?;
    let mut parsed = BTreeMap::new();
    for name in files.names() {
        parsed.insert(name.clone(), read_options(&inputs.path(files.str(name)?))?);
    }
    Ok(Box::new(Parsed(parsed)))
}

impl Quantities for Parsed {
    fn quantity(&self, what: &str, _args: &Args) -> Result<Tensor> {
        bail!("unknown quantity {what:?}")
    }

    fn value(&self, key: &str) -> Result<Value> {
        let options = self.0.get(key).with_context(|| format!("no option file {key:?}"))?;
        Ok(serde_json::to_value(options)?)
    }
}

/// A folder in the item's layout, under the names that importers look for.
struct Staged<'a> {
    inputs: &'a Inputs<'a>,
    paths: &'a Paths,
    folder: PathBuf,
}

impl Staged<'_> {
    fn copy(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.inputs.path(&self.paths.root).join(from), self.folder.join(to));
        std::fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(())
    }

    /// The weights file of a part as it is; an error where it would first have to be converted.
    fn weights(&self, part: &str, to: &str) -> Result<()> {
        let source =
            self.inputs.item.weights.get(part).with_context(|| format!("no weights for {part:?}"))?;
        let (WeightSource::File(FileWeights::Torch { file, remove_prefix: prefix, .. })
        | WeightSource::File(FileWeights::Safetensors { file, key_prefix: prefix, .. })) = source
        else {
            bail!("the weights of {part:?} are not a file of a package");
        };
        ensure!(prefix.is_none(), "packages have no prefix before tensor names");
        // Weights are named from the case's folder, the other files from the package's.
        let (from, to) = (self.inputs.path(file), self.folder.join(to));
        std::fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(())
    }

    fn option_file(&self, part: &str) -> Result<&str> {
        Ok(self.paths.options.get(part).with_context(|| format!("no options of {part:?}"))?)
    }

    fn stats(&self, folder: &str) -> Result<()> {
        self.copy(&self.paths.stats.mean, &format!("{folder}/global_mean.npy"))?;
        self.copy(&self.paths.stats.std, &format!("{folder}/global_std.npy"))
    }

    fn hub(&self) -> Result<()> {
        self.weights("vq", hub::VQ)?;
        self.weights("transformer", hub::TRANSFORMER)?;
        self.copy(self.option_file("vq")?, hub::VQ_OPTIONS)?;
        self.copy(self.option_file("transformer")?, hub::TRANSFORMER_OPTIONS)?;
        if let Some(config) = &self.paths.config {
            self.copy(config, hub::CONFIG)?;
        }
        self.stats(hub::STATISTICS)
    }

    fn official(&self) -> Result<()> {
        let transformer = self.option_file("transformer")?;
        let options = read_options(&self.inputs.path(&self.paths.root).join(transformer))?;
        let vq = options.text("vq_name")?.unwrap_or("vq_default");
        let model = |name: &str, file: &str| format!("checkpoints/interhuman/{name}/{file}");
        self.weights("vq", &model(vq, "model/best_fid.tar"))?;
        self.copy(self.option_file("vq")?, &model(vq, "opt.txt"))?;
        self.weights("transformer", &model("trans_default", "model/best_fid.tar"))?;
        self.copy(transformer, &model("trans_default", "opt.txt"))?;
        self.stats("data/stats")
    }
}

fn imported(inputs: &Inputs<'_>, folder: &Path) -> Result<Package> {
    let paths = inputs.item.package.as_ref().context("the item names no package")?;
    let staged = Staged { inputs, paths, folder: folder.join("source") };
    std::fs::create_dir_all(&staged.folder)?;
    match paths.layout.as_str() {
        "hub" => staged.hub()?,
        "official" => staged.official()?,
        other => bail!("unknown layout {other:?}"),
    }
    let params = inputs.params.below("transformer")?;
    let clip = match inputs.item.weights.get("clip") {
        // The tower is among the transformer's tensors.
        None | Some(WeightSource::PartOf(_)) => None,
        Some(_) => {
            let file = "text_tower.safetensors";
            staged.weights("clip", file)?;
            Some(staged.folder.join(file))
        }
    };
    let options = ImportOptions {
        clip,
        text_heads: Some(params.usize("clip_heads")?),
        text_head_heads: Some(params.usize("clip_trans_heads")?),
        ..ImportOptions::default()
    };
    Ok(import(&staged.folder, &folder.join("models"), "parity", &options, &mut |_| {})?.package)
}

/// A generation and its motion in metres.
struct Packaged {
    generation: Generation,
    stats: Stats,
}

pub fn generate(inputs: &Inputs<'_>) -> Result<Box<dyn Quantities>> {
    let folder = tempfile::tempdir()?;
    let package = imported(inputs, folder.path())?;
    let manifest = package.manifest();
    check_dimensions(inputs, &package)?;
    let part = |part: Part| -> Result<VarBuilder<'static>> {
        Ok(VarBuilder::from_tensors(package.tensors(part)?, DType::F32, &Device::Cpu))
    };
    let vq = VqVae::new(&manifest.vq, part(Part::Vq)?)?;
    let model = InterM::new(&manifest.transformer, part(Part::Transformer)?)?;
    let tower = ClipText::new(&manifest.text, part(Part::Text)?)?;
    let ids = clip::ids(&inputs.tensor("text_token_ids")?)?;
    let encoded = model.text_head.forward(&tower.forward(&ids, &mut ())?, &mut Keep)?;
    let sentence = model.text_head.sentence(&encoded, &end_positions(&ids)?)?;
    let generation = generate::run(inputs, &model, vq, &sentence)?;
    let stats = package.statistics()?.context("the package has no statistics")?;
    Ok(Box::new(Packaged { generation, stats }))
}

/// What the importer read out of options and weights must be what the case states.
fn check_dimensions(inputs: &Inputs<'_>, package: &Package) -> Result<()> {
    let manifest = package.manifest();
    let params: Params<'_> = inputs.params.below("transformer")?;
    let vq = dims::vq(&package.tensors(Part::Vq)?, &inputs.params.below("vq")?)?;
    let transformer = dims::inter_m(&package.tensors(Part::Transformer)?, &params)?;
    let text = dims::clip(&package.tensors(Part::Text)?, &params)?;
    ensure!(
        manifest.vq == vq && manifest.transformer == transformer && manifest.text == text,
        "the import states other dimensions than the case"
    );
    Ok(())
}

impl Quantities for Packaged {
    fn quantity(&self, what: &str, args: &Args) -> Result<Tensor> {
        if what != "motion" {
            return self.generation.quantity(what, args);
        }
        let person = |person: usize| -> Result<Tensor> {
            let motion = generate::decoded(&self.generation, person)?;
            let mut rows = host(&motion)?;
            self.stats.denormalise_in_place(&mut rows);
            Ok(Tensor::from_vec(rows, motion.shape(), &Device::Cpu)?)
        };
        Ok(Tensor::stack(&[person(0)?, person(1)?], 2)?)
    }
}
