//! What a motion is: two people, 22 joints each, 30 frames a second. This room knows nothing of models or files.
//!
//! ```text
//! raw (T,492) -> RawPerson -> mirror -> canonical -> Features (T-1,262) -> Stats -> a model
//! a model -> Stats -> Features (T,262) -> export: smooth, foot fix -> Motion
//! positions alone -> inverse -> local rotations on the rest skeleton -> Animation, at any frame rate
//! ```
//!
//! Section numbers refer to the InterMask specification (ICLR 2025 and its published code).

pub mod alignment;
pub mod animation;
pub mod body_parts;
pub mod calm;
pub mod canonical;
pub mod contact;
pub(crate) mod eigen;
pub mod export;
pub mod foot_fix;
pub mod frame;
mod gait;
pub mod haste;
pub mod inverse;
pub mod kinematics;
pub mod limb;
pub mod mirror;
pub(crate) mod moves;
pub mod placement;
pub mod planting;
pub mod ramp;
pub mod raw;
pub mod rigid;
pub mod rotation;
pub mod skeleton;
pub mod smooth;
pub mod splice;
pub mod stats;
pub mod swing;
pub(crate) mod vector;

pub use body_parts::BodyParts;
pub use frame::Features;
pub use raw::RawPerson;
pub use stats::Stats;

use serde::{Deserialize, Serialize};

/// Joints of the SMPL-like body that InterHuman uses.
pub const JOINTS: usize = 22;
/// Numbers per person and frame in the InterHuman representation (InterMask spec §1).
pub const FEATURES: usize = 262;
/// Frames a second of everything inside the house; formats convert at the door.
pub const FPS: f32 = 30.0;

/// Metres; y up.
pub type Vec3 = [f32; 3];
/// Joint positions of one person in one frame, metres.
pub type Pose = [Vec3; JOINTS];
/// Local rotations of joints 1..=21 in one frame, 6D in the order of InterHuman's files: the first two columns of the
/// matrix, interleaved ([`rotation::SixD::Interleaved`]).
pub type Rotations = [[f32; 6]; JOINTS - 1];

/// One person's motion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Joint positions, one [`Pose`] a frame.
    pub positions: Vec<Pose>,
    /// Local joint rotations, one entry a frame, same length as `positions`.
    pub rotations: Vec<Rotations>,
}

/// Two people in one common frame, 30 frames a second, both of the same length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Person 1 and person 2.
    pub persons: [Person; 2],
}

impl Person {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.positions.len()
    }

    /// Whether every number is finite, as anything that leaves the house must be.
    pub fn is_finite(&self) -> bool {
        self.positions.iter().flatten().flatten().all(|v| v.is_finite())
            && self.rotations.iter().flatten().flatten().all(|v| v.is_finite())
    }
}

impl Motion {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.persons[0].frames()
    }

    /// Whether every number of both persons is finite.
    pub fn is_finite(&self) -> bool {
        self.persons.iter().all(Person::is_finite)
    }
}
