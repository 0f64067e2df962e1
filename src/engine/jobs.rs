//! Generations that nobody waits for on the line: asked for once, looked at from time to time, fetched when done.
//!
//! A job is a request that was let into a model's queue and whose result goes into the engine's store. What is kept here is
//! small (no motion), bounded in number, and forgotten some time after the end. Jobs do not outlive the process.

use super::answer::Settings;
use super::drafts::{Drafts, Viewer};
use super::random::MotionId;
use super::worker::Follower;
use super::{Asked, Engine, Finished, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::generate::GenerateRequest;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tracing::Instrument;

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
    /// So many others will be served before it, the one being served not counted.
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

/// What the job's task knows. Whether it still waits is the queue's knowledge.
#[derive(Clone, Debug)]
enum Inner {
    Pending { step: usize, steps: usize },
    Ended { state: JobState, at: Instant },
}

/// One order and how it goes.
pub struct Job {
    id: MotionId,
    owner: Option<String>,
    idempotency: Option<Idempotency>,
    model: String,
    request: GenerateRequest,
    place: Place,
    created: Instant,
    inner: watch::Sender<Inner>,
    drafts: Arc<Drafts>,
    cancel: Notify,
}

impl Job {
    /// Its name; knowing it is the right to see it, unless it has an owner.
    pub fn id(&self) -> MotionId {
        self.id
    }

    /// Name of the model asked.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The sentence.
    pub fn prompt(&self) -> &str {
        &self.request.prompt
    }

    /// All defaults resolved.
    pub fn settings(&self) -> Settings {
        (&self.request).into()
    }

    /// Time since it was let in.
    pub fn age(&self) -> Duration {
        self.created.elapsed()
    }

    /// How far it is.
    pub fn state(&self, engine: &Engine) -> JobState {
        let (step, steps) = match &*self.inner.borrow() {
            Inner::Ended { state, .. } => return state.clone(),
            Inner::Pending { step, steps } => (*step, *steps),
        };
        match engine.waiting_before(self.place) {
            Some(position) => JobState::Queued { position },
            None => JobState::Running { step, steps },
        }
    }

    /// Resolves with each step done, and at the end; for those who watch.
    pub fn watch(&self) -> JobWatch {
        JobWatch(self.inner.subscribe())
    }

    /// Have it show the motion as it emerges, after every `every` steps; for those who watch. Edits have nothing to show.
    pub fn view(&self, every: usize) -> Viewer {
        self.drafts.view(every)
    }

    /// Wait for its end.
    pub async fn ended(&self) {
        // The sender is `self`'s: it does not go away meanwhile.
        let _ = self.inner.subscribe().wait_for(|inner| matches!(inner, Inner::Ended { .. })).await;
    }

    /// End it, unless it has ended. The model stops after its current decoding step.
    pub fn cancel(&self) {
        self.end(JobState::Cancelled);
        self.cancel.notify_one();
    }

    /// The first end counts.
    fn end(&self, state: JobState) {
        self.inner.send_if_modified(|inner| {
            let pending = matches!(inner, Inner::Pending { .. });
            if pending {
                *inner = Inner::Ended { state, at: Instant::now() };
            }
            pending
        });
    }

    fn ended_at(&self) -> Option<Instant> {
        match &*self.inner.borrow() {
            Inner::Ended { at, .. } => Some(*at),
            Inner::Pending { .. } => None,
        }
    }
}

/// Tells of changes of a job.
pub struct JobWatch(watch::Receiver<Inner>);

impl JobWatch {
    /// The next change; never resolves again once the job is forgotten.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
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

    /// Let a job in, or find the one that the same order made before (then `false`). Has to be called inside a tokio runtime.
    ///
    /// # Errors
    /// `idempotency_key_reused` when the order had the same name and said something else; `too_many_jobs` when all that may
    /// be known are unfinished; and those of [`Engine::generate`] that are known at once.
    pub fn submit(&self, engine: &Arc<Engine>, asked: Asked, order: Order) -> Result<(Arc<Job>, bool)> {
        // Held throughout, so that two orders of one name cannot both come first.
        let mut known = self.swept();
        if let Some(job) = same(&known, &order)? {
            return Ok((job, false));
        }
        if known.len() >= self.limits.count {
            let oldest = known.iter().position(|job| job.ended_at().is_some()).ok_or_else(|| {
                let message = "too many jobs are waiting or running already; try again later";
                Error::new(ErrorKind::Busy, "too_many_jobs", message)
            })?;
            known.remove(oldest);
        }
        let job = start(engine, asked, order)?;
        known.push_back(job.clone());
        Ok((job, true))
    }

    /// The job that the same order made before.
    ///
    /// # Errors
    /// `idempotency_key_reused`.
    pub fn known(&self, order: &Order) -> Result<Option<Arc<Job>>> {
        same(&self.swept(), order)
    }

    /// A job of this name that this owner may see.
    ///
    /// # Errors
    /// `unknown_job`.
    pub fn find(&self, id: &str, owner: Option<&str>) -> Result<Arc<Job>> {
        let known = self.swept();
        MotionId::parse(id)
            .and_then(|id| known.iter().find(|job| job.id == id && job.owner.as_deref() == owner).cloned())
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

    /// Wait until none is unfinished.
    pub async fn drained(&self) {
        let pending: Vec<_> = self.swept().iter().cloned().collect();
        for job in pending {
            job.ended().await;
        }
    }

    /// The jobs, without those that are too old.
    fn swept(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|job| job.ended_at().is_none_or(|at| at.elapsed() < self.limits.age));
        known
    }
}

/// The job of an order of the same name, which must have said the same.
fn same(known: &VecDeque<Arc<Job>>, order: &Order) -> Result<Option<Arc<Job>>> {
    let Some(asked) = &order.idempotency else { return Ok(None) };
    let named = |job: &&Arc<Job>| {
        job.owner == order.owner && job.idempotency.as_ref().is_some_and(|other| other.key == asked.key)
    };
    match known.iter().find(named) {
        Some(job) if job.idempotency.as_ref() == Some(asked) => Ok(Some(job.clone())),
        Some(_) => Err(Error::new(
            ErrorKind::Unsupported,
            "idempotency_key_reused",
            "this Idempotency-Key was used for another request; take a new one for each request",
        )),
        None => Ok(None),
    }
}

/// Let the request into its model's queue, and set a task to wait for the result.
fn start(engine: &Arc<Engine>, asked: Asked, order: Order) -> Result<Arc<Job>> {
    let how = asked.work.how();
    let steps = how.samples * how.steps;
    let (inner, _) = watch::channel(Inner::Pending { step: 0, steps });
    let progress = inner.clone();
    let on_progress = Box::new(move |step: usize, steps: usize| {
        progress.send_if_modified(|inner| {
            let pending = matches!(inner, Inner::Pending { .. });
            if pending {
                *inner = Inner::Pending { step, steps };
            }
            pending
        });
    });
    let drafts = Arc::new(Drafts::new(steps));
    let follower = Follower { on_progress, drafts: Some(drafts.clone()) };
    let admitted = engine.admit(asked, follower)?;
    let pending = &admitted.pending;
    let job = Arc::new(Job {
        id: MotionId::random()?,
        owner: order.owner,
        idempotency: order.idempotency,
        model: pending.model.clone(),
        request: pending.request.clone(),
        place: pending.place,
        created: Instant::now(),
        inner,
        drafts,
        cancel: Notify::new(),
    });
    let (task, engine, share, time) = (job.clone(), engine.clone(), order.share, order.time);
    let work = async move {
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(time, engine.result(admitted)) => outcome,
            () = task.cancel.notified() => {
                tracing::info!("job cancelled");
                return;
            }
        };
        let ms = task.age().as_millis() as u64;
        task.end(outcome_state(outcome.unwrap_or_else(|_| Err(too_long()))));
        tracing::info!(state = task.state(&engine).name(), ms, "job ended");
        drop(share);
    };
    tokio::spawn(work.in_current_span());
    Ok(job)
}

fn outcome_state(outcome: Result<Arc<Finished>>) -> JobState {
    match outcome {
        Ok(finished) => JobState::Succeeded(finished.id),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.as_deref().and_then(|cause| cause.lines().next());
            tracing::error!(code = error.code(), %error, cause, "job failed");
            JobState::Failed(Arc::new(error))
        }
    }
}

fn too_long() -> Error {
    let message = "this job took longer than the server allows; ask for fewer samples, steps or frames";
    Error::new(ErrorKind::Unavailable, "took_too_long", message)
}

#[cfg(test)]
mod tests;
