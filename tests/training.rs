//! Training through the real program, at toy size: what it writes, that it resumes bit for bit, that what it packs can
//! generate.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use candle_core::{Device, Tensor};
use duet::data::{Folder, Split, TextClips, VqWindows};
use duet::formats::npy;
use duet::models::config::{
    Activation, ClipTextConfig, InterMConfig, MotionLayout, Places, TextHeadConfig, VqConfig, WordAttention,
};
use duet::motion::raw::RawPerson;
use duet::motion::skeleton::{PARENTS, REST_OFFSETS};
use duet::motion::{JOINTS, Person};
use duet::train::checkpoint::{Checkpoint, Kind};
use duet::train::config::{Common, Curve, Optimizer, TextTraining, TransformerTrainConfig, VqTrainConfig};
use duet::train::transformer_loop::TransformerTrainer;
use duet::train::vq_loop::{VqTrainer, gather};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CLIPS: [&str; 3] = ["wave", "bow", "step"];

/// A swaying, drifting rest pose; rotations are the identity.
fn person(frames: usize, phase: f32) -> RawPerson {
    let positions = (0..frames)
        .map(|frame| {
            let time = frame as f32 / 30.0;
            let mut pose = [[0f32; 3]; JOINTS];
            for joint in 0..JOINTS {
                let base = PARENTS[joint].map_or([phase + 0.3 * time, 0.95, 0.0], |parent| pose[parent]);
                let sway = 0.05 * (2.0 * time + phase + joint as f32).sin();
                pose[joint] = std::array::from_fn(|a| base[a] + REST_OFFSETS[joint][a]);
                pose[joint][2] += sway;
            }
            pose
        })
        .collect();
    let rotations = vec![[[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]; JOINTS - 1]; frames];
    RawPerson::from_y_up(&Person { positions, rotations })
}

/// A training folder; with a held-out split or without.
fn data(root: &Path, held_out: bool) -> PathBuf {
    let data = root.join("data");
    for part in ["motions_processed/person1", "motions_processed/person2", "annots", "split", "stats"] {
        std::fs::create_dir_all(data.join(part)).unwrap();
    }
    for (n, id) in CLIPS.iter().enumerate() {
        for side in 1..=2 {
            let raw = person(40 + 8 * n, n as f32 + 1.7 * side as f32);
            let bytes = npy::write_f32(&[raw.frames(), 492], &raw.to_file_rows()).unwrap();
            std::fs::write(data.join(format!("motions_processed/person{side}/{id}.npy")), bytes).unwrap();
        }
        let captions = format!("two people {id}.\none {id}s to the left of the other.\n");
        std::fs::write(data.join(format!("annots/{id}.txt")), captions).unwrap();
    }
    std::fs::write(data.join("split/train.txt"), "wave\nbow\nstep\n").unwrap();
    if held_out {
        std::fs::write(data.join("split/val.txt"), "step\n").unwrap();
    }
    let constant = |value: f32| npy::write_f32(&[262], &[value; 262]).unwrap();
    std::fs::write(data.join("stats/global_mean.npy"), constant(0.2)).unwrap();
    std::fs::write(data.join("stats/global_std.npy"), constant(0.5)).unwrap();
    data
}

fn duet(root: &Path, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_duet"))
        .current_dir(root)
        .env("RAYON_NUM_THREADS", "2")
        .args(args.split_whitespace())
        .output()
        .unwrap()
}

fn succeeds(root: &Path, args: &str) -> String {
    let output = duet(root, args);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "duet {args}: {told}");
    told
}

