//! Forward kinematics of a BVH: where every node is, at a frame or between two.

use super::{Axis, Bvh, Channel, Node};

/// Unit quaternion (w, x, y, z).
type Quaternion = [f64; 4];

const IDENTITY: Quaternion = [1.0, 0.0, 0.0, 0.0];

impl Bvh {
    /// World positions of all nodes, in node order and file units, at a time in frames within 0 ..= frames − 1 (times
    /// outside are clamped). Between two frames every local rotation turns along the shorter arc and every local
    /// translation moves in a straight line, so that bones keep their length.
    pub fn world_positions(&self, time: f64) -> Vec<[f64; 3]> {
        let time = time.clamp(0.0, (self.frames - 1) as f64);
        let (before, share) = (time.floor() as usize, time.fract());
        let after = (before + 1).min(self.frames - 1);
        let (mut here, mut next) = (self.row(before), self.row(after));
        let mut rotations: Vec<Quaternion> = Vec::with_capacity(self.nodes.len());
        let mut positions: Vec<[f64; 3]> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let count = node.channels.len();
            let (mut translation, mut rotation) = local(node, &here[..count]);
            if share > 0.0 {
                let (to, towards) = local(node, &next[..count]);
                for (value, to) in translation.iter_mut().zip(to) {
                    *value += share * (to - *value);
                }
                rotation = slerp(rotation, towards, share);
            }
            (here, next) = (&here[count..], &next[count..]);
            let (turn, origin) =
                node.parent.map_or((IDENTITY, [0.0; 3]), |parent| (rotations[parent], positions[parent]));
            let moved = rotate(turn, translation);
            positions.push(std::array::from_fn(|axis| origin[axis] + moved[axis]));
            rotations.push(multiply(turn, rotation));
        }
        positions
    }
}

/// Translation and rotation of a node relative to its parent.
fn local(node: &Node, values: &[f64]) -> ([f64; 3], Quaternion) {
    let mut translation = node.offset;
    let mut rotation = IDENTITY;
    for (channel, &value) in node.channels.iter().zip(values) {
        match *channel {
            Channel::Position(axis) => translation[axis.index()] = value,
            Channel::Rotation(axis) => rotation = multiply(rotation, about(axis, value)),
        }
    }
    (translation, rotation)
}

fn about(axis: Axis, degrees: f64) -> Quaternion {
    let (sin, cos) = (degrees.to_radians() / 2.0).sin_cos();
    let mut quaternion = [cos, 0.0, 0.0, 0.0];
    quaternion[axis.index() + 1] = sin;
    quaternion
}

fn multiply([aw, ax, ay, az]: Quaternion, [bw, bx, by, bz]: Quaternion) -> Quaternion {
    [
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    ]
}

fn rotate([w, x, y, z]: Quaternion, v: [f64; 3]) -> [f64; 3] {
    // v + 2w(u×v) + 2u×(u×v)
    let t = [2.0 * (y * v[2] - z * v[1]), 2.0 * (z * v[0] - x * v[2]), 2.0 * (x * v[1] - y * v[0])];
    [
        v[0] + w * t[0] + y * t[2] - z * t[1],
        v[1] + w * t[1] + z * t[0] - x * t[2],
        v[2] + w * t[2] + x * t[1] - y * t[0],
    ]
}

fn slerp(a: Quaternion, mut b: Quaternion, share: f64) -> Quaternion {
    let mut dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    if dot < 0.0 {
        b = b.map(|value| -value);
        dot = -dot;
    }
    let (weight_a, weight_b) = if dot > 0.9999 {
        // Too close for a division by the sine; a straight blend is right to 1e-9 here.
        (1.0 - share, share)
    } else {
        let angle = dot.acos();
        (((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin())
    };
    let blend: Quaternion = std::array::from_fn(|i| weight_a * a[i] + weight_b * b[i]);
    let norm = blend.iter().map(|value| value * value).sum::<f64>().sqrt();
    blend.map(|value| value / norm)
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
