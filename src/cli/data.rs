//! `duet data`: captures to training folders.

mod compose;

use super::say::{json, say};
use crate::data::Recipe;
use crate::data::prepare::{Step, Summary, prepare};
use crate::error::{Error, Result};
use crate::formats::bvh::{BUILTIN_MAPPINGS, Bvh, Mapping};
use crate::motion::FEATURES;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// Prepare motion capture for training, and look at what was prepared.
#[derive(Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Turn BVH captures of two people into a training folder.
    ///
    /// A recipe says which files belong together, which joints are which, what is broken and cut out, what happens when
    /// (captions), and which takes are held out. The folder has InterHuman's layout, so `duet train` reads it and
    /// InterHuman itself alike.
    #[command(after_long_help = PREPARE_HELP)]
    Prepare(PrepareArgs),
    /// Compose captioned two-person clips from captures of single persons, beside the real pairs.
    ///
    /// Walks, blows, waves, dances and so on of single persons are put into one room: facing each other, side by side, one
    /// after the other, in step or in turn. A grammar writes the captions from what was put there. The folder has the layout of
    /// `duet data prepare`; the same recipe and seed give the same bytes.
    #[command(after_long_help = COMPOSE_HELP)]
    Compose(compose::ComposeArgs),
    /// Show what a BVH file holds, and whether a joint mapping fits it.
    Bvh(BvhArgs),
    /// Print a built-in recipe, to start one's own from.
    Recipe {
        /// Name of the recipe.
        #[arg(default_value = "cmu-two-person")]
        name: String,
    },
}

const COMPOSE_HELP: &str = "\
Where the captures come from (CMU Graphics Lab motion capture, mocap.cs.cmu.edu, BVH conversions by
B. Hahne, cgspeed.com):
  --pairs  as for `duet data prepare`; see `duet data prepare --help`.
  --solo   subjects 1-14, the Daz-friendly release, as found in
           github.com/AtelierCircle/CMU-MoCap-01-09 and github.com/AtelierCircle/CMU-MoCap-10-14.
           Put the files in DIR/bvh/ as 13_18.bvh or 13_18.bvh.gz and so on.

Examples:
  duet data compose --pairs captures/two --solo captures/single --out data/everyday
  duet data compose --pairs captures/two --solo captures/single --out data/small --clips 300 --seed 7";

const PREPARE_HELP: &str = "\
Where the captures of the built-in recipe come from:
  cmu-two-person: CMU Graphics Lab motion capture (mocap.cs.cmu.edu), BVH conversions by
  B. Hahne (cgspeed.com). Salsa: subjects 60 and 61, takes 01-07 and 09-15, scaled by bvhacker
  (github.com/beemsoft/webxr-handtracking-playground). Handshake: subjects 18 and 19, take 01
  (github.com/jeroenvanboxtel/BioMotionToolbox). Put them in DIR/bvh/ as 60_01.bvh or
  60_01.bvh.gz and so on.

Examples:
  duet data prepare --source captures --out data/cmu
  duet data recipe > mine.toml                     # edit, then:
  duet data prepare --recipe mine.toml --source captures --out data/mine";

#[derive(Debug, Args)]
struct PrepareArgs {
    /// Built-in recipe, or the path of a recipe file ending in .toml.
    #[arg(long, default_value = "cmu-two-person")]
    recipe: String,
    /// Folder that the files named in the recipe are below.
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// Folder to make.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Make the folder anew if it is there already.
    #[arg(long)]
    replace: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct BvhArgs {
    /// A .bvh or .bvh.gz file.
    file: PathBuf,
    /// Built-in joint mapping to try, or the path of a mapping file ending in .toml.
    #[arg(long)]
    mapping: Option<String>,
}

/// Run `duet data`.
///
/// # Errors
/// Whatever stopped it, in words.
pub fn run(args: DataArgs) -> Result<()> {
    match args.command {
        DataCommand::Prepare(args) => run_prepare(&args),
        DataCommand::Compose(args) => compose::run(&args),
        DataCommand::Bvh(args) => show_bvh(&args),
        DataCommand::Recipe { name } => say(&Recipe::text(&name)?),
    }
}

fn run_prepare(args: &PrepareArgs) -> Result<()> {
    let recipe = Recipe::load(&args.recipe)?;
    if !args.source.is_dir() {
        let message =
            format!("{} is no folder; --source names the one with the captures", args.source.display());
        return Err(Error::invalid("data_source", message));
    }
    let bar = ProgressBar::new(recipe.takes.len() as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} takes, {eta} left  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let summary = prepare(&recipe, &args.source, &args.out, args.replace, &mut |step| match step {
        Step::Take(done, _, id) => {
            bar.set_position(done as u64);
            bar.set_message(id.to_owned());
        }
        Step::Stats => {
            bar.set_position(recipe.takes.len() as u64);
            bar.set_message("statistics");
        }
    });
    bar.finish_and_clear();
    let summary = summary?;
    if args.json {
        return say(&json(&summary)?);
    }
    say(&format!("{}written to {}\n", in_words(&summary), args.out.display()))
}

fn in_words(summary: &Summary) -> String {
    let mut lines = vec![format!(
        "{}: {} takes, {:.2} minutes of two people",
        summary.recipe,
        summary.takes,
        summary.hours * 60.0
    )];
    for (split, part) in &summary.splits {
        lines.push(format!(
            "  {:5} {:5} clips {:7} frames ({} distinct) {:6} captions",
            split.name(),
            part.clips,
            part.frames,
            part.distinct_frames,
            part.captions
        ));
    }
    lines.push(format!("  {} VQ-VAE windows to train on, {} words", summary.windows, summary.vocabulary));
    lines.push(format!(
        "  rotations fitted to positions: {:.2} mm off on average, {:.1} mm at worst",
        summary.fit_mean_mm, summary.fit_max_mm
    ));
    lines.extend(summary.rates.iter().map(|(rate, files)| format!("  {files} files: {rate}")));
    lines.push(format!(
        "  {} of {FEATURES} channels hardly change (toes, head and wrists have no joint after them to turn for)",
        summary.floored_channels
    ));
    lines.join("\n") + "\n"
}

fn show_bvh(args: &BvhArgs) -> Result<()> {
    let bvh = Bvh::read(&args.file)?;
    let mut lines =
        vec![format!("{} frames at {:.2} a second, {} joints:", bvh.frames(), bvh.fps(), bvh.nodes().len())];
    let mut depths: Vec<usize> = Vec::new();
    for node in bvh.nodes() {
        let depth = node.parent.map_or(0, |parent| depths[parent] + 1);
        depths.push(depth);
        lines.push(format!("{:indent$}{}", "", node.name, indent = 2 * depth + 2));
    }
    match &args.mapping {
        Some(name) => {
            let mapping = Mapping::load(name)?;
            let converted = mapping.bind(&bvh)?.convert()?;
            let frames = converted.positions.len();
            lines.push(format!("mapping {} fits: {frames} frames, {}", mapping.name(), converted.rate));
            match converted.check_size() {
                Ok(()) => lines.push(format!("legs are {:.2} m long", converted.leg_length())),
                Err(error) => lines.push(format!("but it {error}")),
            }
        }
        None => {
            for (name, _) in BUILTIN_MAPPINGS {
                let fits = Mapping::builtin(name)?.bind(&bvh).is_ok();
                lines.push(format!("mapping {name} {}", if fits { "fits" } else { "does not fit" }));
            }
        }
    }
    say(&(lines.join("\n") + "\n"))
}
