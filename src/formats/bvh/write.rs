//! One person as a BVH file that opens in Blender and other animation tools with their default settings.

use crate::error::{Error, Result};
use crate::motion::JOINTS;
use crate::motion::animation::Animation;
use crate::motion::rotation::Mat3;
use crate::motion::skeleton::{NAMES, children, tip};
use crate::motion::vector::widen;
use std::fmt::Write;
use std::str::FromStr;

/// Unit of length of a file, which the format itself does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// What Blender takes a number for.
    #[default]
    Metres,
    /// What most capture systems and tools for characters write.
    Centimetres,
}

impl Unit {
    fn per_metre(self) -> f64 {
        match self {
            Self::Metres => 1.0,
            Self::Centimetres => 100.0,
        }
    }
}

impl FromStr for Unit {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "m" => Ok(Self::Metres),
            "cm" => Ok(Self::Centimetres),
            _ => Err(Error::invalid("unknown_unit", "the unit of length can be m or cm")),
        }
    }
}

/// The order of the three rotations, outermost first. Bodies stand, so the middle one, about the side-to-side axis, stays away
/// from the ±90° where the other two become one.
const ROTATIONS: &str = "Zrotation Xrotation Yrotation";

/// The file's text: y up, right-handed, the world's own origin (two people written so stand together as they should).
///
/// The rest pose is a T-pose facing +z whose bones have the lengths of this clip. The root's offset is zero, because some
/// readers add it to the root's position and others replace it. Angles never jump by a turn between frames. Numbers have six
/// decimals.
pub fn write(animation: &Animation, unit: Unit) -> String {
    let mut text = String::from("HIERARCHY\n");
    write_joint(&mut text, animation, unit.per_metre(), 0, 0);
    let frame_time = 1.0 / animation.fps;
    let frames = animation.frames();
    push(&mut text, format_args!("MOTION\nFrames: {frames}\nFrame Time: {frame_time:.9}\n"));
    let order = file_order();
    let mut before = [[0.0; 3]; JOINTS];
    for (at, turns) in animation.pelvis.iter().zip(&animation.turns) {
        for metres in at {
            push(&mut text, format_args!("{:.6} ", tidy(metres * unit.per_metre())));
        }
        for (place, &joint) in order.iter().enumerate() {
            before[joint] = angles(&turns[joint].to_matrix(), before[joint]);
            for (i, angle) in before[joint].iter().enumerate() {
                let end = if place + 1 == order.len() && i == 2 { '\n' } else { ' ' };
                push(&mut text, format_args!("{:.6}{end}", tidy(angle.to_degrees())));
            }
        }
    }
    text
}

/// A joint, its channels, and everything below it.
fn write_joint(text: &mut String, animation: &Animation, scale: f64, joint: usize, depth: usize) {
    let pad = "\t".repeat(depth);
    let (kind, offset, moves) = if joint == 0 {
        ("ROOT", [0.0; 3], "6 Xposition Yposition Zposition")
    } else {
        ("JOINT", animation.bones[joint], "3")
    };
    push(text, format_args!("{pad}{kind} {}\n{pad}{{\n", NAMES[joint]));
    write_offset(text, &pad, offset, scale);
    push(text, format_args!("{pad}\tCHANNELS {moves} {ROTATIONS}\n"));
    for child in children(joint) {
        write_joint(text, animation, scale, child, depth + 1);
    }
    if let Some(tip) = tip(joint) {
        push(text, format_args!("{pad}\tEnd Site\n{pad}\t{{\n"));
        write_offset(text, &format!("{pad}\t"), widen(tip), scale);
        push(text, format_args!("{pad}\t}}\n"));
    }
    push(text, format_args!("{pad}}}\n"));
}

fn write_offset(text: &mut String, pad: &str, offset: [f64; 3], scale: f64) {
    let [x, y, z] = offset.map(|metres| tidy(metres * scale));
    push(text, format_args!("{pad}\tOFFSET {x:.6} {y:.6} {z:.6}\n"));
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(what);
}

