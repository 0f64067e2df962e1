//! One person from a file of unknown kind: keypoints in npy, or a BVH skeleton whose joints are known here.

use super::bvh::{BUILTIN_MAPPINGS, Bvh, Mapping, leg_length, unpacked};
use super::npy;
use crate::error::{Error, Result};
use crate::motion::inverse::solve;
use crate::motion::vector::{narrow, widen};
use crate::motion::{Person, Pose};
use std::path::Path;

/// How npy files begin.
const NPY: &[u8] = b"\x93NUMPY";
/// Largest file that is read, bytes.
const MOST_BYTES: u64 = npy::MAX_BYTES;
/// Most text that is unpacked of a compressed file, bytes: a minute of 22 joints at 240 frames a second is a half of it.
const MOST_TEXT: u64 = 16 << 20;
/// Legs of those in npy files, hip to ankle, metres. Who was generated may be of any size; what is outside is another unit.
const LEG: std::ops::Range<f64> = 0.2..2.0;
/// Farthest from the origin that somebody may be, metres: beyond, f32 has no millimetres.
const REACH: f32 = 1e4;

/// The bytes of a file for [`read_person`].
///
/// # Errors
/// `file_not_found`, `permission_denied`, `io`; `file_too_large`.
pub fn load_person(path: &Path) -> Result<Vec<u8>> {
    load_at_most(path, MOST_BYTES)
}

fn load_at_most(path: &Path, most: u64) -> Result<Vec<u8>> {
    super::load(path, most)?.ok_or_else(|| {
        let (file, limit) = (path.display(), most >> 20);
        let message = format!("{file} is larger than {limit} MB; cut the recording into shorter files");
        Error::invalid("file_too_large", message)
    })
}

/// Read `bytes`. Joints in metres, y up, at most `most` frames, 30 a second; what a BVH file says of units is guessed from the
/// length of the legs. BVH files may be compressed by gzip.
///
/// # Errors
/// `not_a_motion` for anything that is neither, or is of nobody in metres, `clip_too_long`; those of [`npy::read_person`],
/// [`unpacked`] and [`Bvh::from_bytes`].
pub fn read_person(bytes: &[u8], most: usize) -> Result<Person> {
    let person = if bytes.starts_with(NPY) { from_npy(bytes, most)? } else { from_text(bytes, most)? };
    if person.positions.iter().flatten().flatten().any(|x| x.abs() > REACH) {
        return Err(not_a_motion(&format!(
            "holds somebody more than {REACH} m from the origin; save it in metres, around the origin"
        )));
    }
    Ok(person)
}

fn from_npy(bytes: &[u8], most: usize) -> Result<Person> {
    let person = npy::read_person(bytes)?;
    if person.frames() > most {
        return Err(too_long(most));
    }
    let leg = usual_leg(&person.positions);
    if !LEG.contains(&leg) {
        return Err(not_a_motion(&format!(
            "holds somebody whose legs are {leg:.3} m long, hip to ankle; save keypoints in metres"
        )));
    }
    Ok(person)
}

/// Median length of the left leg: generated limbs stretch.
fn usual_leg(poses: &[Pose]) -> f64 {
    let mut legs: Vec<f64> = poses.iter().map(|pose| leg_length(&pose.map(widen))).collect();
    legs.sort_by(f64::total_cmp);
    legs.get(legs.len() / 2).copied().unwrap_or(0.0)
}

fn from_text(bytes: &[u8], most: usize) -> Result<Person> {
    let text = unpacked(bytes, MOST_TEXT)?;
    if !Bvh::is_begun(&text) {
        return Err(not_a_motion("is neither an npy nor a BVH file"));
    }
    from_bvh(&Bvh::from_bytes(&text)?, most)
}

fn from_bvh(bvh: &Bvh, most: usize) -> Result<Person> {
    let mapping = known(bvh)?;
    // What does not fit says so in words of its own.
    let refused = |error: Error| not_a_motion(&error.to_string()).with_source(error);
    let sized = mapping.sized(bvh).map_err(refused)?;
    let mapping =
        sized.ok_or_else(|| not_a_motion("holds nobody of human size, whatever its unit may be"))?;
    let bound = mapping.bind(bvh).map_err(refused)?;
    // Before it is converted: a frame every ten seconds becomes three hundred.
    if bound.frames() > most {
        return Err(too_long(most));
    }
    let positions: Vec<_> = bound.convert()?.positions.into_iter().map(|pose| pose.map(narrow)).collect();
    let rotations = solve(&positions)?.rotations();
    Ok(Person { positions, rotations })
}

