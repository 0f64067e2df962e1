//! The glTF document: nodes, skins, meshes, materials and the animation, over the numbers of [`super::buffer`].

use super::body::body;
use super::buffer::{Buffer, Target};
use crate::formats::Origin;
use crate::motion::JOINTS;
use crate::motion::animation::Animation;
use crate::motion::kinematics::forward;
use crate::motion::rotation::Quat;
use crate::motion::skeleton::{NAMES, children};
use crate::motion::vector::{Vec3d, add, narrow};
use serde_json::{Value, json};

/// Linear base colours: the page's amber and teal.
const COLOURS: [[f64; 4]; 2] = [[0.807, 0.287, 0.0044, 1.0], [0.006, 0.287, 0.328, 1.0]];

/// Nodes of one person: the armature, its joints, the body.
const NODES: usize = JOINTS + 2;

/// The document and its buffer.
pub(super) fn scene(persons: [&Animation; 2], origin: &Origin) -> (Value, Vec<u8>) {
    let mut buffer = Buffer::default();
    let mut nodes = Vec::with_capacity(2 * NODES);
    let (mut meshes, mut skins) = (Vec::new(), Vec::new());
    let (mut samplers, mut channels) = (Vec::new(), Vec::new());
    let fps = persons[0].fps;
    let frames = persons[0].frames();
    let times: Vec<[f32; 1]> = (0..frames).map(|t| [(t as f64 / fps) as f32]).collect();
    let times = buffer.floats(&times, Target::Other);
    for (person, animation) in persons.into_iter().enumerate() {
        let name = format!("person{}", person + 1);
        let first = nodes.len();
        let rest = standing(animation);
        add_nodes(&mut nodes, &name, person, animation, rest[0]);
        meshes.push(add_mesh(&mut buffer, &name, person, &rest));
        skins.push(add_skin(&mut buffer, &name, first, &rest));
        let mut animate = |node: usize, path: &str, output: usize| {
            channels.push(json!({"sampler": samplers.len(), "target": {"node": node, "path": path}}));
            samplers.push(json!({"input": times, "output": output, "interpolation": "LINEAR"}));
        };
        let pelvis: Vec<[f32; 3]> = animation.pelvis.iter().map(|&at| narrow(at)).collect();
        animate(first + 1, "translation", buffer.floats(&pelvis, Target::Other));
        for joint in 0..JOINTS {
            let turns: Vec<[f32; 4]> = animation.turns.iter().map(|turns| xyzw(turns[joint])).collect();
            animate(first + 1 + joint, "rotation", buffer.floats(&turns, Target::Other));
        }
    }
    let materials: Vec<Value> = COLOURS.iter().enumerate().map(|(i, colour)| material(i, colour)).collect();
    let document = json!({
        "asset": asset(origin, fps, frames),
        "scene": 0,
        // Skinned bodies stand beside their armatures: a node's own place would not count for them.
        "scenes": [{"name": "duet", "nodes": [0, NODES - 1, NODES, 2 * NODES - 1]}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": materials,
        "skins": skins,
        "animations": [{"name": "motion", "samplers": samplers, "channels": channels}],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": buffer.bytes.len()}],
    });
    (document, buffer.bytes)
}

/// World positions of the joints in the rest pose, soles on the floor, where the person is in the first frame.
fn standing(animation: &Animation) -> [Vec3d; JOINTS] {
    let rest = forward(&animation.bones, [0.0; 3], Quat::IDENTITY, &[Quat::IDENTITY; JOINTS - 1]);
    let lowest = body(&rest).positions.iter().map(|p| f64::from(p[1])).fold(f64::INFINITY, f64::min);
    let [x, _, z] = animation.pelvis.first().copied().unwrap_or_default();
    rest.map(|joint| add(joint, [x, -lowest, z]))
}

/// Armature, joints in the rest pose, and body, as nodes `first..first + NODES`.
fn add_nodes(nodes: &mut Vec<Value>, name: &str, person: usize, animation: &Animation, pelvis: Vec3d) {
    let first = nodes.len();
    nodes.push(json!({"name": name, "children": [first + 1]}));
    for (joint, joint_name) in NAMES.iter().enumerate() {
        let at = if joint == 0 { pelvis } else { animation.bones[joint] };
        let mut node = json!({"name": format!("{name}_{joint_name}"), "translation": exact(narrow(at))});
        let below: Vec<usize> = children(joint).map(|child| first + 1 + child).collect();
        if !below.is_empty() {
            node["children"] = below.into();
        }
        nodes.push(node);
    }
    nodes.push(json!({"name": format!("{name}_body"), "mesh": person, "skin": person}));
}

fn add_mesh(buffer: &mut Buffer, name: &str, material: usize, rest: &[Vec3d; JOINTS]) -> Value {
    let mesh = body(rest);
    let joints: Vec<[u8; 4]> = mesh.joints.iter().map(|&joint| [joint, 0, 0, 0]).collect();
    let weights = vec![[255, 0, 0, 0]; joints.len()];
    json!({"name": format!("{name}_body"), "primitives": [{
        "attributes": {
            "POSITION": buffer.floats(&mesh.positions, Target::Vertices),
            "NORMAL": buffer.floats(&mesh.normals, Target::Vertices),
            "JOINTS_0": buffer.bytes4(&joints, false),
            "WEIGHTS_0": buffer.bytes4(&weights, true),
        },
        "indices": buffer.indices(&mesh.indices),
        "material": material,
        "mode": 4,
    }]})
}

fn add_skin(buffer: &mut Buffer, name: &str, first: usize, rest: &[Vec3d; JOINTS]) -> Value {
    // Nothing is turned at rest, so the way back from a joint is a translation. Columns one after the other.
    let back: Vec<[f32; 16]> = rest
        .iter()
        .map(|&at| {
            let [x, y, z] = narrow(at);
            [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -x, -y, -z, 1.0]
        })
        .collect();
    let joints: Vec<usize> = (first + 1..first + 1 + JOINTS).collect();
    json!({"name": name, "skeleton": first + 1, "joints": joints,
           "inverseBindMatrices": buffer.floats(&back, Target::Other)})
}

fn material(person: usize, colour: &[f64; 4]) -> Value {
    json!({"name": format!("person{}", person + 1),
           "pbrMetallicRoughness": {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.7}})
}

fn asset(origin: &Origin, fps: f64, frames: usize) -> Value {
    let mut extras = json!({"fps": fps, "frames": frames});
    let settings = origin.settings.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let known = [
        ("prompt", origin.prompt.as_deref().map(Value::from)),
        ("model", origin.model.as_deref().map(Value::from)),
        ("seed", origin.seed.map(Value::from)),
        ("settings", settings),
    ];
    for (key, value) in known {
        if let Some(value) = value {
            extras[key] = value;
        }
    }
    json!({"version": "2.0", "generator": concat!("duet ", env!("CARGO_PKG_VERSION")), "extras": extras})
}

/// glTF's order of a quaternion.
fn xyzw(turn: Quat) -> [f32; 4] {
    let [w, x, y, z] = turn.to_array();
    [x, y, z, w]
}

/// The very numbers of the buffer, so that the skin at rest is exact.
fn exact(v: [f32; 3]) -> [f64; 3] {
    v.map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::super::container::tests::unpack;
    use super::super::write;
    use super::*;
    use crate::motion::animation::FrameRate;
    use crate::motion::kinematics::tests::walk;

    fn animation(frames: usize) -> Animation {
        Animation::solve(&walk(frames).positions).unwrap()
    }

    fn file(frames: usize) -> Vec<u8> {
        let animation = animation(frames);
        let origin = Origin { prompt: Some("two people walk".into()), seed: Some(7), ..Origin::default() };
        write([&animation, &animation], &origin).unwrap()
    }

    /// The floats of an accessor, `width` at a time.
    fn floats(document: &Value, binary: &[u8], accessor: usize, width: usize) -> Vec<Vec<f32>> {
        let accessor = &document["accessors"][accessor];
        let view = &document["bufferViews"][accessor["bufferView"].as_u64().unwrap() as usize];
        let (start, length) = (view["byteOffset"].as_u64().unwrap(), view["byteLength"].as_u64().unwrap());
        let bytes = &binary[start as usize..(start + length) as usize];
        let numbers: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        numbers.chunks_exact(width).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn the_same_bytes_twice_and_other_bytes_for_another_motion() {
        assert_eq!(file(20), file(20));
        assert_ne!(file(20), file(21));
    }

    #[test]
    fn views_fit_the_buffer_and_bounds_the_numbers() {
        let bytes = file(20);
        let (document, binary) = unpack(&bytes);
        assert_eq!(document["buffers"][0]["byteLength"], binary.len());
        let mut end = 0;
        for view in document["bufferViews"].as_array().unwrap() {
            let start = view["byteOffset"].as_u64().unwrap();
            assert!(start % 4 == 0 && start >= end, "{view}");
            end = start + view["byteLength"].as_u64().unwrap();
        }
        assert!(end as usize <= binary.len());
        for (index, accessor) in document["accessors"].as_array().unwrap().iter().enumerate() {
            let Some(low) = accessor["min"].as_array() else { continue };
            let high = accessor["max"].as_array().unwrap();
            let items = floats(&document, binary, index, low.len());
            assert_eq!(accessor["count"], items.len());
            for k in 0..low.len() {
                let (least, most) =
                    items.iter().fold((f32::MAX, f32::MIN), |(l, m), i| (l.min(i[k]), m.max(i[k])));
                // serde_json reads digits to the last bit but one of an f64, which rounds to the same f32.
                let stated = [&low[k], &high[k]].map(|bound| bound.as_f64().unwrap() as f32);
                assert_eq!(stated, [least, most]);
            }
        }
    }

    #[test]
    fn nodes_replay_the_motion() {
        let (bytes, animation) = (file(20), animation(20));
        let (document, binary) = unpack(&bytes);
        assert_eq!(document["nodes"].as_array().unwrap().len(), 2 * NODES);
        assert_eq!(document["nodes"][1]["name"], "person1_pelvis");
        assert_eq!(document["nodes"][NODES + 22]["name"], "person2_right_wrist");
        assert_eq!(document["asset"]["extras"]["prompt"], "two people walk");
        let motion = &document["animations"][0];
        assert_eq!(motion["channels"].as_array().unwrap().len(), 2 * (JOINTS + 1));
        for channel in motion["channels"].as_array().unwrap() {
            let sampler = &motion["samplers"][channel["sampler"].as_u64().unwrap() as usize];
            let node = channel["target"]["node"].as_u64().unwrap() as usize;
            let output = sampler["output"].as_u64().unwrap() as usize;
            if channel["target"]["path"] == "translation" {
                assert!(node == 1 || node == NODES + 1, "only the pelvis moves");
                continue;
            }
            let turns = floats(&document, binary, output, 4);
            let joint = (node % NODES) - 1;
            for (t, turn) in turns.iter().enumerate() {
                let length: f32 = turn.iter().map(|x| x * x).sum();
                assert!((length - 1.0).abs() < 1e-6);
                assert_eq!(turn[..], xyzw(animation.turns[t][joint]));
                if t > 0 {
                    let along: f32 = turn.iter().zip(&turns[t - 1]).map(|(a, b)| a * b).sum();
                    assert!(along >= 0.0, "signs follow each other");
                }
            }
        }
    }

    #[test]
    fn at_rest_the_skin_is_the_mesh_on_the_floor() {
        let bytes = file(3);
        let (document, binary) = unpack(&bytes);
        for person in 0..2 {
            let skin = &document["skins"][person];
            let back = floats(&document, binary, skin["inverseBindMatrices"].as_u64().unwrap() as usize, 16);
            for (joint, node) in skin["joints"].as_array().unwrap().iter().enumerate() {
                let mut at = [0.0f64; 3];
                let mut index = node.as_u64().unwrap();
                loop {
                    let node = &document["nodes"][index as usize];
                    for (k, x) in at.iter_mut().enumerate() {
                        *x += node["translation"][k].as_f64().unwrap_or(0.0);
                    }
                    let parent =
                        document["nodes"].as_array().unwrap().iter().position(|n| {
                            n["children"].as_array().is_some_and(|c| c.contains(&index.into()))
                        });
                    let Some(parent) = parent else { break };
                    index = parent as u64;
                }
                for k in 0..3 {
                    assert!((at[k] + f64::from(back[joint][12 + k])).abs() < 1e-6);
                }
            }
            let primitive = &document["meshes"][person]["primitives"][0];
            let position = primitive["attributes"]["POSITION"].as_u64().unwrap() as usize;
            assert!(document["accessors"][position]["min"][1].as_f64().unwrap().abs() < 1e-6);
        }
    }

    #[test]
    fn times_are_seconds_at_any_rate() {
        let animation = animation(31).at(FrameRate::new(60.0).unwrap());
        let bytes = write([&animation, &animation], &Origin::default()).unwrap();
        let (document, binary) = unpack(&bytes);
        let times = floats(&document, binary, 0, 1);
        assert_eq!((times.len(), times[60][0]), (61, 1.0));
        assert_eq!(document["asset"]["extras"], serde_json::json!({"fps": 60.0, "frames": 61}));
    }
}
