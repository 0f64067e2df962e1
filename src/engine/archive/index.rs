//! The SQLite index: one row a result, one row a job ([`super::ledger`]). Nothing here knows of files.

use super::clock;
use super::{ArchiveLimits, Reason};
use crate::engine::gallery::{Browse, Entry};
use crate::engine::random::MotionId;
use crate::error::{Error, ErrorKind, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// From each version of the schema to the next; `user_version` says how many have been applied.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE motions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL UNIQUE,
        owner TEXT,
        created INTEGER NOT NULL,   -- milliseconds since 1970
        bytes INTEGER NOT NULL,     -- of the file
        model TEXT NOT NULL,
        prompt TEXT NOT NULL,
        frames INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        seed INTEGER NOT NULL,      -- the 64 bits, as if they had a sign
        kind TEXT,                  -- of an edit
        parent BLOB
    ) STRICT;
    CREATE INDEX motions_of_owner ON motions (owner, seq);
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL UNIQUE,
        owner TEXT,
        key TEXT,                   -- Idempotency-Key
        fingerprint BLOB,
        model TEXT NOT NULL,
        motion BLOB NOT NULL,       -- the result's name, chosen before it is there
        created INTEGER NOT NULL,
        allowed INTEGER NOT NULL,   -- milliseconds that it may take
        how BLOB NOT NULL,          -- sealed
        work BLOB,                  -- sealed; until the end
        starts INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'succeeded', 'failed', 'cancelled')),
        ended INTEGER,
        problem_kind TEXT,
        problem_code TEXT,
        problem_words TEXT
    ) STRICT;
"];

/// Name of the database in its folder.
const NAME: &str = "index.sqlite";
/// How long to wait for whoever looks into the database from outside.
const PATIENCE: Duration = Duration::from_secs(5);

/// The open database.
pub(super) struct Index {
    pub(super) db: Connection,
    /// There was none (that could be read), or its making was interrupted: it has no tables before [`Index::rebuild`].
    pub(super) is_new: bool,
}

/// The error of a query.
pub(super) fn failed(source: rusqlite::Error) -> Error {
    let (kind, code, message) = match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => (ErrorKind::Io, "disk_full", "the disk of the index is full"),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            (ErrorKind::Corrupt, "index_damaged", "the index is damaged")
        }
        _ => (ErrorKind::Io, "index", "the index could not be used"),
    };
    Error::new(kind, code, message).with_source(source)
}

impl Index {
    /// Open the index of a folder, or begin a new one. One that is damaged is moved aside first.
    ///
    /// # Errors
    /// `index`, `disk_full`; `index_too_new` for that of a later version of this program, which is left as it is.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        match Self::connect(&path) {
            Ok(index) => Ok(index),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let aside = move_aside(folder, &path)?;
                tracing::error!(
                    aside = %aside.display(),
                    "the index of kept results was damaged and has been moved aside; results are taken in again from \
                     their files, jobs are lost"
                );
                Self::connect(&path)
            }
            Err(error) => Err(error),
        }
    }

    fn connect(path: &Path) -> Result<Self> {
        let mut db = Connection::open(path).map_err(failed)?;
        db.busy_timeout(PATIENCE).map_err(failed)?;
        // What was acknowledged outlives the power, too.
        db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        // Prompts that were removed are not left in the gaps.
        db.pragma_update(None, "secure_delete", "ON").map_err(failed)?;
        let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
        if verdict != "ok" {
            return Err(Error::corrupt("index_damaged", "the index is damaged").with_source(verdict));
        }
        let applied = applied(&db)?;
        // One without tables gets them with its rows, all at once: a process that ends in between leaves no index that says
        // that there are no results.
        if applied > 0 {
            migrate(&mut db, applied, |_| Ok(()))?;
        }
        Ok(Self { db, is_new: applied == 0 })
    }

    /// Make the tables and the rows of what is there, each with its owner and the bytes of its file, the oldest first: all of
    /// it or nothing.
    pub(super) fn rebuild(&mut self, results: &[(Entry, Option<String>, u64)]) -> Result<()> {
        migrate(&mut self.db, 0, |db| {
            results.iter().try_for_each(|(entry, owner, bytes)| add(db, entry, owner.as_deref(), *bytes))
        })
    }

    /// Put a result's row in, and take those out that are over the limits: their names. The new one stays whatever its size.
    pub(super) fn insert(
        &mut self,
        entry: &Entry,
        owner: Option<&str>,
        bytes: u64,
        limits: &ArchiveLimits,
    ) -> Result<Vec<(MotionId, Reason)>> {
        let transaction = self.db.transaction().map_err(failed)?;
        add(&transaction, entry, owner, bytes).map_err(failed)?;
        let gone = trim(&transaction, limits).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(gone)
    }

    /// Take out what is over the limits.
    pub(super) fn trim(&mut self, limits: &ArchiveLimits) -> Result<Vec<(MotionId, Reason)>> {
        let transaction = self.db.transaction().map_err(failed)?;
        let gone = trim(&transaction, limits).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(gone)
    }

    /// Take a result's row out.
    pub(super) fn remove(&self, id: MotionId) -> Result<()> {
        let id = <[u8; 16]>::from(id);
        self.db.execute("DELETE FROM motions WHERE id = ?1", [id]).map(drop).map_err(failed)
    }

    /// The results that have a row.
    pub(super) fn ids(&self) -> Result<Vec<MotionId>> {
        let mut query = self.db.prepare("SELECT id FROM motions").map_err(failed)?;
        let rows = query.query_map([], id).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    pub(super) fn has(&self, id: MotionId) -> Result<bool> {
        let id = <[u8; 16]>::from(id);
        let found = self.db.query_row("SELECT 1 FROM motions WHERE id = ?1", [id], |_| Ok(())).optional();
        Ok(found.map_err(failed)?.is_some())
    }

    /// How many rows, and the bytes of their files.
    pub(super) fn totals(&self) -> Result<(u64, u64)> {
        totals(&self.db).map_err(failed)
    }

    /// Results of one owner, the newest first, from after `before` on. One more than asked for says that there are more.
    pub(super) fn page(&self, browse: &Browse, oldest: Option<i64>) -> Result<Vec<Entry>> {
        let owner = browse.owner.as_deref();
        let before = match browse.before {
            None => i64::MAX,
            Some(id) => {
                let id = <[u8; 16]>::from(id);
                let found = self.db.query_row(
                    "SELECT seq FROM motions WHERE id = ?1 AND owner IS ?2",
                    params![id, owner],
                    |row| row.get(0),
                );
                // The oldest leave first: where this one has gone, so has what came before it.
                match found.optional().map_err(failed)? {
                    Some(seq) => seq,
                    None => return Ok(Vec::new()),
                }
            }
        };
        let mut query = self
            .db
            .prepare_cached(
                "SELECT id, created, model, prompt, frames, samples, seed, kind, parent FROM motions
                 WHERE owner IS ?1 AND seq < ?2 AND created >= ?3 ORDER BY seq DESC LIMIT ?4",
            )
            .map_err(failed)?;
        let asked = params![owner, before, oldest.unwrap_or(i64::MIN), browse.limit as i64 + 1];
        let rows = query.query_map(asked, entry).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}

/// The name in the first column.
fn id(row: &Row<'_>) -> rusqlite::Result<MotionId> {
    row.get::<_, [u8; 16]>(0).map(MotionId::from)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: id(row)?,
        created: clock::from_ms(row.get(1)?),
        model: row.get(2)?,
        prompt: row.get(3)?,
        frames: row.get::<_, u32>(4)? as usize,
        samples: row.get::<_, u32>(5)? as usize,
        seed: row.get::<_, i64>(6)?.cast_unsigned(),
        kind: row.get(7)?,
        parent: row.get::<_, Option<[u8; 16]>>(8)?.map(MotionId::from),
    })
}

