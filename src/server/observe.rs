//! One line in the log for each request, under a name that the answer carries too (`x-request-id`).

use super::problem::Problem;
use crate::engine::MotionId;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Instant;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Name the request (keeping a sensible name that a proxy gave it), run it inside a span, log how it went.
/// Prompts and results' names never reach the log: of the path only the pattern is told.
pub async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = match given_id(&request) {
        Some(id) => id,
        None => match MotionId::random() {
            Ok(id) => id.to_string(),
            Err(error) => return Problem::from(error).into_response(),
        },
    };
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let span = tracing::info_span!("request", %id, method = %request.method(), route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis() as u64);
    span.in_scope(|| tracing::info!(status, ms, "answered"));
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((8..=64).contains(&id.len()) && id.bytes().all(is_plain)).then(|| id.to_owned())
}
