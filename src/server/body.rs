//! Reading a JSON request body: of the right type, of bounded size, in bounded time.

use super::problem::Problem;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest body of a generation: a prompt of 1000 characters takes 12 kB at worst.
pub const MAX_BYTES: usize = 64 << 10;
/// Largest body of an edit, which may bring two files along: keypoints of 60 seconds take 3.8 MB in base64.
pub const MAX_EDIT_BYTES: usize = 8 << 20;
/// Largest body of a batch: 32 of the longest prompts.
pub const MAX_BATCH_BYTES: usize = 512 << 10;
/// Bodies of more than [`MAX_BYTES`] that are in memory at a time: as many as there are connections would fill it.
pub const LARGE_AT_ONCE: usize = 8;
/// Of a body that is refused this much is read and thrown away, so that its sender gets to see the answer.
const MAX_DISCARDED: usize = 16 << 20;

/// A body that was read.
#[derive(Debug, Default)]
pub struct Body {
    /// At most as many as were allowed.
    pub bytes: Vec<u8>,
    /// Of a large one: a place among those, given back with the bytes.
    _place: Option<OwnedSemaphorePermit>,
}

/// A JSON body of at most `limit` bytes that arrives within `patience`; a `large` one needs a place there.
pub async fn read_json(
    request: Request,
    limit: usize,
    patience: Duration,
    large: &Arc<Semaphore>,
) -> Result<Body, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send JSON, with the header content-type: application/json",
        ));
    }
    if is_encoded(request.headers()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send the JSON as it is, without content-encoding: nothing is decompressed here",
        ));
    }
    tokio::time::timeout(patience, read(request, limit, large)).await.unwrap_or_else(|_| {
        Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the request's body took too long to arrive",
        ))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Compressed, in whatever way: a few bytes could stand for gigabytes.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

async fn read(request: Request, limit: usize, large: &Arc<Semaphore>) -> Result<Body, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            match limit {
                MAX_BYTES => "the request is larger than 64 KiB; a prompt has at most 1000 characters",
                MAX_BATCH_BYTES => "the batch is larger than 512 KiB; make two of it",
                _ => "the request is larger than 8 MiB; cut its files into shorter ones",
            },
        )
    };
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if declared.is_some_and(|bytes| bytes > MAX_DISCARDED) {
        return Err(too_large());
    }
    // What is declared is believed up to here only: declaring costs nothing.
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0).min(limit).min(MAX_BYTES));
    let mut place = None;
    let mut refused = None;
    let mut arrived = 0;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let broken =
            |_| Problem::new(StatusCode::BAD_REQUEST, "invalid_body", "the request's body is broken");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        arrived += data.len();
        if arrived > MAX_DISCARDED {
            return Err(too_large());
        }
        if arrived > limit {
            refused = Some(too_large());
        } else if arrived > MAX_BYTES && place.is_none() && refused.is_none() {
            match large.clone().try_acquire_owned() {
                Ok(permit) => place = Some(permit),
                Err(_) => refused = Some(too_many_large()),
            }
        }
        if refused.is_some() {
            // The rest is thrown away as it comes.
            (bytes, place) = (Vec::new(), None);
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    refused.map_or(Ok(Body { bytes, _place: place }), Err)
}

fn too_many_large() -> Problem {
    let message = "too many requests with files are being read already; try again in a few seconds";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", message)
}
