//! Where `duet generate` puts a result: all files or none, and no other result lost unasked.
//!
//! Beside the npy files lies `settings.json`: program, model and the request that gives the same result again.

use crate::engine::answer::Settings;
use crate::engine::{Finished, ResultFile};
use crate::error::{Error, Result};
use crate::generate::GenerateRequest;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const SETTINGS: &str = "settings.json";
/// A settings file of ours is a few kB; nothing larger is read.
const MAX_SETTINGS_BYTES: u64 = 64 << 10;

/// The content of `settings.json`: nothing in it depends on the hour or the machine.
#[derive(Serialize)]
struct Record<'a> {
    duet: &'static str,
    request: Request<'a>,
    files: &'a [String],
}

/// A body for `POST /generate`, and what tells one result from another.
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    prompt: &'a str,
    #[serde(flatten)]
    settings: Settings,
}

/// As much of an older `settings.json` as matters.
#[derive(Deserialize)]
struct Older {
    request: serde_json::Value,
    files: Vec<String>,
}

/// A result's folder, looked at before the work begins.
pub struct Plan {
    folder: PathBuf,
    base: String,
    /// Files of another result that is to be overwritten.
    stale: Vec<String>,
}

impl Plan {
    /// What `request` would be written as. The folder need not be there yet.
    ///
    /// # Errors
    /// `result_exists` when the folder holds another result and `overwrite` is not set.
    pub fn new(folder: PathBuf, model: &str, request: &GenerateRequest, overwrite: bool) -> Result<Self> {
        let mut plan = Self { folder, base: base(model, request), stale: Vec::new() };
        let older = plan.older();
        let mine = serde_json::to_value(self::request(model, request)).unwrap_or_default();
        if older.as_ref().is_some_and(|older| older.request == mine) {
            return Ok(plan);
        }
        let taken = plan.folder.join(SETTINGS).exists()
            || (0..request.samples).any(|sample| {
                let file = ResultFile { sample, person: 0, foot_fixed: false };
                plan.folder.join(plan.file_name(file)).exists()
            });
        if taken && !overwrite {
            return Err(Error::invalid(
                "result_exists",
                format!(
                    "{} holds another result; choose another folder with --out, or give it up with --overwrite",
                    plan.folder.display()
                ),
            ));
        }
        plan.stale = older.map_or_else(Vec::new, |older| older.files);
        // Only plain npy names: whatever the file says, nothing outside the folder is touched.
        plan.stale.retain(|name| name.ends_with(".npy") && !name.contains(['/', '\\', ':']));
        Ok(plan)
    }

    /// Where the result goes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Name of one of its files.
    pub fn file_name(&self, file: ResultFile) -> String {
        file.name(&self.base)
    }

    /// Write everything, each file whole or not at all: first all of them under passing names, then all renamed.
    ///
    /// # Errors
    /// `disk_full`, `permission_denied`, `io`: then nothing of the result remains.
    pub fn write(&self, finished: &Finished) -> Result<Vec<PathBuf>> {
        let made = !self.folder.exists();
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::io("make the folder", &self.folder, e))?;
        let written = self.write_files(finished);
        if written.is_err() && made {
            // Empty by now, and ours. Where it is not empty this fails, as it should.
            let _ = std::fs::remove_dir(&self.folder);
        }
        written
    }

    fn write_files(&self, finished: &Finished) -> Result<Vec<PathBuf>> {
        let names: Vec<String> = ResultFile::of(finished).map(|file| self.file_name(file)).collect();
        let mut ready = Vec::with_capacity(names.len() + 1);
        for (file, name) in ResultFile::of(finished).zip(&names) {
            ready.push((self.prepare(name, &file.bytes(finished)?)?, name.as_str()));
        }
        let record = Record {
            duet: env!("CARGO_PKG_VERSION"),
            request: request(&finished.model, &finished.request),
            files: &names,
        };
        let mut text = serde_json::to_vec_pretty(&record).map_err(|source| {
            Error::internal("json", "the settings could not be written").with_source(source)
        })?;
        text.push(b'\n');
        ready.push((self.prepare(SETTINGS, &text)?, SETTINGS));

        let mut written = Vec::with_capacity(ready.len());
        for (file, name) in ready {
            let path = self.folder.join(name);
            let existed = path.exists();
            if let Err(error) = file.persist(&path) {
                // Take back what is new; what was there before is the same result, whole.
                written.iter().for_each(|(path, existed): &(PathBuf, bool)| {
                    if !existed {
                        let _ = std::fs::remove_file(path);
                    }
                });
                return Err(Error::io("write", &path, error.error));
            }
            written.push((path, existed));
        }
        for name in self.stale.iter().filter(|name| !names.contains(name)) {
            let path = self.folder.join(name);
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(Error::io("remove", &path, error));
            }
        }
        Ok(written.into_iter().map(|(path, _)| path).collect())
    }

    /// The bytes on the disk, under a name that vanishes unless it is persisted.
    fn prepare(&self, name: &str, bytes: &[u8]) -> Result<NamedTempFile> {
        let failed = |error| Error::io("write", &self.folder.join(name), error);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".duet-").suffix(".part");
        // Like any other file of the user, not private as temporary files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(&self.folder).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        Ok(file)
    }

    fn older(&self) -> Option<Older> {
        let path = self.folder.join(SETTINGS);
        let size = std::fs::metadata(&path).ok()?.len();
        let text = (size <= MAX_SETTINGS_BYTES).then(|| std::fs::read(&path).ok())??;
        serde_json::from_slice(&text).ok()
    }
}

fn request<'a>(model: &'a str, request: &'a GenerateRequest) -> Request<'a> {
    Request { model, prompt: &request.prompt, settings: request.into() }
}

/// InterMask's name for results: `infer_<model>_ts<steps>_cs<guidance>_topkr<ratio>_<prompt, two digits>_`, to which the
/// sample is added (InterMask spec §5). There is one prompt here.
fn base(model: &str, request: &GenerateRequest) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let model: String = model.chars().map(plain).collect();
    let GenerateRequest { steps, guidance, top_k_ratio, .. } = request;
    format!("infer_{model}_ts{steps}_cs{guidance}_topkr{top_k_ratio}_00_")
}
