//! Part of a file (RFC 9110, section 14): one range of bytes, so that a download can go on where it stopped.

use super::cache;
use super::problem::Problem;
use axum::body::Bytes;
use axum::http::header::{ACCEPT_RANGES, CONTENT_RANGE, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::ops::RangeInclusive;

/// What a request's `Range` comes to.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Everything: none was asked for, or what was asked is not understood, or is of another version of the file.
    Whole,
    /// These bytes.
    Bytes(RangeInclusive<usize>),
    /// Bytes that the file does not have.
    Nothing,
}

/// As [`cache::respond`], of files that may be asked for in parts: also 206 and 416. `etag` is strong: it stands for the bytes.
pub fn respond(
    request: &HeaderMap,
    etag: &str,
    cache_control: &'static str,
    mime: &'static str,
    body: impl FnOnce() -> Bytes,
) -> Response {
    let mut whole = Bytes::new();
    let mut response = cache::respond(request, etag, cache_control, mime, || {
        whole = body();
        whole.clone()
    });
    if response.status() == StatusCode::OK {
        match part(request, etag, whole.len()) {
            Part::Whole => (),
            Part::Bytes(range) => {
                let told = format!("bytes {}-{}/{}", range.start(), range.end(), whole.len());
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                *response.body_mut() = whole.slice(range).into();
                tell(&mut response, &told);
            }
            Part::Nothing => return nothing(whole.len()),
        }
    }
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

fn nothing(length: usize) -> Response {
    let message = format!("the file has {length} bytes; none of those asked for is among them");
    let mut response =
        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", message).into_response();
    tell(&mut response, &format!("bytes */{length}"));
    response
}

fn tell(response: &mut Response, range: &str) {
    if let Ok(value) = HeaderValue::try_from(range) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
}

fn part(request: &HeaderMap, etag: &str, length: usize) -> Part {
    let Some(asked) = request.get(RANGE).and_then(|value| value.to_str().ok()) else { return Part::Whole };
    // Only a part of exactly these bytes can be put to what the caller has. A date says too little.
    if request.get(IF_RANGE).is_some_and(|known| known != etag) {
        return Part::Whole;
    }
    one_range(asked, length as u64).unwrap_or(Part::Whole)
}

/// `bytes=2-5`, `bytes=2-` or `bytes=-3` of so many bytes; `None` for anything else. Several ranges would be an answer of
/// several parts: who asks for them has to take the whole, as the standard allows.
fn one_range(asked: &str, length: u64) -> Option<Part> {
    let (unit, range) = asked.split_once('=')?;
    let (first, last) = range.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than fit are still a place beyond the end.
        is_number.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = match (first, last) {
        ("", count) => (length - number(count)?.min(length), u64::MAX),
        (first, "") => (number(first)?, u64::MAX),
        (first, last) => (number(first)?, number(last)?),
    };
    if last < first {
        return None;
    }
    if first >= length {
        return Some(Part::Nothing);
    }
    Some(Part::Bytes(first as usize..=last.min(length - 1) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_asked_for_lies_in_the_file(asked in "(bytes=)?[-0-9 ,=a-f]{0,24}", length in 0usize..40) {
            if let Some(Part::Bytes(range)) = one_range(&asked, length as u64) {
                prop_assert!(range.start() <= range.end() && *range.end() < length);
            }
        }
    }

    #[test]
    fn what_ranges_come_to() {
        let of = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, range.parse().unwrap());
            part(&headers, "\"a\"", 10)
        };
        for (range, expected) in [
            ("bytes=0-0", Part::Bytes(0..=0)),
            ("bytes=2-5", Part::Bytes(2..=5)),
            ("bytes=7-", Part::Bytes(7..=9)),
            ("bytes=-3", Part::Bytes(7..=9)),
            ("bytes=5-1000000000000", Part::Bytes(5..=9)),
            ("bytes=10-", Part::Nothing),
            ("bytes=10-20", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=-99", Part::Bytes(0..=9)),
            ("Bytes= 3-4 ", Part::Bytes(3..=4)),
            ("bytes=5-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes", Part::Whole),
            ("bytes=0-1,4-5", Part::Whole),
            ("seconds=1-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=0-99999999999999999999999", Part::Bytes(0..=9)),
        ] {
            assert_eq!(of(range), expected, "{range}");
        }
    }

    #[test]
    fn parts_are_of_the_version_that_the_caller_has() {
        let of = |known: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, "bytes=1-2".parse().unwrap());
            headers.insert(IF_RANGE, known.parse().unwrap());
            part(&headers, "\"a\"", 10)
        };
        assert_eq!(of("\"a\""), Part::Bytes(1..=2));
        for other in ["\"b\"", "W/\"a\"", "Sat, 21 Nov 2026 20:00:00 GMT"] {
            assert_eq!(of(other), Part::Whole, "{other}");
        }
    }
}
