//! What a model remembers: of each thing that happens in a composed folder, the clips that come back best from the codes, and sentences that
//! tell of it.

use super::checkpoint::{Checkpoint, Kind, Meta};
use super::run_folder::RunFolder;
use super::teach::pca::Components;
use super::teach::teach_loop;
use crate::data::folder::Reader;
use crate::data::{Folder, Split};
use crate::error::{Error, Result};
use crate::generate::{MAX_FRAMES, Tokens};
use crate::models::config::ClipTextConfig;
use crate::models::vqvae::{GraphMode, PARTS, TIME_STRIDE, VqVae};
use crate::motion::canonical::canonicalise_pair;
use crate::motion::contact::ContactRule;
use crate::motion::export::going_on;
use crate::motion::rigid::stiffen;
use crate::motion::vector::{norm, sub, widen};
use crate::motion::{FEATURES, Features, Pose, Stats};
use crate::package::memory::Memory;
use crate::package::weights::Tensors;
use crate::text::clip::ClipText;
use crate::text::sentence;
use crate::text::tokenizer::Tokenizer;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Joints whose places say whether a clip came back: pelvis, ankles, head, wrists.
const TELLING: [usize; 6] = [0, 7, 8, 15, 20, 21];
/// What a distance between two of them weighs that is off by as much as a place is: this where they touch, half of it where they are
/// [`REACH`] metres apart, little where they are far apart.
const TOUCH: f64 = 2.0;
const REACH: f64 = 0.15;

/// What to gather.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gathering {
    /// Run folder of a memory whose clips and sentences are taken over; the rest but `text` then does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Composed training folders.
    pub data: Vec<PathBuf>,
    /// Run folder or model whose VQ-VAE makes the tokens.
    pub vq: String,
    /// Run folder of the text tower that reads.
    pub text: PathBuf,
    /// Clips of a scene that are encoded and decoded.
    pub tried: usize,
    /// Clips of a scene that are kept.
    pub kept: usize,
    /// Most sentences of a scene that are kept; two and two more a clip where it has few clips.
    pub told: usize,
}

/// A clip as it is remembered.
struct Remembered {
    /// See [`error`].
    error: f64,
    tokens: Tokens,
}

/// One thing that happens.
struct Scene {
    /// Clips of the folders in which it happens.
    seen: usize,
    clips: Vec<Remembered>,
    sentences: Vec<String>,
}

/// A memory, ready to be packed.
pub struct Gathered {
    /// The tensors of [`crate::package::expected::memory`].
    pub tensors: Tensors,
    /// Their sizes, with the usual share and nearness.
    pub sizes: Memory,
    /// Mean of [`error`] over the clips kept, centimetres; `None` where they were kept before.
    pub error_cm: Option<f64>,
}

/// Numbers of a sentence's vector, where the reader gives more: with 96 of 192 as many sentences are found as with all.
const KEY: usize = 96;
/// Share of a remembered clip's tokens that stay unless the package says otherwise.
pub const SHARE: f64 = 0.7;
/// Cosine from which on a sentence counts as near unless the package says otherwise.
pub const NEAR: f64 = 0.7;

/// Encode, decode, choose. `told` hears how many scenes are done and how many there are.
///
/// # Errors
/// `no_training_data` where no folder says what happens in its clips; from the folders, the VQ-VAE and the tower.
pub fn gather(
    how: &Gathering,
    vq: &VqVae,
    stats: &Stats,
    told: &(dyn Fn(usize, usize) + Sync),
) -> Result<Gathered> {
    let mut scenes: BTreeMap<String, Vec<(Folder, String)>> = BTreeMap::new();
    for root in &how.data {
        let folder = Folder::open(root)?;
        let ids: BTreeSet<String> = folder.ids(Split::Train, Reader::Text)?.into_iter().collect();
        for id in ids {
            if let Some(meaning) = folder.meaning(&id)? {
                scenes.entry(meaning).or_default().push((folder.clone(), id));
            }
        }
    }
    if scenes.is_empty() {
        let message = "no folder says what happens in its clips; make one with `duet data compose`";
        return Err(Error::invalid("no_training_data", message));
    }
    let heard = heard(&scenes)?;
    let (all, done) = (scenes.len(), std::sync::atomic::AtomicUsize::new(0));
    let scenes = scenes
        .into_par_iter()
        .map(|(meaning, clips)| {
            let sentences = heard.get(&meaning).map_or(&[][..], Vec::as_slice);
            let scene = scene(how, vq, stats, &clips, sentences);
            told(1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed), all);
            scene
        })
        .collect::<Result<Vec<_>>>()?;
    // What is told of others alone, or is too long or too short for a request, is no scene of ours.
    let scenes: Vec<Scene> =
        scenes.into_iter().filter(|scene| !scene.clips.is_empty() && !scene.sentences.is_empty()).collect();
    let (tower, config) = reader(&RunFolder::at(&how.text))?;
    let sentences: Vec<&str> =
        scenes.iter().flat_map(|scene| scene.sentences.iter().map(String::as_str)).collect();
    let keys = sentence::vectors(&Tokenizer::clip(), &tower, &sentences, &Device::Cpu)?;
    gathered(&scenes, keys, config)
}

