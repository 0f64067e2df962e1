//! `duet models pull` against a hub on loopback: whole, interrupted, damaged, incomplete, offline.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

#[path = "support/loopback_hub.rs"]
mod loopback_hub;

use candle_core::{DType, Device, Tensor};
use duet::ErrorKind;
use duet::generate::intermask::InterMask;
use duet::generate::{GenerateRequest, Generator};
use duet::models::config::{
    ClipTextConfig, InterMConfig, MotionLayout, Places, TextHeadConfig, VqConfig, WordAttention,
};
use duet::package::expected::{self, Expected};
use duet::package::import::ImportOptions;
use duet::package::import::hub::{FILES, TRANSFORMER, VQ};
use duet::package::pull::{CLIP_REPO, Event, Hub, Request, pull};
use duet::package::weights::{Precision, Tensors, write};
use duet::package::{Package, Part};
use duet::rng::CounterRng;
use loopback_hub::{COMMIT, Fault, LoopbackHub};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const REPO: &str = "ZeyuLing/motius-intermask-interhuman";
const CLIP_FILE: &str = "model.safetensors";

fn vq() -> VqConfig {
    VqConfig {
        layout: MotionLayout::InterHuman,
        width: 16,
        code_dim: 16,
        codes: 32,
        depth: 2,
        dilation_growth: 3,
        places: Places::World,
        activation: Default::default(),
    }
}

/// Small widths, the full vocabulary; heads as the official model has them per width.
fn text() -> ClipTextConfig {
    ClipTextConfig { width: 64, heads: 1, layers: 1, vocab: 49408, context: 77 }
}

fn transformer() -> InterMConfig {
    InterMConfig {
        codes: 32,
        code_dim: 16,
        latent_dim: 24,
        heads: 2,
        layers: 1,
        ff: 32,
        text_dim: 64,
        person_embedding: false,
        single_residual: false,
        word_attention: WordAttention::Off,
        text_head: TextHeadConfig { layers: 1, heads: 8, ff: 32 },
    }
}

/// Random weights with a small spread, the same in every run.
fn random(expected: &Expected) -> Tensors {
    let make = |name: &str, shape: &[usize]| {
        let rng = CounterRng::new(7, name);
        let values: Vec<f32> =
            (0..shape.iter().product::<usize>()).map(|i| 0.05 * rng.normal_at(i as u64)).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    expected.required.iter().map(|(name, shape)| (name.clone(), make(name, shape))).collect()
}

fn bytes(tensors: &Tensors) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, tensors, Precision::Full).unwrap();
    out
}

