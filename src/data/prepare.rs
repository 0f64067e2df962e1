//! From a recipe and a folder of captures to a training folder.

use super::capture::{Capture, Joints, play_at};
use super::clips::{Clip, plan};
use super::folder::Folder;
use super::interhuman::VqWindows;
use super::recipe::{Recipe, Split, Take};
use crate::error::{Error, Result};
use crate::formats::npy;
use crate::motion::raw::FILE_WIDTH;
use crate::motion::{FEATURES, FPS, Features, Person, Pose, RawPerson, Stats, kinematics};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

/// Smallest standard deviation that is written: channels that (nearly) never change, such as the rotation of a wrist
/// without a hand, are not blown up by it. Metres, metres per frame, or entries of a rotation matrix.
pub const STD_FLOOR: f32 = 0.005;

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

/// One split of a [`Summary`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SplitSummary {
    /// Clips, each counted once.
    pub clips: usize,
    /// Frames of all clips (they overlap).
    pub frames: usize,
    /// Frames of usable stretches.
    pub distinct_frames: usize,
    /// Captions.
    pub captions: usize,
}

/// How far a preparation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// A take is being read: number (from 0), takes in all, its id.
    Take(usize, usize, &'a str),
    /// Statistics are being measured.
    Stats,
}

/// Make a training folder at `out` from the captures below `source`. The folder is built beside `out` and renamed, so
/// that there is a whole one or none; the same input gives the same bytes.
///
/// # Errors
/// `data_exists` when there is something at `out` and `replace` is false, or when `replace` would remove something that
/// is no training folder; those of [`Capture::read`]; from the disk.
pub fn prepare(
    recipe: &Recipe,
    source: &Path,
    out: &Path,
    replace: bool,
    progress: &mut dyn FnMut(Step<'_>),
) -> Result<Summary> {
    check_target(out, replace)?;
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
    let building = tempfile::Builder::new()
        .prefix(".duet-data-")
        .tempdir_in(parent)
        .map_err(|error| Error::io("create a folder in", parent, error))?;
    let summary = build(recipe, source, building.path(), progress)?;
    publish(building, out)?;
    Ok(summary)
}

fn check_target(out: &Path, replace: bool) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let ours = Folder::open(out).is_ok();
    let message = match (replace, ours) {
        (true, true) => return Ok(()),
        (false, true) => {
            format!("{} is already a training folder; add --replace to make it anew", out.display())
        }
        (_, false) => {
            format!("there is already something at {}; name a folder that does not exist", out.display())
        }
    };
    Err(Error::invalid("data_exists", message))
}

/// Put the finished folder in place of whatever `check_target` allowed.
fn publish(building: tempfile::TempDir, out: &Path) -> Result<()> {
    make_readable(building.path())?;
    let io = |action: &'static str| move |error| Error::io(action, out, error);
    let old = building.path().with_extension("old");
    let replaced = out.exists();
    if replaced {
        std::fs::rename(out, &old).map_err(io("move aside"))?;
    }
    if let Err(error) = std::fs::rename(building.path(), out) {
        if replaced {
            // Best effort: the first failure is the one to report.
            let _ = std::fs::rename(&old, out);
        }
        return Err(Error::io("create", out, error));
    }
    // It has moved: nothing is left to delete on drop.
    let _ = building.keep();
    if replaced {
        std::fs::remove_dir_all(&old).map_err(|error| Error::io("remove", &old, error))?;
    }
    Ok(())
}

/// Temporary folders are private to their owner; a finished one follows the usual rule.
#[cfg(unix)]
fn make_readable(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| Error::io("change", folder, error))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> Result<()> {
    Ok(())
}