/// How many of [`MIGRATIONS`] a database has seen.
fn applied(db: &Connection) -> Result<usize> {
    let applied: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let applied = applied as usize;
    if applied > MIGRATIONS.len() {
        let message = "the index was made by a later version of this program";
        return Err(Error::new(ErrorKind::Unsupported, "index_too_new", message));
    }
    Ok(applied)
}

/// The steps after those that were applied, and `then`: all or nothing.
fn migrate(
    db: &mut Connection,
    applied: usize,
    then: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<()> {
    let transaction = db.transaction().map_err(failed)?;
    for (version, step) in (1..).zip(MIGRATIONS).skip(applied) {
        transaction.execute_batch(step).map_err(failed)?;
        transaction.pragma_update(None, "user_version", version).map_err(failed)?;
    }
    then(&transaction).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Put a result's row in.
fn add(db: &Connection, entry: &Entry, owner: Option<&str>, bytes: u64) -> rusqlite::Result<()> {
    let id = <[u8; 16]>::from(entry.id);
    let parent = entry.parent.map(<[u8; 16]>::from);
    let created = clock::to_ms(entry.created);
    let row = params![
        id,
        owner,
        created,
        bytes as i64,
        entry.model,
        entry.prompt,
        entry.frames as i64,
        entry.samples as i64,
        entry.seed.cast_signed(),
        entry.kind,
        parent
    ];
    let mut query = db.prepare_cached(
        "INSERT OR REPLACE INTO motions
         (id, owner, created, bytes, model, prompt, frames, samples, seed, kind, parent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    query.execute(row).map(drop)
}

fn totals(db: &Connection) -> rusqlite::Result<(u64, u64)> {
    db.query_row("SELECT count(*), coalesce(sum(bytes), 0) FROM motions", [], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
    })
}

/// The oldest leave until the rest is within the limits; the newest stays.
fn trim(db: &Connection, limits: &ArchiveLimits) -> rusqlite::Result<Vec<(MotionId, Reason)>> {
    let mut gone = Vec::new();
    if let Some(oldest) = limits.oldest(SystemTime::now()) {
        let mut query = db.prepare_cached("DELETE FROM motions WHERE created < ?1 RETURNING id")?;
        for gone_id in query.query_map([oldest], id)? {
            gone.push((gone_id?, Reason::Age));
        }
    }
    let (mut count, mut bytes) = totals(db)?;
    while count > 1 {
        let reason = match (count > limits.count, bytes > limits.bytes) {
            (true, _) => Reason::Count,
            (_, true) => Reason::Bytes,
            _ => break,
        };
        let mut query = db.prepare_cached(
            "DELETE FROM motions WHERE seq = (SELECT min(seq) FROM motions) RETURNING id, bytes",
        )?;
        let (id, freed): ([u8; 16], i64) = query.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        gone.push((MotionId::from(id), reason));
        count -= 1;
        bytes = bytes.saturating_sub(freed.cast_unsigned());
    }
    Ok(gone)
}

/// A damaged database, with what belongs to it, under a name that says so.
fn move_aside(folder: &Path, path: &Path) -> Result<PathBuf> {
    let aside = folder.join(format!("index.damaged-{}.sqlite", clock::to_ms(SystemTime::now())));
    std::fs::rename(path, &aside).map_err(|source| Error::io("move aside", path, source))?;
    for ending in ["-wal", "-shm"] {
        let (from, to) = (folder.join(format!("{NAME}{ending}")), with_ending(&aside, ending));
        match std::fs::rename(&from, to) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("move aside", &from, source));
            }
            _ => (),
        }
    }
    Ok(aside)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
