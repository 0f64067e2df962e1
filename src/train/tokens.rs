//! Motion clips as token maps, through the frozen VQ-VAE. A clip has few distinct versions (mirrored or not, canonicalised
//! by one person or the other, crop), so each is encoded once and kept: 750 small integers a pair.

use super::masking::SpecialIds;
use super::token_store::{Digest, TokenStore};
use super::transformer_step::TokenBatch;
use crate::data::{ItemDraws, TextClips};
use crate::error::Result;
use crate::models::config::VqConfig;
use crate::models::vqvae::{GraphMode, PARTS, TIME_STRIDE, VqVae};
use crate::motion::FEATURES;
use candle_core::{Device, Tensor};
use sha2::Digest as _;
use std::collections::HashMap;
use std::sync::Arc;

/// Least frames of silence after a clip, see [`margin`].
const MARGIN: usize = 48;
/// Frames of an item's padded arrays.
const ITEM_FRAMES: usize = 300;
/// Clips encoded at once.
const TOGETHER: usize = 16;

/// Frames of silence after a clip that its tokens can feel. Of two stages that halve time, each adds its dilations to what the
/// encoder reaches; where the silence were shorter, a clip's last tokens would depend on how long the others are that are
/// encoded with it.
fn margin(config: &VqConfig) -> usize {
    let dilations = (0..config.depth).map(|block| config.dilation_growth.pow(block as u32)).sum::<usize>();
    (6 * dilations + 10).next_multiple_of(TIME_STRIDE).max(MARGIN)
}

/// Part-major token maps of a pair, (5, frames) each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Maps {
    /// Token frames.
    pub frames: usize,
    /// Ids of person 1 and person 2.
    pub persons: [Vec<u32>; 2],
}

/// What decides a pair's tokens: clip, crop, whose frame.
type Key = (usize, usize, bool);

/// Token maps of a set of clips, made when first asked for.
pub struct TokenCache<'a> {
    clips: &'a TextClips,
    vq: &'a VqVae,
    max_tokens: usize,
    known: HashMap<Key, Arc<Maps>>,
    store: Option<TokenStore>,
    device: Device,
}

impl<'a> TokenCache<'a> {
    /// Token maps of `clips` through `vq`, at most `max_frames` frames long.
    pub fn new(clips: &'a TextClips, vq: &'a VqVae, max_frames: usize, device: &Device) -> Self {
        let max_tokens = max_frames / TIME_STRIDE;
        Self { clips, vq, max_tokens, known: HashMap::new(), store: None, device: device.clone() }
    }

    /// The same with what an earlier training kept.
    pub fn with_store(mut self, store: TokenStore) -> Self {
        self.store = Some(store);
        self
    }

    /// Keep what was encoded for the next training, where there is a store.
    pub fn keep(&mut self) {
        if let Some(store) = &mut self.store {
            store.keep();
        }
    }

