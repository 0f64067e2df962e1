//! `duet train vq`.

use super::common::{CommonArgs, check_first_weights, conclude, held_out, resumed, set};
use crate::cli::device;
use crate::data::folder::Reader;
use crate::data::{Folder, Split, VqWindows};
use crate::error::Result;
use crate::models::config::{Activation, MotionLayout, Places, VqConfig};
use crate::motion::Stats;
use crate::nn::precision;
use crate::train::checkpoint::Kind;
use crate::train::config::{VqTrainConfig, from_toml, to_toml};
use crate::train::losses::Criterion;
use crate::train::pack::stats_of;
use crate::train::run_folder::RunFolder;
use crate::train::stop::Stop;
use crate::train::vq_loop::{self, VqTrainer};
use clap::Args;

/// Train the motion VQ-VAE: motion to tokens and back.
///
/// Validation is the mean joint error in centimetres of reconstructed windows of the held-out split (`val`).
///
///   duet train vq --data DATA --out runs/vq --width 96 --codes 512 --code-dim 128 --steps 20000
///
/// The official size is --width 512 --codes 1024 --code-dim 512, --batch 256, --curve multistep.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct VqArgs {
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
    /// What joints are placed relative to inside the model [default: world]
    #[arg(long)]
    places: Option<Places>,
    /// Frames of a training window [default: 64]
    #[arg(long)]
    window: Option<usize>,
    /// Frames between the starts of neighbouring windows [default: 10]
    #[arg(long)]
    stride: Option<usize>,
    /// Share of each batch drawn by how fast hands move, 0 to 1: most windows of most data are of people who stand still. Upstream
    /// draws all alike [default: 0]
    #[arg(long)]
    lively: Option<f64>,
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
    /// Weight of the loss of joints relative to their pelvis, in decimetres; upstream has none [default: 0]
    #[arg(long)]
    local: Option<f64>,
    /// Weight of the loss of how joints move relative to their pelvis, in decimetres a frame; upstream has none [default: 0]
    #[arg(long)]
    swing: Option<f64>,
    /// Temperature of the codes drawn while training; 0 takes the nearest, upstream 0.5 [default: 0]
    #[arg(long)]
    code_temperature: Option<f32>,
    /// Decay of the codebook's running statistics [default: 0.99]
    #[arg(long)]
    mu: Option<f32>,
    /// Parts of a batch to work on at once; as many as there are cores is fastest on a CPU [default: 1]
    #[arg(long)]
    parts: Option<std::num::NonZeroU8>,
    /// Replace a code that so few vectors a step are given, in the running mean. A step has batch x window / 4 x 5 vectors: at a
    /// small batch the default replaces whatever is rare over and over; a fiftieth of vectors / codes keeps it [default: 1]
    #[arg(long)]
    dead_below: Option<f32>,
    /// With --from: only the decoder learns. Encoder and codebook stay, and so do the tokens of every motion: a transformer of these
    /// tokens goes with the result as it is
    #[arg(long, requires = "from", conflicts_with = "resume")]
    decoder_only: bool,
}

impl VqArgs {
    fn defaults(&self) -> Result<VqTrainConfig> {
        let model = VqConfig {
            layout: MotionLayout::InterHuman,
            width: 96,
            code_dim: 128,
            codes: 512,
            depth: 2,
            dilation_growth: 3,
            activation: Activation::Relu,
            places: Places::World,
        };
        Ok(VqTrainConfig::of(model, self.common.need_data()?))
    }

    fn apply(&self, config: &mut VqTrainConfig) {
        self.common.apply(&mut config.common);
        set(&mut config.model.width, self.width);
        set(&mut config.model.codes, self.codes);
        set(&mut config.model.code_dim, self.code_dim);
        set(&mut config.model.depth, self.depth);
        set(&mut config.model.dilation_growth, self.dilation_growth);
        set(&mut config.model.places, self.places);
        set(&mut config.window, self.window);
        set(&mut config.stride, self.stride);
        set(&mut config.lively, self.lively);
        set(&mut config.criterion, self.criterion);
        set(&mut config.weights.commit, self.commit);
        set(&mut config.weights.explicit, self.explicit);
        set(&mut config.weights.vel, self.vel);
        set(&mut config.weights.bone, self.bone);
        set(&mut config.weights.geo, self.geo);
        set(&mut config.weights.foot, self.foot);
        set(&mut config.weights.local, self.local);
        set(&mut config.weights.swing, self.swing);
        set(&mut config.code_temperature, self.code_temperature);
        set(&mut config.mu, self.mu);
        set(&mut config.dead_below, self.dead_below);
        config.decoder_only |= self.decoder_only;
        set(&mut config.parts, self.parts.map(|parts| usize::from(parts.get())));
    }
}

pub fn run(args: &VqArgs) -> Result<()> {
    let out = &args.common.out;
    let (config, run, checkpoint) = if args.common.resume {
        let (config, run, checkpoint) = resumed(out, |config: &mut VqTrainConfig| {
            args.apply(config);
            Ok(())
        })?;
        (config, run, Some(checkpoint))
    } else {
        let mut config = args.defaults()?;
        args.apply(&mut config);
        config.check()?;
        let first = args.common.first_weights(Kind::Vq)?;
        if let Some(first) = &first {
            check_first_weights(from_toml::<VqTrainConfig>(&first.meta.config)?.model == config.model)?;
        }
        let run = RunFolder::create(out, &to_toml(&config)?)?;
        (config, run, first)
    };

    eprintln!("reading {}", config.common.data.display());
    let folder = Folder::open(&config.common.data)?;
    let stats = match &checkpoint {
        Some(checkpoint) => stats_of(checkpoint)?,
        None if config.model.places == Places::Body => folder.stats()?.level(),
        None => folder.stats()?,
    };
    let learned = windows(&folder, Split::Train, &stats, &config)?;
    let load = || windows(&folder, Split::Val, &stats, &config);
    let none = || VqWindows::new(Vec::new(), &stats, config.window, config.stride);
    let held_out = held_out(&folder, Reader::Motion, load, none)?;
    precision::set(config.common.precision)?;
    let device = device::best();
    let mut trainer = match &checkpoint {
        Some(checkpoint) if args.common.resume => VqTrainer::resume(&config, &stats, checkpoint, &device)?,
        Some(first) => VqTrainer::with_weights(&config, &stats, first, &device)?,
        None => VqTrainer::new(&config, &stats, &device)?,
    };
    drop(checkpoint);
    let outcome = vq_loop::train(&mut trainer, &learned, &held_out, &run, &Stop::on_signal())?;
    conclude("vq", outcome, config.common.steps, &run);
    Ok(())
}

/// Windows of a split. A clip that is listed k times is learned from k times as often; to measure it once is enough.
fn windows(folder: &Folder, split: Split, stats: &Stats, config: &VqTrainConfig) -> Result<VqWindows> {
    let mut ids = folder.ids(split, Reader::Motion)?;
    ids.sort_unstable();
    let clips: Vec<&[String]> = ids.chunk_by(|a, b| a == b).collect();
    let pairs = clips.iter().map(|same| folder.pair(&same[0])).collect::<Result<Vec<_>>>()?;
    let windows = VqWindows::from_pairs(&pairs, stats, config.window, config.stride)?;
    Ok(match split {
        Split::Train => windows.repeated(&clips.iter().map(|same| same.len()).collect::<Vec<_>>()),
        Split::Val | Split::Test => windows,
    })
}
