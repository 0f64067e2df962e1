//! One file a result, in a folder of their own. A file is there as a whole or not at all: it is written under a temporary
//! name beside its place, brought to the disk, and renamed.

use crate::engine::random::MotionId;
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const ENDING: &str = ".motion";
/// What is added to the name of a file that could not be read.
const ASIDE: &str = ".unread";
/// Of files that are being written.
const TEMPORARY: &str = ".new-";

/// Puts bytes into a folder under a name, all or none.
pub(super) trait Writer: Send + Sync {
    fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()>;
}

/// What survives the end of the process and of the power: file, then name, each brought to the disk.
pub(super) struct Durable;

impl Writer for Durable {
    fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(name)).map_err(|error| error.error)?;
        sync(folder)
    }
}

/// Bring the names in a folder to the disk, where the system has a way to.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Make a folder for its owner alone: prompts are nobody else's business.
pub(super) fn private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| Error::io("make the folder", path, source))
}

/// The files of all results.
pub(super) struct Files {
    folder: PathBuf,
    writer: Box<dyn Writer>,
}

impl Files {
    pub(super) fn open(folder: PathBuf, writer: Box<dyn Writer>) -> Result<Self> {
        private_folder(&folder)?;
        Ok(Self { folder, writer })
    }

    fn name(id: MotionId) -> String {
        format!("{id}{ENDING}")
    }

    fn path(&self, id: MotionId) -> PathBuf {
        self.folder.join(Self::name(id))
    }

    pub(super) fn put(&self, id: MotionId, bytes: &[u8]) -> Result<()> {
        let written = self.writer.write(&self.folder, &Self::name(id), bytes);
        written.map_err(|source| Error::io("write", &self.path(id), source))
    }

    /// The bytes of a file; `None` where there is none.
    pub(super) fn read(&self, id: MotionId) -> Result<Option<Vec<u8>>> {
        match fs::read(self.path(id)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io("read", &self.path(id), source)),
        }
    }

    /// Remove a file, for good.
    pub(super) fn delete(&self, id: MotionId) -> Result<()> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => {
                removed.and_then(|()| sync(&self.folder)).map_err(|source| Error::io("remove", &path, source))
            }
        }
    }

    /// Give a file another name, under which it is a stranger's to [`Files::sweep`]; not where there is none.
    pub(super) fn set_aside(&self, id: MotionId) -> Result<()> {
        let path = self.path(id);
        match fs::rename(&path, self.folder.join(format!("{}{ASIDE}", Self::name(id)))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // On the disk before the index is: else a file that lost its new name would be one without a row.
            renamed => renamed
                .and_then(|()| sync(&self.folder))
                .map_err(|source| Error::io("move aside", &path, source)),
        }
    }

    /// Remove a file that nobody asked to have removed. One that stays is found at the next start, as no row has it.
    pub(super) fn remove(&self, id: MotionId) {
        if let Err(error) = fs::remove_file(self.path(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the file of a result could not be removed");
        }
    }

    /// The results that have a file. What was never finished is removed on the way; strangers' files are left alone.
    pub(super) fn sweep(&self) -> Result<Vec<MotionId>> {
        let failed = |source| Error::io("read the folder", &self.folder, source);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(TEMPORARY) {
                fs::remove_file(entry.path()).map_err(|e| Error::io("remove", &entry.path(), e))?;
            } else if let Some(id) = name.strip_suffix(ENDING).and_then(MotionId::parse) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_link_under_the_name_leads_nowhere() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("motions");
        let files = Files::open(folder.clone(), Box::new(Durable)).unwrap();
        let elsewhere = home.path().join("elsewhere");
        fs::write(&elsewhere, b"mine").unwrap();
        let id = MotionId::random().unwrap();
        let link = || std::os::unix::fs::symlink(&elsewhere, files.path(id)).unwrap();
        link();
        files.put(id, b"motion").unwrap();
        assert!(!fs::symlink_metadata(files.path(id)).unwrap().is_symlink(), "the link was replaced");
        files.delete(id).unwrap();
        link();
        files.delete(id).unwrap();
        link();
        files.set_aside(id).unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "the link itself was set aside");
    }

    #[test]
    fn files_come_whole_and_strangers_stay() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/motions");
        let files = Files::open(folder.clone(), Box::new(Durable)).unwrap();
        let [one, two] = [(); 2].map(|()| MotionId::random().unwrap());
        files.put(one, b"first").unwrap();
        files.put(one, b"second").unwrap();
        assert_eq!(files.read(one).unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(files.read(two).unwrap(), None);
        fs::write(folder.join(format!("{TEMPORARY}abc")), b"half").unwrap();
        fs::write(folder.join("notes.txt"), b"mine").unwrap();
        fs::write(folder.join("x.motion"), b"mine").unwrap();
        assert_eq!(files.sweep().unwrap(), [one]);
        files.remove(one);
        files.remove(one);
        files.put(two, b"unwanted").unwrap();
        files.delete(two).unwrap();
        assert_eq!(files.read(two).unwrap(), None);
        files.delete(two).unwrap();
        let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["notes.txt", "x.motion"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0);
        }
    }
}
