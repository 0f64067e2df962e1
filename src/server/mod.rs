//! The HTTP door. It knows no tensors: requests go to the [`Engine`](crate::engine::Engine), results come back as JSON and files.
//!
//! [`app`] is the whole service without a socket; [`serve`] gives it one.

mod body;
mod cache;
mod edit;
mod generate;
mod guard;
mod health;
mod motions;
mod observe;
mod page;
mod problem;
pub mod serve;
#[cfg(test)]
mod tests;

pub use problem::status;

use crate::engine::Engine;
use crate::error::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use page::Page;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

/// Which Host headers are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any: the server is meant to be reached under names that it cannot know.
    Any,
    /// Loopback names and addresses, and these names.
    Only(Vec<String>),
}

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// For the body to arrive.
    pub body: Duration,
    /// From the queue to the finished motion.
    pub answer: Duration,
}

impl Default for TimeLimits {
    /// 10 seconds and 5 minutes.
    fn default() -> Self {
        Self { body: Duration::from_secs(10), answer: Duration::from_secs(300) }
    }
}

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    engine: Arc<Engine>,
    page: Arc<Page>,
    hosts: Arc<Hosts>,
    limits: TimeLimits,
}

impl AppState {
    /// Renders the page once.
    ///
    /// # Errors
    /// Only internal ones.
    pub fn new(engine: Arc<Engine>, hosts: Hosts, limits: TimeLimits) -> Result<Self> {
        let page = Arc::new(Page::new(&engine)?);
        Ok(Self { engine, page, hosts: Arc::new(hosts), limits })
    }
}

/// The whole service. Layers further down wrap those above them.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/static/{*path}", get(page::asset))
        .route("/generate", post(generate::generate))
        .route("/edit", post(edit::edit))
        .route("/motions/{id}", get(motions::motion))
        .route("/motions/{id}/{file}", get(motions::file))
        .route("/healthz", get(health::healthz))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        // `body::read_json` bounds what it reads; nothing else reads a body.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.clone(), guard::check_host))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(CompressionLayer::new())
        .layer(from_fn(guard::add_headers))
        .layer(from_fn(observe::observe))
        .with_state(state)
}
