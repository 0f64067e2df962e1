//! The small words that predicates are made of: who, which side, which part of a body, how much.

use super::scene::{
    ANKLES, Actor, CHEST, ELBOWS, HEAD, HIPS, KNEES, NECK, PELVIS, SHOULDERS, Scene, TOES, WRISTS,
};
use crate::motion::vector::{Vec3d, add, norm, scale, sub, unit};
use serde::Deserialize;

/// A number above zero.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Positive(pub f64);

impl TryFrom<f64> for Positive {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not a number above zero"))
        }
    }
}

/// A share of the clip's frames: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share(pub f64);

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value > 0.0 && value <= 1.0 {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not a share of 1"))
        }
    }
}

/// One of the two roles of a prompt, or each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Who {
    /// The role named A.
    A,
    /// The role named B.
    B,
    /// Both people, each on their own.
    #[serde(rename = "both")]
    Both,
}

/// Which hand or foot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The left one.
    Left,
    /// The right one.
    Right,
    /// One of them, it does not matter which.
    Either,
    /// Both at the same time.
    Both,
}

impl Side {
    /// Does `flags(side)` hold for the sides meant? Frames are told apart only for `Both`, which needs both at once.
    pub fn flags(self, flags: impl Fn(usize) -> Vec<bool>) -> Vec<Vec<bool>> {
        match self {
            Self::Left => vec![flags(0)],
            Self::Right => vec![flags(1)],
            Self::Either => vec![flags(0), flags(1)],
            Self::Both => vec![flags(0).into_iter().zip(flags(1)).map(|(a, b)| a && b).collect()],
        }
    }

    /// The sides to try, for predicates that look at one side at a time.
    pub fn holds(self, test: impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Left => test(0),
            Self::Right => test(1),
            Self::Either => test(0) || test(1),
            Self::Both => test(0) && test(1),
        }
    }
}

/// Left or right of a body; `Either` does not mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// Only to the left.
    Left,
    /// Only to the right.
    Right,
    /// To the one or the other.
    Either,
}

/// A height of the body that hands are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The pelvis.
    Waist,
    /// The uppermost joint of the spine.
    Chest,
    /// The mean of the shoulders.
    Shoulder,
    /// The joint where the head begins.
    Head,
}

impl Level {
    /// Height in a frame, metres from the origin.
    pub fn of(self, actor: &Actor, frame: usize) -> f64 {
        match self {
            Self::Waist => actor.at(frame, PELVIS)[1],
            Self::Chest => actor.at(frame, CHEST)[1],
            Self::Shoulder => 0.5 * (actor.at(frame, SHOULDERS[0])[1] + actor.at(frame, SHOULDERS[1])[1]),
            Self::Head => actor.at(frame, HEAD)[1],
        }
    }
}

/// Who plays A and who plays B while a prompt is checked.
#[derive(Clone, Copy, Debug)]
pub struct Cast<'a> {
    /// What is looked at.
    pub scene: &'a Scene,
    /// Person 2 plays A.
    pub exchanged: bool,
}

impl<'a> Cast<'a> {
    /// A role's player and the other one. `Both` cannot be asked for; it means A.
    pub fn pair(&self, who: Who) -> [&'a Actor; 2] {
        let [first, second] = &self.scene.actors;
        if (who == Who::B) == self.exchanged { [first, second] } else { [second, first] }
    }

    /// Whether `test(actor, other)` holds for everyone meant.
    pub fn each(&self, who: Who, test: impl Fn(&Actor, &Actor) -> bool) -> bool {
        let one = |who: Who| {
            let [actor, other] = self.pair(who);
            test(actor, other)
        };
        match who {
            Who::Both => one(Who::A) && one(Who::B),
            who => one(who),
        }
    }

    /// Something told about each frame.
    pub fn flags(&self, test: impl Fn(usize) -> bool) -> Vec<bool> {
        (0..self.scene.frames()).map(test).collect()
    }
}

/// A place on somebody's body, such as `A.right_hand` or `B.back`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Part {
    /// Whose; never `Both`.
    pub who: Who,
    /// Where.
    pub spot: Spot,
}

/// A place on a body. Skin is a few centimetres off the joints: the offsets are in [`Spot::points`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Wrist and middle of the hand.
    Hand(Hand),
    /// The joint.
    Elbow(Hand),
    /// The joint.
    Shoulder(Hand),
    /// The hip joint, 6 cm outward.
    Hip(Hand),
    /// The joint.
    Knee(Hand),
    /// Ankle and toe.
    Foot(Hand),
    /// Begin and middle of the head.
    Head,
    /// In front of the middle of the head.
    Face,
    /// The neck and the spine's upper end.
    Neck,
    /// 12 cm in front of the spine's upper end.
    Chest,
    /// 12 cm behind the spine.
    Back,
    /// The joint.
    Pelvis,
    /// Any joint of the spine.
    Torso,
}

