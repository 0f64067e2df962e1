//! The service without a socket: each test sends requests through [`app`].

use super::*;
use crate::engine::fake::{Control, LIMITS, eventually};
use crate::engine::{Limits, RawRequest};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::atomic::Ordering::SeqCst;
use tower::ServiceExt;

mod archive;
mod batch;
mod damaged;
mod deployed;
mod described;
mod edits;
mod forms;
mod full_disk;
mod hostile;
mod jobs;
mod limits;
mod operations;
mod owners;
mod requests;
mod service;
mod timings;

struct House {
    app: Router,
    engine: Arc<Engine>,
    control: Arc<Control>,
}

struct Answer {
    /// Method and address of the request, without its query.
    asked: (Method, String),
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// This is a well-formed problem with this status and code that tells nothing of the inside.
    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{text}");
        let body = self.json();
        assert_eq!(body["code"], code, "{text}");
        let (method, path) = &self.asked;
        let is_told = openapi::is_known(method.as_str(), path, status, code);
        assert!(is_told, "{status} {code} of {method} {path} is not in the OpenAPI document");
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], "about:blank");
        assert!(body["title"].is_string() && body["detail"].as_str().is_some_and(|words| !words.is_empty()));
        for inside in ["secret", "/work", "src/", "panicked", ".rs", "[3, 4]"] {
            assert!(!text.contains(inside), "{inside} leaks: {text}");
        }
        assert_eq!(self.header("cache-control"), "no-store");
    }
}

impl House {
    fn new() -> Self {
        Self::with(Hosts::Only(vec!["duet.example".into()]), LIMITS, TimeLimits::default())
    }

    fn with(hosts: Hosts, limits: Limits, times: TimeLimits) -> Self {
        Self::under(Policy { hosts, times, ..policy() }, limits)
    }

    fn under(policy: Policy, limits: Limits) -> Self {
        let control = Arc::new(Control::default());
        let engine = Arc::new(engine(&control, limits));
        let app = app(AppState::new(engine.clone(), policy).unwrap());
        Self { app, engine, control }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let asked = (request.method().clone(), request.uri().path().to_owned());
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        // Security headers and a request id are on everything.
        assert_eq!(parts.headers["content-security-policy"], guard::CSP);
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        assert_eq!(parts.headers["referrer-policy"], "no-referrer");
        assert_eq!(parts.headers["cross-origin-opener-policy"], "same-origin");
        assert_eq!(parts.headers["cross-origin-resource-policy"], "same-origin");
        assert!(parts.headers.contains_key("x-request-id"));
        Answer { asked, status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    async fn generate(&self, body: impl Into<Body>) -> Answer {
        self.send(generate_request(body)).await
    }

    async fn prompt(&self, prompt: &str) -> Answer {
        self.generate(json!({ "prompt": prompt }).to_string()).await
    }
}

/// Two models that this hand is on.
fn engine(control: &Arc<Control>, limits: Limits) -> Engine {
    Engine::start(vec![control.spec("mini"), control.spec("other")], None, limits).unwrap()
}

/// Loopback, no keys, the usual limits.
pub fn policy() -> Policy {
    Policy {
        hosts: Hosts::Only(vec![]),
        origins: Origins::default(),
        keys: vec![],
        times: TimeLimits::default(),
        jobs: JobLimits::default(),
        about: About::new("cpu", "f32"),
    }
}

fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:8080")
}

fn generate_request(body: impl Into<Body>) -> Request<Body> {
    request(Method::POST, "/generate").header("content-type", "application/json").body(body.into()).unwrap()
}
