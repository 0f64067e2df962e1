//! `GET /info` and `GET /models`: what runs here and what it offers.

use super::{AppState, health};
use crate::engine::{MAX_PROMPT, MAX_SAMPLES, MAX_STEPS, ModelFile};
use crate::generate::{MAX_FRAMES, MIN_FRAMES};
use crate::package::Example;
use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Instant;

/// What the server knows of itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Of the program.
    pub version: &'static str,
    /// The commit it was built from, where whoever built it said so (`DUET_REVISION`) or git did (`build.rs`).
    pub revision: &'static str,
    /// Where models compute: `cpu` or `cuda`.
    pub device: &'static str,
    /// What matrix products on the CPU round to: `f32` or `bf16`.
    pub precision: &'static str,
    /// Start of the process, about.
    pub started: Instant,
}

impl About {
    /// This program, on this device.
    pub fn new(device: &'static str, precision: &'static str) -> Self {
        let revision =
            option_env!("DUET_REVISION").filter(|revision| !revision.is_empty()).unwrap_or("unknown");
        Self { version: env!("CARGO_PKG_VERSION"), revision, device, precision, started: Instant::now() }
    }
}

#[derive(Serialize)]
struct Info<'a> {
    version: &'static str,
    revision: &'static str,
    device: &'static str,
    precision: &'static str,
    uptime_seconds: u64,
    models: Vec<Named<'a>>,
    limits: Limits,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    files: &'a [ModelFile],
}

#[derive(Serialize)]
struct Limits {
    prompt_characters: usize,
    min_frames: usize,
    max_frames: usize,
    samples: usize,
    steps: usize,
    body_bytes: usize,
    request_seconds: u64,
    job_seconds: u64,
}

/// What runs here.
pub async fn info(State(state): State<AppState>) -> Response {
    let About { version, revision, device, precision, started } = state.about;
    let body = Info {
        version,
        revision,
        device,
        precision,
        uptime_seconds: started.elapsed().as_secs(),
        models: state.engine.models().map(|model| Named { name: model.name, files: model.files }).collect(),
        limits: Limits {
            prompt_characters: MAX_PROMPT,
            min_frames: MIN_FRAMES,
            max_frames: MAX_FRAMES,
            samples: MAX_SAMPLES,
            steps: MAX_STEPS,
            body_bytes: super::body::MAX_BYTES,
            request_seconds: state.times.answer.as_secs(),
            job_seconds: state.times.job.as_secs(),
        },
    };
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    title: &'a str,
    knows: &'a str,
    examples: &'a [Example],
    guidance: f64,
    memory: Option<f64>,
    licence: &'a str,
    default: bool,
    state: &'static str,
    waiting: usize,
    files: &'a [ModelFile],
}

#[derive(Serialize)]
struct Models<'a> {
    models: Vec<Model<'a>>,
}

/// The models that requests may name.
pub async fn models(State(state): State<AppState>) -> Response {
    let default = state.engine.default_model().name;
    let models = state
        .engine
        .health()
        .map(|(model, health)| Model {
            name: model.name,
            title: model.title,
            knows: model.knows,
            examples: model.examples,
            guidance: model.guidance,
            memory: model.memory,
            licence: model.licence,
            default: model.name == default,
            state: health::word(health, state.times.stall),
            waiting: health.waiting,
            files: model.files,
        })
        .collect();
    ([(CACHE_CONTROL, "no-store")], Json(Models { models })).into_response()
}
