//! From recipe, captures and seed to a training folder.

use super::draws::Draws;
use super::library::Library;
use super::recipe::ComposeRecipe;
use super::scene::{Scene, Source};
use super::track::pace;
use crate::data::build::{Build, Fit, NewClip, SplitSummary, solve};
use crate::data::prepare;
use crate::data::recipe::{Recipe, Split};
use crate::error::{Error, Result};
use crate::motion::{FPS, RawPerson};
use crate::rng::CounterRng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Clips made between two reports of progress, and held in memory at once.
const BATCH: usize = 64;

/// How many times as fast a scene may be played to be as long as asked for, and the share of the scenes within reach that are.
const BRISK: f64 = 1.45;
const BRISK_SHARE: f64 = 0.75;

/// Families that are tried for one clip.
const FAMILIES_TRIED: usize = 12;

/// What to compose.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Weights, parameters and held-out takes.
    pub recipe: &'a ComposeRecipe,
    /// Folder of the two-person captures.
    pub pairs: &'a Path,
    /// Folder of the single-person captures.
    pub solo: &'a Path,
    /// Folder to make.
    pub out: &'a Path,
    /// Make it anew if it is there already.
    pub replace: bool,
    /// Another seed makes other clips.
    pub seed: u64,
    /// Composed clips.
    pub clips: usize,
    /// Most scenes that are a little longer are played so much faster that they are this long, frames: what is asked for in few seconds is
    /// to be shown whole.
    pub brisk: Option<usize>,
    /// Sentences that no caption may be: those that a model is to be measured with.
    pub held_out: &'a [String],
}

/// How far a composition is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Real pairs: takes done and in all.
    Pairs(usize, usize),
    /// The single-person takes are being read.
    Library,
    /// Clips done and in all.
    Clips(usize, usize),
    /// Statistics are being measured.
    Stats,
}

/// What a composition made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the recipe.
    pub recipe: String,
    /// The seed.
    pub seed: u64,
    /// Time of all clips that a VQ-VAE sees, hours of two people; real pairs as often as the recipe has them.
    pub hours: f64,
    /// Minutes of different single-person capture that clips are composed of.
    pub solo_minutes: f64,
    /// Different words in the captions.
    pub vocabulary: usize,
    /// Scenes that were refused since people would have been in each other's way or would not have fitted together.
    pub rejected: usize,
    /// Forward kinematics of the solved rotations against the positions, millimetres.
    pub fit_mean_mm: f64,
    /// The worst joint of the worst frame, millimetres.
    pub fit_max_mm: f64,
    /// VQ-VAE windows of the training split.
    pub windows: usize,
    /// Channels whose deviation was raised to the floor.
    pub floored_channels: usize,
    /// Share of frames by where they come from: `real`, `composed`, `layered`.
    pub shares: BTreeMap<&'static str, f64>,
    /// Per split.
    pub splits: BTreeMap<Split, SplitSummary>,
    /// Composed clips per family.
    pub families: BTreeMap<String, usize>,
    /// Share of each family among composed clips.
    pub family_shares: BTreeMap<String, f64>,
}

/// A clip, ready to be written.
struct Made {
    scene: Scene,
    split: Split,
    persons: [RawPerson; 2],
    fit: Fit,
    origin: &'static str,
}

