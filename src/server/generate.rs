//! `POST /generate`: JSON in, motion out; or a job, when the caller would rather not wait.

use super::access::Caller;
use super::jobs;
use super::motions::{self, off_thread};
use super::negotiate::Form;
use super::preferences::{self, Prefer};
use super::problem::Problem;
use super::{AppState, body};
use crate::engine::{Asked, Content, Finished, Job, JobState, Order, RawRequest, ResultFile};
use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::sync::Arc;

/// The request's rules are those of [`RawRequest::validate`].
pub async fn generate(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let question = Question::read(&state, request, body::MAX_BYTES).await?;
    let asked = RawRequest::from_json(&question.body)?.validate()?.into();
    answer(&state, &caller, &question, asked).await
}

/// A request for a motion as it came.
pub struct Question {
    headers: HeaderMap,
    form: Form,
    /// At most as large as was allowed.
    pub body: Vec<u8>,
}

impl Question {
    /// Read it: the address and the headers first, then a body of at most `limit` bytes.
    pub async fn read(state: &AppState, request: Request, limit: usize) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let form = Form::of(request.uri(), &headers)?;
        let body = body::read_json(request, limit, state.times.body).await?;
        Ok(Self { headers, form, body })
    }
}

/// Have it done as the headers wish. A caller who leaves cancels the work, unless it is a job or has an `Idempotency-Key`,
/// with which it can be asked for again.
pub async fn answer(
    state: &AppState,
    caller: &Caller,
    question: &Question,
    asked: Asked,
) -> Result<Response, Problem> {
    let Question { headers, form, body } = question;
    let form = *form;
    form.holds(asked.samples())?;
    let asked = asked.owned_by(caller.name());
    let prefer = Prefer::of(headers);
    let idempotency = preferences::idempotency(headers, body)?;
    if !prefer.respond_async && idempotency.is_none() {
        let time = preferences::time(headers, state.times.answer)?;
        let _share = caller.admit()?;
        let finished = tokio::time::timeout(time, state.engine.run(asked)).await;
        return motion(finished.map_err(|_| took_too_long())??, form).await;
    }
    let limit = if prefer.respond_async { state.times.job } else { state.times.answer };
    let order = Order {
        owner: caller.name().map(str::to_owned),
        idempotency,
        time: preferences::time(headers, limit)?,
        share: None,
    };
    let job = submit(state, caller, asked, order)?;
    if prefer.respond_async {
        // What is answered now outlives the process, where jobs do.
        job.begun().await;
        // Running out of patience is no failure: the job goes on.
        let _ = tokio::time::timeout(prefer.wait, job.ended()).await;
        return jobs::accepted(state, &job);
    }
    job.ended().await;
    match job.state(&state.engine) {
        JobState::Succeeded(id) => motion(state.engine.fetch(&id.to_string()).await?, form).await,
        JobState::Failed(error) => Err(Problem::from(&*error)),
        _ => Err(Problem::new(StatusCode::CONFLICT, "job_cancelled", "this generation was cancelled")),
    }
}

/// An order that came before takes no further share of its caller's limits.
fn submit(state: &AppState, caller: &Caller, asked: Asked, mut order: Order) -> Result<Arc<Job>, Problem> {
    if let Some(job) = state.jobs.known(&order)? {
        return Ok(job);
    }
    order.share = caller.admit()?.map(|share| Box::new(share) as Box<dyn Any + Send>);
    let (job, _) = state.jobs.submit(&state.engine, asked, order)?;
    Ok(job)
}

async fn motion(finished: Arc<Finished>, form: Form) -> Result<Response, Problem> {
    let headers = [(CONTENT_TYPE, form.media_type()), (CACHE_CONTROL, "no-store"), (VARY, "accept")];
    let Form::File(file) = form else {
        let json = off_thread(move || motions::answer(&finished)).await?;
        return Ok((headers, json).into_response());
    };
    let file = ResultFile { sample: 0, content: Content::Shown(file) };
    let names = motions::names(&finished, file);
    let bytes = off_thread(move || file.bytes(&finished)).await?;
    Ok((headers, names, bytes).into_response())
}

/// The caller's or the server's time is over.
pub fn took_too_long() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "took_too_long",
        "this took longer than the server allows; ask for fewer samples, steps or frames",
    )
}
