//! From the nodes of a BVH to the project's 22 joints: a small TOML file names the source of each joint, the unit and
//! the axes.
//!
//! ```toml
//! name = "my-suit"
//! axes = ["x", "z", "-y"]   # a z-up file: our x, y (up), z are its x, z and -y
//! scale = 0.01              # metres per file unit
//! drop = 1                  # leading source frames to leave out (a rest pose)
//!
//! [joints]                  # all 22 of them
//! pelvis = "Hips"                                   # a node
//! spine1 = { mix = ["Hips", "Chest"] }              # the midpoint of nodes
//! left_collar = { mix = [["Chest", 3], ["LeftArm", 1]] }  # weighted
//! left_foot = "end of LeftFoot"                     # an end site
//! # ...
//!
//! [[releases]]              # recordings known by the length of their legs, in units of the file
//! leg = 82.2
//! scale = 0.0105
//! drop = 9
//!
//! [legs]                    # only where the conversion bends the knees of people who stand; for training data
//! thigh = 0.425             # metres
//! shin = 0.442
//! lift = 0.06               # by how much someone who stands rises
//! ```

use super::convert::Bound;
use super::legs::Legs;
use super::size::Release;
use super::{Axis, Bvh, names};
use crate::error::{Error, ErrorKind, Result};
use crate::motion::JOINTS;
use crate::motion::skeleton::NAMES;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The mappings that come with the program, in the order in which files of strangers are tried: CMU's skeletons lack a joint of
/// Mixamo's, which others have that could pass for either.
pub const BUILTIN_MAPPINGS: [(&str, &str); 4] = [
    ("daz", include_str!("mappings/daz.toml")),
    ("mixamo", include_str!("mappings/mixamo.toml")),
    ("cmu-spine", include_str!("mappings/cmu-spine.toml")),
    ("duet", include_str!("mappings/duet.toml")),
];

/// Most nodes one joint may be mixed from.
const MAX_MIX: usize = 8;

/// How a BVH skeleton becomes the 22 joints.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    name: String,
    pub(super) axes: [(Axis, f64); 3],
    pub(super) scale: f64,
    pub(super) drop: usize,
    /// Node names and weights (which sum to 1) of each joint.
    pub(super) joints: Vec<Vec<(String, f64)>>,
    pub(super) releases: Vec<Release>,
    legs: Option<Legs>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for people; accepted so that files can explain themselves")]
    about: String,
    axes: [String; 3],
    scale: f64,
    #[serde(default)]
    drop: usize,
    joints: BTreeMap<String, RawJoint>,
    #[serde(default)]
    releases: Vec<Release>,
    legs: Option<Legs>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a node name, or { mix = [...] } of node names or [name, weight] pairs")]
enum RawJoint {
    Node(String),
    Mix(RawMix),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMix {
    mix: Vec<RawPart>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPart {
    Even(String),
    Weighted(String, f64),
}

impl Mapping {
    /// One of [`BUILTIN_MAPPINGS`].
    ///
    /// # Errors
    /// `mapping_not_found`, naming those there are.
    pub fn builtin(name: &str) -> Result<Self> {
        match BUILTIN_MAPPINGS.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text),
            None => {
                let known: Vec<_> = BUILTIN_MAPPINGS.iter().map(|(known, _)| *known).collect();
                let message = format!(
                    "there is no joint mapping \"{name}\"; built in are {}, and a path ending in .toml names a file",
                    known.join(", ")
                );
                Err(Error::new(ErrorKind::NotFound, "mapping_not_found", message))
            }
        }
    }

    /// A builtin mapping by name, or a file where the name ends in `.toml`.
    ///
    /// # Errors
    /// As [`Mapping::builtin`] or [`Mapping::read`].
    pub fn load(name: &str) -> Result<Self> {
        if name.ends_with(".toml") { Self::read(name.as_ref()) } else { Self::builtin(name) }
    }

