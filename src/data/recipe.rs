//! A recipe: which captures become a training folder, what is wrong with them, and what happens in them.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The recipes that come with the program.
pub const BUILTIN_RECIPES: [(&str, &str); 1] =
    [("cmu-two-person", include_str!("recipes/cmu-two-person.toml"))];

/// Longest caption, characters.
const MAX_CAPTION: usize = 1000;
/// Most takes of one recipe.
const MAX_TAKES: usize = 10_000;

/// Part of a data set. Takes, never windows of one take, are divided among these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Models learn from it.
    Train,
    /// Checkpoints are chosen on it.
    Val,
    /// Figures are reported on it.
    Test,
}

impl Split {
    /// In the order of the files under `split/`.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// `train`, `val` or `test`, as the file under `split/` is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// A validated recipe.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What to call the data.
    pub name: String,
    /// The words that the owners of the data ask to be shown with anything made from it.
    #[serde(default)]
    pub acknowledgment: String,
    /// Segments shorter than this grow on both sides, frames.
    #[serde(default = "default_min_clip")]
    pub min_clip: usize,
    /// Overlapping crops to make of every take.
    #[serde(default)]
    pub crops: Vec<Crop>,
    /// Rewordings to add to each caption.
    #[serde(default)]
    pub paraphrases: usize,
    /// What to call any stretch of a kind of activity.
    #[serde(default)]
    pub activities: BTreeMap<String, Vec<String>>,
    /// The captures.
    pub takes: Vec<Take>,
}

fn default_min_clip() -> usize {
    48
}

/// One size of crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Length, frames.
    pub frames: usize,
    /// From the start of one to the start of the next, frames.
    pub stride: usize,
}

/// One capture of two people. Frames count at 30 a second from the first that the mapping keeps; seconds are frames / 30.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// Name of the take and start of the names of its clips: letters, digits, `-` and `_`.
    pub id: String,
    /// BVH of person 1, below the source folder.
    pub person1: PathBuf,
    /// BVH of person 2, below the source folder.
    pub person2: PathBuf,
    /// A builtin joint mapping, or a `.toml` file below the source folder.
    pub mapping: String,
    /// Metres per file unit, where it is not the mapping's.
    pub scale: Option<f64>,
    /// Leading source frames to leave out, where it is not the mapping's number.
    pub drop: Option<usize>,
    /// Which part of the data set it belongs to.
    pub split: Split,
    /// Frames to leave out at the start.
    #[serde(default)]
    pub trim_start: usize,
    /// Frames to leave out at the end.
    #[serde(default)]
    pub trim_end: usize,
    /// The stretch in which people do one nameable thing.
    pub activity: Option<Activity>,
    /// Stretches that are unusable.
    #[serde(default)]
    pub cuts: Vec<Cut>,
    /// Short faults of one person, to be bridged smoothly from the frames around them.
    #[serde(default)]
    pub repairs: Vec<Repair>,
    /// Further copies of the whole take, played this many times as fast.
    #[serde(default)]
    pub speeds: Vec<f64>,
    /// How often each clip of this take counts in an epoch.
    #[serde(default = "one")]
    pub copies: usize,
    /// What happens in the whole take.
    pub captions: Vec<String>,
    /// What happens when.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// Where to put person 2 when the two files do not agree about the room.
    pub shift_person2: Option<Shift>,
}

fn one() -> usize {
    1
}

/// A stretch in which one thing is done, named in [`Recipe::activities`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// From and to, seconds.
    pub span: [f64; 2],
    /// Key in [`Recipe::activities`].
    pub captions: String,
}

/// A stretch to leave out; what is on its two sides never meets in one clip.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// First and last bad frame.
    pub frames: [usize; 2],
    /// Why, for people.
    pub reason: String,
}

/// A short fault to bridge.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repair {
    /// 1 or 2.
    pub person: usize,
    /// First and last bad frame.
    pub frames: [usize; 2],
}

/// A sentence with its time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// The sentence.
    pub text: String,
}

/// A rigid, horizontal correction of where person 2 is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Along x and z of the take, metres.
    pub metres: [f64; 2],
    /// Why, for people.
    pub reason: String,
}

