//! Which code runs which task: the one table of kinds and tasks.

use super::inputs::Inputs;
use super::runner::Quantities;
use super::{
    clip, footik, generate, layouts, losses, motion, schedule, trans_train, transformer, vq, vq_train,
};
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
        ("generate", "generate") => generate::generate,
        ("generate", "generate_reaction") => generate::reaction,
        ("motion", "preprocess_pair") => motion::pair,
        ("motion", "vq_dataset") => motion::windows,
        ("motion", "trans_dataset_item") => motion::item,
        ("footik", "postprocess") => footik::postprocess,
        ("footik", "remove_fs") => footik::remove_fs,
        ("losses", "bone_lengths") => losses::bones,
        ("losses", "geometric_losses") => losses::geometric,
        ("losses", "foot_contact_loss") => losses::foot,
        ("schedule", "lr_curve") => schedule::curve,
        ("schedule", "interx_vq_windows") => schedule::interx_windows,
        ("schedule", "interx_text2motion_item") => schedule::interx_item,
        ("vq_train", "vq_train_step") => vq_train::step,
        ("vq_train", "vq_codebook_init") => vq_train::codebook_init,
        ("trans_train", "trans_train_step") => trans_train::step,
        ("hub_layout" | "official_layout", "parse_options") => layouts::options,
        ("hub_layout" | "official_layout", "package_generate") => layouts::generate,
        // Kinds that are built throughout: another task of theirs is a mistake in the case.
        (
            "vq" | "clip" | "transformer" | "generate" | "motion" | "footik" | "losses" | "schedule"
            | "vq_train" | "trans_train" | "hub_layout" | "official_layout",
            _,
        ) => return None,
        _ => return Some(Task::NotBuilt),
    };
    Some(Task::Built(build))
}

/// Things a set of cases does not ship.
pub fn has_asset(asset: &str) -> bool {
    // The byte-pair merges come with the tokenizer.
    asset == "clip_bpe_vocab"
}
