//! Iterative masked decoding of two token maps (InterMask spec §4.6). Any tokens may be known already: none in a generation,
//! one person's in a reaction (§4.7), all but a few in an edit.

use super::decoding::Decoding;
use super::noise::Noise;
use crate::error::{Error, ErrorKind, Result};
use crate::models::inter_m::{InterM, TextFeatures};
use crate::models::vqvae::PARTS;
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

/// Decode token maps: B rows of 10L ids (person 1 then person 2, part-major), −1 at padding. Positions of known ids, of the noise and of
/// what is observed are those of maps as long as the longest clip; each clip decodes at its own length, side by side with the others.
///
/// # Errors
/// `cancelled` when the observer breaks off, `model_failure` where the model gives numbers that are not finite.
pub fn decode(
    model: &InterM,
    clips: &Clips<'_>,
    settings: &DecodeSettings,
    noise: &dyn Noise,
    observe: StepObserver<'_>,
) -> Result<Vec<Vec<i64>>> {
    let frames = clips.lengths.iter().copied().max().unwrap_or(0);
    let maps: Vec<Map> = clips.lengths.iter().map(|&length| Map { length, frames }).collect();
    let mut flights = Vec::with_capacity(maps.len());
    for (clip, map) in maps.iter().enumerate() {
        let known = clips.known.and_then(|rows| rows.get(clip)).map(|row| map.cut(row));
        let text = clips.text.row(clip)?;
        flights.push(Decoding::new(model, &text, map.length, known.as_ref(), *settings)?);
    }
    let spread = |flights: &[Decoding]| -> Vec<Vec<u32>> {
        flights.iter().zip(&maps).map(|(flight, map)| map.spread(flight.ids(), model.pad_id())).collect()
    };
    for step in 0..settings.steps {
        let left = (step > 0).then(|| spread(&flights));
        flights.iter_mut().for_each(|flight| flight.mask(model));
        let fed = spread(&flights);
        let told = Step { done: step, steps: settings.steps, fed: &fed, left: left.as_deref() };
        if observe(&told).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled", "the generation was cancelled"));
        }
        flights.par_iter_mut().zip(&maps).enumerate().try_for_each(|(clip, (flight, map))| {
            flight.fill(model, |step, position| noise.draw(clip, step, map.wide(position)))
        })?;
    }
    let ids = |(flight, map): (&Decoding, &Map)| {
        let ids: Vec<i64> = flight.ids().iter().map(|&id| i64::from(id)).collect();
        map.spread(&ids, -1)
    };
    Ok(flights.iter().zip(&maps).map(ids).collect())
}

/// A clip's own map of 10 rows of `length` inside one of 10 rows of `frames`.
struct Map {
    length: usize,
    frames: usize,
}

impl Map {
    /// Where a position of the clip's own map lies in the wide one.
    fn wide(&self, position: usize) -> usize {
        position / self.length * self.frames + position % self.length
    }

    /// The clip's own part of a wide map; a row that is too short knows nothing of the rest.
    fn cut(&self, known: &Known) -> Known {
        (0..2 * PARTS * self.length).map(|p| known.get(self.wide(p)).copied().flatten()).collect()
    }