impl Recipe {
    /// A builtin recipe by name, or a file where the name ends in `.toml`.
    ///
    /// # Errors
    /// `recipe_not_found`, from the disk, or `recipe_invalid`.
    pub fn load(name: &str) -> Result<Self> {
        Self::parse(&Self::text(name)?)
    }

    /// The TOML text of a recipe, found as by [`Recipe::load`].
    ///
    /// # Errors
    /// `recipe_not_found`, or from the disk.
    pub fn text(name: &str) -> Result<String> {
        if let Some((_, text)) = BUILTIN_RECIPES.iter().find(|(known, _)| *known == name) {
            return Ok((*text).to_owned());
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            return std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source));
        }
        let known: Vec<_> = BUILTIN_RECIPES.iter().map(|(known, _)| *known).collect();
        let message = format!(
            "there is no recipe \"{name}\"; built in is {}, and a path ending in .toml names a file",
            known.join(", ")
        );
        Err(Error::new(ErrorKind::NotFound, "recipe_not_found", message))
    }

    /// Parse and validate a recipe.
    ///
    /// # Errors
    /// `recipe_invalid`, naming the take and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let recipe: Self = toml::from_str(text)
            .map_err(|source| Error::invalid("recipe_invalid", format!("the recipe is wrong: {source}")))?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<()> {
        if self.takes.is_empty() || self.takes.len() > MAX_TAKES {
            return Err(invalid(format!("it needs 1 to {MAX_TAKES} takes")));
        }
        if !(16..=300).contains(&self.min_clip) {
            return Err(invalid("min_clip must be 16 to 300 frames".to_owned()));
        }
        if self.crops.iter().any(|crop| !(16..=300).contains(&crop.frames) || crop.stride == 0) {
            return Err(invalid("a crop is 16 to 300 frames, with a stride of at least 1".to_owned()));
        }
        if self.paraphrases > 20 {
            return Err(invalid("paraphrases must be at most 20".to_owned()));
        }
        for (name, captions) in &self.activities {
            check_captions(captions).map_err(|problem| invalid(format!("activity \"{name}\": {problem}")))?;
        }
        let mut seen = BTreeSet::new();
        for take in &self.takes {
            self.check_take(take).map_err(|problem| invalid(format!("take \"{}\": {problem}", take.id)))?;
            if !seen.insert(take.id.as_str()) {
                return Err(invalid(format!("take \"{}\" is listed twice", take.id)));
            }
        }
        Ok(())
    }

    fn check_take(&self, take: &Take) -> std::result::Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if take.id.is_empty() || take.id.len() > 64 || !take.id.chars().all(plain) {
            return Err("an id is 1 to 64 letters, digits, - and _".to_owned());
        }
        for path in [&take.person1, &take.person2] {
            if path.as_os_str().is_empty()
                || !path.components().all(|part| matches!(part, Component::Normal(_)))
            {
                return Err(format!("{} must be a path below the source folder", path.display()));
            }
        }
        let mapping = Path::new(&take.mapping);
        if take.mapping.ends_with(".toml")
            && !mapping.components().all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(format!("mapping {} must be a path below the source folder", take.mapping));
        }
        check_captions(&take.captions)?;
        for segment in &take.segments {
            check_span([segment.start, segment.end])?;
            check_captions(std::slice::from_ref(&segment.text))?;
        }
        if let Some(activity) = &take.activity {
            check_span(activity.span)?;
            if !self.activities.contains_key(&activity.captions) {
                return Err(format!("there is no activity \"{}\"", activity.captions));
            }
        }
        if take.cuts.iter().any(|cut| cut.frames[0] > cut.frames[1]) {
            return Err("a cut ends before it starts".to_owned());
        }
        for Repair { person, frames: [first, last] } in &take.repairs {
            if !(1..=2).contains(person) || first > last || last - first >= 10 {
                return Err("a repair is of person 1 or 2 and at most 10 frames long".to_owned());
            }
        }
        if take.speeds.iter().any(|speed| !(0.5..=2.0).contains(speed)) {
            return Err("speeds must be 0.5 to 2".to_owned());
        }
        if !(1..=100).contains(&take.copies) {
            return Err("copies must be 1 to 100".to_owned());
        }
        let near = |shift: &Shift| shift.metres.iter().all(|value| value.abs() <= 10.0);
        if !take.shift_person2.as_ref().is_none_or(near) {
            return Err("person 2 can be shifted by at most 10 m".to_owned());
        }
        Ok(())
    }
}