/// CLIP as Hugging Face stores it: separate projections, an image tower beside it.
fn hugging_face(openai: &Tensors) -> Tensors {
    let mut all = Tensors::new();
    for (name, tensor) in openai {
        let name = name
            .replace("transformer.resblocks.", "encoder.layers.")
            .replace("token_embedding", "embeddings.token_embedding")
            .replace("positional_embedding", "embeddings.position_embedding.weight")
            .replace("ln_final", "final_layer_norm")
            .replace("ln_1", "layer_norm1")
            .replace("ln_2", "layer_norm2")
            .replace("mlp.c_fc", "mlp.fc1")
            .replace("mlp.c_proj", "mlp.fc2")
            .replace("attn.", "self_attn.");
        if name.contains("in_proj_") {
            for (place, letter) in ["q", "k", "v"].into_iter().enumerate() {
                let rows = tensor.dim(0).unwrap() / 3;
                let part = tensor.narrow(0, place * rows, rows).unwrap();
                all.insert(
                    format!("text_model.{}", name.replace("in_proj_", &format!("{letter}_proj."))),
                    part,
                );
            }
        } else {
            all.insert(format!("text_model.{name}"), tensor.clone());
        }
    }
    all.insert(
        "vision_model.pre_layrnorm.weight".into(),
        Tensor::zeros(9, DType::F32, &Device::Cpu).unwrap(),
    );
    all.insert("logit_scale".into(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    all
}

struct World {
    hub: LoopbackHub,
    folder: tempfile::TempDir,
    text: Tensors,
    transformer: Tensors,
}

impl World {
    /// A hub with a random model in the published layout, its text tower inside or in CLIP's own repository.
    fn new(text_inside: bool) -> Self {
        let hub = LoopbackHub::start();
        let folder = tempfile::tempdir().unwrap();
        let (text, transformer) =
            (random(&expected::text(&text())), random(&expected::transformer(&transformer())));
        let mut file = transformer.clone();
        if text_inside {
            file.extend(text.iter().map(|(name, tensor)| (format!("clip_{name}"), tensor.clone())));
        } else {
            hub.put(CLIP_REPO, CLIP_FILE, bytes(&hugging_face(&text)));
        }
        hub.put(REPO, TRANSFORMER, bytes(&file));
        hub.put(REPO, VQ, bytes(&random(&expected::vq(&vq()))));
        hub.put(
            REPO,
            "intermask_config.json",
            r#"{"model_type": "intermask", "representation": "interhuman_native_262"}"#,
        );
        hub.put(
            REPO,
            "vq_opt.txt",
            "---- Options ----\ndataset_name: interhuman\nwidth: 16\ncode_dim: 16\nnb_code: 32\ndepth: 2\n\
             dilation_growth_rate: 3\nvq_act: relu\nvq_norm: None\n---- End ----\n",
        );
        hub.put(
            REPO,
            "transformer_opt.txt",
            "---- Options ----\nlatent_dim: 24\nn_heads: 2\nn_layers: 1\nff_size: 32\nvq_name: vq_default\n---- End ----\n",
        );
        let stats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/hub_layout/stats");
        for name in ["global_mean.npy", "global_std.npy"] {
            hub.put(REPO, &format!("stats/{name}"), fs::read(stats.join(name)).unwrap());
        }
        Self { hub, folder, text, transformer }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn access(&self) -> Hub {
        Hub { endpoint: self.hub.endpoint.clone(), token: None, cache: self.cache(), offline: false }
    }

    fn pull_with(&self, access: &Hub, options: &ImportOptions) -> (duet::Result<Package>, Vec<String>) {
        let mut events = Vec::new();
        let request = Request::known("interhuman").unwrap();
        let done = pull(access, &request, &self.root(), options, &mut |event| {
            if !matches!(event, Event::Bytes { .. }) {
                events.push(format!("{event:?}"));
            }
        });
        (done.map(|done| done.package), events)
    }

    fn pull(&self) -> duet::Result<Package> {
        self.pull_with(&self.access(), &ImportOptions::default()).0
    }

    fn nothing_installed(&self) -> bool {
        fs::read_dir(self.root()).map_or(true, |mut entries| entries.next().is_none())
    }

    fn partial(&self) -> Option<(PathBuf, u64)> {
        let blobs = self.cache().join("models--ZeyuLing--motius-intermask-interhuman/blobs");
        let mut found = fs::read_dir(blobs).ok()?.map(|entry| entry.unwrap().path());
        let path = found.find(|path| path.extension().is_some_and(|e| e == "incomplete"))?;
        let length = fs::metadata(&path).unwrap().len();
        Some((path, length))
    }
}

fn assert_same(ours: &Tensors, theirs: &Tensors) {
    let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (name, tensor) in theirs {
        assert_eq!(values(&ours[name]), values(tensor), "{name}");
    }
}

#[test]
fn a_published_model_is_fetched_and_imported() {
    let world = World::new(true);
    let package = world.pull().unwrap();
    package.verify(|_, _| ()).unwrap();
    let manifest = package.manifest();
    assert_eq!((manifest.name.as_str(), &manifest.vq), ("interhuman", &vq()));
    assert_eq!((&manifest.transformer, &manifest.text), (&transformer(), &text()));
    assert!(
        manifest.provenance.contains(REPO) && manifest.provenance.contains(COMMIT),
        "{}",
        manifest.provenance
    );
    assert!(manifest.licence.contains("BY-NC-SA"));
    assert_same(&package.tensors(Part::Text).unwrap(), &world.text);
    assert_same(&package.tensors(Part::Transformer).unwrap(), &world.transformer);
    // It serves as any other model.
    let request = GenerateRequest {
        prompt: "two people shake hands".into(),
        frames: 32,
        seed: 7,
        samples: 1,
        steps: 4,
        guidance: 2.0,
        top_k_ratio: 0.9,
        temperature: 1.0,
        memory: None,
        foot_fix: true,
        rigid: true,
    };
    let mut model = InterMask::load(&package, &Device::Cpu).unwrap();
    let made = model.generate(&request, &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(made.samples[0].motion.frames(), 32);
    // One commit for all: only the first file is asked for by the branch's name.
    let log = world.hub.take_log();
    assert_eq!(log.iter().filter(|line| line.contains("resolve/main/")).count(), 1, "{log:#?}");
    assert!(!log.iter().any(|line| line.contains(CLIP_REPO)));

    // Again: nothing to do, no network.
    world.pull().unwrap();
    assert!(world.hub.take_log().is_empty());
    // Again by force: everything is in the cache, no file is fetched twice.
    let (done, events) =
        world.pull_with(&world.access(), &ImportOptions { replace: true, ..Default::default() });
    done.unwrap();
    assert_eq!(events.iter().filter(|e| e.starts_with("Cached")).count(), FILES.len(), "{events:#?}");
    assert!(!world.hub.take_log().iter().any(|line| line.starts_with("GET")));
    // And without a network.
    let offline = Hub { offline: true, endpoint: "http://127.0.0.1:9".into(), ..world.access() };
    fs::remove_dir_all(world.root()).unwrap();
    let package = world.pull_with(&offline, &ImportOptions::default()).0.unwrap();
    assert!(package.manifest().provenance.contains(COMMIT));
}

#[test]
fn the_text_tower_is_added_when_the_model_has_none() {
    let world = World::new(false);
    let (package, events) = world.pull_with(&world.access(), &ImportOptions::default());
    let package = package.unwrap();
    assert_same(&package.tensors(Part::Text).unwrap(), &world.text);
    assert!(events.iter().any(|e| e.contains("1.7 GB")), "{events:#?}");
    assert!(package.manifest().provenance.contains(CLIP_REPO));
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let world = World::new(true);
    world.hub.fail(Fault::CutAfter(1_000_000));
    let error = world.pull().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Network, "download_interrupted"), "{error}");
    assert!(error.to_string().contains("again"), "{error}");
    assert!(world.nothing_installed());
    let (_, kept) = world.partial().expect("what arrived is kept");
    assert!(kept > 0 && kept <= 1_000_000, "{kept}");

    world.hub.fail(Fault::None);
    world.hub.take_log();
    let (package, events) = world.pull_with(&world.access(), &ImportOptions::default());
    assert_same(&package.unwrap().tensors(Part::Transformer).unwrap(), &world.transformer);
    assert!(events.iter().any(|e| e.contains(&format!("have: {kept}"))), "{events:#?}");
    let ranges: Vec<String> =
        world.hub.take_log().into_iter().filter(|line| line.contains("bytes=")).collect();
    assert!(
        !ranges.is_empty() && ranges.iter().all(|line| line.ends_with(&format!("bytes={kept}-"))),
        "{ranges:#?}"
    );
    assert!(world.partial().is_none());
}

#[test]
fn a_storage_without_ranges_and_a_foreign_part_start_again() {
    for fault in [Fault::NoRanges, Fault::None] {
        let world = World::new(true);
        world.hub.fail(Fault::CutAfter(1_000_000));
        world.pull().unwrap_err();
        let (partial, kept) = world.partial().unwrap();
        // What is there does not belong to this file: only the digest can tell.
        fs::write(&partial, vec![7; kept as usize]).unwrap();
        world.hub.fail(fault);
        world.pull().unwrap().verify(|_, _| ()).unwrap();
    }
}

#[test]
fn a_wrong_digest_is_thrown_away() {
    let world = World::new(true);
    world.hub.fail(Fault::WrongLastByte);
    let error = world.pull().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "download_digest"), "{error}");
    assert!(world.nothing_installed() && world.partial().is_none());
    world.hub.fail(Fault::None);
    world.pull().unwrap();

    // A blob that went bad in the cache is noticed and fetched again.
    let blob =
        world.cache().join("models--ZeyuLing--motius-intermask-interhuman/snapshots").join(COMMIT).join(VQ);
    let mut data = fs::read(&blob).unwrap();
    *data.last_mut().unwrap() ^= 1;
    fs::write(&blob, data).unwrap();
    world.pull_with(&world.access(), &ImportOptions { replace: true, ..Default::default() }).0.unwrap();
}

