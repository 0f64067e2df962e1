//! Folders of packages in the making whose maker was interrupted (Ctrl-C, a crash). Nobody else would ever remove them.

use super::manifest::Part;
use super::write::{CARD, file_name};
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Whoever still works on a package writes to its folder more often than that.
const ABANDONED: Duration = Duration::from_secs(86_400);
/// Letters and digits that a passing name ends in.
pub(super) const RANDOM: usize = 6;

/// What passing names of package `name` begin with.
pub(super) fn prefix(name: &str) -> String {
    format!(".{name}-")
}

/// Remove those of package `name` in `root`. What is not surely one, or cannot be removed, stays: somebody's files are worth
/// more than a tidy folder.
pub(super) fn remove(root: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(root) else { return };
    let prefix = prefix(name);
    for entry in entries.flatten() {
        let passing = entry.file_name();
        let random = passing.to_str().and_then(|passing| passing.strip_prefix(&prefix));
        let is_passing = random.is_some_and(|random| {
            random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        if is_passing
            && is_abandoned(&entry)
            && is_unfinished(&entry.path())
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(%error, "an unfinished package could not be removed");
        }
    }
}

fn is_abandoned(entry: &DirEntry) -> bool {
    // Of a link this is the link's own: nothing elsewhere is touched.
    entry.metadata().is_ok_and(|folder| {
        let age = folder.modified().ok().and_then(|time| time.elapsed().ok());
        folder.is_dir() && age.is_some_and(|age| age > ABANDONED)
    })
}

/// Weights and a card, nothing else. With a manifest it would be a copy that somebody keeps; a folder may be an older package that
/// was put aside, and the only copy of it.
fn is_unfinished(folder: &Path) -> bool {
    let is_ours = |entry: io::Result<DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            let is_written = name == CARD || Part::ALL.iter().any(|&part| name == *file_name(part));
            is_written && entry.file_type().is_ok_and(|kind| kind.is_file())
        })
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_ours))
}

#[cfg(test)]
#[cfg(unix)] // Elsewhere the age of a folder cannot be set so simply.
mod tests {
    use super::*;
    use crate::package::manifest::MANIFEST;
    use std::time::SystemTime;

    #[test]
    fn only_old_unfinished_packages_of_that_name_go() {
        let root = tempfile::tempdir().unwrap();
        let make = |name: &str, files: &[&str], age: Duration| {
            let folder = root.path().join(name);
            fs::create_dir(&folder).unwrap();
            for file in files {
                match file.strip_suffix('/') {
                    Some(inner) => fs::create_dir(folder.join(inner)).unwrap(),
                    None => fs::write(folder.join(file), "").unwrap(),
                }
            }
            fs::File::open(&folder).unwrap().set_modified(SystemTime::now() - age).unwrap();
        };
        let old = 2 * ABANDONED;
        let unfinished = ["vq.safetensors", "stats.safetensors", "README.md"];
        make(".mini-aB3dE6", &unfinished, old);
        make(".mini-000000", &[], old);
        let stay: [(&str, &[&str], Duration); 7] = [
            (".mini-aB3dE7", &unfinished, Duration::ZERO),
            (".mini-backup", &["vq.safetensors", MANIFEST], old),
            (".mini-photos", &["me.png"], old),
            (".mini-old-aB3dE6", &["package/"], old),
            (".mini-2-aB3dE6", &unfinished, old),
            (".other-aB3dE6", &unfinished, old),
            ("mini-aB3dE6", &unfinished, old),
        ];
        for (name, files, age) in stay {
            make(name, files, age);
        }
        std::os::unix::fs::symlink(root.path().join("mini-aB3dE6"), root.path().join(".mini-linked"))
            .unwrap();
        remove(root.path(), "mini");
        // What was put aside of `mini` is called like an unfinished `mini-old`.
        remove(root.path(), "mini-old");
        let mut left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut expected: Vec<_> = stay.iter().map(|(name, ..)| (*name).to_owned()).collect();
        expected.push(".mini-linked".into());
        left.sort();
        expected.sort();
        assert_eq!(left, expected);
        remove(&root.path().join("nowhere"), "mini");
    }
}
