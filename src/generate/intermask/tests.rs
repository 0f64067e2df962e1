//! The bundled model at work: what edits keep and what they change.

use super::*;
use crate::generate::edit::{Between, Move, RECEPTIVE_FIELD, React, Source, Stretch, Task, Window, canvas};
use crate::generate::{Draft, Sample};
use crate::models::vqvae::PARTS;
use crate::motion::haste::Passing;
use crate::motion::{BodyParts, JOINTS, Motion};
use crate::package::import::{ImportOptions, import};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

mod captured;

const FRAMES: usize = 96;

fn bundled() -> Package {
    Package::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/duet-mini")).unwrap()
}

pub(super) fn mini() -> InterMask {
    InterMask::load(&bundled(), &Device::Cpu).unwrap()
}

pub(super) fn how(prompt: &str, seed: u64) -> GenerateRequest {
    GenerateRequest {
        prompt: prompt.into(),
        frames: FRAMES,
        seed,
        samples: 1,
        steps: 4,
        guidance: 2.0,
        top_k_ratio: 0.9,
        temperature: 1.0,
        memory: None,
        foot_fix: true,
        rigid: true,
    }
}

fn source(model: &mut InterMask) -> Source {
    let made =
        model.generate(&how("two people dance salsa", 7), &mut |_, _| ControlFlow::Continue(())).unwrap();
    let Sample { motion, foot_fixed, tokens, .. } = made.samples.into_iter().next().unwrap();
    Source { motion, foot_fixed, tokens }
}

fn edited(model: &mut InterMask, source: &Source, task: Task, seed: u64) -> Sample {
    let frames = task.result_frames(source.motion.frames());
    let how = GenerateRequest { frames, ..how("two people bow to each other", seed) };
    let request = EditRequest { how, source: Arc::new(source.clone()), task };
    let made = model.edit(&request, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let sample = made.samples.into_iter().next().unwrap();
    assert_eq!(sample.motion.frames(), frames);
    assert!(sample.motion.is_finite() && sample.shown().is_finite());
    sample
}

fn both<'a>(sample: &'a Sample, source: &'a Source) -> [(&'a Motion, &'a Motion); 2] {
    let fixed = (sample.foot_fixed.as_ref().unwrap(), source.foot_fixed.as_ref().unwrap());
    [(&sample.motion, &source.motion), fixed]
}

fn window(frames: Range<usize>) -> Window {
    Window { frames, persons: [true; 2], parts: BodyParts::ALL, blend: 8 }
}

/// In the frames of a join nobody is faster, nor changes velocity more abruptly, than twice the 95th percentile of the clip.
#[track_caller]
fn seamless(motion: &Motion, join: Range<usize>) {
    for (who, person) in motion.persons.iter().enumerate() {
        let Passing { speed, jump } = Passing::of(&person.positions, join.clone());
        assert!(
            speed <= 2.0 && jump <= 2.0,
            "person {who}, frames {join:?}: {speed} and {jump} times as usual"
        );
    }
}

#[test]
fn a_window_changes_and_nothing_else_does() {
    let mut model = mini();
    let source = source(&mut model);
    let made = edited(&mut model, &source, Task::Window(window(40..56)), 3);
    for (new, old) in both(&made, &source) {
        for who in 0..2 {
            let (new, old) = (&new.persons[who].positions, &old.persons[who].positions);
            assert_eq!((&new[..32], &new[64..]), (&old[..32], &old[64..]), "person {who}");
            assert!((40..56).all(|t| new[t] != old[t]), "person {who}");
        }
    }
    let (new, old) = (made.tokens.clone().unwrap(), source.tokens.clone().unwrap());
    for (p, (new, old)) in new.ids().iter().zip(old.ids()).enumerate() {
        assert!(new == old || (10..14).contains(&canvas::place(p, FRAMES / 4).time));
    }
    assert_ne!(new, old);
    let again = edited(&mut model, &source, Task::Window(window(40..56)), 3);
    assert_eq!((again.motion, again.foot_fixed), (made.motion.clone(), made.foot_fixed));
    assert_ne!(edited(&mut model, &source, Task::Window(window(40..56)), 4).motion, made.motion);
}