#[test]
fn what_the_hub_lacks_is_said() {
    let world = World::new(true);
    let request =
        |repo: &str, revision: &str| Request { revision: revision.into(), ..Request::from_repo(repo, "x") };
    let fails = |access: &Hub, request: &Request| {
        let error = pull(access, request, &world.root(), &ImportOptions::default(), &mut |_| ()).unwrap_err();
        assert!(world.nothing_installed());
        (error.code(), error.to_string())
    };
    let access = world.access();
    assert_eq!(fails(&access, &request("no/body", "main")).0, "hub_repo_missing");
    assert_eq!(fails(&access, &request(REPO, "v9")).0, "hub_revision_missing");
    world.hub.remove(REPO, TRANSFORMER);
    let (code, text) = fails(&access, &request(REPO, "main"));
    assert_eq!(code, "hub_file_missing");
    assert!(text.contains(TRANSFORMER), "{text}");

    let offline = Hub { offline: true, cache: world.folder.path().join("empty"), ..world.access() };
    let (code, text) = fails(&offline, &request(REPO, "main"));
    assert_eq!(code, "hub_offline");
    assert!(text.contains("HF_HUB_OFFLINE"), "{text}");
    let nobody = Hub { endpoint: "http://127.0.0.1:9".into(), ..world.access() };
    assert_eq!(fails(&nobody, &request("a/b", "main")).0, "hub_unreachable");
}