    /// The token maps of items with their draws, padded to the longest of them.
    pub fn batch(&mut self, items: &[(usize, ItemDraws)]) -> Result<TokenBatch> {
        let mut missing: Vec<(usize, ItemDraws)> = Vec::new();
        for (index, draws) in items {
            if !self.is_known(*index, draws) && !missing.iter().any(|(i, d)| key(*i, d) == key(*index, draws))
            {
                missing.push((*index, *draws));
            }
        }
        for some in missing.chunks(TOGETHER) {
            self.encode(some)?;
        }
        let maps: Vec<&Arc<Maps>> =
            items.iter().map(|(index, draws)| &self.known[&key(*index, draws)]).collect();
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

    fn is_known(&mut self, index: usize, draws: &ItemDraws) -> bool {
        let key = key(index, draws);
        if self.known.contains_key(&key) {
            return true;
        }
        let kept = self.digest(index, draws).and_then(|digest| self.store.as_ref()?.get(&digest));
        kept.map(|maps| self.known.insert(key, maps)).is_some()
    }

    /// What the tokens of an item are made from; none where nothing is kept.
    fn digest(&self, index: usize, draws: &ItemDraws) -> Option<Digest> {
        self.store.as_ref()?;
        let mut digest = self.clips.digest(index)?;
        digest.update((self.max_tokens as u64).to_le_bytes());
        digest.update((draws.crop_start as u64).to_le_bytes());
        digest.update([u8::from(draws.exchange_before)]);
        Some(digest.finalize().into())
    }

    /// Encode pairs that are not known yet.
    fn encode(&mut self, items: &[(usize, ItemDraws)]) -> Result<()> {
        let mut pairs = Vec::with_capacity(items.len());
        for (index, draws) in items {
            // The exchange afterwards only swaps finished maps; it is done when a batch is put together.
            pairs.push(self.clips.item(*index, ItemDraws { exchange_after: false, ..*draws })?);
        }
        let longest = pairs.iter().map(|pair| pair.length).max().unwrap_or(0);
        let frames = (longest.next_multiple_of(TIME_STRIDE) + margin(self.vq.config())).min(ITEM_FRAMES);
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
            let maps = Arc::new(Maps { frames, persons: [cut(0), cut(1)] });
            if let (Some(digest), Some(store)) = (self.digest(*index, draws), &mut self.store) {
                store.put(digest, maps.clone());
            }
            self.known.insert(key(*index, draws), maps);
        }
        Ok(())
    }
}

fn key(index: usize, draws: &ItemDraws) -> Key {
    (index, draws.crop_start, draws.exchange_before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RawPair;
    use crate::models::config::{Activation, MotionLayout, Places};
    use crate::motion::kinematics::tests::walk;
    use crate::motion::mirror::CaptionRule;
    use crate::motion::{RawPerson, Stats};
    use crate::nn::params::Params;

    fn config(depth: usize, dilation_growth: usize) -> VqConfig {
        VqConfig {
            layout: MotionLayout::InterHuman,
            width: 8,
            code_dim: 8,
            codes: 256,
            depth,
            dilation_growth,
            activation: Activation::Relu,
            places: Places::World,
        }
    }

    #[test]
    fn the_silence_is_longer_than_the_encoder_reaches() {
        let margins = [(1, 3), (2, 3), (3, 3), (2, 6), (8, 8)].map(|(d, g)| margin(&config(d, g)));
        assert_eq!(margins[..4], [48, 48, 88, 52]);
        assert!(margins[4] > ITEM_FRAMES, "all of an item");
    }

    #[test]
    fn tokens_do_not_depend_on_who_is_encoded_along() {
        let stats = Stats::new(vec![0.0; FEATURES], vec![1.0; FEATURES]).unwrap();
        let mut clips = TextClips::new(stats);
        for frames in [101, 220] {
            let person = RawPerson::from_y_up(&walk(frames));
            let pair = RawPair { id: frames.to_string(), persons: [person.clone(), person] };
            assert!(clips.push(pair, vec!["they walk".to_owned()], false, CaptionRule::Words));
        }
        let device = Device::Cpu;
        let vq = VqVae::new(&config(3, 4), Params::new(3, &device).builder()).unwrap();
        let item = |clip: usize| (clip, ItemDraws::default());
        let tokens = |items: &[(usize, ItemDraws)]| {
            let batch = TokenCache::new(&clips, &vq, ITEM_FRAMES, &device).batch(items).unwrap();
            (
                batch.lengths[0],
                batch.ids.chunks(batch.frames).map(|row| row[..25].to_vec()).collect::<Vec<_>>(),
            )
        };
        let ((length, alone), (_, along)) = (tokens(&[item(0)]), tokens(&[item(0), item(1)]));
        assert_eq!((length, alone.len()), (25, 2 * PARTS));
        assert_eq!(alone, along[..2 * PARTS]);
    }
}
