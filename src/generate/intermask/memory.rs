//! What a package remembers, at work: the clip that a prompt is most like, as tokens that a generation starts from (the retrieval of
//! ReMoMask, spec §2.1, without training: what is found is not looked at by the network, it is part of the canvas).

use super::prompts::Standing;
use super::wording::Wordings;
use crate::error::{Error, Result};
use crate::generate::masked::Known;
use crate::generate::{Familiarity, Tokens};
use crate::models::vqvae::PARTS;
use crate::package::bytes::of_bytes;
use crate::package::weights::Tensors;
use crate::package::{Package, Part, memory as package};
use crate::rng::CounterRng;
use crate::text::clip::ClipText;
use crate::text::sentence::{cosine, unit, vectors};
use crate::text::tokenizer::{CONTEXT, Tokenizer, VOCABULARY};
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use std::ops::Range;

/// How much less well than the best of a scene a clip may fit the length asked for and still be drawn, as a share of that length.
const FITS_AS_WELL: f64 = 0.1;
/// What a frame too many weighs against one too few: what is cut off may be what was asked for, what is missing is drawn.
const TOO_LONG: f64 = 1.5;

/// Sentences that vote for what they tell of, and the nearness by which one is further off than the nearest that has a third of its vote
/// (weighted k nearest neighbours).
const VOTERS: usize = 20;
const FAR: f32 = 0.05;
/// What having all words in common adds to a sentence's cosine, and what adds that its scene is told in all words of the prompt somewhere. A vector of
/// "one waves, the other crosses the arms" is near those of people who wave with both arms. With neither, 75.4 % of clips of everyday prompts
/// pass, with the first 79.7, with both 82.2 (and 76.7 and 76.1 in other words; a first set of 41,756 sentences, ten voters, 0.1 each).
const SAME_WORDS: f32 = 0.15;
const COVERED: f32 = 0.15;
/// Exponent of how often a scene was seen for each of its sentences that is kept. What happens often is more likely meant, but few of its many
/// sentences are kept: at 1 each vote would count for all of them. The right scene is found for 68 and 65 % of everyday prompts (as worded and in
/// other words), for 66 and 64 % without, for 64 and 59 % by the nearest sentence alone. At 0.75 it is 70 and 66 %, but what happens often is
/// also longer, and more of it is cut off.
const USUAL: f32 = 0.25;

/// Remembered clips and the sentences that tell of them.
pub(super) struct Memory {
    about: package::Memory,
    reader: ClipText,
    /// What makes a sentence's vector of what the reader says: this less, along these columns.
    mean: Vec<f32>,
    axes: Vec<Vec<f32>>,
    /// Unit vectors of the sentences.
    keys: Vec<Vec<f32>>,
    /// What the sentences are, and which scene each tells of.
    tells: Vec<(String, usize)>,
    wordings: Wordings,
    clips: Vec<Tokens>,
    /// Clips of each scene.
    scenes: Vec<Range<usize>>,
    /// What a vote for each scene weighs.
    weights: Vec<f32>,
    device: Device,
}

/// What a prompt brings to mind: one of the things that happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Recalled(usize);

impl Memory {
    /// The memory of `package`, if it has one.
    pub(super) fn of(package: &Package, device: &Device) -> Result<Option<Self>> {
        let Some(about) = package.manifest().memory.clone() else { return Ok(None) };
        if about.reader.vocab != VOCABULARY || about.reader.context != CONTEXT {
            return Err(Error::corrupt(
                "package_memory",
                "the memory's reader reads other words than the tokenizer gives",
            ));
        }
        let weights = VarBuilder::from_tensors(of_bytes(package.tensors(Part::Reader)?)?, DType::F32, device);
        let reader = ClipText::new(&about.reader, weights)?;
        Self::new(about, reader, &package.tensors(Part::Memory)?, package.manifest().vq.codes, device)
            .map(Some)
    }