#[test]
fn a_token_opens_what_is_private() {
    let world = World::new(true);
    world.hub.fail(Fault::NeedsToken("hf_secret"));
    assert_eq!(world.pull().unwrap_err().code(), "hub_repo_missing");
    let with = Hub { token: Some("hf_secret".into()), ..world.access() };
    world.pull_with(&with, &ImportOptions::default()).0.unwrap();
}

#[test]
fn a_full_or_forbidden_place_and_a_taken_name_are_said() {
    let world = World::new(true);
    world.pull().unwrap();
    let other = Request { repo: "other/repo".into(), ..Request::known("interhuman").unwrap() };
    let error =
        pull(&world.access(), &other, &world.root(), &ImportOptions::default(), &mut |_| ()).unwrap_err();
    assert_eq!(error.code(), "package_exists");
    fs::write(world.folder.path().join("file"), "").unwrap();
    let blocked = Hub { cache: world.folder.path().join("file"), ..world.access() };
    let replace = ImportOptions { replace: true, ..Default::default() };
    let error = world.pull_with(&blocked, &replace).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    // The old one still stands.
    Package::open(&world.root().join("interhuman")).unwrap().verify(|_, _| ()).unwrap();
}

/// The real binary in an empty surrounding: its own models folder, cache and home.
fn duet(world: &Path, args: &[&str], extra: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    for name in [
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
    ] {
        command.env_remove(name);
    }
    command
        .args(args)
        .envs(extra.iter().copied())
        .env("DUET_MODELS", world.join("models"))
        .env("HOME", world.join("home"))
        .env("HF_HOME", world.join("hf"))
        .output()
        .unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The standard variables reach the hub: the address, the token, the cache, and the wish for no network.
#[test]
fn pull_follows_the_standard_variables() {
    let world = tempfile::tempdir().unwrap();
    let hub = LoopbackHub::start();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/hub_layout");
    for file in FILES {
        hub.put("me/small", file, fs::read(fixture.join(file)).unwrap());
    }
    hub.fail(Fault::NeedsToken("hf_test"));
    let args: Vec<&str> =
        "models pull --repo me/small --name small --text-heads 4 --text-head-heads 4".split(' ').collect();
    let endpoint = ("HF_ENDPOINT", hub.endpoint.as_str());

    let failed = duet(world.path(), &args, &[endpoint]);
    assert!(!failed.status.success() && words(&failed).contains("HF_TOKEN"), "{}", words(&failed));
    let failed = duet(world.path(), &args, &[endpoint, ("HF_HUB_OFFLINE", "1")]);
    assert!(!failed.status.success() && words(&failed).contains("HF_HUB_OFFLINE"), "{}", words(&failed));

    let done = duet(world.path(), &args, &[endpoint, ("HF_TOKEN", "hf_test")]);
    assert!(done.status.success(), "{}", words(&done));
    assert!(words(&done).contains("transformer.safetensors"), "{}", words(&done));
    assert!(world.path().join("hf/hub/models--me--small/snapshots").is_dir());
    assert!(duet(world.path(), &["models", "verify", "small"], &[]).status.success());

    let offline = [&args[..], &["--replace"]].concat();
    let done =
        duet(world.path(), &offline, &[("HF_ENDPOINT", "http://127.0.0.1:9"), ("HF_HUB_OFFLINE", "true")]);
    assert!(done.status.success(), "{}", words(&done));
}
