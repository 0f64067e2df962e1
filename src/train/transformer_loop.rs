//! Training the Inter-M transformer, and with it a small text tower, from the first step to the last.

use super::Outcome;
use super::after_step::{AfterStep, Score, Trainer};
use super::checkpoint::{Checkpoint, Kind, Meta, model_tensors};
use super::config::{Optimizer, TextTraining, TransformerTrainConfig, from_toml, to_toml};
use super::contrast::others;
use super::dropout::CounterDropout;
use super::grow::{grow, without_text};
use super::journal::Journal;
use super::masking::Draws;
use super::muon;
use super::optim::AdamW;
use super::order::Order;
use super::run_folder::RunFolder;
use super::shards::{StepScore, average, parts};
use super::stop::Stop;
use super::text_source::{PREFIX, TextSource, taught_tensors};
use super::token_store::TokenStore;
use super::tokens::TokenCache;
use super::transformer_step::{
    Texts, TokenBatch, TransformerObjective, TransformerPass, evaluate, transformer_pass,
};
use super::vocabulary::{UNKNOWN, Vocabulary};
use crate::data::{ItemDraws, TextClips};
use crate::error::{Error, Result};
use crate::models::inter_m::InterM;
use crate::models::vqvae::VqVae;
use crate::nn::dropout::Keep;
use crate::nn::params::Params;
use crate::rng::CounterRng;
use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;
use serde_json::{Map, json};
use std::collections::HashMap;
use std::path::Path;

/// Clips that one validation batch holds.
const VALIDATION_BATCH: usize = 16;
/// Seed of the masks that every validation uses, so that its values can be compared.
const VALIDATION_SEED: u64 = 1;

/// A transformer in training.
pub struct TransformerTrainer {
    config: TransformerTrainConfig,
    objective: TransformerObjective,
    params: Params,
    model: InterM,
    text: TextSource,
    adam: AdamW,
    rng: CounterRng,
    device: Device,
    /// Best validation cross entropy so far, nats.
    pub best: Option<f64>,
}

/// Cross entropy (nats) and accuracy over held-out labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// Mean of −ln p(label).
    pub cross_entropy: f64,
    /// Share of labels that are the most probable code.
    pub accuracy: f64,
}

impl TransformerTrainer {
    /// A fresh model; a trained text tower knows the words of `clips`.
    pub fn new(config: &TransformerTrainConfig, clips: &TextClips, device: &Device) -> Result<Self> {
        let (vocabulary, initial) = match &config.text {
            TextTraining::Train { .. } => (Some(words_of(clips)), HashMap::new()),
            TextTraining::Frozen { .. } => (None, HashMap::new()),
            TextTraining::Taught { run, .. } => (None, taught_tensors(run)?),
        };
        Self::build(config, initial, vocabulary, device)
    }

    /// The model of a checkpoint, ready for its next step.
    pub fn resume(config: &TransformerTrainConfig, checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let mut trainer = Self::with_weights(config, checkpoint, device)?;
        trainer.adam.restore(&checkpoint.tensors, checkpoint.meta.step)?;
        trainer.best = checkpoint.meta.best;
        Ok(trainer)
    }

    /// A new training that starts with the model of a checkpoint, which may have fewer blocks ([`super::grow`]); a text tower of
    /// its own keeps that run's vocabulary.
    pub fn with_weights(
        config: &TransformerTrainConfig,
        checkpoint: &Checkpoint,
        device: &Device,
    ) -> Result<Self> {
        let vocabulary = match &config.text {
            TextTraining::Train { .. } => Some(Vocabulary::restore(&checkpoint.tensors)?),
            TextTraining::Frozen { .. } | TextTraining::Taught { .. } => None,
        };
        let small: TransformerTrainConfig = from_toml(&checkpoint.meta.config)?;
        Self::build(config, grow(checkpoint.model(), &small.model, &config.model)?, vocabulary, device)
    }

