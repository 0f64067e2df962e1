//! `duet eval`: numbers and pictures of what the models make.

use super::adherence::{self, AdherenceArgs};
use super::device;
use super::joins::{self, JoinsArgs};
use super::put::{put_one, refuse_other_content};
use super::say::{json, say};
use super::vq_at_hand::VqAtHand;
use crate::data::folder::Reader;
use crate::data::{Folder, RawPair, Split};
use crate::engine::RawRequest;
use crate::error::{Error, Result};
use crate::eval::Skate;
use crate::eval::generated::{Generation, generate};
use crate::eval::reconstruct::{Reconstruction, reconstruct};
use crate::formats::npy;
use crate::generate::Generator;
use crate::generate::intermask::InterMask;
use crate::motion::Motion;
use crate::motion::canonical::canonicalise_pair;
use crate::motion::contact::ContactRule;
use crate::package::{DEFAULT_MODEL, Package, SearchPath};
use crate::render::{Sheet, contact_sheet};
use candle_core::Device;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Measure models and look at motion.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Reconstruct(ReconstructArgs),
    ContactSheet(SheetArgs),
    Adherence(AdherenceArgs),
    Joins(JoinsArgs),
}

const RECONSTRUCT_HELP: &str = "\
Numbers:
  joint error   mean distance of a joint after encoding and decoding, both people in person 1's frame, whole clips
  pose error    the same with the pelvises put in one place
  path error    mean distance of the pelvis
  without codes the same errors where latents are decoded as they are: what the encoder and decoder lose by themselves
  speed of hands kept
                of wrists that move at 0.5 m/s or more relative to the pelvis, mean speed afterwards as a share of that before:
                below 100 % waves and claps are smaller than they were
  codes used    codes that occur in these clips, and exp(entropy) of how often each does
  foot skating  share of frames in which the lower toe, less than 5 cm above the floor, slides faster than 0.5 m/s, now
                and on average over five frames (after Guided Motion Diffusion, Karunratanakul et al. 2023)

Examples:
  duet eval reconstruct --data data/cmu --vq runs/vq
  duet eval reconstruct --data data/cmu --model duet-mini --generated 40 --json";

/// How much motion survives the VQ-VAE, and how much feet slide: real, reconstructed, generated.
#[derive(Debug, Args)]
#[command(after_long_help = RECONSTRUCT_HELP)]
struct ReconstructArgs {
    /// Training folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Which clips
    #[arg(long, default_value = "val")]
    split: SplitName,
    /// Model: a name, or the folder of a package [default: duet-mini]
    #[arg(long, value_name = "NAME", conflicts_with = "vq")]
    model: Option<String>,
    /// A VQ-VAE in training instead: its run folder
    #[arg(long, value_name = "RUN")]
    vq: Option<PathBuf>,
    /// Also generate this many clips from the captions of the split, and measure their feet
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "vq")]
    generated: usize,
    /// Seed of the first generated clip
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The split files of a training folder.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitName {
    Train,
    Val,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Val => Self::Val,
            SplitName::Test => Self::Test,
        }
    }
}

const SHEET_HELP: &str = "\
Columns are frames, front view above side view. Person 1 is amber, person 2 teal, right arms and legs darker.

Examples:
  duet eval contact-sheet --npy out/ik_infer_0.npy out/ik_infer_1.npy --out sheet.png
  duet eval contact-sheet --data data/cmu --clip 60_61_05-seg01 --out real.png
  duet eval contact-sheet --model models/salsa --prompt \"two people dance salsa\" --seconds 4 --out made.png";