fn invalid(message: String) -> Error {
    Error::invalid("recipe_invalid", format!("the recipe is wrong: {message}"))
}

fn check_span([start, end]: [f64; 2]) -> std::result::Result<(), String> {
    if start >= 0.0 && start < end && end < 1e5 {
        return Ok(());
    }
    Err(format!("the time from {start} to {end} s is empty or out of range"))
}

fn check_captions(captions: &[String]) -> std::result::Result<(), String> {
    if captions.is_empty() {
        return Err("it needs at least one caption".to_owned());
    }
    for caption in captions {
        let usable = !caption.trim().is_empty()
            && caption.chars().count() <= MAX_CAPTION
            && !caption.chars().any(char::is_control);
        if !usable {
            return Err(format!("a caption is one line of 1 to {MAX_CAPTION} characters"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "test"
        activities.walk = ["two people walk"]
        [[takes]]
        id = "a_1"
        person1 = "bvh/a.bvh"
        person2 = "bvh/b.bvh"
        mapping = "daz"
        split = "train"
        activity = { span = [0.0, 1.0], captions = "walk" }
        captions = ["two people walk"]
        segments = [{ start = 0.0, end = 1.0, text = "two people start" }]
    "#;

    fn refused(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "the test replaces nothing");
        let error = Recipe::parse(&text).unwrap_err();
        assert_eq!(error.code(), "recipe_invalid");
        error.to_string()
    }

    #[test]
    fn the_builtin_recipes_are_valid() {
        for (name, _) in BUILTIN_RECIPES {
            assert_eq!(Recipe::load(name).unwrap().name, name);
        }
        assert_eq!(Recipe::load("nothing").unwrap_err().code(), "recipe_not_found");
    }

    #[test]
    fn held_out_takes_are_those_that_were_agreed() {
        let recipe = Recipe::load("cmu-two-person").unwrap();
        let held: Vec<_> = recipe
            .takes
            .iter()
            .filter(|take| take.split != Split::Train)
            .map(|take| take.id.as_str())
            .collect();
        assert_eq!(held, ["60_61_05", "60_61_10", "60_61_13"]);
    }

    #[test]
    fn the_prompts_that_people_try_first_are_among_the_captions() {
        let recipe = Recipe::load("cmu-two-person").unwrap();
        assert!(
            ["salsa", "two people dance salsa"]
                .iter()
                .all(|text| recipe.activities["salsa"].contains(&(*text).into()))
        );
        assert!(recipe.activities["handshake"].contains(&"two people shake hands".into()));
        let shake = recipe.takes.iter().find(|take| take.id == "18_19_01").unwrap();
        let whole = "two people walk toward each other, shake right hands and step apart";
        assert!(shake.captions.contains(&whole.to_owned()));
    }

    #[test]
    fn refuses_what_cannot_be_meant_and_names_the_take() {
        Recipe::parse(GOOD).unwrap();
        assert!(refused("bvh/a.bvh", "../a.bvh").contains("a_1"));
        assert!(refused("bvh/a.bvh", "/a.bvh").contains("below the source folder"));
        refused("\"a_1\"", "\"a/1\"");
        refused("\"train\"", "\"training\"");
        refused("end = 1.0", "end = 0.0");
        refused("end = 1.0", "end = nan");
        refused("captions = \"walk\"", "captions = \"run\"");
        refused("\"two people start\"", "\"two\\npeople\"");
        refused("split =", "spilt =");
        refused("split = ", "repairs = [{ person = 3, frames = [1, 2] }]\nsplit = ");
        refused("split = ", "speeds = [0.0]\nsplit = ");
        refused("split = ", "shift_person2 = { metres = [nan, 0.0], reason = \"\" }\nsplit = ");
    }
}
