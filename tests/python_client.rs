//! The Python client against the real server: its own tests, run by the Python that `DUET_PYTHON` names, else `python3`.
//!
//! Needs httpx, numpy and typing_extensions. Without them the test says so and passes, except where CI=true.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

#[path = "support/server.rs"]
mod server;
#[path = "support/small_model.rs"]
mod small_model;

use server::Server;
use small_model::models;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// The Python to use, or None after one loud line.
fn python() -> Option<String> {
    let python = std::env::var("DUET_PYTHON").unwrap_or_else(|_| "python3".into());
    let able = Command::new(&python).args(["-c", "import httpx, numpy, typing_extensions"]).output();
    if able.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let words =
        "THE PYTHON CLIENT WAS NOT TESTED: python3 with httpx, numpy and typing_extensions is not there";
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{words}");
    // Written past the test harness, which keeps the words of tests that pass to itself.
    let _ = writeln!(std::io::stderr(), "{words}");
    None
}

#[test]
fn the_python_client_and_the_server_understand_each_other() {
    let Some(python) = python() else { return };
    let models = models();
    let server = Server::start(models.path());
    assert_eq!(server.get("/readyz").0, 200);
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python");
    let output = Command::new(python)
        .args(["-B", "-m", "unittest", "discover", "-v", "-s"])
        .arg(client.join("tests"))
        .env("PYTHONPATH", client.join("src"))
        .env("DUET_URL", format!("http://{}", server.address))
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    // `unittest` calls a folder without tests a success.
    assert!(words.contains("test_progress_and_previews"), "{words}");
}
