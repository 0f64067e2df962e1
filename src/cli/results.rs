//! Where a result goes: all files or none, and no other result lost unasked.

use super::put::{Named, put};
use super::record::{Kept, Made, Means, SETTINGS, digest, packed, record};
use crate::engine::answer::Settings;
use crate::engine::{Finished, ResultFile};
use crate::error::{Error, Result};
use crate::formats::Format;
use std::path::{Path, PathBuf};

/// What the user says about where a result goes.
pub struct Destination {
    /// It need not be there yet.
    pub folder: PathBuf,
    /// As what.
    pub formats: Vec<Format>,
    /// Whether another result may be given up for it.
    pub overwrite: bool,
}

/// A result's folder, looked at before the work begins.
pub struct Plan {
    to: Destination,
    made: Made,
    means: Means,
    /// Files of the result that the folder holds.
    listed: Vec<String>,
    /// The digest of that one's motion, where it was asked for in the same words and made by the same means. It is the same
    /// result if this one's motion turns out the same: an edit's words do not say which motion was edited.
    candidate: Option<String>,
}

impl Plan {
    /// What a result that is `made` in this way, by these `means`, would be written as.
    ///
    /// # Errors
    /// `result_exists` when the folder holds another result that is not to be overwritten.
    pub fn new(to: Destination, made: Made, means: Means) -> Result<Self> {
        let kept = Kept::read(&to.folder);
        let same = kept.as_ref().filter(|kept| kept.is_request(&made));
        let plan = Self {
            candidate: same.and_then(|kept| kept.motion_by(&means)).map(str::to_owned),
            listed: kept.iter().flat_map(Kept::files).map(str::to_owned).collect(),
            to,
            made,
            means,
        };
        if plan.candidate.is_none() && !plan.to.overwrite && plan.is_taken() {
            let is_older = same.is_some_and(|kept| !kept.is_told());
            return Err(plan.exists(if is_older {
                "a result of an older version, which did not note what tells it from others"
            } else {
                "another result"
            }));
        }
        Ok(plan)
    }

    /// Whether the folder holds a result, or files of such names.
    fn is_taken(&self) -> bool {
        let Settings { samples, foot_fix, .. } = self.made.settings;
        let mut names = ResultFile::expected(samples, foot_fix).map(|file| self.file_name(file));
        self.to.folder.join(SETTINGS).exists() || names.any(|name| self.to.folder.join(name).exists())
    }

    fn exists(&self, what: &str) -> Error {
        Error::invalid(
            "result_exists",
            format!(
                "{} holds {what}; choose another folder with --out, or give it up with --overwrite",
                self.to.folder.display()
            ),
        )
    }

    /// Where the result goes.
    pub fn folder(&self) -> &Path {
        &self.to.folder
    }

    /// Whether a file is of a format that was asked for.
    pub fn has(&self, file: ResultFile) -> bool {
        self.to.formats.contains(&file.format())
    }

    /// Name of one of its files.
    pub fn file_name(&self, file: ResultFile) -> String {
        file.name(&self.made.base())
    }

    /// Write everything, all files or none. Files of the same result in other formats stay, those of a result that was given
    /// up are taken away.
    ///
    /// # Errors
    /// `result_exists` where the motion shows that the folder holds another result; `disk_full`, `permission_denied`, `io`:
    /// then nothing of the result remains.
    pub fn write(&self, finished: &Finished) -> Result<Vec<PathBuf>> {
        let motion = digest(finished)?;
        let is_same = self.candidate.as_ref() == Some(&motion);
        if self.candidate.is_some() && !is_same && !self.to.overwrite {
            return Err(self.exists("another result"));
        }
        let wanted: Vec<_> = ResultFile::of(finished).filter(|&file| self.has(file)).collect();
        let contents = ResultFile::bytes_of(&wanted, finished)?;
        let mut files: Vec<Named> =
            wanted.into_iter().map(|file| self.file_name(file)).zip(contents).collect();
        let mut names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
        if is_same {
            let there = |name: &&String| self.to.folder.join(name).exists();
            names.extend(self.listed.iter().filter(there).cloned());
        }
        files.push(record(&self.made, &self.means, Some(&motion), names.clone(), &packed(finished))?);
        let written = put(&self.to.folder, &files)?;
        for name in self.listed.iter().filter(|name| !names.contains(name)) {
            let path = self.to.folder.join(name);
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(Error::io("remove", &path, error));
            }
        }
        Ok(written)
    }
}