#[test]
fn one_person_and_some_parts() {
    let mut model = mini();
    let source = source(&mut model);
    let arms = BodyParts::named(["arms"]).unwrap();
    let task = Task::Window(Window { persons: [false, true], parts: arms, ..window(0..FRAMES) });
    let made = edited(&mut model, &source, task, 3);
    for (new, old) in both(&made, &source) {
        assert_eq!(new.persons[0], old.persons[0]);
        let (new, old) = (&new.persons[1], &old.persons[1]);
        for t in 0..FRAMES {
            assert_eq!(new.positions[t][..16], old.positions[t][..16], "all but the arms, frame {t}");
            assert_eq!(new.rotations[t][..12], old.rotations[t][..12], "up to the collars, frame {t}");
        }
        for (from, to) in [(13, 16), (14, 17), (16, 18), (17, 19), (18, 20), (19, 21)] {
            let length = |pose: &crate::motion::Pose| {
                (0..3).map(|c| (pose[to][c] - pose[from][c]).powi(2)).sum::<f32>().sqrt()
            };
            let was = length(&old.positions[0]);
            assert!(new.positions.iter().all(|pose| (length(pose) - was).abs() < 1e-3), "bone {from}-{to}");
        }
    }
    let apart = |joint: usize| -> f32 {
        let (new, old) = (&made.motion.persons[1].positions, &source.motion.persons[1].positions);
        let one =
            |t: usize| (0..3).map(|c| (new[t][joint][c] - old[t][joint][c]).powi(2)).sum::<f32>().sqrt();
        (0..FRAMES).map(one).sum::<f32>() / FRAMES as f32
    };
    assert!(apart(20) + apart(21) > 0.05, "{} {}", apart(20), apart(21));
}

#[test]
fn the_receptive_field_is_what_is_said() {
    let mut model = mini();
    let tokens = source(&mut model).tokens.unwrap();
    let length = tokens.length();
    let column = length / 2;
    let codes = model.model.config().codes as u32;
    let changed = tokens
        .ids()
        .iter()
        .enumerate()
        .map(|(p, &id)| if canvas::place(p, length).time == column { (id + 1) % codes } else { id });
    let changed = Tokens::new(changed.collect()).unwrap();
    let (old, new) = (model.motion(&tokens).unwrap(), model.motion(&changed).unwrap());
    let moved: Vec<usize> = (0..FRAMES)
        .filter(|&t| (0..2).any(|who| old[who].positions()[t] != new[who].positions()[t]))
        .collect();
    let (first, last) = (moved[0], moved[moved.len() - 1]);
    let reach = (4 * column - first).max(last - (4 * column + 3));
    assert!(reach <= RECEPTIVE_FIELD, "{reach}");
    assert!(reach + 4 > RECEPTIVE_FIELD, "what is said is no more than what is: {reach}");
}

#[test]
fn rows_stand_for_their_parts() {
    let mut model = mini();
    let tokens = source(&mut model).tokens.unwrap();
    let (length, codes) = (tokens.length(), model.model.config().codes as u32);
    let old = model.motion(&tokens).unwrap();
    // How far each wrist moves on its body, wherever that turns, when one row has other codes: by its distances from shoulders, hips and
    // head. The mean of several codes.
    let moved = |row: usize, wrist: usize| -> f64 {
        let each = [101, 233, 389, 577, 823].map(|by| {
            let other = tokens.ids().iter().enumerate().map(|(p, &id)| {
                let here = canvas::place(p, length);
                if here.person == 0 && here.part == row { (id + by) % codes } else { id }
            });
            let new = model.motion(&Tokens::new(other.collect()).unwrap()).unwrap();
            let from = |pose: &crate::motion::Pose| {
                [1, 2, 15, 16, 17].map(|j: usize| {
                    (0..3).map(|c| f64::from(pose[wrist][c] - pose[j][c]).powi(2)).sum::<f64>().sqrt()
                })
            };
            let (old, new) = (old[0].positions(), new[0].positions());
            let one = |t: usize| -> f64 {
                from(&new[t]).iter().zip(from(&old[t])).map(|(new, old)| (new - old).abs()).sum()
            };
            (0..FRAMES).map(one).sum::<f64>() / FRAMES as f64
        });
        each.iter().sum()
    };
    let arms = BodyParts::named(["arms"]).unwrap();
    let places = model.vq.config().places;
    for wrist in [20, 21] {
        let most = (0..PARTS).max_by(|&a, &b| moved(a, wrist).total_cmp(&moved(b, wrist))).unwrap();
        assert!(
            canvas::is_of(arms, places, canvas::Place { person: 0, part: most, time: 0 }),
            "{wrist}: {most}"
        );
    }
}

