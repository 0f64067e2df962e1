//! Results and jobs on disk, so that they outlive the process.
//!
//! ```text
//! FOLDER/lock                  held while a process uses the folder
//! FOLDER/index.sqlite          one row a result, one row a job
//! FOLDER/motions/ID.motion     the result itself, sealed
//! FOLDER/motions/ID.motion.unread  one that could not be read when the index had to be made again
//! ```
//!
//! A result is there once its row is: first the file, whole and on the disk, then the row. Whatever the process was doing when it
//! ended, the next start finds either both or removes the half. An index that has to be made from the files is there with all its
//! rows or not at all. Everything here blocks; [`on_disk`] is the way in for async
//! code. What goes wrong here is logged and counted ([`Figures`]), and memory serves on; who has to know is told whether it is kept.

pub(super) mod clock;
mod figures;
mod files;
mod index;
mod known_words;
pub(super) mod ledger;
mod sealed;
#[cfg(test)]
mod tests;
mod trial;

use super::Finished;
use super::gallery::{Browse, Entry};
use super::jobs::{JobLimits, JobState};
use super::random::MotionId;
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
pub use figures::Figures;
use figures::{Counters, Failure, Reason};
use files::{Durable, Files, Writer, private_folder};
use index::Index;
use ledger::JobRecord;
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// How much is kept on disk. The oldest results leave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Results.
    pub count: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Since they were made; `None` = as long as there is room.
    pub age: Option<Duration>,
}

impl Default for ArchiveLimits {
    /// 10 000 results, 2 GiB, any age.
    fn default() -> Self {
        Self { count: 10_000, bytes: 2 << 30, age: None }
    }
}

impl ArchiveLimits {
    /// When the oldest may have been made.
    fn oldest(&self, now: SystemTime) -> Option<i64> {
        self.age.map(|age| now.checked_sub(age).map_or(i64::MIN, clock::to_ms))
    }
}

/// Where results and jobs are kept beside memory.
#[derive(Default)]
pub enum Keeping {
    /// Nowhere, as was asked for.
    #[default]
    Memory,
    /// Nowhere, because the folder could not be used.
    Broken,
    /// On disk.
    Disk(Arc<Archive>),
}

impl Keeping {
    /// In this folder; in memory, and the log says why, where that cannot be used.
    pub fn on_disk(folder: &Path, limits: ArchiveLimits, jobs: JobLimits) -> Self {
        match Archive::open(folder, limits, jobs) {
            Ok(archive) => {
                let figures = archive.figures();
                tracing::info!(folder = %folder.display(), results = figures.kept, bytes = figures.bytes, "results are kept on disk");
                Self::Disk(Arc::new(archive))
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(
                    folder = %folder.display(), code = error.code(), %error, cause,
                    "results cannot be kept on disk: they and the jobs live in memory only"
                );
                Self::Broken
            }
        }
    }

    pub(super) fn archive(&self) -> Option<&Arc<Archive>> {
        match self {
            Self::Disk(archive) => Some(archive),
            Self::Memory | Self::Broken => None,
        }
    }

    /// For who counts; `None` where nothing was to be kept.
    pub(super) fn figures(&self) -> Option<Figures> {
        match self {
            Self::Memory => None,
            Self::Broken => {
                let counters = Counters::default();
                counters.failed[Failure::Open as usize].store(1, Relaxed);
                Some(counters.figures())
            }
            Self::Disk(archive) => Some(archive.figures()),
        }
    }
}

/// Do something with the archive where it delays no other request; `None` where there is none (or it panicked, which the
/// log knows).
pub(super) async fn on_disk<T: Send + 'static>(
    archive: Option<&Arc<Archive>>,
    work: impl FnOnce(&Archive) -> T + Send + 'static,
) -> Option<T> {
    let archive = archive?.clone();
    tokio::task::spawn_blocking(move || work(&archive)).await.ok()
}

/// The folder, in use by this process alone.
pub struct Archive {
    files: Files,
    index: Mutex<Index>,
    limits: ArchiveLimits,
    jobs: JobLimits,
    counters: Counters,
    /// Held while results are read: they are large.
    reading: Mutex<()>,
    /// Given back by the system when the process ends, however it does.
    _lock: File,
}

impl Archive {
    /// Open a folder, made where it is missing, and bring it in order.
    ///
    /// # Errors
    /// `folder_in_use` while another process uses it; `index_too_new`; `permission_denied`, `disk_full` and their like.
    pub fn open(folder: &Path, limits: ArchiveLimits, jobs: JobLimits) -> Result<Self> {
        Self::open_with(folder, limits, jobs, Box::new(Durable))
    }

