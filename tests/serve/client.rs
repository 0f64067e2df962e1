//! The client of examples/client.rs: what the manual quotes of it, and the built program against the real server.

use super::server::Server;
use super::small_model::models;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program. `cargo test` builds the examples, in a folder beside that of the test programs.
fn client() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().and_then(Path::parent).unwrap();
    let client = profile.join("examples").join(format!("client{}", std::env::consts::EXE_SUFFIX));
    assert!(
        client.is_file(),
        "{} is not there: cargo test builds it, unless told to build single tests; then cargo build --example client does",
        client.display()
    );
    client
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    // A proxy of this machine's settings would not find a server of this machine.
    Command::new(client()).args(arguments).current_dir(folder).env("NO_PROXY", "127.0.0.1").output().unwrap()
}

/// Metres between the pelvises of the first sample.
fn apart(motion: &Value, frame: usize) -> f64 {
    let pelvis = |person: usize| &motion["samples"][0]["persons"][person]["positions"][frame][0];
    let along = |axis: usize| pelvis(0)[axis].as_f64().unwrap() - pelvis(1)[axis].as_f64().unwrap();
    along(0).hypot(along(1)).hypot(along(2))
}

#[test]
fn the_example_measures_follows_and_fetches() {
    let (models, folder) = (models(), tempfile::tempdir().unwrap());
    let server = Server::start(models.path());
    let address = format!("http://{}", server.address);
    let output = run(&[&address, "made.glb"], folder.path());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));

    let asked = r#"{"prompt":"two people dance salsa","seconds":2,"seed":7}"#;
    let (status, motion) = super::generate(&server, asked);
    assert_eq!((status, &motion["frames"]), (200, &60.into()));
    let numbers: Vec<f64> =
        said.lines().next().unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    let expected = [apart(&motion, 0), apart(&motion, 59)];
    assert!(expected.iter().zip(&numbers).all(|(a, b)| (a - b).abs() < 1e-3), "{expected:?}: {said}");
    assert_eq!(numbers.len(), 2, "{said}");

    let result = said.split_whitespace().find(|word| word.starts_with("/motions/")).expect(&said);
    let scene = std::fs::read(folder.path().join("made.glb")).unwrap();
    assert!(scene.starts_with(b"glTF"));
    assert_eq!(server.get(&format!("{result}?format=glb")), (200, scene));
}

#[test]
fn the_example_passes_on_what_the_server_says() {
    let (models, folder) = (models(), tempfile::tempdir().unwrap());
    let server = Server::start(models.path());
    let elsewhere = format!("http://{}/elsewhere", server.address);
    let refused: [(&[&str], &str); 2] = [
        (&[&elsewhere], "there is nothing at this address (not_found)"),
        (&[], "usage: client http://HOST:PORT"),
    ];
    for (arguments, expected) in refused {
        let output = run(arguments, folder.path());
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.contains(expected), "{words}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn the_manual_quotes_the_example() {
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
            .unwrap()
            .replace("\r\n", "\n")
    };
    let (manual, example) = (read("docs/api.md"), read("examples/client.rs"));
    let quotes: Vec<_> =
        manual.split("```rust\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(quotes.len() >= 2, "the manual shows the client");
    for quote in quotes {
        assert!(
            example.contains(quote),
            "examples/client.rs does not hold what docs/api.md quotes:\n{quote}"
        );
    }
}