/// Make a training folder of real and composed pairs, all of it or nothing; the same input gives the same bytes.
///
/// # Errors
/// Those of [`Build`], [`prepare::add`] and [`Library::read`]; `compose_no_scene` where a family's scenes are all refused.
pub fn compose(inputs: &Inputs<'_>, progress: &mut dyn FnMut(Step)) -> Result<Summary> {
    let recipe = inputs.recipe;
    let mut build = Build::begin(inputs.out, inputs.replace)?;
    build.hold_out(inputs.held_out.iter().map(String::as_str));
    let mut pairs = Recipe::load(&recipe.pairs)?;
    if let Some(unknown) = recipe.without.iter().find(|id| pairs.takes.iter().all(|take| take.id != **id)) {
        return Err(Error::invalid(
            "recipe_invalid",
            format!(
                "the recipe of composition leaves out take {unknown}, which {} does not have",
                recipe.pairs
            ),
        ));
    }
    pairs.takes.retain(|take| !recipe.without.contains(&take.id));
    progress(Step::Library);
    let library = Library::read(inputs.solo, &recipe.held)?;
    let taken = prepare::add(&pairs, inputs.pairs, recipe.pair_copies, &mut build, &mut |step| {
        if let prepare::Step::Take(done, all, _) = step {
            progress(Step::Pairs(done, all));
        }
    })?;

    let of = |split| super::sources(&library, recipe, split);
    let sources = [of(Split::Train)?, of(Split::Val)?, of(Split::Test)?];
    check_families(recipe, &sources[0])?;
    let rng = CounterRng::new(inputs.seed, "compose");
    let mut families: BTreeMap<String, usize> = BTreeMap::new();
    let mut frames: BTreeMap<&'static str, usize> = BTreeMap::new();
    let times = |split: &Split| if *split == Split::Train { recipe.pair_copies } else { 1 };
    let real: usize = taken.distinct_frames.iter().map(|(split, count)| count * times(split)).sum();
    frames.insert("real", real);
    let mut composed: BTreeMap<Split, usize> = BTreeMap::new();
    for start in (0..inputs.clips).step_by(BATCH) {
        progress(Step::Clips(start, inputs.clips));
        let batch: Vec<Made> = (start..(start + BATCH).min(inputs.clips))
            .into_par_iter()
            .map(|index| make(inputs, &sources, Draws::new(rng.nth(index as u64))))
            .collect::<Result<_>>()?;
        for (offset, made) in batch.into_iter().enumerate() {
            let id = format!("{}-{:05}", made.scene.family.replace(' ', "-"), start + offset);
            build.clip(&NewClip {
                id: &id,
                split: made.split,
                persons: &made.persons,
                captions: &made.scene.facts.captions,
                alone: made.scene.facts.persons.each_ref().map(Vec::as_slice),
                meaning: &made.scene.facts.meaning,
                text_only: false,
                copies: 1,
            })?;
            build.fitted(&made.fit);
            let length = made.scene.tracks[0].len();
            *families.entry(made.scene.family.to_owned()).or_default() += 1;
            *frames.entry(made.origin).or_default() += length;
            *composed.entry(made.split).or_default() += length;
        }
    }

    progress(Step::Stats);
    let built = build.finish()?;
    let all: usize = frames.values().sum();
    let mut summary = Summary {
        recipe: recipe.name.clone(),
        seed: inputs.seed,
        hours: all as f64 / f64::from(FPS) / 3600.0,
        solo_minutes: library.seconds / 60.0,
        vocabulary: built.vocabulary,
        rejected: sources.iter().flatten().map(|source| source.rejected()).sum(),
        fit_mean_mm: built.fitted.mean_mm(),
        fit_max_mm: built.fitted.max_mm(),
        windows: built.windows,
        floored_channels: built.floored_channels,
        shares: frames.iter().map(|(origin, count)| (*origin, *count as f64 / all.max(1) as f64)).collect(),
        splits: built.splits,
        family_shares: families
            .iter()
            .map(|(family, count)| (family.clone(), *count as f64 / inputs.clips.max(1) as f64))
            .collect(),
        families,
    };
    for (split, part) in &mut summary.splits {
        let of = |counted: &BTreeMap<Split, usize>| counted.get(split).copied().unwrap_or(0);
        part.distinct_frames = of(&taken.distinct_frames) + of(&composed);
    }
    build.publish(&recipe.acknowledgment, &summary, inputs.out)?;
    Ok(summary)
}

