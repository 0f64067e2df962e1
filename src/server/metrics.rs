//! `GET /metrics`: what Prometheus reads. Base units, and labels from closed sets only: routes, codes, models, stages.

use super::AppState;
use crate::engine::{Batch, Figures, Finished, Phase};
use crate::error::{Error, Result};
use crate::generate::FRAMES_PER_TOKEN;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets, seconds: from a cached page to the longest request.
const SECONDS: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0, 300.0];

/// The same for generations in flight together, and for their tokens: one of 4 s with guidance has 600.
const TOGETHER: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0];
const TOKENS: [f64; 9] = [150.0, 300.0, 600.0, 1200.0, 2400.0, 4800.0, 9600.0, 19_200.0, 76_800.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    model: String,
    stage: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answer, Counter>,
    request_seconds: Histograms<Route>,
    problems: Family<Reason, Counter>,
    lost: Family<Reason, Counter>,
    queue_seconds: Histograms<Model>,
    stage_seconds: Histograms<Stage>,
    batch_size: Histograms<Model>,
    batch_tokens: Histograms<Model>,
    tokens: Family<Model, Counter>,
    clips: Family<Model, Counter>,
    waiting: Family<Model, Gauge>,
    ready: Family<Model, Gauge>,
    restarts: Family<Model, Counter>,
    jobs_unfinished: Gauge,
    jobs_known: Gauge,
    kept: Gauge,
    kept_bytes: Gauge,
    evicted: Family<Reason, Counter>,
    keep_failures: Family<Operation, Counter>,
    memory: Gauge,
}

fn histograms<L: Clone + std::hash::Hash + Eq>(new: fn() -> Histogram) -> Histograms<L> {
    Family::new_with_constructor(new)
}

fn seconds<L: Clone + std::hash::Hash + Eq>() -> Histograms<L> {
    histograms(|| Histogram::new(SECONDS))
}

