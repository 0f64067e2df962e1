//! `duet eval adherence`: prompts through the whole service, results through the checks.

mod known;
mod real;
mod tell;

use super::models_at_hand::ModelsAtHand;
use crate::engine::{Engine, Finished, Limits, MAX_SAMPLES, RawRequest, ValidRequest};
use crate::error::{Error, Result};
use crate::eval::adherence::Scene;
use crate::eval::adherence::prompt::{Prompt, everyday, read, reworded};
use crate::eval::adherence::quality::Quality;
use crate::eval::adherence::report::{Report, Run, Setting, fingerprint};
use crate::motion::Motion;
use crate::render::{Sheet, contact_sheet};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use real::Real;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file of prompts or examples that is read, bytes.
const MAX_TEXT: u64 = 4 << 20;
/// Pictures of a contact sheet.
const PICTURES: usize = 8;
/// Most seeds of one prompt.
const MAX_SEEDS: usize = 100;

const HELP: &str = "\
A prompt file says for each sentence what has to be true of its motion, such as a wrist above the head or a pelvis distance
that falls by half. docs/evaluation/README.md lists the checks and says how to add prompts. Without --prompts, the set of
everyday prompts that comes with the program is used.

Written to --out: report.md to read, report.json to compute with, sheets/ID-pass.png and sheets/ID-miss.png to look at.

Examples:
  duet eval adherence
  duet eval adherence --model duet-mini --seeds 1 --only wave
  duet eval adherence --reworded --out report/             # the same, asked by somebody else
  duet eval adherence --out report/ --data data/cmu --sheets 40
  duet eval adherence --composed data/everyday --vq duet-mini --no-model   # what are the checks worth?";

/// Does the motion do what the words say? Prompts through the whole service, checked from joint positions.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub struct AdherenceArgs {
    /// Model: a name, or the folder of a package [default: duet-mini, else the first at hand]
    #[arg(long, env = "DUET_MODEL", value_name = "NAME")]
    model: Option<String>,
    /// Prompt file [default: the set that comes with the program]
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// Ask in other words: with the second sentence that the file has for each prompt
    #[arg(long)]
    reworded: bool,
    /// Only prompts whose id or family begins with this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Seeds for each prompt, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 3)]
    seeds: usize,
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Decoding steps, 1 to 64 [default: 20]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    steps: Option<i128>,
    /// How closely to follow the sentence, 0 to 10 [default: the model's]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    guidance: Option<f64>,
    /// Above 1 more varied, below 1 more careful; up to 10 [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Share of a remembered clip that stays, 0 to 1; 0 draws everything [default: the model's]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    memory: Option<f64>,
    /// Training folder whose test takes give the figures of real motion
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Clips to generate from the captions of those takes, for the Fréchet distance to them; 0 for none
    #[arg(long, value_name = "N", default_value_t = 64)]
    like_real: usize,
    /// Folder that `duet data compose` made: also try the checks on clips that are known to show what is asked for, and on
    /// clips that have nothing to do with it
    #[arg(long, value_name = "DIR")]
    composed: Option<PathBuf>,
    /// Which composed clips show what [default: for the set of prompts that comes with the program]
    #[arg(long, value_name = "FILE", requires = "composed")]
    examples: Option<PathBuf>,
    /// The same clips after a VQ-VAE: the folder of a training, or a model
    #[arg(long, value_name = "RUN|MODEL", requires = "composed")]
    vq: Option<String>,
    /// Only try the checks; generate nothing
    #[arg(long, requires = "composed")]
    no_model: bool,
    /// Folder for report.md and report.json; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Contact sheets of this many prompts, spread over the file (needs --out)
    #[arg(long, value_name = "N", default_value_t = 0, requires = "out")]
    sheets: usize,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Generate, check, report.
