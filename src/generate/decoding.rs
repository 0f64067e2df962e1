//! One clip that is being decoded, step by step (InterMask spec §4.6).
//!
//! Clips decode side by side, each in tensors of its own at its own length, so that nothing of a clip depends on those beside it: there is
//! no padding, and no product whose blocking could change with the company. On a CPU this is the faster form of a batch, too: a clip's
//! activations stay in a core's own cache, and cores wait for each other once a step instead of once an operation.

use super::masked::{DecodeSettings, Known};
use super::noise::Draw;
use super::sampling::{self, Choice};
use super::schedule::masked_positions;
use crate::error::{Error, Result};
use crate::models::inter_m::{InterM, Lengths, Modulation, TextFeatures};
use crate::models::vqvae::PARTS;
use crate::nn::dropout::Keep;
use candle_core::{Device, Tensor};
use rayon::prelude::*;

/// Score of positions that must not be masked again.
const SETTLED: f32 = 1e5;
/// Score of positions that are not the decoding's to change: known ones.
const KNOWN: f32 = f32::INFINITY;

/// A clip in flight: what is settled of it, and what each of its steps needs.
pub struct Decoding {
    settings: DecodeSettings,
    /// Of the text and, with guidance, of one that says nothing: one row each.
    modulation: Modulation,
    lengths: Lengths,
    rows: usize,
    device: Device,
    /// 10L ids, person 1 then person 2, part-major.
    ids: Vec<u32>,
    /// 10L scores.
    scores: Vec<f32>,
    /// Positions to be sampled.
    open: usize,
    done: usize,
}

impl Decoding {
    /// A clip of `length` token frames that follows `text` (one row). `known` has 10L entries, `None` where the id is to be sampled;
    /// without it nothing is known.
    ///
    /// # Errors
    /// When the model looks at words and `text` has none.
    pub fn new(
        model: &InterM,
        text: &TextFeatures,
        length: usize,
        known: Option<&Known>,
        settings: DecodeSettings,
    ) -> Result<Self> {
        let device = text.sentence().device().clone();
        // Guidance: conditional and unconditional halves of one batch.
        let guided = settings.guidance != 1.0;
        let modulation = if guided {
            model.modulation(&text.guided()?, &mut ())?
        } else {
            model.modulation(text, &mut ())?
        };
        let rows = if guided { 2 } else { 1 };
        let known = |p: usize| known.and_then(|row| row.get(p).copied().flatten());
        let (ids, scores): (Vec<u32>, Vec<f32>) = (0..2 * PARTS * length)
            .map(|p| known(p).map_or((model.mask_id(), 0.0), |id| (id, KNOWN)))
            .unzip();
        let open = ids.iter().filter(|&&id| id == model.mask_id()).count();
        let lengths = Lengths::new(&vec![length; rows], length);
        Ok(Self { settings, modulation, lengths, rows, device, ids, scores, open, done: 0 })
    }

    /// Steps made.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Whether all steps are made.
    pub fn is_over(&self) -> bool {
        self.done >= self.settings.steps
    }

    /// 10L ids: between steps what would come out if decoding ended now, after [`Decoding::mask`] what the model will be shown.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Mask the lowest scores again, as many as the schedule says for the coming step.
    pub fn mask(&mut self, model: &InterM) {
        let count = masked_positions(self.done, self.settings.steps, self.open).min(self.open);
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|&a, &b| self.scores[a].total_cmp(&self.scores[b]));
        for &position in &order[..count] {
            self.ids[position] = model.mask_id();
        }
    }

    /// Show the model what is masked, and give every masked position the choice for it; settle the others. `draw` says what decides
    /// at (step, position).
    ///
    /// # Errors
    /// `model_failure` where the model gives numbers that are not finite.
    pub fn fill<'d>(&mut self, model: &InterM, draw: impl Fn(usize, usize) -> Draw<'d> + Sync) -> Result<()> {
        let positions = self.ids.len();
        let ids = Tensor::from_vec(self.ids.repeat(self.rows), (self.rows, positions), &self.device)?;
        let logits = model.forward(&ids, &self.modulation, &self.lengths, &mut Keep, &mut ())?;
        let logits = logits.flatten_all()?.to_vec1::<f32>()?;
        let (codes, mask, step) = (model.config().codes, model.mask_id(), self.done);
        let keep = sampling::kept(codes, self.settings.top_k_ratio);
        let DecodeSettings { guidance, temperature, .. } = self.settings;
        let (conditional, unconditional) = logits.split_at(positions * codes);
        let choose = |position: usize, scratch: &mut Scratch| -> Option<Choice> {
            let at = position * codes..(position + 1) * codes;
            if unconditional.is_empty() {
                scratch.logits.clear();
                scratch.logits.extend_from_slice(&conditional[at]);
            } else {
                let (told, untold) = (&conditional[at.clone()], &unconditional[at]);
                sampling::guide(told, untold, guidance, &mut scratch.logits);
            }
            if !scratch.logits.iter().all(|l| l.is_finite()) {
                return None;
            }
            let Scratch { logits, sorted } = scratch;
            Some(sampling::choose(logits, keep, temperature, draw(step, position), sorted))
        };
        let places = self.ids.par_iter_mut().zip(self.scores.par_iter_mut()).enumerate();
        places.try_for_each_init(Scratch::default, |scratch, (position, (id, score))| {
            if *id != mask {
                *score = score.max(SETTLED);
                return Ok::<(), Error>(());
            }
            let choice = choose(position, scratch).ok_or_else(|| {
                Error::internal(
                    "model_failure",
                    "the model gave numbers that are not finite; its weights may be damaged",
                )
            })?;
            (*id, *score) = (choice.id, choice.score);
            Ok(())
        })?;
        self.done += 1;
        Ok(())
    }
}

#[derive(Default)]
struct Scratch {
    logits: Vec<f32>,
    sorted: Vec<f32>,
}
