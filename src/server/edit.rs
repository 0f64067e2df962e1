//! `POST /edit`: a result (or files) and what to do with it in, a new result out.

use super::access::Caller;
use super::generate::answer;
use super::motions::off_thread;
use super::negotiate::Form;
use super::problem::Problem;
use super::{AppState, body};
use crate::engine::RawEdit;
use crate::error::{Error, ErrorKind};
use axum::extract::{Extension, Request, State};
use axum::response::Response;

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
    let headers = request.headers().clone();
    let form = Form::of(request.uri(), &headers)?;
    let body = body::read_json(request, body::MAX_EDIT_BYTES, state.times.body).await?;
    let engine = state.engine.clone();
    // Files in the body take a while to read.
    let (body, edit) = off_thread(move || {
        let edit = engine.prepare(RawEdit::from_json(&body)?).map_err(blame_the_caller)?;
        Ok((body, edit))
    })
    .await?;
    answer(&state, &caller, &headers, form, &body, edit.into()).await
}
