//! Training items in InterHuman's representation (InterMask spec §1.5): windows for the VQ-VAE, clips with captions for the
//! transformer. Nothing here draws random numbers: whoever iterates passes its draws in.

use super::folder::{Folder, RawPair, Reader};
use super::recipe::Split;
use crate::error::{Error, Result};
use crate::motion::canonical::canonicalise_pair;
use crate::motion::contact::ContactRule;
use crate::motion::mirror::{CaptionRule, mirror, mirror_caption};
use crate::motion::{FEATURES, FPS, Features, Pose, Stats};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Frames of a VQ-VAE window.
pub const WINDOW: usize = 64;
/// Frames from the start of one window to the start of the next.
pub const WINDOW_STRIDE: usize = 10;
/// Left and right wrist.
const WRISTS: [usize; 2] = [20, 21];
/// Frames of a transformer item; longer clips are cropped, shorter ones padded.
pub const MAX_FRAMES: usize = 300;
/// Clips with fewer raw frames are left out of the transformer's set.
pub const MIN_FRAMES: usize = 15;

/// Motions of a clip, see [`four_motions`].
const MOTIONS: usize = 4;

/// Person 1, person 1 mirrored, person 2 relative to person 1, person 2 mirrored relative to person 1 mirrored, in
/// this order; (T−1, 262) each, not normalised.
///
/// # Errors
/// As [`canonicalise_pair`].
pub fn four_motions(pair: &RawPair, rule: &ContactRule) -> Result<[Features; MOTIONS]> {
    let [first, second] = &pair.persons;
    let [plain_1, plain_2] = canonicalise_pair([first, second], rule)?.features;
    let [mirrored_1, mirrored_2] = canonicalise_pair([&mirror(first), &mirror(second)], rule)?.features;
    Ok([plain_1, mirrored_1, plain_2, mirrored_2])
}

/// Overlapping windows over four motions of every clip, normalised once and kept in memory.
#[derive(Clone, Debug)]
pub struct VqWindows {
    motions: Vec<Features>,
    indices: Vec<(usize, usize)>,
    /// Of each window, m/s.
    liveliness: Vec<f32>,
    size: usize,
}

