//! `GET /healthz`: is the server able to generate? A full queue is health; a model that cannot be loaded or hangs is not.

use super::AppState;
use crate::engine::Phase;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;

/// A working model that gave no sign of life for so long is taken for hung.
const HUNG: Duration = Duration::from_secs(120);

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    models: Vec<ModelHealth<'a>>,
}

#[derive(Serialize)]
struct ModelHealth<'a> {
    name: &'a str,
    state: Phase,
    waiting: usize,
}

/// 200 while the default model is fine, else 503.
pub async fn healthz(State(state): State<AppState>) -> Response {
    let default = state.engine.default_model().name;
    let mut healthy = true;
    let models = state
        .engine
        .health()
        .map(|(model, health)| {
            let hung = health.phase == Phase::Working && health.quiet > HUNG;
            if model.name == default && (health.phase == Phase::Failed || hung) {
                healthy = false;
            }
            ModelHealth { name: model.name, state: health.phase, waiting: health.waiting }
        })
        .collect();
    let (code, status) =
        if healthy { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    let body = Health { status, version: env!("CARGO_PKG_VERSION"), models };
    (code, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
