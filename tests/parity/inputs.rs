//! What a run may look at: the stored tensors by quantity, the settings, the texts, the weights. Never by tensor name.

use super::case::{Case, FileWeights, Generator, Item, Naming, PartOf, Role, WeightSource, label};
use super::generator;
use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::pickle::PthTensors;
use candle_core::{DType, Device, Tensor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Tensors by name.
pub type Tensors = HashMap<String, Tensor>;
/// Arguments of a quantity (person, pass, block, …).
pub type Args = Map<String, Value>;

/// Safetensors files already read, so that items that share one read it once.
#[derive(Default)]
struct Files(RefCell<HashMap<PathBuf, Rc<Tensors>>>);

impl Files {
    fn read(&self, path: &Path) -> Result<Rc<Tensors>> {
        if let Some(tensors) = self.0.borrow().get(path) {
            return Ok(tensors.clone());
        }
        let tensors = candle_core::safetensors::load(path, &Device::Cpu)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let tensors = Rc::new(tensors);
        self.0.borrow_mut().insert(path.to_owned(), tensors.clone());
        Ok(tensors)
    }
}

/// A prompt or caption line.
pub struct Text {
    pub text: String,
    /// Its token ids before start, end and truncation, where the case states them.
    pub ids: Option<Vec<u32>>,
}

/// One item of one case, opened.
pub struct Inputs<'a> {
    pub case: &'a Case,
    pub item: &'a Item,
    pub params: Params<'a>,
    /// (quantity, arguments, value) of everything stored, inputs and expected values alike.
    stored: Vec<(String, Args, Role, Tensor)>,
    files: Files,
}

impl<'a> Inputs<'a> {
    /// Read all tensors that the item names, and hold them against the declared shapes and types.
    pub fn open(case: &'a Case, item: &'a Item) -> Result<Self> {
        let params = Params { path: "params".to_owned(), map: &item.params };
        let mut inputs = Self { case, item, params, stored: Vec::new(), files: Files::default() };
        if !item.tensors.is_empty() {
            let file = item.data.as_ref().context("the item lists tensors but no data file")?;
            let data = inputs.files.read(&inputs.path(file))?;
            for spec in &item.tensors {
                let tensor =
                    data.get(&spec.name).with_context(|| format!("{file} has no {:?}", spec.name))?;
                ensure!(
                    tensor.dims() == spec.shape && dtype(&spec.dtype)? == tensor.dtype(),
                    "{:?} is {:?} {:?}, declared as {} {:?}",
                    spec.name,
                    tensor.dtype(),
                    tensor.dims(),
                    spec.dtype,
                    spec.shape
                );
                inputs.stored.push((spec.what.clone(), spec.args.clone(), spec.role, tensor.clone()));
            }
        }
        for used in &item.uses {
            let data = inputs.files.read(&inputs.path(&used.file))?;
            let tensor =
                data.get(&used.tensor).with_context(|| format!("{} has no {:?}", used.file, used.tensor))?;
            inputs.stored.push((used.what.clone(), used.args.clone(), Role::Input, tensor.clone()));
        }
        Ok(inputs)
    }

