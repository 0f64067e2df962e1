//! `POST /edit`: a result (or files) and what to do with it in, a new result out.

use super::generate::answered;
use super::motions::off_thread;
use super::problem::Problem;
use super::{AppState, body};
use crate::engine::RawEdit;
use axum::extract::{Request, State};
use axum::response::Response;

/// The edit's rules are those of [`RawEdit::validate`]; a caller who leaves cancels the work.
pub async fn edit(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    let body = body::read_json(request, body::MAX_EDIT_BYTES, state.limits.body).await?;
    let engine = state.engine.clone();
    // Files in the body take a while to read.
    let edit = off_thread(move || engine.prepare(RawEdit::from_json(&body)?)).await?;
    answered(&state, state.engine.edit(edit)).await
}