///
/// # Errors
/// Those of the prompt file, of the request's rules, of the engine, and of the disk.
pub fn run(args: &AdherenceArgs) -> Result<()> {
    let prompts = prompts(args)?;
    let requests = prompts.iter().map(|prompt| requests(args, prompt)).collect::<Result<Vec<_>>>()?;
    let known = args.composed.as_deref().map(|folder| known::known(args, &prompts, folder)).transpose()?;
    if let Some(ceilings) = known.as_ref().filter(|_| args.no_model) {
        return tell::deliver_ceilings(args, ceilings);
    }
    let real = args.data.as_deref().map(|data| Real::read(data, args.like_real)).transpose()?;
    let mut report = measure(args, &prompts, requests, ModelsAtHand::find(args.model.as_deref())?, real)?;
    report.ceilings = known;
    tell::deliver(args, &report)
}

fn measure(
    args: &AdherenceArgs,
    prompts: &[Prompt],
    requests: Vec<Vec<ValidRequest>>,
    at_hand: ModelsAtHand,
    real: Option<Real>,
) -> Result<Report> {
    let engine = Engine::start(at_hand.models, Some(&at_hand.default), Limits::default())?;
    engine.load(None)?;
    let sheets = args.out.as_deref().filter(|_| args.sheets > 0).map(|out| out.join("sheets"));
    if let Some(folder) = sheets.as_deref().or(args.out.as_deref()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("make the folder", folder, e))?;
    }
    let like_real = real.as_ref().map_or(0, |real| real.clips.len());
    let bar = progress_bar((prompts.len() * args.seeds + like_real) as u64);
    let mut quality = Quality::default();
    let mut results = Vec::with_capacity(prompts.len());
    let mut setting = None;
    for (n, (prompt, requests)) in prompts.iter().zip(requests).enumerate() {
        bar.set_message(prompt.id.clone());
        let mut runs = Vec::with_capacity(args.seeds);
        for request in requests {
            let finished = engine.generate_blocking(guided(args, &engine, request), Box::new(|_, _| ()))?;
            setting.get_or_insert_with(|| self::setting(args, &finished));
            for sample in &finished.generated.samples {
                let motion = sample.shown();
                let [first, second] = &motion.persons;
                quality.add([&first.positions, &second.positions]);
                let verdict = prompt.check(&Scene::of(motion)?);
                let drawn = runs.is_empty() && chosen(n, prompts.len(), args.sheets);
                if let Some(folder) = sheets.as_deref().filter(|_| drawn) {
                    let end = if verdict.passed { "pass" } else { "miss" };
                    draw(motion, &folder.join(format!("{}-{end}.png", prompt.id)))?;
                }
                runs.push(Run { seed: sample.seed, verdict, fingerprint: fingerprint(motion) });
                bar.inc(1);
            }
        }
        results.push((prompt.clone(), runs));
    }
    let frechet = match &real {
        Some(real) => real.frechet(args, &engine, &bar)?,
        None => None,
    };
    bar.finish_and_clear();
    let setting = setting.ok_or_else(|| Error::internal("no_prompts", "nothing was generated"))?;
    let mut report = Report::new(setting, &results, quality.figures(), real.map(|real| real.figures));
    report.frechet = frechet;
    Ok(report)
}

fn prompts(args: &AdherenceArgs) -> Result<Vec<Prompt>> {
    if !(1..=MAX_SEEDS).contains(&args.seeds) {
        return Err(Error::invalid("seeds", format!("--seeds is 1 to {MAX_SEEDS}")));
    }
    let mut prompts = match &args.prompts {
        Some(path) => read(&read_text(path, "prompt_file")?)?,
        None => everyday()?,
    };
    if let Some(only) = &args.only {
        prompts.retain(|prompt| prompt.id.starts_with(only) || prompt.family.starts_with(only));
        if prompts.is_empty() {
            let message = format!("no prompt's id or family begins with {only:?}");
            return Err(Error::invalid("no_prompts", message));
        }
    }
    if args.reworded { reworded(prompts) } else { Ok(prompts) }
}

/// A file that people write, refused with `code` where it is too large to be one.
fn read_text(path: &Path, code: &'static str) -> Result<String> {
    let size = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len();
    if size > MAX_TEXT {
        return Err(Error::invalid(code, format!("{}: such a file has at most 4 MiB", path.display())));
    }
    std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))
}

