//! `GET /motions`: what has been made, the newest first, a page at a time.

use super::access::Caller;
use super::problem::Problem;
use super::{AppState, query};
use crate::engine::{Browse, DEFAULT_PAGE, Entry, MAX_PAGE, MotionId, Page};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

#[derive(Serialize)]
struct Listed {
    motions: Vec<Entry>,
    /// Address of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Those of the caller's key; without keys, everybody's.
pub async fn motions(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let [limit, before] = query::read(&uri, ["limit", "before"])?;
    let limit = limit.map_or(Ok(DEFAULT_PAGE), |limit| read_limit(&limit))?;
    let before = before.map(|before| read_before(&before)).transpose()?;
    let browse = Browse { owner: caller.name().map(str::to_owned), before, limit };
    let Page { entries, more } = state.engine.browse(browse).await;
    let last = entries.last().filter(|_| more);
    let next = last.map(|last| format!("/motions?limit={limit}&before={}", last.id));
    Ok(([(CACHE_CONTROL, "no-store")], Json(Listed { motions: entries, next })).into_response())
}

fn read_limit(text: &str) -> Result<usize, Problem> {
    text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit)).ok_or_else(|| {
        let message = format!("limit is a whole number from 1 to {MAX_PAGE}");
        Problem::new(StatusCode::BAD_REQUEST, "invalid_limit", message)
    })
}

fn read_before(text: &str) -> Result<MotionId, Problem> {
    MotionId::parse(text).ok_or_else(|| {
        let message = "before is the id of the last result on the page before, as its field next has it";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_before", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn limits_and_places_are_theirs_or_refused(limit in ".{0,12}|[+-]?[0-9]{1,24}", before in ".{0,40}|[0-9a-fA-F]{30,34}") {
            if let Ok(limit) = read_limit(&limit) {
                prop_assert!((1..=MAX_PAGE).contains(&limit));
            }
            if let Ok(id) = read_before(&before) {
                prop_assert_eq!(id.to_string(), before);
            }
        }

        #[test]
        fn every_limit_and_every_name_is_read(limit in 1..=MAX_PAGE, id in any::<[u8; 16]>()) {
            prop_assert_eq!(read_limit(&limit.to_string()).unwrap(), limit);
            let id = MotionId::from(id);
            prop_assert_eq!(read_before(&id.to_string()).unwrap(), id);
        }
    }
}
