//! The segments of the manifest, read from the captures and brought into one frame: floor at 0, pelvis of frame 0 above the
//! origin, front along +z, left along +x.

use super::draws::Draws;
use super::manifest::{Kind, Manifest, Segment};
use super::recipe::Held;
use super::scene::Track;
use super::track;
use crate::data::capture::{FEET, FLOOR_SHARE, percentile};
use crate::data::legs;
use crate::data::recipe::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::bvh::{Bvh, Mapping};
use crate::motion::FPS;
use crate::motion::mirror::{CaptionRule, mirror_caption};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Metres per unit of the single-person release: 1.35 / 128, with which its bones are as long as those of the two-person takes.
const SCALE: f64 = 1.35 / 128.0;
/// A rest pose and the blend out of it.
const DROP: usize = 9;

/// One segment, ready for use.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Key of its action.
    pub action: String,
    /// Where it may be used.
    pub kind: Kind,
    /// What it is called, verbs marked.
    pub phrases: Vec<String>,
    /// The motion.
    pub track: Track,
    /// It begins near a standing pose.
    pub hold_start: bool,
    /// It ends near a standing pose.
    pub hold_end: bool,
    /// See [`Segment::repeats`].
    pub repeats: f64,
    /// Part of the data set that its take belongs to.
    pub split: Split,
}

impl Piece {
    /// The same in the mirror, in motion and in words.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        Self {
            track: track::mirror(&self.track),
            phrases: self.phrases.iter().map(|phrase| mirror_caption(phrase, CaptionRule::Words)).collect(),
            ..self.clone()
        }
    }
}

/// All pieces.
#[derive(Clone, Debug, Default)]
pub struct Library {
    pieces: Vec<Piece>,
    /// Seconds of motion, each frame of a take counted once.
    pub seconds: f64,
    /// Takes read.
    pub takes: usize,
}

impl Library {
    /// Read the takes of the manifest below `folder`: `bvh/13_18.bvh.gz`, `bvh/13_18.bvh`, or the same without `bvh/`.
    ///
    /// # Errors
    /// `solo_missing` where takes are not there, saying which and where they come from; those of [`Bvh::read`] and [`Mapping`].
    pub fn read(folder: &Path, held: &Held) -> Result<Self> {
        let manifest = Manifest::builtin()?;
        let mut takes: BTreeMap<&str, Vec<&Segment>> = BTreeMap::new();
        for segment in &manifest.segments {
            takes.entry(&segment.take).or_default().push(segment);
        }
        let missing: Vec<&str> = takes.keys().copied().filter(|take| find(folder, take).is_none()).collect();
        if let Some(first) = missing.first() {
            let message = format!(
                "{} of {} single-person takes are not below {} (the first is {first}: bvh/{first}.bvh or bvh/{first}.bvh.gz); \
                 `duet data compose --help` says where they come from",
                missing.len(),
                takes.len(),
                folder.display()
            );
            return Err(Error::new(ErrorKind::NotFound, "solo_missing", message));
        }
        let mapping = Mapping::builtin("daz")?.with_scale(SCALE)?.with_drop(DROP);
        let list: Vec<_> = takes.iter().collect();
        let read: Vec<(usize, Vec<Piece>)> = list
            .par_iter()
            .map(|(take, segments)| {
                let poses = read_take(folder, take, &mapping)?;
                let mut used = vec![false; poses.len()];
                let mut pieces = Vec::new();
                for segment in *segments {
                    let (from, to) = frames(segment, poses.len())?;
                    used[from..to].fill(true);
                    let action = &manifest.actions[&segment.action];
                    pieces.push(Piece {
                        action: segment.action.clone(),
                        kind: action.kind,
                        phrases: action.phrases.clone(),
                        track: normalise(&poses[from..to], segment, action.kind),
                        hold_start: segment.hold_start,
                        hold_end: segment.hold_end,
                        repeats: segment.repeats.unwrap_or(1.0),
                        split: held.split(take),
                    });
                }
                Ok((used.iter().filter(|used| **used).count(), pieces))
            })
            .collect::<Result<_>>()?;
        let frames: usize = read.iter().map(|(used, _)| used).sum();
        Ok(Self {
            pieces: read.into_iter().flat_map(|(_, pieces)| pieces).collect(),
            seconds: frames as f64 / f64::from(FPS),
            takes: takes.len(),
        })
    }

