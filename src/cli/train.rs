//! `duet train`: teach the models.

use crate::data::folder::Reader;
use crate::data::{Folder, Split, TextClips, VqWindows};
use crate::error::{Error, Result};
use crate::models::config::{
    Activation, ClipTextConfig, InterMConfig, MotionLayout, TextHeadConfig, VqConfig,
};
use crate::models::vqvae::VqVae;
use crate::motion::Stats;
use crate::package::Package;
use crate::text::tokenizer::{CONTEXT, VOCABULARY};
use crate::train::Outcome;
use crate::train::checkpoint::{Checkpoint, Kind};
use crate::train::config::{
    Common, Curve, TextTraining, TransformerTrainConfig, VqTrainConfig, from_toml, to_toml,
};
use crate::train::losses::{Criterion, LossWeights};
use crate::train::pack::{Packing, Which, pack, stats_of};
use crate::train::run_folder::RunFolder;
use crate::train::stop::Stop;
use crate::train::transformer_loop::{self, TransformerTrainer};
use crate::train::vq_loop::{self, VqTrainer};
use candle_core::DType;
use candle_nn::VarBuilder;
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
    Vq(Box<VqArgs>),
    Transformer(Box<TransformerArgs>),
    Package(Box<PackageArgs>),
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

/// Train the transformer: sentence to the tokens of two people, and with it a small text tower.
///
/// Validation is the cross entropy of masked tokens of the held-out split (`val`) and the share guessed right. With few
/// clips both stop improving long before the samples do: look at contact sheets (`duet eval contact-sheet`) too.
///
///   duet train transformer --data DATA --vq runs/vq --out runs/transformer
///   duet train transformer ... --text models/interhuman     # a finished CLIP tower, frozen
///
/// The official size is --latent 384 --heads 6 --layers 6 --ff 1024 --token-dim 512 --text-head-ff 2048, --batch 52.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct TransformerArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Run folder of the VQ-VAE; its best checkpoint is copied into the new run
    #[arg(long, value_name = "RUN")]
    vq: Option<PathBuf>,
    /// `train` for a small text tower of its own, or the folder of a model package whose tower is used as it is
    /// [default: train]
    #[arg(long, value_name = "train|PACKAGE")]
    text: Option<String>,
    /// Channels of the trained text tower [default: 128]
    #[arg(long)]
    text_width: Option<usize>,
    /// Attention heads of the trained text tower [default: 4]
    #[arg(long)]
    text_heads: Option<usize>,
    /// Layers of the trained text tower [default: 3]
    #[arg(long)]
    text_layers: Option<usize>,
    /// Layers of the text head [default: 1; official 2]
    #[arg(long)]
    text_head_layers: Option<usize>,
    /// Attention heads of the text head [default: 4; official 8]
    #[arg(long)]
    text_head_heads: Option<usize>,
    /// Feed-forward width of the text head [default: 256]
    #[arg(long)]
    text_head_ff: Option<usize>,
    /// Width of the transformer [default: 192]
    #[arg(long)]
    latent: Option<usize>,
    /// Attention heads [default: 6]
    #[arg(long)]
    heads: Option<usize>,
    /// Blocks [default: 4]
    #[arg(long)]
    layers: Option<usize>,
    /// Feed-forward width [default: 512]
    #[arg(long)]
    ff: Option<usize>,
    /// Width of the token table [default: 128]
    #[arg(long)]
    token_dim: Option<usize>,
    /// Tell the two people apart by a learned vector each; the official model does not, and needs far longer to learn
    /// that two people are never in one place
    #[arg(long)]
    person_embedding: bool,
    /// Longest clip, frames; of longer ones the beginning is used [default: 300]
    #[arg(long)]
    max_frames: Option<usize>,
    /// Probability that a batch has one person wholly masked [default: 0.2]
    #[arg(long)]
    interaction_mask: Option<f32>,
    /// Probability that a caption is dropped, for guidance [default: 0.1]
    #[arg(long)]
    drop_text: Option<f32>,
    /// Weight of the second, unrolled pass; 0 leaves it out and halves the time [default: 1]
    #[arg(long)]
    step_unroll: Option<f64>,
}

