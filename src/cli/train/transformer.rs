//! `duet train transformer`.

use super::common::{CommonArgs, check_first_weights, conclude, held_out, resumed, set, settings_differ};
use crate::cli::device;
use crate::data::folder::Reader;
use crate::data::{Folder, Split, TextClips};
use crate::error::{Error, Result};
use crate::models::config::{ClipTextConfig, InterMConfig, TextHeadConfig, WordAttention};
use crate::models::vqvae::VqVae;
use crate::nn::precision;
use crate::package::Package;
use crate::text::tokenizer::{CONTEXT, VOCABULARY};
use crate::train::checkpoint::{Checkpoint, Kind};
use crate::train::config::{
    Optimizer, TextTraining, TransformerTrainConfig, VqTrainConfig, from_toml, to_toml,
};
use crate::train::grow::fits;
use crate::train::pack::stats_of;
use crate::train::run_folder::RunFolder;
use crate::train::stop::Stop;
use crate::train::teach::teach_loop::finished;
use crate::train::token_store::TokenStore;
use crate::train::transformer_loop::{self, TransformerTrainer};
use candle_core::DType;
use candle_nn::VarBuilder;
use clap::Args;
use std::path::PathBuf;

/// Train the transformer: sentence to the tokens of two people, and with it a small text tower.
///
/// Validation is the cross entropy of masked tokens of the held-out split (`val`) and the share guessed right. With few
/// clips both stop improving long before the samples do: look at contact sheets (`duet eval contact-sheet`) too.
///
///   duet train transformer --data DATA --vq runs/vq --out runs/transformer
///   duet train transformer ... --text models/interhuman     # a finished CLIP tower, frozen
///   duet train transformer ... --text runs/text              # a tower that `duet train text` taught
///
/// The official size is --latent 384 --heads 6 --layers 6 --ff 1024 --token-dim 512 --text-head-ff 2048, --batch 52.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct TransformerArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Run folder of the VQ-VAE; its best checkpoint is copied into the new run
    #[arg(long, value_name = "RUN")]
    vq: Option<PathBuf>,
    /// `train` for a small text tower of its own, or the folder of a model package whose tower is used as it is
    /// [default: train]
    #[arg(long, value_name = "train|PACKAGE")]
    text: Option<String>,
    /// With --from: only the weights that move people go on; the text tower is that of --text, and reading it is learned afresh
    #[arg(long, requires_all = ["from", "text"], conflicts_with = "resume")]
    new_text: bool,
    /// Factor on the learning rate of a taught text tower, whose token table always stays; 0 leaves the tower as it is
    /// [default: 0.1]
    #[arg(long)]
    text_lr_scale: Option<f64>,
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
    /// Count what comes to a block once; in the official model it counts twice, and the later a block the less it can say. Weights of
    /// --from that count twice are rescaled and say nearly the same
    #[arg(long)]
    single_residual: bool,
    /// Where tokens look at the single words of the caption, besides the sentence as a whole [default: off]
    #[arg(long, value_enum, value_name = "PLACE")]
    word_attention: Option<WordAttention>,
    /// Who moves the matrices of blocks and word attention: AdamW as upstream, or Muon, which learns more in a step and fits the same
    /// --lr [default: adamw]
    #[arg(long, value_enum)]
    optimizer: Option<Optimizer>,
    /// Longest clip, frames; of longer ones the beginning is used [default: 300]
    #[arg(long)]
    max_frames: Option<usize>,
    /// Parts of a batch to work on at once; as many as there are cores is fastest on a CPU [default: 1]
    #[arg(long)]
    parts: Option<std::num::NonZeroU8>,
    /// Probability that a batch has one person wholly masked [default: 0.2]
    #[arg(long)]
    interaction_mask: Option<f32>,
    /// Probability that a caption is dropped, for guidance [default: 0.1]
    #[arg(long)]
    drop_text: Option<f32>,
    /// Weight of the second, unrolled pass; 0 leaves it out and halves the time [default: 1]
    #[arg(long)]
    step_unroll: Option<f64>,
    /// Weight of telling captions apart, ours: a clip's tokens are to be likelier under its own caption than under another (left for
    /// right where it names a side, else another clip's); one more pass, twice the time with --step-unroll 0 [default: 0]
    #[arg(long)]
    contrast: Option<f64>,
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
                let run = RunFolder::at(&package);
                if run.tower().exists() {
                    let (tower, _) = finished(&run)?;
                    TextTraining::Taught { tower, run: package, rate: 0.1 }
                } else {
                    TextTraining::Frozen { tower: Package::open(&package)?.manifest().text.clone(), package }
                }
            }
        };
        let data = self.common.need_data()?;
        let vq = self.vq.clone().ok_or_else(|| {
            Error::invalid("no_vq", "say whose tokens to learn: --vq RUN (made by `duet train vq`)")
        })?;
        let model = InterMConfig {
            codes,
            code_dim: 128,
            latent_dim: 192,
            heads: 6,
            layers: 4,
            ff: 512,
            text_dim: text.tower().width,
            person_embedding: false,
            single_residual: false,
            word_attention: WordAttention::Off,
            text_head: TextHeadConfig { layers: 1, heads: 4, ff: 256 },
        };
        Ok(TransformerTrainConfig::of(model, text, vq, data))
    }

    fn apply(&self, config: &mut TransformerTrainConfig) -> Result<()> {
        self.common.apply(&mut config.common);
        set(&mut config.vq, self.vq.clone());
        if self.text.as_deref().is_some_and(|given| !config.text.is_called(given)) {
            return Err(settings_differ());
        }
        match &mut config.text {
            TextTraining::Train { tower } => {
                set(&mut tower.width, self.text_width);
                set(&mut tower.heads, self.text_heads);
                set(&mut tower.layers, self.text_layers);
                config.model.text_dim = tower.width;
            }
            TextTraining::Frozen { .. } | TextTraining::Taught { .. } => {
                if self.text_width.or(self.text_heads).or(self.text_layers).is_some() {
                    return Err(Error::invalid(
                        "training_setting",
                        "a finished text tower has its own dimensions: leave out --text-width, --text-heads and --text-layers",
                    ));
                }
            }
        }
        match (&mut config.text, self.text_lr_scale) {
            (_, None) => {}
            (TextTraining::Taught { rate, .. }, Some(given)) => *rate = given,
            _ => {
                return Err(Error::invalid(
                    "training_setting",
                    "--text-lr-scale is for a tower that `duet train text` taught (--text RUN)",
                ));
            }
        }
        config.model.person_embedding |= self.person_embedding;
        config.model.single_residual |= self.single_residual;
        set(&mut config.model.word_attention, self.word_attention);
        set(&mut config.model.text_head.layers, self.text_head_layers);
        set(&mut config.model.text_head.heads, self.text_head_heads);
        set(&mut config.model.text_head.ff, self.text_head_ff);
        set(&mut config.model.latent_dim, self.latent);
        set(&mut config.model.heads, self.heads);
        set(&mut config.model.layers, self.layers);
        set(&mut config.model.ff, self.ff);
        set(&mut config.model.code_dim, self.token_dim);
        set(&mut config.optimizer, self.optimizer);
        set(&mut config.max_frames, self.max_frames);
        set(&mut config.interaction_probability, self.interaction_mask);
        set(&mut config.parts, self.parts.map(|parts| usize::from(parts.get())));
        set(&mut config.drop_text, self.drop_text);
        set(&mut config.step_unroll, self.step_unroll);
        set(&mut config.contrast, self.contrast);
        Ok(())
    }
}

