//! `GET /` and `GET /static/{path}`: the page and what it is made of, all inside the binary.

use super::problem::{self, Problem};
use super::{AppState, cache};
use crate::engine::{Engine, ModelInfo};
use crate::error::{Error, Result};
use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

#[derive(Template)]
#[template(path = "index.html")]
struct Index<'a> {
    version: &'a str,
    models: &'a [ModelInfo<'a>],
    default_model: &'a str,
    /// The default model's.
    guidance: f64,
}

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// Names of the embedded files.
#[cfg(test)]
pub fn names() -> impl Iterator<Item = Cow<'static, str>> {
    Static::iter()
}

/// The page, rendered once.
pub struct Page {
    html: Bytes,
    etag: String,
}

impl Page {
    /// Render the page for the models at hand.
    ///
    /// # Errors
    /// Only internal ones.
    pub fn new(engine: &Engine) -> Result<Self> {
        let models: Vec<_> = engine.models().collect();
        let index = Index {
            version: env!("CARGO_PKG_VERSION"),
            models: &models,
            default_model: engine.default_model().name,
            guidance: engine.default_model().guidance,
        };
        let html = index.render().map_err(|source| {
            Error::internal("page", "the page could not be rendered").with_source(source)
        })?;
        let etag = cache::etag(&Sha256::digest(&html));
        Ok(Self { html: html.into(), etag })
    }
}

/// The page.
pub async fn index(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let Page { html, etag } = &*state.page;
    cache::respond(&headers, etag, cache::REVALIDATE, "text/html; charset=utf-8", || html.clone())
}

/// An embedded file, by its exact name.
pub async fn asset(
    path: std::result::Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> std::result::Result<Response, Problem> {
    let Ok(Path(path)) = path else { return Err(problem::not_found().await) };
    let Some(file) = Static::get(&path) else { return Err(problem::not_found().await) };
    let etag = cache::etag(&file.metadata.sha256_hash());
    let mime = mime(&path);
    Ok(cache::respond(&headers, &etag, cache::REVALIDATE, mime, || match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }))
}

/// Media type by extension; text is UTF-8.
fn mime(path: &str) -> &'static str {
    match mime_guess::from_path(path).first_raw() {
        Some("text/css") => "text/css; charset=utf-8",
        Some("text/javascript" | "application/javascript") => "text/javascript; charset=utf-8",
        Some(mime) => mime,
        None => "application/octet-stream",
    }
}
