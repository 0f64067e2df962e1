//! `POST /generate`: JSON in, motion out; or a job, when the caller would rather not wait.

use super::access::Caller;
use super::body::Body;
use super::jobs;
use super::keys::Share;
use super::motions::{self, off_thread};
use super::negotiate::Form;
use super::preferences::{self, Prefer};
use super::problem::Problem;
use super::{AppState, body};
use crate::engine::{Asked, Content, Finished, Idempotency, Job, JobState, Order, RawRequest, ResultFile};
use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The request's rules are those of [`RawRequest::validate`].
pub async fn generate(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let mut question = Question::read(&state, request, body::MAX_BYTES).await?;
    let raw = RawRequest::from_json(&std::mem::take(&mut question.body).bytes)?;
    let asked = state.engine.filled(raw).validate()?.into();
    if let Some(job) = question.known(&state, &caller).await? {
        return told(&state, &question, &job).await;
    }
    let share = caller.place()?;
    answer(&state, &caller, &question, asked, share).await
}

/// A request for a motion as it came.
pub struct Question {
    headers: HeaderMap,
    form: Form,
    /// What the caller calls it, and what it says.
    idempotency: Option<Idempotency>,
    /// To be taken out and dropped as soon as it has been understood: the answer may be minutes away.
    pub body: Body,
}

impl Question {
    /// Read it: the address and the headers first, then a body of at most `limit` bytes.
    pub async fn read(state: &AppState, request: Request, limit: usize) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let form = Form::of(request.uri(), &headers)?;
        let body = body::read_json(request, limit, state.times.body, &state.large).await?;
        let idempotency = preferences::idempotency(&headers, &body.bytes)?;
        Ok(Self { headers, form, idempotency, body })
    }

    /// The job of the same order that came before; it takes no further share of its caller's limits. One whose result has
    /// been removed or has made room leads nowhere: the order is done again under the same name.
    pub async fn known(&self, state: &AppState, caller: &Caller) -> Result<Option<Arc<Job>>, Problem> {
        let Some(job) = state.jobs.known(caller.name(), self.idempotency.as_ref())? else { return Ok(None) };
        if let JobState::Succeeded(id) = job.state(&state.engine)
            && state.engine.fetch(&id.to_string()).await.is_err()
        {
            job.make_void();
            return Ok(None);
        }
        Ok(Some(job))
    }
}

/// Have it done as the headers wish, in the place `share` of the caller's. A caller who leaves cancels the work, unless it is a
/// job or has an `Idempotency-Key`, with which it can be asked for again.
pub async fn answer(
    state: &AppState,
    caller: &Caller,
    question: &Question,
    asked: Asked,
    share: Share,
) -> Result<Response, Problem> {
    let Question { headers, form, idempotency, .. } = question;
    form.holds(asked.samples())?;
    let asked = asked.owned_by(caller.name());
    let respond_async = Prefer::of(headers).respond_async;
    if !respond_async && idempotency.is_none() {
        let time = preferences::time(headers, state.times.answer)?;
        let _share = share;
        let admitted = state.engine.submit(asked)?;
        caller.count()?;
        let finished = tokio::time::timeout(time, state.engine.result(admitted)).await;
        return motion(finished.map_err(|_| took_too_long())??, *form).await;
    }
    let limit = if respond_async { state.times.job } else { state.times.answer };
    let order = Order {
        owner: caller.name().map(str::to_owned),
        idempotency: idempotency.clone(),
        time: preferences::time(headers, limit)?,
        share: Some(Box::new(share)),
    };
    let (job, _) = state.jobs.submit(&state.engine, asked, order, || caller.count())?;
    told(state, question, &job).await
}

/// What came of a job, or how it goes, as the headers wish.
pub async fn told(state: &AppState, question: &Question, job: &Job) -> Result<Response, Problem> {
    let (prefer, form) = (Prefer::of(&question.headers), question.form);
    form.holds(job.settings().samples)?;
    if prefer.respond_async {
        // What is answered now outlives the process, where jobs do.
        job.begun().await;
        // Running out of patience is no failure: the job goes on.
        let _ = tokio::time::timeout(prefer.wait, job.ended()).await;
        return jobs::accepted(state, job);
    }
    // One that was asked for before has a time of its own, perhaps much longer; it goes on.
    let time = preferences::time(&question.headers, state.times.answer)?;
    tokio::time::timeout(time, job.ended()).await.map_err(|_| took_too_long())?;
    match job.state(&state.engine) {
        JobState::Succeeded(id) => motion(state.engine.fetch(&id.to_string()).await?, form).await,
        JobState::Failed(error) => Err(Problem::from(&*error)),
        _ => Err(Problem::new(StatusCode::CONFLICT, "job_cancelled", "this generation was cancelled")),
    }
}

async fn motion(finished: Arc<Finished>, form: Form) -> Result<Response, Problem> {
    let headers = [(CONTENT_TYPE, form.media_type()), (CACHE_CONTROL, "no-store"), (VARY, "accept")];
    let timings = motions::timings(&finished);
    let Form::File(file) = form else {
        let json = off_thread(move || motions::answer(&finished)).await?;
        return Ok((headers, timings, json).into_response());
    };
    let file = ResultFile { sample: 0, content: Content::Shown(file) };
    let names = motions::names(&finished, file);
    let bytes = off_thread(move || file.bytes(&finished)).await?;
    Ok((headers, timings, names, bytes).into_response())
}

/// The caller's or the server's time is over.
pub fn took_too_long() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "took_too_long",
        "this took longer than the server allows; ask for fewer samples, steps or frames",
    )
}