    /// Read a mapping file.
    ///
    /// # Errors
    /// From the disk, or `mapping_invalid` as [`Mapping::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        Self::parse(&text)
            .map_err(|error| Error::new(error.kind(), error.code(), format!("{}: {error}", path.display())))
    }

    /// Parse and validate a mapping.
    ///
    /// # Errors
    /// `mapping_invalid`: not TOML, joints missing or unknown, axes that mirror left and right, a scale that is not
    /// positive, weights that are negative or sum to zero, releases or legs of no size.
    pub fn parse(text: &str) -> Result<Self> {
        let raw: RawMapping = toml::from_str(text).map_err(|source| {
            Error::invalid("mapping_invalid", format!("the joint mapping is wrong: {source}"))
        })?;
        if !(raw.scale.is_finite() && raw.scale > 0.0 && raw.scale < 1e4) {
            return Err(invalid(format!("scale is {}; it is the metres in one unit of the file", raw.scale)));
        }
        if let Some(unknown) = raw.joints.keys().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(invalid(format!("there is no joint \"{unknown}\"; the 22 are {}", NAMES.join(", "))));
        }
        let mut joints = Vec::with_capacity(JOINTS);
        for name in NAMES {
            let Some(joint) = raw.joints.get(name) else {
                return Err(invalid(format!("joint \"{name}\" is missing")));
            };
            joints.push(parts(name, joint)?);
        }
        let legs = raw.legs.map(Legs::check).transpose().map_err(invalid)?;
        let releases = raw.releases.into_iter().map(|release| release.check().map_err(invalid));
        let releases = releases.collect::<Result<_>>()?;
        let (axes, drop) = (axes(&raw.axes)?, raw.drop);
        Ok(Self { name: raw.name, axes, scale: raw.scale, drop, joints, releases, legs })
    }

    /// As the file calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its legs are made straight where they are to be learned from; [`Mapping::bind`] leaves them as they are.
    pub fn legs(&self) -> Option<Legs> {
        self.legs
    }

    /// The same with another unit: metres per file unit.
    ///
    /// # Errors
    /// `mapping_invalid` unless it is positive and below 10⁴.
    pub fn with_scale(mut self, scale: f64) -> Result<Self> {
        if !(scale.is_finite() && scale > 0.0 && scale < 1e4) {
            return Err(invalid(format!("scale is {scale}; it is the metres in one unit of the file")));
        }
        self.scale = scale;
        Ok(self)
    }

    /// The same leaving out another number of leading source frames.
    #[must_use]
    pub fn with_drop(mut self, drop: usize) -> Self {
        self.drop = drop;
        self
    }

    /// Whether a file has a node of every name.
    pub fn knows(&self, bvh: &Bvh) -> bool {
        self.joints.iter().flatten().all(|(name, _)| names::has(bvh, name))
    }

    /// Find the nodes that this mapping names in a file.
    ///
    /// # Errors
    /// `mapping_mismatch`: a node is absent, or its name stands for several; `mapping_no_frames`: nothing is left
    /// after the frames to drop.
    pub fn bind<'a>(&'a self, bvh: &'a Bvh) -> Result<Bound<'a>> {
        let mut joints = Vec::with_capacity(JOINTS);
        for (parts, joint) in self.joints.iter().zip(NAMES) {
            let mut found = Vec::with_capacity(parts.len());
            for (name, weight) in parts {
                found.push((names::find(bvh, name, joint, &self.name)?, *weight));
            }
            joints.push(found);
        }
        if self.drop >= bvh.frames() {
            let message =
                format!("has {} frames, and the mapping drops the first {}", bvh.frames(), self.drop);
            return Err(Error::invalid("mapping_no_frames", message));
        }
        Ok(Bound { mapping: self, bvh, joints })
    }
}

fn invalid(message: String) -> Error {
    Error::invalid("mapping_invalid", format!("the joint mapping is wrong: {message}"))
}

fn parts(joint: &str, raw: &RawJoint) -> Result<Vec<(String, f64)>> {
    let mut list: Vec<(String, f64)> = match raw {
        RawJoint::Node(name) => vec![(name.clone(), 1.0)],
        RawJoint::Mix(RawMix { mix }) => mix
            .iter()
            .map(|part| match part {
                RawPart::Even(name) => (name.clone(), 1.0),
                RawPart::Weighted(name, weight) => (name.clone(), *weight),
            })
            .collect(),
    };
    let sum: f64 = list.iter().map(|(_, weight)| weight).sum();
    let usable =
        list.iter().all(|(_, weight)| weight.is_finite() && *weight >= 0.0) && sum.is_finite() && sum > 0.0;
    if list.is_empty() || list.len() > MAX_MIX || !usable {
        let message =
            format!("joint \"{joint}\" needs 1 to {MAX_MIX} nodes, with weights that are not negative");
        return Err(invalid(message));
    }
    for (_, weight) in &mut list {
        *weight /= sum;
    }
    Ok(list)
}

