//! Entity tags, so that a browser that has something already is not sent it again.

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Keep, but ask each time: a new version of the program shows at once.
pub const REVALIDATE: &str = "no-cache";
/// Keep: what is under this address never changes. For the one who asked only.
pub const FOREVER: &str = "private, max-age=86400, immutable";

/// Tag of a content with this digest. Weak, because compression changes the bytes and not the meaning.
pub fn etag(digest: &[u8]) -> String {
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{digits}\"")
}

/// 304 when the caller has it, else the body.
pub fn respond(
    request: &HeaderMap,
    etag: &str,
    cache_control: &'static str,
    mime: &'static str,
    body: impl FnOnce() -> Bytes,
) -> Response {
    let kept = [(ETAG, etag), (CACHE_CONTROL, cache_control)];
    if is_known(request, etag) {
        (StatusCode::NOT_MODIFIED, kept).into_response()
    } else {
        (kept, [(CONTENT_TYPE, mime)], body()).into_response()
    }
}

/// The caller says that it has this version.
pub fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}