fn build(recipe: &Recipe, source: &Path, root: &Path, progress: &mut dyn FnMut(Step<'_>)) -> Result<Summary> {
    let writer = Writer { root };
    for part in ["motions_processed/person1", "motions_processed/person2", "annots", "split", "stats"] {
        writer.folder(part)?;
    }
    let mut tally = Tally::default();
    let mut splits: BTreeMap<Split, Vec<String>> =
        Split::ALL.iter().map(|&split| (split, Vec::new())).collect();
    let mut text_only = Vec::new();
    for (number, take) in recipe.takes.iter().enumerate() {
        progress(Step::Take(number, recipe.takes.len(), &take.id));
        let capture = Capture::read(source, take)?;
        let clips = plan(recipe, take, &capture);
        if clips.is_empty() {
            let message = format!("take {}: no stretch is long enough for a clip", take.id);
            return Err(Error::invalid("recipe_frames", message));
        }
        tally.take(take, &capture);
        let solved = Solved::new(&capture, capture.stretches(recipe, take), &mut tally)?;
        for clip in &clips {
            let persons = solved.clip(clip, &mut tally)?;
            tally.clip(take, clip, persons[0].frames());
            for (person, raw) in persons.iter().enumerate() {
                let file = format!("motions_processed/person{}/{}.npy", person + 1, clip.id);
                writer.write(&file, &npy::write_f32(&[raw.frames(), FILE_WIDTH], &raw.to_file_rows())?)?;
            }
            writer.lines(&format!("annots/{}.txt", clip.id), &clip.captions)?;
            if let Some(ids) = splits.get_mut(&take.split) {
                ids.extend(std::iter::repeat_n(clip.id.clone(), take.copies));
            }
            if clip.text_only {
                text_only.push(clip.id.clone());
            }
        }
    }
    check_unique(&splits)?;
    for (split, ids) in &splits {
        writer.lines(&format!("split/{}.txt", split.name()), ids)?;
    }
    writer.lines("split/ignore_list.txt", &text_only)?;

    progress(Step::Stats);
    let folder = Folder::open(root)?;
    let unit = Stats::new(vec![0.0; FEATURES], vec![1.0; FEATURES])?;
    let windows = VqWindows::load(&folder, Split::Train, &unit, |_, _| {})?;
    let all: Vec<Features> = (0..windows.len())
        .filter_map(|index| windows.get(index))
        .map(|w| Features::new(w.to_vec()))
        .collect::<Result<_>>()?;
    let stats = Stats::measure(&all, STD_FLOOR)?;
    writer.write("stats/global_mean.npy", &npy::write_f32(&[FEATURES], stats.mean())?)?;
    writer.write("stats/global_std.npy", &npy::write_f32(&[FEATURES], stats.std())?)?;

    let mut summary = tally.finish(recipe);
    summary.windows = windows.len();
    summary.floored_channels = stats.std().iter().filter(|&&std| std <= STD_FLOOR).count();
    let described = Described { acknowledgment: recipe.acknowledgment.trim(), summary: &summary };
    let text = toml::to_string_pretty(&described).map_err(|error| {
        Error::internal("data_summary", "the summary could not be written").with_source(error)
    })?;
    writer.write("dataset.toml", text.as_bytes())?;
    Ok(summary)
}

/// The `dataset.toml` of a folder.
#[derive(Serialize)]
struct Described<'a> {
    acknowledgment: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

fn check_unique(splits: &BTreeMap<Split, Vec<String>>) -> Result<()> {
    let mut owner: BTreeMap<&str, Split> = BTreeMap::new();
    for (&split, ids) in splits {
        for id in ids {
            if *owner.entry(id).or_insert(split) != split {
                let message = format!("clip {id} would be in two splits; rename one of the takes");
                return Err(Error::invalid("recipe_invalid", message));
            }
        }
    }
    Ok(())
}

/// The stretches of a take with rotations, each solved once and then sliced.
struct Solved<'a> {
    capture: &'a Capture,
    stretches: Vec<(Range<usize>, [RawPerson; 2])>,
}