fn refused(root: &Path, args: &str) -> String {
    let output = duet(root, args);
    assert!(!output.status.success(), "duet {args} should have been refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

// The warm-up is longer than the training, so that the learning rate of a step does not depend on --steps.
const VQ: &str = "train vq --data data --width 8 --codes 16 --code-dim 8 --depth 1 --window 16 --batch 2 \
                  --warmup 100 --log-every 1";
const TRANSFORMER: &str = "train transformer --data data --vq vq --latent 16 --heads 2 --layers 1 --ff 16 \
                           --token-dim 8 --text-width 16 --text-heads 2 --text-layers 1 --text-head-heads 2 \
                           --text-head-ff 16 --batch 2 --warmup 100 --log-every 1";

#[test]
fn a_resumed_training_is_the_same_training() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, false);
    let latest = |run: &str| std::fs::read(root.join(run).join("latest.safetensors")).unwrap();

    succeeds(root, &format!("{VQ} --out vq --steps 6"));
    succeeds(root, &format!("{VQ} --out vq-halves --steps 3"));
    succeeds(root, "train vq --out vq-halves --resume --steps 6");
    assert!(latest("vq") == latest("vq-halves"), "the VQ-VAE differs after 3 + 3 steps");

    succeeds(root, &format!("{TRANSFORMER} --out whole --steps 6"));
    succeeds(root, &format!("{TRANSFORMER} --out halves --steps 3"));
    succeeds(root, "train transformer --out halves --resume --steps 6");
    assert!(latest("whole") == latest("halves"), "the transformer differs after 3 + 3 steps");

    // Every step once in the log, and a finished run resumes to nothing.
    let log = std::fs::read_to_string(root.join("halves/log.jsonl")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("\"train\"")).count(), 6);
    succeeds(root, "train vq --out vq --resume");
}

#[test]
fn a_model_that_looks_at_words_is_trained_resumed_and_packed() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, true);
    let latest = |run: &str| std::fs::read(root.join(run).join("latest.safetensors")).unwrap();
    let words = format!("{TRANSFORMER} --word-attention pre");
    succeeds(root, &format!("{VQ} --out vq --steps 2"));
    succeeds(root, &format!("{words} --out whole --steps 4"));
    succeeds(root, &format!("{words} --out halves --steps 2"));
    let other = "train transformer --out halves --resume --steps 4 --word-attention off";
    assert!(refused(root, other).contains("other settings"));
    succeeds(root, "train transformer --out halves --resume --steps 4");
    assert!(latest("whole") == latest("halves"), "the transformer differs after 2 + 2 steps");

    succeeds(
        root,
        "train package --transformer whole --out models/words --knows nothing --licence none --provenance test",
    );
    let manifest = std::fs::read_to_string(root.join("models/words/model.toml")).unwrap();
    assert!(manifest.contains("word_attention = \"pre\""), "{manifest}");
    succeeds(root, "models verify models/words");
    succeeds(root, "generate wave --model models/words --seconds 1 --steps 2 --seed 7 --out out");

    // What was packed can be unpacked and taught further.
    succeeds(root, "train unpack --model models/words --out again");
    assert!(refused(root, "train unpack --model models/words --out again").contains("another --out"));
    let tensors =
        |run: &str, kind| Checkpoint::load(&root.join(run).join("latest.safetensors"), kind).unwrap().model();
    for (run, before, kind) in
        [("again/vq", "vq", Kind::Vq), ("again/transformer", "whole", Kind::Transformer)]
    {
        let (ours, theirs) = (tensors(run, kind), tensors(before, kind));
        let named = |name: &&String| !name.ends_with("token_embedding.weight");
        assert!(theirs.keys().filter(named).all(|name| ours.contains_key(name)), "{run}: {:?}", ours.keys());
        for (name, tensor) in theirs.iter().filter(|(name, _)| named(name)) {
            let (a, b) = (tensor.flatten_all().unwrap(), ours[name].flatten_all().unwrap());
            let (a, b) = (a.to_vec1::<f32>().unwrap(), b.to_vec1::<f32>().unwrap());
            // Packages hold half precision.
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-3 * a.abs() + 1e-6), "{run}: {name}");
        }
    }
    succeeds(root, &format!("{VQ} --from again/vq --out vq-more --steps 2 --parts 2 --dead-below 0.1"));
    let words = words.replace("--vq vq", "--vq vq-more").replace(
        "--text-width 16 --text-heads 2 --text-layers 1",
        "--text again/text --from again/transformer",
    );
    succeeds(root, &format!("{words} --out more --steps 2"));
    // Without the field the words' tensors are not what the dimensions call for.
    let plain = manifest.replace("word_attention = \"pre\"", "");
    std::fs::write(root.join("models/words/model.toml"), plain).unwrap();
    assert!(refused(root, "models verify models/words").contains("word_"));
}

