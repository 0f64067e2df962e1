//! The real binary, from its start to its first answer: when callers are let in, and what it says of itself.

use super::server::Server;
use super::small_model::{duet, models};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{ChildStderr, Stdio};

/// Starts until one was seen in the midst of loading: the model is small, and the machine may be busy.
const TRIES: usize = 5;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Start a server and knock while its log says that the model is being loaded. The server once it says that it is ready, its log, and
/// whether the caller was refused.
fn knock_early(models: &Path) -> (Server, BufReader<ChildStderr>, bool) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut child = duet(models)
        .args(["serve", "--port", address.rsplit(':').next().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (server, mut log) = (Server { child, address }, BufReader::new(stderr));
    let mut line = String::new();
    while !line.contains("loading the model") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended before the model was loaded");
    }
    let knocked = TcpStream::connect(&server.address);
    let is_refused = knocked.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert_eq!(line, format!("Duet is ready: http://{}\n", server.address));
    (server, log, is_refused)
}

#[test]
fn nobody_is_let_in_before_the_model_is_warm() {
    let models = models();
    let mut starts = (0..TRIES).map(|_| knock_early(models.path()));
    let (server, _log, _) = starts.find(|(.., is_refused)| *is_refused).expect("a caller who is refused");
    assert_eq!(server.get("/readyz").0, 200);
    let (_, models) = server.get("/models");
    let models: Value = serde_json::from_slice(&models).unwrap();
    assert_eq!(models["models"][0]["state"], "ready", "{models}");
}

#[test]
fn the_first_clip_is_nobodys() {
    let (models, data) = (models(), tempfile::tempdir().unwrap());
    let flags: [&OsStr; 3] = ["--no-data=false".as_ref(), "--data-dir".as_ref(), data.path().as_ref()];
    let server = Server::start_with(models.path(), &flags);
    let figures = || String::from_utf8(server.get("/metrics").1).unwrap();
    let made = ["duet_samples", "duet_tokens", "duet_stage", "duet_queue", "duet_batch"];
    let before = figures();
    let counted = |line: &&str| made.iter().any(|name| line.starts_with(name));
    assert_eq!(before.lines().find(counted), None);
    let list: Value = serde_json::from_slice(&server.get("/motions").1).unwrap();
    assert_eq!(list["motions"], Value::Array(vec![]));
    assert_eq!(std::fs::read_dir(data.path().join("motions")).unwrap().count(), 0);

    let body = r#"{"prompt":"two people walk","frames":16,"steps":1,"seed":7}"#;
    let (status, _) = server.send(&format!(
        "POST /generate HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    ));
    assert_eq!(status, 200);
    assert!(figures().contains("duet_samples_total{model=\"small\"} 1\n"), "the first that counts");
}

/// What a server that was started with these flags has said in its log by its first answer.
fn first_words(models: &Path, flags: &[&str]) -> String {
    let mut child = duet(models)
        .args(["serve", "--port", "0"])
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("Duet is ready: http://").expect(&line).to_owned();
    let server = Server { child, address };
    assert_eq!(server.get("/livez").0, 200);
    // The log ends with the server.
    drop(server);
    let mut log = String::new();
    stderr.read_to_string(&mut log).unwrap();
    log
}

#[test]
fn who_lets_everybody_in_is_warned() {
    let models = models();
    let file = models.path().join("duet.toml");
    let digest = "0123456789abcdef".repeat(4);
    std::fs::write(&file, format!("[[keys]]\nname = \"farm\"\nsha256 = \"{digest}\"\n")).unwrap();
    let file = file.to_str().unwrap();
    for (flags, is_warned) in [
        (&["--host", "0.0.0.0"][..], true),
        (&["--host", "0.0.0.0", "--config", file][..], false),
        (&["--host", "127.0.0.1"][..], false),
    ] {
        let log = first_words(models.path(), flags);
        assert!(log.contains("loading the model"), "{log}");
        assert_eq!(log.contains("it asks for no key"), is_warned, "{flags:?}: {log}");
    }
}

#[test]
fn a_build_from_a_checkout_knows_its_revision() {
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists() {
        eprintln!("no checkout: nothing to know a revision from");
        return;
    }
    let models = models();
    let server = Server::start(models.path());
    let info: Value = serde_json::from_slice(&server.get("/info").1).unwrap();
    let revision = info["revision"].as_str().unwrap();
    assert!(revision.len() >= 7 && revision != "unknown", "{revision}");
    let figures = String::from_utf8(server.get("/metrics").1).unwrap();
    assert!(figures.contains(&format!("revision=\"{revision}\"")), "{figures}");
}

#[test]
fn the_folder_of_models_is_a_setting() {
    let models = models();
    let folder = models.path().to_str().unwrap();
    let file = models.path().join("duet.toml");
    std::fs::write(&file, format!("models = {folder:?}\n")).unwrap();
    let check = |flags: &[&str]| {
        // The helper names it as a variable.
        let output =
            duet(models.path()).env_remove("DUET_MODELS").args(["config", "check"]).args(flags).output();
        let output = output.unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert!(!check(&[]).0, "the model of that folder is nowhere else");
    let (found, out) = check(&["--models", folder]);
    assert!(found && out.contains(&format!("models = {folder:?}")) && out.contains("# --models"), "{out}");
    let (found, out) = check(&["--config", file.to_str().unwrap()]);
    assert!(found && out.contains(&format!("models = {folder:?}")), "{out}");
    let (found, out) = check(&["--config", file.to_str().unwrap(), "--models", "no/such/folder"]);
    assert!(!found, "a flag goes before the file: {out}");
}
