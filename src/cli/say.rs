//! Words and reports on standard output.

use crate::error::{Error, Result};
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Print text.
///
/// # Errors
/// Where nobody reads any more.
pub fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| Error::io("write to", Path::new("standard output"), source))
}

/// A report as JSON for people and programs, with a last line break.
///
/// # Errors
/// Only internal ones.
pub fn json(report: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(report)
        .map(|json| json + "\n")
        .map_err(|error| Error::internal("report", "the report could not be written").with_source(error))
}
