//! `POST /generate`: JSON in, motion out.

use super::motions::{self, off_thread};
use super::problem::Problem;
use super::{AppState, body};
use crate::engine::{Finished, RawRequest};
use crate::error::Result;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The request's rules are those of [`RawRequest::validate`]; a caller who leaves cancels the work.
pub async fn generate(
    State(state): State<AppState>,
    request: Request,
) -> std::result::Result<Response, Problem> {
    let body = body::read_json(request, body::MAX_BYTES, state.limits.body).await?;
    let request = RawRequest::from_json(&body)?.validate()?;
    answered(&state, state.engine.generate(request)).await
}

/// The JSON of a result, if it comes within the server's patience.
pub async fn answered(
    state: &AppState,
    work: impl Future<Output = Result<Arc<Finished>>>,
) -> std::result::Result<Response, Problem> {
    let finished = tokio::time::timeout(state.limits.answer, work).await.map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "took_too_long",
            "this took longer than the server allows; ask for fewer samples, steps or frames",
        )
    })??;
    let json = off_thread(move || motions::answer(&finished)).await?;
    Ok(([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], json).into_response())
}
