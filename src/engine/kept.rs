//! The engine's results while they are kept: found by name, listed, removed.

use super::archive::on_disk;
use super::random::MotionId;
use super::{Browse, Engine, Figures, Finished, Page};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

impl Engine {
    /// A kept result. May read a file, so it may take milliseconds: see [`Engine::fetch`].
    ///
    /// # Errors
    /// `unknown_motion` when there is none of that name (any more).
    pub fn find(&self, id: &str) -> Result<Arc<Finished>> {
        let id = MotionId::parse(id).ok_or_else(unknown_motion)?;
        if let Some(finished) = self.store.get(id) {
            return Ok(finished);
        }
        self.archive().and_then(|archive| archive.recall(id, &self.store)).ok_or_else(unknown_motion)
    }

    /// [`Engine::find`] for async code.
    ///
    /// # Errors
    /// As [`Engine::find`].
    pub async fn fetch(&self, id: &str) -> Result<Arc<Finished>> {
        let id = MotionId::parse(id).ok_or_else(unknown_motion)?;
        if let Some(finished) = self.store.get(id) {
            return Ok(finished);
        }
        let memory = self.store.clone();
        let found = on_disk(self.archive(), move |archive| archive.recall(id, &memory)).await.flatten();
        found.ok_or_else(unknown_motion)
    }

    /// Results of one owner, the newest first: those on disk, or in memory where nothing is kept on disk.
    pub async fn browse(&self, browse: Browse) -> Page {
        let (asked, limit) = (browse.clone(), browse.limit);
        let entries = on_disk(self.archive(), move |archive| archive.browse(&asked)).await.flatten();
        Page::of(entries.unwrap_or_else(|| self.store.browse(&browse)), limit)
    }

    /// How the results on disk are; `None` where none are to be kept there.
    pub fn kept(&self) -> Option<Figures> {
        self.keeping.figures()
    }

    /// Remove a result for good, in memory and on disk, for its owner; to others there is none of that name. What was made from it stays.
    ///
    /// # Errors
    /// `unknown_motion`; `internal` when it could not be taken from the disk: it is still there then.
    pub async fn remove(&self, id: &str, owner: Option<&str>) -> Result<()> {
        let finished = self.fetch(id).await?;
        if finished.owner.as_deref() != owner {
            return Err(unknown_motion());
        }
        let id = finished.id;
        if let Some(archive) = self.archive() {
            let removed = on_disk(Some(archive), move |archive| archive.remove(id)).await;
            removed.unwrap_or(false).then_some(()).ok_or_else(|| {
                Error::internal("internal", "the result could not be removed; the log has the cause")
            })?;
        }
        self.store.remove(id);
        Ok(())
    }
}

fn unknown_motion() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "unknown_motion",
        "there is no motion of this name (any more): results are kept for a while only; generate it again",
    )
}