#[test]
fn a_trained_pair_is_packed_and_generates() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, true);
    let told = succeeds(root, &format!("{VQ} --out vq --steps 2 --validate-every 1"));
    assert!(told.contains("held-out joint error"), "{told}");
    let told = succeeds(root, &format!("{TRANSFORMER} --out transformer --steps 2 --validate-every 1"));
    assert!(told.contains("held-out cross entropy"), "{told}");
    let pack = "train package --transformer transformer --out models/toy --knows nothing --licence none \
                --provenance test";
    succeeds(root, &format!("{pack} --vq vq"));
    succeeds(root, "models verify models/toy");
    succeeds(root, "generate wave --model models/toy --seconds 1 --steps 2 --seed 7 --out out");
    let files = std::fs::read_dir(root.join("out")).unwrap().count();
    assert!(files >= 2, "{files} files");

    // It can be measured and looked at.
    let output = duet(root, "eval reconstruct --data data --model models/toy --generated 1 --json");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["reconstruction"]["joint_error_cm"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(report["generation"]["clips"], 1);
    succeeds(root, "eval contact-sheet --data data --clip step --out real.png");
    succeeds(root, "eval contact-sheet --model models/toy --prompt wave --seconds 1 --out made.png");
    for sheet in ["real.png", "made.png"] {
        assert!(image::open(root.join(sheet)).unwrap().width() > 100);
    }
    assert!(refused(root, "eval contact-sheet --out none.png").contains("--prompt"));

    // The VQ-VAE moves on: its tokens are no longer those that the transformer learned.
    std::fs::copy(root.join("vq/latest.safetensors"), root.join("vq/best.safetensors")).unwrap();
    succeeds(root, "train vq --out vq --resume --steps 3");
    std::fs::copy(root.join("vq/latest.safetensors"), root.join("vq/best.safetensors")).unwrap();
    let told = refused(root, &format!("{pack} --vq vq --replace"));
    assert!(told.contains("leave out --vq"), "{told}");
}

#[test]
fn what_cannot_be_trained_is_refused_in_words() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, false);
    assert!(refused(root, "train vq --out run").contains("--data"));
    assert!(refused(root, "train vq --data nowhere --out run").contains("nowhere"));
    assert!(refused(root, &format!("{VQ} --out run --lr 0")).contains("--lr"));
    assert!(refused(root, "train vq --out nothing --resume").contains("nothing"));
    succeeds(root, &format!("{VQ} --out run --steps 1"));
    assert!(refused(root, &format!("{VQ} --out run --steps 1")).contains("--resume"));
    assert!(refused(root, "train vq --out run --resume --width 16").contains("other settings"));
    assert!(refused(root, "train transformer --data data --vq nowhere --out t").contains("nowhere"));
    assert!(refused(root, "train transformer --out run --resume").contains("Vq"));
    let path = root.join("run/latest.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(root, "train vq --out run --resume").contains("not a usable checkpoint"));
}

#[cfg(unix)]
#[test]
fn a_polite_kill_saves_and_says_how_to_go_on() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, false);
    let child = Command::new(env!("CARGO_BIN_EXE_duet"))
        .current_dir(root)
        .args(format!("{VQ} --out run --steps 1000000").split_whitespace())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The log's first line shows that the training runs.
    let log = root.join("run/log.jsonl");
    let started = std::time::Instant::now();
    while std::fs::read_to_string(&log).unwrap_or_default().is_empty() {
        assert!(started.elapsed().as_secs() < 60, "the training did not start");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("go on with: duet train vq --out run --resume"), "{told}");
    let checkpoint = Checkpoint::load(&root.join("run/latest.safetensors"), Kind::Vq).unwrap();
    assert!(checkpoint.meta.step > 0);
}

fn common(data: PathBuf) -> Common {
    Common {
        data,
        from: None,
        checkpoint: None,
        seed: 1,
        steps: 10,
        batch: 2,
        lr: 1e-2,
        warmup: 0,
        curve: Curve::Multistep,
        weight_decay: 1e-5,
        clip: 1.0,
        dropout: None,
        precision: Default::default(),
        validate_every: 1,
        save_every: 1,
        log_every: 1,
    }
}

