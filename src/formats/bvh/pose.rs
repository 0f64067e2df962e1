//! Forward kinematics of a BVH: where every node is, at a frame or between two.

use super::{Axis, Bvh, Channel, Node};
use crate::motion::rotation::Quat;
use crate::motion::vector::add;

impl Bvh {
    /// World positions of all nodes, in node order and file units, at a time in frames within 0 ..= frames − 1 (times
    /// outside are clamped). Between two frames every local rotation turns along the shorter arc and every local
    /// translation moves in a straight line, so that bones keep their length.
    pub fn world_positions(&self, time: f64) -> Vec<[f64; 3]> {
        let time = time.clamp(0.0, (self.frames - 1) as f64);
        let (before, share) = (time.floor() as usize, time.fract());
        let after = (before + 1).min(self.frames - 1);
        let (mut here, mut next) = (self.row(before), self.row(after));
        let mut rotations: Vec<Quat> = Vec::with_capacity(self.nodes.len());
        let mut positions: Vec<[f64; 3]> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let count = node.channels.len();
            let (mut translation, mut rotation) = local(node, &here[..count]);
            if share > 0.0 {
                let (to, towards) = local(node, &next[..count]);
                for (value, to) in translation.iter_mut().zip(to) {
                    *value += share * (to - *value);
                }
                rotation = rotation.slerp(towards, share);
            }
            (here, next) = (&here[count..], &next[count..]);
            let (turn, origin) = node
                .parent
                .map_or((Quat::IDENTITY, [0.0; 3]), |parent| (rotations[parent], positions[parent]));
            positions.push(add(origin, turn.rotate(translation)));
            rotations.push(turn.after(rotation));
        }
        positions
    }
}

/// Translation and rotation of a node relative to its parent.
fn local(node: &Node, values: &[f64]) -> ([f64; 3], Quat) {
    let mut translation = node.offset;
    let mut rotation = Quat::IDENTITY;
    for (channel, &value) in node.channels.iter().zip(values) {
        match *channel {
            Channel::Position(axis) => translation[axis.index()] = value,
            Channel::Rotation(axis) => rotation = rotation.after(about(axis, value)),
        }
    }
    (translation, rotation)
}

fn about(axis: Axis, degrees: f64) -> Quat {
    let mut direction = [0.0; 3];
    direction[axis.index()] = 1.0;
    Quat::about(direction, degrees.to_radians())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(channels: &str, rows: &str) -> Bvh {
        Bvh::parse(&format!(
            "HIERARCHY ROOT hip\n{{ OFFSET 9 9 9 CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation \
             Xrotation\nJOINT arm\n{{ OFFSET 1 0 0 CHANNELS 3 {channels}\nEnd Site\n{{ OFFSET 2 0 0 }} }} }}\n\
             MOTION\nFrames: {}\nFrame Time: 0.01\n{rows}",
            rows.lines().count()
        ))
        .unwrap()
    }

    fn assert_near(found: [f64; 3], expected: [f64; 3]) {
        let error = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-12, "{found:?} instead of {expected:?}");
    }

    #[test]
    fn rotations_compose_in_the_order_of_the_file() {
        // Z then X, intrinsic: the bone along x turns to y, and then (about the turned x axis, itself) stays.
        let bvh = arm("Zrotation Xrotation Yrotation", "5 0 0 0 0 0 90 90 0\n");
        assert_near(bvh.world_positions(0.0)[2], [6.0, 2.0, 0.0]);
        // X first leaves the bone, then Z about the turned z axis (pointing to -y) lifts it to z.
        let bvh = arm("Xrotation Zrotation Yrotation", "5 0 0 0 0 0 90 90 0\n");
        assert_near(bvh.world_positions(0.0)[2], [6.0, 0.0, 2.0]);
    }

    #[test]
    fn position_channels_replace_the_offset_and_the_root_turns_its_children() {
        let bvh = arm("Zrotation Xrotation Yrotation", "1 2 3 90 0 0 0 0 0\n");
        let positions = bvh.world_positions(0.0);
        assert_near(positions[0], [1.0, 2.0, 3.0]);
        assert_near(positions[1], [1.0, 3.0, 3.0]);
        assert_near(positions[2], [1.0, 5.0, 3.0]);
    }

    #[test]
    fn between_frames_bones_keep_their_length_and_turn_the_short_way() {
        let bvh = arm("Zrotation Xrotation Yrotation", "0 0 0 0 0 0 170 0 0\n2 0 0 0 0 0 -170 0 0\n");
        let middle = bvh.world_positions(0.5);
        assert_near(middle[0], [1.0, 0.0, 0.0]);
        assert_near(middle[2], [0.0, 0.0, 0.0]);
        assert_eq!(bvh.world_positions(7.0), bvh.world_positions(1.0));
    }
}
