//! The jobs in the index: what each was asked for until it has ended, and how it ended.

use super::index::{Index, failed};
use super::sealed::{Kept, seal, unseal};
use super::{clock, known_words};
use crate::engine::edit::Edited;
use crate::engine::jobs::{Idempotency, JobLimits, JobState};
use crate::engine::random::MotionId;
use crate::engine::task::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::generate::GenerateRequest;
use rusqlite::{Connection, Row, params};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A job as it outlives the process.
#[derive(Clone, Debug)]
pub(in crate::engine) struct JobRecord {
    pub id: MotionId,
    pub owner: Option<String>,
    pub idempotency: Option<Idempotency>,
    pub model: String,
    /// Name that its result has or will have.
    pub motion: MotionId,
    pub created: SystemTime,
    /// What it may take.
    pub time: Duration,
    pub how: GenerateRequest,
    pub fate: Fate,
}

impl JobRecord {
    /// Whether the disk has to be told that there is such a job.
    pub fn is_new(&self) -> bool {
        matches!(self.fate, Fate::Open { .. })
    }
}

/// How far it came.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Fate {
    /// Still to be done; a model began with it so many times.
    Open { work: Box<(Work, Option<Edited>)>, starts: u32 },
    /// Still to be done, as the disk knows already (or never will).
    Known,
    /// Done one way or another.
    Ended { state: JobState, at: SystemTime },
}

impl Kept for GenerateRequest {}
impl Kept for (Work, Option<Edited>) {}

impl Index {
    /// Put a job in that is let in now, and forget those that are over the limits.
    pub(super) fn begin(&mut self, job: &JobRecord, limits: &JobLimits) -> Result<()> {
        let Fate::Open { work, .. } = &job.fate else {
            return Err(Error::internal("archive_write", "a job that has ended cannot begin"));
        };
        let (how, work) = (seal(&job.how)?, seal(work)?);
        let (id, motion) = (<[u8; 16]>::from(job.id), <[u8; 16]>::from(job.motion));
        let key = job.idempotency.as_ref().map(|named| named.key.as_str());
        let fingerprint = job.idempotency.as_ref().map(|named| named.fingerprint);
        let (created, allowed) = (clock::to_ms(job.created), job.time.as_millis() as i64);
        let transaction = self.db.transaction().map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO jobs (id, owner, key, fingerprint, model, motion, created, allowed, how, work, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'waiting')",
                params![id, job.owner, key, fingerprint, job.model, motion, created, allowed, how, work],
            )
            .map_err(failed)?;
        forget(&transaction, limits).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// A model works on it.
    pub(super) fn running(&self, id: MotionId) -> Result<()> {
        // Says nothing of a job that has ended meanwhile.
        let sql = "UPDATE jobs SET state = 'running', starts = starts + 1 WHERE id = ?1 AND ended IS NULL";
        self.db.execute(sql, [<[u8; 16]>::from(id)]).map(drop).map_err(failed)
    }

    /// It was stopped by no fault of its own and is to be done later.
    pub(super) fn pause(&self, id: MotionId) -> Result<()> {
        let sql = "UPDATE jobs SET starts = starts - (state = 'running'), state = 'waiting'
                   WHERE id = ?1 AND ended IS NULL";
        self.db.execute(sql, [<[u8; 16]>::from(id)]).map(drop).map_err(failed)
    }

    /// It has ended. What was asked for in full is not needed any more.
    pub(super) fn end(&self, id: MotionId, state: &JobState) -> Result<()> {
        let problem = match state {
            JobState::Failed(error) => Some(&**error),
            _ => None,
        };
        let now = clock::to_ms(SystemTime::now());
        let kind = problem.map(|error| kind_name(error.kind()));
        let (code, words) = (problem.map(Error::code), problem.map(ToString::to_string));
        let (id, state) = (<[u8; 16]>::from(id), state.name());
        self.db
            .execute(
                "UPDATE jobs SET state = ?2, ended = ?3, work = NULL,
                 problem_kind = ?4, problem_code = ?5, problem_words = ?6 WHERE id = ?1",
                params![id, state, now, kind, code, words],
            )
            .map(drop)
            .map_err(failed)
    }

    /// It has succeeded, and its result could not be kept. What was asked for is, to be made again after the next start; until
    /// then it counts among those that have ended.
    pub(super) fn end_unkept(&self, id: MotionId) -> Result<()> {
        let (id, now) = (<[u8; 16]>::from(id), clock::to_ms(SystemTime::now()));
        let sql = "UPDATE jobs SET state = 'succeeded', ended = ?2 WHERE id = ?1";
        self.db.execute(sql, params![id, now]).map(drop).map_err(failed)
    }

    /// Its result has been removed for good: it is not to be made again.
    pub(super) fn settle(&self, motion: MotionId) -> Result<()> {
        let (motion, now) = (<[u8; 16]>::from(motion), clock::to_ms(SystemTime::now()));
        let sql = "UPDATE jobs SET work = NULL, state = 'succeeded', ended = coalesce(ended, ?2)
                   WHERE motion = ?1 AND work IS NOT NULL";
        self.db.execute(sql, params![motion, now]).map(drop).map_err(failed)
    }

