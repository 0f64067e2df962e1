//! `duet eval joins`: how much one sees of the joins that edits make.

use super::device;
use super::say::{json, say};
use crate::error::Result;
use crate::eval::joins::{Joins, Spread, measure};
use crate::generate::intermask::InterMask;
use crate::package::{DEFAULT_MODEL, SearchPath};
use clap::Args;
use indicatif::ProgressBar;

const HELP: &str = "\
Clips of 3.2 s are edited: three stretches after the end, a new middle, a window of 16 frames, and two seconds of one person's arms.

Numbers, of the fastest joint of each person at each join, as multiples of the whole clip's 95th percentile:
  speed   how far it goes in a frame
  jump    how much its velocity changes from a frame to the next
  > 2     joins above twice the 95th percentile
  slide   how far feet in contact slide in a frame: at joins, and in the whole clips

Examples:
  duet eval joins
  duet eval joins --model models/NAME --clips 4 --json";

/// How much one sees of the joins that edits make: speeds, changes of velocity, sliding feet.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub struct JoinsArgs {
    /// Model: a name, or the folder of a package [default: duet-mini]
    #[arg(long, env = "DUET_MODEL", value_name = "NAME")]
    model: Option<String>,
    /// Clips to edit, 1 to 1000; half of them with 4 decoding steps
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    clips: u16,
    /// Seed of the first
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Run `duet eval joins`.
///
/// # Errors
/// Whatever stopped it, in words.
pub fn run(args: &JoinsArgs) -> Result<()> {
    let package = SearchPath::from_env().by_name_or_path(args.model.as_deref().unwrap_or(DEFAULT_MODEL))?;
    let mut generator = InterMask::load(&package, &device::best())?;
    let bar = ProgressBar::new(u64::from(args.clips));
    let told =
        measure(&mut generator, usize::from(args.clips), args.seed, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    if args.json {
        say(&json(&told)?)?;
    } else {
        table(&told);
    }
    Ok(())
}

fn table(told: &[Joins]) {
    println!(
        "                          speed: median  p95  worst  > 2   jump: median  p95  worst  > 2   slide: joins  clips"
    );
    let spread = |s: &Spread| format!("{:6.2} {:5.2} {:5.2} {:4}", s.median, s.p95, s.worst, s.over_two);
    for joins in told {
        let feet = if joins.planted { "planted" } else { "plain" };
        println!(
            "{:<8} {:<8} {:>4} joins    {}      {}     {:5.1} mm {:5.1} mm",
            joins.edit,
            feet,
            joins.joins,
            spread(&joins.speed),
            spread(&joins.jump),
            joins.slide_mm,
            joins.slide_of_clips_mm
        );
    }
}