impl TryFrom<String> for Part {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (who, spot) = text.split_once('.').ok_or_else(|| format!("{text:?} is not like A.right_hand"))?;
        let who = match who {
            "A" => Who::A,
            "B" => Who::B,
            _ => return Err(format!("{text:?} does not begin with A or B")),
        };
        let (hand, name) = if let Some(name) = spot.strip_prefix("left_") {
            (Hand::Left, name)
        } else if let Some(name) = spot.strip_prefix("right_") {
            (Hand::Right, name)
        } else {
            (Hand::Either, spot)
        };
        let spot = match (name, hand) {
            ("hand", _) => Spot::Hand(hand),
            ("elbow", _) => Spot::Elbow(hand),
            ("shoulder", _) => Spot::Shoulder(hand),
            ("hip", _) => Spot::Hip(hand),
            ("knee", _) => Spot::Knee(hand),
            ("foot", _) => Spot::Foot(hand),
            ("head", Hand::Either) => Spot::Head,
            ("face", Hand::Either) => Spot::Face,
            ("neck", Hand::Either) => Spot::Neck,
            ("chest", Hand::Either) => Spot::Chest,
            ("back", Hand::Either) => Spot::Back,
            ("pelvis", Hand::Either) => Spot::Pelvis,
            ("torso", Hand::Either) => Spot::Torso,
            _ => return Err(format!("{text:?} names no part of a body that is known here")),
        };
        Ok(Self { who, spot })
    }
}

impl Spot {
    /// The points that stand for the place: being near any of them is being near the place.
    pub fn points(self, actor: &Actor, t: usize) -> Vec<Vec3d> {
        let joints = |pair: [usize; 2], hand: Hand| -> Vec<Vec3d> {
            sides(hand).map(|side| actor.at(t, pair[side])).collect()
        };
        let ahead = |p: Vec3d, metres: f64| add(p, scale(actor.forward(t), metres));
        match self {
            Self::Hand(hand) => {
                sides(hand).flat_map(|s| [actor.at(t, WRISTS[s]), actor.palm(t, s)]).collect()
            }
            Self::Elbow(hand) => joints(ELBOWS, hand),
            Self::Shoulder(hand) => joints(SHOULDERS, hand),
            Self::Hip(hand) => sides(hand)
                .map(|s| {
                    let outward = if s == 0 { 0.06 } else { -0.06 };
                    add(actor.at(t, HIPS[s]), scale(actor.left(t), outward))
                })
                .collect(),
            Self::Knee(hand) => joints(KNEES, hand),
            Self::Foot(hand) => {
                sides(hand).flat_map(|s| [actor.at(t, ANKLES[s]), actor.at(t, TOES[s])]).collect()
            }
            Self::Head => vec![actor.at(t, HEAD), skull(actor, t)],
            Self::Face => vec![ahead(skull(actor, t), 0.08)],
            Self::Neck => vec![actor.at(t, NECK)],
            Self::Chest => vec![ahead(actor.at(t, CHEST), 0.12)],
            Self::Back => [3, 6, 9].map(|joint| ahead(actor.at(t, joint), -0.12)).to_vec(),
            Self::Pelvis => vec![actor.at(t, PELVIS)],
            Self::Torso => [PELVIS, 3, 6, 9].map(|joint| actor.at(t, joint)).to_vec(),
        }
    }
}

/// The sides that are meant: 0 is left.
fn sides(hand: Hand) -> impl Iterator<Item = usize> {
    (0..2).filter(move |side| match hand {
        Hand::Left => *side == 0,
        Hand::Right => *side == 1,
        Hand::Either => true,
    })
}

/// The middle of the head: 10 cm on from where it begins, away from the neck.
fn skull(actor: &Actor, t: usize) -> Vec3d {
    let head = actor.at(t, HEAD);
    unit(sub(head, actor.at(t, NECK))).map_or(head, |up| add(head, scale(up, 0.10)))
}

/// Shortest distance between two places in a frame, metres.
pub fn gap(cast: Cast<'_>, of: Part, to: Part, t: usize) -> f64 {
    let from = of.spot.points(cast.pair(of.who)[0], t);
    let to = to.spot.points(cast.pair(to.who)[0], t);
    from.iter().flat_map(|a| to.iter().map(|b| norm(sub(*a, *b)))).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_in_one_way() {
        let part = |text: &str| Part::try_from(text.to_owned());
        assert_eq!(part("A.left_hand").unwrap(), Part { who: Who::A, spot: Spot::Hand(Hand::Left) });
        assert_eq!(part("B.shoulder").unwrap(), Part { who: Who::B, spot: Spot::Shoulder(Hand::Either) });
        for bad in ["left_hand", "C.hand", "A.left_head", "A.nose", "A.", "both.hand"] {
            assert!(part(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(Positive::try_from(-1.0).is_err() && Positive::try_from(f64::NAN).is_err());
        assert!(
            Share::try_from(1.01).is_err() && Share::try_from(0.0).is_err() && Share::try_from(1.0).is_ok()
        );
    }
}
