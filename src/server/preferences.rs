//! What a caller says in headers about how a generation should be answered.

use super::problem::Problem;
use crate::engine::Idempotency;
use axum::http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Longest `Idempotency-Key`, characters.
const MAX_KEY: usize = 200;
/// Longest wait of `Prefer: wait=`, seconds.
const MAX_WAIT: u64 = 60;

/// `Prefer: respond-async, wait=5` (RFC 7240): answer with a job, after waiting that long for its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// Answer with a job.
    pub respond_async: bool,
    /// How long to wait for its end first.
    pub wait: Duration,
}

impl Prefer {
    /// What is not understood is passed over, as the standard wants it.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split(',')).map(str::trim) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            if name.eq_ignore_ascii_case("respond-async") {
                prefer.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait")
                && let Ok(seconds) = value.trim_matches('"').parse::<u64>()
            {
                prefer.wait = Duration::from_secs(seconds.min(MAX_WAIT));
            }
        }
        prefer
    }
}

/// `Request-Timeout: 30`: the caller's own limit, which can only shorten that of the server.
pub fn time(headers: &HeaderMap, limit: Duration) -> Result<Duration, Problem> {
    let Some(value) = headers.get("request-timeout") else { return Ok(limit) };
    let seconds =
        value.to_str().ok().and_then(|text| text.parse::<u32>().ok()).filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| {
        let message = "Request-Timeout is a whole number of seconds from 1 up";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_request_timeout", message)
    })?;
    Ok(Duration::from_secs(seconds.into()).min(limit))
}

/// `Idempotency-Key`, and what it stands for.
pub fn idempotency(headers: &HeaderMap, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let is_plain =
        |text: &&str| (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let key = value.to_str().ok().filter(is_plain).ok_or_else(|| {
        let message = "Idempotency-Key is 1 to 200 visible ASCII characters, such as a UUID";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", message)
    })?;
    Ok(Some(Idempotency { key: key.to_owned(), fingerprint: Sha256::digest(body).into() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_said_goes_beyond_the_limits(noise in "[ -~]{0,40}", wait in "(wait ?= ?\"?[0-9]{0,22}\"?, ?){0,3}") {
            for value in [noise, wait] {
                prop_assert!(Prefer::of(&headers("prefer", &value)).wait <= Duration::from_secs(MAX_WAIT));
                let limit = Duration::from_secs(9);
                if let Ok(time) = time(&headers("request-timeout", &value), limit) {
                    prop_assert!(time <= limit);
                }
            }
        }

        #[test]
        fn keys_of_orders_are_bounded_and_plain(bytes in proptest::collection::vec(any::<u8>(), 0..240), body: Vec<u8>) {
            let Ok(value) = axum::http::HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", value);
            if let Ok(order) = idempotency(&headers, &body) {
                let key = order.unwrap().key;
                prop_assert!((1..=MAX_KEY).contains(&key.len()) && key.as_bytes() == bytes);
                prop_assert!(key.bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn preferences() {
        let prefer = |value: &str| Prefer::of(&headers("prefer", value));
        let seconds = |respond_async, wait| Prefer { respond_async, wait: Duration::from_secs(wait) };
        for (value, expected) in [
            ("respond-async", seconds(true, 0)),
            ("Respond-Async, wait=5", seconds(true, 5)),
            ("wait=100000, respond-async", seconds(true, 60)),
            ("handling=lenient", seconds(false, 0)),
            ("wait=-1, wait=99999999999999999999999", seconds(false, 0)),
            (",,=,", seconds(false, 0)),
        ] {
            assert_eq!(prefer(value), expected, "{value}");
        }
    }

    #[test]
    fn a_caller_can_only_shorten_the_time() {
        let limit = Duration::from_secs(300);
        let asked = |value: &str| time(&headers("request-timeout", value), limit);
        assert_eq!(time(&HeaderMap::new(), limit).unwrap(), limit);
        assert_eq!(asked("30").unwrap(), Duration::from_secs(30));
        assert_eq!(asked("4000000000").unwrap(), limit);
        for bad in ["0", "-1", "1.5", "soon", "99999999999999999999"] {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn idempotency_keys() {
        let read = |value: &str, body: &[u8]| idempotency(&headers("idempotency-key", value), body);
        let first = read("a-1", b"x").unwrap().unwrap();
        assert_eq!(first, read("a-1", b"x").unwrap().unwrap());
        assert_ne!(first, read("a-1", b"y").unwrap().unwrap());
        assert!(idempotency(&HeaderMap::new(), b"x").unwrap().is_none());
        for bad in ["", "a b", &"x".repeat(201)] {
            assert!(read(bad, b"x").is_err(), "{bad}");
        }
    }
}
