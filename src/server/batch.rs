//! `POST /generate/batch`: several sentences in one request, each with a result or a problem of its own.

use super::access::Caller;
use super::generate::took_too_long;
use super::keys::Share;
use super::motions::{self, off_thread};
use super::problem::Problem;
use super::{AppState, body, negotiate, preferences};
use crate::engine::{Admitted, Asked, ValidRequest, batch};
use crate::error::{Error, ErrorKind};
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tracing::{Instrument, Span};

/// Requests of a batch that wait or run at a time: the model always finds the next one, and others find room.
const AT_ONCE: usize = 2;
/// How often a batch under way that finds the queue full looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Lines of JSON, each sent when it is known.
pub const NDJSON: &str = "application/x-ndjson";

/// One of the requests.
enum Member {
    Refused(Error),
    Asked(ValidRequest),
    LetIn(Admitted),
}

/// What all members share.
struct Desk {
    state: AppState,
    caller: Caller,
    /// For each member, from its turn on.
    time: Duration,
    /// The batch's place among those of its key.
    _share: Share,
}

/// The requests' rules are those of [`batch::read`]. A caller who leaves cancels what is not done.
pub async fn batch(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    if headers.contains_key("idempotency-key") {
        let message = "a batch takes no Idempotency-Key: ask for each motion by itself to give it one";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", message));
    }
    let time = preferences::time(&headers, state.times.answer)?;
    let body = body::read_json(request, body::MAX_BATCH_BYTES, state.times.body, &state.large).await?;
    let members = batch::read(&state.engine, &body.bytes)?;
    drop(body);
    let share = caller.place()?;
    let members = begun(&state, &caller, members)?;
    if members.iter().any(|member| matches!(member, Member::LetIn(_))) {
        caller.count()?;
    }
    let desk = Arc::new(Desk { state, caller, time, _share: share });
    // Lines are made while the answer is read, when its handler is over.
    let span = Span::current();
    let made = stream::iter(members.into_iter().enumerate())
        .map(move |(index, member)| {
            let desk = desk.clone();
            async move { (index, desk.line(index, member).await) }.instrument(span.clone())
        })
        .buffer_unordered(AT_ONCE);
    Ok(if wants_lines(&headers) { lines(made) } else { whole(made).await })
}

fn wants_lines(headers: &HeaderMap) -> bool {
    negotiate::liking(headers, NDJSON) > negotiate::liking(headers, "application/json")
}

/// Let the first member in before anything is answered, so that a server without room says so for the whole batch.
fn begun(
    state: &AppState,
    caller: &Caller,
    members: Vec<Result<ValidRequest, Error>>,
) -> Result<Vec<Member>, Problem> {
    let mut members: Vec<_> =
        members.into_iter().map(|member| member.map_or_else(Member::Refused, Member::Asked)).collect();
    for member in &mut members {
        let Member::Asked(request) = member else { continue };
        match state.engine.submit(asked(request, caller)) {
            Ok(admitted) => {
                *member = Member::LetIn(admitted);
                break;
            }
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Unavailable) => {
                return Err(error.into());
            }
            Err(error) => *member = Member::Refused(error),
        }
    }
    Ok(members)
}

fn asked(request: &ValidRequest, caller: &Caller) -> Asked {
    Asked::from(request.clone()).owned_by(caller.name())
}

impl Desk {
    /// `{"index":…,"motion":…}` or `{"index":…,"problem":…}`.
    async fn line(&self, index: usize, member: Member) -> Vec<u8> {
        let made = tokio::time::timeout(self.time, self.make(member)).await;
        match made.unwrap_or_else(|_| Err(took_too_long())) {
            Ok(motion) => {
                let mut line = format!("{{\"index\":{index},\"motion\":").into_bytes();
                line.extend(motion);
                line.push(b'}');
                line
            }
            Err(problem) => json!({"index": index, "problem": problem}).to_string().into_bytes(),
        }
    }

    /// The motion as `POST /generate` answers it.
    async fn make(&self, member: Member) -> Result<Vec<u8>, Problem> {
        let admitted = match member {
            Member::Refused(error) => return Err(error.into()),
            Member::LetIn(admitted) => admitted,
            Member::Asked(request) => {
                // Who has none left need not wait for room.
                self.caller.look()?;
                let admitted = self.let_in(&request).await?;
                self.caller.count()?;
                admitted
            }
        };
        let finished = self.state.engine.result(admitted).await?;
        Ok(off_thread(move || motions::answer(&finished)).await?)
    }

    /// Waits for room: the batch has begun and others may have filled the queue meanwhile.
    async fn let_in(&self, request: &ValidRequest) -> Result<Admitted, Error> {
        loop {
            match self.state.engine.submit(asked(request, &self.caller)) {
                Err(error) if error.kind() == ErrorKind::Busy => tokio::time::sleep(LOOK_AGAIN).await,
                let_in => return let_in,
            }
        }
    }
}

/// A line a member, in the order in which they are done.
fn lines(made: impl Stream<Item = (usize, Vec<u8>)> + Send + 'static) -> Response {
    let lines = made.map(|(_, mut line)| {
        line.push(b'\n');
        Ok::<_, Infallible>(Bytes::from(line))
    });
    let headers =
        [(CONTENT_TYPE.as_str(), NDJSON), (CACHE_CONTROL.as_str(), "no-store"), ("x-accel-buffering", "no")];
    (headers, Body::from_stream(lines)).into_response()
}

/// All of them, in the order in which they were asked for.
async fn whole(made: impl Stream<Item = (usize, Vec<u8>)>) -> Response {
    let mut results: Vec<_> = made.collect().await;
    results.sort_unstable_by_key(|(index, _)| *index);
    let results: Vec<_> = results.into_iter().map(|(_, line)| line).collect();
    let body = [&b"{\"results\":["[..], &results.join(&b","[..]), b"]}"].concat();
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response()
}
