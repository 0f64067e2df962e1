//! What the trainings have in common at the command line.

use crate::data::folder::Reader;
use crate::data::{Folder, Split};
use crate::error::{Error, Result};
use crate::nn::precision::Precision;
use crate::train::Outcome;
use crate::train::checkpoint::{Checkpoint, Kind};
use crate::train::config::{
    Common, Curve, TextTrainConfig, TransformerTrainConfig, VqTrainConfig, from_toml, to_toml,
};
use crate::train::run_folder::{RunFolder, Which};
use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// Settings of the two motion trainings. What is not given takes its default in a new run, and the run's own value in a resumed one.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// Training folder made by `duet data prepare`, or InterHuman's own
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Run folder: settings, log and checkpoints
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Go on with the run in --out; only steps and the three intervals may differ from what it was started with
    #[arg(long)]
    pub resume: bool,
    /// Start a new run with the weights of this one instead of random ones; dimensions must be the same (a transformer may have more
    /// --layers and --word-attention, which start without effect), all else may differ
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    pub from: Option<PathBuf>,
    /// Which checkpoint of --from: best goes back to before a training went astray [default: latest]
    #[arg(long, requires = "from")]
    checkpoint: Option<Which>,
    /// Replaces the model's own dropout rates (0.2 in the VQ-VAE and the transformer, 0.1 in the text head)
    #[arg(long)]
    dropout: Option<f32>,
    #[command(flatten)]
    pace: PaceArgs,
}

/// How a training goes on, step by step.
#[derive(Debug, Args)]
pub struct PaceArgs {
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
    /// What matrix products on the CPU round to: bf16 is faster where the CPU has AVX-512 BF16 (AMD since Zen 4), and several times as fast with Intel AMX [default: f32]
    #[arg(long)]
    precision: Option<Precision>,
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

impl PaceArgs {
    /// Put what was given over `common`.
    pub fn apply(&self, common: &mut Common) {
        set(&mut common.seed, self.seed);
        set(&mut common.steps, self.steps);
        set(&mut common.batch, self.batch);
        set(&mut common.lr, self.lr);
        set(&mut common.warmup, self.warmup);
        set(&mut common.curve, self.curve);
        set(&mut common.weight_decay, self.weight_decay);
        set(&mut common.clip, self.clip);
        set(&mut common.precision, self.precision);
        set(&mut common.validate_every, self.validate_every);
        set(&mut common.save_every, self.save_every);
        set(&mut common.log_every, self.log_every);
    }
}

impl CommonArgs {
    /// Put what was given over `common`.
    pub fn apply(&self, common: &mut Common) {
        set(&mut common.data, self.data.clone());
        common.from = self.from.clone().or(common.from.take());
        common.checkpoint = self.checkpoint.or(common.checkpoint);
        common.dropout = self.dropout.or(common.dropout);
        self.pace.apply(common);
    }

    /// The checkpoint of --from.
    pub fn first_weights(&self, kind: Kind) -> Result<Option<Checkpoint>> {
        let which = self.checkpoint.unwrap_or(Which::Latest);
        self.from.as_deref().map(|run| RunFolder::at(run).load(which, kind)).transpose()
    }

    pub fn need_data(&self) -> Result<PathBuf> {
        self.data.clone().ok_or_else(|| {
            Error::invalid(
                "no_data",
                "say where the training folder is: --data DIR (made by `duet data prepare`)",
            )
        })
    }
}

pub fn set<T>(slot: &mut T, given: Option<T>) {
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

pub fn settings_differ() -> Error {
    Error::invalid(
        "run_settings",
        "the run was started with other settings; leave them out to go on with it, or start a new one with another --out",
    )
}

/// Settings of a kind of training, as its run folder keeps them.
pub trait Settings: Clone + PartialEq + Serialize + DeserializeOwned {
    /// What its checkpoints hold.
    const KIND: Kind;
    /// What every training has.
    fn common(&mut self) -> &mut Common;
    /// Whether they make sense.
    fn check(&self) -> Result<()>;
}

macro_rules! settings {
    ($($config:ty => $kind:expr),*) => {$(
        impl Settings for $config {
            const KIND: Kind = $kind;
            fn common(&mut self) -> &mut Common {
                &mut self.common
            }
            fn check(&self) -> Result<()> {
                self.check()
            }
        }
    )*};
}

settings!(VqTrainConfig => Kind::Vq, TransformerTrainConfig => Kind::Transformer, TextTrainConfig => Kind::Text);

/// The run in `out`, to be gone on with; `apply` puts what was given on the command line over its settings.
///
/// # Errors
/// `run_settings` where that changes more than how long it runs and how often it reports; those of a run folder without a checkpoint.
pub fn resumed<S: Settings>(
    out: &Path,
    apply: impl FnOnce(&mut S) -> Result<()>,
) -> Result<(S, RunFolder, Checkpoint)> {
    let run = RunFolder::at(out);
    let checkpoint = run.load_latest(S::KIND)?;
    let mut saved: S = from_toml(&checkpoint.meta.config)?;
    let mut config = saved.clone();
    apply(&mut config)?;
    let mut otherwise = config.clone();
    otherwise.common().clone_from(saved.common());
    if otherwise != saved || !same_training(config.common().clone(), saved.common()) {
        return Err(settings_differ());
    }
    config.check()?;
    run.write_config(&to_toml(&config)?)?;
    Ok((config, run, checkpoint))
}

/// Refuse weights that do not fit.
pub fn check_first_weights(same_dimensions: bool) -> Result<()> {
    if same_dimensions {
        return Ok(());
    }
    Err(Error::invalid(
        "run_settings",
        "the run of --from has other dimensions (its config.toml states them, under [model] and for the text)",
    ))
}

/// The held-out split; a folder whose split/val.txt is missing or empty trains without validation. A split that names what
/// cannot be read is a fault, as in the training split.
pub fn held_out<T>(
    folder: &Folder,
    reader: Reader,
    load: impl FnOnce() -> Result<T>,
    none: impl FnOnce() -> T,
) -> Result<T> {
    let ids = match folder.ids(Split::Val, reader) {
        Err(error) if error.code() == "file_not_found" => Vec::new(),
        ids => ids?,
    };
    if ids.is_empty() {
        eprintln!("the training folder has no held-out split (split/val.txt): training without validation");
        return Ok(none());
    }
    load()
}

/// Say how it ended and what to do next.
pub fn conclude(what: &str, outcome: Outcome, steps: u64, run: &RunFolder) {
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
