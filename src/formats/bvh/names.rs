//! Nodes of a file by the names that a mapping has for them.

use super::{Bvh, Node};
use crate::error::{Error, Result};

/// How the names of end sites begin; what follows is the joint's.
const END: &str = "end of ";

/// Indices of the nodes of this name. Where there is none, of those that have it behind the name of a character, as Mixamo writes
/// it: `mixamorig:Hips`.
fn called<'a>(bvh: &'a Bvh, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let all = || bvh.nodes().iter().enumerate();
    let is_there = all().any(|(_, node)| node.name == name);
    let is_called =
        move |node: &Node| if is_there { node.name == name } else { bare(&node.name) == split(name) };
    all().filter(move |(_, node)| is_called(node)).map(|(index, _)| index)
}

/// Whether it is an end site's, and the joint's name.
fn split(name: &str) -> (bool, &str) {
    name.strip_prefix(END).map_or((false, name), |joint| (true, joint))
}

/// The same without the name of a character.
fn bare(name: &str) -> (bool, &str) {
    let (is_end, joint) = split(name);
    (is_end, joint.rsplit_once(':').map_or(joint, |(_, joint)| joint))
}

/// Whether a file has a node of this name.
pub(super) fn has(bvh: &Bvh, name: &str) -> bool {
    called(bvh, name).next().is_some()
}

/// The only node of this name, which `mapping` makes `joint` from.
///
/// # Errors
/// `mapping_mismatch`: it is absent, or there are several.
pub(super) fn find(bvh: &Bvh, name: &str, joint: &str, mapping: &str) -> Result<usize> {
    let mut matches = called(bvh, name);
    match (matches.next(), matches.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => {
            let message = format!("has several joints called \"{name}\", which {joint} is mapped to");
            Err(Error::invalid("mapping_mismatch", message))
        }
        _ => {
            let names: Vec<_> = bvh.nodes().iter().take(60).map(|node| node.name.as_str()).collect();
            let message = format!(
                "has no joint \"{name}\", which mapping \"{mapping}\" makes {joint} from; it has {}",
                names.join(", ")
            );
            Err(Error::invalid("mapping_mismatch", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_names(names: &[&str]) -> Bvh {
        let joint = |name: &&str| format!("JOINT {name}\n{{ OFFSET 0 0 0 End Site {{ OFFSET 0 1 0 }} }}\n");
        let joints: String = names.iter().map(joint).collect();
        Bvh::parse(&format!(
            "HIERARCHY ROOT root\n{{ OFFSET 0 0 0 CHANNELS 1 Xposition\n{joints}}}\nMOTION\nFrames: 1\nFrame Time: 1\n0\n"
        ))
        .unwrap()
    }

    #[test]
    fn a_character_may_stand_before_the_name() {
        let bvh = of_names(&["mixamorig:Hips", "mixamorig:LeftFoot"]);
        assert_eq!(find(&bvh, "Hips", "pelvis", "m").unwrap(), 1);
        assert_eq!(find(&bvh, "mixamorig:Hips", "pelvis", "m").unwrap(), 1);
        assert_eq!(find(&bvh, "end of LeftFoot", "left_foot", "m").unwrap(), 4);
        assert!(!has(&bvh, "hips") && !has(&bvh, "Foot") && !has(&bvh, "other:Hips"));
    }

    #[test]
    fn the_whole_name_comes_first_and_two_characters_are_one_too_many() {
        let bvh = of_names(&["a:Hips", "Hips", "b:Head", "c:Head"]);
        assert_eq!(find(&bvh, "Hips", "pelvis", "m").unwrap(), 3);
        let error = find(&bvh, "Head", "head", "m").unwrap_err();
        assert!(error.code() == "mapping_mismatch" && error.to_string().contains("several"), "{error}");
        assert!(has(&bvh, "Head"));
    }
}