    /// As [`Self::with_weights`], but for the text tower, which is the taught one that `config` names, and what reads it.
    pub fn with_new_text(
        config: &TransformerTrainConfig,
        checkpoint: &Checkpoint,
        device: &Device,
    ) -> Result<Self> {
        let TextTraining::Taught { run, .. } = &config.text else {
            return Err(Error::invalid(
                "training_setting",
                "--new-text is for a tower of `duet train text` (--text RUN)",
            ));
        };
        let small: TransformerTrainConfig = from_toml(&checkpoint.meta.config)?;
        let mut tensors = without_text(grow(checkpoint.model(), &small.model, &config.model)?, PREFIX);
        tensors.extend(taught_tensors(run)?);
        Self::build(config, tensors, None, device)
    }

    fn build(
        config: &TransformerTrainConfig,
        initial: HashMap<String, Tensor>,
        vocabulary: Option<Vocabulary>,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let fresh = initial.is_empty();
        let params = Params::from_tensors(initial, config.common.seed, device);
        let model = InterM::new(&config.model, params.builder())?;
        let text = TextSource::new(&config.text, &params, vocabulary, device)?;
        if fresh && text.vocabulary().is_some() {
            silence_unknown(&params)?;
        }
        Ok(Self {
            objective: TransformerObjective {
                interaction_probability: config.interaction_probability,
                step_unroll: config.step_unroll,
                contrast: config.contrast,
            },
            adam: AdamW::new(trained(&params, &config.text), config.common.adamw())?
                .with_scales(|name| rate_of(name, &config.text).unwrap_or(1.0))
                .with_muon(|name, var| {
                    (config.optimizer == Optimizer::Muon).then(|| muon::matrices(name, var))?
                })?,
            rng: CounterRng::new(config.common.seed, "transformer training"),
            config: config.clone(),
            params,
            model,
            text,
            device: device.clone(),
            best: None,
        })
    }

    /// Numbers that are trained.
    pub fn parameters(&self) -> usize {
        self.adam.vars().iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// One step on the parts of a batch: token maps and their captions. Returns the score, the gradient's norm before clipping
    /// and the rate.
    pub fn step(&mut self, parts: &[(TokenBatch, Vec<&str>)]) -> Result<(StepScore, f64, f64)> {
        let step = self.steps() + 1;
        let rng = self.rng.nth(step);
        let passes = parts
            .par_iter()
            .enumerate()
            .map(|(part, (batch, captions))| {
                // The first part draws what a whole batch would.
                let rng = if part == 0 { rng } else { rng.fork("part").nth(part as u64) };
                self.pass(batch, captions, &rng)
            })
            .collect::<Result<Vec<_>>>()?;
        let rows: Vec<usize> = parts.iter().map(|(batch, _)| batch.lengths.len()).collect();
        let score = average(passes, &rows)?;
        let rate = self.config.schedule().rate(step);
        let norm = self.adam.step(&score.gradients, rate, self.config.common.clip())?;
        Ok((score, norm, rate))
    }

    /// Forward and backward of one part.
    fn pass(&self, batch: &TokenBatch, captions: &[&str], rng: &CounterRng) -> Result<TransformerPass> {
        let mut drop = CounterDropout::new(rng.fork("dropout"), self.config.common.dropout);
        let draws = Draws::new(
            &rng.fork("masking"),
            captions.len(),
            batch.width(),
            self.config.model.codes,
            self.config.drop_text,
        );
        let text = self.text.features(captions, &self.model, &mut drop)?;
        let others = if self.objective.contrast > 0.0 {
            let others = others(captions);
            let none: Vec<bool> = others.iter().map(Option::is_none).collect();
            let other = others.iter().zip(captions).map(|(other, own)| other.as_deref().unwrap_or(own));
            let text = self.text.features(&other.collect::<Vec<_>>(), &self.model, &mut drop)?;
            Some((text, none))
        } else {
            None
        };
        let others = others.as_ref().map(|(text, none)| (text, none.as_slice()));
        let texts = Texts { own: &text, others };
        transformer_pass(&self.model, self.adam.vars(), batch, texts, &self.objective, &draws, &mut drop)
    }

    /// Score on held-out clips, each seen once, with the same masks every time.
    pub fn validate(&self, clips: &TextClips, tokens: &mut TokenCache) -> Result<Validation> {
        let rng = CounterRng::new(VALIDATION_SEED, "transformer validation");
        let (mut loss, mut hits, mut labels) = (0.0, 0.0, 0);
        let all: Vec<usize> = (0..clips.len()).collect();
        for (n, some) in all.chunks(VALIDATION_BATCH).enumerate() {
            let items: Vec<(usize, ItemDraws)> = some
                .iter()
                .map(|index| {
                    Ok((
                        *index,
                        draw(clips, *index, &rng.nth(*index as u64), self.config.model.person_embedding)?,
                    ))
                })
                .collect::<Result<_>>()?;
            let batch = tokens.batch(&items)?;
            let captions: Vec<&str> =
                items.iter().map(|(index, draws)| caption(clips, *index, draws)).collect();
            let rng = rng.fork("masks").nth(n as u64);
            let draws = Draws::new(&rng, some.len(), batch.width(), self.config.model.codes, 0.0);
            let text = self.text.features(&captions, &self.model, &mut Keep)?.detach();
            let score = evaluate(&self.model, &batch, &text, &draws)?;
            loss += score.0;
            hits += score.1;
            labels += score.2;
        }
        let labels = labels.max(1) as f64;
        Ok(Validation { cross_entropy: loss / labels, accuracy: hits / labels })
    }

    /// The clips of `step`, each with its draws.
    fn items(&self, clips: &TextClips, order: &mut Order, step: u64) -> Result<Vec<(usize, ItemDraws)>> {
        let rng = self.rng.nth(step).fork("items");
        let batch = order.batch(step);
        batch
            .iter()
            .enumerate()
            .map(|(n, index)| {
                Ok((*index, draw(clips, *index, &rng.nth(n as u64), self.config.model.person_embedding)?))
            })
            .collect()
    }
}

impl Trainer for TransformerTrainer {
    fn steps(&self) -> u64 {
        self.adam.steps()
    }

