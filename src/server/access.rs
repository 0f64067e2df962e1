//! Who is asking: the API key of a request, looked at before anything else of it is read.

use super::AppState;
use super::keys::{Holder, Share};
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::sync::Arc;

/// Whoever asks. Without keys in the settings that is nobody in particular.
#[derive(Clone, Default)]
pub struct Caller(Option<Arc<Holder>>);

impl Caller {
    /// Name of the key's holder.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref().map(Holder::name)
    }

    /// A place among the generations of this caller; nothing is counted yet.
    pub fn place(&self) -> Result<Share, Problem> {
        self.0.as_deref().map_or_else(|| Ok(Share::default()), Holder::place)
    }

    /// Refuse who is known to have none left.
    pub fn look(&self) -> Result<(), Problem> {
        self.0.as_deref().map_or(Ok(()), Holder::look)
    }

    /// Count a generation that was let into a queue. It is counted no sooner, because who is turned away there has started
    /// nothing; where this refuses, it is to be dropped.
    pub fn count(&self) -> Result<(), Problem> {
        self.0.as_deref().map_or(Ok(()), Holder::count)
    }
}

/// Find the caller, or refuse. `Authorization: Bearer KEY` is for programs; browsers ask for a password and send it as
/// `Basic`, where the user's name does not matter.
pub async fn check(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let caller = if state.keys.is_empty() {
        Caller::default()
    } else {
        match secret(request.headers()).and_then(|secret| state.keys.holder(&secret)) {
            Some(holder) => Caller(Some(holder)),
            None => return refuse(request.uri().path() == "/"),
        }
    };
    if let Some(name) = caller.name() {
        tracing::Span::current().record("key", name);
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn refuse(is_page: bool) -> Response {
    let message = "this server needs an API key: send it as the header Authorization: Bearer KEY";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response();
    // The prompt of a browser would be in the way of programs that run in one.
    let scheme = if is_page { "Basic realm=\"duet\", charset=\"UTF-8\"" } else { "Bearer realm=\"duet\"" };
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    response
}

fn secret(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        return decoded.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is read from a header of these bytes, where they can be one.
    fn read(value: &[u8]) -> Option<String> {
        secret(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_bytes(value).ok()?)]))
    }

    proptest! {
        #[test]
        fn a_secret_is_no_longer_than_what_was_sent(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            scheme in "(?i)(bearer|basic|digest) {0,2}",
            rest in "[ -~]{0,40}",
        ) {
            for value in [noise, (scheme + &rest).into_bytes()] {
                prop_assert!(read(&value).is_none_or(|secret| secret.len() < value.len()));
            }
        }

        #[test]
        fn every_key_is_read_from_both_schemes(user in "[^:]{0,12}", key in "[!-~]{1,80}", password in ".{0,40}") {
            prop_assert_eq!(read(format!("Bearer {key}").as_bytes()), Some(key));
            let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
            prop_assert_eq!(read(format!("Basic {basic}").as_bytes()), Some(password));
        }
    }

    #[test]
    fn keys_are_read_from_both_schemes() {
        let read = |value: &str| read(value.as_bytes());
        assert_eq!(read("Bearer duet_1").as_deref(), Some("duet_1"));
        assert_eq!(read("bearer  duet_1 ").as_deref(), Some("duet_1"));
        assert_eq!(read("Basic YW5uYTpkdWV0XzE=").as_deref(), Some("duet_1"));
        for bad in ["duet_1", "Digest a", "Basic !", "Basic YQ==", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