/// The order in which the joints stand in the file, and so their channels: parents first, one branch after another.
fn file_order() -> Vec<usize> {
    fn walk(joint: usize, order: &mut Vec<usize>) {
        order.push(joint);
        children(joint).for_each(|child| walk(child, order));
    }
    let mut order = Vec::with_capacity(JOINTS);
    walk(0, &mut order);
    order
}

/// Rounded to what is written; never minus zero.
fn tidy(value: f64) -> f64 {
    (value * 1e6).round() / 1e6 + 0.0
}

/// Angles (about Z, X, Y, in radians) with m = Rz · Rx · Ry, of all such triples one near `before`.
fn angles(m: &Mat3, before: [f64; 3]) -> [f64; 3] {
    use std::f64::consts::{PI, TAU};
    // m's last row is [-cos x sin y, sin x, cos x cos y], its middle column [-sin z cos x, cos z cos x, sin x].
    let cosine = m[2][0].hypot(m[2][2]);
    let first = if cosine > 1e-6 {
        [(-m[0][1]).atan2(m[1][1]), m[2][1].atan2(cosine), (-m[2][0]).atan2(m[2][2])]
    } else {
        // Z and Y turn about one axis: Z stays where it was, Y does the rest.
        let z: f64 = before[0];
        let (sin, cos) = z.sin_cos();
        let row = |k: usize| cos * m[0][k] + sin * m[1][k];
        [z, m[2][1].atan2(cosine), row(2).atan2(row(0))]
    };
    let second = [first[0] + PI, PI - first[1], first[2] + PI];
    let near = |triple: [f64; 3]| -> [f64; 3] {
        std::array::from_fn(|i| triple[i] - ((triple[i] - before[i]) / TAU).round() * TAU)
    };
    let distance =
        |triple: &[f64; 3]| -> f64 { triple.iter().zip(before).map(|(a, b)| (a - b).powi(2)).sum() };
    let (first, second) = (near(first), near(second));
    if distance(&first) <= distance(&second) { first } else { second }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bvh::Bvh;
    use crate::motion::Pose;
    use crate::motion::animation::FrameRate;
    use crate::motion::kinematics::forward;
    use crate::motion::kinematics::tests::{rest_bones, walk};
    use crate::motion::rotation::{Quat, geodesic};
    use crate::motion::vector::narrow;
    use proptest::prelude::*;

    fn matrix([z, x, y]: [f64; 3]) -> Mat3 {
        let about = |axis: [f64; 3], angle| Quat::about(axis, angle);
        about([0.0, 0.0, 1.0], z)
            .after(about([1.0, 0.0, 0.0], x))
            .after(about([0.0, 1.0, 0.0], y))
            .to_matrix()
    }

    fn joints_at(bvh: &Bvh, frame: usize) -> Pose {
        let all = bvh.world_positions(frame as f64);
        NAMES.map(|name| narrow(all[bvh.nodes().iter().position(|node| node.name == name).unwrap()]))
    }

    fn farthest(text: &str, expected: &[Pose], scale: f32) -> f32 {
        let bvh = Bvh::parse(text).unwrap();
        assert_eq!(bvh.frames(), expected.len());
        let mut worst: f32 = 0.0;
        for (t, pose) in expected.iter().enumerate() {
            let found = joints_at(&bvh, t);
            for (a, b) in found.iter().flatten().zip(pose.iter().flatten()) {
                worst = worst.max((a * scale - b).abs());
            }
        }
        worst
    }

    fn turn() -> impl Strategy<Value = Quat> {
        (prop::array::uniform3(-1.0f64..1.0), -3.1f64..3.1).prop_map(|(axis, angle)| Quat::about(axis, angle))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn angles_give_the_rotation_back(q in turn(), before in prop::array::uniform3(-9.0f64..9.0)) {
            let m = q.to_matrix();
            let found = angles(&m, before);
            prop_assert!(geodesic(&matrix(found), &m) < 1e-5);
            // The middle angle has one value within a turn for each of two triples, so it is never far off.
            prop_assert!((found[1] - before[1]).abs() < 1.5 * std::f64::consts::PI);
        }

        #[test]
        fn a_slow_turn_has_no_jumps(
            from in turn(),
            axis in prop::array::uniform3(-1.0f64..1.0),
            step in 0.001f64..0.02,
        ) {
            let mut before = angles(&from.to_matrix(), [0.0; 3]);
            for t in 1..600 {
                let q = Quat::about(axis, step * f64::from(t)).after(from);
                let now = angles(&q.to_matrix(), before);
                // Near the pole Z and Y swing against each other by up to half a turn, never by a whole one.
                for (a, b) in now.iter().zip(before) {
                    prop_assert!((a - b).abs() <= std::f64::consts::PI + 1e-9, "{before:?} to {now:?}");
                }
                prop_assert!((now[1] - before[1]).abs() < 4.0 * step + 1e-6, "{before:?} to {now:?}");
                before = now;
            }
        }

        #[test]
        fn any_pose_reads_back(
            root in turn(),
            frames in prop::collection::vec(prop::collection::vec(turn(), 21), 1..5),
        ) {
            let positions: Vec<Pose> = frames
                .iter()
                .map(|local| {
                    let local = std::array::from_fn(|j| local[j]);
                    forward(&rest_bones(), [1.3, 0.9, -2.2], root, &local).map(narrow)
                })
                .collect();
            let animation = Animation::solve(&positions).unwrap();
            let text = write(&animation, Unit::Metres);
            prop_assert!(farthest(&text, &animation.replay(), 1.0) < 1e-4);
        }
    }

    #[test]
    fn through_the_pole_and_around() {
        // Straight through x = 90°, where a naive reading flips Z and Y by half a turn.
        let mut before = [0.0; 3];
        for t in 0..=400 {
            let x = f64::from(t) * 0.05;
            let now = angles(&matrix([0.2, x, -0.1]), before);
            for (found, expected) in now.iter().zip([0.2, x, -0.1]) {
                assert!((found - expected).abs() < 1e-4, "at {x}: {now:?}");
            }
            before = now;
        }
    }

    #[test]
    fn a_walk_reads_back_in_both_units_and_at_other_rates() {
        let animation = Animation::solve(&walk(60).positions).unwrap();
        for (unit, scale) in [(Unit::Metres, 1.0), (Unit::Centimetres, 0.01)] {
            for fps in [30.0, 24.0, 120.0] {
                let animation = animation.at(FrameRate::new(fps).unwrap());
                let text = write(&animation, unit);
                assert!(farthest(&text, &animation.replay(), scale) < 1e-4);
                assert_eq!(Bvh::parse(&text).unwrap().fps(), fps);
                assert_eq!(text, write(&animation, unit), "the same bytes twice");
            }
        }
    }

    #[test]
    fn the_file_says_what_blender_expects() {
        let text = write(&Animation::solve(&walk(3).positions).unwrap(), Unit::Centimetres);
        assert!(text.starts_with(
            "HIERARCHY\nROOT pelvis\n{\n\tOFFSET 0.000000 0.000000 0.000000\n\tCHANNELS 6 Xposition Yposition \
             Zposition Zrotation Xrotation Yrotation\n\tJOINT left_hip\n"
        ));
        assert!(text.contains("MOTION\nFrames: 3\nFrame Time: 0.033333333\n"));
        assert!(!text.contains("-0.000000 "), "no minus zero");
        assert_eq!(text.matches("End Site").count(), 5);
        let rows: Vec<&str> = text.lines().rev().take(3).collect();
        assert!(rows.iter().all(|row| row.split(' ').count() == 3 + 22 * 3));
    }
}