#[test]
fn partners_are_made_for_either_person() {
    let mut model = mini();
    let source = source(&mut model);
    for (kept, role) in [(0, 0), (1, 1), (0, 1)] {
        let made = edited(&mut model, &source, Task::React(React { kept, role }), 5);
        for (new, old) in both(&made, &source) {
            assert_eq!(new.persons[role], old.persons[kept]);
            assert_ne!(new.persons[1 - role].positions, old.persons[1 - kept].positions);
        }
    }
}

#[test]
fn middles_of_any_length() {
    let mut model = mini();
    let source = source(&mut model);
    for middle in [24, 64] {
        let made = edited(&mut model, &source, Task::Between(Between { first: 32, middle, last: 24 }), 5);
        for (new, old) in both(&made, &source) {
            for who in 0..2 {
                let (new, old) = (&new.persons[who].positions, &old.persons[who].positions);
                assert_eq!(new[..20], old[..20]);
                assert_eq!(new[new.len() - 12..], old[old.len() - 12..]);
            }
        }
    }
}

#[test]
fn ends_of_four_frames_keep_their_outermost() {
    let mut model = mini();
    let source = source(&mut model);
    let made = edited(&mut model, &source, Task::Between(Between { first: 4, middle: 32, last: 4 }), 5);
    for (new, old) in both(&made, &source) {
        for who in 0..2 {
            let (new, old) = (&new.persons[who].positions, &old.persons[who].positions);
            assert_eq!((new[0], new[39]), (old[0], old[FRAMES - 1]), "person {who}");
        }
    }
}

/// Three stretches after the end: the last one beyond what the model can hold.
fn timeline() -> Task {
    let stretch = |prompt: &str, frames| Stretch { prompt: prompt.into(), frames };
    Task::Extend(vec![
        stretch("two people dance salsa", 96),
        stretch("one person waves", 96),
        stretch("two people walk", 64),
    ])
}

#[test]
fn clips_go_on_beyond_ten_seconds() {
    let mut model = mini();
    let source = source(&mut model);
    let made = edited(&mut model, &source, timeline(), 5);
    assert_eq!(made.motion.frames(), 352);
    assert!(made.tokens.is_none(), "longer than a model's maps");
    for (new, old) in both(&made, &source) {
        for who in 0..2 {
            assert_eq!(new.persons[who].positions[..80], old.persons[who].positions[..80]);
        }
    }
    // And a window of what came of it, encoded anew.
    let long = Source { motion: made.motion, foot_fixed: made.foot_fixed, tokens: None };
    let made = edited(&mut model, &long, Task::Window(window(200..240)), 6);
    for (new, old) in both(&made, &long) {
        assert_eq!(new.persons[0].positions[..192], old.persons[0].positions[..192]);
        assert_eq!(new.persons[1].positions[248..], old.persons[1].positions[248..]);
    }
}

/// The random weights of a fixture, which no training changes: its people do nothing that one could foresee.
fn small() -> InterMask {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/hub_layout");
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source");
    std::fs::create_dir_all(source.join("stats")).unwrap();
    let files = ["intermask_config.json", "vq_model.safetensors", "vq_opt.txt", "transformer_opt.txt"];
    for name in files.into_iter().chain(["stats/global_mean.npy", "stats/global_std.npy"]) {
        std::fs::copy(fixture.join(name), source.join(name)).unwrap();
    }
    // A vector for every word: the fixture has some, which are repeated.
    let transformer = fixture.join("transformer.safetensors");
    let mut weights = candle_core::safetensors::load(transformer, &Device::Cpu).unwrap();
    let words = weights.get_mut("clip_token_embedding.weight").unwrap();
    let copies = VOCABULARY.div_ceil(words.dim(0).unwrap());
    *words = Tensor::cat(&vec![words.clone(); copies], 0).unwrap().narrow(0, 0, VOCABULARY).unwrap();
    candle_core::safetensors::save(&weights, source.join("transformer.safetensors")).unwrap();
    let options = ImportOptions { text_heads: Some(4), text_head_heads: Some(4), ..Default::default() };
    import(&source, root.path(), "small", &options, &mut |_| ()).unwrap();
    InterMask::load(&Package::open(&root.path().join("small")).unwrap(), &Device::Cpu).unwrap()
}

