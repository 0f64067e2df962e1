//! What a motion is: two people, 22 joints each, 30 frames a second. This room knows nothing of models or files.

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
/// Local rotations of joints 1..=21 in one frame, 6D (first column of the rotation matrix, then the raw second column).
pub type Rotations = [[f32; 6]; JOINTS - 1];

/// One person's motion.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Joint positions, one [`Pose`] a frame.
    pub positions: Vec<Pose>,
    /// Local joint rotations, one entry a frame, same length as `positions`.
    pub rotations: Vec<Rotations>,
}

/// Two people in one common frame, 30 frames a second, both of the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// Person 1 and person 2.
    pub persons: [Person; 2],
}

impl Motion {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.persons[0].positions.len()
    }
}
