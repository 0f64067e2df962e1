//! Motion clips as token maps, through the frozen VQ-VAE. A clip has few distinct versions (mirrored or not, canonicalised
//! by one person or the other, crop), so each is encoded once and kept: 750 small integers a pair.

use super::masking::SpecialIds;
use super::transformer_step::TokenBatch;
use crate::data::{ItemDraws, TextClips};
use crate::error::Result;
use crate::models::vqvae::{GraphMode, PARTS, TIME_STRIDE, VqVae};
use crate::motion::FEATURES;
use candle_core::{Device, Tensor};
use std::collections::HashMap;

/// Frames of silence after a clip that its tokens can feel: beyond the encoder's reach.
const MARGIN: usize = 48;
/// Frames of an item's padded arrays.
const ITEM_FRAMES: usize = 300;
/// Clips encoded at once.
const TOGETHER: usize = 16;

/// Part-major token maps of a pair, (5, frames) each.
#[derive(Clone, Debug)]
struct Maps {
    frames: usize,
    persons: [Vec<u32>; 2],
}

/// What decides a pair's tokens: clip, crop, whose frame.
type Key = (usize, usize, bool);

/// Token maps of a set of clips, made when first asked for.
pub struct TokenCache<'a> {
    clips: &'a TextClips,
    vq: &'a VqVae,
    max_tokens: usize,
    known: HashMap<Key, Maps>,
    device: Device,
}

impl<'a> TokenCache<'a> {
    /// Token maps of `clips` through `vq`, at most `max_frames` frames long.
    pub fn new(clips: &'a TextClips, vq: &'a VqVae, max_frames: usize, device: &Device) -> Self {
        let max_tokens = max_frames / TIME_STRIDE;
        Self { clips, vq, max_tokens, known: HashMap::new(), device: device.clone() }
    }

    /// The token maps of items with their draws, padded to the longest of them.
    pub fn batch(&mut self, items: &[(usize, ItemDraws)]) -> Result<TokenBatch> {
        let mut missing: Vec<(usize, ItemDraws)> = Vec::new();
        for (index, draws) in items {
            if !self.known.contains_key(&key(*index, draws))
                && !missing.iter().any(|(i, d)| key(*i, d) == key(*index, draws))
            {
                missing.push((*index, *draws));
            }
        }
        for some in missing.chunks(TOGETHER) {
            self.encode(some)?;
        }
        let maps: Vec<&Maps> = items.iter().map(|(index, draws)| &self.known[&key(*index, draws)]).collect();
        let pad = SpecialIds::of(self.vq.config().codes).pad;
        let frames = maps.iter().map(|maps| maps.frames).max().unwrap_or(1);
        let mut ids = Vec::with_capacity(items.len() * 2 * PARTS * frames);
        for (maps, (_, draws)) in maps.iter().zip(items) {
            let order = if draws.exchange_after { [1, 0] } else { [0, 1] };
            for part in order.iter().flat_map(|person| maps.persons[*person].chunks(maps.frames)) {
                ids.extend_from_slice(part);
                ids.extend(std::iter::repeat_n(pad, frames - maps.frames));
            }
        }
        Ok(TokenBatch { ids, lengths: maps.iter().map(|maps| maps.frames).collect(), frames })
    }

    /// Encode pairs that are not known yet.
    fn encode(&mut self, items: &[(usize, ItemDraws)]) -> Result<()> {
        let mut pairs = Vec::with_capacity(items.len());
        for (index, draws) in items {
            // The exchange afterwards only swaps finished maps; it is done when a batch is put together.
            pairs.push(self.clips.item(*index, ItemDraws { exchange_after: false, ..*draws })?);
        }
        let longest = pairs.iter().map(|pair| pair.length).max().unwrap_or(0);
        let frames = (longest.next_multiple_of(TIME_STRIDE) + MARGIN).min(ITEM_FRAMES);
        let mut values = Vec::with_capacity(2 * pairs.len() * frames * FEATURES);
        for pair in &pairs {
            for motion in &pair.motions {
                values.extend_from_slice(&motion[..frames * FEATURES]);
            }
        }
        let motion = Tensor::from_vec(values, (2 * pairs.len(), frames, FEATURES), &self.device)?;
        let ids = self.vq.encode(&motion, GraphMode::PerClip)?.to_vec2::<u32>()?;
        let encoded = frames / TIME_STRIDE;
        for (n, ((index, draws), pair)) in items.iter().zip(&pairs).enumerate() {
            let frames = (pair.length / TIME_STRIDE).clamp(1, self.max_tokens);
            let cut = |person: usize| -> Vec<u32> {
                ids[2 * n + person].chunks(encoded).flat_map(|part| &part[..frames]).copied().collect()
            };
            self.known.insert(key(*index, draws), Maps { frames, persons: [cut(0), cut(1)] });
        }
        Ok(())
    }
}

fn key(index: usize, draws: &ItemDraws) -> Key {
    (index, draws.crop_start, draws.exchange_before)
}
