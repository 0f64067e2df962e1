//! What must hold of every gesture, over many seeds, on a made-up body.

use super::*;
use crate::data::capture::Joints;
use crate::data::compose::scene::Track;
use crate::motion::JOINTS;
use crate::motion::kinematics::{forward, tests::rest_bones};
use crate::motion::rotation::Quat;
use crate::motion::skeleton::PARENTS;
use crate::motion::vector::{norm, sub};
use crate::rng::CounterRng;

/// A made-up person: sways while standing, swings legs and arms while walking.
pub(super) struct MadeUp;

fn pose(at: [f64; 3], stride: f64, arms: f64, sway: f64) -> Joints {
    let x = [1.0, 0.0, 0.0];
    let mut local = [Quat::IDENTITY; JOINTS - 1];
    let mut set = |joint: usize, turn: Quat| local[joint - 1] = turn;
    set(1, Quat::about(x, -0.1 - stride));
    set(2, Quat::about(x, -0.1 + stride));
    set(4, Quat::about(x, 0.2 + 0.2 * stride.abs()));
    set(5, Quat::about(x, 0.2 + 0.2 * stride.abs()));
    set(3, Quat::about([0.3, 0.0, 1.0], 0.02 * sway));
    set(16, Quat::about([0.0, 0.0, 1.0], -1.35).after(Quat::about([0.0, 1.0, 0.0], arms)));
    set(17, Quat::about([0.0, 0.0, 1.0], 1.35).after(Quat::about([0.0, 1.0, 0.0], arms)));
    set(18, Quat::about([0.0, 1.0, 0.0], -0.3));
    set(19, Quat::about([0.0, 1.0, 0.0], 0.3));
    let mut pose = forward(&rest_bones(), at, Quat::IDENTITY, &local);
    // The lower foot is on the floor.
    let lowest = pose[10][1].min(pose[11][1]);
    pose.iter_mut().for_each(|p| p[1] -= lowest);
    pose
}

impl Bases for MadeUp {
    fn standing(&self, draws: &mut Draws) -> Track {
        let phase = draws.uniform(0.0, 6.0);
        // From foot to foot and to and fro, and the upper body with it.
        let at = |t: usize| (phase + 0.07 * t as f64).sin_cos();
        (0..90).map(|t| pose([0.02 * at(t).0, 0.93, 0.015 * at(t).1], 0.0, 0.0, at(t).0)).collect()
    }

    fn walking(&self, _: &mut Draws) -> Track {
        let at = |t: usize| [0.0, 0.92, 0.04 * t as f64];
        (0..90)
            .map(|t| pose(at(t), 0.35 * (0.2 * t as f64).sin(), 0.2 * (0.2 * t as f64).sin(), 0.0))
            .collect()
    }
}

pub(super) fn made(source: &dyn Source, seed: u64) -> Scene {
    let rng = CounterRng::new(seed, "gesture test").fork(source.family());
    source.make(&mut Draws::new(rng)).unwrap()
}

fn each(seeds: u64, check: impl Fn(&Scene, u64)) {
    let bases: Arc<dyn Bases> = Arc::new(MadeUp);
    for source in sources(&bases, |_| 1.0) {
        for seed in 0..seeds {
            check(&made(source.as_ref(), seed), seed);
        }
    }
}

/// Smallest distance over the frames between a joint of each.
fn nearest(scene: &Scene, a: usize, b: usize) -> f64 {
    let [first, second] = &scene.tracks;
    first.iter().zip(second).map(|(p, q)| norm(sub(p[a], q[b]))).fold(f64::INFINITY, f64::min)
}

#[test]
fn every_gesture_is_told_in_words_of_the_files_too() {
    let own = crate::data::compose::wordings::tests::own_words();
    let bases: Arc<dyn Bases> = Arc::new(MadeUp);
    for source in sources(&bases, |_| 1.0) {
        let is_told = (0..12).any(|seed| {
            let captions = made(source.as_ref(), seed).facts.captions;
            captions.iter().flat_map(|caption| caption.split(' ')).any(|word| own.contains(word))
        });
        assert!(is_told, "{}", source.family());
    }
}

