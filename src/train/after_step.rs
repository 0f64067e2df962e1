//! What both trainings do when a step is made: validate, keep the best, save, and say whether to stop.

use super::config::Common;
use super::journal::Journal;
use super::run_folder::RunFolder;
use super::stop::Stop;
use crate::error::Result;
use serde_json::{Map, Value};
use std::path::Path;

/// A model in training, as far as validating and saving go.
pub trait Trainer {
    /// Steps made so far.
    fn steps(&self) -> u64;
    /// Best validation value so far.
    fn best(&mut self) -> &mut Option<f64>;
    /// Write the whole state.
    fn save(&self, path: &Path) -> Result<()>;
}

/// What a validation found.
pub struct Score {
    /// Decides which checkpoint is the best; lower is better.
    pub value: f64,
    /// For the log.
    pub metrics: Map<String, Value>,
    /// For people.
    pub told: String,
}

/// When to validate, save and stop.
pub struct AfterStep<'a> {
    /// Intervals and the number of steps.
    pub common: &'a Common,
    /// Where checkpoints go.
    pub run: &'a RunFolder,
    /// Asked after every step.
    pub stop: &'a Stop,
    /// Whether there is anything to validate on.
    pub held_out: bool,
}

impl AfterStep<'_> {
    /// Call after each step. True when the training was asked to stop before its last step; it has been saved then.
    pub fn run<T: Trainer>(
        &self,
        trainer: &mut T,
        journal: &mut Journal,
        validate: impl FnOnce(&T) -> Result<Score>,
    ) -> Result<bool> {
        let (step, common) = (trainer.steps(), self.common);
        let finished = step == common.steps;
        let last = finished || self.stop.requested();
        if (step.is_multiple_of(common.validate_every) || finished) && self.held_out {
            let score = validate(trainer)?;
            journal.log("validate", step, score.metrics)?;
            journal.say(&format!("step {step}: held-out {}", score.told));
            if trainer.best().is_none_or(|best| score.value < best) {
                *trainer.best() = Some(score.value);
                trainer.save(&self.run.best())?;
            }
        }
        if step.is_multiple_of(common.save_every) || last {
            trainer.save(&self.run.latest())?;
        }
        Ok(last && !finished)
    }
}
