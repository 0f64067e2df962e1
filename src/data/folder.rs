//! A training folder in InterHuman's layout, as this program prepares one and as InterHuman is published (InterMask
//! spec §1.1).
//!
//! ```text
//! motions_processed/person1/ID.npy, person2/ID.npy   (T, 492) raw, z up
//! annots/ID.txt                                      one caption a line
//! split/train.txt, val.txt, test.txt                 one ID a line; an ID listed k times counts k times
//! split/ignore_list.txt                              IDs that the VQ-VAE does not see
//! ignore_list.txt                                    IDs that nobody sees who reads captions
//! stats/global_mean.npy, global_std.npy              (262,)
//! ```
//!
//! Upstream drops the last line of a split file when no newline ends it, and counts repeated lines once; here every line
//! counts, since no weights depend on it.

use super::recipe::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::npy;
use crate::motion::raw::FILE_WIDTH;
use crate::motion::{FEATURES, RawPerson, Stats};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest text file that is read, bytes.
const MAX_TEXT: u64 = 16 << 20;
/// Longest name of a clip.
const MAX_ID: usize = 128;

/// The raw motion of both people of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct RawPair {
    /// Name of the clip.
    pub id: String,
    /// Person 1 and person 2, of the same length.
    pub persons: [RawPerson; 2],
}

/// Who reads a folder: the two ignore lists differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Windows for the VQ-VAE.
    Motion,
    /// Clips with their captions.
    Text,
}

/// A folder that was found to have the layout.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// # Errors
    /// `data_layout` unless motions and the training split are where they should be.
    pub fn open(root: &Path) -> Result<Self> {
        for part in ["motions_processed/person1", "motions_processed/person2", "annots", "split"] {
            if !root.join(part).is_dir() {
                let message = format!(
                    "{} is no training folder: it has no {part}; make one with `duet data prepare`",
                    root.display()
                );
                return Err(Error::new(ErrorKind::NotFound, "data_layout", message));
            }
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// IDs of a split in file order, without those that the reader ignores.
    ///
    /// # Errors
    /// From the disk; `data_id` for a line that cannot be the name of a clip.
    pub fn ids(&self, split: Split, reader: Reader) -> Result<Vec<String>> {
        let ignored: BTreeSet<String> = match reader {
            Reader::Motion => self.lines(Path::new("split/ignore_list.txt"), true)?,
            Reader::Text => self.lines(Path::new("ignore_list.txt"), true)?,
        }
        .into_iter()
        .collect();
        let file = PathBuf::from(format!("split/{}.txt", split.name()));
        let ids = self.lines(&file, false)?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if let Some(bad) =
            ids.iter().find(|id| id.len() > MAX_ID || !id.chars().all(plain) || id.starts_with('.'))
        {
            let message = format!("{}: {bad:?} cannot be the name of a clip", self.root.join(file).display());
            return Err(Error::corrupt("data_id", message));
        }
        Ok(ids.into_iter().filter(|id| !ignored.contains(id)).collect())
    }

    /// The motion of a clip.
    ///
    /// # Errors
    /// From the disk or the npy reader; `data_pair` when the people differ in length. Messages name the file.
    pub fn pair(&self, id: &str) -> Result<RawPair> {
        let read = |person: usize| -> Result<RawPerson> {
            let path = self.root.join(format!("motions_processed/person{person}/{id}.npy"));
            let bytes = npy::load(&path)?;
            let parse = || {
                let array = npy::read_f32(&bytes)?;
                if array.shape.len() != 2 || array.shape[1] != FILE_WIDTH {
                    let message = format!("has shape {:?} instead of (frames, {FILE_WIDTH})", array.shape);
                    return Err(Error::corrupt("data_shape", message));
                }
                RawPerson::from_file_rows(&array.data)
            };
            parse().map_err(|error| in_file(&path, error))
        };
        let persons = [read(1)?, read(2)?];
        let [first, second] = [persons[0].frames(), persons[1].frames()];
        if first != second {
            let message = format!("clip {id}: person 1 has {first} frames and person 2 {second}");
            return Err(Error::corrupt("data_pair", message));
        }
        Ok(RawPair { id: id.to_owned(), persons })
    }

    /// The captions of a clip, trimmed, without empty lines; at least one.
    ///
    /// # Errors
    /// From the disk; `data_captions` when there is none.
    pub fn captions(&self, id: &str) -> Result<Vec<String>> {
        let file = PathBuf::from(format!("annots/{id}.txt"));
        let captions = self.lines(&file, false)?;
        if captions.is_empty() {
            let message = format!("{} holds no caption", self.root.join(file).display());
            return Err(Error::corrupt("data_captions", message));
        }
        Ok(captions)
    }

    /// What each person does by themselves, where a folder says so: composed clips have such captions, captured ones need not.
    ///
    /// # Errors
    /// From the disk.
    pub fn captions_alone(&self, id: &str) -> Result<[Vec<String>; 2]> {
        let of = |person: usize| self.lines(&PathBuf::from(format!("annots_person{person}/{id}.txt")), true);
        Ok([of(1)?, of(2)?])
    }

    /// What happens in a clip, the same for all clips in which the same happens; only composed folders say it.
    ///
    /// # Errors
    /// From the disk.
    pub fn meaning(&self, id: &str) -> Result<Option<String>> {
        Ok(self.lines(&PathBuf::from(format!("meanings/{id}.txt")), true)?.into_iter().next())
    }

    /// Mean and deviation of the training windows.
    ///
    /// # Errors
    /// From the disk, the npy reader, or [`Stats::new`].
    pub fn stats(&self) -> Result<Stats> {
        let read = |name: &str| -> Result<Vec<f32>> {
            let path = self.root.join("stats").join(name);
            npy::read_vector(&npy::load(&path)?, FEATURES).map_err(|error| in_file(&path, error))
        };
        Stats::new(read("global_mean.npy")?, read("global_std.npy")?)
    }

    /// Trimmed lines that are not empty.
    fn lines(&self, file: &Path, optional: bool) -> Result<Vec<String>> {
        let path = self.root.join(file);
        let opened = match std::fs::File::open(&path) {
            Err(source) if optional && source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(|source| Error::io("open", &path, source))?,
        };
        let mut text = String::new();
        opened
            .take(MAX_TEXT + 1)
            .read_to_string(&mut text)
            .map_err(|source| Error::io("read", &path, source))?;
        if text.len() as u64 > MAX_TEXT {
            let message = format!("{} is larger than {} MB", path.display(), MAX_TEXT >> 20);
            return Err(Error::corrupt("data_text_too_large", message));
        }
        Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }
}

fn in_file(path: &Path, error: Error) -> Error {
    Error::new(error.kind(), error.code(), format!("{}: {error}", path.display())).with_source(error)
}