impl Metrics {
    /// All zero.
    pub fn new(version: &'static str, revision: &'static str) -> Self {
        let mut registry = Registry::with_prefix("duet");
        let it = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_seconds: seconds(),
            problems: Family::default(),
            lost: Family::default(),
            queue_seconds: seconds(),
            stage_seconds: seconds(),
            batch_size: histograms(|| Histogram::new(TOGETHER)),
            batch_tokens: histograms(|| Histogram::new(TOKENS)),
            tokens: Family::default(),
            clips: Family::default(),
            waiting: Family::default(),
            ready: Family::default(),
            restarts: Family::default(),
            jobs_unfinished: Gauge::default(),
            jobs_known: Gauge::default(),
            kept: Gauge::default(),
            kept_bytes: Gauge::default(),
            evicted: Family::default(),
            keep_failures: Family::default(),
            memory: Gauge::default(),
        };
        registry.register(
            "build",
            "What runs here",
            Info::new([("version", version), ("revision", revision)]),
        );
        registry.register("requests", "HTTP requests answered", it.requests.clone());
        registry.register_with_unit(
            "request",
            "From a request's headers to its answer's",
            Unit::Seconds,
            it.request_seconds.clone(),
        );
        registry.register("problems", "Answers that were problems, by code", it.problems.clone());
        registry.register(
            "connections_lost",
            "Connections that ended without an answer of ours",
            it.lost.clone(),
        );
        registry.register_with_unit(
            "queue",
            "Time in a model's queue, of finished generations",
            Unit::Seconds,
            it.queue_seconds.clone(),
        );
        registry.register_with_unit(
            "stage",
            "Time in each stage of a finished generation",
            Unit::Seconds,
            it.stage_seconds.clone(),
        );
        registry.register(
            "batch_size",
            "Generations in flight together, at each decoding step",
            it.batch_size.clone(),
        );
        registry.register(
            "batch_tokens",
            "Tokens in flight together, guidance halves included, at each decoding step",
            it.batch_tokens.clone(),
        );
        registry.register("tokens", "Motion tokens made, of both people", it.tokens.clone());
        registry.register("samples", "Clips made", it.clips.clone());
        registry.register("waiting", "Requests in a model's queue", it.waiting.clone());
        registry.register("model_ready", "1 while a model can work", it.ready.clone());
        registry.register(
            "model_restarts",
            "Times that a model's thread was started again: after a panic, a hang, a failure of its own or a motion that was none",
            it.restarts.clone(),
        );
        registry.register("jobs_unfinished", "Jobs that wait or run", it.jobs_unfinished.clone());
        registry.register("jobs_known", "Jobs that can be asked about", it.jobs_known.clone());
        registry.register("archive_results", "Results on disk", it.kept.clone());
        registry.register_with_unit("archive_size", "Results on disk", Unit::Bytes, it.kept_bytes.clone());
        registry.register("archive_evicted", "Results that left the disk", it.evicted.clone());
        registry.register(
            "archive_failures",
            "What could not be written to disk or read from it",
            it.keep_failures.clone(),
        );
        registry.register_with_unit(
            "resident_memory",
            "Memory of the process",
            Unit::Bytes,
            it.memory.clone(),
        );
        Self { registry, ..it }
    }

    /// A request was answered.
    pub fn answered(
        &self,
        method: &axum::http::Method,
        route: &str,
        status: u16,
        problem: Option<&'static str>,
        took: Duration,
    ) {
        let method = known_method(method);
        let route = route.to_owned();
        self.requests.get_or_create(&Answer { method, route: route.clone(), status }).inc();
        self.request_seconds.get_or_create(&Route { route }).observe(took.as_secs_f64());
        if let Some(reason) = problem {
            self.problems.get_or_create(&Reason { reason }).inc();
        }
    }

    /// A connection ended before it was over, or was not let in; nothing of that is among the requests.
    pub fn lost(&self, reason: &'static str) {
        self.lost.get_or_create(&Reason { reason }).inc();
    }

    /// A generation is finished.
    pub fn finished(&self, finished: &Finished) {
        let model = Model { model: finished.model.clone() };
        self.queue_seconds.get_or_create(&model).observe(finished.queue.as_secs_f64());
        let timings = &finished.generated.timings;
        for (stage, took) in [("text", timings.text), ("tokens", timings.tokens), ("decode", timings.decode)]
        {
            let stage = Stage { model: finished.model.clone(), stage };
            self.stage_seconds.get_or_create(&stage).observe(took.as_secs_f64());
        }
        let samples = finished.generated.samples.len() as u64;
        let tokens = 2 * (finished.request.frames / FRAMES_PER_TOKEN) as u64;
        self.tokens.get_or_create(&model).inc_by(samples * tokens);
        self.clips.get_or_create(&model).inc_by(samples);
    }

    /// A decoding step is being made of what is in flight.
    pub fn stepped(&self, model: &str, batch: Batch) {
        let model = Model { model: model.to_owned() };
        self.batch_size.get_or_create(&model).observe(batch.requests as f64);
        self.batch_tokens.get_or_create(&model).observe(batch.tokens as f64);
    }

    /// How the results on disk are now.
    fn archive(&self, figures: &Figures) {
        self.kept.set(figures.kept as i64);
        self.kept_bytes.set(figures.bytes as i64);
        for (reason, count) in figures.evicted {
            self.evicted.get_or_create(&Reason { reason }).inner().store(count, Relaxed);
        }
        for (operation, count) in figures.failed {
            self.keep_failures.get_or_create(&Operation { operation }).inner().store(count, Relaxed);
        }
    }

    pub(super) fn text(&self) -> Result<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|source| {
            Error::internal("metrics", "the figures could not be written").with_source(source)
        })?;
        Ok(text)
    }
}

/// Anybody can make up methods; each would be a series of its own.
pub fn known_method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The figures, those that change by themselves taken now.
pub async fn metrics(
    State(state): State<AppState>,
) -> std::result::Result<Response, super::problem::Problem> {
    let metrics = &state.metrics;
    for (model, health) in state.engine.health() {
        let label = Model { model: model.name.to_owned() };
        metrics.waiting.get_or_create(&label).set(health.waiting as i64);
        metrics.restarts.get_or_create(&label).inner().store(health.restarts, Relaxed);
        let hung = health.phase == Phase::Working && health.quiet > state.times.stall;
        let ready = !hung && !matches!(health.phase, Phase::Failed | Phase::Loading);
        metrics.ready.get_or_create(&label).set(ready.into());
    }
    let (unfinished, known) = state.jobs.count();
    metrics.jobs_unfinished.set(unfinished as i64);
    metrics.jobs_known.set(known as i64);
    if let Some(figures) = state.engine.kept() {
        metrics.archive(&figures);
    }
    if let Some(bytes) = resident_bytes() {
        metrics.memory.set(bytes);
    }
    let text = metrics.text()?;
    Ok(([(CONTENT_TYPE, TYPE), (CACHE_CONTROL, "no-store")], text).into_response())
}

/// Memory of this process that is in RAM; known on Linux only.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
