//! What a model remembers: of each thing that happens in a composed folder, the clips that come back best from the codes, and sentences that
//! tell of it.

mod keeping;
mod returned;
mod shown;

use super::run_folder::RunFolder;
use crate::data::folder::Reader;
use crate::data::{Folder, Split, spread};
use crate::error::{Error, Result};
use crate::generate::{MAX_FRAMES, Tokens};
use crate::models::vqvae::{GraphMode, TIME_STRIDE, VqVae};
use crate::motion::canonical::canonicalise_pair;
use crate::motion::contact::ContactRule;
use crate::motion::export::going_on;
use crate::motion::rigid::stiffen;
use crate::motion::{FEATURES, Features, Pose, Stats};
use crate::text::sentence;
use crate::text::tokenizer::Tokenizer;
use candle_core::{DType, Device, Tensor};
pub use keeping::{Gathered, NEAR, SHARE, load, read_by, save};
use keeping::{gathered, reader};
use rayon::prelude::*;
use returned::error;
use serde::{Deserialize, Serialize};
use shown::{Shown, Statements};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What to gather.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gathering {
    /// Run folder of a memory whose clips and sentences are taken over; the rest but `text` and `told` then does not count.
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
    /// Most sentences of a scene that are kept; four and four more a clip where it has few clips.
    pub told: usize,
}

/// Fewest frames of which anything can be said.
const FEWEST_FRAMES: usize = 8;
/// Frames of a request for three seconds, the usual one: what is longer is cut for it.
const USUAL_FRAMES: usize = 88;
/// What a statement weighs that is true of a scene's clips and no longer of a decoded one, metres of [`error`].
const LOST: f64 = 0.02;

/// A clip as it is remembered.
struct Remembered {
    /// See [`error`].
    error: f64,
    tokens: Tokens,
}

/// A clip that may be remembered.
struct Tried {
    clip: Remembered,
    real: Shown,
    made: Shown,
    /// Of the decoded clip's beginning, where it is longer than [`USUAL_FRAMES`].
    beginning: Option<Shown>,
}

