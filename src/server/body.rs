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

#[cfg(test)]
mod tests {
    use super::super::problem::ProblemCode;
    use super::*;
    use axum::body::Bytes;
    use axum::http::{HeaderName, HeaderValue};
    use axum::response::IntoResponse;
    use futures_util::stream;
    use proptest::prelude::*;
    use std::convert::Infallible;

    type Sent = axum::body::Body;

    fn typed(value: &[u8]) -> Option<HeaderMap> {
        Some(HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_bytes(value).ok()?)]))
    }

    /// A request with JSON's content type and one header that may be there several times.
    fn request(body: Sent, name: HeaderName, values: &[&str]) -> Request {
        let mut request = Request::new(body);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for value in values {
            request.headers_mut().append(&name, value.parse().unwrap());
        }
        request
    }

    /// The body, or the code of what is said instead.
    fn received(
        request: Request,
        limit: usize,
        patience: Duration,
        large: &Arc<Semaphore>,
    ) -> Result<Body, &'static str> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(read_json(request, limit, patience, large)).map_err(|problem| {
            let response = problem.into_response();
            response.extensions().get::<ProblemCode>().map_or("", |code| code.0)
        })
    }

    proptest! {
        #[test]
        fn what_has_another_name_is_no_json(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            nearly in "(?i)[ \t]?(application|text)/ ?(json|json5|x-json|[*])[ -~]{0,12}",
        ) {
            for value in [noise, nearly.into_bytes()] {
                if typed(&value).is_some_and(|headers| is_json(&headers)) {
                    let text = String::from_utf8(value).unwrap().to_ascii_lowercase();
                    let rest = text.trim_start().strip_prefix("application/json");
                    let is_over = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([';', ' ', '\t']));
                    prop_assert!(is_over, "{:?}", text);
                }
            }
        }

        #[test]
        fn json_is_json_whatever_else_is_said_of_it(
            capitals in any::<u16>(), space in "[ \t]{0,2}", parameters in "(;[ -~]{0,20})?",
        ) {
            let letters = "application/json".chars().enumerate();
            let name: String = letters
                .map(|(at, c)| if (capitals >> at) & 1 == 1 { c.to_ascii_uppercase() } else { c })
                .collect();
            let value = format!("{space}{name}{space}{parameters}");
            prop_assert!(typed(value.as_bytes()).is_some_and(|headers| is_json(&headers)), "{:?}", value);
        }

        /// The body never comes: who is refused for its coding is refused unread.
        #[test]
        fn no_coding_but_none_is_waited_for(
            codings in prop::collection::vec("identity|IDENTITY|Identity|gzip|[!-~]{0,8}", 0..4),
        ) {
            let never = Sent::from_stream(stream::pending::<Result<Bytes, Infallible>>());
            let values: Vec<&str> = codings.iter().map(String::as_str).collect();
            let is_plain = values.iter().all(|coding| coding.eq_ignore_ascii_case("identity"));
            let told = if is_plain { "body_timeout" } else { "unsupported_media_type" };
            let (asked, large) = (request(never, CONTENT_ENCODING, &values), Arc::new(Semaphore::new(1)));
            prop_assert_eq!(received(asked, MAX_BYTES, Duration::ZERO, &large).err(), Some(told));
        }

        #[test]
        fn a_body_is_what_came_whatever_length_was_declared(
            declared in "[ -~]{0,30}|[+-]?[0-9]{1,24}",
            lengths in prop::collection::vec(0..40_000usize, 0..6),
            limit in prop::sample::select(vec![MAX_BYTES, 100_000, MAX_BATCH_BYTES]),
            room in 0..2usize,
        ) {
            let pieces: Vec<Vec<u8>> =
                lengths.iter().zip(1u8..).map(|(length, mark)| vec![mark; *length]).collect();
            let sent = pieces.concat();
            let pieces = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Bytes::from(piece)));
            let asked = request(Sent::from_stream(stream::iter(pieces)), CONTENT_LENGTH, &[&declared]);
            let large = Arc::new(Semaphore::new(room));
            let read = received(asked, limit, Duration::from_secs(60), &large);

            let is_told_too_long = declared.parse::<usize>().is_ok_and(|length| length > MAX_DISCARDED);
            let is_large = sent.len() > MAX_BYTES;
            let refusal = if is_told_too_long || sent.len() > limit {
                Some("payload_too_large")
            } else {
                (is_large && room == 0).then_some("queue_full")
            };
            prop_assert_eq!(read.as_ref().err().copied(), refusal);
            if let Ok(body) = &read {
                prop_assert!(body.bytes == sent, "other bytes than came");
                // Declaring costs nothing, and gets no more than a small body.
                prop_assert!(body.bytes.capacity() <= MAX_BYTES.max(2 * sent.len()));
                prop_assert_eq!(large.available_permits(), room - usize::from(is_large));
            }
            drop(read);
            prop_assert_eq!(large.available_permits(), room);
        }
    }

    #[test]
    fn who_never_stops_sending_is_refused() {
        let lengths: [&[&str]; 5] = [&[], &["5"], &["16777216"], &["none"], &["5", "7"]];
        for declared in lengths {
            let piece = Bytes::from(vec![b' '; MAX_BYTES]);
            let body = Sent::from_stream(stream::repeat(Ok::<_, Infallible>(piece)));
            let asked = request(body, CONTENT_LENGTH, declared);
            let large = Arc::new(Semaphore::new(1));
            let refused = received(asked, MAX_EDIT_BYTES, Duration::from_secs(60), &large).err();
            assert_eq!((refused, large.available_permits()), (Some("payload_too_large"), 1), "{declared:?}");
        }
    }
}
