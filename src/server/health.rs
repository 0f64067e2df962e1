//! Is the server alive, and is it ready? A full queue is health. A model that cannot be loaded, is being loaded or gives no
//! sign of life is not readiness. One that hangs is given up and another thread loads it again; where that hangs, too, and again, a
//! supervisor should start the server anew.

use super::AppState;
use crate::engine::{Health, Phase};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

#[derive(Serialize)]
struct Report<'a> {
    status: &'static str,
    version: &'static str,
    models: Vec<ModelHealth<'a>>,
}

#[derive(Serialize)]
struct ModelHealth<'a> {
    name: &'a str,
    state: &'static str,
    waiting: usize,
}

/// A working model that gave no sign of life for `stall` is taken for hung.
pub fn is_hung(health: Health, stall: Duration) -> bool {
    health.phase == Phase::Working && health.quiet > stall
}

/// One word for how a model is.
pub fn word(health: Health, stall: Duration) -> &'static str {
    match health.phase {
        _ if is_hung(health, stall) => "hung",
        Phase::Idle => "idle",
        Phase::Loading => "loading",
        Phase::Ready => "ready",
        Phase::Working => "working",
        Phase::Failed => "failed",
    }
}

/// Times that a step may take within which a model is loaded, or never.
const LOADS: u32 = 10;

/// Whether only a new process can help: it hangs and no further thread is started, it hangs while it is loaded, or there is no thread.
fn is_lost(health: Health, stall: Duration) -> bool {
    let is_stuck = health.phase == Phase::Loading && health.quiet > stall.saturating_mul(LOADS);
    (is_hung(health, stall) && !health.is_watched) || is_stuck || health.is_closed
}

/// 503 when only a new process can help, else 200.
pub async fn livez(State(state): State<AppState>) -> Response {
    let is_stopping = state.stopping.load(Relaxed);
    let lost = state.engine.health().any(|(_, health)| is_lost(health, state.times.stall));
    report(&state, is_stopping || !lost)
}

/// 200 while requests for the default model would be worked on now or in their turn.
pub async fn readyz(State(state): State<AppState>) -> Response {
    let ready = default_health(&state).is_some_and(|health| {
        !matches!(health.phase, Phase::Failed | Phase::Loading) && !is_hung(health, state.times.stall)
    });
    report(&state, ready && !state.stopping.load(Relaxed))
}

/// 200 while the default model is fine or on its way, else 503: older than the two above, and between them.
pub async fn healthz(State(state): State<AppState>) -> Response {
    let fine = default_health(&state)
        .is_some_and(|health| health.phase != Phase::Failed && !is_hung(health, state.times.stall));
    report(&state, fine)
}

fn default_health(state: &AppState) -> Option<Health> {
    let default = state.engine.default_model().name;
    state.engine.health().find(|(model, _)| model.name == default).map(|(_, health)| health)
}

fn report(state: &AppState, well: bool) -> Response {
    let models = state
        .engine
        .health()
        .map(|(model, health)| ModelHealth {
            name: model.name,
            state: word(health, state.times.stall),
            waiting: health.waiting,
        })
        .collect();
    let (code, status) =
        if well { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    let body = Report { status, version: env!("CARGO_PKG_VERSION"), models };
    (code, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_new_process_mends_is_lost() {
        let stall = Duration::from_secs(100);
        let health = |phase, seconds, is_watched, is_closed| Health {
            phase,
            waiting: 0,
            quiet: Duration::from_secs(seconds),
            restarts: 0,
            is_watched,
            is_closed,
        };
        let lost = |phase, seconds, is_watched| is_lost(health(phase, seconds, is_watched, false), stall);
        assert!(!lost(Phase::Working, 99, false) && lost(Phase::Working, 101, false));
        assert!(!lost(Phase::Working, 101, true), "another thread is about to follow");
        assert!(!lost(Phase::Loading, 999, true) && lost(Phase::Loading, 1001, true));
        assert!(!lost(Phase::Ready, 1 << 20, false) && !lost(Phase::Failed, 1 << 20, false));
        assert!(is_lost(health(Phase::Failed, 0, true, true), stall));
    }
}
