//! Where `duet generate` puts a result: all files or none, and no other result lost unasked.
//!
//! Beside the files lies `settings.json`: program, model and the request that gives the same result again.

use super::put::{Named, put};
use crate::engine::answer::Settings;
use crate::engine::{Finished, ResultFile};
use crate::error::{Error, Result};
use crate::formats::Format;
use crate::generate::{GenerateRequest, Tokens};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file that describes the others.
pub const SETTINGS: &str = "settings.json";
/// A settings file of ours is a few kB; nothing larger is read.
const MAX_SETTINGS_BYTES: u64 = 64 << 10;

/// The content of `settings.json`: nothing in it depends on the hour or the machine.
#[derive(Serialize)]
struct Record<'a> {
    duet: &'static str,
    request: &'a Made,
    files: &'a [String],
    /// What `duet edit` starts from: for each sample its ids, little-endian, in base64; empty where there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tokens: &'a [String],
}

/// A body for `POST /generate`, and what tells one result from another.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[allow(missing_docs)] // As in `GenerateRequest`.
pub struct Made {
    pub model: String,
    pub prompt: String,
    #[serde(flatten)]
    pub settings: Settings,
    /// Of an edit, what was done, as `POST /edit` answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<serde_json::Value>,
    /// Of an edit, what made the motion that was edited, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<Made>>,
}

impl Made {
    /// What a generation writes.
    pub fn generation(model: &str, request: &GenerateRequest) -> Self {
        Self {
            model: model.to_owned(),
            prompt: request.prompt.clone(),
            settings: request.into(),
            edit: None,
            parent: None,
        }
    }

    /// InterMask's name for results: `infer_<model>_ts<steps>_cs<guidance>_topkr<ratio>_<prompt, two digits>_`, to which the
    /// sample is added (InterMask spec §5). There is one prompt here. Edits are called `edit_<kind>_<model>_00_`.
    fn base(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let model: String = self.model.chars().map(plain).collect();
        let kind = self.edit.as_ref().and_then(|edit| edit["kind"].as_str());
        if let Some(kind) = kind {
            return format!("edit_{kind}_{model}_00_");
        }
        let Settings { steps, guidance, top_k_ratio, .. } = self.settings;
        format!("infer_{model}_ts{steps}_cs{guidance}_topkr{top_k_ratio}_00_")
    }
}

/// As much of a `settings.json` as can be relied on.
#[derive(Debug, Deserialize)]
pub struct Kept {
    request: serde_json::Value,
    files: Vec<String>,
    #[serde(default)]
    tokens: Vec<String>,
}

impl Kept {
    /// The settings file of a folder, where there is one that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(SETTINGS);
        let size = std::fs::metadata(&path).ok()?.len();
        let text = (size <= MAX_SETTINGS_BYTES).then(|| std::fs::read(&path).ok())??;
        serde_json::from_slice(&text).ok()
    }

    /// What made the result; `None` where another version of this program wrote it in other words.
    pub fn made(&self) -> Option<Made> {
        serde_json::from_value(self.request.clone()).ok()
    }

    /// Names of the result's files. Only plain names of the kinds we write: whatever the file says, nothing outside the
    /// folder is touched.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let is_ours = |name: &str| {
            let of_a_format = |format: &Format| {
                name.strip_suffix(format.extension()).is_some_and(|stem| stem.ends_with('.'))
            };
            Format::ALL.iter().any(of_a_format) && !name.contains(['/', '\\', ':'])
        };
        self.files.iter().map(String::as_str).filter(move |name| is_ours(name))
    }

    /// The settings file of the same result with `more` files.
    ///
    /// # Errors
    /// Only internal ones.
    pub fn with_files(&self, more: &[String]) -> Result<Option<Named>> {
        let Some(made) = self.made() else { return Ok(None) };
        let mut files: Vec<String> = self.files().map(str::to_owned).collect();
        files.extend(more.iter().cloned());
        record(&made, files, &self.tokens).map(Some)
    }

    /// The tokens of a sample, where they were kept.
    pub fn tokens(&self, sample: usize) -> Option<Tokens> {
        let bytes = STANDARD.decode(self.tokens.get(sample)?).ok()?;
        let (ids, rest) = bytes.as_chunks::<4>();
        rest.is_empty().then(|| Tokens::new(ids.iter().map(|id| u32::from_le_bytes(*id)).collect()))?
    }
}

