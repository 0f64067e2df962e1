//! Teaching the text tower, from the first step to the last.

use super::corpus::{Corpus, Lesson};
use super::lessons::Lessons;
use super::measure::{Exam, Grades, Paraphrases, table};
use super::objective::{Place, Terms};
use super::pupil::{CORRECTION, Pupil, ends_of, ids_of, padded, word};
use super::teacher::unit;
use crate::error::{Error, Result};
use crate::models::config::ClipTextConfig;
use crate::nn::params::Params;
use crate::rng::CounterRng;
use crate::text::clip::ClipText;
use crate::text::tokenizer::{Tokenizer, VOCABULARY};
use crate::train::Outcome;
use crate::train::checkpoint::{Checkpoint, Kind, Meta, model_tensors};
use crate::train::config::{TextTrainConfig, to_toml};
use crate::train::journal::Journal;
use crate::train::optim::{AdamW, gradients};
use crate::train::order::Order;
use crate::train::run_folder::RunFolder;
use crate::train::stop::Stop;
use crate::train::vocabulary::Vocabulary;
use candle_core::{Device, Tensor};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Factor on the learning rate of the corrections of single words, so that most is learned by what all words share.
const CORRECTION_RATE: f64 = 0.3;
/// Sentences that are graded at a time.
const GRADED: usize = 128;

/// A text tower in teaching.
pub struct TextTrainer {
    config: TextTrainConfig,
    pupil: Pupil,
    adam: AdamW,
    rng: CounterRng,
    /// Ids of all sentences: the corpus', then the paraphrases'.
    ids: Vec<Vec<u32>>,
    corpus: Corpus,
    lessons: Lessons,
    /// Share of the words' variance that the token table started with.
    pub kept: f64,
}

impl TextTrainer {
    /// A fresh tower, or that of `checkpoint`.
    ///
    /// # Errors
    /// For a checkpoint of another training, or from the tensor library.
    pub fn new(
        config: &TextTrainConfig,
        corpus: Corpus,
        lessons: Lessons,
        checkpoint: Option<&Checkpoint>,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let tokenizer = Tokenizer::clip();
        let paraphrases = Paraphrases::load()?;
        let sentences = corpus.texts.iter().map(String::as_str).chain(paraphrases.sentences());
        let ids: Vec<Vec<u32>> = sentences.map(|text| ids_of(&tokenizer, text)).collect();
        let (base, kept) = lessons.table(config.tower.width)?;
        let vocabulary = match checkpoint {
            Some(checkpoint) => Vocabulary::restore(&checkpoint.tensors)?,
            None => {
                let learned = corpus.lessons.iter().flat_map(|l| l.same.iter().chain(&l.other));
                Vocabulary::of(learned.map(|text| ids[*text].as_slice()))
            }
        };
        let initial = checkpoint.map(Checkpoint::model).unwrap_or_default();
        let params = Params::from_tensors(initial, config.common.seed, device);
        let pupil = Pupil::new(&config.tower, base, vocabulary, params)?;
        let vars = pupil.params().vars().into_iter().collect();
        let mut adam = AdamW::new(vars, config.common.adamw())?
            .with_scales(|name| if name == CORRECTION { CORRECTION_RATE } else { 1.0 });
        if let Some(checkpoint) = checkpoint {
            adam.restore(&checkpoint.tensors, checkpoint.meta.step)?;
        }
        let rng = CounterRng::new(config.common.seed, "text training");
        Ok(Self { config: config.clone(), pupil, adam, rng, ids, corpus, lessons, kept })
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.adam.steps()
    }

    /// One step on the lessons named. Returns loss, terms, the gradient's norm before clipping and the rate.
    ///
    /// # Errors
    /// `training_diverged`, or from the tensor library.
    pub fn step(&mut self, chosen: &[usize]) -> Result<(f64, Terms, f64, f64)> {
        let step = self.steps() + 1;
        let batch = self.batch(chosen)?;
        let rows: Vec<&[u32]> = batch.sentences.iter().map(|s| self.ids[*s].as_slice()).collect();
        let mut states = vec![self.pupil.states(&rows)?];
        let mut target = vec![batch.target];
        let mut places = batch.places;
        if self.config.words > 0 {
            // Words by themselves, from all of the vocabulary, so that the map serves those that no sentence has.
            let words = self.words(step);
            let texts: Vec<[u32; 3]> = words.iter().map(|id| word(*id)).collect();
            states.push(self.pupil.states(&texts.iter().map(<[u32; 3]>::as_slice).collect::<Vec<_>>())?);
            target.push(self.lessons.of_words(&words)?);
            let word = |n| Place { lesson: self.corpus.lessons.len() + n, contrast: false, scene: None };
            places.extend((0..words.len()).map(word));
        }
        let (states, target) = (Tensor::cat(&states, 0)?, Tensor::cat(&target, 0)?);
        let weights = &self.config.weights;
        let terms = Terms::of(&states, &self.pupil.says(&states)?, &target, &places, weights)?;
        let total = terms.total(weights)?;
        let gradients = gradients(self.adam.vars(), &mut total.backward()?)?;
        let rate = self.config.schedule().rate(step);
        let norm = self.adam.step(&gradients, rate, self.config.common.clip())?;
        Ok((f64::from(total.to_scalar::<f32>()?), terms, norm, rate))
    }