/// One thing that happens.
struct Scene {
    /// Clips of the folders in which it happens.
    seen: usize,
    clips: Vec<Remembered>,
    sentences: Vec<String>,
}

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
    let statements = Statements::all()?;
    let (all, done) = (scenes.len(), std::sync::atomic::AtomicUsize::new(0));
    let scenes = scenes
        .into_par_iter()
        .map(|(meaning, clips)| {
            let sentences = heard.get(&meaning).map_or(&[][..], Vec::as_slice);
            let scene = scene(how, (vq, stats), &statements, &clips, sentences);
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
    gathered(&scenes, &keys, config)
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

/// The clips of a scene that come back best, long ones and short ones, and some of its sentences.
fn scene(
    how: &Gathering,
    vq: (&VqVae, &Stats),
    statements: &Statements,
    clips: &[(Folder, String)],
    sentences: &[String],
) -> Result<Scene> {
    let mut tried = Vec::new();
    for (folder, id) in spread(clips, how.tried) {
        tried.extend(remember(vq, statements, folder, id)?);
    }
    tried.sort_by_key(|tried| tried.clip.tokens.length());
    let common = shown::common(&tried.iter().map(|tried| &tried.real).collect::<Vec<_>>());
    let (all, groups) = (tried.len(), how.kept.min(tried.len()));
    let mut rest = tried.into_iter();
    let best = |group: usize| {
        let size = (group + 1) * all / groups - group * all / groups;
        // The shortest are what short requests are made of.
        let made = |tried: &Tried| match &tried.beginning {
            Some(beginning) if group == 0 => shown::lost(&common, beginning),
            _ => shown::lost(&common, &tried.made),
        };
        let cost = |tried: &Tried| tried.clip.error + LOST * made(tried);
        rest.by_ref().take(size).min_by(|a, b| cost(a).total_cmp(&cost(b))).map(|tried| tried.clip)
    };
    let remembered: Vec<Remembered> = (0..groups).filter_map(best).collect();
    let told = how.told.min(4 + 4 * clips.len());
    Ok(Scene { seen: clips.len(), clips: remembered, sentences: spread(sentences, told).cloned().collect() })
}

/// A clip through the VQ-VAE; `None` for one that no request is as long as.
fn remember(
    (vq, stats): (&VqVae, &Stats),
    statements: &Statements,
    folder: &Folder,
    id: &str,
) -> Result<Option<Tried>> {
    let pair = folder.pair(id)?;
    let [first, second] = &pair.persons;
    let real = canonicalise_pair([first, second], &ContactRule::default())?.features;
    let frames = real[0].frames() / TIME_STRIDE * TIME_STRIDE;
    if !(FEWEST_FRAMES..=MAX_FRAMES).contains(&frames) {
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
    let shown = |people: &[Vec<Pose>; 2], frames: usize| {
        statements.shown([&people[0][..frames], &people[1][..frames]])
    };
    let beginning =
        (frames > USUAL_FRAMES).then(|| shown(&made, USUAL_FRAMES.min(made[0].len()))).transpose()?;
    let (real_shown, made_shown) = (shown(&real, real[0].len())?, shown(&made, made[0].len())?);
    let ids = ids.to_dtype(DType::U32)?.flatten_all()?.to_vec1()?;
    let tokens = Tokens::new(ids).ok_or_else(|| Error::internal("model_failure", "a clip gave no tokens"))?;
    let clip = Remembered { error: error(&real, &made), tokens };
    Ok(Some(Tried { clip, real: real_shown, made: made_shown, beginning }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::build::{Build, NewClip};
    use crate::models::config::ClipTextConfig;
    use crate::models::config::{Activation, MotionLayout, Places, VqConfig};
    use crate::motion::RawPerson;
    use crate::motion::kinematics::tests::walk;
    use crate::nn::params::Params;
    use crate::package::expected;
    use crate::text::clip::ClipText;
    use crate::text::tokenizer::{CONTEXT, VOCABULARY};
    use crate::train::checkpoint::{Checkpoint, Kind, Meta};

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
        let said = Statements::all().unwrap();
        let scenes =
            ["a", "b"].map(|name| scene(&how, (&vq, &stats), &said, &all[name], &heard[name]).unwrap());
        assert_eq!(scenes.each_ref().map(|scene| scene.clips.len()), [2, 1]);
        assert_eq!(scenes.each_ref().map(|scene| scene.sentences.len()), [3, 1]);
        let every = Gathering { kept: 3, ..how.clone() };
        let every = scene(&every, (&vq, &stats), &said, &all["a"], &[]).unwrap().clips;
        let [short, middle, long] = every.try_into().ok().unwrap();
        assert!(
            short.tokens.length() < middle.tokens.length() && middle.tokens.length() < long.tokens.length()
        );
        // One of the shortest, and one of the two others.
        assert_eq!(scenes[0].clips[0].tokens, short.tokens);
        assert!([&middle.tokens, &long.tokens].contains(&&scenes[0].clips[1].tokens));

        let reader = ClipTextConfig { width: 4, heads: 1, layers: 1, vocab: VOCABULARY, context: CONTEXT };
        let made = gathered(
            &scenes,
            &(0..4).map(|n| (0..4).map(|i| (n * i) as f32).collect()).collect::<Vec<_>>(),
            reader,
        )
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
            crate::train::config::from_toml(include_str!("../../../docs/training/duet-mini/text-3.toml"))
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
        let fewer = read_by(&run, &text, 1).unwrap().sizes;
        assert_eq!((fewer.sentences, fewer.clips), (2, 3));
        let again = read_by(&run, &text, 9).unwrap();
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
    fn what_is_longer_than_any_request_is_not_remembered() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path(), &[70, MAX_FRAMES + 8]);
        let (vq, stats) = vq();
        let said = Statements::all().unwrap();
        assert!(remember((&vq, &stats), &said, &folder, "walk-0").unwrap().is_some());
        assert!(remember((&vq, &stats), &said, &folder, "walk-1").unwrap().is_none());
    }
}
