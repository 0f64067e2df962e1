//! `duet train`: teach the models.

use crate::data::folder::Reader;
use crate::data::interhuman::VqWindows;
use crate::data::{Folder, Split};
use crate::error::{Error, Result};
use crate::models::config::{Activation, MotionLayout, VqConfig};
use crate::motion::Stats;
use crate::train::Outcome;
use crate::train::checkpoint::Kind;
use crate::train::config::{Common, Curve, VqTrainConfig, from_toml, to_toml};
use crate::train::losses::{Criterion, LossWeights};
use crate::train::run_folder::RunFolder;
use crate::train::stop::Stop;
use crate::train::vq_loop::{self, VqTrainer};
use candle_core::Device;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Teach the models, or pack what they learned.
///
/// A model is trained in two halves, each in a folder of its own:
///
///   duet data prepare --source CAPTURES --out DATA
///   duet train vq --data DATA --out runs/vq
///   duet train transformer --data DATA --vq runs/vq --out runs/transformer
///   duet train package --vq runs/vq --transformer runs/transformer --name NAME --out models/NAME
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
    Vq(VqArgs),
}

/// Settings of both trainings. What is not given takes its default in a new run, and the run's own value in a resumed one.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Training folder made by `duet data prepare`, or InterHuman's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run folder: settings, log and checkpoints
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run in --out; only steps and the three intervals may differ from what it was started with
    #[arg(long)]
    resume: bool,
    /// Steps in all
    #[arg(long)]
    steps: Option<u64>,
    /// Clips a step
    #[arg(long)]
    batch: Option<usize>,
    /// Peak learning rate
    #[arg(long)]
    lr: Option<f64>,
    /// Steps in which the rate rises
    #[arg(long)]
    warmup: Option<u64>,
    /// How the rate falls afterwards
    #[arg(long)]
    curve: Option<Curve>,
    /// Decoupled weight decay of AdamW
    #[arg(long)]
    weight_decay: Option<f64>,
    /// Bound of the gradient's global norm, 0 for none
    #[arg(long)]
    clip: Option<f64>,
    /// Replaces the model's own dropout rates (0.2 in the VQ-VAE and the transformer, 0.1 in the text head)
    #[arg(long)]
    dropout: Option<f32>,
    /// Seed of everything random [default: 3407]
    #[arg(long)]
    seed: Option<u64>,
    /// Steps between validations
    #[arg(long)]
    validate_every: Option<u64>,
    /// Steps between saves of latest.safetensors
    #[arg(long)]
    save_every: Option<u64>,
    /// Steps between training lines in log.jsonl
    #[arg(long)]
    log_every: Option<u64>,
}

impl CommonArgs {
    /// Put what was given over `common`.
    fn apply(&self, common: &mut Common) {
        set(&mut common.data, self.data.clone());
        set(&mut common.seed, self.seed);
        set(&mut common.steps, self.steps);
        set(&mut common.batch, self.batch);
        set(&mut common.lr, self.lr);
        set(&mut common.warmup, self.warmup);
        set(&mut common.curve, self.curve);
        set(&mut common.weight_decay, self.weight_decay);
        set(&mut common.clip, self.clip);
        set(&mut common.validate_every, self.validate_every);
        set(&mut common.save_every, self.save_every);
        set(&mut common.log_every, self.log_every);
        common.dropout = self.dropout.or(common.dropout);
    }

    fn need_data(&self) -> Result<PathBuf> {
        self.data.clone().ok_or_else(|| {
            Error::invalid(
                "no_data",
                "say where the training folder is: --data DIR (made by `duet data prepare`)",
            )
        })
    }
}

fn set<T>(slot: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *slot = given;
    }
}

/// A resumed run may change how long it runs and how often it reports, nothing else.
fn same_training(mut a: Common, b: &Common) -> bool {
    a.steps = b.steps;
    a.validate_every = b.validate_every;
    a.save_every = b.save_every;
    a.log_every = b.log_every;
    a == *b
}

fn settings_differ() -> Error {
    Error::invalid(
        "run_settings",
        "the run was started with other settings; leave them out to go on with it, or start a new one with another --out",
    )
}

/// Train the motion VQ-VAE: motion to tokens and back.
///
/// Validation is the mean joint error in centimetres of reconstructed windows of the held-out split (`val`).
///
///   duet train vq --data DATA --out runs/vq --width 96 --codes 512 --code-dim 128 --steps 20000
///
/// The official size is --width 512 --codes 1024 --code-dim 512, --batch 256, --curve multistep.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct VqArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Channels inside encoder and decoder [default: 96]
    #[arg(long)]
    width: Option<usize>,
    /// Codes in the codebook [default: 512]
    #[arg(long)]
    codes: Option<usize>,
    /// Numbers of a code [default: 128]
    #[arg(long)]
    code_dim: Option<usize>,
    /// Residual blocks a stage [default: 2]
    #[arg(long)]
    depth: Option<usize>,
    /// Growth of the dilation from block to block [default: 3]
    #[arg(long)]
    dilation_growth: Option<usize>,
    /// Frames of a training window [default: 64]
    #[arg(long)]
    window: Option<usize>,
    /// Frames between the starts of neighbouring windows [default: 10]
    #[arg(long)]
    stride: Option<usize>,
    /// Penalty of a difference [default: l1_smooth]
    #[arg(long)]
    criterion: Option<Criterion>,
    /// Weight of the commitment loss [default: 0.02]
    #[arg(long)]
    commit: Option<f64>,
    /// Weight of the position loss [default: 1]
    #[arg(long)]
    explicit: Option<f64>,
    /// Weight of the velocity loss [default: 100]
    #[arg(long)]
    vel: Option<f64>,
    /// Weight of the bone-length loss [default: 5]
    #[arg(long)]
    bone: Option<f64>,
    /// Weight of the rotation loss [default: 0.01]
    #[arg(long)]
    geo: Option<f64>,
    /// Weight of the foot-contact loss [default: 500]
    #[arg(long)]
    foot: Option<f64>,
    /// Temperature of the codes drawn while training; 0 takes the nearest, upstream 0.5 [default: 0]
    #[arg(long)]
    code_temperature: Option<f32>,
    /// Decay of the codebook's running statistics [default: 0.99]
    #[arg(long)]
    mu: Option<f32>,
}