/// Sentences by the scene of which they are told most often: what is told of scenes of several kinds means the usual one.
fn heard(scenes: &BTreeMap<String, Vec<(Folder, String)>>) -> Result<BTreeMap<String, Vec<String>>> {
    let captions =
        |(meaning, clips): (&String, &Vec<(Folder, String)>)| -> Result<Vec<(String, String, String)>> {
            let mut all = Vec::new();
            for (folder, id) in clips {
                let captions = folder.captions(id)?;
                let bare = |caption: &String| caption.trim_end_matches('.').to_lowercase();
                all.extend(captions.into_iter().map(|caption| (bare(&caption), meaning.clone(), caption)));
            }
            Ok(all)
        };
    let told = scenes.par_iter().map(captions).collect::<Result<Vec<_>>>()?;
    let mut counts: BTreeMap<String, BTreeMap<String, (usize, String)>> = BTreeMap::new();
    for (bare, meaning, caption) in told.into_iter().flatten() {
        counts.entry(bare).or_default().entry(meaning).or_insert((0, caption)).0 += 1;
    }
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for scenes in counts.into_values() {
        if let Some((meaning, (_, caption))) = scenes.into_iter().max_by_key(|(_, (count, _))| *count) {
            heard.entry(meaning).or_default().push(caption);
        }
    }
    Ok(heard)
}

