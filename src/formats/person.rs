//! One person from a file of unknown kind: keypoints in npy, or a BVH skeleton whose joints are known here.

use super::bvh::{BUILTIN_MAPPINGS, Bvh, Mapping};
use super::npy;
use crate::error::{Error, Result};
use crate::motion::Person;
use crate::motion::inverse::solve;

/// How npy files begin.
const NPY: &[u8] = b"\x93NUMPY";
/// How BVH files begin.
const BVH: &[u8] = b"HIERARCHY";
/// Lengths of the units that BVH files are found in, metres: metres, centimetres, inches, and those of CMU's conversions.
const UNITS: [f64; 5] = [1.0, 0.01, 0.0254, 0.010_546_875, 0.056_444];
/// Legs of grown-up people, hip to ankle, metres: tells one unit from another.
const LEG: std::ops::Range<f64> = 0.55..1.15;

/// Read `bytes`. Joints in metres, y up, at most `most` frames, 30 a second; what a BVH file says of units is guessed from the
/// length of the legs.
///
/// # Errors
/// `not_a_motion` for anything that is neither, `clip_too_long`; those of [`npy::read_person`] and [`Bvh::from_bytes`].
pub fn read_person(bytes: &[u8], most: usize) -> Result<Person> {
    if bytes.starts_with(NPY) {
        let person = npy::read_person(bytes)?;
        return if person.frames() > most { Err(too_long(most)) } else { Ok(person) };
    }
    if bytes.trim_ascii_start().starts_with(BVH) {
        return from_bvh(&Bvh::from_bytes(bytes)?, most);
    }
    Err(not_a_motion("is neither an npy nor a BVH file"))
}

fn from_bvh(bvh: &Bvh, most: usize) -> Result<Person> {
    for (_, text) in BUILTIN_MAPPINGS {
        let mapping = Mapping::parse(text)?;
        if mapping.bind(bvh).is_err() {
            continue;
        }
        for scale in std::iter::once(None).chain(UNITS.map(Some)) {
            let mapping = match scale {
                Some(scale) => mapping.clone().with_scale(scale)?,
                None => mapping.clone(),
            };
            let bound = mapping.bind(bvh)?;
            if LEG.contains(&bound.leg_length()) {
                // Before it is converted: a frame every ten seconds becomes three hundred.
                if bound.frames() > most {
                    return Err(too_long(most));
                }
                let converted = bound.convert()?;
                let narrow = |pose: &[[f64; 3]; 22]| pose.map(|joint| joint.map(|metres| metres as f32));
                let positions: Vec<_> = converted.positions.iter().map(narrow).collect();
                let rotations = solve(&positions)?.rotations();
                return Ok(Person { positions, rotations });
            }
        }
        return Err(not_a_motion("holds nobody of human size, whatever its unit may be"));
    }
    Err(not_a_motion(
        "has joints of other names than are known here: export it with this program's, Daz's or CMU's names",
    ))
}

fn not_a_motion(why: &str) -> Error {
    Error::invalid("not_a_motion", format!("the file {why}"))
}

fn too_long(most: usize) -> Error {
    let message = format!("the motion is too long: at most {most} frames, 30 a second, are taken");
    Error::invalid("clip_too_long", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bvh::{Unit, write};
    use crate::motion::animation::Animation;
    use crate::motion::kinematics::tests::walk;

    #[test]
    fn our_own_files_come_back_in_either_unit() {
        let person = walk(24);
        let animation = Animation::solve(&person.positions).unwrap();
        let files = [
            npy::write_person(&person).unwrap(),
            write(&animation, Unit::Metres).into_bytes(),
            write(&animation, Unit::Centimetres).into_bytes(),
        ];
        for bytes in files {
            let read = read_person(&bytes, 24).unwrap();
            assert_eq!((read.frames(), read.rotations.len()), (24, 24));
            for (a, b) in
                read.positions.iter().flatten().flatten().zip(person.positions.iter().flatten().flatten())
            {
                assert!((a - b).abs() < 2e-3, "{a} {b}");
            }
        }
    }

    #[test]
    fn what_would_become_too_long_is_refused_before_it_does() {
        let person = walk(24);
        let npy = npy::write_person(&person).unwrap();
        assert_eq!(read_person(&npy, 23).unwrap_err().code(), "clip_too_long");
        let text = write(&Animation::solve(&person.positions).unwrap(), Unit::Metres);
        let time = text.lines().find(|line| line.starts_with("Frame Time:")).unwrap();
        let slow = text.replace(time, "Frame Time: 10");
        assert_eq!(read_person(slow.as_bytes(), 23 * 300).unwrap_err().code(), "clip_too_long");
        assert_eq!(read_person(slow.as_bytes(), 23 * 300 + 1).unwrap().frames(), 23 * 300 + 1);
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [&b""[..], b"PK\x03\x04", b"{}", b"\xff\xd8\xff"] {
            assert_eq!(read_person(bytes, 24).unwrap_err().code(), "not_a_motion");
        }
        let strange = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n\
                       End Site\n{\nOFFSET 0 1 0\n}\n}\nMOTION\nFrames: 1\nFrame Time: 0.1\n1 2 3\n";
        assert_eq!(read_person(strange.as_bytes(), 24).unwrap_err().code(), "not_a_motion");
        let mut dwarf = walk(4);
        dwarf.positions.iter_mut().flatten().flatten().for_each(|x| *x *= 0.2);
        let animation = Animation::solve(&dwarf.positions).unwrap();
        let text = write(&animation, Unit::Metres);
        assert_eq!(read_person(text.as_bytes(), 24).unwrap_err().code(), "not_a_motion");
        assert_eq!(read_person(b"\x93NUMPY\x01", 24).unwrap_err().code(), "npy_corrupt");
    }
}
