//! `GET /openapi.json` and `GET /docs`: the API described for programs and for people, the second made from the first.

use super::{AppState, cache, openapi};
use crate::error::{Error, Result};
use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Template)]
#[template(path = "docs.html")]
struct Page<'a> {
    version: &'a str,
    description: &'a str,
    operations: Vec<Operation<'a>>,
    schemas: Vec<Schema<'a>>,
}

struct Operation<'a> {
    method: String,
    path: &'a str,
    id: &'a str,
    summary: &'a str,
    description: &'a str,
    open: bool,
    parameters: Vec<Field>,
    /// Schema of the request's body.
    body: Option<&'a str>,
    responses: Vec<(&'a str, &'a str)>,
    curl: Option<&'a str>,
}

struct Schema<'a> {
    name: &'a str,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    kind: String,
    needed: bool,
    words: String,
}

/// Both, written once.
pub struct Docs {
    json: Written,
    html: Written,
}

struct Written {
    bytes: Bytes,
    etag: String,
}

impl Written {
    fn new(text: String) -> Self {
        Self { etag: cache::etag(&Sha256::digest(&text)), bytes: text.into() }
    }
}

impl Docs {
    /// # Errors
    /// Only internal ones.
    pub fn new() -> Result<Self> {
        let document = openapi::document();
        let page = Page {
            version: text(&document["info"]["version"]),
            description: text(&document["info"]["description"]),
            operations: operations(&document),
            schemas: members(&document["components"]["schemas"])
                .map(|(name, schema)| Schema { name, fields: fields(schema) })
                .collect(),
        };
        let html = page.render().map_err(|source| {
            Error::internal("page", "the page could not be rendered").with_source(source)
        })?;
        Ok(Self { json: Written::new(openapi::text()), html: Written::new(html) })
    }
}

/// The description for programs.
pub async fn openapi(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let Written { bytes, etag } = &state.docs.json;
    cache::respond(&headers, etag, cache::REVALIDATE, "application/json", || bytes.clone())
}

/// The description for people.
pub async fn page(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let Written { bytes, etag } = &state.docs.html;
    cache::respond(&headers, etag, cache::REVALIDATE, "text/html; charset=utf-8", || bytes.clone())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all: Vec<_> = members(&document["paths"])
        .flat_map(|(path, methods)| {
            members(methods).map(move |(method, value)| operation(path, method, value))
        })
        .collect();
    let rank = |operation: &Operation| match operation.path {
        path if path.starts_with("/generate") => 0,
        path if path.starts_with("/motions") => 1,
        path if path.starts_with("/jobs") => 2,
        _ => 3,
    };
    all.sort_by_key(rank);
    all
}

fn operation<'a>(path: &'a str, method: &str, value: &'a Value) -> Operation<'a> {
    let parameters = value["parameters"].as_array().into_iter().flatten();
    Operation {
        method: method.to_uppercase(),
        path,
        id: text(&value["operationId"]),
        summary: text(&value["summary"]),
        description: text(&value["description"]),
        open: value.get("security").is_some(),
        parameters: parameters
            .map(|parameter| Field {
                name: text(&parameter["name"]).to_owned(),
                kind: format!("{}, {}", text(&parameter["in"]), kind(&parameter["schema"])),
                needed: parameter["required"] == true,
                words: text(&parameter["description"]).to_owned(),
            })
            .collect(),
        body: name(&value["requestBody"]["content"]["application/json"]["schema"]),
        responses: members(&value["responses"])
            .map(|(code, value)| (code, text(&value["description"])))
            .collect(),
        curl: value["x-codeSamples"][0]["source"].as_str(),
    }
}

/// Of a schema that is a reference: to which.
fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn fields(schema: &Value) -> Vec<Field> {
    let required = schema["required"].as_array();
    members(&schema["properties"])
        .map(|(name, property)| Field {
            name: name.to_owned(),
            kind: kind(property),
            needed: required.is_some_and(|names| names.iter().any(|known| known == name)),
            words: text(&property["description"]).to_owned(),
        })
        .collect()
}

/// Type and range of a schema, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = name(schema) {
        return name.to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(text).collect::<Vec<_>>().join(" | ");
    }
    let mut words = match text(&schema["type"]) {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["properties"].is_object() => {
            let names: Vec<_> = members(&schema["properties"]).map(|(name, _)| name).collect();
            format!("{{{}}}", names.join(", "))
        }
        "" => text(&schema["const"]).to_owned(),
        other => other.to_owned(),
    };
    for (key, sign) in
        [("minimum", "≥"), ("maximum", "≤"), ("exclusiveMaximum", "<"), ("maxLength", "length ≤")]
    {
        if let Some(bound) = schema.get(key) {
            words.push_str(&format!(" {sign} {bound}"));
        }
    }
    if let Some(default) = schema.get("default") {
        words.push_str(&format!(", default {default}"));
    }
    words
}