/// All seeds of a prompt, as few requests as may be: sample *i* of a request uses its seed + *i*.
fn requests(args: &AdherenceArgs, prompt: &Prompt) -> Result<Vec<ValidRequest>> {
    (0..args.seeds)
        .step_by(MAX_SAMPLES)
        .map(|done| {
            RawRequest {
                seconds: Some(prompt.seconds),
                seed: Some(i128::from(args.seed) + done as i128),
                samples: Some((args.seeds - done).min(MAX_SAMPLES) as i128),
                ..raw(args, &prompt.prompt)
            }
            .validate()
        })
        .collect()
}

/// A request for a sentence with the settings that were asked for.
fn raw(args: &AdherenceArgs, prompt: &str) -> RawRequest {
    RawRequest {
        prompt: Some(prompt.to_owned()),
        seed: Some(i128::from(args.seed)),
        steps: args.steps,
        guidance: args.guidance,
        temperature: args.temperature,
        memory: args.memory,
        ..RawRequest::default()
    }
}

/// With the model's guidance where no other was asked for.
fn guided(args: &AdherenceArgs, engine: &Engine, mut request: ValidRequest) -> ValidRequest {
    if args.guidance.is_none() {
        request.work.guidance = engine.default_model().guidance as f32;
    }
    request
}

fn setting(args: &AdherenceArgs, finished: &Arc<Finished>) -> Setting {
    let request = &finished.request;
    Setting {
        model: finished.model.clone(),
        guidance: request.guidance,
        steps: request.steps,
        temperature: request.temperature,
        memory: request.memory,
        seed: args.seed,
        seeds: args.seeds,
        reworded: args.reworded,
    }
}

/// Whether prompt `n` of `all` is among the `wanted` that are spread evenly over them.
fn chosen(n: usize, all: usize, wanted: usize) -> bool {
    (n + 1) * wanted / all > n * wanted / all
}

fn draw(motion: &Motion, path: &Path) -> Result<()> {
    let png = contact_sheet(motion, Sheet { pictures: PICTURES, ..Sheet::default() })?.png()?;
    std::fs::write(path, png).map_err(|e| Error::io("write", path, e))
}

/// Hidden where stderr is no terminal.
fn progress_bar(clips: u64) -> ProgressBar {
    let bar = ProgressBar::new(clips);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} clip {pos} of {len}, {eta} left  {msg}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::engine::fake::Control;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        args: AdherenceArgs,
    }

    fn args(flags: &[&str]) -> AdherenceArgs {
        Flags::try_parse_from(std::iter::once(&"adherence").chain(flags)).unwrap().args
    }

    #[test]
    fn the_whole_way_with_a_model_that_walks_along() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        let measured = |only: &str| {
            let text = out.to_string_lossy();
            let args = args(&["--only", only, "--seeds", "9", "--out", &text, "--sheets", "1"]);
            let prompts = prompts(&args).unwrap();
            let requests = prompts.iter().map(|prompt| requests(&args, prompt).unwrap()).collect();
            let models = vec![Arc::new(Control::default()).spec("fake")];
            let at_hand = ModelsAtHand { models, default: "fake".into() };
            let report = measure(&args, &prompts, requests, at_hand, None).unwrap();
            tell::deliver(&args, &report).unwrap();
            report
        };
        // It walks two people side by side, whatever the sentence.
        let beside = measured("side-by-side-1");
        assert_eq!((beside.overall.passed, beside.overall.of), (9, 9), "{:?}", beside.prompts);
        assert_eq!((beside.distinct.passed, beside.distinct.of), (1, 1), "nine seeds, two requests");
        assert!(out.join("sheets/side-by-side-1-pass.png").is_file());
        let approach = measured("approach");
        assert_eq!(approach.overall.passed, 0, "{:?}", approach.prompts);
        assert_eq!(approach.pairs["way"].both.of, 18);
        assert!(out.join("report.md").is_file() && out.join("report.json").is_file());
    }

    #[test]
    fn sheets_are_spread_over_the_file() {
        let drawn = |all: usize, wanted: usize| (0..all).filter(|n| chosen(*n, all, wanted)).count();
        assert_eq!((drawn(160, 40), drawn(7, 3), drawn(3, 0)), (40, 3, 0));
        assert_eq!(drawn(3, 40), 3, "no more than there are");
    }
}
