//! In which unit a file is, and where its motion begins: the length of the legs tells.

use super::{Bvh, Mapping};
use crate::error::Result;
use serde::Deserialize;

/// Lengths of the units that BVH files are found in, metres: metres, centimetres, inches, and those of CMU's skeletons.
pub(super) const UNITS: [f64; 4] = [1.0, 0.01, 0.0254, 0.056_444];
/// Legs of grown-up people, hip to ankle, metres. Were the longest 2.2 times as long as the shortest, they would no longer tell one
/// unit from the next.
pub(super) const LEG: std::ops::Range<f64> = 0.55..1.15;
/// How much longer or shorter a leg may be than that of a release which it is taken to be of.
pub(super) const SAME: f64 = 0.01;

/// Recordings of a mapping's skeleton that were given out together. All of them have one performer's legs.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// From hip to knee to ankle, in units of the file: tells it from others.
    pub leg: f64,
    /// Metres per unit of the file.
    pub scale: f64,
    /// Leading source frames to leave out.
    pub drop: usize,
}

impl Release {
    /// As it is, if people of it can have a size; otherwise what to write.
    pub(super) fn check(self) -> std::result::Result<Self, String> {
        let metres = self.leg * self.scale;
        if (0.0..1e4).contains(&self.scale) && (0.05..4.0).contains(&metres) {
            return Ok(self);
        }
        Err("a release needs a leg, in units of the file, and a scale that makes 0.05 to 4 metres of it"
            .to_owned())
    }
}

impl Mapping {
    /// The same in the unit of this file: that of the release it is of, with that release's start, or any that makes a grown-up
    /// of who is in it. `None` where none does.
    ///
    /// # Errors
    /// As [`Mapping::bind`].
    pub fn sized(&self, bvh: &Bvh) -> Result<Option<Self>> {
        let leg = self.bind(bvh)?.leg_length() / self.scale;
        let is_same = |release: &&Release| (leg / release.leg - 1.0).abs() < SAME;
        if let Some(release) = self.releases.iter().find(is_same) {
            return Ok(Some(self.clone().with_scale(release.scale)?.with_drop(release.drop)));
        }
        // The scale of a mapping with releases is that of one of them, and no unit that anybody else would use.
        let own = self.releases.is_empty().then_some(self.scale);
        let unit = own.into_iter().chain(UNITS).find(|unit| LEG.contains(&(leg * unit)));
        unit.map(|unit| self.clone().with_scale(unit)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::skeleton::NAMES;
    use std::collections::BTreeMap;

    /// A file of the nodes of this mapping, all in one place but for a left leg of this length.
    fn file(mapping: &Mapping, leg: f64) -> Bvh {
        let mut heights = BTreeMap::new();
        for (joint, parts) in NAMES.into_iter().zip(&mapping.joints) {
            let height = match joint {
                "left_knee" => -leg / 2.0,
                "left_ankle" => -leg,
                _ => 0.0,
            };
            for (name, _) in parts.iter().filter(|(name, _)| !name.starts_with("end of ")) {
                heights.entry(name).or_insert(height);
            }
        }
        let node = |(name, height): (&String, f64)| {
            format!("JOINT {name}\n{{ OFFSET 0 {height} 0 End Site {{ OFFSET 0 0 0 }} }}\n")
        };
        let nodes: String = heights.into_iter().map(node).collect();
        Bvh::parse(&format!(
            "HIERARCHY ROOT world\n{{ OFFSET 0 0 0 CHANNELS 1 Xposition\n{nodes}}}\nMOTION\nFrames: 20\n\
             Frame Time: 0.0333\n{}",
            "0\n".repeat(20)
        ))
        .unwrap()
    }

    fn sized(name: &str, leg: f64) -> Option<(f64, usize)> {
        let mapping = Mapping::builtin(name).unwrap();
        let sized = mapping.sized(&file(&mapping, leg)).unwrap();
        sized.map(|mapping| (mapping.scale, mapping.drop))
    }

    #[test]
    fn a_release_is_known_by_its_legs() {
        assert_eq!(sized("daz", 82.2332), Some((0.010_546_875, 9)));
        assert_eq!(sized("daz", 0.6424), Some((1.35, 10)));
        // Others on the same skeleton are in ordinary units.
        assert_eq!(sized("daz", 88.0), Some((0.01, 2)));
        assert_eq!(sized("daz", 0.8), Some((1.0, 2)));
        assert_eq!(sized("daz", 5.0), None);
    }

    #[test]
    fn units_are_known_by_the_legs() {
        for (leg, unit) in [(0.85, 1.0), (85.0, 0.01), (33.5, 0.0254)] {
            for (name, drop) in [("duet", 0), ("mixamo", 0), ("cmu-spine", 1)] {
                assert_eq!(sized(name, leg), Some((unit, drop)), "{name} {leg}");
            }
        }
        let cmu = Mapping::builtin("cmu-spine").unwrap();
        assert_eq!(sized("cmu-spine", 15.0448), Some((cmu.scale, 1)));
        const { assert!(LEG.end / LEG.start < 0.056_444 / 0.0254, "the nearest two units") };
        assert_eq!(sized("mixamo", 8500.0), None);
    }

    #[test]
    fn releases_of_no_size_are_refused() {
        for (leg, scale) in [(0.0, 1.0), (82.0, -0.01), (82.0, 1.0), (f64::NAN, 1.0), (-1.0, -1.0)] {
            assert!(Release { leg, scale, drop: 0 }.check().is_err(), "{leg} {scale}");
        }
    }
}