fn packed(tokens: Option<&Tokens>) -> String {
    let bytes: Vec<u8> = tokens.iter().flat_map(|t| t.ids()).flat_map(|id| id.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// A result's folder, looked at before the work begins.
pub struct Plan {
    folder: PathBuf,
    made: Made,
    formats: Vec<Format>,
    /// Files of the same result in formats that were asked for before.
    others: Vec<String>,
    /// Files of another result that is to be overwritten.
    stale: Vec<String>,
}

impl Plan {
    /// What `request` would be written as. The folder need not be there yet.
    ///
    /// # Errors
    /// `result_exists` when the folder holds another result and `overwrite` is not set.
    pub fn new(
        folder: PathBuf,
        model: &str,
        request: &GenerateRequest,
        formats: Vec<Format>,
        overwrite: bool,
    ) -> Result<Self> {
        Self::of(folder, Made::generation(model, request), formats, overwrite)
    }

    /// What a result that is `made` in this way would be written as.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn of(folder: PathBuf, made: Made, formats: Vec<Format>, overwrite: bool) -> Result<Self> {
        let Settings { samples, foot_fix, .. } = made.settings;
        let mut plan = Self { folder, made, formats, others: Vec::new(), stale: Vec::new() };
        let kept = Kept::read(&plan.folder);
        let listed = || kept.iter().flat_map(Kept::files).map(str::to_owned).collect();
        let mine = serde_json::to_value(&plan.made).unwrap_or_default();
        if kept.as_ref().is_some_and(|kept| kept.request == mine) {
            plan.others = listed();
            plan.others.retain(|name| plan.folder.join(name).exists());
            return Ok(plan);
        }
        let taken = plan.folder.join(SETTINGS).exists()
            || ResultFile::expected(samples, foot_fix)
                .any(|file| plan.folder.join(plan.file_name(file)).exists());
        if taken && !overwrite {
            return Err(Error::invalid(
                "result_exists",
                format!(
                    "{} holds another result; choose another folder with --out, or give it up with --overwrite",
                    plan.folder.display()
                ),
            ));
        }
        plan.stale = listed();
        Ok(plan)
    }

    /// Where the result goes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a file is of a format that was asked for.
    pub fn has(&self, file: ResultFile) -> bool {
        self.formats.contains(&file.format())
    }

    /// Name of one of its files.
    pub fn file_name(&self, file: ResultFile) -> String {
        file.name(&self.made.base())
    }

    /// Write everything, all files or none, and take away those of a result that was given up.
    ///
    /// # Errors
    /// `disk_full`, `permission_denied`, `io`: then nothing of the result remains.
    pub fn write(&self, finished: &Finished) -> Result<Vec<PathBuf>> {
        let mut files: Vec<Named> = Vec::new();
        for file in ResultFile::of(finished).filter(|&file| self.has(file)) {
            files.push((self.file_name(file), file.bytes(finished)?));
        }
        let mut names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
        names.extend(self.others.iter().cloned());
        let tokens: Vec<String> =
            finished.generated.samples.iter().map(|sample| packed(sample.tokens.as_ref())).collect();
        let tokens = if tokens.iter().all(String::is_empty) { &[][..] } else { &tokens[..] };
        files.push(record(&self.made, names.clone(), tokens)?);
        let written = put(&self.folder, &files)?;
        for name in self.stale.iter().filter(|name| !names.contains(name)) {
            let path = self.folder.join(name);
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(Error::io("remove", &path, error));
            }
        }
        Ok(written)
    }
}

/// `settings.json`, its files each named once and in order.
fn record(request: &Made, mut files: Vec<String>, tokens: &[String]) -> Result<Named> {
    files.sort_unstable();
    files.dedup();
    let record = Record { duet: env!("CARGO_PKG_VERSION"), request, files: &files, tokens };
    let mut text = serde_json::to_vec_pretty(&record)
        .map_err(|source| Error::internal("json", "the settings could not be written").with_source(source))?;
    text.push(b'\n');
    Ok((SETTINGS.to_owned(), text))
}
