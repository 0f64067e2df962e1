//! The jobs of an earlier process: those that had ended are known again, the others are done.

use super::job::Job;
use super::run::start;
use super::{JobState, Jobs, Order};
use crate::engine::archive::ledger::{Fate, JobRecord};
use crate::engine::archive::on_disk;
use crate::engine::{Asked, Engine};
use crate::error::Error;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

/// A job that a model has begun with so often, each time up to the end of the process, is what ends it.
const MAX_STARTS: u32 = 3;

impl Jobs {
    /// Take up the jobs that the engine's archive knows, in the order in which they were let in and before all others. To be
    /// called once, before anything is let in, inside a tokio runtime.
    pub async fn resume(&self, engine: &Arc<Engine>) {
        let Some(records) = on_disk(engine.archive(), |archive| archive.jobs()).await else { return };
        let (mut resumed, count) = (0, records.len());
        for record in records {
            let job = match &record.fate {
                Fate::Ended { state, at } => Arc::new(Job::past(&record, state.clone(), *at)),
                _ => match again(engine, &record).await {
                    Ok(job) => {
                        resumed += 1;
                        job
                    }
                    Err(state) => ended(engine, &record, state).await,
                },
            };
            self.known.lock().unwrap_or_else(PoisonError::into_inner).push_back(job);
        }
        if count > 0 {
            tracing::info!(known = count, resumed, "took up the jobs of before");
        }
    }
}

/// Let it in again, or say how it ended.
async fn again(engine: &Arc<Engine>, record: &JobRecord) -> Result<Arc<Job>, JobState> {
    let motion = record.motion;
    if on_disk(engine.archive(), move |archive| archive.has(motion)).await.unwrap_or(false) {
        // The process ended between the result and the note of it.
        return Err(JobState::Succeeded(motion));
    }
    let failed = |error: Error| {
        tracing::error!(code = error.code(), %error, "a job of before could not be taken up");
        JobState::Failed(Arc::new(error))
    };
    let Fate::Open { work, starts } = &record.fate else {
        return Err(failed(Error::internal("internal", "a kept job says nothing of its work")));
    };
    if *starts >= MAX_STARTS {
        let message = "the process ended while a model worked on this job, each time that it was tried";
        return Err(failed(Error::internal("model_failure", message)));
    }
    let (work, edit) = (**work).clone();
    let asked = Asked { model: Some(record.model.clone()), work, edit, owner: None };
    let order = Order {
        owner: record.owner.clone(),
        idempotency: record.idempotency.clone(),
        time: record.time,
        share: None,
    };
    start(engine, asked, order, Some(record), || Ok(())).map_err(failed)
}

async fn ended(engine: &Engine, record: &JobRecord, state: JobState) -> Arc<Job> {
    let (id, kept) = (record.id, state.clone());
    on_disk(engine.archive(), move |archive| archive.end_job(id, &kept)).await;
    Arc::new(Job::past(record, state, SystemTime::now()))
}