    fn best(&mut self) -> &mut Option<f64> {
        &mut self.best
    }

    fn save(&self, path: &Path) -> Result<()> {
        let mut tensors = model_tensors(&self.params.vars());
        tensors.extend(self.adam.state());
        if let Some(vocabulary) = self.text.vocabulary() {
            tensors.push(vocabulary.state()?);
        }
        let meta = Meta::new(Kind::Transformer, self.steps(), self.best, to_toml(&self.config)?);
        Checkpoint::save(path, &meta, &tensors)
    }
}

/// Factor on the learning rate of a variable; `None` where it stays as it is.
fn rate_of(name: &str, text: &TextTraining) -> Option<f64> {
    match name.strip_prefix(PREFIX).and_then(|name| name.strip_prefix('.')) {
        Some(name) => text.rate(name),
        None => Some(1.0),
    }
}

/// The variables that are trained.
fn trained(params: &Params, text: &TextTraining) -> Vec<(String, Var)> {
    params.vars().into_iter().filter(|(name, _)| rate_of(name, text).is_some()).collect()
}

/// All CLIP ids of all captions, mirrored ones included.
fn words_of(clips: &TextClips) -> Vocabulary {
    let tokenizer = crate::text::tokenizer::Tokenizer::clip();
    let captions = (0..clips.len()).filter_map(|index| clips.captions(index)).flatten();
    let ids: Vec<Vec<u32>> = captions.map(|caption| tokenizer.encode(caption.trim()).ids).collect();
    Vocabulary::of(ids.iter().map(Vec::as_slice))
}

/// The row of unknown words starts, and so stays, at zero.
fn silence_unknown(params: &Params) -> Result<()> {
    let name = format!("{PREFIX}.token_embedding.weight");
    if let Some(var) = params.vars().get(&name) {
        let (rows, width) = var.dims2()?;
        let mut values = var.flatten_all()?.to_vec1::<f32>()?;
        values[UNKNOWN as usize * width..][..width].fill(0.0);
        var.set(&Tensor::from_vec(values, (rows, width), var.device())?)?;
    }
    Ok(())
}

/// What is random about one look at clip `index`. A model that tells people apart (`ordered`) sees them as the captions name
/// them: "the first person" first.
fn draw(clips: &TextClips, index: usize, rng: &CounterRng, ordered: bool) -> Result<ItemDraws> {
    let uniform = std::array::from_fn(|k| f64::from(rng.uniform_at(k as u64)));
    let mut draws = clips.draws(index, uniform).ok_or_else(|| {
        Error::internal("no_such_clip", format!("the order asked for clip {index} of {}", clips.len()))
    })?;
    if ordered {
        draws.exchange_before = false;
        draws.exchange_after = false;
    }
    Ok(draws)
}

fn caption<'a>(clips: &'a TextClips, index: usize, draws: &ItemDraws) -> &'a str {
    clips
        .captions(index)
        .and_then(|captions| captions.get(draws.caption))
        .map_or("", |caption| caption.trim())
}