#[test]
fn joins_are_no_faster_than_twice_the_rest() {
    let mut model = small();
    let source = source(&mut model);
    for seed in [5, 6] {
        // From where the new begins to take over to where the slowest limb has.
        let made = edited(&mut model, &source, timeline(), seed);
        for motion in [&made.motion, made.shown()] {
            [96, 192, 288].into_iter().for_each(|seam| seamless(motion, seam - 16..seam + 45));
        }
        let between = Task::Between(Between { first: 32, middle: 24, last: 24 });
        let made = edited(&mut model, &source, between, seed);
        [&made.motion, made.shown()].into_iter().for_each(|motion| seamless(motion, 20..68));
        let arms = BodyParts::named(["arms"]).unwrap();
        let made = edited(&mut model, &source, Task::Window(Window { parts: arms, ..window(40..56) }), seed);
        [&made.motion, made.shown()].into_iter().for_each(|motion| seamless(motion, 32..64));
    }
    let (_, made) = moved_window(&mut model);
    [&made.motion, made.shown()].into_iter().for_each(|motion| seamless(motion, 32..64));
}

#[test]
fn variations_keep_what_the_model_is_sure_of() {
    let mut model = mini();
    let source = source(&mut model);
    let kept = |made: &Sample| {
        let (new, old) = (made.tokens.as_ref().unwrap(), source.tokens.as_ref().unwrap());
        new.ids().iter().zip(old.ids()).filter(|(a, b)| a == b).count() as f64 / old.ids().len() as f64
    };
    let near = kept(&edited(&mut model, &source, Task::Vary(0.2), 5));
    let far = kept(&edited(&mut model, &source, Task::Vary(1.0), 5));
    assert!((0.8..1.0).contains(&near) && far < near, "{near} {far}");
}

/// One person elsewhere, and a window made anew of what came of it.
fn moved_window(model: &mut InterMask) -> (Source, Sample) {
    let source = source(model);
    let moved = Move { person: 0, shift: [1.0, -0.5], turn: 40.0, frames: 0..0 };
    let made = edited(model, &source, Task::Move(moved), 0);
    assert!(made.tokens.is_none());
    let moved = Source { motion: made.motion, foot_fixed: made.foot_fixed, tokens: None };
    let made = edited(model, &moved, Task::Window(window(40..56)), 3);
    (moved, made)
}

#[test]
fn moved_people_are_encoded_where_they_stand() {
    let (moved, made) = moved_window(&mut mini());
    for (new, old) in both(&made, &moved) {
        for who in 0..2 {
            let (new, old) = (&new.persons[who].positions, &old.persons[who].positions);
            assert_eq!(new[..32], old[..32]);
            let pelvis: f32 = (0..3).map(|c| (new[48][0][c] - old[48][0][c]).abs()).sum();
            assert!(pelvis < 0.8, "the new frames are where the person is: {pelvis}");
        }
    }
}

/// The weights of a part, the first number of one of them none: packages hold no such thing, memory that goes bad may.
fn damaged(part: Part, name: &str) -> VarBuilder<'static> {
    let mut weights = bundled().tensors(part).unwrap();
    let shape = weights[name].shape().clone();
    let mut numbers: Vec<f32> = weights[name].flatten_all().unwrap().to_vec1().unwrap();
    numbers[0] = f32::NAN;
    let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
    assert!(weights.insert(name.to_owned(), tensor).is_some());
    VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu)
}

