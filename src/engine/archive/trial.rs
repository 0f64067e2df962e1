//! Whether results could be kept in a folder. Nothing there is made, changed or removed.

use super::{Keeping, locked};
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;

impl Keeping {
    /// Try what [`Keeping::on_disk`] would meet with.
    ///
    /// # Errors
    /// `folder_in_use` while another process uses the folder; `not_a_folder`, `permission_denied`, `disk_full` and their like.
    pub fn try_out(folder: &Path) -> Result<()> {
        let folder = std::path::absolute(folder).map_err(|source| Error::io("find", folder, source))?;
        let lock = folder.join("lock");
        if lock.exists() {
            locked(&lock)?;
        }
        for place in [folder.join("motions"), folder] {
            can_write(&place)?;
        }
        Ok(())
    }
}

/// Where the folder is missing, it would be made in the nearest one above that is there.
fn can_write(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|place| place.exists()).unwrap_or(folder);
    if !there.is_dir() {
        let message = format!("{} is a file and no folder", there.display());
        return Err(Error::new(ErrorKind::Io, "not_a_folder", message));
    }
    tempfile::tempfile_in(there).map(drop).map_err(|source| Error::io("write into", there, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ArchiveLimits, JobLimits};

    fn code(folder: &Path) -> Option<&'static str> {
        Keeping::try_out(folder).err().map(|error| error.code())
    }

    #[test]
    fn what_would_be_in_the_way_is_told() {
        let home = tempfile::tempdir().unwrap();
        let (folder, file) = (home.path().join("a/b"), home.path().join("file"));
        assert_eq!(code(&folder), None);
        assert!(!home.path().join("a").exists(), "it is not made");
        let used = Keeping::on_disk(&folder, ArchiveLimits::default(), JobLimits::default());
        assert_eq!(code(&folder), Some("folder_in_use"));
        drop(used);
        assert_eq!(code(&folder), None);
        std::fs::write(&file, b"").unwrap();
        for inside in [file.clone(), file.join("results")] {
            assert_eq!(code(&inside), Some("not_a_folder"));
        }
        std::fs::remove_dir(folder.join("motions")).unwrap();
        std::fs::write(folder.join("motions"), b"").unwrap();
        assert_eq!(code(&folder), Some("not_a_folder"));
    }
}
