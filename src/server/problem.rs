//! Errors on the wire: RFC 9457 problem+json with a stable `code`, and the one table from error kind to status.

use crate::error::{Error, ErrorKind};
use axum::Json;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::any::Any;
use std::borrow::Cow;

/// The table.
pub fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable | ErrorKind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Network => StatusCode::BAD_GATEWAY,
        ErrorKind::Corrupt | ErrorKind::Io | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Seconds after which a busy or restarting server is worth another try.
const RETRY_AFTER_SECONDS: u64 = 2;

/// What a person is told when the reason is nobody's business but the log's.
const HIDDEN: &str =
    "something went wrong on the server; its log has the cause under this answer's x-request-id";

/// An answer that is not what was hoped for.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// Always "about:blank": `code` tells problems apart.
    r#type: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: Cow<'static, str>,
    code: &'static str,
    /// Seconds, for the header Retry-After.
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// Goes with the response of a problem, for those who count.
#[derive(Clone, Copy, Debug)]
pub struct ProblemCode(pub &'static str);

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// `code` is for programs, `detail` for people: it says what to do and holds nothing of the inside.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { r#type: "about:blank", title, status, detail: detail.into(), code, retry_after: None }
    }

    /// Worth another try after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Error> for Problem {
    /// Failures of ours go to the log here, once, and leave without their words.
    fn from(error: Error) -> Self {
        let problem = Self::from(&error);
        if problem.status.is_server_error() {
            let causes = causes(&error);
            tracing::error!(code = error.code(), %error, causes, "request failed");
        }
        problem
    }
}

impl From<&Error> for Problem {
    /// For an error that the log knows already.
    fn from(error: &Error) -> Self {
        // A missing or forbidden file is the server's own: nobody out there named it.
        let is_file = matches!(error.code(), "file_not_found" | "permission_denied");
        let status = if is_file { StatusCode::INTERNAL_SERVER_ERROR } else { status(error.kind()) };
        let hidden = is_file
            || matches!(
                error.kind(),
                ErrorKind::Corrupt | ErrorKind::Io | ErrorKind::Network | ErrorKind::Internal
            );
        let code = if is_file { "internal" } else { error.code() };
        let detail = if hidden { Cow::Borrowed(HIDDEN) } else { Cow::Owned(error.to_string()) };
        Self::new(status, code, detail)
    }
}

/// The causes in words, one after the other; of one that carries a backtrace only its first line.
fn causes(error: &Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words.push(inner.to_string().lines().next().unwrap_or_default().to_owned());
        cause = inner.source();
    }
    words.join(": ")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, retry_after) = (self.status, self.code, self.retry_after);
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(ProblemCode(code));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let again = status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE;
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        } else if again && code != "took_too_long" {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }
}

/// No such page.
pub async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
}

/// Right page, wrong verb.
pub async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this address does not answer to this method",
    )
}

/// A handler panicked; the panic hook has told the log.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", HIDDEN).into_response()
}