fn vq_config(data: PathBuf) -> VqTrainConfig {
    VqTrainConfig {
        common: common(data),
        model: VqConfig {
            layout: MotionLayout::InterHuman,
            width: 8,
            code_dim: 8,
            codes: 16,
            depth: 1,
            dilation_growth: 3,
            places: Places::World,
            activation: Activation::Relu,
        },
        window: 16,
        stride: 8,
        lively: 0.0,
        criterion: Default::default(),
        weights: Default::default(),
        code_temperature: 0.5,
        mu: 0.99,
        dead_below: 1.0,
        parts: 1,
        decoder_only: false,
    }
}

fn transformer_config(data: PathBuf, word_attention: WordAttention) -> TransformerTrainConfig {
    TransformerTrainConfig {
        common: common(data),
        vq: PathBuf::new(),
        model: InterMConfig {
            codes: 16,
            code_dim: 8,
            latent_dim: 16,
            heads: 2,
            layers: 2,
            ff: 16,
            text_dim: 16,
            person_embedding: false,
            single_residual: word_attention == WordAttention::Blocks,
            word_attention,
            text_head: TextHeadConfig { layers: 1, heads: 2, ff: 16 },
        },
        text: TextTraining::Train {
            tower: ClipTextConfig { width: 16, heads: 2, layers: 1, vocab: 49408, context: 77 },
        },
        optimizer: Optimizer::Adamw,
        max_frames: 300,
        interaction_probability: 0.2,
        parts: 1,
        // Often, so that the null word is heard.
        drop_text: 0.5,
        step_unroll: 1.0,
        contrast: 0.0,
    }
}

/// candle stops gradients without a word in several fused operations; here a variable without one is an error, and
/// every one of them must receive one that is not zero.
#[test]
fn a_vq_batch_in_two_parts_is_the_same_step() {
    let root = tempfile::tempdir().unwrap();
    let data = data(root.path(), false);
    let folder = Folder::open(&data).unwrap();
    let stats = folder.stats().unwrap();
    let pairs: Vec<_> = CLIPS.iter().map(|id| folder.pair(id).unwrap()).collect();
    let windows = VqWindows::from_pairs(&pairs, &stats, 16, 8).unwrap();
    // Three windows: the parts are not equally large.
    let motion = gather(&windows, &[0, 3, 5], 16, &Device::Cpu).unwrap();
    let [whole, halves] = [1, 2].map(|parts| {
        let mut config = VqTrainConfig { parts, ..vq_config(data.clone()) };
        config.common.dropout = Some(0.0);
        // A mean over feet that stand, which are not equally many in both.
        config.weights.foot = 0.0;
        VqTrainer::new(&config, &stats, &Device::Cpu).unwrap().step(&motion).unwrap().0
    });
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * a.abs().max(1e-3);
    assert!(near(whole.total, halves.total), "{} {}", whole.total, halves.total);
    assert!(near(whole.commit, halves.commit) && near(whole.terms.geo, halves.terms.geo));
    assert_eq!(whole.perplexity, halves.perplexity);
    for (name, gradient) in &whole.gradients {
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (a, b) = (values(gradient), values(&halves.gradients[name]));
        let most = a.iter().fold(1e-6f32, |most, a| most.max(a.abs()));
        let off = a.iter().zip(&b).fold(0f32, |off, (a, b)| off.max((a - b).abs()));
        assert!(off <= 1e-4 * most, "{name}: {off} of {most}");
    }
}