fn axes(raw: &[String; 3]) -> Result<[(Axis, f64); 3]> {
    let mut list = [(Axis::X, 1.0); 3];
    for (slot, text) in list.iter_mut().zip(raw) {
        let (sign, letter) = text.strip_prefix('-').map_or((1.0, text.as_str()), |rest| (-1.0, rest));
        let axis = match letter {
            "x" => Axis::X,
            "y" => Axis::Y,
            "z" => Axis::Z,
            _ => return Err(invalid(format!("\"{text}\" is not an axis; write x, y, z, -x, -y or -z"))),
        };
        *slot = (axis, sign);
    }
    let [(a, sign_a), (b, sign_b), (c, sign_c)] = list;
    if a == b || b == c || a == c {
        return Err(invalid("axes must name x, y and z once each".to_owned()));
    }
    // A cyclic order of the axes is a rotation, any other a reflection, and each sign reflects once more.
    let cyclic = if b.index() == (a.index() + 1) % 3 { 1.0 } else { -1.0 };
    if cyclic * sign_a * sign_b * sign_c < 0.0 {
        return Err(invalid(
            "these axes would mirror the people; change one sign or exchange two axes".to_owned(),
        ));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bvh::RateConversion;

    /// A root that moves along x by 1 a frame, with one joint a unit above it.
    fn moving(frame_time: f64, frames: usize) -> Bvh {
        let rows: Vec<_> = (0..frames).map(|frame| format!("{frame} 0 0")).collect();
        Bvh::parse(&format!(
            "HIERARCHY\nROOT hip\n{{ OFFSET 0 0 0 CHANNELS 3 Xposition Yposition Zposition\nJOINT top\n\
             {{ OFFSET 0 0 1\nEnd Site\n{{ OFFSET 0 0 2 }} }} }}\nMOTION\nFrames: {frames}\n\
             Frame Time: {frame_time}\n{}\n",
            rows.join("\n")
        ))
        .unwrap()
    }

    fn mapping(head: &str, overrides: &[(&str, &str)]) -> String {
        let mut text = format!("name = \"test\"\n{head}\n[joints]\n");
        for joint in NAMES {
            let source =
                overrides.iter().find(|(name, _)| *name == joint).map_or("\"hip\"", |(_, text)| text);
            text.push_str(&format!("{joint} = {source}\n"));
        }
        text
    }

    const Z_UP: &str = "axes = [\"x\", \"z\", \"-y\"]\nscale = 0.01";

    fn code(text: &str) -> &'static str {
        Mapping::parse(text).unwrap_err().code()
    }

    #[test]
    fn nodes_ends_and_weighted_mixes_in_metres_with_y_up() {
        let text = mapping(
            Z_UP,
            &[
                ("neck", "\"top\""),
                ("head", "\"end of top\""),
                ("spine1", "{ mix = [\"hip\", \"top\"] }"),
                ("spine2", "{ mix = [[\"hip\", 1], [\"end of top\", 3]] }"),
            ],
        );
        let bvh = moving(1.0 / 30.0, 3);
        let mapping = Mapping::parse(&text).unwrap();
        let pose = mapping.bind(&bvh).unwrap().pose(2.0);
        let height = |name: &str| {
            let joint = NAMES.iter().position(|known| *known == name).unwrap();
            assert_eq!((pose[joint][0], pose[joint][2]), (0.02, 0.0), "{name}");
            (pose[joint][1] * 1e6).round() / 1e6
        };
        assert_eq!(
            ["pelvis", "neck", "head", "spine1", "spine2"].map(height),
            [0.0, 0.01, 0.03, 0.005, 0.0225]
        );
    }

    #[test]
    fn whole_multiples_are_decimated_and_other_rates_interpolated() {
        let mapping =
            Mapping::parse(&mapping("axes = [\"x\", \"y\", \"z\"]\nscale = 1\ndrop = 2", &[])).unwrap();
        let xs = |bvh: &Bvh| {
            let converted = mapping.bind(bvh).unwrap().convert().unwrap();
            (converted.positions.iter().map(|pose| pose[0][0]).collect::<Vec<_>>(), converted.rate)
        };
        assert_eq!(xs(&moving(0.008333, 15)), (vec![2.0, 6.0, 10.0, 14.0], RateConversion::Decimated(4)));
        assert_eq!(xs(&moving(0.033333, 4)), (vec![2.0, 3.0], RateConversion::Decimated(1)));
        let (found, rate) = xs(&moving(0.02, 8));
        assert_eq!(rate, RateConversion::Interpolated { source_fps: 50.0 });
        let expected = [2.0, 2.0 + 5.0 / 3.0, 2.0 + 10.0 / 3.0, 7.0];
        assert!(
            found.len() == 4 && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
            "{found:?}"
        );
        assert_eq!(xs(&moving(0.1, 4)).0.len(), 4, "10 frames a second: 2, 2⅓, 2⅔, 3");
    }

    #[test]
    fn refuses_what_would_give_wrong_people() {
        assert_eq!(code("name = 3"), "mapping_invalid");
        assert_eq!(code(&mapping("axes = [\"x\", \"z\", \"y\"]\nscale = 1", &[])), "mapping_invalid");
        assert_eq!(code(&mapping("axes = [\"x\", \"x\", \"y\"]\nscale = 1", &[])), "mapping_invalid");
        assert_eq!(code(&mapping("axes = [\"x\", \"y\", \"z\"]\nscale = 0", &[])), "mapping_invalid");
        assert_eq!(code(&mapping("axes = [\"x\", \"y\", \"z\"]\nscale = nan", &[])), "mapping_invalid");
        assert_eq!(code(&mapping(Z_UP, &[("head", "{ mix = [] }")])), "mapping_invalid");
        assert_eq!(code(&mapping(Z_UP, &[("head", "{ mix = [[\"hip\", -1]] }")])), "mapping_invalid");
        assert_eq!(code(&mapping(Z_UP, &[]).replace("head =", "haed =")), "mapping_invalid");
        let giant = mapping(Z_UP, &[]) + "\n[legs]\nthigh = 4.2\nshin = 0.44\nlift = 0.06\n";
        assert_eq!(code(&giant), "mapping_invalid");
        assert!(Mapping::parse(&giant.replace("4.2", "0.42")).unwrap().legs().is_some());
        let missing = mapping(Z_UP, &[]).replace("head = \"hip\"\n", "");
        assert!(Mapping::parse(&missing).unwrap_err().to_string().contains("\"head\" is missing"));
    }

    #[test]
    fn a_file_without_the_joint_is_told_what_it_has() {
        let bvh = moving(0.02, 3);
        let mapping = Mapping::parse(&mapping(Z_UP, &[("head", "\"skull\"")])).unwrap();
        let error = mapping.bind(&bvh).unwrap_err();
        assert_eq!(error.code(), "mapping_mismatch");
        assert!(error.to_string().contains("end of top"), "{error}");
        let no_legs = Mapping::parse(&self::mapping(Z_UP, &[])).unwrap();
        let converted = no_legs.bind(&bvh).unwrap().convert().unwrap();
        assert_eq!(converted.check_size().unwrap_err().code(), "mapping_scale");
        let legs =
            self::mapping("axes = [\"x\", \"y\", \"z\"]\nscale = 40", &[("left_knee", "\"end of top\"")]);
        let converted = Mapping::parse(&legs).unwrap().bind(&bvh).unwrap().convert().unwrap();
        assert!(converted.check_size().unwrap_err().to_string().contains("by about 3.33e-3"));
        let long = Mapping::parse(&self::mapping(Z_UP, &[])).unwrap().with_drop(3);
        assert_eq!(long.bind(&bvh).unwrap_err().code(), "mapping_no_frames");
    }

    #[test]
    fn builtin_mappings_are_valid() {
        for (name, _) in BUILTIN_MAPPINGS {
            assert_eq!(Mapping::builtin(name).unwrap().name(), name);
        }
        assert_eq!(Mapping::builtin("nobody").unwrap_err().code(), "mapping_not_found");
    }
}
