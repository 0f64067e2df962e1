//! Entity tags, so that a browser that has something already is not sent it again.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Keep, but ask each time: a new version of the program shows at once.
pub const REVALIDATE: &str = "no-cache";
/// Keep: what is under this address never changes. For the one who asked only.
pub const FOREVER: &str = "private, max-age=86400, immutable";

/// Tag of a content with this digest. Strong: [`tell_of_compression`] weakens it where the bytes are changed on the way.
pub fn etag(digest: &[u8]) -> String {
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
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

/// A strong tag stands for bytes. Compression makes other bytes of the same meaning, so there the tag becomes a weak one.
pub async fn tell_of_compression(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !headers.contains_key(CONTENT_ENCODING) {
        return response;
    }
    let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok()).filter(|etag| !etag.starts_with("W/"));
    if let Some(weak) = etag.and_then(|etag| HeaderValue::try_from(format!("W/{etag}")).ok()) {
        headers.insert(ETAG, weak);
    }
    response
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(value: &[u8]) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_bytes(value).ok()?);
        Some(headers)
    }

    #[test]
    fn a_tag_among_others_is_known() {
        let tag = etag(&[0xab; 32]);
        let known = |value: &str| is_known(&asked(value.as_bytes()).unwrap(), &tag);
        assert!(known(&tag) && known("*") && known(&format!("W/{tag}")) && known(&format!("\"a\", {tag}")));
        assert!(!known("") && !known("\"a\"") && !known(&tag[1..]) && !known(&tag.to_uppercase()));
        assert!(!is_known(&HeaderMap::new(), &tag));
    }

    proptest! {
        #[test]
        fn what_does_not_hold_the_tag_is_not_known(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let Some(headers) = asked(&value) else { return Ok(()) };
            let tag = etag(&[7; 32]);
            let holds = value.contains(&b'*') || value.windows(tag.len()).any(|part| part == tag.as_bytes());
            prop_assert!(holds || !is_known(&headers, &tag));
        }
    }
}