#[test]
fn every_variable_is_trained() {
    let root = tempfile::tempdir().unwrap();
    let data = data(root.path(), false);
    let folder = Folder::open(&data).unwrap();
    let stats = folder.stats().unwrap();
    let is_moved = |gradients: &duet::train::optim::Gradients, name: &str| {
        gradients[name].abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() > 0.0
    };

    let config = vq_config(data.clone());
    let pairs: Vec<_> = CLIPS.iter().map(|id| folder.pair(id).unwrap()).collect();
    let windows = VqWindows::from_pairs(&pairs, &stats, 16, 8).unwrap();
    let mut trainer = VqTrainer::new(&config, &stats, &Device::Cpu).unwrap();
    let motion = gather(&windows, &[0, 1], 16, &Device::Cpu).unwrap();
    let (pass, ..) = trainer.step(&motion).unwrap();
    let still: Vec<_> = pass.gradients.keys().filter(|name| !is_moved(&pass.gradients, name)).collect();
    assert!(pass.gradients.len() > 40 && still.is_empty(), "VQ-VAE variables without gradient: {still:?}");

    let clips = TextClips::load(&folder, Split::Train, &stats, true, |_, _| ()).unwrap();
    let ids: Vec<u32> = (0..2 * 40).map(|i| i % 16).collect();
    let batch = duet::train::transformer_step::TokenBatch { ids, lengths: vec![4, 3], frames: 4 };
    for place in [WordAttention::Off, WordAttention::Pre, WordAttention::Blocks] {
        let config = transformer_config(data.clone(), place);
        let mut trainer = TransformerTrainer::new(&config, &clips, &Device::Cpu).unwrap();
        // Modulation layers and the words' way out start at zero, so that blocks pass their input on unchanged: what lies
        // behind a gate hears of the loss once the gate has opened.
        let mut heard = BTreeSet::new();
        let mut all = BTreeSet::new();
        // Two parts of a batch, worked on at once.
        let parts = [["two people wave.", "two people bow."], ["they bow.", "they wave."]]
            .map(|c| (batch.clone(), c.to_vec()));
        for _ in 0..8 {
            let (pass, ..) = trainer.step(&parts).unwrap();
            all.extend(pass.gradients.keys().cloned());
            heard.extend(pass.gradients.keys().filter(|name| is_moved(&pass.gradients, name)).cloned());
        }
        let deaf: Vec<_> = all.difference(&heard).collect();
        assert!(
            all.len() > 50 && deaf.is_empty(),
            "{place:?}: variables that never heard of the loss: {deaf:?}"
        );
        let words = all.iter().filter(|name| name.starts_with("word_")).count();
        assert_eq!(words, [0, 3 + 10, 3 + 2 * 10][place as usize], "{place:?}: {all:?}");
    }
}

#[test]
fn a_clip_that_is_listed_twice_is_learned_from_twice_and_measured_once() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, true);
    // Windows of 16 frames, every tenth: 3, 4 and 4 of each of a clip's four motions.
    let told = succeeds(root, &format!("{VQ} --out once --steps 1"));
    assert!(told.contains(" 44 windows of 16 frames") && told.contains(" 16 held-out windows"), "{told}");
    std::fs::write(root.join("data/split/train.txt"), "wave\nbow\nwave\nstep\n").unwrap();
    std::fs::write(root.join("data/split/val.txt"), "step\nstep\n").unwrap();
    let told = succeeds(root, &format!("{VQ} --out twice --steps 1"));
    assert!(told.contains(" 56 windows of 16 frames") && told.contains(" 16 held-out windows"), "{told}");

    let folder = Folder::open(&root.join("data")).unwrap();
    let pairs = [folder.pair("wave").unwrap(), folder.pair("bow").unwrap()];
    let plain = VqWindows::from_pairs(&pairs, &folder.stats().unwrap(), 16, 10).unwrap();
    let often = plain.clone().repeated(&[2, 1]);
    assert_eq!(often.motions().len(), plain.motions().len(), "motions are in memory once");
    for (at, index) in plain.indices().iter().enumerate() {
        let same: Vec<usize> = (0..often.len()).filter(|&window| often.indices()[window] == *index).collect();
        assert_eq!(same.len(), if index.0 < 4 { 2 } else { 1 }, "{index:?}");
        assert!(same.iter().all(|&window| often.liveliness(window) == plain.liveliness(at)), "{index:?}");
    }
}

