//! `duet train`: teach the models.

mod common;
mod memory;
mod package;
mod text;
mod transformer;
mod unpack;
mod vq;

use crate::error::Result;
use crate::nn::machine::memory::keep_what_is_freed;
use clap::{Args, Subcommand};

/// Teach the models, or pack what they learned.
///
/// A model is trained in two halves, each in a folder of its own; a text tower can be taught beforehand (see `text --help`):
///
///   duet data prepare --source CAPTURES --out DATA
///   duet train vq --data DATA --out runs/vq
///   duet train transformer --data DATA --vq runs/vq --out runs/transformer
///   duet train package --transformer runs/transformer --out models/NAME --knows ... (see its --help)
///
/// A finished model can be taught further: `duet train unpack` makes runs of it that --from, --vq and --text take.
///
/// A run folder holds config.toml (every setting), log.jsonl (every metric), latest.safetensors and best.safetensors.
/// Ctrl-C finishes the step and saves; `--resume` goes on from there as if nothing had happened, bit for bit on the same
/// machine. See docs/training.md.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct TrainArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Text(Box<text::TextArgs>),
    Vq(Box<vq::VqArgs>),
    Transformer(Box<transformer::TransformerArgs>),
    Memory(memory::MemoryArgs),
    Package(Box<package::PackageArgs>),
    Unpack(unpack::UnpackArgs),
}

/// Run `duet train`.
///
/// # Errors
/// Whatever stopped it, in words.
pub fn run(args: TrainArgs) -> Result<()> {
    keep_what_is_freed();
    match args.what {
        What::Text(args) => text::run(&args),
        What::Vq(args) => vq::run(&args),
        What::Transformer(args) => transformer::run(&args),
        What::Memory(args) => memory::run(&args),
        What::Package(args) => package::run(&args),
        What::Unpack(args) => unpack::run(&args),
    }
}
