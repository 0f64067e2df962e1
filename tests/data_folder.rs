//! Captures to a training folder and back, through the library and the program, on a small synthetic pair.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use duet::data::folder::Reader;
use duet::data::prepare::prepare;
use duet::data::{Folder, ItemDraws, Recipe, Split, TextClips, VqWindows};
use duet::motion::kinematics;
use duet::motion::rotation::{Quat, SixD};
use duet::motion::skeleton::{NAMES, PARENTS, REST_OFFSETS, children};
use duet::motion::{FEATURES, JOINTS, Person};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const FRAMES: usize = 840;

/// A body of our own joints at 120 frames a second, in centimetres, z up: walks along x and swings its limbs.
fn bvh(frames: usize, start: f64, phase: f64) -> String {
    let mut text = "HIERARCHY\n".to_owned();
    node(&mut text, 0);
    write!(text, "MOTION\nFrames: {frames}\nFrame Time: 0.008333\n").unwrap();
    for frame in 0..frames {
        let time = frame as f64 / 120.0;
        // z up: our y is their z and our z is their -y.
        write!(text, "{:.4} {:.4} {:.4} 0 0 0", 100.0 * start + 40.0 * time, 5.0 * time, 97.0).unwrap();
        for joint in 1..JOINTS {
            if children(joint).next().is_some() {
                let swing = 20.0 * (3.0 * time + phase + joint as f64).sin();
                write!(text, " {swing:.4} {:.4} 0", 0.4 * swing).unwrap();
            }
        }
        text.push('\n');
    }
    text
}

fn node(text: &mut String, joint: usize) {
    let [x, y, z] = REST_OFFSETS[joint].map(|value| 100.0 * value);
    let leaf = children(joint).next().is_none();
    match (PARENTS[joint], leaf) {
        (None, _) => write!(text, "ROOT {}\n{{\nOFFSET 0 0 0\n", NAMES[joint]).unwrap(),
        (_, false) => write!(text, "JOINT {}\n{{\nOFFSET {x} {} {y}\n", NAMES[joint], -z).unwrap(),
        (_, true) => write!(text, "End Site\n{{\nOFFSET {x} {} {y}\n", -z).unwrap(),
    }
    if joint == 0 {
        text.push_str("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n");
    } else if !leaf {
        text.push_str("CHANNELS 3 Xrotation Yrotation Zrotation\n");
    }
    for child in children(joint) {
        node(text, child);
    }
    text.push_str("}\n");
}

const RECIPE: &str = r#"
name = "tiny"
acknowledgment = "made by a test"
min_clip = 40
crops = [{ frames = 90, stride = 60 }]
paraphrases = 1
activities.walk = ["walking"]

[[takes]]
id = "one"
person1 = "a.bvh.gz"
person2 = "b.bvh"
mapping = "map.toml"
split = "train"
copies = 2
activity = { span = [0.0, 6.0], captions = "walk" }
captions = ["two people walk to the left."]
segments = [{ start = 1.0, end = 3.0, text = "two people swing their arms." }]

[[takes]]
id = "two"
person1 = "b.bvh"
person2 = "a.bvh.gz"
mapping = "map.toml"
split = "val"
captions = ["two people walk."]
"#;

struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    /// Captures, a mapping and a recipe; `a.bvh` stands where the recipe says `a.bvh.gz`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mapping =
            "name = \"test\"\naxes = [\"x\", \"z\", \"-y\"]\nscale = 0.01\n[joints]\n".to_owned();
        for (joint, name) in NAMES.iter().enumerate() {
            let source = match (children(joint).next(), PARENTS[joint]) {
                (None, Some(parent)) => format!("end of {}", NAMES[parent]),
                _ => (*name).to_owned(),
            };
            writeln!(mapping, "{name} = \"{source}\"").unwrap();
        }
        let room = Self { folder };
        room.write("a.bvh", &bvh(FRAMES, 0.0, 0.0));
        room.write("b.bvh", &bvh(FRAMES, 1.5, 1.0));
        room.write("map.toml", &mapping);
        room.write("tiny.toml", RECIPE);
        room
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn prepare(&self, out: &str, replace: bool) -> duet::Result<duet::data::prepare::Summary> {
        let recipe = Recipe::parse(RECIPE).unwrap();
        prepare(&recipe, self.folder.path(), &self.path(out), replace, &mut |_| {})
    }

    fn duet(&self, args: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_duet"))
            .current_dir(&self.folder)
            .env_remove("RUST_BACKTRACE")
            .args(args)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_prepared_folder_gives_back_what_was_captured() {
    let room = Room::new();
    let summary = room.prepare("out", false).unwrap();
    let train = &summary.splits[&Split::Train];
    // The stretch, one segment, and crops at 0 and 60; that at 120 lies too far outside the activity to be called it.
    assert_eq!((summary.takes, train.clips, train.distinct_frames), (2, 4, 210));
    assert!(summary.fit_max_mm < 1.0, "{summary:?}");

    let folder = Folder::open(&room.path("out")).unwrap();
    let pair = folder.pair("one").unwrap();
    let [first, second] = pair.persons.each_ref().map(|raw| raw.to_y_up());
    // 40 cm a second along x and 5 cm a second along their y; 1.5 m between the people.
    let (start, end) = (first.positions[0][0], first.positions[209][0]);
    let along = 209.0 / 30.0;
    assert!((end[0] - start[0] - 0.4 * along).abs() < 1e-3, "{start:?} to {end:?}");
    assert!((end[2] - start[2] + 0.05 * along).abs() < 1e-3, "{start:?} to {end:?}");
    assert!((second.positions[0][0][0] - start[0] - 1.5).abs() < 1e-4);
    assert!((start[0] + 0.75).abs() < 1e-4, "the pair is centred");

    let clip = folder.pair("one-seg01").unwrap();
    assert_eq!(clip.persons[1].positions[..], pair.persons[1].positions[30..90]);
    assert_eq!(folder.captions("one-seg01").unwrap()[0], "two people swing their arms.");
}

/// Forward kinematics of the stored rotations from the stored first bones.
#[test]
fn stored_rotations_reproduce_the_stored_positions() {
    let room = Room::new();
    room.prepare("out", false).unwrap();
    let person: Person = Folder::open(&room.path("out")).unwrap().pair("two").unwrap().persons[0].to_y_up();
    let solution = kinematics::solve(&person.positions).unwrap();
    let mut worst: f64 = 0.0;
    for (frame, rotations) in person.rotations.iter().enumerate() {
        let local = rotations
            .map(|six| Quat::from_matrix(&SixD::Interleaved.decode(six).expect("a stored rotation")));
        let root = person.positions[frame][0].map(f64::from);
        let reached = kinematics::forward(&solution.bones, root, solution.root_rotations[frame], &local);
        for (a, b) in reached.iter().flatten().zip(person.positions[frame].iter().flatten()) {
            worst = worst.max((a - f64::from(*b)).abs());
        }
    }
    assert!(worst < 1e-4, "{worst} m");
}

#[test]
fn windows_and_items_come_out_of_a_prepared_folder() {
    let room = Room::new();
    room.prepare("out", false).unwrap();
    let folder = Folder::open(&room.path("out")).unwrap();
    let stats = folder.stats().unwrap();
    assert!(stats.std().iter().all(|&std| std > 0.0));
    assert_eq!(folder.ids(Split::Train, Reader::Motion).unwrap(), ["one", "one"]);

    let windows = VqWindows::load(&folder, Split::Train, &stats, |_, _| {}).unwrap();
    // 209 frames after canonicalisation: starts 0, 10 .. 140; four motions; counted twice.
    assert_eq!((windows.len(), windows.get(0).map(<[f32]>::len)), (15 * 4 * 2, Some(64 * FEATURES)));
    assert!(windows.get(windows.len()).is_none());
    let all: Vec<f32> = (0..windows.len()).flat_map(|i| windows.get(i).unwrap().to_vec()).collect();
    let mean = |channel: usize| {
        all.iter().skip(channel).step_by(FEATURES).sum::<f32>() / (all.len() / FEATURES) as f32
    };
    assert!((0..FEATURES).all(|channel| mean(channel).abs() < 0.01), "normalised windows are centred");

    let clips = TextClips::load(&folder, Split::Train, &stats, true, |_, _| {}).unwrap();
    assert_eq!(clips.len(), 4 * 2 * 2);
    let names: Vec<_> = (0..4).map(|i| clips.item(i, ItemDraws::default()).unwrap().name).collect();
    assert_eq!(names, ["one", "one_swap", "one", "one_swap"]);
    let mirrored = clips.item(1, ItemDraws::default()).unwrap();
    assert_eq!((mirrored.caption.as_str(), mirrored.length), ("two people walk to the right.", 209));
    assert!(mirrored.motions[0][209 * FEATURES..].iter().all(|&value| value == 0.0));
    let plain = ItemDraws::default();
    let exchanged = clips.item(0, ItemDraws { exchange_after: true, ..plain }).unwrap();
    assert_eq!(exchanged.motions[0], clips.item(0, plain).unwrap().motions[1]);
    let last = clips.draws(0, [0.999_999, 0.5, 0.2, 0.7]).unwrap();
    assert_eq!(last.caption, clips.captions(0).unwrap().len() - 1);
    assert_eq!((last.exchange_before, last.exchange_after), (false, true));
    assert_eq!(clips.item(0, ItemDraws { caption: 99, ..plain }).unwrap_err().code(), "data_draw");
    assert_eq!(clips.item(99, plain).unwrap_err().code(), "data_draw");
}

#[test]
fn the_same_captures_give_the_same_bytes_and_lists_end_in_a_newline() {
    let room = Room::new();
    room.prepare("x", false).unwrap();
    room.prepare("y", false).unwrap();
    let (x, y) = (files(&room.path("x")), files(&room.path("y")));
    assert_eq!(x, y);
    for split in Split::ALL {
        let text = String::from_utf8(x[&format!("split/{}.txt", split.name())].clone()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
    }
    assert!(x["split/test.txt"].is_empty());
}

#[test]
fn nothing_is_left_behind_by_a_cut_file_or_two_files_of_different_recordings() {
    let room = Room::new();
    let whole = bvh(FRAMES, 1.5, 1.0);
    let names = |room: &Room| {
        let mut names: Vec<_> =
            std::fs::read_dir(&room.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names(&room);
    room.write("b.bvh", &whole[..whole.len() / 2]);
    let error = room.prepare("out", false).unwrap_err();
    assert_eq!(error.code(), "bvh_truncated");
    assert!(
        error.to_string().contains("b.bvh") && error.to_string().contains("of 840; the file was cut"),
        "{error}"
    );
    room.write("b.bvh", &bvh(FRAMES - 40, 1.5, 1.0));
    assert_eq!(room.prepare("out", false).unwrap_err().code(), "take_lengths");
    assert_eq!(names(&room), before);
}

#[test]
fn only_a_training_folder_is_replaced_and_only_when_asked() {
    let room = Room::new();
    room.prepare("out", false).unwrap();
    assert_eq!(room.prepare("out", false).unwrap_err().code(), "data_exists");
    std::fs::write(room.path("out/annots/stale.txt"), "x").unwrap();
    room.prepare("out", true).unwrap();
    assert!(!room.path("out/annots/stale.txt").exists());
    std::fs::create_dir(room.path("letters")).unwrap();
    assert_eq!(room.prepare("letters", true).unwrap_err().code(), "data_exists");
}

#[test]
fn damaged_folders_are_refused_in_words() {
    let room = Room::new();
    assert_eq!(Folder::open(&room.path("nowhere")).unwrap_err().code(), "data_layout");
    room.prepare("out", false).unwrap();
    let folder = Folder::open(&room.path("out")).unwrap();
    let stats = folder.stats().unwrap();
    let motion = room.path("out/motions_processed/person2/one.npy");
    let bytes = std::fs::read(&motion).unwrap();
    std::fs::write(&motion, &bytes[..bytes.len() - 100]).unwrap();
    let error = VqWindows::load(&folder, Split::Train, &stats, |_, _| {}).unwrap_err();
    assert_eq!(error.code(), "npy_corrupt");
    assert!(error.to_string().contains("one.npy"), "{error}");
    std::fs::write(room.path("out/split/train.txt"), "../../secret\n").unwrap();
    assert_eq!(folder.ids(Split::Train, Reader::Text).unwrap_err().code(), "data_id");
    std::fs::write(room.path("out/annots/two.txt"), "\n \n").unwrap();
    assert_eq!(folder.captions("two").unwrap_err().code(), "data_captions");
    assert_eq!(
        VqWindows::load(&folder, Split::Test, &stats, |_, _| {}).unwrap_err().code(),
        "data_no_windows"
    );
}

#[test]
fn the_program_prepares_and_explains_itself() {
    let room = Room::new();
    let args = ["data", "prepare", "--recipe", "tiny.toml", "--source", ".", "--out", "out"];
    let (code, out, err) = room.duet(&args);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("tiny: 2 takes") && out.contains("written to out"), "{out}");
    let (code, _, err) = room.duet(&args);
    assert!(code != 0 && err.contains("--replace") && !err.contains("panicked"), "{err}");
    let (code, out, _) = room.duet(&["data", "bvh", "a.bvh", "--mapping", "map.toml"]);
    assert!(code == 0 && out.contains("mapping test fits: 210 frames, one of every 4"), "{out}");
    assert!(out.contains("legs are 0.80 m long"), "{out}");
    let (code, out, _) = room.duet(&["data", "recipe"]);
    assert!(code == 0 && Recipe::parse(&out).is_ok());
    let (code, _, err) = room.duet(&["data", "prepare", "--source", "nowhere", "--out", "z"]);
    assert!(code != 0 && err.contains("--source"), "{err}");
}

#[test]
fn bones_keep_their_length_through_a_repair_and_at_another_speed() {
    let room = Room::new();
    let text = RECIPE.replace("copies = 2", "repairs = [{ person = 1, frames = [50, 56] }]\nspeeds = [0.7]");
    let recipe = Recipe::parse(&text).unwrap();
    prepare(&recipe, room.folder.path(), &room.path("out"), false, &mut |_| {}).unwrap();
    let folder = Folder::open(&room.path("out")).unwrap();
    for (id, frames) in [("one", 210), ("one-x0.7", 299)] {
        let pair = folder.pair(id).unwrap();
        for person in &pair.persons {
            assert_eq!(person.frames(), frames);
            let bone = |frame: usize, joint: usize| {
                let pose = &person.positions[frame];
                let parent = PARENTS[joint].unwrap();
                (0..3).map(|axis| (pose[joint][axis] - pose[parent][axis]).powi(2)).sum::<f32>().sqrt()
            };
            for (joint, name) in NAMES.iter().enumerate().skip(1) {
                let change =
                    (0..frames).map(|frame| (bone(frame, joint) - bone(0, joint)).abs()).fold(0.0, f32::max);
                assert!(change < 1e-5, "{id}: {name} changes by {change} m");
            }
        }
    }
}