impl TransformerArgs {
    /// `codes` of the VQ-VAE; the tower's dimensions come from the flags or from its package.
    fn defaults(&self, codes: usize) -> Result<TransformerTrainConfig> {
        let text = match self.text.as_deref() {
            None | Some("train") => TextTraining::Train {
                tower: ClipTextConfig {
                    width: 128,
                    heads: 4,
                    layers: 3,
                    vocab: VOCABULARY,
                    context: CONTEXT,
                },
            },
            Some(folder) => {
                let package = PathBuf::from(folder);
                TextTraining::Frozen { tower: Package::open(&package)?.manifest().text.clone(), package }
            }
        };
        Ok(TransformerTrainConfig {
            common: Common {
                data: self.common.need_data()?,
                seed: 3407,
                steps: 20_000,
                batch: 16,
                lr: 2e-4,
                warmup: 200,
                curve: Curve::Cosine,
                weight_decay: 1e-5,
                clip: 0.0,
                dropout: None,
                validate_every: 500,
                save_every: 500,
                log_every: 20,
            },
            vq: self.vq.clone().ok_or_else(|| {
                Error::invalid("no_vq", "say whose tokens to learn: --vq RUN (made by `duet train vq`)")
            })?,
            model: InterMConfig {
                codes,
                code_dim: 128,
                latent_dim: 192,
                heads: 6,
                layers: 4,
                ff: 512,
                text_dim: text.tower().width,
                person_embedding: false,
                text_head: TextHeadConfig { layers: 1, heads: 4, ff: 256 },
            },
            text,
            max_frames: 300,
            interaction_probability: 0.2,
            drop_text: 0.1,
            step_unroll: 1.0,
        })
    }

    fn apply(&self, config: &mut TransformerTrainConfig) -> Result<()> {
        self.common.apply(&mut config.common);
        set(&mut config.vq, self.vq.clone());
        match &mut config.text {
            TextTraining::Train { tower } => {
                set(&mut tower.width, self.text_width);
                set(&mut tower.heads, self.text_heads);
                set(&mut tower.layers, self.text_layers);
                config.model.text_dim = tower.width;
            }
            TextTraining::Frozen { .. } => {
                if self.text_width.or(self.text_heads).or(self.text_layers).is_some() {
                    return Err(Error::invalid(
                        "training_setting",
                        "a finished text tower has its own dimensions: leave out --text-width, --text-heads and --text-layers",
                    ));
                }
            }
        }
        config.model.person_embedding |= self.person_embedding;
        set(&mut config.model.text_head.layers, self.text_head_layers);
        set(&mut config.model.text_head.heads, self.text_head_heads);
        set(&mut config.model.text_head.ff, self.text_head_ff);
        set(&mut config.model.latent_dim, self.latent);
        set(&mut config.model.heads, self.heads);
        set(&mut config.model.layers, self.layers);
        set(&mut config.model.ff, self.ff);
        set(&mut config.model.code_dim, self.token_dim);
        set(&mut config.max_frames, self.max_frames);
        set(&mut config.interaction_probability, self.interaction_mask);
        set(&mut config.drop_text, self.drop_text);
        set(&mut config.step_unroll, self.step_unroll);
        Ok(())
    }
}

/// Pack a finished training as a model package: weights in half precision, checked and moved into place as a whole.
///
///   duet train package --transformer runs/transformer --out models/salsa --title "Salsa" \
///     --knows "salsa and a handshake" --licence "..." --provenance "..." --card card.md
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct PackageArgs {
    /// Run folder of the transformer; it keeps the VQ-VAE it was trained with
    #[arg(long, value_name = "RUN")]
    transformer: PathBuf,
    /// Run folder of the VQ-VAE: refuse if the transformer was trained with another one
    #[arg(long, value_name = "RUN")]
    vq: Option<PathBuf>,
    /// Folder of the package; its last part is the model's name unless --name is given
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the model; the last part of --out
    #[arg(long)]
    name: Option<String>,
    /// Which checkpoint of the transformer
    #[arg(long, default_value = "latest")]
    checkpoint: Which,
    /// Name for people [default: the name]
    #[arg(long)]
    title: Option<String>,
    /// One line: what the model knows
    #[arg(long)]
    knows: String,
    /// Terms of the weights
    #[arg(long)]
    licence: String,
    /// Where the weights come from: data, acknowledgment
    #[arg(long)]
    provenance: String,
    /// Model card (Markdown), becomes README.md of the package
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Replace a package of that name
    #[arg(long)]
    replace: bool,
}

/// Run `duet train`.
///
/// # Errors
/// Whatever stopped it, in words.
pub fn run(args: TrainArgs) -> Result<()> {
    match args.what {
        What::Vq(args) => vq(&args),
        What::Transformer(args) => transformer(&args),
        What::Package(args) => package(&args),
    }
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
        check_resumed(same, &config.common, &saved.common)?;
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

    eprintln!("reading {}", config.common.data.display());
    let folder = Folder::open(&config.common.data)?;
    let stats = match &checkpoint {
        Some(checkpoint) => stats_of(checkpoint)?,
        None => folder.stats()?,
    };
    let windows = windows(&folder, Split::Train, &stats, &config)?;
    let held_out = or_none(windows_of(&folder, &stats, &config), || {
        VqWindows::new(Vec::new(), &stats, config.window, config.stride)
    })?;
    let device = super::device::best();
    let mut trainer = match &checkpoint {
        Some(checkpoint) => VqTrainer::resume(&config, &stats, checkpoint, &device)?,
        None => VqTrainer::new(&config, &stats, &device)?,
    };
    drop(checkpoint);
    let outcome = vq_loop::train(&mut trainer, &windows, &held_out, &run, &Stop::on_signal())?;
    conclude("vq", outcome, config.common.steps, &run);
    Ok(())
}

