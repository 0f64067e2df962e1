//! `duet train unpack`.

use crate::error::Result;
use crate::package::SearchPath;
use crate::train::unpack::unpack;
use clap::Args;
use std::path::PathBuf;

/// Make runs of a finished model, so that it can be taught further.
///
///   duet train unpack --model duet-mini --out runs/mini
///   duet train transformer --data DATA --vq runs/mini/vq --text runs/mini/text --from runs/mini/transformer --out runs/more ...
///
/// The dimensions of the new training have to be those of the model: each run's config.toml states them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct UnpackArgs {
    /// Name or folder of the model
    #[arg(long)]
    model: String,
    /// Folder for the runs `vq`, `text` and `transformer`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &UnpackArgs) -> Result<()> {
    let package = SearchPath::from_env().by_name_or_path(&args.model)?;
    let made = unpack(&package, &args.out)?;
    for run in [&made.vq, &made.text, &made.transformer] {
        println!("{}", run.display());
    }
    Ok(())
}
