//! One line in the log for each request, under a name that the answer carries too (`x-request-id`).

use super::AppState;
use super::problem::{Problem, ProblemCode};
#[cfg(feature = "otel")]
use super::traces;
use crate::engine::MotionId;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;

/// Probes and scrapes come every few seconds: they would be most of the log, and of the traces.
const OFTEN: [&str; 4] = ["/livez", "/readyz", "/healthz", "/metrics"];
/// Where the spans of these are.
pub const PROBES: &str = "duet::probes";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Name the request (keeping a sensible name that a proxy gave it), run it inside a span, log how it went.
/// Prompts and results' names never reach the log: of the path only the pattern is told.
pub async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = match given_id(&request) {
        Some(id) => id,
        None => match MotionId::random() {
            Ok(id) => id.to_string(),
            Err(error) => return Problem::from(error).into_response(),
        },
    };
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let method = request.method().clone();
    let is_probe = OFTEN.contains(&route);
    let span = if is_probe {
        tracing::info_span!(target: PROBES, "request", %id, %method, route, key = Empty)
    } else {
        tracing::info_span!("request", %id, %method, route, key = Empty, otel.kind = Empty)
    };
    #[cfg(feature = "otel")]
    traces::begin(&span, &method, route, request.headers());
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let problem = response.extensions().get::<ProblemCode>().map(|code| code.0);
    #[cfg(feature = "otel")]
    traces::answered(&span, status);
    state.metrics.answered(&method, route, status, problem, took);
    let ms = took.as_millis() as u64;
    if is_probe && status == 200 {
        span.in_scope(|| tracing::debug!(status, ms, "answered"));
    } else {
        span.in_scope(|| tracing::info!(status, ms, problem, "answered"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use proptest::prelude::*;

    /// The name that a header of these bytes gives, where they can be one.
    fn given(id: &[u8]) -> Option<String> {
        given_id(&axum::http::Request::builder().header(REQUEST_ID, id).body(Body::empty()).ok()?)
    }

    proptest! {
        #[test]
        fn a_name_is_as_it_was_given_and_plain(
            noise in prop::collection::vec(any::<u8>(), 0..80),
            nearly in "[a-zA-Z0-9_-]{6,66}[ -~]?",
            sensible in "[a-zA-Z0-9_-]{8,64}",
        ) {
            for value in [noise, nearly.into_bytes()] {
                if let Some(id) = given(&value) {
                    prop_assert_eq!(id.as_bytes(), &value);
                    prop_assert!((8..=64).contains(&id.len()));
                    prop_assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
                }
            }
            prop_assert_eq!(given(sensible.as_bytes()), Some(sensible));
        }
    }
}