    fn open_with(
        folder: &Path,
        limits: ArchiveLimits,
        jobs: JobLimits,
        writer: Box<dyn Writer>,
    ) -> Result<Self> {
        private_folder(folder)?;
        let lock = locked(&folder.join("lock"))?;
        let files = Files::open(folder.join("motions"), writer)?;
        let index = Index::open(folder)?;
        let is_new = index.is_new;
        let archive = Self {
            files,
            index: Mutex::new(index),
            limits,
            jobs,
            counters: Counters::default(),
            reading: Mutex::default(),
            _lock: lock,
        };
        if is_new {
            archive.take_in()?
        } else {
            archive.reconcile()?
        }
        let mut index = archive.index();
        let gone = index.trim(&archive.limits)?;
        archive.count(&index);
        drop(index);
        archive.evict(gone);
        Ok(archive)
    }

    /// Keep a result; whether it is on the disk now.
    pub(super) fn keep(&self, finished: &Finished) -> bool {
        let words = "a result could not be kept on disk; memory has it for a while";
        self.note(Failure::Result, words, self.put(finished)).is_some()
    }

    fn put(&self, finished: &Finished) -> Result<()> {
        let bytes = sealed::seal(finished)?;
        self.files.put(finished.id, &bytes)?;
        let mut index = self.index();
        let inserted =
            index.insert(&Entry::of(finished), finished.owner.as_deref(), bytes.len() as u64, &self.limits);
        self.count(&index);
        drop(index);
        match inserted {
            Ok(gone) => self.evict(gone),
            Err(error) => {
                self.files.remove(finished.id);
                return Err(error);
            }
        }
        Ok(())
    }

    /// A kept result, which memory has from then on. It is read once, however many ask for it at once.
    pub(super) fn recall(&self, id: MotionId, memory: &Store) -> Option<Arc<Finished>> {
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(finished) = memory.get(id) {
            return Some(finished);
        }
        let finished = Arc::new(self.find(id)?);
        memory.put(finished.clone());
        // Somebody may have removed it while its file was read: memory must not bring it back.
        if !self.has(id) {
            memory.remove(id);
        }
        Some(finished)
    }

    fn find(&self, id: MotionId) -> Option<Finished> {
        let found = self.read(id);
        self.note(Failure::Read, "a kept result could not be read", found).flatten()
    }

    fn read(&self, id: MotionId) -> Result<Option<Finished>> {
        let Some(bytes) = self.files.read(id)? else { return Ok(None) };
        let finished: Finished = match sealed::unseal(&bytes) {
            Ok(finished) => finished,
            Err(error) => {
                // It will not get better; a result of a later version of the program may be wanted by that.
                if error.kind() == ErrorKind::Corrupt {
                    self.drop_result(id);
                }
                return Err(error);
            }
        };
        let is_too_old = self.limits.age.is_some_and(|age| clock::age(finished.created) > age);
        Ok((finished.id == id && !is_too_old).then_some(finished))
    }

    /// Remove a result; whether it is gone. The row goes first: a file without one is swept at the next start.
    pub(super) fn remove(&self, id: MotionId) -> bool {
        let index = self.index();
        let removed = index.settle(id).and_then(|()| index.remove(id));
        self.count(&index);
        drop(index);
        let removed = removed.and_then(|()| self.files.delete(id));
        self.note(Failure::Result, "a result could not be removed", removed).is_some()
    }

    fn drop_result(&self, id: MotionId) {
        self.files.remove(id);
        let index = self.index();
        self.note(Failure::Read, "the row of a damaged result could not be removed", index.remove(id));
        self.count(&index);
    }

    /// Results of one owner, the newest first; one more than asked for where there are more. `None` when that failed.
    pub(super) fn browse(&self, browse: &Browse) -> Option<Vec<Entry>> {
        let page = self.index().page(browse, self.limits.oldest(SystemTime::now()));
        self.note(Failure::Read, "the kept results could not be listed", page)
    }

    /// Remember a job that was let in; whether it is on the disk now.
    pub(super) fn begin_job(&self, job: &JobRecord) -> bool {
        let begun = self.index().begin(job, &self.jobs);
        self.note(Failure::Job, "a job could not be kept on disk and is refused", begun).is_some()
    }

    /// A model works on it.
    pub(super) fn job_runs(&self, id: MotionId) {
        let noted = self.index().running(id);
        self.note(Failure::Job, "the state of a job could not be kept on disk", noted);
    }

