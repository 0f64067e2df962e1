//! Reading a package: cheap checks when it is opened, full digests when its tensors are read.

use super::expected;
use super::manifest::{FileEntry, MANIFEST, MAX_MANIFEST_BYTES, Manifest, Part};
use super::weights::{self, Header, Tensors};
use crate::error::{Error, ErrorKind, Result};
use crate::models::config::Places;
use crate::motion::Stats;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A model package whose manifest is valid, whose files are there in the right size, and whose tensors have the names and
/// shapes that its dimensions call for.
#[derive(Clone, Debug)]
pub struct Package {
    manifest: Manifest,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Folder(PathBuf),
    #[cfg(feature = "bundle")]
    Bundled,
}

impl Package {
    /// Open the package in `dir`. Reads the manifest and the header of each weight file, no weights.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(MANIFEST);
        let file = File::open(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::new(
                ErrorKind::NotFound,
                "package_not_found",
                format!("{} is not a model package: it has no {MANIFEST}", dir.display()),
            ),
            _ => Error::io("open", &path, e),
        })?;
        let mut text = String::new();
        file.take(MAX_MANIFEST_BYTES + 1).read_to_string(&mut text).map_err(|e| match e.kind() {
            std::io::ErrorKind::InvalidData => {
                Error::corrupt("package_manifest", format!("{MANIFEST} is not text")).with_source(e)
            }
            _ => Error::io("read", &path, e),
        })?;
        Self::with_source(&text, Source::Folder(dir.to_owned()))
    }

    /// The package that the binary carries, if it was built with one.
    #[cfg(feature = "bundle")]
    pub fn bundled() -> Option<Result<Self>> {
        let text = super::bundle::file(MANIFEST)?;
        Some(
            std::str::from_utf8(&text)
                .map_err(|e| {
                    Error::internal("package_manifest", "the bundled model is damaged").with_source(e)
                })
                .and_then(|text| Self::with_source(text, Source::Bundled)),
        )
    }

    fn with_source(text: &str, source: Source) -> Result<Self> {
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(Error::corrupt(
                "package_manifest",
                format!("{MANIFEST} is longer than {MAX_MANIFEST_BYTES} bytes"),
            ));
        }
        let package = Self { manifest: Manifest::parse(text)?, source };
        for (part, entry) in package.manifest.files.iter() {
            let mut reader = package.reader(entry)?;
            Header::read(&mut reader, entry.bytes, &entry.path)?
                .check(&expected::part(&package.manifest, part), &entry.path)?;
        }
        Ok(package)
    }

    /// What the package says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its folder; `None` when the binary carries it.
    pub fn dir(&self) -> Option<&Path> {
        match &self.source {
            Source::Folder(dir) => Some(dir),
            #[cfg(feature = "bundle")]
            Source::Bundled => None,
        }
    }

    /// The tensors of one part as f32 on the CPU, after checking size, shapes, digest and that every number is finite.
    ///
    /// A part that the package does not have, such as [`Part::Statistics`] of an Inter-X package, is [`ErrorKind::Unsupported`].
    pub fn tensors(&self, part: Part) -> Result<Tensors> {
        let entry = self.manifest.files.get(part).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "no_such_part", format!("this model has no {part}"))
        })?;
        let expected = expected::part(&self.manifest, part);
        let (tensors, digest) =
            weights::read(self.reader(entry)?, entry.bytes, &entry.path, Some(&expected), |_| true)?;
        check_digest(entry, &digest)?;
        Ok(tensors)
    }

    /// The statistics that normalise its motion; `None` for layouts that are not normalised.
    pub fn statistics(&self) -> Result<Option<Stats>> {
        if self.manifest.files.statistics.is_none() {
            return Ok(None);
        }
        let tensors = self.tensors(Part::Statistics)?;
        let values = |name: &str| -> Result<Vec<f32>> { Ok(tensors[name].to_vec1::<f32>()?) };
        let stats = statistics(values("mean")?, values("std")?)?;
        if self.manifest.vq.places == Places::Body && !stats.is_level() {
            return Err(Error::corrupt(
                "statistics",
                "a model with places relative to the body needs statistics that are alike along both directions of the floor",
            ));
        }
        Ok(Some(stats))
    }

    /// Read every byte of every part and check all that [`Package::tensors`] checks. `progress` is told each part
    /// before it is read.
    pub fn verify(&self, mut progress: impl FnMut(Part, &FileEntry)) -> Result<()> {
        for (part, entry) in self.manifest.files.iter() {
            progress(part, entry);
            self.tensors(part)?;
        }
        self.statistics().map(|_| ())
    }

    fn reader(&self, entry: &FileEntry) -> Result<Box<dyn Read>> {
        let (reader, length): (Box<dyn Read>, u64) = match &self.source {
            Source::Folder(dir) => {
                let path = dir.join(&entry.path);
                let file = File::open(&path).map_err(|e| absent(entry, e))?;
                let length = file.metadata().map_err(|e| absent(entry, e))?.len();
                (Box::new(file), length)
            }
            #[cfg(feature = "bundle")]
            Source::Bundled => {
                let data = super::bundle::file(&entry.path)
                    .ok_or_else(|| absent(entry, std::io::ErrorKind::NotFound.into()))?;
                let length = data.len() as u64;
                (Box::new(std::io::Cursor::new(data)), length)
            }
        };
        if length != entry.bytes {
            return Err(Error::corrupt(
                "weights_damaged",
                format!(
                    "{} has {length} bytes; {MANIFEST} promises {}: fetch or import the model again",
                    entry.path, entry.bytes
                ),
            ));
        }
        Ok(Box::new(std::io::BufReader::with_capacity(1 << 18, reader)))
    }
}

/// Statistics from a file: what is wrong with them is wrong with the file.
pub(super) fn statistics(mean: Vec<f32>, std: Vec<f32>) -> Result<Stats> {
    Stats::new(mean, std).map_err(|e| Error::corrupt("statistics", e.to_string()).with_source(e))
}

fn check_digest(entry: &FileEntry, digest: &str) -> Result<()> {
    if digest == entry.sha256 {
        return Ok(());
    }
    Err(Error::corrupt(
        "weights_digest",
        format!(
            "{} was changed: its SHA-256 is not the one in {MANIFEST}; fetch or import the model again",
            entry.path
        ),
    ))
}

/// A weight file that cannot be opened, named without its folder: this may be shown to a stranger.
fn absent(entry: &FileEntry, source: std::io::Error) -> Error {
    match source.kind() {
        std::io::ErrorKind::NotFound => Error::corrupt(
            "weights_missing",
            format!("{} is missing: fetch or import the model again", entry.path),
        ),
        _ => Error::new(ErrorKind::Io, "io", format!("cannot read {}: {source}", entry.path)),
    }
    .with_source(source)
}