    /// Of pieces made elsewhere, for tests.
    #[cfg(test)]
    pub fn of(pieces: Vec<Piece>) -> Self {
        Self { pieces, seconds: 0.0, takes: 0 }
    }

    /// Pieces of a split and of one of some kinds.
    pub fn of_kinds<'a>(&'a self, split: Split, kinds: &'a [Kind]) -> impl Iterator<Item = &'a Piece> {
        self.pieces.iter().filter(move |piece| piece.split == split && kinds.contains(&piece.kind))
    }

    /// A piece of one of some kinds: first an action, then a segment of it, so that the many walks do not outweigh the one wave;
    /// half of them in the mirror.
    pub fn pick(&self, split: Split, kinds: &[Kind], draws: &mut Draws) -> Option<Piece> {
        self.pick_where(split, |piece| kinds.contains(&piece.kind), draws)
    }

    /// A piece that fits, drawn likewise.
    pub fn pick_where(
        &self,
        split: Split,
        fits: impl Fn(&Piece) -> bool,
        draws: &mut Draws,
    ) -> Option<Piece> {
        let mut by_action: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
        for piece in self.pieces.iter().filter(|piece| piece.split == split && fits(piece)) {
            by_action.entry(&piece.action).or_default().push(piece);
        }
        let lists: Vec<_> = by_action.into_values().collect();
        if lists.is_empty() {
            return None;
        }
        let list = &lists[draws.below(lists.len())];
        let piece = *draws.choice(list);
        Some(if draws.chance(0.5) { piece.mirrored() } else { piece.clone() })
    }
}

fn find(folder: &Path, take: &str) -> Option<PathBuf> {
    ["bvh/", ""]
        .iter()
        .flat_map(|below| ["bvh.gz", "bvh"].map(|ending| folder.join(format!("{below}{take}.{ending}"))))
        .find(|path| path.is_file())
}

/// Poses at 30 frames a second, floor at 0.
fn read_take(folder: &Path, take: &str, mapping: &Mapping) -> Result<Track> {
    let path = find(folder, take).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "solo_missing", format!("take {take} is not there"))
    })?;
    let bvh = Bvh::read(&path)?;
    let mut poses = mapping
        .bind(&bvh)
        .and_then(|bound| bound.convert())
        .map_err(|error| Error::new(error.kind(), error.code(), format!("{} {error}", path.display())))?
        .positions;
    let lowest =
        |pose: &[[f64; 3]; 22]| FEET.map(|foot| pose[foot][1]).into_iter().fold(f64::INFINITY, f64::min);
    let floor = percentile(poses.iter().map(lowest).collect(), FLOOR_SHARE);
    poses.iter_mut().flatten().for_each(|joint| joint[1] -= floor);
    if let Some(as_told) = mapping.legs() {
        legs::straighten(&mut poses, as_told);
    }
    Ok(poses)
}

fn frames(segment: &Segment, length: usize) -> Result<(usize, usize)> {
    let at = |seconds: f64| (seconds * f64::from(FPS)).round() as usize;
    let (from, to) = (at(segment.start), at(segment.end).min(length));
    if from + 2 > to {
        let message = format!(
            "take {} has only {length} frames; its segment at {} s is not in it",
            segment.take, segment.start
        );
        return Err(Error::corrupt("solo_length", message));
    }
    Ok((from, to))
}

/// Floor at 0, pelvis of frame 0 above the origin, front along +z. The front is where a blow goes, where a walk leads, and
/// otherwise where the person faces on average.
fn normalise(poses: &[[[f64; 3]; 22]], segment: &Segment, kind: Kind) -> Track {
    let mut poses = poses.to_vec();
    poses.iter_mut().flatten().for_each(|joint| joint[1] -= segment.ground);
    let (first, last) = (&poses[0], &poses[poses.len() - 1]);
    let travel = [last[0][0] - first[0][0], last[0][2] - first[0][2]];
    let front = match (segment.aim, kind) {
        (Some(aim), _) => track::facing(first) + aim.to_radians(),
        (None, Kind::Walk | Kind::Run | Kind::Dribble | Kind::Jump) => travel[0].atan2(travel[1]),
        (None, Kind::Back) => (-travel[0]).atan2(-travel[1]),
        (None, Kind::Curve | Kind::Turn | Kind::Kick) => track::facing(first),
        _ => track::mean_facing(&poses),
    };
    let [x, _, z] = first[0];
    track::shift(&mut poses, [-x, -z]);
    track::turn(&mut poses, -front);
    poses
}
