//! `duet data compose`: captures of single persons to a training folder of pairs.

use crate::cli::say::{json, say};
use crate::data::compose::{ComposeRecipe, Inputs, Step, Summary, compose};
use crate::error::{Error, Result};
use crate::eval::adherence::prompt::everyday;
use crate::generate::FRAMES_PER_TOKEN;
use crate::motion::FPS;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// Most clips of one folder.
const MAX_CLIPS: u64 = 100_000;

#[derive(Debug, Args)]
pub(super) struct ComposeArgs {
    /// Built-in recipe, or the path of a recipe file ending in .toml.
    #[arg(long, default_value = "everyday")]
    recipe: String,
    /// Folder of the captures of two people, as for `duet data prepare --source`.
    #[arg(long, value_name = "DIR")]
    pairs: PathBuf,
    /// Folder of the captures of single persons.
    #[arg(long, value_name = "DIR")]
    solo: PathBuf,
    /// Folder to make.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Another seed composes other clips.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Clips to compose, instead of the recipe's number; the real pairs come on top.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_CLIPS))]
    clips: Option<u64>,
    /// Play most scenes that are up to 1.45 times as long so fast that they are this long, as for what a model is to remember
    /// (`duet train memory`).
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=10))]
    brisk: Option<u64>,
    /// Make the folder anew if it is there already.
    #[arg(long)]
    replace: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ComposeArgs) -> Result<()> {
    let recipe = ComposeRecipe::load(&args.recipe)?;
    check_folder(&args.pairs, "--pairs", "two people")?;
    check_folder(&args.solo, "--solo", "single persons")?;
    // The everyday prompts are split from the grammar by wording.
    let asked = everyday()?.into_iter();
    let held_out: Vec<String> =
        asked.flat_map(|prompt| std::iter::once(prompt.prompt).chain(prompt.reworded)).collect();
    let inputs = Inputs {
        recipe: &recipe,
        pairs: &args.pairs,
        solo: &args.solo,
        out: &args.out,
        replace: args.replace,
        seed: args.seed,
        clips: args.clips.map_or(recipe.clips, |clips| clips as usize),
        brisk: args
            .brisk
            .map(|seconds| (seconds as usize * FPS as usize) / FRAMES_PER_TOKEN * FRAMES_PER_TOKEN),
        held_out: &held_out,
    };
    let bar = ProgressBar::new(inputs.clips as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let summary = compose(&inputs, &mut |step| {
        let (done, all, what) = match step {
            Step::Library => (0, inputs.clips, "clips (reading single persons)"),
            Step::Pairs(done, all) => (done, all, "takes of two people"),
            Step::Clips(done, all) => (done, all, "clips"),
            Step::Stats => (inputs.clips, inputs.clips, "clips (statistics)"),
        };
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        bar.set_message(what);
    });
    bar.finish_and_clear();
    let summary = summary?;
    if args.json {
        return say(&json(&summary)?);
    }
    say(&format!("{}written to {}\n", in_words(&summary), args.out.display()))
}

fn check_folder(folder: &Path, flag: &str, whom: &str) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let message = format!(
        "{} is no folder; {flag} names the one with the captures of {whom}, and `duet data compose --help` says where they \
         come from",
        folder.display()
    );
    Err(Error::invalid("data_source", message))
}

fn in_words(summary: &Summary) -> String {
    let mut lines = vec![format!(
        "{} (seed {}): {:.2} hours of two people, from {:.1} minutes of single persons and the real pairs",
        summary.recipe, summary.seed, summary.hours, summary.solo_minutes
    )];
    for (split, part) in &summary.splits {
        lines.push(format!(
            "  {:5} {:5} clips {:7} frames {:6} captions",
            split.name(),
            part.clips,
            part.frames,
            part.captions
        ));
    }
    let shares: Vec<String> =
        summary.shares.iter().map(|(origin, share)| format!("{:.1} % {origin}", 100.0 * share)).collect();
    lines.push(format!("  frames: {}", shares.join(", ")));
    lines.push(format!("  {} VQ-VAE windows to train on, {} words", summary.windows, summary.vocabulary));
    lines.push(format!(
        "  rotations fitted to positions: {:.2} mm off on average, {:.1} mm at worst",
        summary.fit_mean_mm, summary.fit_max_mm
    ));
    lines.push(format!("  {} scenes were refused", summary.rejected));
    lines.extend(summary.families.iter().map(|(family, clips)| {
        let share = summary.family_shares.get(family).copied().unwrap_or_default();
        format!("  {clips:6} {:5.1} % {family}", 100.0 * share)
    }));
    lines.join("\n") + "\n"
}
