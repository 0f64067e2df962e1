//! The HTTP door. It knows no tensors: requests go to the [`Engine`](crate::engine::Engine), results come back as JSON and files.
//!
//! [`app`] is the whole service without a socket; [`serve`] gives it one.

mod about;
mod access;
mod batch;
mod body;
mod cache;
mod crowd;
mod docs;
mod edit;
mod gallery;
mod generate;
mod guard;
mod health;
mod jobs;
mod keys;
pub mod listening;
mod metrics;
mod motions;
mod negotiate;
mod observe;
mod openapi;
mod origins;
mod page;
mod patient;
mod pictures;
mod preferences;
mod problem;
mod query;
mod ranges;
pub mod serve;
#[cfg(test)]
mod tests;
#[cfg(feature = "otel")]
pub mod traces;

pub use about::About;
pub use keys::{Key, Keyring, draw as draw_key};
pub use origins::Origins;
pub use problem::status;

use crate::engine::{Engine, JobLimits, Jobs, OnBatch};
use crate::error::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use metrics::Metrics;
use page::Page;
use pictures::Pictures;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

/// Which Host headers are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any: the server is meant to be reached under names that it cannot know.
    Any,
    /// Loopback names and addresses, and these names.
    Only(Vec<String>),
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// For the body to arrive.
    pub body: Duration,
    /// From the queue to the finished motion.
    pub answer: Duration,
    /// The same for jobs.
    pub job: Duration,
    /// Without a sign of life, until a working model is taken for hung.
    pub stall: Duration,
    /// For requests and jobs to finish once the server is asked to stop.
    pub drain: Duration,
}

impl Default for TimeLimits {
    /// 10 seconds, 5 minutes, an hour; 2 minutes; 10 seconds.
    fn default() -> Self {
        Self {
            body: Duration::from_secs(10),
            answer: Duration::from_secs(300),
            job: Duration::from_secs(3600),
            stall: Duration::from_secs(120),
            drain: Duration::from_secs(10),
        }
    }
}

/// What the service lets in, and what it says of itself.
#[derive(Debug)]
pub struct Policy {
    /// Host names.
    pub hosts: Hosts,
    /// Pages elsewhere.
    pub origins: Origins,
    /// Who may ask; everybody when empty.
    pub keys: Vec<Key>,
    /// Time.
    pub times: TimeLimits,
    /// Jobs.
    pub jobs: JobLimits,
    /// For `/info`.
    pub about: About,
}

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    engine: Arc<Engine>,
    jobs: Arc<Jobs>,
    page: Arc<Page>,
    docs: Arc<docs::Docs>,
    hosts: Arc<Hosts>,
    origins: Arc<Origins>,
    keys: Arc<Keyring>,
    metrics: Arc<Metrics>,
    about: About,
    times: TimeLimits,
    stopping: Arc<AtomicBool>,
    pictures: Arc<Pictures>,
    /// Edits whose files may be read at a time: numbers as text take several times their room.
    reading: Arc<Semaphore>,
    /// Large bodies that may be in memory at a time.
    large: Arc<Semaphore>,
}

impl AppState {
    /// Renders the pages once, and counts the engine's results from now on.
    ///
    /// # Errors
    /// `invalid_key`; else only internal ones.
    pub fn new(engine: Arc<Engine>, policy: Policy) -> Result<Self> {
        let Policy { hosts, origins, keys, times, jobs, about } = policy;
        let metrics = Arc::new(Metrics::new(about.version, about.revision));
        let counted = metrics.clone();
        engine.on_finished(Box::new(move |finished| {
            counted.finished(finished);
            #[cfg(feature = "otel")]
            traces::stages(finished);
        }));
        let counted = metrics.clone();
        let on_batch: OnBatch = Arc::new(move |model, batch| counted.stepped(model, batch));
        engine.on_batch(&on_batch);
        Ok(Self {
            page: Arc::new(Page::new(&engine)?),
            docs: Arc::new(docs::Docs::new()?),
            jobs: Arc::new(Jobs::new(jobs)),
            hosts: Arc::new(hosts),
            origins: Arc::new(origins),
            keys: Arc::new(Keyring::new(&keys)?),
            metrics,
            about,
            times,
            stopping: Arc::default(),
            pictures: Arc::default(),
            reading: Arc::new(Semaphore::new(edit::AT_ONCE)),
            large: Arc::new(Semaphore::new(body::LARGE_AT_ONCE)),
            engine,
        })
    }

    /// Take up the jobs of an earlier process, where some are kept: once, inside a tokio runtime, before anything is served.
    pub async fn resume(&self) {
        self.jobs.resume(&self.engine).await;
    }

    /// From now on the server is not ready: it is about to stop.
    pub fn stopping(&self) {
        self.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Addresses that need a key where there are keys.
fn guarded() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/", get(page::index)),
        ("/generate", post(generate::generate)),
        ("/generate/batch", post(batch::batch)),
        ("/edit", post(edit::edit)),
        ("/jobs/{id}", get(jobs::job).delete(jobs::cancel)),
        ("/jobs/{id}/events", get(jobs::events)),
        ("/motions", get(gallery::motions)),
        ("/motions/{id}", get(motions::motion).delete(motions::remove)),
        ("/motions/{id}/{file}", get(motions::file)),
        ("/models", get(about::models)),
        ("/info", get(about::info)),
        ("/metrics", get(metrics::metrics)),
    ]
}

/// Addresses that tell strangers nothing, and probes that have no key.
fn open() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/static/{*path}", get(page::asset)),
        ("/livez", get(health::livez)),
        ("/readyz", get(health::readyz)),
        ("/healthz", get(health::healthz)),
        ("/openapi.json", get(docs::openapi)),
        ("/docs", get(docs::page)),
    ]
}

fn router(routes: Vec<(&'static str, MethodRouter<AppState>)>) -> Router<AppState> {
    routes.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// Compression would hold lines back that should be sent at once; events and pictures are the default's to except.
fn compressible() -> impl Predicate {
    // Lines go out as they are made; videos are as small as they get.
    DefaultPredicate::new()
        .and(NotForContentType::const_new(batch::NDJSON))
        .and(NotForContentType::const_new("video/"))
}

/// The whole service. Layers further down wrap those above them.
pub fn app(state: AppState) -> Router {
    let mut router = router(guarded())
        .route_layer(from_fn_with_state(state.clone(), access::check))
        .merge(router(open()))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        // `body::read_json` bounds what it reads; nothing else reads a body.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), origins::check));
    if !state.origins.is_empty() {
        router = router.layer(state.origins.layer());
    }
    router
        .layer(from_fn_with_state(state.clone(), guard::check_host))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(CompressionLayer::new().compress_when(compressible()))
        .layer(from_fn(cache::tell_of_compression))
        .layer(from_fn(guard::add_headers))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}
