//! Iterative masked decoding of two token maps, together or as a reaction to one that is given
//! (InterMask spec §4.6, §4.7).

use super::noise::Noise;
use super::sampling::{self, Choice};
use super::schedule::masked_positions;
use crate::error::{Error, ErrorKind, Result};
use crate::models::inter_m::{InterM, Lengths, TextFeatures};
use crate::models::vqvae::PARTS;
use crate::nn::dropout::Keep;
use candle_core::Tensor;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// How to decode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecodeSettings {
    /// Decoding steps; a reaction takes half of them, at least one.
    pub steps: usize,
    /// Guidance scale; exactly 1 runs the conditional pass alone.
    pub guidance: f32,
    /// Share of codes left out at each position.
    pub top_k_ratio: f64,
    /// Divides the logits; 1 equals upstream.
    pub temperature: f32,
}

/// What to decode: one entry a clip.
pub struct Clips<'a> {
    /// Texts, B rows.
    pub text: &'a TextFeatures,
    /// Token frames of each clip.
    pub lengths: &'a [usize],
    /// For reactions: person 1's part-major ids of each clip, (B, 5L) rows with L the longest length.
    pub given: Option<&'a [Vec<u32>]>,
}

/// Called with (step, steps, ids fed to the model at that step: B rows of 10L).
pub type StepObserver<'a> = &'a mut dyn FnMut(usize, usize, &[Vec<u32>]) -> ControlFlow<()>;

/// Score of positions that must not be masked again.
const SETTLED: f32 = 1e5;

/// Decode token maps: B rows of 10L ids (person 1 then person 2, part-major), −1 at padding.
pub fn decode(
    model: &InterM,
    clips: &Clips<'_>,
    settings: &DecodeSettings,
    noise: &dyn Noise,
    observe: StepObserver<'_>,
) -> Result<Vec<Vec<i64>>> {
    let device = clips.text.sentence().device();
    let frames = clips.lengths.iter().copied().max().unwrap_or(0);
    let person = PARTS * frames;
    // A reaction samples person 2's half only, in half as many steps.
    let (sampled_from, sampled, steps) = match clips.given {
        None => (0, 2 * person, settings.steps),
        Some(_) => (person, person, (settings.steps / 2).max(1)),
    };
    let mut state = State::new(model, clips, frames, sampled_from);

    // Guidance: conditional and unconditional halves of one batch.
    let guided = settings.guidance != 1.0;
    let (text, lengths) = if guided {
        (clips.text.guided()?, [clips.lengths, clips.lengths].concat())
    } else {
        (clips.text.clone(), clips.lengths.to_vec())
    };
    let lengths = Lengths::new(&lengths, frames);
    let modulation = model.modulation(&text, &mut ())?;
    let codes = model.config().codes;
    let keep = sampling::kept(codes, settings.top_k_ratio);

    for step in 0..steps {
        state.mask(step, steps, clips.lengths, model.mask_id());
        if observe(step, steps, &state.ids).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled", "the generation was cancelled"));
        }
        let rows = if guided { [&state.ids[..], &state.ids[..]].concat() } else { state.ids.clone() };
        let batch = rows.len();
        let ids = Tensor::from_vec(rows.concat(), (batch, 2 * person), device)?;
        let logits = model.forward(&ids, &modulation, &lengths, &mut Keep, &mut ())?;
        let logits =
            logits.narrow(1, sampled_from, sampled)?.contiguous()?.flatten_all()?.to_vec1::<f32>()?;
        let half = clips.lengths.len() * sampled * codes;
        let at = |clip: usize, position: usize| (clip * sampled + position) * codes;
        state.fill(model.mask_id(), |clip, position, scratch: &mut Scratch| {
            let from = at(clip, position);
            let conditional = &logits[from..from + codes];
            scratch.logits.clear();
            if guided {
                let unconditional = &logits[half + from..half + from + codes];
                sampling::guide(conditional, unconditional, settings.guidance, &mut scratch.logits);
            } else {
                scratch.logits.extend_from_slice(conditional);
            }
            if !scratch.logits.iter().all(|l| l.is_finite()) {
                return None;
            }
            let draw = noise.draw(clip, step, position);
            let Scratch { logits, sorted } = scratch;
            Some(sampling::choose(logits, keep, settings.temperature, draw, sorted))
        })?;
    }
    Ok(state.finish(clips.lengths, frames))
}

#[derive(Default)]
struct Scratch {
    logits: Vec<f32>,
    sorted: Vec<f32>,
}

/// Ids and scores of the positions being sampled.
struct State {
    /// B rows of 10L ids.
    ids: Vec<Vec<u32>>,
    /// B rows, one score a sampled position.
    scores: Vec<Vec<f32>>,
    /// First sampled position.
    from: usize,
}

impl State {
    fn new(model: &InterM, clips: &Clips<'_>, frames: usize, from: usize) -> Self {
        let person = PARTS * frames;
        let (mut ids, mut scores) = (Vec::new(), Vec::new());
        for (clip, &length) in clips.lengths.iter().enumerate() {
            let real = |position: usize| position % frames < length;
            let mut row: Vec<u32> =
                (0..2 * person).map(|p| if real(p) { model.mask_id() } else { model.pad_id() }).collect();
            if let Some(given) = clips.given {
                for (slot, &id) in row[..person].iter_mut().zip(&given[clip]) {
                    if *slot != model.pad_id() {
                        *slot = id;
                    }
                }
            }
            scores.push((from..2 * person).map(|p| if real(p) { 0.0 } else { SETTLED }).collect());
            ids.push(row);
        }
        Self { ids, scores, from }
    }

    /// Mask the lowest scores again, as many as the schedule says.
    fn mask(&mut self, step: usize, steps: usize, lengths: &[usize], mask: u32) {
        for ((ids, scores), &length) in self.ids.iter_mut().zip(&self.scores).zip(lengths) {
            let people = if self.from == 0 { 2 } else { 1 };
            let count = masked_positions(step, steps, people * PARTS * length);
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            for &position in &order[..count.min(order.len())] {
                ids[self.from + position] = mask;
            }
        }
    }

    /// Give every masked position the choice for it; settle the others.
    fn fill(
        &mut self,
        mask: u32,
        choose: impl Fn(usize, usize, &mut Scratch) -> Option<Choice> + Sync,
    ) -> Result<()> {
        let from = self.from;
        for (clip, (ids, scores)) in self.ids.iter_mut().zip(&mut self.scores).enumerate() {
            ids[from..].par_iter_mut().zip(scores.par_iter_mut()).enumerate().try_for_each_init(
                Scratch::default,
                |scratch, (position, (id, score))| {
                    if *id != mask {
                        *score = SETTLED;
                        return Ok::<(), Error>(());
                    }
                    let choice = choose(clip, position, scratch).ok_or_else(|| {
                        Error::internal(
                            "model_failure",
                            "the model gave numbers that are not finite; its weights may be damaged",
                        )
                    })?;
                    (*id, *score) = (choice.id, choice.score);
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    fn finish(self, lengths: &[usize], frames: usize) -> Vec<Vec<i64>> {
        let real = |position: usize, length: usize| position % frames < length;
        self.ids
            .into_iter()
            .zip(lengths)
            .map(|(row, &length)| {
                row.into_iter()
                    .enumerate()
                    .map(|(p, id)| if real(p, length) { i64::from(id) } else { -1 })
                    .collect()
            })
            .collect()
    }
}
