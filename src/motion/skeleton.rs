//! The 22-joint SMPL-like skeleton of InterHuman: names, bones, sides and a rest pose (InterMask spec §1).

use super::{JOINTS, Vec3};

/// Joint names, SMPL's, in index order. Odd-first pairs: the left joint has the smaller index.
pub const NAMES: [&str; JOINTS] = [
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
];

/// Parent of each joint; `None` for the pelvis. A parent always has a smaller index than its children.
pub const PARENTS: [Option<usize>; JOINTS] = [
    None,
    Some(0),
    Some(0),
    Some(0),
    Some(1),
    Some(2),
    Some(3),
    Some(4),
    Some(5),
    Some(6),
    Some(7),
    Some(8),
    Some(9),
    Some(9),
    Some(9),
    Some(12),
    Some(13),
    Some(14),
    Some(16),
    Some(17),
    Some(18),
    Some(19),
];

/// Kinematic chains in InterMask's order: right leg, left leg, spine and head, right arm, left arm.
pub const CHAINS: [&[usize]; 5] =
    [&[0, 2, 5, 8, 11], &[0, 1, 4, 7, 10], &[0, 3, 6, 9, 12, 15], &[9, 14, 17, 19, 21], &[9, 13, 16, 18, 20]];

/// The joint on the other side of the body; joints on the midline map to themselves.
pub const MIRRORED: [usize; JOINTS] =
    [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20];

/// Rest skeleton: offset of each joint from its parent in a T-pose, metres; entry 0 is the pelvis above the floor.
///
/// The person faces +z with the left side at +x and y up. The proportions are our own, of an average adult about
/// 1.7 m tall, in the style of SMPL's mean body; no body model's data went into them. Lengths of a particular clip
/// come from the clip ([`super::kinematics::solve`]); only directions matter to it.
pub const REST_OFFSETS: [Vec3; JOINTS] = [
    [0.0, 0.97, 0.0],
    [0.07, -0.09, 0.0],
    [-0.07, -0.09, 0.0],
    [0.0, 0.12, -0.02],
    [0.03, -0.39, 0.0],
    [-0.03, -0.39, 0.0],
    [0.0, 0.14, 0.01],
    [-0.01, -0.41, -0.03],
    [0.01, -0.41, -0.03],
    [0.0, 0.06, 0.02],
    [0.03, -0.06, 0.13],
    [-0.03, -0.06, 0.13],
    [0.0, 0.21, -0.04],
    [0.08, 0.12, -0.03],
    [-0.08, 0.12, -0.03],
    [0.0, 0.09, 0.04],
    [0.1, 0.03, -0.01],
    [-0.1, 0.03, -0.01],
    [0.26, 0.0, -0.02],
    [-0.26, 0.0, -0.02],
    [0.25, 0.0, 0.0],
    [-0.25, 0.0, 0.0],
];

/// How far a body goes on beyond a joint that has no children, metres in the rest pose: toes, crown, fingertips. `None`
/// for every other joint. Ours, like [`REST_OFFSETS`]; motion files need it so that the last bones have a length.
pub fn tip(joint: usize) -> Option<Vec3> {
    Some(match joint {
        10 | 11 => [0.0, 0.0, 0.07],
        15 => [0.0, 0.17, 0.02],
        20 => [0.17, 0.0, 0.0],
        21 => [-0.17, 0.0, 0.0],
        _ => return None,
    })
}

/// Which side of the body something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Odd-first joints, +x in the rest pose.
    Left,
    /// The joints opposite.
    Right,
    /// Pelvis, spine, neck and head.
    Middle,
}

/// A drawable segment between two joints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limb {
    /// Nearer to the pelvis.
    pub from: usize,
    /// Farther from the pelvis.
    pub to: usize,
    /// Side of `to`.
    pub side: Side,
}

/// The 21 limbs, one per joint except the pelvis, in the order of the joint they end in.
pub fn limbs() -> impl Iterator<Item = Limb> {
    PARENTS.iter().enumerate().filter_map(|(to, parent)| parent.map(|from| Limb { from, to, side: side(to) }))
}

/// Side of a joint.
///
/// # Panics
/// If `joint` is not below [`JOINTS`].
pub fn side(joint: usize) -> Side {
    match MIRRORED[joint].cmp(&joint) {
        std::cmp::Ordering::Equal => Side::Middle,
        std::cmp::Ordering::Greater => Side::Left,
        std::cmp::Ordering::Less => Side::Right,
    }
}

/// Children of a joint, ascending.
pub fn children(joint: usize) -> impl Iterator<Item = usize> {
    (0..JOINTS).filter(move |&j| PARENTS[j] == Some(joint))
}

/// Index of a joint by its SMPL name.
pub fn index(name: &str) -> Option<usize> {
    NAMES.iter().position(|n| *n == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_and_parents_name_the_same_21_bones() {
        let mut bones: Vec<(usize, usize)> =
            CHAINS.iter().flat_map(|c| c.windows(2).map(|w| (w[0], w[1]))).collect();
        bones.sort_by_key(|b| b.1);
        let limbs: Vec<(usize, usize)> = limbs().map(|l| (l.from, l.to)).collect();
        assert_eq!(bones, limbs);
        assert!(limbs.iter().all(|(from, to)| from < to), "a parent comes before its children");
    }

    #[test]
    fn leaves_and_only_leaves_have_a_tip() {
        for j in 0..JOINTS {
            assert_eq!(tip(j).is_some(), children(j).next().is_none(), "{}", NAMES[j]);
            let mirrored = tip(MIRRORED[j]).map(|[x, y, z]| [if x == 0.0 { 0.0 } else { -x }, y, z]);
            assert_eq!(tip(j), mirrored);
        }
    }

    #[test]
    fn left_and_right_swap_by_name_parent_and_rest_offset() {
        for j in 0..JOINTS {
            let m = MIRRORED[j];
            assert_eq!(MIRRORED[m], j);
            let renamed = NAMES[j].replace("left", "?").replace("right", "left").replace('?', "right");
            assert_eq!(NAMES[m], renamed);
            assert_eq!(PARENTS[m], PARENTS[j].map(|p| MIRRORED[p]));
            let [x, y, z] = REST_OFFSETS[j];
            assert_eq!(REST_OFFSETS[m], [if x == 0.0 { 0.0 } else { -x }, y, z]);
            assert_eq!(index(NAMES[j]), Some(j));
        }
        assert_eq!(side(index("left_wrist").unwrap()), Side::Left);
        assert_eq!(side(index("right_hip").unwrap()), Side::Right);
        assert_eq!(side(index("head").unwrap()), Side::Middle);
    }
}
