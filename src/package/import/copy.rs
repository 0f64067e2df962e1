//! A package that is one already, installed under its own words.

use super::{ImportOptions, Imported, refuse};
use crate::error::{Error, Result};
use crate::package::manifest::Part;
use crate::package::open::Package;
use crate::package::weights::Precision;
use crate::package::write::{CARD, Description, Writer};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Longest model card that is read, bytes.
const MAX_CARD_BYTES: u64 = 1 << 20;

pub(super) fn copy(
    source: &Path,
    root: &Path,
    name: &str,
    options: &ImportOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Imported> {
    refuse(
        &[
            ("--clip", options.clip.is_some()),
            ("--text-heads", options.text_heads.is_some()),
            ("--text-head-heads", options.text_head_heads.is_some()),
            ("--stats", options.statistics.is_some()),
            ("--checkpoint", options.checkpoint.is_some()),
        ],
        "the source is a model of this program, which is installed as it is",
    )?;
    let package = Package::open(source)?;
    let mut writer = Writer::begin(root, name, options.replace)?;
    for (part, entry) in package.manifest().files.iter() {
        progress(&format!("copying {}", entry.path));
        let precision =
            if matches!(part, Part::Memory | Part::Reader) { Precision::Whole } else { Precision::Lossless };
        writer.part(part, &package.tensors(part)?, precision)?;
    }
    if let Some(card) = card(source)? {
        writer.text_file(CARD, &card)?;
    }
    let m = package.manifest().clone();
    let about = options.about.clone();
    let package = writer.finish(Description {
        title: about.title.unwrap_or(m.title),
        knows: about.knows.unwrap_or(m.knows),
        examples: m.examples,
        guidance: m.guidance,
        licence: about.licence.unwrap_or(m.licence),
        provenance: about.provenance.unwrap_or(m.provenance),
        fps: m.fps,
        vq: m.vq,
        transformer: m.transformer,
        text: m.text,
        known: m.known,
        memory: m.memory,
    })?;
    Ok(Imported { package, unknown: Vec::new() })
}

/// The model card, if there is one.
fn card(source: &Path) -> Result<Option<String>> {
    let path = source.join(CARD);
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|e| Error::io("open", &path, e))?,
    };
    let bad = || {
        Error::corrupt(
            "package_card",
            format!("{} is not text of at most 1 MiB: move it away", path.display()),
        )
    };
    let mut card = String::new();
    let read = file.take(MAX_CARD_BYTES + 1).read_to_string(&mut card).map_err(|e| match e.kind() {
        ErrorKind::InvalidData => bad(),
        _ => Error::io("read", &path, e),
    })?;
    if read as u64 > MAX_CARD_BYTES { Err(bad()) } else { Ok(Some(card)) }
}