/// Draw a motion as still pictures side by side.
#[derive(Debug, Args)]
#[command(after_long_help = SHEET_HELP)]
struct SheetArgs {
    /// The two npy files of a generated pair
    #[arg(long, num_args = 2, value_names = ["FIRST", "SECOND"], conflicts_with_all = ["data", "prompt"])]
    npy: Vec<PathBuf>,
    /// Training folder that holds --clip
    #[arg(long, value_name = "DIR", requires = "clip", conflicts_with = "prompt")]
    data: Option<PathBuf>,
    /// Name of a clip of --data
    #[arg(long, value_name = "ID", requires = "data")]
    clip: Option<String>,
    /// Generate from this sentence
    #[arg(long)]
    prompt: Option<String>,
    /// Model for --prompt: a name, or the folder of a package [default: duet-mini]
    #[arg(long, value_name = "NAME", requires = "prompt")]
    model: Option<String>,
    /// Length for --prompt
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
    /// Seed for --prompt
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Leave the feet as the model puts them
    #[arg(long)]
    no_foot_fix: bool,
    /// Leave every joint where the model puts it: bones then grow and shrink
    #[arg(long)]
    no_rigid: bool,
    /// Pictures, 1 to 64
    #[arg(long, default_value_t = 16)]
    pictures: usize,
    /// PNG file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file of that name that holds something else
    #[arg(long)]
    overwrite: bool,
}

/// Run `duet eval`.
///
/// # Errors
/// Whatever stopped it, in words.
pub fn run(args: EvalArgs) -> Result<()> {
    match args.what {
        What::Reconstruct(args) => measure(&args),
        What::ContactSheet(args) => sheet(&args),
        What::Adherence(args) => adherence::run(&args),
        What::Joins(args) => joins::run(&args),
    }
}

fn package(asked: Option<&str>) -> Result<Package> {
    SearchPath::from_env().by_name_or_path(asked.unwrap_or(DEFAULT_MODEL))
}

/// Everything that `duet eval reconstruct` found.
#[derive(Serialize)]
struct Report {
    split: String,
    reconstruction: Reconstruction,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
    /// The ratios of all skating counts.
    skate_ratio: Vec<(String, f64)>,
}

