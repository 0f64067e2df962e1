//! `GET /motions/{id}` and its files: results while they are kept.

use super::problem::{self, Problem};
use super::{AppState, cache};
use crate::engine::{Finished, ResultFile, answer};
use crate::error::{Error, Result};
use crate::formats::Format;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

type Asked<T> = std::result::Result<Path<T>, PathRejection>;
type Answered = std::result::Result<Response, Problem>;

/// The same JSON that `POST /generate` answered.
pub async fn motion(State(state): State<AppState>, path: Asked<String>, headers: HeaderMap) -> Answered {
    let Ok(Path(id)) = path else { return Err(problem::not_found().await) };
    let finished = state.engine.find(&id)?;
    let etag = format!("W/\"{id}\"");
    let known = cache::is_known(&headers, &etag);
    let json = if known { Vec::new() } else { off_thread(move || answer(&finished)).await? };
    Ok(cache::respond(&headers, &etag, cache::FOREVER, "application/json", || json.into()))
}

/// One of its files, made now.
pub async fn file(
    State(state): State<AppState>,
    path: Asked<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    let Ok(Path((id, name))) = path else { return Err(problem::not_found().await) };
    let finished = state.engine.find(&id)?;
    let Some(file) = ResultFile::of(&finished).find(|file| file.name("") == name) else {
        return Err(problem::not_found().await);
    };
    // What a browser saves it as: several results can lie in one folder.
    let saved = file.name(&format!("duet_{}_", &id[..8]));
    let etag = format!("W/\"{id}-{name}\"");
    let known = cache::is_known(&headers, &etag);
    let bytes = if known { Vec::new() } else { off_thread(move || file.bytes(&finished)).await? };
    let mut response =
        cache::respond(&headers, &etag, cache::FOREVER, media_type(file.format()), || bytes.into());
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{saved}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Glb => "model/gltf-binary",
        // The others have no registered type.
        Format::Npy | Format::Npz | Format::Bvh => "application/octet-stream",
    }
}

/// The JSON answer, with the addresses of the files.
pub fn answer(finished: &Finished) -> Result<Vec<u8>> {
    let id = finished.id;
    answer::json(finished, &|sample| {
        ResultFile::of_sample(sample)
            .map(|file| {
                let name = file.name("");
                let address = format!("/motions/{id}/{name}");
                (name, address)
            })
            .collect()
    })
}

/// Run something that takes milliseconds where it delays no other request.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|source| {
        Error::internal("internal", "the answer could not be written").with_source(source)
    })?
}