    /// All jobs within the limits, in the order in which they were let in. Rows that cannot be read any more are left out,
    /// and said to be.
    pub(super) fn jobs(&mut self, limits: &JobLimits) -> Result<Vec<JobRecord>> {
        // A disk that takes nothing any more still says which jobs there are.
        if let Err(source) = forget(&self.db, limits).and_then(|()| reopen(&self.db)) {
            tracing::warn!(%source, "the kept jobs could not be brought in order");
        }
        let mut query = self
            .db
            .prepare(
                "SELECT id, owner, key, fingerprint, model, motion, created, allowed, how, work, starts, state, ended,
                 problem_kind, problem_code, problem_words FROM jobs ORDER BY seq",
            )
            .map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            match job(row) {
                Ok(job) => jobs.push(job),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(code = error.code(), cause, "a kept job could not be read and is lost");
                }
            }
        }
        Ok(jobs)
    }
}

fn job(row: &Row<'_>) -> Result<JobRecord> {
    let get_id = |column: &str| row.get::<_, [u8; 16]>(column).map(MotionId::from).map_err(failed);
    macro_rules! get {
        ($name:literal) => {
            row.get($name).map_err(failed)?
        };
    }
    let key: Option<String> = get!("key");
    let fingerprint: Option<[u8; 32]> = get!("fingerprint");
    let idempotency = key.zip(fingerprint).map(|(key, fingerprint)| Idempotency { key, fingerprint });
    let (how, work): (Vec<u8>, Option<Vec<u8>>) = (get!("how"), get!("work"));
    let (allowed, ended): (i64, Option<i64>) = (get!("allowed"), get!("ended"));
    let motion = get_id("motion")?;
    let state: String = get!("state");
    let fate = match (ended, work) {
        (None, Some(work)) => Fate::Open { work: Box::new(unseal(&work)?), starts: get!("starts") },
        // Its result was never on the disk; no process ended over it.
        (Some(_), Some(work)) => Fate::Open { work: Box::new(unseal(&work)?), starts: 0 },
        (Some(at), None) => Fate::Ended { state: ended_state(row, &state, motion)?, at: clock::from_ms(at) },
        (None, None) => return Err(Error::corrupt("archive_damaged", "a job says nothing of its work")),
    };
    Ok(JobRecord {
        id: get_id("id")?,
        owner: get!("owner"),
        idempotency,
        model: get!("model"),
        motion,
        created: clock::from_ms(get!("created")),
        time: Duration::from_millis(allowed.unsigned_abs()),
        how: unseal(&how)?,
        fate,
    })
}

fn ended_state(row: &Row<'_>, state: &str, motion: MotionId) -> Result<JobState> {
    match state {
        "succeeded" => Ok(JobState::Succeeded(motion)),
        "cancelled" => Ok(JobState::Cancelled),
        "failed" => {
            let get = |column: &str| row.get::<_, String>(column).map_err(failed);
            let (kind, code) = (kind_of(&get("problem_kind")?), known_words::code(&get("problem_code")?));
            Ok(JobState::Failed(Arc::new(Error::new(kind, code, get("problem_words")?))))
        }
        _ => Err(Error::corrupt("archive_damaged", "a job that has ended does not say how")),
    }
}

/// Too old, or too many: those that ended and came first.
fn forget(db: &Connection, limits: &JobLimits) -> rusqlite::Result<()> {
    let oldest = SystemTime::now().checked_sub(limits.age).map_or(i64::MIN, clock::to_ms);
    db.execute("DELETE FROM jobs WHERE ended < ?1", [oldest])?;
    let limit = i64::try_from(limits.count).unwrap_or(i64::MAX);
    db.execute(
        "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE ended IS NOT NULL ORDER BY seq
         LIMIT max(0, (SELECT count(*) FROM jobs) - ?1))",
        [limit],
    )?;
    Ok(())
}

/// Those whose results could not be kept are still to be done.
fn reopen(db: &Connection) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET state = 'waiting', ended = NULL, starts = 0 WHERE ended IS NOT NULL AND work IS NOT NULL";
    db.execute(sql, []).map(drop)
}

/// The kinds of errors and what they are called here.
const KINDS: [(ErrorKind, &str); 10] = [
    (ErrorKind::Invalid, "invalid"),
    (ErrorKind::NotFound, "not_found"),
    (ErrorKind::Corrupt, "corrupt"),
    (ErrorKind::Unsupported, "unsupported"),
    (ErrorKind::Busy, "busy"),
    (ErrorKind::Unavailable, "unavailable"),
    (ErrorKind::Cancelled, "cancelled"),
    (ErrorKind::Io, "io"),
    (ErrorKind::Network, "network"),
    (ErrorKind::Internal, "internal"),
];

fn kind_name(kind: ErrorKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("internal", |(_, name)| name)
}

fn kind_of(name: &str) -> ErrorKind {
    KINDS.iter().find(|(_, known)| *known == name).map_or(ErrorKind::Internal, |(kind, _)| *kind)
}