fn windows_of(folder: &Folder, stats: &Stats, config: &VqTrainConfig) -> Result<VqWindows> {
    windows(folder, Split::Val, stats, config)
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
fn or_none<T>(held_out: Result<T>, none: impl FnOnce() -> T) -> Result<T> {
    match held_out {
        Err(error) if matches!(error.code(), "file_not_found" | "data_no_clips") => {
            eprintln!("the training folder has no usable held-out split (val): training without validation");
            Ok(none())
        }
        other => other,
    }
}

fn transformer(args: &TransformerArgs) -> Result<()> {
    let out = &args.common.out;
    let device = super::device::best();
    let (config, run, checkpoint, vq) = if args.common.resume {
        let run = RunFolder::at(out);
        let checkpoint = run.load_latest(Kind::Transformer)?;
        let saved: TransformerTrainConfig = from_toml(&checkpoint.meta.config)?;
        let mut config = saved.clone();
        args.apply(&mut config)?;
        let same = TransformerTrainConfig { common: saved.common.clone(), ..config.clone() } == saved;
        check_resumed(same, &config.common, &saved.common)?;
        config.check()?;
        run.write_config(&to_toml(&config)?)?;
        let vq = Checkpoint::load(&run.vq(), Kind::Vq)?;
        (config, run, Some(checkpoint), vq)
    } else {
        let mut config = args.defaults(0)?;
        args.apply(&mut config)?;
        let source = RunFolder::at(&config.vq);
        let vq = source.load_best(Kind::Vq)?;
        config.model.codes = from_toml::<VqTrainConfig>(&vq.meta.config)?.model.codes;
        config.check()?;
        let run = RunFolder::create(out, &to_toml(&config)?)?;
        // Tensors sorted, so that the copy is the same bytes each time.
        let mut tensors: Vec<_> = vq.tensors.iter().map(|(name, t)| (name.clone(), t.clone())).collect();
        tensors.retain(|(name, _)| !name.starts_with("adam."));
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        Checkpoint::save(&run.vq(), &vq.meta, &tensors)?;
        (config, run, None, vq)
    };

    eprintln!("reading {}", config.common.data.display());
    let folder = Folder::open(&config.common.data)?;
    let stats = stats_of(&vq)?;
    let clips = TextClips::load(&folder, Split::Train, &stats, true, |_, _| ())?;
    let held_out = TextClips::load(&folder, Split::Val, &stats, false, |_, _| ());
    let held_out = or_none(held_out, || TextClips::new(stats.clone()))?;
    let vq_config: VqTrainConfig = from_toml(&vq.meta.config)?;
    let vq = VqVae::new(&vq_config.model, VarBuilder::from_tensors(vq.model(), DType::F32, &device))?;
    let mut trainer = match &checkpoint {
        Some(checkpoint) => TransformerTrainer::resume(&config, checkpoint, &device)?,
        None => TransformerTrainer::new(&config, &clips, &device)?,
    };
    drop(checkpoint);
    let outcome = transformer_loop::train(&mut trainer, &vq, &clips, &held_out, &run, &Stop::on_signal())?;
    conclude("transformer", outcome, config.common.steps, &run);
    Ok(())
}

fn package(args: &PackageArgs) -> Result<()> {
    let wrong = || Error::invalid("model_name", "--out must end in the model's name, as in models/salsa");
    let last = args.out.file_name().and_then(|name| name.to_str()).ok_or_else(wrong)?;
    let name = args.name.clone().unwrap_or_else(|| last.to_owned());
    if name != last {
        return Err(wrong());
    }
    let card = match &args.card {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?),
        None => None,
    };
    let made = pack(&Packing {
        transformer: args.transformer.clone(),
        vq: args.vq.clone(),
        which: args.checkpoint,
        root: args.out.parent().map(PathBuf::from).unwrap_or_default(),
        title: args.title.clone().unwrap_or_else(|| name.clone()),
        name,
        knows: args.knows.clone(),
        licence: args.licence.clone(),
        provenance: args.provenance.clone(),
        card,
        replace: args.replace,
    })?;
    let bytes: u64 = made.manifest().files.iter().map(|(_, file)| file.bytes).sum();
    println!("{}: {:.1} MB", args.out.display(), bytes as f64 / 1e6);
    Ok(())
}

/// Refuse to go on with other settings than the run was started with.
fn check_resumed(same: bool, now: &Common, saved: &Common) -> Result<()> {
    if same && same_training(now.clone(), saved) { Ok(()) } else { Err(settings_differ()) }
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