/// The first mapping whose joints a file has, all of them.
fn known(bvh: &Bvh) -> Result<Mapping> {
    for (name, _) in BUILTIN_MAPPINGS {
        let mapping = Mapping::builtin(name)?;
        if mapping.knows(bvh) {
            return Ok(mapping);
        }
    }
    Err(not_a_motion(
        "has joints of other names than are known here: export it with this program's, Mixamo's, Daz's or CMU's names",
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
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

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

    /// A file of this program's with other names, frame times and so on: pairs of what to replace by what.
    fn written(frames: usize, changes: &[(&str, &str)]) -> String {
        let animation = Animation::solve(&walk(frames).positions).unwrap();
        let text = write(&animation, Unit::Metres);
        changes.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        })
    }

    /// This program's names and Mixamo's.
    const MIXAMO: [(&str, &str); 22] = [
        ("pelvis\n", "m:Hips\n"),
        ("left_hip", "m:LeftUpLeg"),
        ("right_hip", "m:RightUpLeg"),
        ("spine3", "m:Spine2"),
        ("spine2", "m:Spine1"),
        ("spine1", "m:Spine"),
        ("left_knee", "m:LeftLeg"),
        ("right_knee", "m:RightLeg"),
        ("left_foot", "m:LeftToeBase"),
        ("right_foot", "m:RightToeBase"),
        ("left_ankle", "m:LeftFoot"),
        ("right_ankle", "m:RightFoot"),
        ("neck", "m:Neck"),
        ("head", "m:Head"),
        ("left_shoulder", "m:LeftArm"),
        ("right_shoulder", "m:RightArm"),
        ("left_collar", "m:LeftShoulder"),
        ("right_collar", "m:RightShoulder"),
        ("left_elbow", "m:LeftForeArm"),
        ("right_elbow", "m:RightForeArm"),
        ("left_wrist", "m:LeftHand"),
        ("right_wrist", "m:RightHand"),
    ];

    #[test]
    fn mixamo_s_names_are_known() {
        let theirs = read_person(written(24, &MIXAMO).as_bytes(), 24).unwrap();
        assert_eq!(theirs, read_person(written(24, &[]).as_bytes(), 24).unwrap());
    }

    /// A figure of the unscaled single-person release of CMU's takes in Daz's skeleton: nine frames of a rest pose and the way out of
    /// it, then sixteen at 30 a second, walking along z by a unit a frame.
    fn single_person_release() -> String {
        let node = |name: &str, at: [f64; 3], inner: &str| {
            let [x, y, z] = at;
            format!(
                "JOINT {name}\n{{ OFFSET {x} {y} {z}\n CHANNELS 3 Zrotation Xrotation Yrotation\n{inner} }}\n"
            )
        };
        let end = |[x, y, z]: [f64; 3]| format!("End Site\n{{ OFFSET {x} {y} {z} }}");
        let leg = |side: &str, left: f64| {
            let foot = node(&format!("{side}Foot"), [0.0, -42.2332, 0.0], &end([0.0, -5.0, 12.0]));
            let shin = node(&format!("{side}Shin"), [0.0, -40.0, 0.0], &foot);
            node(&format!("{side}Thigh"), [8.0 * left, -4.0, 0.0], &shin)
        };
        let arm = |side: &str, left: f64| {
            let hand = node(&format!("{side}Hand"), [22.0 * left, 0.0, 0.0], &end([9.0 * left, 0.0, 0.0]));
            let forearm = node(&format!("{side}ForeArm"), [25.0 * left, 0.0, 0.0], &hand);
            let shoulder = node(&format!("{side}Shldr"), [12.0 * left, 0.0, 0.0], &forearm);
            node(&format!("{side}Collar"), [4.0 * left, 12.0, 0.0], &shoulder)
        };
        let head = node("neck", [0.0, 15.0, 0.0], &node("head", [0.0, 8.0, 0.0], &end([0.0, 10.0, 0.0])));
        let chest = node("chest", [0.0, 15.0, 0.0], &[head, arm("l", 1.0), arm("r", -1.0)].concat());
        let abdomen = node("abdomen", [0.0, 5.0, 0.0], &chest);
        let body = [abdomen, leg("l", 1.0), leg("r", -1.0)].concat();
        let row = |frame: usize| {
            let still = " 0".repeat(3 * 18);
            let z = if frame < 9 { 0 } else { frame };
            format!("0 92 {z} 0 0 0{still}\n")
        };
        let rows: String = (0..9 + 16 * 4).map(row).collect();
        format!(
            "HIERARCHY\nROOT hip\n{{ OFFSET 0 0 0\n CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation \
             Xrotation\n{body}}}\nMOTION\nFrames: {}\nFrame Time: 0.00833333\n{rows}",
            9 + 16 * 4
        )
    }

    #[test]
    fn a_release_has_its_own_unit_and_its_own_start() {
        let person = read_person(single_person_release().as_bytes(), 24).unwrap();
        assert_eq!(person.frames(), 16);
        let unit = 0.010_546_875;
        let [_, y, z] = person.positions[0][0];
        assert!((f64::from(y) - 92.0 * unit).abs() < 1e-6, "{y}");
        assert!((f64::from(z) - 9.0 * unit).abs() < 1e-6, "nothing of the rest pose: {z}");
        assert!((usual_leg(&person.positions) - 0.8673).abs() < 1e-4);
        // Somebody else's figure on that skeleton is in centimetres, and begins as the mapping says.
        let other = single_person_release().replace("-42.2332", "-46");
        let other = read_person(other.as_bytes(), 24).unwrap();
        assert!((usual_leg(&other.positions) - 0.86).abs() < 1e-4);
    }

    #[test]
    fn files_are_told_what_is_wrong_with_them() {
        let told = |text: &str| {
            let error = read_person(text.as_bytes(), 99).unwrap_err();
            assert_eq!(error.code(), "not_a_motion", "{error}");
            error.to_string()
        };
        assert!(told(&written(24, &[("ROOT pelvis", "ROOT hips")])).contains("other names"));
        let twice = written(24, &[("End Site", "JOINT head\n{ OFFSET 0 0 0 }\nEnd Site")]);
        assert!(told(&twice).contains("several joints called \"head\""));
        let release = single_person_release();
        let at = release.find("Frames:").unwrap();
        let rows = release.lines().rev().take(2).fold(String::new(), |rows, row| rows + row + "\n");
        let short = format!("{}Frames: 2\nFrame Time: 0.01\n{rows}", &release[..at]);
        assert!(told(&short).contains("drops the first 2"));
    }

    #[test]
    fn bvh_may_have_a_mark_or_be_packed() {
        let text = written(24, &[]);
        let plain = read_person(text.as_bytes(), 24).unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        let lower = text.replace("HIERARCHY", "hierarchy");
        for bytes in [format!("\u{feff}{text}").into_bytes(), lower.into_bytes(), packed.finish().unwrap()] {
            assert_eq!(read_person(&bytes, 24).unwrap(), plain);
        }
        let mut bomb = GzEncoder::new(Vec::new(), Compression::default());
        for _ in 0..=MOST_TEXT >> 20 {
            bomb.write_all(&[b' '; 1 << 20]).unwrap();
        }
        assert_eq!(read_person(&bomb.finish().unwrap(), 24).unwrap_err().code(), "bvh_too_large");
    }

    #[test]
    fn keypoints_are_in_metres_and_near_the_origin() {
        let changed = |change: fn(&mut f32)| {
            let mut person = walk(8);
            person.positions.iter_mut().flatten().flatten().for_each(change);
            read_person(&npy::write_person(&person).unwrap(), 24)
        };
        type Damage = fn(&mut f32);
        let refused: [(Damage, &str); 5] = [
            (|x| *x *= 100.0, "save keypoints in metres"),
            (|x| *x *= 1e20, "save keypoints in metres"),
            (|x| *x *= 0.001, "save keypoints in metres"),
            (|x| *x = 0.0, "save keypoints in metres"),
            (|x| *x += 10_100.0, "m from the origin"),
        ];
        for (change, why) in refused {
            let error = changed(change).unwrap_err();
            assert!(error.code() == "not_a_motion" && error.to_string().contains(why), "{error}");
        }
        assert!(changed(|x| *x += 9000.0).is_ok() && changed(|x| *x *= 1.5).is_ok());
        let far = written(8, &[]);
        let last = far.lines().last().unwrap();
        let (_, rest) = last.split_once(' ').unwrap();
        let far = far.replace(last, &format!("20000 {rest}"));
        assert_eq!(read_person(far.as_bytes(), 24).unwrap_err().code(), "not_a_motion");
    }

    #[test]
    fn files_of_other_kinds_are_not_called_npy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.bvh");
        std::fs::write(&path, "HIERARCHY\n").unwrap();
        assert_eq!(load_person(&path).unwrap(), b"HIERARCHY\n");
        assert_eq!(load_at_most(&path, 9).unwrap_err().code(), "file_too_large");
        assert_eq!(load_person(&folder.path().join("none")).unwrap_err().code(), "file_not_found");
    }
}
