//! Writing a training folder: clips as they come, then splits, statistics and a description. The folder is built beside its
//! place and renamed, so that there is a whole one or none.

use super::folder::{Folder, Reader};
use super::interhuman::{WINDOW, WINDOW_STRIDE, four_motions};
use super::recipe::Split;
use crate::error::{Error, Result};
use crate::formats::npy;
use crate::motion::contact::ContactRule;
use crate::motion::raw::FILE_WIDTH;
use crate::motion::{FEATURES, Features, Person, Pose, RawPerson, Stats, kinematics};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::capture::Joints;

/// Smallest standard deviation that is written: channels that (nearly) never change, such as the rotation of a wrist
/// without a hand, are not blown up by it. Metres, metres per frame, or entries of a rotation matrix.
pub const STD_FLOOR: f32 = 0.005;

/// One split of a folder, counted.
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

/// A clip to be written.
#[derive(Clone, Debug)]
pub struct NewClip<'a> {
    /// Unique in the folder.
    pub id: &'a str,
    /// Which part of the data set it belongs to.
    pub split: Split,
    /// Both people, of the same length.
    pub persons: &'a [RawPerson; 2],
    /// One line each; nobody who reads captions sees a clip without any.
    pub captions: &'a [String],
    /// About each person alone, one line each; may be empty.
    pub alone: [&'a [String]; 2],
    /// What happens, the same for all clips in which the same happens; may be empty.
    pub meaning: &'a str,
    /// Only for training on text.
    pub text_only: bool,
    /// How often it counts in an epoch.
    pub copies: usize,
}

/// A training folder in the making.
#[derive(Debug)]
pub struct Build {
    building: tempfile::TempDir,
    splits: BTreeMap<Split, Vec<String>>,
    text_only: Vec<String>,
    untold: Vec<String>,
    held_out: BTreeSet<String>,
    words: BTreeSet<String>,
    counted: BTreeMap<Split, SplitSummary>,
    fitted: Fit,
}

/// Forward kinematics of solved rotations against the positions they came from, gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fit {
    sum: f64,
    frames: usize,
    max: f64,
}

impl Fit {
    /// Count another clip.
    pub fn add(&mut self, error: &kinematics::FitError, frames: usize) {
        self.merge(&Self { sum: error.mean * frames as f64, frames, max: error.max });
    }

    /// Count what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.frames += other.frames;
        self.max = self.max.max(other.max);
    }

    /// Mean over joints and frames, millimetres.
    pub fn mean_mm(&self) -> f64 {
        1e3 * self.sum / self.frames.max(1) as f64
    }

    /// The worst joint of the worst frame, millimetres.
    pub fn max_mm(&self) -> f64 {
        1e3 * self.max
    }
}

/// What a finished folder holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Built {
    /// Per split; frames of usable stretches are not known here.
    pub splits: BTreeMap<Split, SplitSummary>,
    /// Different words in the captions.
    pub vocabulary: usize,
    /// How well rotations reproduce positions.
    pub fitted: Fit,
    /// VQ-VAE windows of the training split.
    pub windows: usize,
    /// Channels whose deviation was raised to the floor.
    pub floored_channels: usize,
}

