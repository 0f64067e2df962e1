//! `duet models` as a person runs it: the real binary, its words and exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity").join(name)
}

/// The binary in an empty surrounding: its own models folder and home.
fn duet(world: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    // Under `cargo test` this would make the repository one of the places.
    command.env_remove("CARGO_MANIFEST_DIR");
    command
        .args(args)
        .env("DUET_MODELS", world.join("models"))
        .env("HOME", world.join("home"))
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const HEADS: [&str; 4] = ["--text-heads", "4", "--text-head-heads", "4"];

#[test]
fn import_list_info_verify() {
    let world = tempfile::tempdir().unwrap();
    let hub = fixture("hub_layout");
    let source = hub.to_str().unwrap();
    let run = |args: &[&str]| duet(world.path(), args);

    let done =
        run(&[&["models", "import", source, "--name", "small", "--title", "A small one"], &HEADS[..]]
            .concat());
    assert!(done.status.success(), "{}", err(&done));
    assert!(out(&done).contains("--model small"), "{}", out(&done));

    let listed: serde_json::Value = serde_json::from_str(&out(&run(&["models", "list", "--json"]))).unwrap();
    let entry = listed.as_array().unwrap().iter().find(|entry| entry["name"] == "small").unwrap();
    assert_eq!((&entry["origin"], &entry["shadowed"]), (&"DUET_MODELS".into(), &false.into()));
    assert!(out(&run(&["models", "list"])).contains("A small one"));

    let info: serde_json::Value =
        serde_json::from_str(&out(&run(&["models", "info", "small", "--json"]))).unwrap();
    assert_eq!(info["transformer"]["latent_dim"], 48);
    let text = out(&run(&["models", "info", "small"]));
    for word in ["licence", "provenance", "vq.safetensors", "64 codes"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(run(&["models", "verify", "small"]).status.success());
    let folder = world.path().join("models/small");
    assert!(run(&["models", "verify", folder.to_str().unwrap()]).status.success());

    // One changed byte.
    let weights = folder.join("transformer.safetensors");
    let mut data = fs::read(&weights).unwrap();
    *data.last_mut().unwrap() ^= 1;
    fs::write(&weights, data).unwrap();
    let failed = run(&["models", "verify", "small"]);
    assert!(!failed.status.success() && err(&failed).contains("SHA-256"), "{}", err(&failed));

    // Another model may not take its place unasked.
    let again = [&["models", "import", source, "--name", "small"], &HEADS[..]].concat();
    let failed = run(&again);
    assert!(!failed.status.success() && err(&failed).contains("small"), "{}", err(&failed));
    assert!(run(&[&again[..], &["--replace"]].concat()).status.success());
    assert!(run(&["models", "verify", "small"]).status.success());
}

#[test]
fn mistakes_are_told_in_words() {
    let world = tempfile::tempdir().unwrap();
    let fails = |args: &[&str], word: &str| {
        let failed = duet(world.path(), args);
        let text = err(&failed);
        assert!(!failed.status.success(), "{args:?}");
        assert!(
            text.contains(word) && !text.contains("panicked") && !text.contains("RUST_BACKTRACE"),
            "{args:?}: {text}"
        );
    };
    fails(&["models", "info", "nobody"], "nobody");
    fails(&["models", "verify", "./nowhere"], "model.toml");
    fails(&["models", "import", "nowhere", "--name", "x"], "not a folder");
    fails(&["models", "import", fixture("official_layout").to_str().unwrap(), "--name", "x"], "--clip");
    fails(&["models", "import", fixture("hub_layout").to_str().unwrap(), "--name", "../x"], "name");
    fails(&["models", "pull"], "MODEL");
    fails(&["models", "pull", "--repo", "not-a-repository"], "OWNER/NAME");
    fails(&["models", "pull", "momask"], "interhuman");
    assert!(!world.path().join("models/x").exists());
}

#[test]
fn help_is_a_manual() {
    let world = tempfile::tempdir().unwrap();
    let help = |args: &[&str]| out(&duet(world.path(), &[args, &["--help"]].concat()));
    for (args, words) in [
        (&["models"][..], &["DUET_MODELS", "import", "pull", "verify"][..]),
        (&["models", "import"], &["opt.txt", "--clip", "--checkpoint", "Examples"]),
        (
            &["models", "pull"],
            &["HF_ENDPOINT", "HF_TOKEN", "HF_HOME", "HF_HUB_OFFLINE", "--clip-repo", "1.7 GB"],
        ),
    ] {
        // Where lines break depends on the terminal.
        let text = help(args).split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(text.contains(word), "{args:?} lacks {word}:\n{text}");
        }
    }
}