    /// Single words of `step`.
    fn words(&self, step: u64) -> Vec<u32> {
        let rng = self.rng.nth(step).fork("words");
        let all = &self.lessons.words;
        (0..self.config.words as u64).map(|n| all[rng.below_at(n, all.len() as u64) as usize]).collect()
    }

    /// The lessons of `step`, where it is the turn of these.
    fn lessons(&self, step: u64, turn: &[usize]) -> Vec<usize> {
        self.corpus.beside_their_kin(turn, &self.rng.nth(step).fork("kin"))
    }

    fn batch(&self, chosen: &[usize]) -> Result<Batch> {
        let (mut sentences, mut places, mut means) = (Vec::new(), Vec::new(), Vec::new());
        for lesson in chosen {
            let Lesson { same, other, told, .. } = &self.corpus.lessons[*lesson];
            for (group, contrast) in [(same, false), (other, true)] {
                if group.is_empty() {
                    continue;
                }
                let rows: Vec<u32> = group.iter().map(|s| *s as u32).collect();
                let rows = Tensor::from_vec(rows, group.len(), self.lessons.sentences.device())?;
                // What means the same is taught the same: the mean of what the teacher says of each.
                let mean = unit(&self.lessons.sentences.index_select(&rows, 0)?.mean_keepdim(0)?)?;
                means.push(mean.repeat((group.len(), 1))?);
                sentences.extend(group);
                let scene = told.map(|told| (told.scenes[usize::from(contrast)], told.family));
                places.extend(group.iter().map(|_| Place { lesson: *lesson, contrast, scene }));
            }
        }
        Ok(Batch { sentences, places, target: Tensor::cat(&means, 0)? })
    }

    fn exam(&self) -> Exam<'_> {
        Exam {
            held_out: &self.corpus.held_out,
            teacher: &self.lessons.sentences,
            corpus: self.corpus.texts.len(),
        }
    }

    /// Grades of the pupil.
    ///
    /// # Errors
    /// From the tensor library.
    pub fn grade(&self) -> Result<Grades> {
        let exam = self.exam();
        let states = self.answers(&exam, |rows| Ok(self.pupil.states(rows)?.detach()))?;
        exam.grade(&states, Some(&self.pupil.says(&states)?.detach()))
    }

    /// Grades of an untaught tower of the same size, and of the teacher itself.
    ///
    /// # Errors
    /// From the tensor library.
    pub fn grade_others(&self) -> Result<[Grades; 2]> {
        let exam = self.exam();
        let device = self.lessons.sentences.device();
        let config = ClipTextConfig { vocab: VOCABULARY, ..self.config.tower.clone() };
        let untaught = ClipText::new(&config, Params::new(self.config.common.seed, device).builder())?;
        let states = self.answers(&exam, |rows| {
            let (flat, n) = padded(rows);
            let ids = Tensor::from_vec(flat, (rows.len(), n), device)?;
            Ok(ends_of(&untaught.forward(&ids, &mut ())?, &ids)?.detach())
        })?;
        let questions: Vec<u32> = exam.questions()?.iter().map(|q| *q as u32).collect();
        let questions = Tensor::from_vec(questions.clone(), questions.len(), device)?;
        let teacher = self.lessons.sentences.index_select(&questions, 0)?;
        Ok([exam.grade(&states, None)?, exam.grade(&teacher, Some(&teacher))?])
    }

    fn answers(&self, exam: &Exam, tower: impl Fn(&[&[u32]]) -> Result<Tensor>) -> Result<Tensor> {
        let questions = exam.questions()?;
        let parts: Vec<Tensor> = questions
            .chunks(GRADED)
            .map(|some| tower(&some.iter().map(|q| self.ids[*q].as_slice()).collect::<Vec<_>>()))
            .collect::<Result<_>>()?;
        Ok(Tensor::cat(&parts, 0)?)
    }

    /// Write the whole state, and the tower as others use it.
    ///
    /// # Errors
    /// From the disk.
    pub fn save(&self, run: &RunFolder) -> Result<()> {
        let meta = Meta::new(Kind::Text, self.steps(), None, to_toml(&self.config)?);
        let mut tensors = model_tensors(&self.pupil.params().vars());
        tensors.extend(self.adam.state());
        tensors.push(self.pupil.vocabulary().state()?);
        Checkpoint::save(&run.latest(), &meta, &tensors)?;
        let tower = self.pupil.tower()?.into_iter();
        let tower: Vec<_> = tower.map(|(name, tensor)| (format!("model.{name}"), tensor)).collect();
        Checkpoint::save(&run.tower(), &meta, &tower)
    }
}

