//! The real binary: manual, exit codes, and words for what goes wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

fn duet(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    command.args(args).stdin(Stdio::null());
    for variable in
        ["DUET_HOST", "DUET_PORT", "DUET_MODEL", "DUET_MODELS", "DUET_LOG_LEVEL", "DUET_LOG_FORMAT"]
    {
        command.env_remove(variable);
    }
    command
}

fn run(args: &[&str]) -> Output {
    duet(args).output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_is_a_manual() {
    let output = run(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for word in ["serve", "generate", "models", "data", "train", "Examples", "--log-level", "DUET_LOG_FORMAT"]
    {
        assert!(text.contains(word), "{word} is missing from:\n{text}");
    }
    let serve = String::from_utf8(run(&["serve", "--help"]).stdout).unwrap();
    for word in ["DUET_PORT", "DUET_HOST", "DUET_MODEL", "--queue", "POST /generate", "8080"] {
        assert!(serve.contains(word), "{word} is missing from:\n{serve}");
    }
    let generate = String::from_utf8(run(&["generate", "--help"]).stdout).unwrap();
    for word in
        ["--seconds", "--frames", "--seed", "--no-foot-fix", "--no-rigid", "settings.json", "(frames, 22, 9)"]
    {
        assert!(generate.contains(word), "{word} is missing from:\n{generate}");
    }
}

#[test]
fn version() {
    let output = run(&["--version"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("duet {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for args in [vec!["serve", "--port", &port], vec!["--port", &port]] {
        let output = run(&args);
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.starts_with("error: ") && words.contains(&port) && words.contains("--port"), "{words}");
        assert!(
            !words.contains("panic") && !words.contains("os error") && !words.contains("backtrace"),
            "{words}"
        );
    }
    let output = duet(&["serve"]).env("DUET_PORT", &port).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn mistakes_in_the_flags_exit_with_2() {
    for args in [
        vec!["generate"],
        vec!["generate", ""],
        vec!["generate", "a\nb"],
        vec!["generate", "a", "--frames", "15"],
        vec!["generate", "a", "--frames", "-90"],
        vec!["generate", "a", "--frames", "many"],
        vec!["generate", "a", "--seconds", "NaN"],
        vec!["generate", "a", "--seconds", "1e308"],
        vec!["generate", "a", "--seconds", "3", "--frames", "90"],
        vec!["generate", "a", "--seed", "18446744073709551616"],
        vec!["generate", "a", "--samples", "9"],
        vec!["generate", "a", "--guidance", "inf"],
        vec!["generate", "a", "--temperature", "0"],
        vec!["generate", "a", "--top-k-ratio", "1"],
        vec!["eval", "adherence", "--seeds", "0"],
        vec!["eval", "adherence", "--only", "no such prompt"],
        vec!["eval", "adherence", "--guidance", "inf"],
        vec!["eval", "adherence", "--sheets", "4"],
        vec!["serve", "--port", "70000"],
        vec!["serve", "--queue", "0"],
        vec!["sevre"],
        vec!["--port"],
    ] {
        let output = run(&args);
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {words}");
        assert!(words.starts_with("error: "), "{args:?}: {words}");
        assert!(output.stdout.is_empty() && !words.contains("panic"), "{args:?}: {words}");
    }
}

#[test]
fn an_address_that_is_not_ours_is_refused_in_words() {
    let output = run(&["serve", "--host", "192.0.2.1", "--port", "0"]);
    let words = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("192.0.2.1") && words.contains("127.0.0.1"), "{words}");
}

#[test]
fn an_unknown_model_is_named() {
    for args in [
        vec!["generate", "two people walk", "--model", "no-such-model"],
        vec!["--port", "0", "--model", "no-such-model"],
    ] {
        let output = run(&args);
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(
            words.starts_with("error: ") && words.contains("hint: ") && words.contains("models list"),
            "{words}"
        );
    }
}

#[test]
fn a_reader_who_left_is_no_failure() {
    let mut child = duet(&["data", "recipe"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    let status = child.wait().unwrap();
    assert!(words.is_empty(), "{words}");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn nobody_is_ready_where_connections_are_only_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for _ in 0..10 {
        let output = run(&["probe", "--port", &port]);
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.starts_with("error: no server answers on port"), "{words}");
    }
}

#[test]
fn values_that_are_called_like_commands_are_values() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // Further than the flags: to the port, which is in use.
    for args in [["--data-dir", "data"], ["--model", "train"], ["--allow-host", "export"]] {
        let output = run(&[&args[..], &["--port", &port]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(&port), "{}", stderr(&output));
    }
}

#[test]
fn a_contact_sheet_replaces_nothing_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let person = duet::motion::Person {
        positions: vec![std::array::from_fn(|joint| [0.0, joint as f32 / 22.0, 0.0]); 16],
        rotations: vec![[[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]; 21]; 16],
    };
    let (npy, sheet) = (path("a_0.npy"), path("sheet.png"));
    std::fs::write(&npy, duet::formats::npy::write_person(&person).unwrap()).unwrap();
    let draw = |more: &[&str]| {
        run(&[&["eval", "contact-sheet", "--npy", &npy, &npy, "--out", &sheet][..], more].concat())
    };
    assert!(draw(&[]).status.success());
    assert!(draw(&[]).status.success(), "the same picture again is no loss");
    std::fs::write(&sheet, "mine").unwrap();
    let refused = draw(&[]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("--overwrite"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(&sheet).unwrap(), b"mine");
    assert!(draw(&["--overwrite"]).status.success());
    assert!(std::fs::read(&sheet).unwrap().starts_with(b"\x89PNG"));
}
