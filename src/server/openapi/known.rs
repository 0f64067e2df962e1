//! What the document says of refusals, for tests of what the service says.

use super::document;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// Whether the document lists this code under this status for a request of this method to this address (without its query): among the
/// answers of the operation there or, where there is none, among those of no operation.
pub fn is_known(method: &str, path: &str, status: u16, code: &str) -> bool {
    let mut paths = DOCUMENT["paths"].as_object().into_iter().flatten();
    let nowhere = &DOCUMENT["components"]["responses"];
    let response = match paths.find(|(known, _)| is_at(known, path)) {
        Some((_, methods)) => match methods.get(method.to_lowercase()) {
            Some(operation) => &operation["responses"][status.to_string()],
            None => &nowhere["NoSuchMethod"],
        },
        None => &nowhere["NoSuchAddress"],
    };
    let problem = &response["content"]["application/problem+json"];
    let codes = problem["schema"]["allOf"][1]["properties"]["code"]["enum"].as_array();
    problem["example"]["status"] == status
        && codes.is_some_and(|codes| codes.iter().any(|known| known == code))
}

/// Whether a pattern such as `/jobs/{id}/events` is that of an address. The last part of an address below `/static` may have parts itself.
fn is_at(pattern: &str, path: &str) -> bool {
    if let Some(folder) = pattern.strip_suffix("{path}") {
        return path.strip_prefix(folder).is_some_and(|name| !name.is_empty());
    }
    let (known, asked): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    let fits =
        |(known, asked): (&&str, &&str)| known == asked || (known.starts_with('{') && !asked.is_empty());
    known.len() == asked.len() && known.iter().zip(&asked).all(fits)
}

#[test]
fn patterns_and_addresses() {
    for (pattern, path) in [
        ("/", "/"),
        ("/jobs/{id}", "/jobs/1"),
        ("/jobs/{id}/events", "/jobs/1/events"),
        ("/static/{path}", "/static/../Cargo.toml"),
    ] {
        assert!(is_at(pattern, path), "{pattern} {path}");
    }
    for (pattern, path) in [
        ("/", "//"),
        ("/jobs/{id}", "/jobs/"),
        ("/jobs/{id}", "/jobs/1/events"),
        ("/static/{path}", "/static/"),
    ] {
        assert!(!is_at(pattern, path), "{pattern} {path}");
    }
    assert!(is_known("DELETE", "/jobs/1", 403, "origin_not_allowed"));
    for (method, path, status, code) in [
        ("GET", "/jobs/1", 403, "origin_not_allowed"),
        ("DELETE", "/jobs/1", 404, "origin_not_allowed"),
        ("GET", "/nothing", 405, "not_found"),
        ("POST", "/jobs/1", 404, "not_found"),
    ] {
        assert!(!is_known(method, path, status, code), "{method} {path} {status} {code}");
    }
    assert!(
        is_known("GET", "/nothing", 404, "not_found")
            && is_known("POST", "/jobs/1", 405, "method_not_allowed")
    );
}