#[test]
fn weights_that_went_bad_make_no_motion() {
    let mut model = mini();
    let source = source(&mut model);
    let refused = |model: &mut InterMask| {
        let how = GenerateRequest { frames: 16, steps: 2, ..how("two people bow to each other", 3) };
        let mut errors = vec![model.generate(&how, &mut |_, _| ControlFlow::Continue(())).unwrap_err()];
        for task in [Task::Window(window(40..56)), Task::Vary(0.2)] {
            let how = GenerateRequest { frames: FRAMES, ..how.clone() };
            let request = EditRequest { how, source: Arc::new(source.clone()), task };
            errors.push(model.edit(&request, &mut |_, _| ControlFlow::Continue(())).unwrap_err());
        }
        for error in errors {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "model_failure"));
            assert!(error.to_string().contains("numbers that are not finite"), "{error}");
        }
    };
    let config = model.model.config().clone();
    let transformer =
        InterM::new(&config, damaged(Part::Transformer, "output_process.poseFinal.bias")).unwrap();
    let sound = std::mem::replace(&mut model.model, transformer);
    refused(&mut model);
    model.model = sound;
    let config = model.vq.config().clone();
    model.vq = VqVae::new(&config, damaged(Part::Vq, "decoder.gcn_layer2.lin_l.bias")).unwrap();
    refused(&mut model);
}

/// Keeps what it is shown at every other step.
#[derive(Default)]
struct Watcher(Vec<(usize, Draft)>);

impl Onlooker for Watcher {
    fn wants(&mut self, done: usize) -> bool {
        done.is_multiple_of(2)
    }

    fn see(&mut self, done: usize, draft: Draft) {
        self.0.push((done, draft));
    }
}

#[test]
fn looking_on_shows_drafts_and_changes_nothing() {
    let mut model = mini();
    let request = GenerateRequest { samples: 2, ..how("two people dance salsa", 7) };
    let plain = model.generate(&request, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let mut watcher = Watcher::default();
    let shown = model.generate_shown(&request, &mut |_, _| ControlFlow::Continue(()), &mut watcher).unwrap();
    for (one, other) in plain.samples.iter().zip(&shown.samples) {
        assert_eq!((&one.motion, &one.foot_fixed), (&other.motion, &other.foot_fixed));
    }
    // Four steps of both samples: nothing before the first, the last is the result. The first sample is the one that is shown.
    let when: Vec<_> = watcher.0.iter().map(|(done, draft)| (*done, draft.sample)).collect();
    assert_eq!(when, [(2, 0), (4, 0), (6, 0)]);
    for (_, draft) in &watcher.0 {
        for (who, positions) in draft.positions.iter().enumerate() {
            assert_eq!(positions.len(), FRAMES);
            assert!(positions.iter().flatten().flatten().all(|number| number.is_finite()));
            // Half way it is near where it will be, and not there yet.
            let end = &plain.samples[draft.sample].motion.persons[who].positions;
            assert_ne!(positions, end);
            let apart: f32 = (0..FRAMES).map(|t| (positions[t][0][0] - end[t][0][0]).abs()).sum();
            assert!(apart / (FRAMES as f32) < 2.0, "{apart}");
        }
    }
}

#[test]
fn a_near_prompt_starts_from_what_is_remembered_and_a_strange_one_does_not() {
    let mut model = mini();
    let mut tokens = |prompt: &str, seed: u64, memory: Option<f32>| -> Vec<u32> {
        let request = GenerateRequest { memory, ..how(prompt, seed) };
        let made = model.generate(&request, &mut |_, _| ControlFlow::Continue(())).unwrap();
        made.samples[0].tokens.as_ref().unwrap().ids().to_vec()
    };
    let same = |a: &[u32], b: &[u32]| a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64;
    let near = "two people hug each other";
    let (usual, drawn) = (tokens(near, 3, None), tokens(near, 3, Some(0.0)));
    assert_eq!(usual, tokens(near, 3, Some(0.95)), "the share that the package names");
    let whole = tokens(near, 3, Some(1.0));
    assert!(same(&usual, &whole) > 0.9 && same(&drawn, &whole) < 0.5);
    assert_ne!(usual, tokens(near, 4, None));
    let strange = "the stock market crashes";
    assert_eq!(tokens(strange, 3, None), tokens(strange, 3, Some(0.0)));
    for (prompt, near) in [
        (near, true),
        ("After years apart, two friends met again and hugged tightly.", true),
        (strange, false),
    ] {
        let made = model.generate(&how(prompt, 3), &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!(made.familiarity.unwrap().near, near, "{prompt}");
    }
}