    /// It is to be done after the next start.
    pub(super) fn pause_job(&self, id: MotionId) {
        let noted = self.index().pause(id);
        self.note(Failure::Job, "the state of a job could not be kept on disk", noted);
    }

    /// It has ended.
    pub(super) fn end_job(&self, id: MotionId, state: &JobState) {
        let noted = self.index().end(id, state);
        self.note(Failure::Job, "the end of a job could not be kept on disk", noted);
    }

    /// It has succeeded, and its result is in memory alone: it is to be made again after the next start.
    pub(super) fn end_job_unkept(&self, id: MotionId) {
        let noted = self.index().end_unkept(id);
        self.note(Failure::Job, "the end of a job could not be kept on disk", noted);
    }

    /// Jobs of earlier runs, in the order in which they were let in.
    pub(super) fn jobs(&self) -> Vec<JobRecord> {
        let jobs = self.index().jobs(&self.jobs);
        self.note(Failure::Job, "the kept jobs could not be read", jobs).unwrap_or_default()
    }

    /// A result of this name is kept.
    pub(super) fn has(&self, id: MotionId) -> bool {
        let has = self.index().has(id);
        self.note(Failure::Read, "the index of kept results could not be read", has).unwrap_or(false)
    }

    pub(super) fn figures(&self) -> Figures {
        self.counters.figures()
    }

    /// Rows without a file and files without a row go.
    fn reconcile(&self) -> Result<()> {
        let files: HashSet<_> = self.files.sweep()?.into_iter().collect();
        let index = self.index();
        let rows: HashSet<_> = index.ids()?.into_iter().collect();
        for id in rows.difference(&files) {
            index.remove(*id)?;
        }
        drop(index);
        let (lost, loose) = (rows.difference(&files).count(), files.difference(&rows).count());
        files.difference(&rows).for_each(|id| self.files.remove(*id));
        if lost + loose > 0 {
            tracing::warn!(lost, loose, "swept results without a file and files without a result");
        }
        Ok(())
    }

    /// Make rows of the files that are there, the oldest first: the index is new.
    fn take_in(&self) -> Result<()> {
        let mut found = Vec::new();
        for id in self.files.sweep()? {
            match self.files.read(id).and_then(|bytes| match bytes {
                Some(bytes) => Ok((sealed::unseal::<Finished>(&bytes)?, bytes.len() as u64)),
                None => Err(Error::corrupt("archive_damaged", "the file is gone")),
            }) {
                Ok((finished, bytes)) if finished.id == id => {
                    found.push((Entry::of(&finished), finished.owner, bytes));
                }
                // Without a row they would be swept at the next start; a later version of the program may read them.
                Ok(_) => {
                    tracing::warn!("a kept result has the name of another; it is set aside");
                    self.files.set_aside(id)?;
                }
                Err(error) => {
                    tracing::warn!(%error, "a kept result could not be taken in; it is set aside");
                    self.files.set_aside(id)?;
                }
            }
        }
        found.sort_by_key(|(entry, ..)| entry.created);
        self.index().rebuild(&found)?;
        if !found.is_empty() {
            tracing::info!(results = found.len(), "took in results from their files");
        }
        Ok(())
    }

    fn evict(&self, gone: Vec<(MotionId, Reason)>) {
        for (id, reason) in gone {
            self.files.remove(id);
            self.counters.evicted[reason as usize].fetch_add(1, Relaxed);
        }
    }

    fn count(&self, index: &Index) {
        if let Some((kept, bytes)) =
            self.note(Failure::Read, "the kept results could not be counted", index.totals())
        {
            self.counters.kept.store(kept, Relaxed);
            self.counters.bytes.store(bytes, Relaxed);
        }
    }

    /// Log and count what failed.
    fn note<T>(&self, what: Failure, words: &'static str, result: Result<T>) -> Option<T> {
        result
            .map_err(|error| {
                self.counters.failed[what as usize].fetch_add(1, Relaxed);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(code = error.code(), %error, cause, "{words}");
            })
            .ok()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that one process at a time may hold.
fn locked(path: &Path) -> Result<File> {
    let opened = File::options().create(true).truncate(false).write(true).open(path);
    let file = opened.map_err(|source| Error::io("open", path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Busy,
            "folder_in_use",
            "another duet keeps its results in this folder; give this one a --data-dir of its own",
        )),
        Err(TryLockError::Error(source)) => Err(Error::io("lock", path, source)),
    }
}