/// The words of a sentence alone, in lower case.
fn wording(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

impl Build {
    /// Begin a folder that is to be at `out`.
    ///
    /// # Errors
    /// `data_exists` when there is something at `out` and `replace` is false, or when `replace` would remove something that
    /// is no training folder; from the disk.
    pub fn begin(out: &Path, replace: bool) -> Result<Self> {
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
        let build = Self {
            building,
            splits: Split::ALL.iter().map(|&split| (split, Vec::new())).collect(),
            text_only: Vec::new(),
            untold: Vec::new(),
            held_out: BTreeSet::new(),
            words: BTreeSet::new(),
            counted: BTreeMap::new(),
            fitted: Fit::default(),
        };
        for part in ["motions_processed/person1", "motions_processed/person2", "annots", "split", "stats"] {
            build.folder(part)?;
        }
        Ok(build)
    }

    /// Leave out captions that say what one of these says, capitals and punctuation aside: what is to be asked of a model later.
    pub fn hold_out<'s>(&mut self, wordings: impl IntoIterator<Item = &'s str>) {
        self.held_out.extend(wordings.into_iter().map(wording));
    }

    /// Write a clip.
    ///
    /// # Errors
    /// From the disk.
    pub fn clip(&mut self, clip: &NewClip<'_>) -> Result<()> {
        let held_out = |caption: &&String| self.held_out.contains(&wording(caption));
        let told: Vec<String> = clip.captions.iter().filter(|caption| !held_out(caption)).cloned().collect();
        let clip = &NewClip { captions: &told, ..clip.clone() };
        for (person, raw) in clip.persons.iter().enumerate() {
            let file = format!("motions_processed/person{}/{}.npy", person + 1, clip.id);
            self.write(&file, &npy::write_f32(&[raw.frames(), FILE_WIDTH], &raw.to_file_rows())?)?;
        }
        self.lines(&format!("annots/{}.txt", clip.id), clip.captions)?;
        for (person, sentences) in clip.alone.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
            let folder = format!("annots_person{}", person + 1);
            self.folder(&folder)?;
            self.lines(&format!("{folder}/{}.txt", clip.id), sentences)?;
        }
        if !clip.meaning.is_empty() {
            self.folder("meanings")?;
            self.lines(&format!("meanings/{}.txt", clip.id), &[clip.meaning.to_owned()])?;
        }
        if let Some(ids) = self.splits.get_mut(&clip.split) {
            ids.extend(std::iter::repeat_n(clip.id.to_owned(), clip.copies));
        }
        if clip.text_only {
            self.text_only.push(clip.id.to_owned());
        }
        if clip.captions.is_empty() {
            self.untold.push(clip.id.to_owned());
        }
        let counted = self.counted.entry(clip.split).or_default();
        counted.clips += 1;
        counted.frames += clip.persons[0].frames();
        counted.captions += clip.captions.len();
        let words = clip.captions.iter().flat_map(|caption| caption.split(|c: char| !c.is_alphanumeric()));
        self.words.extend(words.filter(|word| !word.is_empty()).map(str::to_lowercase));
        Ok(())
    }

    /// Count how well rotations were solved.
    pub fn fitted(&mut self, fit: &Fit) {
        self.fitted.merge(fit);
    }

    /// Write splits and statistics; the folder is readable from here on, and still not in its place.
    ///
    /// # Errors
    /// `recipe_invalid` when a clip is in two splits; `data_no_windows` when no training clip is long enough; from the disk.
    pub fn finish(&self) -> Result<Built> {
        check_unique(&self.splits)?;
        for (split, ids) in &self.splits {
            self.lines(&format!("split/{}.txt", split.name()), ids)?;
        }
        self.lines("split/ignore_list.txt", &self.text_only)?;
        if !self.untold.is_empty() {
            self.lines("ignore_list.txt", &self.untold)?;
        }
        let (stats, windows) = measure(&Folder::open(self.building.path())?)?;
        self.write("stats/global_mean.npy", &npy::write_f32(&[FEATURES], stats.mean())?)?;
        self.write("stats/global_std.npy", &npy::write_f32(&[FEATURES], stats.std())?)?;
        Ok(Built {
            splits: self.counted.clone(),
            vocabulary: self.words.len(),
            fitted: self.fitted,
            windows,
            floored_channels: stats.std().iter().filter(|&&std| std <= STD_FLOOR).count(),
        })
    }

    /// Describe the folder in its `dataset.toml` and put it in place of whatever [`Build::begin`] allowed.
    ///
    /// # Errors
    /// From the disk.
    pub fn publish(self, acknowledgment: &str, summary: &impl Serialize, out: &Path) -> Result<()> {
        let described = Described { acknowledgment: acknowledgment.trim(), summary };
        let text = toml::to_string_pretty(&described).map_err(|error| {
            Error::internal("data_summary", "the summary could not be written").with_source(error)
        })?;
        self.write("dataset.toml", text.as_bytes())?;
        make_readable(self.building.path())?;
        let io = |action: &'static str| move |error| Error::io(action, out, error);
        let old = self.building.path().with_extension("old");
        let replaced = out.exists();
        if replaced {
            std::fs::rename(out, &old).map_err(io("move aside"))?;
        }
        if let Err(error) = std::fs::rename(self.building.path(), out) {
            if replaced {
                // Best effort: the first failure is the one to report.
                let _ = std::fs::rename(&old, out);
            }
            return Err(Error::io("create", out, error));
        }
        // It has moved: nothing is left to delete on drop.
        let _ = self.building.keep();
        if replaced {
            std::fs::remove_dir_all(&old).map_err(|error| Error::io("remove", &old, error))?;
        }
        Ok(())
    }

    fn folder(&self, name: &str) -> Result<()> {
        let path = self.building.path().join(name);
        std::fs::create_dir_all(&path).map_err(|error| Error::io("create", &path, error))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.building.path().join(name);
        std::fs::write(&path, bytes).map_err(|error| Error::io("write", &path, error))
    }

    /// Every line ends in a newline, the last one too: upstream drops it otherwise.
    fn lines(&self, name: &str, lines: &[String]) -> Result<()> {
        self.write(name, lines.iter().flat_map(|line| [line, "\n"]).collect::<String>().as_bytes())
    }
}

