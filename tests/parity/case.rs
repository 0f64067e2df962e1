//! The schema of `case.json`: what a case says about itself, as types. Unknown tolerance rules and weight sources are errors.

use super::compare::{Select, Tolerance};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const SCHEMA: &str = "intermask-parity/1";

#[derive(Debug, Deserialize)]
pub struct Case {
    pub schema: String,
    pub kind: String,
    #[serde(default)]
    pub title: String,
    pub precision: String,
    #[serde(default)]
    pub assets: Vec<String>,
    #[serde(default)]
    pub files: Vec<FileEntry>,
    pub items: Vec<Item>,
    /// Folder of the case; every path in it is relative to this.
    #[serde(skip)]
    pub folder: PathBuf,
}

#[derive(Debug, Deserialize)]
pub struct FileEntry {
    pub file: String,
    /// Of torch files: dictionaries and how many tensors each has.
    #[serde(default)]
    pub roots: BTreeMap<String, usize>,
}

/// One run.
#[derive(Debug, Deserialize)]
pub struct Item {
    pub id: String,
    pub task: String,
    pub data: Option<String>,
    #[serde(default)]
    pub weights: BTreeMap<String, WeightSource>,
    #[serde(default)]
    pub params: Map<String, Value>,
    #[serde(default)]
    pub uses: Vec<Use>,
    pub texts: Option<Vec<String>>,
    pub texts_file: Option<TextsFile>,
    pub expect: Option<Map<String, Value>>,
    pub expect_file: Option<String>,
    pub checkpoint_after: Option<CheckpointAfter>,
    pub package: Option<Package>,
    #[serde(default)]
    pub tensors: Vec<TensorSpec>,
}

/// Where a part of a model gets its tensors.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum WeightSource {
    File(FileWeights),
    Generator { generator: Generator },
    PartOf(PartOf),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "format", rename_all = "lowercase", deny_unknown_fields)]
pub enum FileWeights {
    Torch { file: String, root: String, remove_prefix: Option<String>, naming: Option<Naming> },
    Safetensors { file: String, key_prefix: Option<String>, naming: Option<Naming> },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    pub seed: u64,
    /// JSON file: name -> shape.
    pub names: String,
    #[serde(default)]
    pub key_prefix: String,
    /// Tensors that the model makes itself.
    #[serde(default)]
    pub computed: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartOf {
    pub part_of: String,
    pub naming: Option<Naming>,
}

/// How the tensors of a text tower are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// `transformer.resblocks…`
    OpenAi,
    /// `clip_transformer.resblocks…`
    InterMask,
}

/// A further input.
#[derive(Debug, Deserialize)]
pub struct Use {
    pub file: String,
    pub tensor: String,
    pub what: String,
    #[serde(default)]
    pub args: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub struct TextsFile {
    pub file: String,
    /// The entry of the JSON object to look at; the whole file where absent.
    pub key: Option<String>,
    /// Where the texts are objects: the field that holds the text.
    pub text_field: Option<String>,
    /// … and the one that holds the untruncated token ids.
    pub expected_ids_field: Option<String>,
}

/// The checkpoint a training step must reproduce.
#[derive(Debug, Deserialize)]
pub struct CheckpointAfter {
    pub file: String,
    pub root: String,
    pub tol: Tolerance,
    /// Entries that equal an expected data tensor (by its `what`) within that tensor's own tolerance.
    #[serde(default)]
    pub exact_like: BTreeMap<String, String>,
}

/// Paths inside a model package.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    pub layout: String,
    pub root: String,
    pub options: BTreeMap<String, String>,
    pub stats: Stats,
    pub config: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Stats {
    pub mean: String,
    pub std: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Input,
    Expected,
}

#[derive(Debug, Deserialize)]
pub struct TensorSpec {
    pub name: String,
    pub what: String,
    #[serde(default)]
    pub args: Map<String, Value>,
    pub shape: Vec<usize>,
    pub dtype: String,
    pub role: Role,
    pub select: Option<Select>,
    pub tol: Option<Tolerance>,
}

impl TensorSpec {
    /// The quantity in words, for people.
    pub fn label(&self) -> String {
        label(&self.what, &self.args)
    }
}

/// `what(arg=value, …)`.
pub fn label(what: &str, args: &Map<String, Value>) -> String {
    if args.is_empty() {
        return what.to_owned();
    }
    let args: Vec<String> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{what}({})", args.join(", ").replace('"', ""))
}

impl Case {
    pub fn read(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut case: Self = serde_json::from_str(&text).context("case.json does not follow the schema")?;
        ensure!(case.schema == SCHEMA, "schema {:?}; this harness reads {SCHEMA:?}", case.schema);
        ensure!(
            case.precision == "f32",
            "precision {:?}: the tolerances here are for f32 references",
            case.precision
        );
        case.folder = file.parent().context("a file has a folder")?.to_owned();
        for entry in &case.files {
            let path = case.folder.join(&entry.file);
            ensure!(path.is_file(), "{} is listed but absent", entry.file);
        }
        Ok(case)
    }
}

/// All `case.json` below `folder`, sorted by path.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "case.json") {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("no case.json below {}: is DUET_PARITY right?", folder.display());
    }
    Ok(found)
}
