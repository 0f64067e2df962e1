//! `POST /edit`: a result (or files) and what to do with it in, a new result out.

use super::access::Caller;
use super::generate::{Question, answer};
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
    let question = Question::read(&state, request, body::MAX_EDIT_BYTES).await?;
    let engine = state.engine.clone();
    // Files in the body take a while to read, and room. The semaphore is never closed.
    let place = state.reading.clone().acquire_owned().await.ok();
    let (question, edit) = off_thread(move || {
        let _place = place;
        let edit = engine.prepare(RawEdit::from_json(&question.body)?).map_err(blame_the_caller)?;
        Ok((question, edit))
    })
    .await?;
    answer(&state, &caller, &question, edit.into()).await
}