#[test]
fn only_a_split_that_is_not_there_is_no_held_out_split() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, false);
    assert!(succeeds(root, &format!("{VQ} --out vq --steps 1")).contains("without validation"));
    for (n, given) in ["", "\n"].into_iter().enumerate() {
        std::fs::write(root.join("data/split/val.txt"), given).unwrap();
        let told = succeeds(root, &format!("{VQ} --out empty-{n} --steps 1"));
        assert!(told.contains("without validation"), "{told}");
        let told = succeeds(root, &format!("{TRANSFORMER} --out tr-{n} --steps 1"));
        assert!(told.contains("without validation"), "{told}");
    }
    std::fs::write(root.join("data/split/val.txt"), "step\ngone\n").unwrap();
    assert!(refused(root, &format!("{VQ} --out other --steps 1")).contains("gone.npy"));
    assert!(refused(root, &format!("{TRANSFORMER} --out other --steps 1")).contains("gone"));
}

#[test]
fn a_new_run_starts_from_the_checkpoint_that_is_named() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, false);
    succeeds(root, &format!("{VQ} --out vq --steps 1"));
    std::fs::rename(root.join("vq/latest.safetensors"), root.join("vq/best.safetensors")).unwrap();
    // A training that went astray: its newest weights are of no use.
    std::fs::write(root.join("vq/latest.safetensors"), "astray").unwrap();
    assert!(refused(root, &format!("{VQ} --from vq --out more --steps 1")).contains("latest.safetensors"));
    succeeds(root, &format!("{VQ} --from vq --checkpoint best --out more --steps 1"));
    let settings = std::fs::read_to_string(root.join("more/config.toml")).unwrap();
    assert!(settings.contains("checkpoint = \"best\""), "{settings}");
    succeeds(root, "train vq --out more --resume --steps 2");
    assert!(refused(root, &format!("{VQ} --checkpoint best --out none --steps 1")).contains("--from"));
}

#[test]
fn a_decoder_that_learns_alone_goes_with_the_transformer_of_its_tokens() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, false);
    let tensors = |run: &str| {
        candle_core::safetensors::load(root.join(run).join("latest.safetensors"), &Device::Cpu).unwrap()
    };
    succeeds(root, &format!("{VQ} --out vq --steps 2"));
    succeeds(root, &format!("{TRANSFORMER} --out whole --steps 1"));
    succeeds(root, &format!("{VQ} --from vq --decoder-only --out decoder --steps 3"));
    succeeds(root, &format!("{VQ} --from vq --out both --steps 3"));
    let (before, after) = (tensors("vq"), tensors("decoder"));
    let mut moved = 0;
    for (name, tensor) in before.iter().filter(|(name, _)| name.starts_with("model.")) {
        let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let same = values(tensor) == values(&after[name]);
        assert!(same || name.starts_with("model.decoder."), "{name} moved");
        moved += usize::from(!same);
    }
    assert!(moved > 0, "the decoder learned nothing");

    let pack = |vq: &str| {
        format!(
            "train package --transformer whole --vq {vq} --out models/new --replace --knows nothing --licence none --provenance test"
        )
    };
    let weights = || std::fs::read(root.join("models/new/vq.safetensors")).unwrap();
    succeeds(root, &pack("vq"));
    let first = weights();
    succeeds(root, &pack("decoder"));
    assert!(first != weights(), "the new decoder is packed");
    assert!(refused(root, &pack("both")).contains("tokens"));
}

#[test]
fn flags_that_would_do_nothing_are_refused_and_a_name_is_honoured() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    data(root, false);
    succeeds(root, &format!("{VQ} --out vq --steps 1"));
    succeeds(root, &format!("{TRANSFORMER} --out tr --steps 1"));
    assert!(refused(root, "train transformer --out tr --resume --text other").contains("other settings"));
    succeeds(root, "train transformer --out tr --resume --steps 2 --text train");
    assert!(refused(root, "train text --teacher none --out text --dropout 0.1").contains("--dropout"));
    let pack = "train package --transformer tr --knows nothing --licence none --provenance test";
    succeeds(root, &format!("{pack} --out models/toy --name toy"));
    succeeds(root, &format!("{pack} --out models --name other"));
    for name in ["toy", "other"] {
        let manifest = std::fs::read_to_string(root.join(format!("models/{name}/model.toml"))).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{manifest}");
    }
}