/// The `dataset.toml` of a folder.
#[derive(Serialize)]
struct Described<'a, S> {
    acknowledgment: &'a str,
    #[serde(flatten)]
    summary: &'a S,
}

/// Rotations of a stretch, and its positions as those rotations put them: bones keep one length, also through a repair or
/// at another speed, and positions and rotations agree.
///
/// # Errors
/// As [`kinematics::solve`].
pub fn solve(poses: &[Joints], fit: &mut Fit) -> Result<RawPerson> {
    let captured: Vec<Pose> =
        poses.iter().map(|pose| pose.map(|joint| joint.map(|value| value as f32))).collect();
    let solution = kinematics::solve(&captured)?;
    fit.add(&solution.error, captured.len());
    let rotations = solution.rotations();
    let positions = kinematics::replay(&solution, captured.iter().map(|pose| pose[0]));
    Ok(RawPerson::from_y_up(&Person { positions, rotations }))
}

/// Statistics over the windows that the VQ-VAE trains on, and how many there are. One clip at a time: a large folder does
/// not fit into memory.
fn measure(folder: &Folder) -> Result<(Stats, usize)> {
    let ids = folder.ids(Split::Train, Reader::Motion)?;
    let mut windows = 0;
    let mut failed = None;
    let mut last: Option<(String, [Features; 4])> = None;
    let rows = ids.iter().flat_map(|id| -> Vec<Features> {
        if failed.is_some() {
            return Vec::new();
        }
        // Copies of a clip follow one another.
        let known = last.take().filter(|(before, _)| before == id).map(|(_, motions)| motions);
        let motions = match known
            .map_or_else(|| folder.pair(id).and_then(|pair| four_motions(&pair, &ContactRule::default())), Ok)
        {
            Ok(motions) => motions,
            Err(error) => {
                failed = Some(error);
                return Vec::new();
            }
        };
        let mut parts = Vec::new();
        for motion in &motions {
            if let Some(last) = motion.frames().checked_sub(WINDOW) {
                for start in (0..=last).step_by(WINDOW_STRIDE) {
                    let rows = motion.data()[start * FEATURES..(start + WINDOW) * FEATURES].to_vec();
                    parts.extend(Features::new(rows));
                }
            }
        }
        windows += parts.len();
        last = Some((id.clone(), motions));
        parts
    });
    let stats = Stats::measure(rows, STD_FLOOR);
    match (failed, windows) {
        (Some(error), _) => Err(error),
        (None, 0) => {
            let message = format!("no clip of the train split has the {WINDOW} frames of a window");
            Err(Error::invalid("data_no_windows", message))
        }
        _ => Ok((stats?, windows)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::kinematics::tests::walk;

    #[test]
    fn a_clip_of_which_nothing_is_told_is_for_motion_only_and_wordings_are_held_out() {
        let root = tempfile::tempdir().unwrap();
        let mut build = Build::begin(&root.path().join("data"), false).unwrap();
        let person = RawPerson::from_y_up(&walk(70));
        let persons = [person.clone(), person];
        build.hold_out(["Two people stroll"]);
        let told = ["two people walk.".to_owned(), "two people stroll.".to_owned()];
        for (id, captions) in [("told", &told[..]), ("untold", &[])] {
            let clip = NewClip {
                id,
                split: Split::Train,
                persons: &persons,
                captions,
                alone: [&[], &[]],
                meaning: if id == "told" { "walk" } else { "" },
                text_only: false,
                copies: 1,
            };
            build.clip(&clip).unwrap();
        }
        build.finish().unwrap();
        let folder = Folder::open(build.building.path()).unwrap();
        assert_eq!(folder.ids(Split::Train, Reader::Motion).unwrap(), ["told", "untold"]);
        assert_eq!(folder.ids(Split::Train, Reader::Text).unwrap(), ["told"]);
        let captions = std::fs::read_to_string(build.building.path().join("annots/told.txt")).unwrap();
        assert_eq!(captions, "two people walk.\n", "what is held out is not told");
    }
}