struct Batch {
    sentences: Vec<usize>,
    places: Vec<Place>,
    /// (sentences, 384), unit length.
    target: Tensor,
}

/// Train until `config.common.steps`, saving into `run`, and grade the result. `trainer` is fresh or resumed.
///
/// # Errors
/// From the disk or the tensor library; `training_diverged`.
pub fn train(trainer: &mut TextTrainer, run: &RunFolder, stop: &Stop) -> Result<Outcome> {
    let common = trainer.config.common.clone();
    if trainer.corpus.lessons.is_empty() {
        return Err(Error::invalid(
            "no_training_data",
            "there is no sentence to learn; see --scenes and --data",
        ));
    }
    let longest =
        |l: &Lesson| l.same.iter().chain(&l.other).map(|s| trainer.ids[*s].len()).max().unwrap_or(0);
    let lengths = trainer.corpus.lessons.iter().map(longest).collect();
    let mut order =
        Order::new(trainer.corpus.lessons.len(), common.batch, trainer.rng.fork("order")).bucketed(lengths);
    let mut journal = Journal::open(&run.log(), trainer.steps(), common.steps)?;
    journal.say(&format!(
        "{} sentences in {} lessons, {} words; the token table starts with {:.1} % of their variance",
        trainer.corpus.texts.len(),
        trainer.corpus.lessons.len(),
        trainer.lessons.words.len(),
        100.0 * trainer.kept,
    ));
    while trainer.steps() < common.steps {
        let step = trainer.steps() + 1;
        let (loss, terms, norm, rate) = trainer.step(&trainer.lessons(step, &order.batch(step)))?;
        journal.step(step, &format!("loss {loss:.4}"));
        if step.is_multiple_of(common.log_every) || step == 1 {
            journal.log("train", step, metrics(loss, &terms, norm, rate, journal.rate())?)?;
        }
        let last = step == common.steps || stop.requested();
        if step.is_multiple_of(common.validate_every) && step < common.steps {
            let grades = trainer.grade()?;
            journal.say(&format!(
                "step {step}: cosine to the teacher {:.3}, paraphrases found {:.1} %, near misses told apart {:.1} %",
                grades.cosine.unwrap_or(0.0),
                100.0 * grades.retrieval,
                100.0 * grades.told_apart
            ));
            journal.log("validate", step, object(grades.json()))?;
        }
        if step.is_multiple_of(common.save_every) || last {
            trainer.save(run)?;
        }
        if last && step < common.steps {
            journal.finish();
            return Ok(Outcome::Stopped(step));
        }
    }
    let taught = trainer.grade()?;
    let [untaught, teacher] = trainer.grade_others()?;
    journal.log(
        "grades",
        trainer.steps(),
        object(json!({
            "untaught": untaught.json(), "taught": taught.json(), "teacher": teacher.json(),
        })),
    )?;
    journal.finish();
    println!("{}", table(&[("untaught", &untaught), ("taught", &taught), ("teacher", &teacher)]));
    Ok(Outcome::Finished)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn metrics(loss: f64, terms: &Terms, norm: f64, rate: f64, speed: f64) -> Result<Map<String, Value>> {
    let of = |t: &Tensor| -> Result<f32> { Ok(t.to_scalar::<f32>()?) };
    Ok(object(json!({
        "loss": loss, "cosine": of(&terms.cosine)?, "similarity": of(&terms.similarity)?, "same": of(&terms.same)?,
        "contrast": of(&terms.contrast)?, "scene": of(&terms.scene)?, "gradient_norm": norm, "lr": rate, "steps_per_second": speed,
    })))
}

/// The finished tower of a text run: its dimensions and tensors under CLIP's names.
///
/// # Errors
/// From the checkpoint.
pub fn finished(run: &RunFolder) -> Result<(ClipTextConfig, HashMap<String, Tensor>)> {
    let checkpoint = Checkpoint::load(&run.tower(), Kind::Text)?;
    let config: TextTrainConfig = crate::train::config::from_toml(&checkpoint.meta.config)?;
    Ok((config.tower, checkpoint.model()))
}