impl<'a> Solved<'a> {
    fn new(capture: &'a Capture, stretches: Vec<Range<usize>>, tally: &mut Tally) -> Result<Self> {
        let mut solved = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let [first, second] = &capture.persons;
            let pair = [solve(&first[stretch.clone()], tally)?, solve(&second[stretch.clone()], tally)?];
            solved.push((stretch, pair));
        }
        Ok(Self { capture, stretches: solved })
    }

    fn clip(&self, clip: &Clip, tally: &mut Tally) -> Result<[RawPerson; 2]> {
        if clip.speed != 1.0 {
            let [first, second] = self.capture.persons.each_ref();
            return Ok([
                solve(&play_at(&first[clip.frames.clone()], clip.speed), tally)?,
                solve(&play_at(&second[clip.frames.clone()], clip.speed), tally)?,
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

/// Rotations of a stretch, and its positions as those rotations put them: bones keep one length, also through a repair or
/// at another speed, and positions and rotations agree.
fn solve(poses: &[Joints], tally: &mut Tally) -> Result<RawPerson> {
    let captured: Vec<Pose> =
        poses.iter().map(|pose| pose.map(|joint| joint.map(|value| value as f32))).collect();
    let solution = kinematics::solve(&captured)?;
    tally.fit(&solution.error, captured.len());
    let rotations = solution.rotations();
    let positions = kinematics::replay(&solution, captured.iter().map(|pose| pose[0]));
    Ok(RawPerson::from_y_up(&Person { positions, rotations }))
}

/// Counts on the way.
#[derive(Default)]
struct Tally {
    summary: Summary,
    words: BTreeSet<String>,
    fitted_frames: usize,
    covered: BTreeMap<(String, usize), (Split, usize)>,
}

impl Tally {
    fn take(&mut self, take: &Take, capture: &Capture) {
        self.summary.takes += 1;
        for rate in &capture.rates {
            *self.summary.rates.entry(rate.to_string()).or_default() += 1;
        }
        self.summary.splits.entry(take.split).or_default();
    }

    fn clip(&mut self, take: &Take, clip: &Clip, frames: usize) {
        let split = self.summary.splits.entry(take.split).or_default();
        split.clips += 1;
        split.frames += frames;
        split.captions += clip.captions.len();
        if !clip.text_only && clip.speed == 1.0 {
            self.covered.insert((take.id.clone(), clip.stretch), (take.split, clip.frames.len()));
        }
        let words = clip.captions.iter().flat_map(|caption| caption.split(|c: char| !c.is_alphanumeric()));
        self.words.extend(words.filter(|word| !word.is_empty()).map(str::to_lowercase));
    }

    fn fit(&mut self, error: &kinematics::FitError, frames: usize) {
        self.summary.fit_mean_mm += error.mean * 1e3 * frames as f64;
        self.summary.fit_max_mm = self.summary.fit_max_mm.max(error.max * 1e3);
        self.fitted_frames += frames;
    }

    fn finish(mut self, recipe: &Recipe) -> Summary {
        for (split, frames) in self.covered.into_values() {
            self.summary.splits.entry(split).or_default().distinct_frames += frames;
            self.summary.hours += frames as f64 / f64::from(FPS) / 3600.0;
        }
        self.summary.recipe.clone_from(&recipe.name);
        self.summary.vocabulary = self.words.len();
        self.summary.fit_mean_mm /= self.fitted_frames.max(1) as f64;
        self.summary
    }
}

/// Files below a folder.
struct Writer<'a> {
    root: &'a Path,
}

impl Writer<'_> {
    fn folder(&self, name: &str) -> Result<()> {
        let path = self.root.join(name);
        std::fs::create_dir_all(&path).map_err(|error| Error::io("create", &path, error))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(name);
        std::fs::write(&path, bytes).map_err(|error| Error::io("write", &path, error))
    }

    /// Every line ends in a newline, the last one too: upstream drops it otherwise.
    fn lines(&self, name: &str, lines: &[String]) -> Result<()> {
        self.write(name, lines.iter().flat_map(|line| [line, "\n"]).collect::<String>().as_bytes())
    }
}