impl VqArgs {
    fn defaults(&self) -> Result<VqTrainConfig> {
        Ok(VqTrainConfig {
            common: Common {
                data: self.common.need_data()?,
                seed: 3407,
                steps: 20_000,
                batch: 32,
                lr: 2e-4,
                warmup: 200,
                curve: Curve::Cosine,
                weight_decay: 0.0,
                clip: 1.0,
                dropout: None,
                validate_every: 500,
                save_every: 500,
                log_every: 20,
            },
            model: VqConfig {
                layout: MotionLayout::InterHuman,
                width: 96,
                code_dim: 128,
                codes: 512,
                depth: 2,
                dilation_growth: 3,
                activation: Activation::Relu,
            },
            window: 64,
            stride: 10,
            criterion: Criterion::SmoothL1,
            weights: LossWeights::default(),
            code_temperature: 0.0,
            mu: 0.99,
        })
    }

    fn apply(&self, config: &mut VqTrainConfig) {
        self.common.apply(&mut config.common);
        set(&mut config.model.width, self.width);
        set(&mut config.model.codes, self.codes);
        set(&mut config.model.code_dim, self.code_dim);
        set(&mut config.model.depth, self.depth);
        set(&mut config.model.dilation_growth, self.dilation_growth);
        set(&mut config.window, self.window);
        set(&mut config.stride, self.stride);
        set(&mut config.criterion, self.criterion);
        set(&mut config.weights.commit, self.commit);
        set(&mut config.weights.explicit, self.explicit);
        set(&mut config.weights.vel, self.vel);
        set(&mut config.weights.bone, self.bone);
        set(&mut config.weights.geo, self.geo);
        set(&mut config.weights.foot, self.foot);
        set(&mut config.code_temperature, self.code_temperature);
        set(&mut config.mu, self.mu);
    }
}

/// Run `duet train`.
pub fn run(args: TrainArgs) -> anyhow::Result<()> {
    match args.what {
        What::Vq(args) => vq(&args)?,
    }
    Ok(())
}

fn vq(args: &VqArgs) -> Result<()> {
    let out = &args.common.out;
    let (config, run, checkpoint) = if args.common.resume {
        let run = RunFolder::at(out);
        let checkpoint = run.load_latest(Kind::Vq)?;
        let saved: VqTrainConfig = from_toml(&checkpoint.meta.config)?;
        let mut config = saved.clone();
        args.apply(&mut config);
        let same = VqTrainConfig { common: saved.common.clone(), ..config.clone() } == saved;
        if !(same && same_training(config.common.clone(), &saved.common)) {
            return Err(settings_differ());
        }
        config.check()?;
        run.write_config(&to_toml(&config)?)?;
        (config, run, Some(checkpoint))
    } else {
        let mut config = args.defaults()?;
        args.apply(&mut config);
        config.check()?;
        let run = RunFolder::create(out, &to_toml(&config)?)?;
        (config, run, None)
    };

    let folder = Folder::open(&config.common.data)?;
    let stats = folder.stats()?;
    eprintln!("reading {}", config.common.data.display());
    let windows = windows(&folder, Split::Train, &stats, &config)?;
    let held_out = windows_or_none(&folder, Split::Val, &stats, &config)?;
    let device = Device::Cpu;
    let mut trainer = match &checkpoint {
        Some(checkpoint) => VqTrainer::resume(&config, &stats, checkpoint, &device)?,
        None => VqTrainer::new(&config, &stats, &device)?,
    };
    let outcome = vq_loop::train(&mut trainer, &windows, &held_out, &run, &Stop::on_signal())?;
    conclude("vq", outcome, config.common.steps, &run);
    Ok(())
}

fn windows(folder: &Folder, split: Split, stats: &Stats, config: &VqTrainConfig) -> Result<VqWindows> {
    let mut ids = folder.ids(split, Reader::Motion)?;
    // Windows of a clip that is listed twice are the same windows.
    ids.sort_unstable();
    ids.dedup();
    let pairs = ids.iter().map(|id| folder.pair(id)).collect::<Result<Vec<_>>>()?;
    VqWindows::from_pairs(&pairs, stats, config.window, config.stride)
}

/// A folder without a held-out split trains without validation.
fn windows_or_none(
    folder: &Folder,
    split: Split,
    stats: &Stats,
    config: &VqTrainConfig,
) -> Result<VqWindows> {
    match windows(folder, split, stats, config) {
        Err(error) if error.code() == "file_not_found" => {
            eprintln!("no {} split in the training folder: training without validation", split.name());
            Ok(VqWindows::new(Vec::new(), stats, config.window, config.stride))
        }
        other => other,
    }
}

/// Say how it ended and what to do next.
fn conclude(what: &str, outcome: Outcome, steps: u64, run: &RunFolder) {
    let folder = run.path().display();
    match outcome {
        Outcome::Finished => eprintln!("finished all {steps} steps; checkpoints are in {folder}"),
        Outcome::Stopped(step) => {
            eprintln!(
                "stopped after step {step} of {steps}; go on with: duet train {what} --out {folder} --resume"
            );
        }
    }
}