impl VqWindows {
    /// Windows of a split of a folder, 64 frames every 10. `progress` is told clips done and clips in all.
    ///
    /// # Errors
    /// From the disk, or as [`canonicalise_pair`]; `data_no_windows` when no clip is long enough.
    pub fn load(
        folder: &Folder,
        split: Split,
        stats: &Stats,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Self> {
        let mut ids = folder.ids(split, Reader::Motion)?;
        // A clip that counts several times has the same windows each time.
        let repeats = ids.clone();
        ids.sort_unstable();
        ids.dedup();
        let mut motions = BTreeMap::new();
        for (done, id) in ids.iter().enumerate() {
            motions.insert(id.clone(), clip_motions(&folder.pair(id)?)?);
            progress(done + 1, ids.len());
        }
        let all = repeats.iter().flat_map(|id| motions[id].iter().cloned());
        let windows = Self::new(all.collect(), stats, WINDOW, WINDOW_STRIDE);
        if windows.is_empty() {
            let message =
                format!("no clip of the {} split has the {WINDOW} frames of a window", split.name());
            return Err(Error::invalid("data_no_windows", message));
        }
        Ok(windows)
    }

    /// Windows over the [`four_motions`] of each pair, in the order given.
    ///
    /// # Errors
    /// As [`canonicalise_pair`], naming the clip.
    pub fn from_pairs(pairs: &[RawPair], stats: &Stats, size: usize, stride: usize) -> Result<Self> {
        let mut motions = Vec::with_capacity(MOTIONS * pairs.len());
        for pair in pairs {
            motions.extend(clip_motions(pair)?);
        }
        Ok(Self::new(motions, stats, size, stride))
    }

    /// Windows over motions that are not normalised yet; `stride` of zero counts as one.
    pub fn new(mut motions: Vec<Features>, stats: &Stats, size: usize, stride: usize) -> Self {
        let (mut indices, mut liveliness) = (Vec::new(), Vec::new());
        for (index, motion) in motions.iter_mut().enumerate() {
            if let Some(last) = motion.frames().checked_sub(size) {
                let speeds = hand_speeds(&motion.positions());
                for start in (0..=last).step_by(stride.max(1)) {
                    indices.push((index, start));
                    liveliness.push(rms(&speeds[start..start + size - 1]));
                }
            }
            stats.normalise_in_place(motion.data_mut());
        }
        Self { motions, indices, liveliness, size }
    }

    /// The same motions, with every window of clip i `times[i]` times.
    #[must_use]
    pub fn repeated(mut self, times: &[usize]) -> Self {
        let often = |motion: usize| times.get(motion / MOTIONS).copied().unwrap_or(1);
        let windows = self.indices.iter().zip(&self.liveliness);
        let (indices, liveliness) = windows
            .flat_map(|(&index, &lively)| std::iter::repeat_n((index, lively), often(index.0)))
            .unzip();
        (self.indices, self.liveliness) = (indices, liveliness);
        self
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// (motion, first frame) of every window; motion 4i + k is motion k of clip i as in [`four_motions`].
    pub fn indices(&self) -> &[(usize, usize)] {
        &self.indices
    }

    /// One window: (64, 262) row-major, normalised; `None` past the end.
    pub fn get(&self, index: usize) -> Option<&[f32]> {
        let &(motion, start) = self.indices.get(index)?;
        self.motions[motion].data().get(start * FEATURES..(start + self.size) * FEATURES)
    }

    /// How fast the faster hand moves against the pelvis in a window, root mean square, m/s; none past the end.
    pub fn liveliness(&self, index: usize) -> f32 {
        self.liveliness.get(index).copied().unwrap_or(0.0)
    }

    /// All motions, normalised, (T−1, 262) each: validation runs over whole clips.
    pub fn motions(&self) -> &[Features] {
        &self.motions
    }
}

/// Speed (m/s) of the faster wrist against the pelvis from each frame to the next.
fn hand_speeds(poses: &[Pose]) -> Vec<f32> {
    let against =
        |pose: &Pose, joint: usize| -> [f32; 3] { std::array::from_fn(|a| pose[joint][a] - pose[0][a]) };
    let speed = |from: &Pose, to: &Pose, joint: usize| {
        let (from, to) = (against(from, joint), against(to, joint));
        FPS * (0..3).map(|a| (to[a] - from[a]).powi(2)).sum::<f32>().sqrt()
    };
    poses
        .iter()
        .zip(poses.iter().skip(1))
        .map(|(from, to)| WRISTS.map(|wrist| speed(from, to, wrist)).into_iter().fold(0.0, f32::max))
        .collect()
}

fn rms(values: &[f32]) -> f32 {
    (values.iter().map(|v| v * v).sum::<f32>() / values.len().max(1) as f32).sqrt()
}

fn clip_motions(pair: &RawPair) -> Result<[Features; MOTIONS]> {
    four_motions(pair, &ContactRule::default()).map_err(|error| of_clip(&pair.id, error))
}

fn of_clip(id: &str, error: Error) -> Error {
    Error::new(error.kind(), error.code(), format!("clip {id}: {error}")).with_source(error)
}

/// What is random about one access to a [`TextClips`] item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemDraws {
    /// Which caption of the clip.
    pub caption: usize,
    /// First frame of the crop, where the raw clip is longer than 300 frames; 0..length−300.
    pub crop_start: usize,
    /// Exchange the people before canonicalisation, so that person 2 defines the frame.
    pub exchange_before: bool,
    /// Exchange the finished motions.
    pub exchange_after: bool,
}

/// One item for the transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct TextItem {
    /// Name of the clip, `ID_swap` for the mirrored copy.
    pub name: String,
    /// One of its captions.
    pub caption: String,
    /// (300, 262) row-major each, normalised; rows from `length` on are zero.
    pub motions: [Vec<f32>; 2],
    /// Frames that hold motion, at most 299: the last raw frame only ends the last velocity.
    pub length: usize,
}

/// Clips with their captions and, for training, their mirrored copies.
#[derive(Clone, Debug)]
pub struct TextClips {
    pairs: Vec<RawPair>,
    entries: Vec<Entry>,
    stats: Stats,
    rule: ContactRule,
}

#[derive(Clone, Debug)]
struct Entry {
    pair: usize,
    mirrored: bool,
    captions: Vec<String>,
}

