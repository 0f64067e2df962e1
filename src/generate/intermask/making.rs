//! A request to an InterMask model while it is being made: its text, its samples step by step, their motions.

use super::InterMask;
use super::memory::Memory;
use crate::error::{Error, Result};
use crate::generate::decoding::Decoding;
use crate::generate::masked::DecodeSettings;
use crate::generate::noise::{Noise, Seeded};
use crate::generate::{
    Draft, FRAMES_PER_TOKEN, Familiarity, GenerateRequest, Generated, Sample, Timings, Tokens, Turn, Underway,
};
use crate::motion::export::{going_on, post_process};
use crate::motion::rigid::stiffen;
use crate::motion::smooth::smooth;
use rayon::prelude::*;
use std::time::Instant;

/// A request under way. All its samples are in flight together.
pub(super) struct Making<'m> {
    model: &'m InterMask,
    request: GenerateRequest,
    stage: Stage,
    /// When the stage began.
    since: Instant,
    timings: Timings,
    prompt_truncated: bool,
    familiarity: Option<Familiarity>,
}

/// What the next turn does.
enum Stage {
    /// The prompt is to be read.
    Text,
    /// A step of every sample.
    Tokens(Vec<Clip>),
    /// From tokens to motion.
    Motion(Vec<Clip>),
}

/// A sample's tokens.
struct Clip {
    seed: u64,
    noise: Seeded,
    decoding: Decoding,
}

impl<'m> Making<'m> {
    pub(super) fn new(model: &'m InterMask, request: &GenerateRequest) -> Self {
        debug_assert_eq!(request.frames % FRAMES_PER_TOKEN, 0, "requests hold whole tokens");
        Self {
            model,
            request: request.clone(),
            stage: Stage::Text,
            since: Instant::now(),
            timings: Timings::default(),
            prompt_truncated: false,
            familiarity: None,
        }
    }

    /// Read the prompt and lay out the clips.
    fn read(&mut self) -> Result<Vec<Clip>> {
        let (model, request) = (self.model, &self.request);
        let (told, truncated) = model.prompts.told(&request.prompt, &model.model)?;
        self.prompt_truncated = truncated;
        let standing = model.prompts.standing(&request.prompt, &told)?;
        self.familiarity = standing.familiarity;
        let length = request.frames / FRAMES_PER_TOKEN;
        let memory = model.prompts.memory().zip(standing.recalled);
        let share = |memory: &Memory| request.memory.map_or_else(|| memory.usual_share(), f64::from);
        // Nothing of it is none of it: all is drawn.
        let remembered = memory
            .map(|(memory, recalled)| (memory, recalled, share(memory)))
            .filter(|(_, _, share)| *share > 0.0);
        let settings = DecodeSettings {
            steps: request.steps,
            guidance: request.guidance,
            top_k_ratio: request.top_k_ratio,
            temperature: request.temperature,
        };
        let clip = |index: usize| {
            let seed = request.seed.wrapping_add(index as u64);
            let known =
                remembered.map(|(memory, recalled, share)| memory.start(recalled, length, share, seed));
            let decoding = Decoding::new(&model.model, &told.features, length, known.as_ref(), settings)?;
            Ok(Clip { seed, noise: Seeded::new(&[seed]), decoding })
        };
        (0..request.samples).map(clip).collect()
    }

    /// What there is of the first sample.
    fn draft(&self, clips: &[Clip]) -> Result<Option<Draft>> {
        let Some(clip) = clips.first().filter(|clip| clip.decoding.done() > 0) else { return Ok(None) };
        let positions = self.model.motion(&clip.tokens()?)?.map(|features| smooth(&features.positions()));
        Ok(Some(Draft { sample: 0, positions }))
    }