    /// A path of the case, relative to its folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.case.folder.join(relative)
    }

    /// The only stored `what`.
    pub fn tensor(&self, what: &str) -> Result<Tensor> {
        self.tensor_with(what, &[])
    }

    /// The only stored `what` with these arguments (it may have more).
    pub fn tensor_with(&self, what: &str, args: &[(&str, Value)]) -> Result<Tensor> {
        self.find(what, args)?.with_context(|| {
            let args = args.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            format!("the case stores no {}", label(what, &args))
        })
    }

    /// As [`Self::tensor_with`], `None` where it is not stored; an error where the choice is not clear.
    pub fn find(&self, what: &str, args: &[(&str, Value)]) -> Result<Option<Tensor>> {
        let mut found = self.stored.iter().filter(|(name, have, _, _)| {
            name == what && args.iter().all(|(name, value)| have.get(*name) == Some(value))
        });
        let first = found.next();
        ensure!(found.next().is_none(), "the case stores several {what}: which one is meant is not clear");
        Ok(first.map(|(_, _, _, tensor)| tensor.clone()))
    }

    /// The value of the item's own tensor `index`.
    pub fn own_tensor(&self, index: usize) -> &Tensor {
        // The item's tensors were read first, in their order.
        &self.stored[index].3
    }

    /// Whether `what` is given to the run (not expected of it).
    pub fn is_input(&self, what: &str) -> bool {
        self.stored.iter().any(|(name, _, role, _)| name == what && *role == Role::Input)
    }

    /// The prompts or caption lines of the item, with their expected untruncated token ids where the file has them.
    pub fn texts(&self) -> Result<Option<Vec<Text>>> {
        let inline = self.item.texts.as_ref().map(|texts| {
            texts.iter().map(|text| Text { text: text.clone(), ids: None }).collect::<Vec<Text>>()
        });
        let Some(source) = &self.item.texts_file else { return Ok(inline) };
        let text = std::fs::read_to_string(self.path(&source.file))
            .with_context(|| format!("cannot read {}", source.file))?;
        let mut root: Value = serde_json::from_str(&text).with_context(|| source.file.clone())?;
        if let Some(key) = &source.key {
            root = root.get_mut(key).with_context(|| format!("{} has no {key:?}", source.file))?.take();
        }
        let entries = root.as_array().with_context(|| format!("{}: a list was expected", source.file))?;
        let mut texts = Vec::with_capacity(entries.len());
        for entry in entries {
            let text = match &source.text_field {
                Some(field) => entry.get(field).with_context(|| format!("an entry without {field:?}"))?,
                None => entry,
            };
            let text = text.as_str().context("a text is not a string")?.to_owned();
            let ids = match &source.expected_ids_field {
                Some(field) => {
                    let ids = entry.get(field).with_context(|| format!("an entry without {field:?}"))?;
                    Some(serde_json::from_value(ids.clone())?)
                }
                None => None,
            };
            texts.push(Text { text, ids });
        }
        if let Some(inline) = inline {
            ensure!(
                inline.iter().map(|text| &text.text).eq(texts.iter().map(|text| &text.text)),
                "texts and texts_file of the item disagree"
            );
        }
        Ok(Some(texts))
    }

    /// The tensors of a model part, f32, under the names the models know.
    pub fn weights(&self, part: &str) -> Result<Tensors> {
        let source = self.item.weights.get(part).with_context(|| format!("no weights for {part:?}"))?;
        let tensors = match source {
            WeightSource::File(FileWeights::Torch { file, root, remove_prefix, naming }) => {
                let tensors = self.torch(file, root)?;
                renamed(cut_prefix(tensors, remove_prefix.as_deref(), false), *naming, part)
            }
            WeightSource::File(FileWeights::Safetensors { file, key_prefix, naming }) => {
                let tensors = self.files.read(&self.path(file))?.as_ref().clone();
                renamed(cut_prefix(tensors, key_prefix.as_deref(), true), *naming, part)
            }
            WeightSource::Generator { generator } => self.generated(generator)?,
            WeightSource::PartOf(PartOf { part_of, naming }) => {
                ensure!(part_of != part, "weights of {part:?} are part of themselves");
                let naming = naming.unwrap_or(Naming::InterMask);
                renamed(self.frozen_part(part_of)?, Some(naming), part)
            }
        };
        ensure!(!tensors.is_empty(), "the weights of {part:?} hold no tensor");
        let mut weights = Tensors::with_capacity(tensors.len());
        for (name, tensor) in tensors {
            weights.insert(name, tensor.to_dtype(DType::F32)?);
        }
        Ok(weights)
    }

    /// The dictionary `root` of a torch.save file, all of it.
    pub fn torch(&self, file: &str, root: &str) -> Result<Tensors> {
        let tensors = torch(&self.path(file), root)?;
        let listed = self.case.files.iter().find(|entry| entry.file == file);
        if let Some(count) = listed.and_then(|entry| entry.roots.get(root)) {
            let found = tensors.len();
            ensure!(found == *count, "{file} has {found} tensors under {root:?}, declared are {count}");
        }
        Ok(tensors)
    }

    /// The `clip_*` tensors of another entry, still under those names.
    fn frozen_part(&self, part: &str) -> Result<Tensors> {
        let source = self.item.weights.get(part).with_context(|| format!("no weights for {part:?}"))?;
        Ok(match source {
            // Made here rather than by `weights`, which would make the other part too: a full-size tower is 0.5 GB.
            WeightSource::Generator { generator } => {
                let shapes = self.shapes(generator)?;
                let shapes = shapes.into_iter().filter(|(name, _)| name.starts_with(CLIP_PREFIX)).collect();
                generator::weights(&shapes, &generator.key_prefix, generator.seed)?
            }
            _ => self.weights(part)?.into_iter().filter(|(name, _)| name.starts_with(CLIP_PREFIX)).collect(),
        })
    }

    fn shapes(&self, generator: &Generator) -> Result<generator::Shapes> {
        let text = std::fs::read_to_string(self.path(&generator.names))
            .with_context(|| format!("cannot read {}", generator.names))?;
        let shapes: BTreeMap<String, Vec<usize>> =
            serde_json::from_str(&text).with_context(|| generator.names.clone())?;
        Ok(shapes.into_iter().filter(|(name, _)| !generator.computed.contains(name)).collect())
    }

    fn generated(&self, generator: &Generator) -> Result<Tensors> {
        let mut shapes = self.shapes(generator)?;
        let frozen_elsewhere =
            self.item.weights.values().any(|source| matches!(source, WeightSource::PartOf(_)));
        if frozen_elsewhere {
            shapes.retain(|(name, _)| !name.starts_with(CLIP_PREFIX));
        }
        Ok(generator::weights(&shapes, &generator.key_prefix, generator.seed)?)
    }
}

