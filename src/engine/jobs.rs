//! Generations that nobody waits for on the line: asked for once, looked at from time to time, fetched when done.
//!
//! A job is a request that was let into a model's queue and whose result goes into the engine's store. What is kept here is
//! small (no motion), bounded in number, and forgotten some time after the end. Where the engine keeps things on disk, jobs
//! outlive the process: a job is on the disk before it is acknowledged, and so is its end. One that the disk does not take is refused and
//! has never been; one whose result it does not take is made again after the next start.

mod job;
mod resume;
mod run;

pub use job::{Job, JobWatch};

use super::random::MotionId;
use super::{Asked, Engine};
use crate::error::{Error, ErrorKind, Result};
use run::start;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many jobs are known, and how long.
#[derive(Clone, Copy, Debug)]
pub struct JobLimits {
    /// At a time, those that wait and run included.
    pub count: usize,
    /// After their end.
    pub age: Duration,
}

impl Default for JobLimits {
    /// 256 jobs, an hour.
    fn default() -> Self {
        Self { count: 256, age: Duration::from_secs(3600) }
    }
}

/// What a caller gives beside the request.
#[derive(Default)]
pub struct Order {
    /// Whose job it is: only the same owner finds it. `None` = anybody's who knows its name.
    pub owner: Option<String>,
    /// Recognises the same order when it comes again.
    pub idempotency: Option<Idempotency>,
    /// Waiting included; a job that takes longer fails with `took_too_long`.
    pub time: Duration,
    /// Dropped when the job ends: a place among those of its owner.
    pub share: Option<Box<dyn Any + Send>>,
}

/// A name that the caller gave to an order, and what the order said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's name for it.
    pub key: String,
    /// Digest of the order.
    pub fingerprint: [u8; 32],
}

/// How far a job is.
#[derive(Clone, Debug)]
pub enum JobState {
    /// So many others will be served before it if none comes, those being served not counted.
    Queued {
        /// 0 = next.
        position: usize,
    },
    /// The model works on it (or is being loaded for it).
    Running {
        /// Decoding steps done.
        step: usize,
        /// Decoding steps in all, over all samples.
        steps: usize,
    },
    /// The engine has the result under this name, while it is kept.
    Succeeded(MotionId),
    /// It came to nothing.
    Failed(Arc<Error>),
    /// Its caller wanted it no more.
    Cancelled,
}

impl JobState {
    /// Nothing changes any more.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Failed(_) | Self::Cancelled)
    }

    /// As the API calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Succeeded(_) => "succeeded",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The jobs that are known.
pub struct Jobs {
    known: Mutex<VecDeque<Arc<Job>>>,
    limits: JobLimits,
}

impl Jobs {
    /// None yet.
    pub fn new(limits: JobLimits) -> Self {
        Self { known: Mutex::default(), limits }
    }

    /// Let a job in, or find the one that the same order made before (then `false`). `count` has the last word on a new one:
    /// it is asked once there is room for it, and where it refuses, the job has never been. Before it is acknowledged it has to have
    /// [begun](Job::begun) without a [refusal](Job::refusal). Has to be called inside a tokio runtime.
    ///
    /// # Errors
    /// `idempotency_key_reused` when the order had the same name and said something else; `too_many_jobs` when all that may
    /// be known are unfinished; those of [`Engine::generate`] that are known at once, and those of `count`.
    pub fn submit<E: From<Error>>(
        &self,
        engine: &Arc<Engine>,
        asked: Asked,
        order: Order,
        count: impl FnOnce() -> std::result::Result<(), E>,
    ) -> std::result::Result<(Arc<Job>, bool), E> {
        // Held throughout, so that two orders of one name cannot both come first.
        let mut known = self.swept();
        if let Some(job) = same(&known, order.owner.as_deref(), order.idempotency.as_ref())? {
            return Ok((job, false));
        }
        if known.iter().filter(|job| job.ended_at().is_none()).count() >= self.limits.count {
            let message = "too many jobs are waiting or running already; try again later";
            return Err(Error::new(ErrorKind::Busy, "too_many_jobs", message).into());
        }
        let job = start(engine, asked, order, None, count)?;
        known.push_back(job.clone());
        Ok((job, true))
    }

    /// The job that the same order of this owner made before, while it leads anywhere.
    ///
    /// # Errors
    /// `idempotency_key_reused`.
    pub fn known(&self, owner: Option<&str>, order: Option<&Idempotency>) -> Result<Option<Arc<Job>>> {
        same(&self.swept(), owner, order)
    }

    /// A job of this name that this owner may see.
    ///
    /// # Errors
    /// `unknown_job`.
    pub fn find(&self, id: &str, owner: Option<&str>) -> Result<Arc<Job>> {
        let known = self.swept();
        MotionId::parse(id)
            .and_then(|id| known.iter().find(|job| job.id() == id && job.owner() == owner).cloned())
            .ok_or_else(|| {
                let message = "there is no job of this name (any more): jobs are known for a while only";
                Error::new(ErrorKind::NotFound, "unknown_job", message)
            })
    }

    /// How many are unfinished, and how many are known in all.
    pub fn count(&self) -> (usize, usize) {
        let known = self.swept();
        (known.iter().filter(|job| job.ended_at().is_none()).count(), known.len())
    }

    /// Wait until none is unfinished, and the disk knows.
    pub async fn drained(&self) {
        let pending: Vec<_> = self.swept().iter().cloned().collect();
        for job in pending {
            job.settled().await;
        }
    }

    /// The jobs, without those that are too old, those that have never been, and the oldest of too many that have ended.
    fn swept(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|job| {
            job.refusal().is_none() && job.ended_at().is_none_or(|at| at.elapsed() < self.limits.age)
        });
        // Room is made for jobs that have begun: one that is refused takes nobody's.
        let begun = known.iter().filter(|job| job.has_begun()).count();
        for _ in self.limits.count..begun {
            let Some(oldest) = known.iter().position(|job| job.ended_at().is_some()) else { break };
            known.remove(oldest);
        }
        known
    }
}

/// The job of an order of the same name, which must have said the same. The newest, since others of that name may have come
/// to nothing before it.
fn same(
    known: &VecDeque<Arc<Job>>,
    owner: Option<&str>,
    order: Option<&Idempotency>,
) -> Result<Option<Arc<Job>>> {
    let Some(asked) = order else { return Ok(None) };
    let named = |job: &&Arc<Job>| {
        job.owner() == owner
            && job.idempotency().is_some_and(|other| other.key == asked.key)
            && !job.frees_its_name()
    };
    match known.iter().rev().find(named) {
        Some(job) if job.idempotency() == Some(asked) => Ok(Some(job.clone())),
        Some(_) => Err(Error::new(
            ErrorKind::Unsupported,
            "idempotency_key_reused",
            "this Idempotency-Key was used for another request; take a new one for each request",
        )),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
