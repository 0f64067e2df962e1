//! Pages of other origins: which of them may use the API from a browser, and what is done about the rest.

use super::AppState;
use super::problem::Problem;
use crate::error::{Error, Result};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION,
    ORIGIN, RETRY_AFTER,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Origins that may use the API; none unless set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Each as browsers write them: scheme, host, and port where it is not the scheme's own. No pattern, no `*`.
    ///
    /// # Errors
    /// `invalid_setting`.
    pub fn new(origins: &[String]) -> Result<Self> {
        origins.iter().map(|origin| parse(origin)).collect::<Result<_>>().map(Self)
    }

    fn contains(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }

    /// No page of another origin may use the API.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The layer that tells browsers. Keys travel in a header that the page sets itself; cookies and the like do not count.
    pub fn layer(&self) -> CorsLayer {
        let name = HeaderName::from_static;
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(self.0.iter().cloned()))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers([
                CONTENT_TYPE,
                axum::http::header::AUTHORIZATION,
                name("prefer"),
                name("idempotency-key"),
                name("request-timeout"),
                name("x-request-id"),
            ])
            .expose_headers([
                ACCEPT_RANGES,
                CONTENT_DISPOSITION,
                CONTENT_LOCATION,
                CONTENT_RANGE,
                ETAG,
                LOCATION,
                RETRY_AFTER,
                name("server-timing"),
                name("x-request-id"),
            ])
            .max_age(Duration::from_secs(600))
    }
}

fn parse(origin: &str) -> Result<HeaderValue> {
    let refused = || {
        let message =
            "an origin is a scheme and a host, such as https://example.org or http://localhost:3000";
        Error::invalid("invalid_setting", message)
    };
    let uri: axum::http::Uri = origin.parse().map_err(|_| refused())?;
    let authority = uri.authority().ok_or_else(refused)?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or_else(refused)?;
    // Exactly as a browser would write it, else it would never match.
    if origin != format!("{scheme}://{authority}")
        || authority.as_str().contains('@')
        || origin.to_lowercase() != origin
    {
        return Err(refused());
    }
    HeaderValue::from_str(origin).map_err(|_| refused())
}

/// Refuse to change anything for a page of another origin, by what the browser itself says of the request.
pub async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let foreign = matches!(site, Some(b"cross-site" | b"same-site"));
    if changes && foreign && !headers.get(ORIGIN).is_some_and(|origin| state.origins.contains(origin)) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "pages of other origins may not use this server; start it with --allow-origin to let one in",
        )
        .into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_origin_is_kept_as_it_is_written(
            noise in ".{0,30}",
            nearly in "(https?|ftp|HTTP)?:?/{0,3}[a-zA-Z0-9.@:*-]{0,20}(/|\\?a|#b)?",
        ) {
            for text in [noise, nearly] {
                if let Ok(origin) = parse(&text) {
                    prop_assert_eq!(&origin, &text);
                    prop_assert_eq!(text.to_lowercase(), text.clone());
                    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
                    prop_assert!(host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@'])));
                }
            }
        }

        #[test]
        fn every_host_can_be_one(scheme in "https?", host in "[a-z0-9]{1,20}(\\.[a-z]{1,10})?", port in prop::option::of(any::<u16>())) {
            let port = port.map_or(String::new(), |port| format!(":{port}"));
            let origin = format!("{scheme}://{host}{port}");
            prop_assert_eq!(parse(&origin).unwrap(), origin);
        }
    }

    #[test]
    fn origins_are_what_browsers_send() {
        let new = |origin: &str| Origins::new(&[origin.to_owned()]);
        for good in ["https://example.org", "http://localhost:3000", "http://[::1]:80"] {
            assert!(new(good).unwrap().contains(&HeaderValue::from_str(good).unwrap()), "{good}");
        }
        for bad in [
            "*",
            "null",
            "example.org",
            "https://example.org/",
            "https://Example.org",
            "ftp://a",
            "http://a@b",
            "",
        ] {
            assert_eq!(new(bad).unwrap_err().code(), "invalid_setting", "{bad}");
        }
    }
}
