//! From an order to a job under way, and what its task does until the end.

use super::job::{Job, Saved, Track};
use super::{JobState, Order};
use crate::engine::archive::clock;
use crate::engine::archive::ledger::{Fate, JobRecord};
use crate::engine::archive::{Archive, on_disk};
use crate::engine::drafts::Drafts;
use crate::engine::random::MotionId;
use crate::engine::task::Follower;
use crate::engine::{Admitted, Asked, Engine, Entrance, Finished};
use crate::error::{Error, ErrorKind, Result};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokio::sync::Notify;
use tracing::Instrument;

/// Let the request into its model's queue, and set a task to wait for the result. `again` is what the disk knows of a job that was
/// let in before this process began. `count` may still say no; nothing has been started then. What cannot be written down is
/// [refused](Job::refusal) a moment later.
pub(super) fn start<E: From<Error>>(
    engine: &Arc<Engine>,
    asked: Asked,
    order: Order,
    again: Option<&JobRecord>,
    count: impl FnOnce() -> std::result::Result<(), E>,
) -> std::result::Result<Arc<Job>, E> {
    let asked = asked.owned_by(order.owner.as_deref());
    let steps = asked.work.how().samples * asked.work.how().steps;
    // Only what goes to the disk needs a copy.
    let work = (again.is_none() && engine.archive().is_some())
        .then(|| Box::new((asked.work.clone(), asked.edit.clone())));
    let (track, drafts, begun) = (Track::new(steps), Arc::new(Drafts::new(steps)), Arc::new(Notify::new()));
    let told = track.clone();
    let follower = Follower {
        on_progress: Box::new(move |step, steps| told.progress(step, steps)),
        drafts: Some(drafts.clone()),
        begun: begun.clone(),
    };
    let entrance = again.map_or(Entrance::New, |record| Entrance::Again(record.motion));
    let admitted = engine.admit(asked, follower, entrance)?;
    let pending = &admitted.pending;
    let record = JobRecord {
        id: again.map_or_else(MotionId::random, |record| Ok(record.id))?,
        owner: order.owner.clone(),
        idempotency: order.idempotency.clone(),
        model: pending.model.clone(),
        motion: pending.id,
        created: again.map_or_else(SystemTime::now, |record| record.created),
        time: order.time,
        how: pending.request.clone(),
        // Without work it is there already, or nowhere.
        fate: work.map_or(Fate::Known, |work| Fate::Open { work, starts: 0 }),
    };
    // Dropping what was let in takes it out of the queue again.
    count()?;
    let created = again.map_or_else(Instant::now, |record| clock::instant(record.created));
    let job = Arc::new(Job::pending(&record, created, pending.place, drafts, track));
    let task = Task { job: job.clone(), engine: engine.clone() };
    tokio::spawn(task.run(admitted, record, order, begun).in_current_span());
    Ok(job)
}

/// Sees to a job until its end.
struct Task {
    job: Arc<Job>,
    engine: Arc<Engine>,
}

impl Task {
    async fn run(self, admitted: Admitted, record: JobRecord, order: Order, begun: Arc<Notify>) {
        let Self { job, engine } = self;
        let (id, archive) = (job.id(), engine.archive());
        if record.is_new() {
            let is_kept = on_disk(archive, move |archive| archive.begin_job(&record)).await;
            if !is_kept.unwrap_or(false) {
                // Before anybody is told, so that whoever tries again finds the places free.
                drop((admitted, order.share));
                return job.refuse();
            }
        }
        job.note_saved(Saved::Begun);
        let mut noted = None;
        let outcome = {
            let mut result = pin!(tokio::time::timeout(order.time, engine.kept_result(admitted)));
            loop {
                tokio::select! {
                    outcome = &mut result => break Some(outcome.unwrap_or_else(|_| Err(too_long()))),
                    () = job.cancel.notified() => break None,
                    // Comes once.
                    () = begun.notified() => {
                        let archive = archive.cloned();
                        let note = move |archive: Arc<Archive>| tokio::task::spawn_blocking(move || archive.job_runs(id));
                        noted = archive.map(note);
                    }
                }
            }
        };
        if let Some(noted) = noted {
            // What is written next has to come after it. A panic in there is in the log.
            let _ = noted.await;
        }
        let is_postponed =
            archive.is_some() && matches!(&outcome, Some(Err(error)) if error.code() == "shutting_down");
        let is_unkept = matches!(&outcome, Some(Ok((_, false))));
        let state = outcome.map_or(JobState::Cancelled, ended);
        let (wanted, kept) = (state.name(), state.clone());
        on_disk(archive, move |archive| match kept {
            // The next start takes it up again.
            _ if is_postponed => archive.pause_job(id),
            _ if is_unkept => archive.end_job_unkept(id),
            state => archive.end_job(id, &state),
        })
        .await;
        job.end(state);
        // Somebody may have cancelled it in the meantime, and has been told so.
        if let Some(true_end) = job.end_state().filter(|end| end.name() != wanted) {
            on_disk(archive, move |archive| archive.end_job(id, &true_end)).await;
        }
        job.note_saved(Saved::Settled);
        let ms = job.age().as_millis() as u64;
        tracing::info!(state = job.state(&engine).name(), ms, "job ended");
        drop(order.share);
    }
}

/// The end that an outcome is.
fn ended(outcome: Result<(Arc<Finished>, bool)>) -> JobState {
    match outcome {
        Ok((finished, _)) => JobState::Succeeded(finished.id),
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