fn measure(args: &ReconstructArgs) -> Result<()> {
    let split = Split::from(args.split);
    let device = device::best();
    let folder = Folder::open(&args.data)?;
    let mut ids = folder.ids(split, Reader::Motion)?;
    ids.sort_unstable();
    ids.dedup();
    let pairs = ids.iter().map(|id| folder.pair(id)).collect::<Result<Vec<_>>>()?;

    let (VqAtHand { vq, stats }, package) = load_vq(args, &device)?;
    let bar = ProgressBar::new(pairs.len() as u64);
    let reconstruction = reconstruct(&vq, &stats, &pairs, &device, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let generation = match package.filter(|_| args.generated > 0) {
        Some(package) => Some(generation(args, &folder, &pairs, &package, &device)?),
        None => None,
    };
    let report = Report {
        split: split.name().to_owned(),
        skate_ratio: ratios(&reconstruction, generation.as_ref()),
        reconstruction,
        generation,
    };
    if args.json {
        say(&json(&report)?)?;
    } else {
        table(&report);
    }
    Ok(())
}

/// The VQ-VAE, and the package that it is of, if it is not of a run.
fn load_vq(args: &ReconstructArgs, device: &Device) -> Result<(VqAtHand, Option<Package>)> {
    if let Some(run) = &args.vq {
        return Ok((VqAtHand::of_run(run, device)?, None));
    }
    let package = package(args.model.as_deref())?;
    Ok((VqAtHand::of_package(&package, device)?, Some(package)))
}

/// Captions and lengths of the split, in order, until there are enough.
fn generation(
    args: &ReconstructArgs,
    folder: &Folder,
    pairs: &[RawPair],
    package: &Package,
    device: &Device,
) -> Result<Generation> {
    let mut wanted = Vec::new();
    for n in 0..args.generated {
        let Some(pair) = pairs.get(n % pairs.len().max(1)) else { break };
        let captions = folder.captions(&pair.id)?;
        wanted.push((captions[n / pairs.len() % captions.len()].clone(), pair.persons[0].frames()));
    }
    let mut generator = InterMask::load(package, device)?;
    let bar = ProgressBar::new(wanted.len() as u64);
    let report = generate(&mut generator, &wanted, args.seed, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    Ok(report)
}

fn ratios(r: &Reconstruction, g: Option<&Generation>) -> Vec<(String, f64)> {
    let mut rows: Vec<(&str, Skate)> = vec![
        ("real", r.skate_real),
        ("reconstructed", r.skate_reconstructed),
        ("reconstructed, foot fix", r.skate_foot_fixed),
    ];
    if let Some(g) = g {
        rows.extend([("generated", g.skate_plain), ("generated, foot fix", g.skate_foot_fixed)]);
    }
    rows.into_iter().map(|(name, skate)| (name.to_owned(), skate.ratio())).collect()
}

fn table(report: &Report) {
    let r = &report.reconstruction;
    println!("{} split: {} clips, {} frames of one person", report.split, r.clips, r.frames);
    println!("joint error               {:6.2} cm", r.joint_error_cm);
    println!("  pose error              {:6.2} cm", r.pose_error_cm);
    println!("  path error              {:6.2} cm", r.path_error_cm);
    println!(
        "without codes             {:6.2} cm, pose {:.2} cm",
        r.joint_error_without_codes_cm, r.pose_error_without_codes_cm
    );
    println!(
        "speed of hands kept       {:6.1} %, {:.1} % without codes",
        100.0 * r.hand_speed_kept,
        100.0 * r.hand_speed_kept_without_codes
    );
    println!("codes used                {:>6}, perplexity {:.0}", r.codes_used, r.perplexity);
    println!("foot skating");
    for (name, ratio) in &report.skate_ratio {
        println!("  {name:<23} {:6.2} %", 100.0 * ratio);
    }
    if let Some(g) = &report.generation {
        println!("{} clips were generated", g.clips);
    }
}

fn sheet(args: &SheetArgs) -> Result<()> {
    let motion = match (&args.npy[..], &args.data, &args.prompt) {
        ([first, second], _, _) => Motion { persons: [read_npy(first)?, read_npy(second)?] },
        (_, Some(data), _) => real(data, args.clip.as_deref().unwrap_or_default())?,
        (_, _, Some(prompt)) => made(args, prompt)?,
        _ => {
            return Err(Error::invalid(
                "nothing_to_draw",
                "say what to draw: --npy FIRST SECOND, --data DIR --clip ID, or --prompt TEXT",
            ));
        }
    };
    if motion.persons[0].frames() != motion.persons[1].frames() {
        return Err(Error::invalid(
            "persons_differ_in_length",
            "the two people have different numbers of frames",
        ));
    }
    let png = contact_sheet(&motion, Sheet { pictures: args.pictures, ..Sheet::default() })?.png()?;
    if !args.overwrite {
        refuse_other_content(&args.out, &png)?;
    }
    put_one(&args.out, &png)?;
    println!("{}", args.out.display());
    Ok(())
}

fn read_npy(path: &Path) -> Result<crate::motion::Person> {
    npy::read_person(&npy::load(path)?)
}

/// A clip as the model would learn it.
fn real(data: &Path, clip: &str) -> Result<Motion> {
    let pair = Folder::open(data)?.pair(clip)?;
    let [first, second] = &pair.persons;
    let features = canonicalise_pair([first, second], &ContactRule::default())?.features;
    Ok(Motion { persons: features.map(|person| person.to_person()) })
}

fn made(args: &SheetArgs, prompt: &str) -> Result<Motion> {
    let request = RawRequest {
        prompt: Some(prompt.to_owned()),
        seconds: Some(args.seconds),
        seed: Some(i128::from(args.seed)),
        foot_fix: Some(!args.no_foot_fix),
        rigid: Some(!args.no_rigid),
        ..RawRequest::default()
    };
    let package = package(args.model.as_deref())?;
    let request = RawRequest { guidance: package.manifest().guidance, ..request }.validate()?.work;
    let mut generator = InterMask::load(&package, &device::best())?;
    let made = generator.generate(&request, &mut |_, _| ControlFlow::Continue(()))?;
    let sample = made.samples.first();
    sample
        .map(|sample| sample.shown().clone())
        .ok_or_else(|| Error::internal("no_sample", "the model gave nothing"))
}
