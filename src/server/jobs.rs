//! `/jobs/{id}`: how a generation goes that nobody waits for on the line; its events; its cancellation.

use super::AppState;
use super::access::Caller;
use super::problem::{self, Problem};
use super::query;
use crate::engine::answer::Settings;
use crate::engine::{Job, JobState, JobWatch, MAX_PREVIEW_STEPS, Viewer};
use crate::error::{Error, Result};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

type Asked = std::result::Result<Path<String>, PathRejection>;
type Answered = std::result::Result<Response, Problem>;

/// How often those who watch a waiting job are told of its place in the queue, if that has changed.
const TICK: Duration = Duration::from_millis(500);

#[derive(Serialize)]
struct View<'a> {
    id: String,
    state: &'static str,
    model: &'a str,
    prompt: &'a str,
    settings: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    age_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    links: Links,
}

#[derive(Serialize)]
struct Progress {
    step: usize,
    steps: usize,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    itself: String,
    events: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    motion: Option<String>,
}

fn view<'a>(job: &'a Job, state: &JobState) -> View<'a> {
    let address = format!("/jobs/{}", job.id());
    let (mut position, mut progress, mut motion, mut problem) = (None, None, None, None);
    match state {
        JobState::Queued { position: before } => position = Some(*before),
        JobState::Running { step, steps } => progress = Some(Progress { step: *step, steps: *steps }),
        JobState::Succeeded(id) => motion = Some(format!("/motions/{id}")),
        JobState::Failed(error) => problem = Some(Problem::from(&**error)),
        JobState::Cancelled => (),
    }
    View {
        id: job.id().to_string(),
        state: state.name(),
        model: job.model(),
        prompt: job.prompt(),
        settings: job.settings(),
        position,
        progress,
        age_seconds: job.age().as_secs(),
        problem,
        links: Links { events: format!("{address}/events"), itself: address, motion },
    }
}

fn json(job: &Job, state: &JobState) -> Result<String> {
    serde_json::to_string(&view(job, state))
        .map_err(|source| Error::internal("json", "the job could not be written").with_source(source))
}

fn respond(status: StatusCode, app: &AppState, job: &Job) -> Answered {
    let body = json(job, &job.state(&app.engine))?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    Ok((status, headers, body).into_response())
}

/// The answer to the request that made the job, once that has [begun](Job::begun).
pub fn accepted(app: &AppState, job: &Job) -> Answered {
    if let Some(error) = job.refusal() {
        return Err(Problem::from(&*error));
    }
    let mut response = respond(StatusCode::ACCEPTED, app, job)?;
    let headers = response.headers_mut();
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    if let Ok(address) = HeaderValue::try_from(format!("/jobs/{}", job.id())) {
        headers.insert(LOCATION, address);
    }
    Ok(response)
}

fn find(app: &AppState, caller: &Caller, path: &str) -> Result<Arc<Job>> {
    app.jobs.find(path, caller.name())
}

/// How it goes.
pub async fn job(State(app): State<AppState>, Extension(caller): Extension<Caller>, path: Asked) -> Answered {
    let Ok(Path(id)) = path else { return Err(problem::not_found().await) };
    let job = find(&app, &caller, &id)?;
    respond(StatusCode::OK, &app, &job)
}

/// Cancel it; one that has ended stays as it is.
pub async fn cancel(
    State(app): State<AppState>,
    Extension(caller): Extension<Caller>,
    path: Asked,
) -> Answered {
    let Ok(Path(id)) = path else { return Err(problem::not_found().await) };
    let job = find(&app, &caller, &id)?;
    job.cancel();
    job.settled().await;
    respond(StatusCode::OK, &app, &job)
}

/// Its events: `progress` now and at each change, `preview` where that is asked for, `end` last.
pub async fn events(
    State(app): State<AppState>,
    Extension(caller): Extension<Caller>,
    path: Asked,
    uri: Uri,
) -> Answered {
    let Ok(Path(id)) = path else { return Err(problem::not_found().await) };
    let job = find(&app, &caller, &id)?;
    let viewer = preview_every(&uri)?.map(|every| job.view(every));
    let mut response = Sse::new(told(app, job, viewer)).keep_alive(KeepAlive::default()).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Else nginx would keep the events until it has enough of them.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// What `?preview=N` says: show the motion after every N steps.
fn preview_every(uri: &Uri) -> std::result::Result<Option<usize>, Problem> {
    let [every] = query::read(uri, ["preview"])?;
    let Some(every) = every else { return Ok(None) };
    let every = every.parse::<usize>().ok().filter(|every| (1..=MAX_PREVIEW_STEPS).contains(every));
    every.map(Some).ok_or_else(|| {
        let message = "preview is a whole number from 1 to 64: the motion is shown after every so many steps";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_preview", message)
    })
}

struct Watcher {
    app: AppState,
    job: Arc<Job>,
    watch: JobWatch,
    /// Where previews come from, if they are wanted.
    viewer: Option<Viewer>,
    /// What was told last: state, and place or step.
    told: Option<(&'static str, usize)>,
    over: bool,
}

fn told(
    app: AppState,
    job: Arc<Job>,
    viewer: Option<Viewer>,
) -> impl Stream<Item = std::result::Result<Event, Infallible>> {
    let watcher = Watcher { app, watch: job.watch(), job, viewer, told: None, over: false };
    stream::unfold(watcher, |mut watcher| async move {
        loop {
            if watcher.over {
                return None;
            }
            let state = watcher.job.state(&watcher.app.engine);
            let number = match state {
                JobState::Queued { position } => position,
                JobState::Running { step, .. } => step,
                _ => 0,
            };
            let now = Some((state.name(), number));
            if watcher.told != now {
                watcher.told = now;
                watcher.over = state.has_ended();
                let name = if watcher.over { "end" } else { "progress" };
                // A job can always be written; were it not so, the stream ends.
                let event = Event::default().event(name).data(json(&watcher.job, &state).ok()?);
                return Some((Ok(event), watcher));
            }
            if let Some(preview) = watcher.viewer.as_mut().and_then(Viewer::fresh) {
                let event = Event::default().event("preview").data(serde_json::to_string(&*preview).ok()?);
                return Some((Ok(event), watcher));
            }
            tokio::select! {
                () = watcher.watch.changed() => (),
                () = shown(watcher.viewer.as_mut()) => (),
                () = tokio::time::sleep(TICK) => (),
            }
        }
    })
}

/// Resolves when there is something to see; never for those who do not look.
async fn shown(viewer: Option<&mut Viewer>) {
    match viewer {
        Some(viewer) => viewer.changed().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn previews_come_after_so_many_steps_or_are_refused(
            query in "[a-z0-9=&%+;.,/?!~-]{0,24}|preview=[+-]?[0-9]{0,22}", every in 1..=MAX_PREVIEW_STEPS,
        ) {
            let asked = |query: &str| format!("/jobs/0/events?{query}").parse::<Uri>();
            if let Ok(uri) = asked(&query)
                && let Ok(Some(every)) = preview_every(&uri)
            {
                prop_assert!((1..=MAX_PREVIEW_STEPS).contains(&every));
            }
            let uri = asked(&format!("preview={every}")).unwrap();
            prop_assert_eq!(preview_every(&uri).unwrap(), Some(every));
        }
    }
}
