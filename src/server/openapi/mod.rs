//! The API described for programs (OpenAPI 3.1). Ranges and field names come from the engine's own constants, so that the
//! description cannot say another thing than the code; `docs/openapi.json` is a copy that a test holds against this.

mod batch;
mod examples;
mod gallery;
#[cfg(test)]
mod known;
mod operation;
mod paths;
mod problems;
mod schemas;

use serde_json::{Value, json};

/// The whole document.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Duet",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "From a sentence to the 3D motion of two interacting people.",
            "description": "JSON in UTF-8 throughout. Every error is an RFC 9457 problem with a stable `code`. Each answer \
                carries `x-request-id` (the caller's, where it is 8 to 64 letters, digits, - or _), under which the log tells \
                of it. Where there is no operation the answer is `NoSuchAddress` or `NoSuchMethod` of the components.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "this server"}],
        // Keys are needed only where the server's settings hold some.
        "security": [{}, {"key": []}, {"password": []}],
        "tags": [
            {"name": "motion", "description": "Ask for motion and fetch it"},
            {"name": "jobs", "description": "Ask now, fetch later"},
            {"name": "service", "description": "What runs here and how it is"},
            {"name": "page", "description": "For people"},
        ],
        "paths": paths::paths(),
        "components": {
            "schemas": schemas::schemas(),
            "responses": problems::of_no_operation(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key of the server's settings"},
                "password": {"type": "http", "scheme": "basic",
                    "description": "The same key as the password, under any user name: what browsers ask for"},
            },
        },
    })
}

/// The document as the file and the server have it.
pub fn text() -> String {
    // Values that were built from literals can be written.
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
pub use known::is_known;

#[cfg(test)]
mod tests;
