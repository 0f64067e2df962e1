//! What every answer carries and every request must pass: security headers, and the check of the Host header.

use super::problem::Problem;
use super::{AppState, Hosts};
use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Scripts, styles and data from here only; nothing inline, no frames, no forms.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, CSP),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Put the security headers on every answer.
pub async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuse requests for other hosts: a page elsewhere whose name has been pointed at this machine (DNS rebinding) must
/// not read what runs here.
pub async fn check_host(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if let Hosts::Only(allowed) = &*state.hosts {
        let host = named_host(&request);
        if !host.is_some_and(|host| {
            is_loopback(host) || allowed.iter().any(|name| name.eq_ignore_ascii_case(host))
        }) {
            return Problem::new(
                StatusCode::FORBIDDEN,
                "host_not_allowed",
                "this server answers to localhost only; start it with --allow-host NAME to give it another name",
            )
            .into_response();
        }
    }
    next.run(request).await
}

/// The host that the request is for, without port.
fn named_host(request: &Request) -> Option<&str> {
    if let Some(host) = request.uri().host() {
        return Some(host);
    }
    let value = request.headers().get(HOST)?.to_str().ok()?;
    // What stands there is an authority, as in a URI; user information has no place in it.
    let authority: &axum::http::uri::Authority = &value.parse().ok()?;
    let length = authority.host().len();
    (!authority.as_str().contains('@')).then(|| &value[..length])
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
