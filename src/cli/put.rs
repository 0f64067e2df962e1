//! Files onto the disk: each whole or not at all, several of them all or none.

use crate::error::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file's name within the folder, and its content.
pub type Named = (String, Vec<u8>);

/// Write everything, each file whole or not at all: first all of them under passing names, then all renamed. The folder is
/// made if it is not there. Files of the same names are replaced.
///
/// # Errors
/// `disk_full`, `permission_denied`, `io`: then nothing new remains.
pub fn put(folder: &Path, files: &[Named]) -> Result<Vec<PathBuf>> {
    let made = !folder.exists();
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make the folder", folder, e))?;
    let written = put_into(folder, files);
    if written.is_err() && made {
        // Empty by now, and ours. Where it is not empty this fails, as it should.
        let _ = std::fs::remove_dir(folder);
    }
    written
}

fn put_into(folder: &Path, files: &[Named]) -> Result<Vec<PathBuf>> {
    let mut ready = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        ready.push((prepare(folder, &folder.join(name), bytes)?, name));
    }
    let mut written = Vec::with_capacity(ready.len());
    for (file, name) in ready {
        let path = folder.join(name);
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
    Ok(written.into_iter().map(|(path, _)| path).collect())
}

/// Write one file into a folder that is there, whole or not at all. A file of that name is replaced.
///
/// # Errors
/// `disk_full`, `permission_denied`, `io`: then nothing new remains.
pub fn put_one(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = prepare(folder, path, bytes)?;
    file.persist(path).map_err(|error| Error::io("write", path, error.error))?;
    Ok(())
}

/// Refuse to replace what holds something else.
///
/// # Errors
/// `file_exists`.
pub fn refuse_other_content(path: &Path, bytes: &[u8]) -> Result<()> {
    let is_as_long = || std::fs::metadata(path).is_ok_and(|file| file.len() == bytes.len() as u64);
    if !path.exists() || (is_as_long() && std::fs::read(path).is_ok_and(|held| held == bytes)) {
        return Ok(());
    }
    let message = format!(
        "{} is there and holds something else; choose another place with --out, or give it up with --overwrite",
        path.display()
    );
    Err(Error::invalid("file_exists", message))
}

/// The bytes on the disk, under a name that vanishes unless it is persisted as `path`.
fn prepare(folder: &Path, path: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
    let failed = |error| Error::io("write", path, error);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".duet-").suffix(".part");
    // Like any other file of the user, not private as temporary files are.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        std::fs::write(folder.path().join("usual"), "a").unwrap();
        put_one(&folder.path().join("one"), b"a").unwrap();
        put(folder.path(), &[("two".into(), b"a".to_vec())]).unwrap();
        assert_eq!((mode("one"), mode("two")), (mode("usual"), mode("usual")));
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_the_folder_leads_nowhere() {
        let home = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (home.path().join("out"), home.path().join("elsewhere"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&elsewhere, "mine").unwrap();
        let there = |name: &str| {
            std::os::unix::fs::symlink(&elsewhere, folder.join(name)).unwrap();
            folder.join(name)
        };
        let (one, two) = (there("one.npy"), there("two.npy"));
        put(&folder, &[("one.npy".into(), b"new".to_vec())]).unwrap();
        put_one(&two, b"new").unwrap();
        for link in [one, two] {
            assert!(!std::fs::symlink_metadata(&link).unwrap().is_symlink(), "the link was replaced");
            assert_eq!(std::fs::read(&link).unwrap(), b"new");
        }
        // One that leads to nothing, and one that leads to other content, which is told before anything is written.
        std::os::unix::fs::symlink(home.path().join("absent"), folder.join("three.npy")).unwrap();
        put(&folder, &[("three.npy".into(), b"new".to_vec())]).unwrap();
        assert!(!home.path().join("absent").exists());
        assert_eq!(refuse_other_content(&there("four.npy"), b"new").unwrap_err().code(), "file_exists");
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"mine");
    }

    #[test]
    fn other_content_is_not_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        refuse_other_content(&path, b"new").unwrap();
        put_one(&path, b"new").unwrap();
        refuse_other_content(&path, b"new").unwrap();
        for other in [&b"old"[..], b"longer"] {
            assert_eq!(refuse_other_content(&path, other).unwrap_err().code(), "file_exists");
        }
        assert_eq!(refuse_other_content(folder.path(), b"new").unwrap_err().code(), "file_exists");
    }
}