    /// The wide map, `padding` where the clip has nothing.
    fn spread<T: Copy>(&self, own: &[T], padding: T) -> Vec<T> {
        let mut wide = vec![padding; 2 * PARTS * self.frames];
        for (position, &value) in own.iter().enumerate() {
            wide[self.wide(position)] = value;
        }
        wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::confidence::confidence;
    use crate::generate::noise::{Draw, Seeded};
    use crate::models::config::{InterMConfig, TextHeadConfig, WordAttention};
    use crate::nn::params::Params;
    use candle_core::{DType, Device, Tensor};
    use std::collections::HashMap;

    fn model() -> InterM {
        model_with(HashMap::new())
    }

    /// The same with these among its weights.
    fn model_with(weights: HashMap<String, Tensor>) -> InterM {
        let config = InterMConfig {
            codes: 32,
            code_dim: 8,
            latent_dim: 16,
            heads: 2,
            layers: 2,
            ff: 32,
            text_dim: 8,
            person_embedding: true,
            single_residual: false,
            word_attention: WordAttention::Off,
            text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
        };
        InterM::new(&config, Params::from_tensors(weights, 5, &Device::Cpu).builder()).unwrap()
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

    #[test]
    fn one_logit_that_is_no_number_is_a_failure_of_the_model() {
        let sentence = Tensor::ones((1, 8), DType::F32, &Device::Cpu).unwrap();
        let text = TextFeatures::of_sentences(&sentence);
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut bias = vec![0.0; 32];
            bias[7] = number;
            let bias = Tensor::from_vec(bias, 32, &Device::Cpu).unwrap();
            let model = model_with(HashMap::from([("output_process.poseFinal.bias".to_owned(), bias)]));
            let refused = |error: Error| {
                assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "model_failure"), "{number}");
                // Not by what a library below has to say of it.
                assert!(error.to_string().contains("numbers that are not finite"), "{number}: {error}");
            };
            for guidance in [1.0, 2.0] {
                let settings = DecodeSettings { steps: 5, guidance, top_k_ratio: 0.5, temperature: 1.0 };
                let clips = Clips { text: &text, lengths: &[6], known: None };
                let mut go_on = |_: &Step<'_>| ControlFlow::Continue(());
                refused(decode(&model, &clips, &settings, &Greedy, &mut go_on).unwrap_err());
            }
            // What is infinitely unlikely has a probability: none.
            if number != f32::NEG_INFINITY {
                refused(confidence(&model, &text, &[3; 60]).unwrap_err());
            }
        }
    }

    /// The largest logit wins: what is drawn does not depend on where a clip's map lies in a wider one.
    struct Greedy;

    impl Noise for Greedy {
        fn draw(&self, _: usize, _: usize, _: usize) -> Draw<'_> {
            Draw::Greedy
        }
    }

    #[test]
    fn clips_of_other_lengths_beside_it_do_not_change_a_clip() {
        let model = model();
        let sentences = Tensor::from_vec((0..24).map(|i| (i as f32).sin()).collect(), (3, 8), &Device::Cpu);
        let text = TextFeatures::of_sentences(&sentences.unwrap());
        let settings = DecodeSettings { steps: 5, guidance: 2.0, top_k_ratio: 0.5, temperature: 1.0 };
        let run = |text: &TextFeatures, lengths: &[usize], known: Option<&[Known]>| {
            let mut shown = Vec::new();
            let mut observe = |step: &Step<'_>| {
                shown.push(step.fed.to_vec());
                ControlFlow::Continue(())
            };
            let clips = Clips { text, lengths, known };
            (decode(&model, &clips, &settings, &Greedy, &mut observe).unwrap(), shown)
        };
        let (lengths, frames) = ([4, 6, 3], 6);
        let known: Vec<Known> =
            (0..3).map(|_| (0..60).map(|p| (p % frames == 1).then_some(p as u32 % 32)).collect()).collect();
        let (together, shown) = run(&text, &lengths, Some(&known));
        for (clip, length) in lengths.into_iter().enumerate() {
            let own = |p: &usize| p % frames < length;
            let known: Known = (0..60).filter(own).map(|p| known[clip][p]).collect();
            let (alone, shown_alone) = run(&text.row(clip).unwrap(), &[length], Some(&[known]));
            let cut = |row: &[i64]| -> Vec<i64> { (0..60).filter(own).map(|p| row[p]).collect() };
            assert_eq!(cut(&together[clip]), alone[0]);
            assert!((0..60).filter(|p| !own(p)).all(|p| together[clip][p] == -1));
            for (rows, row) in shown.iter().zip(shown_alone) {
                assert_eq!((0..60).filter(own).map(|p| rows[clip][p]).collect::<Vec<_>>(), row[0]);
                assert!((0..60).filter(|p| !own(p)).all(|p| rows[clip][p] == model.pad_id()));
            }
        }
    }
}