#[test]
fn bones_keep_their_lengths_and_joints_their_limits() {
    each(12, |scene, seed| {
        let name = format!("{} {seed}", scene.family);
        assert_eq!(scene.tracks[0].len(), scene.tracks[1].len(), "{name}");
        assert!(scene.tracks[0].len() >= 40 && scene.tracks[0].len() < 450, "{name}");
        for track in &scene.tracks {
            let length =
                |pose: &Joints, j: usize| PARENTS[j].map_or(0.0, |parent| norm(sub(pose[j], pose[parent])));
            for (t, pose) in track.iter().enumerate() {
                for j in 1..JOINTS {
                    let change = (length(pose, j) - length(&track[0], j)).abs();
                    assert!(change < 1e-6, "{name}: bone {j} changes by {change} in frame {t}");
                }
                let facing = pose::world(pose::heading(pose), [0.0, 0.0, 1.0]);
                for leg in [1, 2] {
                    // Knees bend forward only.
                    let line = pose::mix(pose[leg], pose[leg + 6], 0.5);
                    let out = crate::motion::vector::dot(sub(pose[leg + 3], line), facing);
                    assert!(out > -0.06, "{name}: knee {leg} by {out} in frame {t}");
                }
                assert!(pose.iter().all(|p| p[1] > -0.03), "{name}: below the floor in frame {t}");
            }
            for (t, pair) in track.windows(2).enumerate() {
                for (j, (from, to)) in pair[0].iter().zip(&pair[1]).enumerate() {
                    let speed = norm(sub(*to, *from)) * 30.0;
                    assert!(speed < 8.0, "{name}: joint {j} at {speed} m/s in frame {t}");
                }
            }
        }
    });
}

#[test]
fn planted_feet_stay() {
    each(12, |scene, seed| {
        for track in &scene.tracks {
            let walked = norm(sub(track[track.len() - 1][0], track[0][0]));
            let planted = [10, 11].map(|toe| {
                // A foot that is flat on the floor, by its toes and its ankle, in one run of frames.
                let (mut since, mut planted): (Option<[f64; 3]>, usize) = (None, 0);
                for (t, pose) in track.iter().enumerate() {
                    // Made-up walking slides by itself: its feet are not at the height of planted ones.
                    let flat = (pose[toe][1] - 0.015).abs() < 0.002 && pose[toe - 3][1] < 0.092;
                    planted += usize::from(flat);
                    since = flat.then(|| since.unwrap_or(pose[toe]));
                    if let Some(start) = since {
                        let slid = (pose[toe][0] - start[0]).hypot(pose[toe][2] - start[2]);
                        assert!(slid < 0.02, "{} {seed}: toe {toe} slid {slid} by frame {t}", scene.family);
                    }
                }
                planted
            });
            let feet = planted.iter().filter(|frames| **frames > 10).count();
            assert!(
                walked > 1.0 || feet == 2 || knelt(track) > 10,
                "{} {seed}: feet are hardly ever planted: {planted:?} of {} frames",
                scene.family,
                track.len()
            );
        }
    });
}

/// Frames in which one knee is down.
fn knelt(track: &Track) -> usize {
    track.iter().filter(|pose| pose[4][1].min(pose[5][1]) < ON_KNEE).count()
}

/// A knee below this is on the floor, metres: its joint is 6 cm above what touches.
const ON_KNEE: f64 = 0.075;