/// What the frozen text tower's tensors are called inside a transformer (`clipTrans` and `clipln` are not among them).
const CLIP_PREFIX: &str = "clip_";

/// All tensors of the dictionary `root` in a torch.save file.
fn torch(path: &Path, root: &str) -> Result<Tensors> {
    let file =
        PthTensors::new(path, Some(root)).with_context(|| format!("cannot read {}", path.display()))?;
    let mut tensors = Tensors::new();
    for name in file.tensor_infos().keys() {
        let tensor = file.get(name)?.ok_or_else(|| anyhow!("{name:?} vanished while reading"))?;
        tensors.insert(name.clone(), tensor);
    }
    Ok(tensors)
}

/// Cut `prefix` off every name; drop the names without it where `only` says so.
fn cut_prefix(tensors: Tensors, prefix: Option<&str>, only: bool) -> Tensors {
    let Some(prefix) = prefix else { return tensors };
    let cut = |(name, tensor): (String, Tensor)| match name.strip_prefix(prefix) {
        Some(rest) => Some((rest.to_owned(), tensor)),
        None => (!only).then_some((name, tensor)),
    };
    tensors.into_iter().filter_map(cut).collect()
}

/// The names of a text tower as OpenAI has them; other parts keep theirs.
fn renamed(tensors: Tensors, naming: Option<Naming>, part: &str) -> Tensors {
    match naming {
        Some(Naming::InterMask) if part == "clip" => cut_prefix(tensors, Some(CLIP_PREFIX), true),
        _ => tensors,
    }
}

/// Values of a tensor, row-major.
pub fn host(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

fn dtype(name: &str) -> Result<DType> {
    Ok(match name {
        "F64" => DType::F64,
        "F32" => DType::F32,
        "F16" => DType::F16,
        "BF16" => DType::BF16,
        "I64" => DType::I64,
        "U32" => DType::U32,
        // The schema's boolean.
        "U8" => DType::U8,
        other => bail!("unknown type {other:?}"),
    })
}

/// Settings of a run; errors name the place.
#[derive(Clone)]
pub struct Params<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Params<'a> {
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Names of all settings here.
    pub fn names(&self) -> impl Iterator<Item = &'a String> {
        self.map.keys()
    }

    fn typed<T>(&self, name: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
        let value = self.get(name).with_context(|| format!("{} has no {name:?}", self.path))?;
        read(value).with_context(|| format!("{}.{name} is {value}: not of the type needed", self.path))
    }

    pub fn usize(&self, name: &str) -> Result<usize> {
        self.typed(name, |value| value.as_u64().and_then(|value| usize::try_from(value).ok()))
    }

    pub fn f64(&self, name: &str) -> Result<f64> {
        self.typed(name, Value::as_f64)
    }

    pub fn bool(&self, name: &str) -> Result<bool> {
        self.typed(name, Value::as_bool)
    }

    pub fn str(&self, name: &str) -> Result<&'a str> {
        self.typed(name, Value::as_str)
    }

    pub fn list(&self, name: &str) -> Result<&'a Vec<Value>> {
        self.typed(name, Value::as_array)
    }

    /// The settings below `name`.
    pub fn below(&self, name: &str) -> Result<Params<'a>> {
        let map = self.typed(name, Value::as_object)?;
        Ok(Params { path: format!("{}.{name}", self.path), map })
    }
}