    /// From tensors of the shapes that `about` calls for.
    fn new(
        about: package::Memory,
        reader: ClipText,
        tensors: &Tensors,
        codes: usize,
        device: &Device,
    ) -> Result<Self> {
        let lengths = whole(tensors, "lengths", about.tokens)?;
        let [scene_clips, scene_sentences] = [
            whole(tensors, "scene_clips", about.clips)?,
            whole(tensors, "scene_sentences", about.sentences)?,
        ];
        let ids = whole(tensors, "ids", codes - 1)?;
        let fits = |counts: &[usize], of: usize| counts.iter().sum::<usize>() == of && !counts.contains(&0);
        if !fits(&lengths, about.tokens)
            || !fits(&scene_clips, about.clips)
            || !fits(&scene_sentences, about.sentences)
        {
            return Err(damaged("its counts do not add up"));
        }
        let cut = |(start, length): (usize, usize)| -> Option<Tokens> {
            let row = |row: usize| ids[row * about.tokens + start..][..length].iter().map(|id| *id as u32);
            Tokens::new((0..2 * PARTS).flat_map(row).collect())
        };
        let clips: Option<Vec<Tokens>> = ranges(&lengths).map(|at| cut((at.start, at.len()))).collect();
        let seen = whole(tensors, "scene_seen", usize::MAX >> 40)?;
        let weights =
            seen.iter().zip(&scene_sentences).map(|(&seen, &kept)| (seen as f32 / kept as f32).powf(USUAL));
        let weights = weights.collect();
        let letters = whole(tensors, "letters", about.letters)?;
        if !fits(&letters, about.letters) {
            return Err(damaged("its sentences do not fill its text"));
        }
        let text: Vec<u8> = whole(tensors, "text", 255)?.into_iter().map(|byte| byte as u8).collect();
        let text = ranges(&letters).map(|at| String::from_utf8(text[at].to_vec()));
        let text = text
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|_| damaged("it holds bytes that are no text"))?;
        let tells = scene_sentences.iter().enumerate().flat_map(|(scene, &n)| std::iter::repeat_n(scene, n));
        let centred = tensor(tensors, "keys")?.to_vec2::<f32>()?.into_iter();
        let tells: Vec<(String, usize)> = text.into_iter().zip(tells).collect();
        let told = tells.iter().map(|(text, scene)| (text.as_str(), *scene));
        Ok(Self {
            mean: tensor(tensors, "mean")?.to_vec1()?,
            axes: tensor(tensors, "axes")?.t()?.to_vec2()?,
            keys: centred.map(|row| unit(&row.into_iter().map(|v| v - 128.0).collect::<Vec<_>>())).collect(),
            wordings: Wordings::of(told, about.scenes),
            tells,
            clips: clips.ok_or_else(|| damaged("it holds a clip without tokens"))?,
            scenes: ranges(&scene_clips).collect(),
            weights,
            about,
            reader,
            device: device.clone(),
        })
    }

    /// What `prompt` is most like, and what it brings to mind if it is near enough to anything.
    pub(super) fn recall(&self, prompt: &str, tokenizer: &Tokenizer) -> Result<Standing> {
        let said = vectors(tokenizer, &self.reader, &[prompt], &self.device)?.into_iter().next();
        let Some(key) = said.map(|said| self.key(&said)) else { return Ok(Standing::default()) };
        let cosines: Vec<f32> = self.keys.iter().map(|other| cosine(&key, other)).collect();
        let words = self.wordings.likeness(prompt);
        let covered = self.wordings.coverage(prompt);
        let mut near: Vec<(usize, f32)> = cosines
            .iter()
            .zip(&words)
            .zip(&self.tells)
            .map(|((cosine, words), (_, scene))| cosine + SAME_WORDS * words + COVERED * covered[*scene])
            .enumerate()
            .collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1));
        near.truncate(VOTERS);
        let Some(&(nearest, most)) = near.first() else { return Ok(Standing::default()) };
        let similarity = cosines.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut votes: Vec<(usize, f32)> = Vec::new();
        for (sentence, other) in &near {
            let scene = self.tells[*sentence].1;
            let vote = self.weights[scene] * ((other - most) / FAR).exp();
            match votes.iter_mut().find(|(other, _)| *other == scene) {
                Some((_, votes)) => *votes += vote,
                None => votes.push((scene, vote)),
            }
        }
        // The first of equals, which the nearest sentence tells of.
        let best = votes.into_iter().reduce(|best, other| if other.1 > best.1 { other } else { best });
        let scene = best.map_or(self.tells[nearest].1, |(scene, _)| scene);
        // The sentence that is shown tells of what is brought to mind.
        let told = near.iter().find(|(at, _)| self.tells[*at].1 == scene).map_or(nearest, |(at, _)| *at);
        let is_near = f64::from(similarity) >= self.about.near;
        Ok(Standing {
            familiarity: Some(Familiarity { near: is_near, similarity, nearest: self.tells[told].0.clone() }),
            recalled: is_near.then_some(Recalled(scene)),
        })
    }

    /// The unit vector of a sentence of which the reader says this.
    fn key(&self, said: &[f32]) -> Vec<f32> {
        let centred: Vec<f32> = said.iter().zip(&self.mean).map(|(said, mean)| said - mean).collect();
        unit(&self.axes.iter().map(|axis| cosine(axis, &centred)).collect::<Vec<_>>())
    }

    /// What is known of a clip of `length` token frames before the model draws the rest: `share` of the tokens of a clip of the scene,
    /// both drawn from `seed`.
    pub(super) fn start(&self, recalled: Recalled, length: usize, share: f64, seed: u64) -> Known {
        let rng = CounterRng::new(seed, "memory");
        let scene = self.scenes[recalled.0].clone();
        let misfit = |clip: usize| {
            let off = self.clips[clip].length() as f64 - length as f64;
            (if off > 0.0 { TOO_LONG * off } else { -off }) / length as f64
        };
        let best = scene.clone().map(misfit).fold(f64::INFINITY, f64::min);
        let fitting: Vec<usize> = scene.filter(|&clip| misfit(clip) <= best + FITS_AS_WELL).collect();
        let clip = &self.clips[fitting[rng.below_at(0, fitting.len() as u64) as usize]];
        let stays = rng.fork("stays");
        let own = clip.length();
        let place = |at: usize| {
            let (row, time) = (at / length, at % length);
            let id = clip.ids()[row * own..][..own].get(time)?;
            (f64::from(stays.uniform_at(at as u64)) < share).then_some(*id)
        };
        (0..2 * PARTS * length).map(place).collect()
    }

    /// Share of tokens that stay where a request does not say.
    pub(super) fn usual_share(&self) -> f64 {
        self.about.share
    }
}

