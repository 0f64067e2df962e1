//! The house itself: what its files promise of each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The Rust files of a folder and those below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    files.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// Not forbidden: what is forbidden could not be allowed in the one room that needs it.
#[test]
fn unsafe_code_is_denied_but_for_one_room() {
    assert!(read("Cargo.toml").lines().any(|line| line == "unsafe_code = \"deny\""));
    let all = sources(&root().join("src"));
    assert!(all.len() > 300, "{} files", all.len());
    let lifted: Vec<_> = all.into_iter().filter(|path| read(path).contains("unsafe_code")).collect();
    assert_eq!(lifted, [root().join("src/nn/machine/mod.rs")]);
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut blocks = 0;
    for path in sources(&root().join("src/nn/machine")) {
        let text = read(&path);
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        for (at, _) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
            // A block may stand in the midst of an expression.
            let before = &lines[at.saturating_sub(5)..at];
            let is_said = before.iter().any(|line| line.starts_with("// SAFETY: "));
            assert!(is_said, "{}, line {}", path.display(), at + 1);
            blocks += 1;
        }
    }
    assert!(blocks > 0);
}

/// Keys are compared in constant time: all of them, whichever fits.
#[test]
fn keys_are_compared_without_an_early_end() {
    let text = read("src/server/keys.rs");
    let from_to_end = |start: &str| {
        let rest = &text[text.find(start).unwrap()..];
        &rest[..rest.find("\n    }\n").unwrap()]
    };
    let holder = from_to_end("pub fn holder(");
    assert!(holder.contains(".ct_eq("));
    for early in ["==", "return", "break", ".find(", ".position(", ".any(", "?;"] {
        assert!(!holder.contains(early), "{early}: {holder}");
    }
    // Configured keys are held against each other when the ring is made; no secret from outside is there yet.
    let new = from_to_end("impl Keyring");
    assert_eq!(
        text.matches(".digest").count(),
        new.matches(".digest").count(),
        "nobody else looks at a digest"
    );
}

/// Whole names of variables in a text.
fn variables(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("DUET_")).collect()
}

#[test]
fn containers_set_variables_that_somebody_reads() {
    let manual = Command::new(env!("CARGO_BIN_EXE_duet")).args(["serve", "--help"]).output().unwrap();
    let (manual, build) = (String::from_utf8(manual.stdout).unwrap(), read("build.rs"));
    let known = &variables(&manual) | &variables(&build);
    let files = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let of_containers = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name == "Dockerfile" || name.starts_with("docker-compose")
    };
    let mut set = 0;
    for path in files.filter(of_containers) {
        let text = read(&path);
        let strangers: Vec<_> = variables(&text).into_iter().filter(|name| !known.contains(name)).collect();
        assert!(strangers.is_empty(), "{}: {strangers:?}", path.display());
        set += variables(&text).len();
    }
    assert!(set > 5);
}
