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
    let named = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(HOST)?.to_str().ok()?,
    };
    let authority: axum::http::uri::Authority = named.parse().ok()?;
    let (host, port) = named.split_at(authority.host().len());
    // As in a URI; but user information has no place in it, nor has anything between the host and the port.
    (!named.contains('@') && (port.is_empty() || port.starts_with(':'))).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use proptest::prelude::*;

    /// A request with this Host header, where the bytes can be one.
    fn asked(host: &[u8]) -> Option<Request> {
        axum::http::Request::builder().uri("/").header(HOST, host).body(Body::empty()).ok()
    }

    proptest! {
        #[test]
        fn a_host_is_what_stands_before_the_port(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            pieces in "(localhost|127\\.0\\.0\\.1|\\[::1\\]|evil\\.example|[@:./?#%\\[\\] ]|80){0,5}",
        ) {
            for value in [noise, pieces.into_bytes()] {
                let request = asked(&value);
                let Some(host) = request.as_ref().and_then(named_host) else { continue };
                let rest = value.strip_prefix(host.as_bytes());
                prop_assert!(rest.is_some_and(|rest| rest.is_empty() || rest[0] == b':'), "{:?}", host);
                prop_assert!(!value.contains(&b'@'), "no user to be taken for a host");
            }
        }

        #[test]
        fn a_host_in_full_is_read_in_the_same_way(name in "[a-z]{1,9}(\\.[a-z]{1,9})?") {
            let host = |authority: &str| {
                let request = axum::http::Request::get(format!("http://{authority}/info")).body(Body::empty());
                named_host(&request.unwrap()).map(str::to_owned)
            };
            prop_assert_eq!(host(&format!("{name}:80")), Some(name));
            for other in ["user@localhost", "[::1].evil.example"] {
                prop_assert_eq!(host(other), None);
            }
        }

        #[test]
        fn every_name_is_found_with_and_without_a_port(name in "[a-z0-9-]{1,20}(\\.[a-z0-9-]{1,12}){0,3}", port in any::<u16>()) {
            for value in [name.clone(), format!("{name}:{port}")] {
                let request = asked(value.as_bytes()).unwrap();
                prop_assert_eq!(named_host(&request), Some(&*name));
            }
        }
    }
}