fn damaged(what: &str) -> Error {
    Error::corrupt(
        "package_memory",
        format!("the memory is damaged: {what}; fetch or import the model again"),
    )
}

fn tensor<'t>(tensors: &'t Tensors, name: &str) -> Result<&'t candle_core::Tensor> {
    tensors.get(name).ok_or_else(|| damaged(&format!("it has no {name}")))
}

/// Whole numbers from 0 to `most`, stored as floats.
fn whole(tensors: &Tensors, name: &str, most: usize) -> Result<Vec<usize>> {
    let values = tensor(tensors, name)?.flatten_all()?.to_vec1::<f32>()?;
    let whole =
        |value: f32| (value.fract() == 0.0 && (0.0..=most as f32).contains(&value)).then_some(value as usize);
    let values: Option<Vec<usize>> = values.into_iter().map(whole).collect();
    values.ok_or_else(|| damaged(&format!("{name} holds what is no number of its kind")))
}

/// Ranges of these lengths, one after the other.
fn ranges(lengths: &[usize]) -> impl Iterator<Item = Range<usize>> + '_ {
    lengths.iter().scan(0, |end, length| {
        let start = *end;
        *end += length;
        Some(start..*end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::config::ClipTextConfig;
    use crate::nn::params::Params;
    use crate::text::sentence;
    use candle_core::Tensor;

    const SENTENCES: [&str; 3] = ["two people hug", "they embrace", "one kicks the other"];

    fn about(reader: ClipTextConfig) -> package::Memory {
        package::Memory {
            share: 0.7,
            near: 0.9,
            scenes: 2,
            clips: 3,
            tokens: 17,
            sentences: 3,
            key: 16,
            letters: 45,
            reader,
        }
    }

    /// Two clips of a hug (4 and 5 token frames), one of a kick (8); ids say clip and place.
    fn tensors(reader: &ClipText) -> Tensors {
        let keys = sentence::vectors(&Tokenizer::clip(), reader, &SENTENCES, &Device::Cpu).unwrap();
        let bytes = keys.concat().into_iter().map(|v| (128.0 + 127.0 * v).round()).collect::<Vec<f32>>();
        let text: Vec<f32> = SENTENCES.concat().bytes().map(f32::from).collect();
        let letters = SENTENCES.map(|sentence| sentence.len() as f32);
        let floats = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let row = |row: usize| (0..17).map(move |t| ((row * 17 + t) % 100) as f32);
        let ids: Vec<f32> = (0..10).flat_map(row).collect();
        Tensors::from([
            ("ids".to_owned(), Tensor::from_vec(ids, (10, 17), &Device::Cpu).unwrap()),
            ("lengths".to_owned(), floats(&[4.0, 5.0, 8.0])),
            ("scene_clips".to_owned(), floats(&[2.0, 1.0])),
            ("scene_seen".to_owned(), floats(&[2.0, 1.0])),
            ("scene_sentences".to_owned(), floats(&[2.0, 1.0])),
            ("mean".to_owned(), floats(&[0.0; 16])),
            ("axes".to_owned(), Tensor::eye(16, candle_core::DType::F32, &Device::Cpu).unwrap()),
            ("letters".to_owned(), floats(&letters)),
            ("text".to_owned(), floats(&text)),
            ("keys".to_owned(), Tensor::from_vec(bytes, (3, 16), &Device::Cpu).unwrap()),
        ])
    }

    fn reader() -> (ClipText, ClipTextConfig) {
        let config = ClipTextConfig { width: 16, heads: 2, layers: 1, vocab: VOCABULARY, context: CONTEXT };
        (ClipText::new(&config, Params::new(1, &Device::Cpu).builder()).unwrap(), config)
    }

    fn memory() -> Memory {
        let (reader, config) = reader();
        let tensors = tensors(&reader);
        Memory::new(about(config), reader, &tensors, 100, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_sentence_brings_its_scene_to_mind_and_a_stranger_nothing() {
        let mut memory = memory();
        let tokenizer = Tokenizer::clip();
        for (sentence, scene) in SENTENCES.iter().zip([0, 0, 1]) {
            let standing = memory.recall(sentence, &tokenizer).unwrap();
            assert_eq!(standing.recalled, Some(Recalled(scene)), "{sentence}");
            let familiarity = standing.familiarity.unwrap();
            assert!(familiarity.near && familiarity.similarity > 0.99);
            assert_eq!(memory.tells.iter().find(|(told, _)| *told == familiarity.nearest).unwrap().1, scene);
        }
        memory.about.near = 1.0;
        let standing = memory.recall("a spaceship lands", &tokenizer).unwrap();
        assert_eq!(standing.recalled, None);
        assert!(!standing.familiarity.unwrap().near, "which is said");
    }

    #[test]
    fn what_happens_often_is_meant_rather_than_what_is_told_a_little_more_alike() {
        let mut memory = memory();
        let tokenizer = Tokenizer::clip();
        let scene = |memory: &Memory| memory.recall("two people hug", &tokenizer).unwrap().recalled.unwrap();
        memory.weights = vec![1.0, 1.0];
        assert_eq!(scene(&memory), Recalled(0));
        memory.weights = vec![1.0, 1e30];
        assert_eq!(scene(&memory), Recalled(1));
    }

    #[test]
    fn a_share_of_the_clip_that_fits_stays_in_its_place() {
        let memory = memory();
        let hug = Recalled(0);
        // All of it: of the two hugs the second is as long as asked for.
        let all = memory.start(hug, 5, 1.0, 3);
        let expected: Vec<Option<u32>> =
            (0..10).flat_map(|row| (4..9).map(move |t| Some((row * 17 + t) as u32 % 100))).collect();
        assert_eq!(all, expected);
        // None, and about half; another seed keeps other tokens, the same seed the same.
        assert!(memory.start(hug, 5, 0.0, 3).iter().all(Option::is_none));
        let half = memory.start(hug, 5, 0.5, 3);
        let kept = half.iter().flatten().count();
        assert!((15..=35).contains(&kept), "{kept} of 50");
        assert!(half.iter().zip(&expected).all(|(half, all)| half.is_none() || half == all));
        assert_eq!(half, memory.start(hug, 5, 0.5, 3));
        assert_ne!(half, memory.start(hug, 5, 0.5, 4));
        // Longer than anything remembered: the end is open. Shorter: the end is left out.
        let long = memory.start(hug, 20, 1.0, 3);
        assert_eq!(long.len(), 200);
        assert!(
            long.chunks(20)
                .all(|row| row[..4].iter().all(Option::is_some) && row[5..].iter().all(Option::is_none))
        );
        assert!(memory.start(hug, 3, 1.0, 3).iter().all(Option::is_some));
    }

    #[test]
    fn seeds_draw_among_clips_that_fit_as_well() {
        let memory = memory();
        let hug = Recalled(0);
        // 4 and 5 of 20 token frames are nearly as far off.
        let first: std::collections::BTreeSet<Option<u32>> =
            (0..20).map(|seed| memory.start(hug, 20, 1.0, seed)[0]).collect();
        assert_eq!(first.len(), 2);
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let refused = |name: &str, values: &[f32]| {
            let (reader, config) = reader();
            let mut tensors = tensors(&reader);
            tensors.insert(name.to_owned(), Tensor::new(values, &Device::Cpu).unwrap());
            let error = Memory::new(about(config), reader, &tensors, 100, &Device::Cpu).err().unwrap();
            assert_eq!(error.code(), "package_memory", "{name}");
        };
        refused("lengths", &[4.0, 5.0, 7.0]);
        refused("lengths", &[4.0, 13.0, 0.0]);
        refused("lengths", &[4.5, 4.5, 8.0]);
        refused("scene_clips", &[3.0, 0.0]);
        refused("scene_seen", &[0.5, 1.0]);
        refused("scene_sentences", &[-1.0, 4.0]);
        refused("ids", &[100.0; 170]);
        refused("letters", &[14.0, 12.0, 18.0]);
        refused("text", &[255.0; 45]);
    }
}
