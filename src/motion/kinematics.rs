//! Skeletons in motion: positions from rotations. The way back is in [`super::inverse`], re-exported here.

use super::rotation::Quat;
use super::skeleton::PARENTS;
use super::vector::{Vec3d, add, narrow, widen};
use super::{JOINTS, Pose};

pub use super::inverse::{FitError, Solution, solve};

/// Offset of each joint from its parent in the rest pose, metres; entry 0 is not used.
pub type Bones = [Vec3d; JOINTS];
/// Local rotations of joints 1..=21.
pub type LocalRotations = [Quat; JOINTS - 1];

/// Joint positions of one frame: G₀ = root, G_j = G_parent · local_j, p_j = p_parent + G_parent(bone_j).
pub fn forward(bones: &Bones, root_position: Vec3d, root: Quat, local: &LocalRotations) -> [Vec3d; JOINTS] {
    let mut turns = [root; JOINTS];
    let mut positions = [root_position; JOINTS];
    for j in 1..JOINTS {
        let parent = PARENTS[j].unwrap_or(0);
        positions[j] = add(positions[parent], turns[parent].rotate(bones[j]));
        turns[j] = turns[parent].after(local[j - 1]);
    }
    positions
}

/// Positions of a solution's frames by forward kinematics, given where the pelvis is.
pub fn replay(solution: &Solution, pelvis: impl IntoIterator<Item = super::Vec3>) -> Vec<Pose> {
    pelvis
        .into_iter()
        .zip(&solution.root_rotations)
        .zip(&solution.local)
        .map(|((at, &root), local)| forward(&solution.bones, widen(at), root, local).map(narrow))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::motion::Person;
    use crate::motion::rotation::SixD;
    use crate::motion::skeleton::REST_OFFSETS;

    pub(crate) fn rest_bones() -> Bones {
        REST_OFFSETS.map(widen)
    }

    /// A made-up walk: legs and arms swing on the rest skeleton while the pelvis moves forward and turns.
    pub(crate) fn walk(frames: usize) -> Person {
        let bones = rest_bones();
        let x = [1.0, 0.0, 0.0];
        let mut person = Person { positions: Vec::new(), rotations: Vec::new() };
        for t in 0..frames {
            let phase = t as f64 * 0.25;
            let mut local = [Quat::IDENTITY; JOINTS - 1];
            let mut set = |joint: usize, axis: Vec3d, angle: f64| local[joint - 1] = Quat::about(axis, angle);
            set(1, x, 0.5 * phase.sin());
            set(2, x, -0.5 * phase.sin());
            set(4, x, 0.3 + 0.3 * phase.cos());
            set(5, x, 0.3 - 0.3 * phase.cos());
            set(9, [0.0, 1.0, 0.0], 0.2 * phase.sin());
            set(16, [0.0, 0.3, 1.0], -1.1 + 0.2 * phase.sin());
            set(17, [0.0, 0.3, 1.0], 1.1 + 0.2 * phase.sin());
            set(18, [0.0, 1.0, 0.0], -0.6);
            set(12, x, 0.1 * phase.cos());
            let root = Quat::about([0.05, 1.0, 0.02], 0.3 + 0.02 * t as f64);
            let at = [0.01 * t as f64, 0.95 + 0.01 * phase.cos(), 0.03 * t as f64];
            person.positions.push(forward(&bones, at, root, &local).map(narrow));
            person.rotations.push(local.map(|q| SixD::Interleaved.encode(&q.to_matrix())));
        }
        person
    }

    #[test]
    fn a_turned_parent_carries_its_children() {
        let mut local = [Quat::IDENTITY; JOINTS - 1];
        // Left shoulder turns its arm from +x down to -y.
        local[15] = Quat::about([0.0, 0.0, 1.0], -std::f64::consts::FRAC_PI_2);
        let rest = forward(&rest_bones(), [0.0, 1.0, 0.0], Quat::IDENTITY, &[Quat::IDENTITY; JOINTS - 1]);
        let bent = forward(&rest_bones(), [0.0, 1.0, 0.0], Quat::IDENTITY, &local);
        for j in 0..JOINTS {
            let moves = [18, 20].contains(&j);
            assert_eq!(rest[j] != bent[j], moves, "joint {j}");
        }
        assert!((bent[20][1] - (rest[16][1] - 0.51)).abs() < 1e-6, "the whole arm hangs below the shoulder");
    }
}
