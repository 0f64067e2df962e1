//! One order and how it goes.

use super::{Idempotency, JobState};
use crate::engine::answer::Settings;
use crate::engine::archive::clock;
use crate::engine::archive::ledger::JobRecord;
use crate::engine::drafts::{Drafts, Viewer};
use crate::engine::random::MotionId;
use crate::engine::{Engine, Place};
use crate::error::{Error, ErrorKind};
use crate::generate::GenerateRequest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, watch};

/// Code of a job that was refused because it could not be written down.
const NOT_KEPT: &str = "job_not_kept";

/// What the job's task knows. Whether it still waits is the queue's knowledge.
#[derive(Clone, Debug)]
enum Inner {
    Pending { step: usize, steps: usize },
    Ended { state: JobState, at: Instant },
}

/// Where a job's progress is told, before there is a job and after.
#[derive(Clone)]
pub(super) struct Track(watch::Sender<Inner>);

impl Track {
    /// Nothing done yet, of so many decoding steps.
    pub(super) fn new(steps: usize) -> Self {
        Self(watch::channel(Inner::Pending { step: 0, steps }).0)
    }

    /// So many steps are done; nothing changes where the job has ended.
    pub(super) fn progress(&self, step: usize, steps: usize) {
        self.0.send_if_modified(|inner| {
            let pending = matches!(inner, Inner::Pending { .. });
            if pending {
                *inner = Inner::Pending { step, steps };
            }
            pending
        });
    }
}

/// What the disk knows; where nothing is kept there, what it would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Saved {
    /// Nothing yet.
    Nothing,
    /// That there is such a job.
    Begun,
    /// How it ended.
    Settled,
}

/// One order and how it goes.
pub struct Job {
    id: MotionId,
    owner: Option<String>,
    idempotency: Option<Idempotency>,
    /// Its result is gone.
    is_void: AtomicBool,
    model: String,
    request: GenerateRequest,
    /// Of jobs that ended before this process began there is none.
    place: Option<Place>,
    created: Instant,
    inner: Track,
    saved: watch::Sender<Saved>,
    drafts: Arc<Drafts>,
    pub(super) cancel: Notify,
}

impl Job {
    /// A job that stands in the queue at `place` and was asked for at `created`; the calendar does not tell, which may be set meanwhile.
    pub(super) fn pending(
        record: &JobRecord,
        created: Instant,
        place: Place,
        drafts: Arc<Drafts>,
        track: Track,
    ) -> Self {
        // Where there is nothing to be written down, nothing is waited for.
        let saved = if record.is_new() { Saved::Nothing } else { Saved::Begun };
        Self::new(record, created, Some(place), drafts, track, saved)
    }

    /// A job that ended before.
    pub(super) fn past(record: &JobRecord, state: JobState, at: SystemTime) -> Self {
        let drafts = Arc::new(Drafts::new(record.how.samples * record.how.steps));
        let ended = Inner::Ended { state, at: clock::instant(at) };
        let created = clock::instant(record.created);
        Self::new(record, created, None, drafts, Track(watch::channel(ended).0), Saved::Settled)
    }

    fn new(
        record: &JobRecord,
        created: Instant,
        place: Option<Place>,
        drafts: Arc<Drafts>,
        inner: Track,
        saved: Saved,
    ) -> Self {
        Self {
            id: record.id,
            owner: record.owner.clone(),
            idempotency: record.idempotency.clone(),
            is_void: AtomicBool::new(false),
            model: record.model.clone(),
            request: record.how.clone(),
            place,
            created,
            inner,
            saved: watch::channel(saved).0,
            drafts,
            cancel: Notify::new(),
        }
    }

    /// Its name; knowing it is the right to see it, unless it has an owner.
    pub fn id(&self) -> MotionId {
        self.id
    }