/// Write what a test has finished.
#[cfg(test)]
pub fn write_for_test(finished: &Finished, folder: &Path, formats: &[Format], overwrite: bool) -> Result<()> {
    let to = Destination { folder: folder.to_owned(), formats: formats.to_vec(), overwrite };
    let made = Made::generation(&finished.model, &finished.request);
    Plan::new(to, made, Means::without_model())?.write(finished).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;
    use std::fs;

    fn code(done: Result<()>) -> &'static str {
        done.unwrap_err().code()
    }

    fn listed(folder: &Path) -> Vec<String> {
        Kept::read(folder).unwrap().files().map(str::to_owned).collect()
    }

    #[test]
    fn another_motion_under_the_same_words_is_another_result() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut finished = fake::finished(16, 1);
        write_for_test(&finished, folder, &[Format::Npy, Format::Bvh], false).unwrap();
        write_for_test(&finished, folder, &[Format::Npy], false).unwrap();
        let all = listed(folder);
        assert_eq!(all.len(), 4 + 2, "the same motion again keeps its other files");
        let first = fs::read(folder.join(&all[0])).unwrap();

        finished.generated.samples[0].motion.persons[1].positions[3][5][1] += 0.01;
        assert_eq!(code(write_for_test(&finished, folder, &[Format::Npy], false)), "result_exists");
        assert_eq!(fs::read(folder.join(&all[0])).unwrap(), first);
        assert_eq!(listed(folder), all);
        write_for_test(&finished, folder, &[Format::Npy], true).unwrap();
        assert_eq!(listed(folder).len(), 4);
        assert!(all.iter().filter(|name| name.ends_with("bvh")).all(|name| !folder.join(name).exists()));
    }

    #[test]
    fn other_means_are_told_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let finished = fake::finished(16, 1);
        write_for_test(&finished, folder.path(), &[Format::Npy], false).unwrap();
        let plan = |means: Means, overwrite: bool| {
            let to = Destination { folder: folder.path().to_owned(), formats: Vec::new(), overwrite };
            Plan::new(to, Made::generation("fake", &finished.request), means).map(|_| ())
        };
        plan(Means::without_model(), false).unwrap();
        for other in [r#"{"precision": "bf16", "weights": []}"#, r#"{"precision": "f32", "weights": ["ab"]}"#]
        {
            let means: Means = serde_json::from_str(other).unwrap();
            assert_eq!(code(plan(means.clone(), false)), "result_exists", "{other}");
            plan(means, true).unwrap();
        }
    }

    #[test]
    fn a_result_of_an_older_version_is_not_taken_for_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let finished = fake::finished(16, 1);
        write_for_test(&finished, folder.path(), &[Format::Npy], false).unwrap();
        let path = folder.path().join(SETTINGS);
        let mut older: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for name in ["motion", "precision", "weights"] {
            assert!(older.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
        fs::write(&path, older.to_string()).unwrap();
        let refused = write_for_test(&finished, folder.path(), &[Format::Npy], false).unwrap_err();
        assert!(refused.code() == "result_exists" && refused.to_string().contains("older version"));
        write_for_test(&finished, folder.path(), &[Format::Npy], true).unwrap();
        write_for_test(&finished, folder.path(), &[Format::Npy], false).unwrap();
    }
}