impl TextClips {
    /// Clips of a split of a folder; mirrored copies with captions mirrored by [`CaptionRule::Words`] where `mirrored`
    /// (upstream: for training only). `progress` is told clips done and clips in all.
    ///
    /// # Errors
    /// From the disk; `data_no_clips` when none is long enough.
    pub fn load(
        folder: &Folder,
        split: Split,
        stats: &Stats,
        mirrored: bool,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Self> {
        let mut clips = Self::new(stats.clone());
        let ids = folder.ids(split, Reader::Text)?;
        let mut known: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for (done, id) in ids.iter().enumerate() {
            match known.get(id.as_str()) {
                Some(Some(first)) => clips.repeat(*first, mirrored),
                Some(None) => {}
                None => {
                    let at = clips.entries.len();
                    let added =
                        clips.push(folder.pair(id)?, folder.captions(id)?, mirrored, CaptionRule::Words);
                    known.insert(id, added.then_some(at));
                }
            }
            progress(done + 1, ids.len());
        }
        if clips.is_empty() {
            let message = format!("no clip of the {} split has {MIN_FRAMES} frames or more", split.name());
            return Err(Error::invalid("data_no_clips", message));
        }
        Ok(clips)
    }

    /// An empty set.
    pub fn new(stats: Stats) -> Self {
        Self { pairs: Vec::new(), entries: Vec::new(), stats, rule: ContactRule::default() }
    }

    /// Add a clip and, where `mirrored`, its mirrored copy right after it; false when it is too short or has no caption.
    pub fn push(&mut self, pair: RawPair, captions: Vec<String>, mirrored: bool, rule: CaptionRule) -> bool {
        if pair.persons[0].frames() < MIN_FRAMES || captions.is_empty() {
            return false;
        }
        let index = self.pairs.len();
        self.pairs.push(pair);
        let swapped = captions.iter().map(|caption| mirror_caption(caption, rule)).collect();
        self.entries.push(Entry { pair: index, mirrored: false, captions });
        if mirrored {
            self.entries.push(Entry { pair: index, mirrored: true, captions: swapped });
        }
        true
    }

    fn repeat(&mut self, first: usize, mirrored: bool) {
        let count = if mirrored { 2 } else { 1 };
        self.entries.extend_from_within(first..first + count);
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Raw frames of an item.
    pub fn frames(&self, index: usize) -> Option<usize> {
        self.entries.get(index).map(|entry| self.pairs[entry.pair].persons[0].frames())
    }

    /// A digest that differs where the motion of an item does, to be gone on with by who wants to say more.
    pub fn digest(&self, index: usize) -> Option<Sha256> {
        let entry = self.entries.get(index)?;
        let mut digest = Sha256::new();
        digest.update([u8::from(entry.mirrored)]);
        for person in &self.pairs[entry.pair].persons {
            let positions = person.positions.iter().flatten().flatten();
            let numbers = positions.chain(person.rotations.iter().flatten().flatten());
            digest.update((person.frames() as u64).to_le_bytes());
            digest.update(numbers.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
        }
        Some(digest)
    }

    /// Captions of an item, as they are drawn from.
    pub fn captions(&self, index: usize) -> Option<&[String]> {
        self.entries.get(index).map(|entry| entry.captions.as_slice())
    }

    /// Turn four independent numbers in 0..1 into draws for an item: caption, crop, exchange before, exchange after.
    /// Upstream exchanges above one half.
    pub fn draws(&self, index: usize, uniform: [f64; 4]) -> Option<ItemDraws> {
        let entry = self.entries.get(index)?;
        let room = self.pairs[entry.pair].persons[0].frames().saturating_sub(MAX_FRAMES);
        Some(ItemDraws {
            caption: pick(uniform[0], entry.captions.len()),
            crop_start: pick(uniform[1], room),
            exchange_before: uniform[2] > 0.5,
            exchange_after: uniform[3] > 0.5,
        })
    }

    /// One item.
    ///
    /// # Errors
    /// `data_draw` where a draw lies outside the clip or the index outside the set; as [`canonicalise_pair`].
    pub fn item(&self, index: usize, draws: ItemDraws) -> Result<TextItem> {
        let outside = || Error::invalid("data_draw", format!("item {index} has no such caption or crop"));
        let entry = self.entries.get(index).ok_or_else(outside)?;
        let pair = &self.pairs[entry.pair];
        let caption = entry.captions.get(draws.caption).ok_or_else(outside)?;
        let frames = pair.persons[0].frames();
        let crop =
            if frames > MAX_FRAMES { draws.crop_start..draws.crop_start + MAX_FRAMES } else { 0..frames };

        let [mut first, mut second] = [
            pair.persons[0].slice(crop.clone()).ok_or_else(outside)?,
            pair.persons[1].slice(crop).ok_or_else(outside)?,
        ];
        if entry.mirrored {
            (first, second) = (mirror(&first), mirror(&second));
        }
        if draws.exchange_before {
            std::mem::swap(&mut first, &mut second);
        }
        let features = canonicalise_pair([&first, &second], &self.rule)
            .map_err(|error| of_clip(&pair.id, error))?
            .features;
        let length = features[0].frames();
        let mut motions = features.map(|features| {
            let mut rows = features.into_data();
            self.stats.normalise_in_place(&mut rows);
            rows.resize(MAX_FRAMES * FEATURES, 0.0);
            rows
        });
        if draws.exchange_after {
            motions.swap(0, 1);
        }
        let suffix = if entry.mirrored { "_swap" } else { "" };
        Ok(TextItem {
            name: format!("{}{suffix}", pair.id),
            caption: caption.trim().to_owned(),
            motions,
            length,
        })
    }
}

/// 0..count from a number in 0..1; 0 where there is nothing to choose.
fn pick(uniform: f64, count: usize) -> usize {
    ((uniform * count as f64) as usize).min(count.saturating_sub(1))
}