    /// Whose it is.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    pub(super) fn idempotency(&self) -> Option<&Idempotency> {
        self.idempotency.as_ref()
    }

    /// Its result is gone: the same order may be done again under the same name.
    pub fn make_void(&self) {
        self.is_void.store(true, Relaxed);
    }

    /// The name that its caller gave it stands for it no longer. A caller whom an answer told to try again later has to be
    /// able to; one whose order takes too long would only have it take too long again.
    pub(super) fn frees_its_name(&self) -> bool {
        let passes =
            |error: &Error| error.kind() == ErrorKind::Unavailable && error.code() != "took_too_long";
        self.is_void.load(Relaxed)
            || matches!(self.end_state(), Some(JobState::Failed(error)) if passes(&error))
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
        let (step, steps) = match &*self.inner.0.borrow() {
            Inner::Ended { state, .. } => return state.clone(),
            Inner::Pending { step, steps } => (*step, *steps),
        };
        match self.place.and_then(|place| engine.waiting_before(place)) {
            Some(position) => JobState::Queued { position },
            None => JobState::Running { step, steps },
        }
    }

    /// The state of one that has ended.
    pub(super) fn end_state(&self) -> Option<JobState> {
        match &*self.inner.0.borrow() {
            Inner::Ended { state, .. } => Some(state.clone()),
            Inner::Pending { .. } => None,
        }
    }

    /// Resolves with each step done, and at the end; for those who watch.
    pub fn watch(&self) -> JobWatch {
        JobWatch(self.inner.0.subscribe())
    }

    /// Have it show the motion as it emerges, after every `every` steps; for those who watch. Edits have nothing to show.
    pub fn view(&self, every: usize) -> Viewer {
        self.drafts.view(every)
    }

    /// Wait for its end.
    pub async fn ended(&self) {
        // The sender is `self`'s: it does not go away meanwhile.
        let _ = self.inner.0.subscribe().wait_for(|inner| matches!(inner, Inner::Ended { .. })).await;
    }

    /// Wait until it outlives the process, where jobs do: then it may be acknowledged, unless there is a [`Job::refusal`].
    pub async fn begun(&self) {
        self.saved(Saved::Begun).await;
    }

    /// It has begun, as [`Job::begun`] says.
    pub(super) fn has_begun(&self) -> bool {
        *self.saved.borrow() >= Saved::Begun
    }

    /// Why it has never been: it could not be written down where jobs have to outlive the process.
    pub fn refusal(&self) -> Option<Arc<Error>> {
        match self.end_state() {
            Some(JobState::Failed(error)) if error.code() == NOT_KEPT => Some(error),
            _ => None,
        }
    }

    /// Nobody may be told that there is such a job.
    pub(super) fn refuse(&self) {
        let message = "the server could not write this job down, most likely because its disk is full; try again once there is \
                       room, or ask without Prefer: respond-async and Idempotency-Key and wait for the motion";
        let error = Error::new(ErrorKind::Unavailable, NOT_KEPT, message);
        self.end(JobState::Failed(Arc::new(error)));
        self.note_saved(Saved::Settled);
    }

    /// Wait until its end outlives the process, where jobs do.
    pub async fn settled(&self) {
        self.saved(Saved::Settled).await;
    }

    async fn saved(&self, at_least: Saved) {
        let _ = self.saved.subscribe().wait_for(|saved| *saved >= at_least).await;
    }

    pub(super) fn note_saved(&self, saved: Saved) {
        self.saved.send_replace(saved);
    }

    /// End it, unless it has ended. The model stops after its current decoding step.
    pub fn cancel(&self) {
        self.end(JobState::Cancelled);
        self.cancel.notify_one();
    }

    /// The first end counts.
    pub(super) fn end(&self, state: JobState) {
        self.inner.0.send_if_modified(|inner| {
            let pending = matches!(inner, Inner::Pending { .. });
            if pending {
                *inner = Inner::Ended { state, at: Instant::now() };
            }
            pending
        });
    }

    pub(super) fn ended_at(&self) -> Option<Instant> {
        match &*self.inner.0.borrow() {
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
