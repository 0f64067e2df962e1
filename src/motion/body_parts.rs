//! The body in the parts that a person speaks of: what an edit may be limited to.

use super::JOINTS;
use super::skeleton::children;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A set of body parts. The pelvis and hips belong to legs and torso together: they move where both are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyParts {
    /// Knees, ankles, feet.
    pub legs: bool,
    /// Spine, neck, collars, head.
    pub torso: bool,
    /// Shoulders, elbows, wrists.
    pub arms: bool,
}

/// Knees, ankles, feet.
pub(super) const LEGS: [usize; 6] = [4, 5, 7, 8, 10, 11];
/// Spine, neck, collars, head.
pub(super) const TORSO: [usize; 7] = [3, 6, 9, 12, 13, 14, 15];
/// Shoulders, elbows, wrists.
pub(super) const ARMS: [usize; 6] = [16, 17, 18, 19, 20, 21];
/// Pelvis and hips.
pub(super) const HIPS: [usize; 3] = [0, 1, 2];

impl BodyParts {
    /// The whole body.
    pub const ALL: Self = Self { legs: true, torso: true, arms: true };
    /// What the parts are called.
    pub const NAMES: [&'static str; 3] = ["legs", "torso", "arms"];

    /// The parts of these names.
    ///
    /// # Errors
    /// `invalid_parts` for other names, and where there is none.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut parts = Self { legs: false, torso: false, arms: false };
        for name in names {
            match name {
                "legs" => parts.legs = true,
                "torso" => parts.torso = true,
                "arms" => parts.arms = true,
                _ => {
                    let shown: String = name.chars().take(40).collect();
                    let message =
                        format!("there is no body part {shown:?}; the parts are legs, torso and arms");
                    return Err(Error::invalid("invalid_parts", message));
                }
            }
        }
        if parts.names().next().is_none() {
            return Err(Error::invalid("invalid_parts", "name at least one of legs, torso and arms"));
        }
        Ok(parts)
    }

    /// The names of the parts in this set, from the floor up.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let chosen = [self.legs, self.torso, self.arms];
        Self::NAMES.into_iter().zip(chosen).filter_map(|(name, chosen)| chosen.then_some(name))
    }

    /// Whether this is the whole body.
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether a joint moves with these parts.
    pub fn has(self, joint: usize) -> bool {
        debug_assert!(joint < JOINTS);
        (self.legs && LEGS.contains(&joint))
            || (self.torso && TORSO.contains(&joint))
            || (self.arms && ARMS.contains(&joint))
            || (self.legs && self.torso && HIPS.contains(&joint))
    }

    /// The joints that stay where they are when these parts are new: all others, arms that hang on a new chest aside. Where a
    /// joint stays, so do those between it and the pelvis.
    pub fn kept(self) -> [bool; JOINTS] {
        std::array::from_fn(|joint| !(self.has(joint) || self.torso && ARMS.contains(&joint)))
    }

    /// Whether the local rotation of a joint is new with these parts: it turns what hangs on the joint, so a hip's is new with
    /// the legs and a collar's with the arms.
    pub fn turns(self, joint: usize) -> bool {
        let mut children = children(joint).peekable();
        if children.peek().is_none() { self.has(joint) } else { children.any(|child| self.has(child)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::skeleton::PARENTS;

    #[test]
    fn what_stays_hangs_on_what_stays() {
        for names in [&["legs"][..], &["torso"], &["arms"], &["legs", "arms"], &["torso", "arms"]] {
            let parts = BodyParts::named(names.iter().copied()).unwrap();
            let kept = parts.kept();
            assert!(kept[0] && (0..JOINTS).all(|j| !(kept[j] && parts.has(j))), "{names:?}");
            assert!((1..JOINTS).all(|j| !kept[j] || PARENTS[j].is_some_and(|p| kept[p])), "{names:?}");
        }
        let lower = BodyParts::named(["legs", "torso"]).unwrap();
        assert!([lower, BodyParts::ALL].iter().all(|parts| parts.kept() == [false; JOINTS]));
    }

    #[test]
    fn every_joint_belongs_somewhere_and_names_are_checked() {
        assert!((0..JOINTS).all(|joint| BodyParts::ALL.has(joint)));
        let arms = BodyParts::named(["arms"]).unwrap();
        assert!(arms.has(20) && !arms.has(15) && !arms.has(0));
        let lower = BodyParts::named(["legs", "torso", "legs"]).unwrap();
        assert!(lower.has(0) && !lower.has(16));
        assert_eq!(lower.names().collect::<Vec<_>>(), ["legs", "torso"]);
        assert!(arms.turns(13) && arms.turns(20) && !arms.turns(9) && !lower.turns(13) && lower.turns(2));
        assert!(BodyParts::named(BodyParts::NAMES).unwrap().is_all());
        for bad in [vec![], vec!["legs", "tail"], vec!["Arms"]] {
            assert_eq!(BodyParts::named(bad).unwrap_err().code(), "invalid_parts");
        }
    }
}
