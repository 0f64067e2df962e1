//! Several files into a folder: all of them or none.

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
        ready.push((prepare(folder, name, bytes)?, name));
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

/// The bytes on the disk, under a name that vanishes unless it is persisted.
fn prepare(folder: &Path, name: &str, bytes: &[u8]) -> Result<NamedTempFile> {
    let failed = |error| Error::io("write", &folder.join(name), error);
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
