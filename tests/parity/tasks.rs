//! Which code runs which task: the one table of kinds and tasks.

use super::inputs::Inputs;
use super::runner::Quantities;
use super::{clip, footik, motion, transformer, vq};
use anyhow::Result;

/// Runs the library on an item's inputs; the result answers for its quantities.
pub type Build = fn(&Inputs<'_>) -> Result<Box<dyn Quantities>>;

pub enum Task {
    Built(Build),
    /// A kind or task that the library does not have yet: listed, not run.
    NotBuilt,
}

/// The task of that kind; `None` where a kind that is built has no such task.
pub fn find(kind: &str, task: &str) -> Option<Task> {
    let build: Build = match (kind, task) {
        ("vq", "vq_eval") => vq::eval,
        ("vq", "nearest_rows") => vq::rows,
        ("clip", "tokenize") => clip::tokenize,
        ("clip", "clip_forward") => clip::forward,
        ("transformer", "trans_forward") => transformer::forward,
        ("motion", "preprocess_pair") => motion::pair,
        ("footik", "postprocess") => footik::postprocess,
        ("footik", "remove_fs") => footik::remove_fs,
        ("vq" | "clip" | "transformer" | "footik", _) => return None,
        _ => return Some(Task::NotBuilt),
    };
    Some(Task::Built(build))
}

/// Things a set of cases does not ship.
pub fn has_asset(asset: &str) -> bool {
    // The byte-pair merges come with the tokenizer.
    asset == "clip_bpe_vocab"
}
