//! `duet train memory`.

use crate::cli::device;
use crate::cli::vq_at_hand::VqAtHand;
use crate::error::{Error, Result};
use crate::generate::FRAMES_PER_TOKEN;
use crate::motion::FPS;
use crate::train::config::to_toml;
use crate::train::remember::{Gathered, Gathering, gather, read_by, save};
use crate::train::run_folder::RunFolder;
use clap::Args;
use indicatif::ProgressBar;
use std::path::PathBuf;

/// How often progress is told where there is no bar, in things that happen.
const TELL_EVERY: usize = 200;

/// Gather what a model remembers: clips of composed folders as tokens, and vectors of the sentences that tell of them.
///
/// Of everything that happens in the training split, the clips are kept that come back best from encoding and decoding. `train package
/// --memory` puts the memory into a package, whose generations then start from the remembered clip that is told most like the prompt.
///
///   duet train memory --data DATA --vq runs/vq --text runs/text --out runs/memory
///   duet train package --transformer runs/transformer --memory runs/memory ...
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct MemoryArgs {
    /// Training folders that `duet data compose` made
    #[arg(long, value_name = "DIR", num_args = 1.., required_unless_present = "from")]
    data: Vec<PathBuf>,
    /// VQ-VAE whose tokens the model speaks: the folder of a training, or a model
    #[arg(long, value_name = "RUN|MODEL", required_unless_present = "from")]
    vq: Option<String>,
    /// Run folder of a memory whose clips and sentences are taken over, to be read by another tower
    #[arg(long, value_name = "RUN", conflicts_with_all = ["data", "vq"])]
    from: Option<PathBuf>,
    /// Run folder of the text tower that reads prompts for the memory (`duet train text`)
    #[arg(long, value_name = "RUN")]
    text: PathBuf,
    /// Run folder of the memory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Clips that are tried of everything that happens
    #[arg(long, value_name = "N", default_value_t = 6)]
    tried: usize,
    /// Clips that are kept of those
    #[arg(long, value_name = "N", default_value_t = 3)]
    kept: usize,
    /// Most sentences that are kept of everything that happens; where it happens in few clips, four and four more a clip
    #[arg(long, value_name = "N", default_value_t = 24)]
    told: usize,
}

pub fn run(args: &MemoryArgs) -> Result<()> {
    if [args.tried, args.kept, args.told].contains(&0) {
        return Err(Error::invalid("training_setting", "--tried, --kept and --told must be at least 1"));
    }
    let how = Gathering {
        from: args.from.clone(),
        data: args.data.clone(),
        vq: args.vq.clone().unwrap_or_default(),
        text: args.text.clone(),
        tried: args.tried,
        kept: args.kept,
        told: args.told,
    };
    let run = RunFolder::create(&args.out, &to_toml(&how)?)?;
    let made = match &args.from {
        Some(from) => read_by(&RunFolder::at(from), &RunFolder::at(&args.text), args.told)?,
        None => gathered(&how)?,
    };
    save(&made, &how, &run)?;
    let sizes = &made.sizes;
    let minutes = (sizes.tokens * FRAMES_PER_TOKEN) as f64 / f64::from(FPS) / 60.0;
    let error = made.error_cm.map_or_else(String::new, |cm| format!("; {cm:.1} cm off after the codes"));
    println!(
        "{}: {} things that happen, {} clips ({minutes:.1} minutes{error}), {} sentences",
        args.out.display(),
        sizes.scenes,
        sizes.clips,
        sizes.sentences
    );
    Ok(())
}

/// Encode and choose, telling how far it is.
fn gathered(how: &Gathering) -> Result<Gathered> {
    let vq = VqAtHand::named(&how.vq, &device::best())?;
    let bar = ProgressBar::new(0);
    let made = gather(how, &vq.vq, &vq.stats, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        if bar.is_hidden() && done.is_multiple_of(TELL_EVERY) {
            eprintln!("{done} of {all} things that happen");
        }
    })?;
    bar.finish_and_clear();
    Ok(made)
}
