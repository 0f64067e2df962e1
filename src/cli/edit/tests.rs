use super::*;
use crate::cli::results::write_for_test;
use crate::engine::fake::{self, Control};
use crate::formats::Format;
use clap::Parser;
use std::fs;
use std::sync::Arc;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    edit: EditArgs,
}

fn run(line: &[&str]) -> (anyhow::Result<()>, String) {
    let line = Line::parse_from([&["edit"][..], line].concat());
    let model = Arc::new(Control::default()).spec("fake");
    let at_hand = ModelsAtHand { models: vec![model], default: "fake".into() };
    let mut stdout = Vec::new();
    let done = Asked::try_from(line.edit.kind)
        .map_err(anyhow::Error::from)
        .and_then(|asked| edit(asked, at_hand, &mut stdout));
    (done, String::from_utf8(stdout).unwrap())
}

fn code(line: &[&str]) -> &'static str {
    run(line).0.unwrap_err().downcast_ref::<Error>().unwrap().code()
}

fn engine() -> Engine {
    Engine::start(vec![Arc::new(Control::default()).spec("fake")], Some("fake"), Limits::default()).unwrap()
}

/// The settings of a result, with other weights in them.
fn made_by(folder: &Path, weights: &str) {
    let path = folder.join("settings.json");
    let mut settings: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    settings["weights"] = serde_json::json!([weights]);
    fs::write(&path, settings.to_string()).unwrap();
}

/// A result of two samples, the second with tokens.
fn result(folder: &Path) -> crate::engine::Finished {
    let mut finished = fake::finished(40, 2);
    finished.generated.samples[1].tokens = crate::generate::Tokens::new((0..100).collect());
    write_for_test(&finished, folder, &[Format::Npy], false).unwrap();
    finished
}

#[test]
fn a_folder_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let finished = result(folder.path());
    made_by(folder.path(), &"ab".repeat(32));
    let engine = engine();
    let parent = |sample| parent(&engine, &[folder.path().to_owned()], sample);
    let (read, made) = parent(1).unwrap();
    let sample = &finished.generated.samples[1];
    assert_eq!((&read.source.motion, &read.source.foot_fixed), (&sample.motion, &sample.foot_fixed));
    assert_eq!((&read.source.tokens, read.seed), (&sample.tokens, sample.seed));
    assert_eq!(made.unwrap().prompt, finished.request.prompt);
    assert!(parent(0).unwrap().0.source.tokens.is_none());
    assert_eq!(parent(2).unwrap_err().code(), "no_result");
    // Other weights have the model's name now.
    made_by(folder.path(), &"cd".repeat(32));
    assert!(parent(1).unwrap().0.source.tokens.is_none());
}

#[test]
fn an_edit_goes_to_a_folder_with_its_history() {
    let folder = tempfile::tempdir().unwrap();
    result(&folder.path().join("a"));
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (a, b, c) = (path("a"), path("b"), path("c"));
    let window = ["window", &a, "--from", "10", "--to", "21", "--parts", "arms", "--seed", "5", "--out", &b];
    let (done, told) = run(&window);
    done.unwrap();
    assert!(told.contains("edit_window_fake_00_00_0.npy"), "{told}");
    let made = Kept::read(Path::new(&b)).unwrap().made().unwrap();
    assert_eq!(made.edit.as_ref().unwrap()["to"], 24);
    assert_eq!(made.parent.as_ref().unwrap().prompt, "two people walk");
    run(&window).0.expect("the same edit may be written again");
    assert_eq!(code(&["vary", &a, "--out", &b]), "result_exists");

    let then = ["extend", &b, "--then", "3", "they bow", "--then", "2", "they walk", "--out", &c, "--json"];
    let (done, told) = run(&then);
    done.unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["frames"], &told["edit"]["kind"]), (&(40 + 88 + 60).into(), &"extend".into()));
    let history = Kept::read(Path::new(&c)).unwrap().made().unwrap();
    assert!(history.parent.unwrap().parent.is_some());
}

#[test]
fn the_same_move_of_other_people_is_another_result() {
    let folder = tempfile::tempdir().unwrap();
    let files = |sample: &crate::generate::Sample, name: &str| {
        [0, 1].map(|who| {
            let path = folder.path().join(npy::file_name(name, who, false));
            fs::write(&path, npy::write_person(&sample.motion.persons[who]).unwrap()).unwrap();
            path.display().to_string()
        })
    };
    let finished = fake::finished(40, 2);
    let [a, b] = [("a", 0), ("b", 1)].map(|(name, n)| files(&finished.generated.samples[n], name));
    let out = folder.path().join("out").display().to_string();
    let done = |[first, second]: &[String; 2], more: &[&str]| {
        let line = ["move", first.as_str(), second.as_str(), "--person", "1", "--shift", "0.3", "0"];
        run(&[&line[..], &["--out", out.as_str()], more].concat()).0
    };
    let moved = || fs::read(Path::new(&out).join("edit_move_fake_00_00_0.npy")).unwrap();
    done(&a, &["--format", "npy,glb"]).unwrap();
    let first = moved();
    done(&a, &[]).expect("the same move of the same people may be written again");
    let refused = done(&b, &[]).unwrap_err();
    assert_eq!(refused.downcast_ref::<Error>().unwrap().code(), "result_exists");
    assert_eq!(moved(), first);
    done(&b, &["--overwrite"]).unwrap();
    assert_ne!(moved(), first);
    let names = |kept: Kept| kept.files().map(str::to_owned).collect::<Vec<_>>();
    assert!(Kept::read(Path::new(&out)).map(names).unwrap().iter().all(|name| name.ends_with("npy")));
    assert!(!Path::new(&out).join("edit_move_fake_00_00_motion.glb").exists());
}

#[test]
fn mistakes_are_told_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    result(&folder.path().join("a"));
    let a = folder.path().join("a").display().to_string();
    let out = folder.path().join("b").display().to_string();
    for (line, expected) in [
        (&["window", &a, "--from", "30", "--to", "41", "--out", &out][..], "invalid_window"),
        (&["move", &a, "--person", "3", "--out", &out][..], "invalid_person"),
        (&["extend", &a, "--then", "long", "they bow", "--out", &out][..], "invalid_timeline"),
        (&["vary", &out, "--out", &out][..], "file_not_found"),
    ] {
        assert_eq!(code(line), expected, "{line:?}");
    }
    fs::create_dir(&out).unwrap();
    assert_eq!(code(&["vary", &out]), "no_result");
    let file = folder.path().join("x.bvh");
    fs::write(&file, "not a motion").unwrap();
    assert_eq!(code(&["react", &file.display().to_string(), "--out", &out]), "not_a_motion");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "nothing is written");
}
