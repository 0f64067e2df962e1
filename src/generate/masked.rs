//! Iterative masked decoding of two token maps (InterMask spec §4.6). Any tokens may be known already: none in a generation,
//! one person's in a reaction (§4.7), all but a few in an edit.

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
    /// Decoding steps, at least one.
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
    /// What is known of each clip: B rows of 10L (person 1 then person 2, part-major; L the longest length), `None` where
    /// the id is to be sampled. What stands at padding does not matter. Without rows nothing is known.
    pub known: Option<&'a [Known]>,
}

/// The ids of one clip as far as they are known.
pub type Known = Vec<Option<u32>>;

/// Decoding steps of a reaction where a generation takes `steps`: half of them, for half of the tokens (InterMask spec §4.7).
pub fn reaction_steps(steps: usize) -> usize {
    (steps / 2).max(1)
}

/// A decoding step that is about to be made.
pub struct Step<'a> {
    /// Steps made.
    pub done: usize,
    /// Steps in all.
    pub steps: usize,
    /// Ids fed to the model at this step: B rows of 10L.
    pub fed: &'a [Vec<u32>],
    /// Ids as the last step left them, before any was masked again: what would come out if decoding ended now. `None` before
    /// the first step.
    pub left: Option<&'a [Vec<u32>]>,
}

/// Called before each step; `Break` ends the decoding.
pub type StepObserver<'a> = &'a mut dyn FnMut(&Step<'_>) -> ControlFlow<()>;

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
    let positions = 2 * PARTS * frames;
    let mut state = State::new(model, clips, frames);

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

    for step in 0..settings.steps {
        let left = (step > 0).then(|| state.ids.clone());
        state.mask(step, settings.steps, model.mask_id());
        let told = Step { done: step, steps: settings.steps, fed: &state.ids, left: left.as_deref() };
        if observe(&told).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled", "the generation was cancelled"));
        }
        let rows = if guided { [&state.ids[..], &state.ids[..]].concat() } else { state.ids.clone() };
        let batch = rows.len();
        let ids = Tensor::from_vec(rows.concat(), (batch, positions), device)?;
        let logits = model.forward(&ids, &modulation, &lengths, &mut Keep, &mut ())?;
        let logits = logits.flatten_all()?.to_vec1::<f32>()?;
        let half = clips.lengths.len() * positions * codes;
        let at = |clip: usize, position: usize| (clip * positions + position) * codes;
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

/// Score of positions that are not the decoding's to change: known ones.
const KNOWN: f32 = f32::INFINITY;

/// Ids and scores of all positions.
struct State {
    /// B rows of 10L ids.
    ids: Vec<Vec<u32>>,
    /// B rows of 10L scores.
    scores: Vec<Vec<f32>>,
    /// Positions to be sampled, of each clip.
    open: Vec<usize>,
}

impl State {
    fn new(model: &InterM, clips: &Clips<'_>, frames: usize) -> Self {
        let mut state = Self { ids: Vec::new(), scores: Vec::new(), open: Vec::new() };
        for (clip, &length) in clips.lengths.iter().enumerate() {
            let known = clips.known.and_then(|rows| rows.get(clip));
            let known = |p: usize| known.and_then(|row| row.get(p).copied().flatten());
            let (ids, scores): (Vec<u32>, Vec<f32>) = (0..2 * PARTS * frames)
                .map(|p| match known(p) {
                    _ if p % frames >= length => (model.pad_id(), SETTLED),
                    Some(id) => (id, KNOWN),
                    None => (model.mask_id(), 0.0),
                })
                .unzip();
            state.open.push(ids.iter().filter(|&&id| id == model.mask_id()).count());
            state.ids.push(ids);
            state.scores.push(scores);
        }
        state
    }

    /// Mask the lowest scores again, as many as the schedule says.
    fn mask(&mut self, step: usize, steps: usize, mask: u32) {
        for ((ids, scores), &open) in self.ids.iter_mut().zip(&self.scores).zip(&self.open) {
            let count = masked_positions(step, steps, open).min(open);
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            for &position in &order[..count] {
                ids[position] = mask;
            }
        }
    }

    /// Give every masked position the choice for it; settle the others.
    fn fill(
        &mut self,
        mask: u32,
        choose: impl Fn(usize, usize, &mut Scratch) -> Option<Choice> + Sync,
    ) -> Result<()> {
        for (clip, (ids, scores)) in self.ids.iter_mut().zip(&mut self.scores).enumerate() {
            ids.par_iter_mut().zip(scores.par_iter_mut()).enumerate().try_for_each_init(
                Scratch::default,
                |scratch, (position, (id, score))| {
                    if *id != mask {
                        *score = score.max(SETTLED);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::noise::Seeded;
    use crate::models::config::{InterMConfig, TextHeadConfig, WordAttention};
    use crate::nn::params::Params;
    use candle_core::{DType, Device};

    fn model() -> InterM {
        let config = InterMConfig {
            codes: 32,
            code_dim: 8,
            latent_dim: 16,
            heads: 2,
            layers: 2,
            ff: 32,
            text_dim: 8,
            person_embedding: true,
            word_attention: WordAttention::Off,
            text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
        };
        InterM::new(&config, Params::new(5, &Device::Cpu).builder()).unwrap()
    }

    fn decoded(known: Option<&[Known]>, seed: u64) -> Vec<Vec<i64>> {
        let model = model();
        let sentence = Tensor::ones((1, 8), DType::F32, &Device::Cpu).unwrap();
        let text = TextFeatures::of_sentences(&sentence);
        let clips = Clips { text: &text, lengths: &[6], known };
        let settings = DecodeSettings { steps: 5, guidance: 2.0, top_k_ratio: 0.5, temperature: 1.0 };
        let mut go_on = |_: &Step<'_>| ControlFlow::Continue(());
        decode(&model, &clips, &settings, &Seeded::new(&[seed]), &mut go_on).unwrap()
    }

    #[test]
    fn known_ids_stay_and_the_others_are_drawn() {
        let whole = decoded(None, 1).remove(0);
        let open = |p: usize| p.is_multiple_of(3);
        let known: Known = whole.iter().enumerate().map(|(p, &id)| (!open(p)).then_some(id as u32)).collect();
        let again = decoded(Some(std::slice::from_ref(&known)), 2).remove(0);
        assert!((0..60).filter(|&p| !open(p)).all(|p| again[p] == whole[p]));
        assert!((0..60).filter(|&p| open(p)).any(|p| again[p] != whole[p]));
        assert!(again.iter().all(|&id| (0..32).contains(&id)), "no mask is left");
        assert_eq!(decoded(Some(&[known]), 2).remove(0), again, "the same twice");
    }

    #[test]
    fn knowing_nothing_is_a_generation_and_knowing_all_leaves_nothing_to_do() {
        let whole = decoded(None, 1);
        assert_eq!(decoded(Some(&[vec![None; 60]]), 1), whole);
        let all: Known = whole[0].iter().map(|&id| Some(id as u32)).collect();
        assert_eq!(decoded(Some(&[all]), 7), whole);
        assert_eq!((reaction_steps(20), reaction_steps(1)), (10, 1));
    }
}
