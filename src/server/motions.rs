//! `/motions/{id}` and its files: results while they are kept.

use super::access::Caller;
use super::negotiate::Form;
use super::problem::{self, Problem};
use super::{AppState, cache, ranges};
use crate::engine::{Content, Finished, ResultFile, answer};
use crate::error::{Error, Result};
use crate::formats::{Format, mp4_not_built};
use crate::generate::Timings;
use crate::render::{Camera, Views};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LOCATION, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

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
    let finished = state.engine.fetch(&id).await?;
    let form = Form::of(&uri, &headers)?;
    form.holds(finished.generated.samples.len())?;
    let mut response = match form {
        Form::File(file) => {
            let file = ResultFile { sample: 0, content: Content::Shown(file) };
            let wanted =
                Wanted { file, views: Views::Two, seen_from: String::new(), media: form.media_type() };
            whole_or_part(&state, finished, wanted, &headers).await?
        }
        Form::Json => {
            let etag = format!("\"{id}\"");
            let known = cache::is_known(&headers, &etag);
            let timings = timings(&finished);
            let json = if known { Vec::new() } else { off_thread(move || answer(&finished)).await? };
            let response = cache::respond(&headers, &etag, cache::FOREVER, form.media_type(), || json.into());
            (timings, response).into_response()
        }
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Remove it and its files, for good.
pub async fn remove(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    path: Asked<String>,
) -> Answered {
    let Ok(Path(id)) = path else { return Err(problem::not_found().await) };
    state.engine.remove(&id, caller.name()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// One of its files, made now.
pub async fn file(
    State(state): State<AppState>,
    path: Asked<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answered {
    let Ok(Path((id, name))) = path else { return Err(problem::not_found().await) };
    let finished = state.engine.fetch(&id).await?;
    let Some(file) = ResultFile::of(&finished).find(|file| file.name("") == name) else {
        let is_film = !cfg!(feature = "mp4") && name.ends_with("_motion.mp4");
        return Err(if is_film { mp4_not_built().into() } else { problem::not_found().await });
    };
    let (views, seen_from) = views(file, query.as_deref())?;
    let wanted = Wanted { file, views, seen_from, media: media_type(file.format()) };
    whole_or_part(&state, finished, wanted, &headers).await
}

/// A file, and for films where they look from.
struct Wanted {
    file: ResultFile,
    views: Views,
    /// Words for the entity tag.
    seen_from: String,
    media: &'static str,
}

/// A file as the headers ask for it. The same name and camera are the same bytes, always.
async fn whole_or_part(
    state: &AppState,
    finished: Arc<Finished>,
    Wanted { file, views, seen_from, media }: Wanted,
    headers: &HeaderMap,
) -> Answered {
    let (names, timings) = (names(&finished, file), timings(&finished));
    let etag = format!("\"{}-{}{seen_from}\"", finished.id, file.name(""));
    let is_slow = matches!(file.content, Content::Shown(shown) if shown.is_slow());
    let work = move || file.bytes_from(&finished, views);
    let bytes = match (cache::is_known(headers, &etag), is_slow) {
        (true, _) => Vec::new(),
        (false, true) => state.pictures.draw(work).await?,
        (false, false) => off_thread(work).await?,
    };
    let response = ranges::respond(headers, &etag, cache::FOREVER, media, || bytes.into());
    // A part that cannot be had is a problem, and no file.
    Ok(if response.status().is_client_error() {
        response
    } else {
        (names, timings, response).into_response()
    })
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

/// `Server-Timing`, for every form of a motion: how long each stage of its making took, in milliseconds, under the names and with the
/// digits that `timings_ms` of the JSON has.
pub fn timings(finished: &Finished) -> [(HeaderName, String); 1] {
    let Timings { text, tokens, decode } = finished.generated.timings;
    let stages = [
        ("queue", finished.queue),
        ("text", text),
        ("tokens", tokens),
        ("decode", decode),
        ("total", finished.total),
    ];
    let tenths = |duration: Duration| (duration.as_secs_f64() * 1e3 * 1e1).round() / 1e1;
    let metrics = stages.map(|(stage, duration)| format!("{stage};dur={:.1}", tenths(duration)));
    [(HeaderName::from_static("server-timing"), metrics.join(", "))]
}

/// What `?camera=AZIMUTH,ELEVATION[,DISTANCE]` asks of a film, and its words for the entity tag.
///
/// # Errors
/// `invalid_camera`, `camera_out_of_range`; `no_camera` for files that are no films, `unknown_field` for other words.
fn views(file: ResultFile, query: Option<&str>) -> Result<(Views, String)> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok((Views::Two, String::new())) };
    let Some(camera) = query.strip_prefix("camera=") else {
        return Err(Error::invalid("unknown_field", "the only thing that can be asked of a file is camera"));
    };
    if !matches!(file.content, Content::Shown(shown) if shown.has_camera()) {
        return Err(Error::invalid("no_camera", "this file has no camera; mp4 and gif have"));
    }
    let camera: Camera = camera.replace("%2C", ",").replace("%2c", ",").parse()?;
    Ok((Views::One(camera), format!("@{camera}")))
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Glb => "model/gltf-binary",
        Format::Mp4 => "video/mp4",
        Format::Gif => "image/gif",
        Format::Png => "image/png",
        // The others have no registered type.
        Format::Npy | Format::Npz | Format::Amass | Format::Bvh => "application/octet-stream",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::MotionFile;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_films_have_a_camera_and_their_tags_say_which(
            noise in "(camera=)?[ -~]{0,24}",
            numbers in "camera=[-+]?[0-9.e]{1,4}(,|%2C|%2c)[-+]?[0-9.e]{1,4}((,|%2C|%2c)[0-9.]{1,3})?",
            shown in prop::sample::select(MotionFile::ALL.to_vec()),
        ) {
            let file = ResultFile { sample: 0, content: Content::Shown(shown) };
            for query in [noise, numbers] {
                let Ok((seen, seen_from)) = views(file, Some(&query)) else { continue };
                match seen {
                    Views::Two => prop_assert!(query.is_empty() && seen_from.is_empty()),
                    Views::One(camera) => {
                        let told = format!("@{camera}");
                        prop_assert!(shown.has_camera());
                        prop_assert_eq!(&seen_from, &told);
                    }
                }
                // It is part of a header, and no quote may end it early.
                let is_plain = seen_from.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
                prop_assert!(is_plain, "{:?}", seen_from);
            }
        }
    }
}
