//! `POST /edit`: a result (or files) and what to do with it in, a new result out.

use super::access::Caller;
use super::generate::{Question, answer, told};
use super::motions::off_thread;
use super::problem::Problem;
use super::{AppState, body};
use crate::engine::RawEdit;
use crate::error::{Error, ErrorKind};
use axum::extract::{Extension, Request, State};
use axum::response::Response;

/// Edits whose files are read at a time; the others wait.
pub const AT_ONCE: usize = 4;

/// A damaged file is the caller's here, not one of the server's own.
fn blame_the_caller(error: Error) -> Error {
    if error.kind() == ErrorKind::Corrupt { Error::invalid(error.code(), error.to_string()) } else { error }
}

/// The edit's rules are those of [`RawEdit::validate`].
pub async fn edit(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let mut question = Question::read(&state, request, body::MAX_EDIT_BYTES).await?;
    if let Some(job) = question.known(&state, &caller).await? {
        return told(&state, &question, &job).await;
    }
    // Before any file is read: who may not ask for a generation now is not to keep the readers from others.
    let share = caller.place()?;
    let (body, engine) = (std::mem::take(&mut question.body), state.engine.clone());
    let owner = caller.name().map(str::to_owned);
    // Files in the body take a while to read, and room. The semaphore is never closed.
    let turn = state.reading.clone().acquire_owned().await.ok();
    let edit = off_thread(move || {
        let _turn = turn;
        let raw = RawEdit::from_json(&body.bytes)?;
        // Its files are decoded; the answer may be minutes away, and others wait for the place.
        drop(body);
        // Which model made a parent is known only once that is read.
        if raw.parent.is_none() || raw.how.model.is_some() {
            engine.look(raw.how.model.as_deref(), owner.as_deref())?;
        }
        engine.prepare(raw).map_err(blame_the_caller)
    })
    .await?;
    answer(&state, &caller, &question, edit.into(), share).await
}