#[test]
fn who_kneels_stays_on_knee_toes_and_the_other_foot() {
    each(12, |scene, seed| {
        for track in &scene.tracks {
            for (knee, other) in [(4, 5), (5, 4)] {
                let on_floor = |pose: &Joints| {
                    // Knee and toes of the one leg; ankle and toes of the other.
                    [knee, knee + 6, other + 3, other + 6].map(|j| pose[j])
                };
                for down in track.chunk_by(|a, b| (a[knee][1] < ON_KNEE) == (b[knee][1] < ON_KNEE)) {
                    if down[0][knee][1] >= ON_KNEE {
                        continue;
                    }
                    let middle = on_floor(&down[down.len() / 2]);
                    let name = format!("{} {seed}", scene.family);
                    assert!(middle[0][1] > 0.03 && middle[1][1] < 0.05, "{name}: {middle:?}");
                    assert!(middle[2][1] < 0.1 && middle[3][1] < 0.03, "{name}: {middle:?}");
                    for (t, pose) in down.iter().enumerate() {
                        for (now, then) in on_floor(pose).iter().zip(middle) {
                            let slid = (now[0] - then[0]).hypot(now[2] - then[2]);
                            assert!(slid < 0.02, "{name}: slid {slid} in frame {t} of {}", down.len());
                        }
                    }
                }
            }
        }
        if ["kneel", "propose"].contains(&scene.family) {
            let most = scene.tracks.iter().map(knelt).max();
            assert!(most > Some(10), "{} {seed}: nobody kneels: {most:?} frames", scene.family);
        }
    });
}

#[test]
fn named_hands_meet() {
    let bases: Arc<dyn Bases> = Arc::new(MadeUp);
    for source in sources(&bases, |_| 1.0).iter().filter(|s| {
        ["handshake", "high-five", "fist-bump", "pull", "pass-object", "tug"].contains(&s.family())
    }) {
        for seed in 0..20 {
            let scene = made(source.as_ref(), seed);
            let said = scene.facts.captions.join(" ");
            // People also leave: only a hand has a side.
            let names = |side: &str| {
                let hands = [" hand", "-hand", " fist", "-fist", " palm", " arm", " high", "-high"];
                said.match_indices(side)
                    .any(|(at, _)| hands.iter().any(|h| said[at + side.len()..].starts_with(h)))
            };
            let gap = match (names("left"), names("right")) {
                (true, false) => nearest(&scene, 20, 20),
                (false, true) => nearest(&scene, 21, 21),
                (true, true) => nearest(&scene, 20, 21).min(nearest(&scene, 21, 20)),
                _ if scene.family == "pull" => nearest(&scene, 20, 21).max(nearest(&scene, 21, 20)),
                // Whose hand it is is left open.
                (false, false) => {
                    let pairs = [(20, 20), (20, 21), (21, 20), (21, 21)];
                    pairs.map(|(a, b)| nearest(&scene, a, b)).into_iter().fold(f64::INFINITY, f64::min)
                }
            };
            assert!((0.05..0.15).contains(&gap), "{} {seed}: {gap} m apart: {said}", scene.family);
        }
    }
}

#[test]
fn people_who_meet_come_from_afar_and_touch_before_they_part() {
    let bases: Arc<dyn Bases> = Arc::new(MadeUp);
    let list = sources(&bases, |_| 1.0);
    let handshake = list.iter().find(|source| source.family() == "handshake").unwrap();
    let (mut whole, mut told) = (0, 0);
    for seed in 0..60 {
        let scene = made(handshake.as_ref(), seed);
        let [first, second] = &scene.tracks;
        let gaps: Vec<f64> = first.iter().zip(second).map(|(p, q)| norm(sub(p[0], q[0]))).collect();
        let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
        let (start, end) = (gaps[0] - least, gaps[gaps.len() - 1] - least);
        if start > 1.0 && end > 0.25 {
            whole += 1;
            let says =
                |words: &[&str]| scene.facts.captions.iter().any(|c| words.iter().any(|w| c.contains(w)));
            let come = says(&["walk", "approach", "meet", "came", "come", "coming", "met", "step", "go"]);
            told += usize::from(come && says(&["hand"]));
        }
    }
    assert!(whole >= 8, "{whole} of 60 scenes come, shake hands and part");
    assert_eq!(told, whole, "captions tell of coming");
}

#[test]
fn captions_are_many_and_differ() {
    each(12, |scene, seed| {
        let captions = &scene.facts.captions;
        assert!((3..=8).contains(&captions.len()), "{} {seed}: {captions:?}", scene.family);
        assert!(captions.iter().all(|c| !c.contains(['[', '{', '|'])), "{captions:?}");
        assert!(scene.facts.persons.iter().all(|p| !p.is_empty()), "{} {seed}", scene.family);
    });
}
