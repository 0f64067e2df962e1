//! From a recipe and a folder of captures to a training folder.

use super::build::{Build, Fit, NewClip, SplitSummary, solve};
use super::capture::{Capture, play_at};
use super::clips::{Clip, plan};
use super::recipe::{Recipe, Split};
use crate::error::{Error, Result};
use crate::motion::{FPS, RawPerson};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// What a preparation made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the recipe.
    pub recipe: String,
    /// Takes read.
    pub takes: usize,
    /// Time covered by usable stretches, each counted once, hours.
    pub hours: f64,
    /// Per split.
    pub splits: BTreeMap<Split, SplitSummary>,
    /// Different words in the captions.
    pub vocabulary: usize,
    /// Forward kinematics of the solved rotations against the captured positions, millimetres.
    pub fit_mean_mm: f64,
    /// The worst joint of the worst frame, millimetres.
    pub fit_max_mm: f64,
    /// How the takes came to 30 frames a second, with the number of files.
    pub rates: BTreeMap<String, usize>,
    /// VQ-VAE windows of the training split.
    pub windows: usize,
    /// Channels whose deviation was raised to the floor.
    pub floored_channels: usize,
}

/// How far a preparation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// A take is being read: number (from 0), takes in all, its id.
    Take(usize, usize, &'a str),
    /// Statistics are being measured.
    Stats,
}

/// Make a training folder at `out` from the captures below `source`, all of it or nothing; the same input gives the same
/// bytes.
///
/// # Errors
/// Those of [`Build`] and of [`Capture::read`].
pub fn prepare(
    recipe: &Recipe,
    source: &Path,
    out: &Path,
    replace: bool,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Summary> {
    let mut build = Build::begin(out, replace)?;
    let taken = add(recipe, source, 1, &mut build, progress)?;
    progress(Step::Stats);
    let built = build.finish()?;
    let mut summary = Summary {
        recipe: recipe.name.clone(),
        takes: recipe.takes.len(),
        hours: taken.hours(),
        splits: built.splits,
        vocabulary: built.vocabulary,
        fit_mean_mm: built.fitted.mean_mm(),
        fit_max_mm: built.fitted.max_mm(),
        rates: taken.rates,
        windows: built.windows,
        floored_channels: built.floored_channels,
    };
    for (split, frames) in taken.distinct_frames {
        summary.splits.entry(split).or_default().distinct_frames = frames;
    }
    build.publish(&recipe.acknowledgment, &summary, out)?;
    Ok(summary)
}

/// What the takes of a recipe added to a folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// How the takes came to 30 frames a second, with the number of files.
    pub rates: BTreeMap<String, usize>,
    /// Frames of usable stretches, each counted once.
    pub distinct_frames: BTreeMap<Split, usize>,
}

impl Taken {
    /// Time covered by usable stretches, hours.
    pub fn hours(&self) -> f64 {
        self.distinct_frames.values().sum::<usize>() as f64 / f64::from(FPS) / 3600.0
    }
}

/// Add all clips of a recipe to a folder; whole stretches of training takes (not their crops and segments, which are only for
/// training on text) count `times` as often as the recipe says.
///
/// # Errors
/// Those of [`Capture::read`]; `recipe_frames` for a take without a clip; from the disk.
pub fn add(
    recipe: &Recipe,
    source: &Path,
    times: usize,
    build: &mut Build,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Taken> {
    let mut taken = Taken::default();
    for (number, take) in recipe.takes.iter().enumerate() {
        progress(Step::Take(number, recipe.takes.len(), &take.id));
        let capture = Capture::read(source, take)?;
        let clips = plan(recipe, take, &capture);
        if clips.is_empty() {
            let message = format!("take {}: no stretch is long enough for a clip", take.id);
            return Err(Error::invalid("recipe_frames", message));
        }
        for rate in &capture.rates {
            *taken.rates.entry(rate.to_string()).or_default() += 1;
        }
        let distinct = taken.distinct_frames.entry(take.split).or_default();
        *distinct += clips
            .iter()
            .filter(|clip| !clip.text_only && clip.speed == 1.0)
            .map(|clip| clip.frames.len())
            .sum::<usize>();
        let mut fit = Fit::default();
        let solved = Solved::new(&capture, capture.stretches(recipe, take), &mut fit)?;
        for clip in &clips {
            build.clip(&NewClip {
                meaning: "",
                id: &clip.id,
                split: take.split,
                persons: &solved.clip(clip, &mut fit)?,
                captions: &clip.captions,
                alone: [&[], &[]],
                text_only: clip.text_only,
                copies: take.copies * if clip.text_only || take.split != Split::Train { 1 } else { times },
            })?;
        }
        build.fitted(&fit);
    }
    Ok(taken)
}

/// The stretches of a take with rotations, each solved once and then sliced.
struct Solved<'a> {
    capture: &'a Capture,
    stretches: Vec<(Range<usize>, [RawPerson; 2])>,
}

impl<'a> Solved<'a> {
    fn new(capture: &'a Capture, stretches: Vec<Range<usize>>, fit: &mut Fit) -> Result<Self> {
        let mut solved = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let [first, second] = &capture.persons;
            let pair = [solve(&first[stretch.clone()], fit)?, solve(&second[stretch.clone()], fit)?];
            solved.push((stretch, pair));
        }
        Ok(Self { capture, stretches: solved })
    }

    fn clip(&self, clip: &Clip, fit: &mut Fit) -> Result<[RawPerson; 2]> {
        if clip.speed != 1.0 {
            let [first, second] = self.capture.persons.each_ref();
            return Ok([
                solve(&play_at(&first[clip.frames.clone()], clip.speed), fit)?,
                solve(&play_at(&second[clip.frames.clone()], clip.speed), fit)?,
            ]);
        }
        let (stretch, [first, second]) = &self.stretches[clip.stretch];
        let frames = clip.frames.start - stretch.start..clip.frames.end - stretch.start;
        match (first.slice(frames.clone()), second.slice(frames)) {
            (Some(first), Some(second)) => Ok([first, second]),
            _ => Err(Error::internal("data_clip", format!("clip {} lies outside its take", clip.id))),
        }
    }
}