/// Train until `config.common.steps`, saving into `run`. `trainer` is fresh or resumed; `kept` are the tokens of `clips` and of those
/// `held_out` as earlier trainings left them.
pub fn train(
    trainer: &mut TransformerTrainer,
    vq: &VqVae,
    [clips, held_out]: [&TextClips; 2],
    kept: [TokenStore; 2],
    run: &RunFolder,
    stop: &Stop,
) -> Result<Outcome> {
    let config = trainer.config.clone();
    let common = &config.common;
    if clips.is_empty() {
        return Err(Error::invalid(
            "no_training_data",
            "the training split has no usable clip; see `duet data prepare`",
        ));
    }
    let lengths = (0..clips.len()).map(|index| clips.frames(index).unwrap_or(0)).collect();
    let mut order = Order::new(clips.len(), common.batch, trainer.rng.fork("order")).bucketed(lengths);
    let cache = |clips, kept| TokenCache::new(clips, vq, config.max_frames, &trainer.device).with_store(kept);
    let [kept, held_out_kept] = kept;
    let (mut tokens, mut held_out_tokens) = (cache(clips, kept), cache(held_out, held_out_kept));
    let mut journal = Journal::open(&run.log(), trainer.steps(), common.steps)?;
    journal.say(&format!(
        "{} trainable numbers, {} clips, {} steps an epoch, {} held-out clips",
        trainer.parameters(),
        clips.len(),
        order.steps_per_epoch(),
        held_out.len(),
    ));

    let after_step = AfterStep { common, run, stop, held_out: !held_out.is_empty() };
    while trainer.steps() < common.steps {
        let step = trainer.steps() + 1;
        let items = trainer.items(clips, &mut order, step)?;
        let parts = parts(items.len(), config.parts)
            .into_iter()
            .map(|rows| {
                let items = &items[rows];
                let captions = items.iter().map(|(index, draws)| caption(clips, *index, draws)).collect();
                Ok((tokens.batch(items)?, captions))
            })
            .collect::<Result<Vec<_>>>()?;
        let (score, norm, rate) = trainer.step(&parts)?;
        journal.step(step, &format!("loss {:.4}  accuracy {:.1} %", score.loss, 100.0 * score.accuracy));
        if step.is_multiple_of(common.log_every) || step == 1 {
            journal.log("train", step, metrics(&score, norm, rate, journal.rate()))?;
        }

        let validate = |trainer: &TransformerTrainer| {
            let score = trainer.validate(held_out, &mut held_out_tokens)?;
            let metrics = json!({"cross_entropy": score.cross_entropy, "accuracy": score.accuracy});
            Ok(Score {
                value: score.cross_entropy,
                metrics: metrics.as_object().cloned().unwrap_or_default(),
                told: format!(
                    "cross entropy {:.3}, accuracy {:.1} %",
                    score.cross_entropy,
                    100.0 * score.accuracy
                ),
            })
        };
        let stopped = after_step.run(trainer, &mut journal, validate)?;
        if step.is_multiple_of(common.save_every) || stopped || step == common.steps {
            tokens.keep();
            held_out_tokens.keep();
        }
        if stopped {
            journal.finish();
            return Ok(Outcome::Stopped(step));
        }
    }
    journal.finish();
    Ok(Outcome::Finished)
}

fn metrics(score: &StepScore, norm: f64, rate: f64, speed: f64) -> Map<String, serde_json::Value> {
    let value = json!({
        "loss": score.loss, "accuracy": score.accuracy, "cross_entropy": score.cross_entropy,
        "accuracy_of_pass": score.accuracy_of_pass, "gradient_norm": norm, "lr": rate, "steps_per_second": speed,
    });
    let mut metrics = value.as_object().cloned().unwrap_or_default();
    let [apart, all] = score.told_apart;
    if all > 0 {
        metrics.insert("told_apart".to_owned(), json!(apart as f64 / all as f64));
    }
    metrics
}