/// The finished tower of a text run.
fn reader(run: &RunFolder) -> Result<(ClipText, ClipTextConfig)> {
    let (config, tensors) = teach_loop::finished(run)?;
    Ok((ClipText::new(&config, VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?, config))
}

/// The clips of a scene that come back best, long ones and short ones, and some of its sentences.
fn scene(
    how: &Gathering,
    vq: &VqVae,
    stats: &Stats,
    clips: &[(Folder, String)],
    sentences: &[String],
) -> Result<Scene> {
    let mut tried = Vec::new();
    for (folder, id) in spread(clips, how.tried) {
        tried.extend(remember(vq, stats, folder, id)?);
    }
    tried.sort_by_key(|clip| clip.tokens.length());
    let (all, groups) = (tried.len(), how.kept.min(tried.len()));
    let mut rest = tried.into_iter();
    let best = |group: usize| {
        let size = (group + 1) * all / groups - group * all / groups;
        rest.by_ref().take(size).min_by(|a, b| a.error.total_cmp(&b.error))
    };
    let remembered: Vec<Remembered> = (0..groups).filter_map(best).collect();
    let told = how.told.min(2 + 2 * clips.len());
    Ok(Scene {
        seen: clips.len(),
        clips: remembered,
        sentences: spread(sentences, told).into_iter().cloned().collect(),
    })
}

/// A clip through the VQ-VAE; `None` for one that no request is as long as.
fn remember(vq: &VqVae, stats: &Stats, folder: &Folder, id: &str) -> Result<Option<Remembered>> {
    let pair = folder.pair(id)?;
    let [first, second] = &pair.persons;
    let real = canonicalise_pair([first, second], &ContactRule::default())?.features;
    let frames = real[0].frames() / TIME_STRIDE * TIME_STRIDE;
    if frames == 0 || frames > MAX_FRAMES {
        return Ok(None);
    }
    let rows = |person: &Features| stats.normalise(person).data()[..frames * FEATURES].to_vec();
    let motion = Tensor::from_vec(
        real.iter().flat_map(rows).collect::<Vec<_>>(),
        (2, frames, FEATURES),
        &Device::Cpu,
    )?;
    let ids = vq.encode(&motion, GraphMode::PerClip)?;
    let made = vq.decode(&ids, GraphMode::PerClip)?;
    let features = |person: usize| -> Result<Features> {
        Ok(stats.denormalise(&Features::new(made.get(person)?.flatten_all()?.to_vec1()?)?))
    };
    let [first, second] = [features(0)?, features(1)?];
    // As a generation is shown.
    let (plain, fixed) = stiffen(&going_on([&first, &second]), true)?;
    let made = fixed.unwrap_or(plain).persons.map(|person| person.positions);
    let real = real.map(|person| person.positions()[..frames].to_vec());
    let ids = ids.to_dtype(DType::U32)?.flatten_all()?.to_vec1()?;
    let tokens = Tokens::new(ids).ok_or_else(|| Error::internal("model_failure", "a clip gave no tokens"))?;
    Ok(Some(Remembered { error: error(&real, &made), tokens }))
}

/// How badly a pair came back, metres: the root mean square over frames of how far telling joints are off on average, and of how far the
/// distances between them are, of which those weigh that say who touches what.
fn error(real: &[Vec<Pose>; 2], made: &[Vec<Pose>; 2]) -> f64 {
    let frames = real[0].len().min(made[0].len());
    let joints: Vec<(usize, usize)> =
        (0..2).flat_map(|person| TELLING.map(|joint| (person, joint))).collect();
    let frame = |t: usize| -> f64 {
        let at = |of: &[Vec<Pose>; 2], (person, joint): (usize, usize)| widen(of[person][t][joint]);
        let off = joints.iter().map(|&joint| norm(sub(at(real, joint), at(made, joint)))).sum::<f64>();
        let mut between = 0.0;
        for (n, &a) in joints.iter().enumerate() {
            for &b in &joints[..n] {
                let apart = norm(sub(at(real, a), at(real, b)));
                let now = norm(sub(at(made, a), at(made, b)));
                between += TOUCH * (apart - now).abs() / (1.0 + apart / REACH);
            }
        }
        (off + between) / joints.len() as f64
    };
    ((0..frames).map(|t| frame(t).powi(2)).sum::<f64>() / frames.max(1) as f64).sqrt()
}

/// At most `most` of a list, evenly spread over it.
fn spread<T>(list: &[T], most: usize) -> Vec<&T> {
    let taken = most.min(list.len());
    (0..taken).map(|n| &list[n * list.len() / taken]).collect()
}

/// Scenes as tensors.
fn gathered(scenes: &[Scene], keys: Vec<Vec<f32>>, reader: ClipTextConfig) -> Result<Gathered> {
    let clips: Vec<&Remembered> = scenes.iter().flat_map(|scene| &scene.clips).collect();
    let lengths: Vec<usize> = clips.iter().map(|clip| clip.tokens.length()).collect();
    let (tokens, sentences) = (lengths.iter().sum::<usize>(), keys.len());
    let mut ids = Vec::with_capacity(2 * PARTS * tokens);
    for row in 0..2 * PARTS {
        for (clip, &length) in clips.iter().zip(&lengths) {
            ids.extend(clip.tokens.ids()[row * length..][..length].iter().map(|id| *id as f32));
        }
    }
    let floats = |counts: Vec<usize>| -> Result<Tensor> {
        let count = counts.len();
        Ok(Tensor::from_vec(counts.into_iter().map(|n| n as f32).collect::<Vec<_>>(), count, &Device::Cpu)?)
    };
    let keyed = keyed(&keys, reader.width)?;
    let told = || scenes.iter().flat_map(|scene| &scene.sentences);
    let text: Vec<f32> = told().flat_map(|sentence| sentence.bytes()).map(f32::from).collect();
    let letters = text.len();
    let mut tensors = Tensors::from([
        ("ids".to_owned(), Tensor::from_vec(ids, (2 * PARTS, tokens), &Device::Cpu)?),
        ("lengths".to_owned(), floats(lengths)?),
        ("scene_clips".to_owned(), floats(scenes.iter().map(|scene| scene.clips.len()).collect())?),
        ("scene_seen".to_owned(), floats(scenes.iter().map(|scene| scene.seen).collect())?),
        ("scene_sentences".to_owned(), floats(scenes.iter().map(|scene| scene.sentences.len()).collect())?),
        ("letters".to_owned(), floats(told().map(String::len).collect())?),
        ("text".to_owned(), Tensor::from_vec(text, letters, &Device::Cpu)?),
    ]);
    tensors.extend(keyed);
    let error = clips.iter().map(|clip| clip.error).sum::<f64>() / clips.len().max(1) as f64;
    let sizes = Memory {
        share: SHARE,
        near: NEAR,
        scenes: scenes.len(),
        clips: clips.len(),
        tokens,
        sentences,
        key: KEY.min(reader.width),
        letters,
        reader,
    };
    Ok(Gathered { tensors, sizes, error_cm: Some(100.0 * error) })
}

/// The tensors of vectors (sentences, width): their principal components in a byte each, the largest number of all as 255 or 1, and how they
/// are made.
fn keyed(keys: &[Vec<f32>], width: usize) -> Result<Tensors> {
    let keys = Tensor::from_vec(keys.concat(), (keys.len(), width), &Device::Cpu)?;
    let components = Components::of(&keys, KEY.min(width))?;
    let reduced = components.reduce(&keys)?;
    let most = reduced.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?.max(f32::MIN_POSITIVE);
    let (mean, axes) = components.map();
    Ok(Tensors::from([
        ("keys".to_owned(), reduced.affine(127.0 / f64::from(most), 128.0)?.round()?),
        ("mean".to_owned(), mean.clone()),
        ("axes".to_owned(), axes.clone()),
    ]))
}

/// A memory that [`save`] kept, read by the tower of another run.
///
/// # Errors
/// From the run folders.
pub fn read_by(from: &RunFolder, text: &RunFolder) -> Result<Gathered> {
    let (sizes, mut tensors, _) = load(from)?;
    let damaged =
        || Error::corrupt("package_memory", "the sentences of the memory cannot be read; gather it again");
    let whole = |name: &str| -> Result<Vec<f32>> { Ok(tensors.get(name).ok_or_else(damaged)?.to_vec1()?) };
    let bytes: Vec<u8> = whole("text")?.into_iter().map(|byte| byte as u8).collect();
    let mut rest = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
    let mut sentences = Vec::with_capacity(sizes.sentences);
    for letters in whole("letters")? {
        let (sentence, after) = rest.split_at_checked(letters as usize).ok_or_else(damaged)?;
        sentences.push(sentence);
        rest = after;
    }
    let (tower, reader) = reader(text)?;
    let keys = sentence::vectors(&Tokenizer::clip(), &tower, &sentences, &Device::Cpu)?;
    tensors.extend(keyed(&keys, reader.width)?);
    Ok(Gathered { tensors, sizes: Memory { key: KEY.min(reader.width), reader, ..sizes }, error_cm: None })
}

/// Keep a memory, and the tower that reads for it, in a run folder.
///
/// # Errors
/// From the disk.
pub fn save(gathered: &Gathered, how: &Gathering, run: &RunFolder) -> Result<()> {
    let sizes = super::config::to_toml(&gathered.sizes)?;
    let tensors: Vec<(String, Tensor)> =
        gathered.tensors.iter().map(|(name, tensor)| (format!("model.{name}"), tensor.clone())).collect();
    let tower = Checkpoint::load(&RunFolder::at(&how.text).tower(), Kind::Text)?;
    let named: Vec<(String, Tensor)> = tower.tensors.into_iter().collect();
    Checkpoint::save(&run.tower(), &tower.meta, &named)?;
    Checkpoint::save(&run.latest(), &Meta::new(Kind::Memory, 0, None, sizes), &tensors)
}

/// A memory that [`save`] kept: its sizes, its tensors and those of its reader.
///
/// # Errors
/// From the disk.
pub fn load(run: &RunFolder) -> Result<(Memory, Tensors, Tensors)> {
    let memory = run.load_latest(Kind::Memory)?;
    let (_, tower) = teach_loop::finished(run)?;
    Ok((super::config::from_toml(&memory.meta.config)?, memory.model(), tower))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::build::{Build, NewClip};
    use crate::models::config::{Activation, MotionLayout, Places, VqConfig};
    use crate::motion::RawPerson;
    use crate::motion::kinematics::tests::walk;
    use crate::nn::params::Params;
    use crate::package::expected;
    use crate::text::tokenizer::{CONTEXT, VOCABULARY};

    fn vq() -> (VqVae, Stats) {
        let config = VqConfig {
            layout: MotionLayout::InterHuman,
            width: 8,
            code_dim: 8,
            codes: 32,
            depth: 2,
            dilation_growth: 3,
            activation: Activation::Relu,
            places: Places::World,
        };
        let vq = VqVae::new(&config, Params::new(3, &Device::Cpu).builder()).unwrap();
        (vq, Stats::new(vec![0.0; FEATURES], vec![1.0; FEATURES]).unwrap())
    }

    /// Walks of these lengths, all the same thing that happens; the last one is another.
    fn folder(root: &std::path::Path, frames: &[usize]) -> Folder {
        let out = root.join("data");
        let mut build = Build::begin(&out, false).unwrap();
        let count = frames.len();
        for (n, &frames) in frames.iter().enumerate() {
            let person = RawPerson::from_y_up(&walk(frames));
            let captions = ["They walk.".to_owned(), "they walk".to_owned(), format!("walk number {n}")];
            build
                .clip(&NewClip {
                    id: &format!("walk-{n}"),
                    split: Split::Train,
                    persons: &[person.clone(), person],
                    captions: &captions,
                    alone: [&[], &[]],
                    meaning: if n + 1 < count { "walk / a" } else { "walk / b" },
                    text_only: false,
                    copies: 1,
                })
                .unwrap();
        }
        build.finish().unwrap();
        build.publish("nobody", &BTreeMap::<String, usize>::new(), &out).unwrap();
        Folder::open(&out).unwrap()
    }

    #[test]
    fn the_best_clips_of_a_scene_and_its_sentences_become_what_a_package_holds() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path(), &[70, 81, 66, 90]);
        let (vq, stats) = vq();
        let how = Gathering {
            from: None,
            data: Vec::new(),
            vq: String::new(),
            text: PathBuf::new(),
            tried: 3,
            kept: 2,
            told: 3,
        };
        let clips = |ids: &[usize]| -> Vec<(Folder, String)> {
            ids.iter().map(|n| (folder.clone(), format!("walk-{n}"))).collect()
        };
        let all = BTreeMap::from([("a".to_owned(), clips(&[0, 1, 2])), ("b".to_owned(), clips(&[3]))]);
        let heard = heard(&all).unwrap();
        // "They walk" is told of both, and of the first more often.
        assert_eq!(heard["b"], ["walk number 3"]);
        assert_eq!(heard["a"].len(), 4);
        let scenes = ["a", "b"].map(|name| scene(&how, &vq, &stats, &all[name], &heard[name]).unwrap());
        assert_eq!(scenes.each_ref().map(|scene| scene.clips.len()), [2, 1]);
        assert_eq!(scenes.each_ref().map(|scene| scene.sentences.len()), [3, 1]);
        let every = Gathering { kept: 3, ..how.clone() };
        let every = scene(&every, &vq, &stats, &all["a"], &[]).unwrap().clips;
        let [short, middle, long] = every.try_into().ok().unwrap();
        assert!(
            short.tokens.length() < middle.tokens.length() && middle.tokens.length() < long.tokens.length()
        );
        // One of the shortest, and the better of the two others.
        assert_eq!(scenes[0].clips[0].tokens, short.tokens);
        let better = if middle.error <= long.error { middle } else { long };
        assert_eq!(scenes[0].clips[1].tokens, better.tokens);

        let reader = ClipTextConfig { width: 4, heads: 1, layers: 1, vocab: VOCABULARY, context: CONTEXT };
        let made =
            gathered(&scenes, (0..4).map(|n| (0..4).map(|i| (n * i) as f32).collect()).collect(), reader)
                .unwrap();
        let keys = made.tensors["keys"].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(keys.iter().all(|v| v.fract() == 0.0 && (1.0..=255.0).contains(v)), "{keys:?}");
        assert!(keys.iter().any(|v| [1.0, 255.0].contains(v)));
        let lengths: Vec<f32> = made.tensors["lengths"].to_vec1().unwrap();
        assert_eq!(made.sizes.tokens as f32, lengths.iter().sum::<f32>());
        for (name, shape) in expected::memory(&made.sizes).required {
            assert_eq!(made.tensors[&name].dims(), shape, "{name}");
        }
        // The first row is the first part of the first person of one clip after the other.
        let first = scenes[0].clips[0].tokens.ids()[0];
        assert_eq!(made.tensors["ids"].get(0).unwrap().to_vec1::<f32>().unwrap()[0], first as f32);
        let last = scenes[1].clips[0].tokens.ids().last().copied().unwrap();
        assert_eq!(made.tensors["ids"].get(9).unwrap().to_vec1::<f32>().unwrap().pop(), Some(last as f32));
    }

    #[test]
    fn what_is_kept_in_a_run_folder_comes_back_and_can_be_read_by_its_tower_again() {
        let root = tempfile::tempdir().unwrap();
        let data = folder(root.path(), &[70, 81, 66, 90]);
        let (vq, stats) = vq();
        let tower = ClipTextConfig { width: 8, heads: 2, layers: 1, vocab: VOCABULARY, context: CONTEXT };
        let params = Params::new(5, &Device::Cpu);
        ClipText::new(&tower, params.builder()).unwrap();
        let mut config: crate::train::config::TextTrainConfig =
            crate::train::config::from_toml(include_str!("../../docs/training/duet-mini/text-3.toml"))
                .unwrap();
        config.tower = tower.clone();
        let config = crate::train::config::to_toml(&config).unwrap();
        let text = RunFolder::create(&root.path().join("text"), &config).unwrap();
        let tensors = crate::train::checkpoint::model_tensors(&params.vars());
        Checkpoint::save(&text.tower(), &Meta::new(Kind::Text, 1, None, config), &tensors).unwrap();

        let how = Gathering {
            from: None,
            data: vec![root.path().join("data")],
            vq: String::new(),
            text: text.path().to_owned(),
            tried: 3,
            kept: 2,
            told: 9,
        };
        let heard = std::sync::atomic::AtomicUsize::new(0);
        let made = gather(&how, &vq, &stats, &|_, all| {
            assert_eq!(all, 2);
            heard.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        })
        .unwrap();
        assert_eq!((heard.into_inner(), made.sizes.scenes, made.sizes.clips), (2, 2, 3));
        assert_eq!(made.tensors["scene_seen"].to_vec1::<f32>().unwrap(), [3.0, 1.0]);
        let run = RunFolder::create(&root.path().join("memory"), "").unwrap();
        save(&made, &how, &run).unwrap();
        let (sizes, tensors, reader) = load(&run).unwrap();
        assert_eq!((&sizes, reader.len()), (&made.sizes, params.vars().len()));
        let again = read_by(&run, &text).unwrap();
        assert_eq!(again.sizes, made.sizes);
        for (name, tensor) in &made.tensors {
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values(&tensors[name]), values(tensor), "{name}");
            assert_eq!(values(&again.tensors[name]), values(tensor), "{name}");
        }
        let untold = Folder::open(&root.path().join("data")).unwrap();
        std::fs::remove_dir_all(root.path().join("data/meanings")).unwrap();
        assert_eq!(untold.meaning("walk-0").unwrap(), None);
        assert_eq!(gather(&how, &vq, &stats, &|_, _| ()).err().unwrap().code(), "no_training_data");
        assert_eq!(data.ids(Split::Train, Reader::Text).unwrap().len(), 4);
    }

    #[test]
    fn hands_that_no_longer_meet_are_worse_than_a_pair_that_stands_elsewhere() {
        let pose = walk(1).positions[0];
        let mut other = pose.map(|[x, y, z]| [x, y, z + 0.5]);
        other[20] = [pose[20][0], pose[20][1], pose[20][2] + 0.02];
        let real = [vec![pose; 3], vec![other; 3]];
        assert_eq!(error(&real, &real), 0.0);
        let aside = |person: Vec<Pose>| {
            person.into_iter().map(|pose| pose.map(|[x, y, z]| [x + 0.02, y, z])).collect()
        };
        let all: [Vec<Pose>; 2] = real.clone().map(aside);
        assert!((error(&real, &all) - 0.02).abs() < 1e-6, "two centimetres aside: distances are the same");
        let mut apart = real.clone();
        for pose in &mut apart[1] {
            pose[20][2] += 0.2;
        }
        let off = 0.2 / 12.0;
        assert!(
            error(&real, &apart) > 2.0 * off,
            "the wrist itself is {off} of it, the rest that it touches no more"
        );
    }

    #[test]
    fn what_is_longer_than_any_request_is_not_remembered() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path(), &[70, MAX_FRAMES + 8]);
        let (vq, stats) = vq();
        assert!(remember(&vq, &stats, &folder, "walk-0").unwrap().is_some());
        assert!(remember(&vq, &stats, &folder, "walk-1").unwrap().is_none());
    }
}