/// Every family of the recipe is one that can be made.
fn check_families(recipe: &ComposeRecipe, sources: &[Box<dyn Source + '_>]) -> Result<()> {
    let known = |family: &str| sources.iter().any(|source| source.family() == family);
    match recipe.families.iter().find(|(family, weight)| **weight > 0.0 && !known(family)) {
        Some((family, _)) => {
            let message = format!("the recipe of composition is wrong: there is no family \"{family}\"");
            Err(Error::invalid("recipe_invalid", message))
        }
        None => Ok(()),
    }
}

/// One clip: which part of the data set, which family, which scene.
fn make(inputs: &Inputs<'_>, sources: &[Vec<Box<dyn Source + '_>>; 3], mut draws: Draws) -> Result<Made> {
    let recipe = inputs.recipe;
    let part = draws.weighted(&[1.0 - recipe.val - recipe.test, recipe.val, recipe.test]);
    let (split, sources) = (Split::ALL[part], &sources[part]);
    let weights: Vec<f64> = sources.iter().map(|source| source.weight()).collect();
    let mut refused = None;
    // With few held-out takes a family may have nothing that fits together; another one then takes its place.
    for _ in 0..FAMILIES_TRIED {
        let Some(source) = sources.get(draws.weighted(&weights)) else { break };
        let scene = match source.make(&mut draws) {
            Ok(scene) => brisk(scene, inputs.brisk, &mut draws),
            Err(error) if error.code() == "compose_no_scene" => {
                refused = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        check(&scene)?;
        let mut fit = Fit::default();
        let persons = [solve(&scene.tracks[0], &mut fit)?, solve(&scene.tracks[1], &mut fit)?];
        return Ok(Made { scene, split, persons, fit, origin: source.origin() });
    }
    Err(refused.unwrap_or_else(|| {
        let message = format!("the recipe leaves no family for the {} split", split.name());
        Error::invalid("recipe_invalid", message)
    }))
}

/// A scene that is a little longer than `frames`, as long as that.
fn brisk(mut scene: Scene, frames: Option<usize>, draws: &mut Draws) -> Scene {
    let Some(frames) = frames else { return scene };
    let speed = scene.tracks[0].len() as f64 / frames as f64;
    if speed > 1.0 && speed <= BRISK && draws.chance(BRISK_SHARE) {
        scene.tracks = scene.tracks.map(|track| {
            let mut faster = pace(&track, speed);
            faster.truncate(frames);
            faster
        });
    }
    scene
}

/// What every scene must be, whoever made it.
fn check(scene: &Scene) -> Result<()> {
    let [first, second] = &scene.tracks;
    let finite = scene.tracks.iter().flatten().flatten().flatten().all(|value| value.is_finite());
    if first.len() != second.len() || first.len() < 2 || !finite || scene.facts.captions.is_empty() {
        let message = format!("family {} made a scene that is none", scene.family);
        return Err(Error::internal("compose_scene", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::compose::scene::Facts;
    use crate::data::compose::track::tests::stroll;

    #[test]
    fn what_is_a_little_too_long_is_played_faster_and_the_rest_is_left_alone() {
        let scene = |frames| {
            let track = stroll(frames);
            Scene { family: "walk", tracks: [track.clone(), track], facts: Facts::default() }
        };
        let lengths = |frames: usize, asked: Option<usize>| -> BTreeMap<usize, usize> {
            let mut counts = BTreeMap::new();
            for seed in 0..60 {
                let mut draws = Draws::new(CounterRng::new(seed, "brisk"));
                let made = brisk(scene(frames), asked, &mut draws);
                assert_eq!(made.tracks[0].len(), made.tracks[1].len());
                *counts.entry(made.tracks[0].len()).or_default() += 1;
            }
            counts
        };
        let some = lengths(120, Some(88));
        assert_eq!(some.keys().copied().collect::<Vec<_>>(), [88, 120]);
        assert!((36..55).contains(&some[&88]), "three quarters: {some:?}");
        for (frames, asked) in [(88, Some(88)), (60, Some(88)), (128, Some(88)), (120, None)] {
            assert_eq!(lengths(frames, asked), BTreeMap::from([(frames, 60)]), "{frames}");
        }
        // Both ends of the walk are where they were.
        let fast = (0..60)
            .map(|seed| brisk(scene(120), Some(88), &mut Draws::new(CounterRng::new(seed, "brisk"))))
            .find(|made| made.tracks[0].len() == 88)
            .unwrap();
        let (fast, slow) = (&fast.tracks[0], &stroll(120));
        let gap =
            |a: &crate::data::capture::Joints, b: &crate::data::capture::Joints| (a[0][2] - b[0][2]).abs();
        assert!(gap(&fast[0], &slow[0]) < 1e-9 && gap(&fast[87], &slow[119]) < 0.05);
    }
}