pub fn run(args: &TransformerArgs) -> Result<()> {
    let out = &args.common.out;
    let device = device::best();
    let (config, run, checkpoint, vq) = if args.common.resume {
        let (config, run, checkpoint) =
            resumed(out, |config: &mut TransformerTrainConfig| args.apply(config))?;
        let vq = Checkpoint::load(&run.vq(), Kind::Vq)?;
        (config, run, Some(checkpoint), vq)
    } else {
        let mut config = args.defaults(0)?;
        args.apply(&mut config)?;
        let source = RunFolder::at(&config.vq);
        let vq = source.load_best(Kind::Vq)?;
        config.model.codes = from_toml::<VqTrainConfig>(&vq.meta.config)?.model.codes;
        config.check()?;
        let first = args.common.first_weights(Kind::Transformer)?;
        if let Some(first) = &first {
            let first: TransformerTrainConfig = from_toml(&first.meta.config)?;
            let same_kind = std::mem::discriminant(&first.text) == std::mem::discriminant(&config.text);
            let text = if args.new_text { first.text.tower() } else { config.text.tower() };
            let model = InterMConfig { text_dim: text.width, ..config.model.clone() };
            check_first_weights(fits(&first.model, &model) && same_kind && first.text.tower() == text)?;
        }
        let run = RunFolder::create(out, &to_toml(&config)?)?;
        // Tensors sorted, so that the copy is the same bytes each time.
        let mut tensors: Vec<_> = vq.tensors.iter().map(|(name, t)| (name.clone(), t.clone())).collect();
        tensors.retain(|(name, _)| !name.starts_with("adam."));
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        Checkpoint::save(&run.vq(), &vq.meta, &tensors)?;
        (config, run, first, vq)
    };

    precision::set(config.common.precision)?;
    eprintln!("reading {}", config.common.data.display());
    let folder = Folder::open(&config.common.data)?;
    let stats = stats_of(&vq)?;
    let clips = TextClips::load(&folder, Split::Train, &stats, true, |_, _| ())?;
    let load = || TextClips::load(&folder, Split::Val, &stats, false, |_, _| ());
    let held_out = held_out(&folder, Reader::Text, load, || TextClips::new(stats.clone()))?;
    let vq_config: VqTrainConfig = from_toml(&vq.meta.config)?;
    let model = VqVae::new(&vq_config.model, VarBuilder::from_tensors(vq.model(), DType::F32, &device))?;
    let kept = |split: Split| {
        TokenStore::open(&config.common.data, split.name(), &vq.tensors, vq_config.model.codes)
    };
    let kept = [kept(Split::Train)?, kept(Split::Val)?];
    let mut trainer = match &checkpoint {
        Some(checkpoint) if args.common.resume => TransformerTrainer::resume(&config, checkpoint, &device)?,
        Some(first) if args.new_text => TransformerTrainer::with_new_text(&config, first, &device)?,
        Some(first) => TransformerTrainer::with_weights(&config, first, &device)?,
        None => TransformerTrainer::new(&config, &clips, &device)?,
    };
    drop(checkpoint);
    let outcome =
        transformer_loop::train(&mut trainer, &model, [&clips, &held_out], kept, &run, &Stop::on_signal())?;
    conclude("transformer", outcome, config.common.steps, &run);
    Ok(())
}