    fn sample(&self, index: usize, clip: &Clip) -> Result<Sample> {
        let request = &self.request;
        let tokens = clip.tokens()?;
        let [first, second] = self.model.motion(&tokens)?;
        let (motion, foot_fixed) = if request.rigid {
            stiffen(&going_on([&first, &second]), request.foot_fix).map_err(|source| {
                Error::internal("model_failure", "the model gave bodies that cannot be put together")
                    .with_source(source)
            })?
        } else {
            let out = post_process([&first, &second])?;
            (out.plain, request.foot_fix.then_some(out.fixed))
        };
        Ok(Sample { index, seed: clip.seed, motion, foot_fixed, tokens: Some(tokens) })
    }

    /// Time since the last call, or since the beginning.
    fn lap(&mut self) -> std::time::Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.since, now))
    }
}

impl Clip {
    fn step(&mut self, model: &InterMask) -> Result<()> {
        self.decoding.mask(&model.model);
        let noise = &self.noise;
        self.decoding.fill(&model.model, |step, position| noise.draw(0, step, position))
    }

    fn tokens(&self) -> Result<Tokens> {
        Tokens::new(self.decoding.ids().to_vec())
            .ok_or_else(|| Error::internal("model_failure", "the model left tokens open"))
    }
}

impl Underway for Making<'_> {
    fn done(&self) -> usize {
        match &self.stage {
            Stage::Text => 0,
            Stage::Tokens(clips) => clips.iter().map(|clip| clip.decoding.done()).sum(),
            Stage::Motion(_) => self.total(),
        }
    }

    fn total(&self) -> usize {
        self.request.samples * self.request.steps
    }

    fn turn(&mut self, show: bool) -> Result<Turn> {
        let mut turn = Turn::default();
        self.stage = match std::mem::replace(&mut self.stage, Stage::Text) {
            Stage::Text => {
                let clips = self.read()?;
                self.timings.text = self.lap();
                Stage::Tokens(clips)
            }
            Stage::Tokens(mut clips) => {
                if show {
                    // What cannot be shown yet may still come right; the end is looked at more strictly.
                    turn.draft = self.draft(&clips).unwrap_or_else(|error| {
                        tracing::debug!(%error, "a draft could not be shown");
                        None
                    });
                }
                let model = self.model;
                clips.par_iter_mut().try_for_each(|clip| clip.step(model))?;
                if clips.iter().all(|clip| clip.decoding.is_over()) {
                    self.timings.tokens = self.lap();
                    Stage::Motion(clips)
                } else {
                    Stage::Tokens(clips)
                }
            }
            Stage::Motion(clips) => {
                let sample = |(index, clip): (usize, &Clip)| self.sample(index, clip);
                let samples = clips.par_iter().enumerate().map(sample).collect::<Result<Vec<_>>>()?;
                self.timings.decode = self.lap();
                turn.generated = Some(Generated {
                    samples,
                    prompt_truncated: self.prompt_truncated,
                    familiarity: self.familiarity.take(),
                    timings: self.timings,
                });
                Stage::Motion(clips)
            }
        };
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{how, mini};
    use super::*;
    use crate::generate::{Generator, Together};
    use std::ops::ControlFlow;
    use std::sync::Arc;

    fn alone(model: &mut InterMask, request: &GenerateRequest) -> Generated {
        model.prompts.forget();
        model.generate(request, &mut |_, _| ControlFlow::Continue(())).unwrap()
    }

    /// Requests that differ in all that may differ in a batch.
    fn mixed() -> [GenerateRequest; 4] {
        [
            GenerateRequest { frames: 40, ..how("two people shake hands", 3) },
            GenerateRequest { guidance: 1.0, steps: 6, frames: 64, ..how("two people dance salsa", 4) },
            GenerateRequest {
                guidance: 3.5,
                steps: 3,
                samples: 2,
                temperature: 0.7,
                top_k_ratio: 0.5,
                ..how("one person pushes the other", 5)
            },
            GenerateRequest { frames: 16, rigid: false, ..how("two people dance salsa", 3) },
        ]
    }

    #[test]
    fn the_bytes_are_the_same_alone_and_beside_others_who_come_and_go() {
        let mut model = mini();
        let expected = mixed().map(|request| alone(&mut model, &request));
        model.prompts.forget();
        let gone = GenerateRequest { frames: 120, ..how("two people bow to each other", 9) };
        let mut flights: Vec<(usize, Box<dyn Underway + '_>)> = vec![(usize::MAX, model.begin(&gone))];
        let mut waiting = mixed().into_iter().enumerate();
        let mut found: Vec<Option<Generated>> = vec![None; expected.len()];
        for turn in 0.. {
            // Another comes in at each turn, and one who was first leaves in the midst of all.
            flights.extend(waiting.next().map(|(place, request)| (place, model.begin(&request))));
            if turn == 3 {
                flights.retain(|(place, _)| *place != usize::MAX);
            }
            if flights.is_empty() {
                break;
            }
            let turns: Vec<Turn> =
                flights.par_iter_mut().map(|(_, underway)| underway.turn(turn % 2 == 0).unwrap()).collect();
            let ends: Vec<bool> = turns.iter().map(|turn| turn.generated.is_some()).collect();
            for ((place, _), turn) in flights.iter().zip(turns) {
                if let Some(generated) = turn.generated {
                    found[*place] = Some(generated);
                }
            }
            let mut ends = ends.into_iter();
            flights.retain(|_| !ends.next().unwrap_or(false));
        }
        for (found, expected) in found.into_iter().zip(expected) {
            let found = found.unwrap();
            assert_eq!(found.samples, expected.samples);
            assert_eq!(found.familiarity, expected.familiarity);
        }
    }

    #[test]
    fn a_sample_beside_others_is_the_one_that_its_seed_makes_alone() {
        let mut model = mini();
        let three = alone(&mut model, &GenerateRequest { samples: 3, frames: 32, ..how("they bow", 11) });
        for sample in three.samples {
            let own = alone(&mut model, &GenerateRequest { frames: 32, ..how("they bow", sample.seed) });
            assert_eq!((&own.samples[0].motion, &own.samples[0].tokens), (&sample.motion, &sample.tokens));
        }
    }

    #[test]
    fn a_prompt_that_comes_again_is_not_read_again_and_means_the_same() {
        let mut model = mini();
        let request = GenerateRequest { frames: 16, ..how("Two people dance salsa", 2) };
        let first = alone(&mut model, &request);
        let again = model.generate(&request, &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!((first.samples, first.familiarity), (again.samples, again.familiarity));
        let told = |prompt: &str| model.prompts.told(prompt, &model.model).unwrap();
        let ((kept, _), (same, _)) = (told("Two people dance salsa"), told("two people  DANCE salsa"));
        assert!(Arc::ptr_eq(&kept, &same), "the tower reads the same");
        assert!(!Arc::ptr_eq(&kept, &told("two people dance").0));
        // The same to the tower, which reads no further; only one of them was cut off.
        let [whole, longer] = [75, 90].map(|words| told(&vec!["walk"; words].join(" ")));
        assert!(Arc::ptr_eq(&whole.0, &longer.0));
        assert_eq!((whole.1, longer.1), (false, true));
    }

    #[test]
    fn progress_counts_the_steps_of_all_samples_and_can_stop_them() {
        let mut model = mini();
        let request = GenerateRequest { frames: 16, samples: 2, steps: 3, ..how("they bow", 2) };
        let mut told = Vec::new();
        let mut until = |last: usize| {
            told.clear();
            let made = model.generate(&request, &mut |done, total| {
                told.push((done, total));
                if done == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            (made.map_err(|error| error.code()).map(|made| made.samples.len()), told.clone())
        };
        // Once before the prompt is read, once before each step, once before the motions.
        assert_eq!(until(7), (Ok(2), [0, 0, 2, 4, 6].map(|done| (done, 6)).to_vec()));
        assert_eq!(until(4), (Err("cancelled"), [0, 0, 2, 4].map(|done| (done, 6)).to_vec()));
    }
}
