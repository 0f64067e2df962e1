//! `GET /motions/{id}` and its files: results while they are kept.

use super::negotiate::Form;
use super::problem::{self, Problem};
use super::{AppState, cache, ranges};
use crate::engine::{Content, Finished, ResultFile, answer};
use crate::error::{Error, Result};
use crate::formats::Format;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LOCATION, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

type Asked<T> = std::result::Result<Path<T>, PathRejection>;
type Answered = std::result::Result<Response, Problem>;

/// The same that `POST /generate` answered, or one of its files where that is asked for.
pub async fn motion(
    State(state): State<AppState>,
    path: Asked<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answered {
    let Ok(Path(id)) = path else { return Err(problem::not_found().await) };
    let finished = state.engine.find(&id)?;
    let form = Form::of(&uri, &headers)?;
    form.holds(finished.generated.samples.len())?;
    let mut response = match form {
        Form::File(file) => {
            let file = ResultFile { sample: 0, content: Content::Shown(file) };
            whole_or_part(finished, file, form.media_type(), &headers).await?
        }
        Form::Json => {
            let etag = format!("\"{id}\"");
            let known = cache::is_known(&headers, &etag);
            let json = if known { Vec::new() } else { off_thread(move || answer(&finished)).await? };
            cache::respond(&headers, &etag, cache::FOREVER, form.media_type(), || json.into())
        }
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
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
    whole_or_part(finished, file, media_type(file.format()), &headers).await
}

/// A file as the headers ask for it. The same name is the same bytes, always.
async fn whole_or_part(
    finished: Arc<Finished>,
    file: ResultFile,
    media: &'static str,
    headers: &HeaderMap,
) -> Answered {
    let names = names(&finished, file);
    let etag = format!("\"{}-{}\"", finished.id, file.name(""));
    let known = cache::is_known(headers, &etag);
    let bytes = if known { Vec::new() } else { off_thread(move || file.bytes(&finished)).await? };
    let response = ranges::respond(headers, &etag, cache::FOREVER, media, || bytes.into());
    // A part that cannot be had is a problem, and no file.
    Ok(if response.status().is_client_error() { response } else { (names, response).into_response() })
}

/// Where a file is, and what a browser saves it as: several results can lie in one folder.
pub fn names(finished: &Finished, file: ResultFile) -> [(HeaderName, String); 2] {
    let id = finished.id.to_string();
    let saved = file.name(&format!("duet_{}_", &id[..8]));
    [
        (CONTENT_LOCATION, format!("/motions/{id}/{}", file.name(""))),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{saved}\"")),
    ]
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
