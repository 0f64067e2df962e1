//! The real binary with a real (small, random-weight) model: `duet generate` twice, `duet serve` from start to stop.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

#[path = "serve/client.rs"]
mod client;
#[path = "serve/restart.rs"]
mod restart;
#[path = "support/server.rs"]
mod server;
#[path = "support/small_model.rs"]
mod small_model;
#[path = "serve/start.rs"]
mod start;

use serde_json::Value;
use server::Server;
use small_model::{duet, models};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn generate_writes_the_same_bytes_again() {
    let models = models();
    let run = |out: &Path, seed: &str| {
        let output = duet(models.path())
            .args([
                "generate",
                "two people dance salsa",
                "--seconds",
                "1",
                "--steps",
                "4",
                "--seed",
                seed,
                "--out",
            ])
            .arg(out)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        contents(out)
    };
    let outs = tempfile::tempdir().unwrap();
    let first = run(&outs.path().join("a"), "7");
    let names: Vec<_> = first.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "ik_infer_small_ts4_cs2_topkr0.9_00_00_0.npy",
            "ik_infer_small_ts4_cs2_topkr0.9_00_00_1.npy",
            "infer_small_ts4_cs2_topkr0.9_00_00_0.npy",
            "infer_small_ts4_cs2_topkr0.9_00_00_1.npy",
            "settings.json",
        ]
    );
    for (name, bytes) in first.iter().filter(|(name, _)| name.ends_with(".npy")) {
        let person = duet::formats::npy::read_person(bytes).unwrap();
        assert_eq!(person.positions.len(), 28, "{name}");
    }
    assert_eq!(run(&outs.path().join("b"), "7"), first);
    assert_ne!(run(&outs.path().join("c"), "8"), first);
}

/// A file-size limit stands in for a disk that fills up while writing.
#[test]
#[cfg(unix)]
fn a_disk_that_refuses_leaves_nothing_half_written() {
    let models = models();
    let outs = tempfile::tempdir().unwrap();
    let out = outs.path().join("out");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_duet"))
        .args(["generate", "two people walk", "--frames", "16", "--steps", "2", "--model", "small", "--out"])
        .arg(&out)
        .env("DUET_MODELS", models.path());
    let output = limited.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.starts_with("error: cannot write "), "{words}");
    assert!(!out.exists(), "the folder was made for the result and goes with it");
}

fn generate(server: &Server, body: &str) -> (u16, Value) {
    let (status, answer) = server.send(&format!(
        "POST /generate HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    ));
    (status, serde_json::from_slice(&answer).unwrap())
}

#[test]
fn what_is_asked_at_once_is_answered_as_if_it_were_alone() {
    let models = models();
    let server = Server::start_with(models.path(), &["--batch-tokens".as_ref(), "100000".as_ref()]);
    let asked = |index: usize| {
        format!(
            r#"{{"prompt":"two people {}","frames":{},"seed":{index},"steps":{},"guidance":{},"samples":{}}}"#,
            ["dance salsa", "bow", "walk", "shake hands and dance"][index % 4],
            [200, 40, 16, 120, 88][index % 5],
            [12, 20, 9][index % 3],
            [2.0, 1.0, 3.5][index % 3],
            [1, 1, 2][index % 3],
        )
    };
    let samples = &|index: usize| {
        let (status, mut answer) = generate(&server, &asked(index));
        assert_eq!(status, 200, "{answer}");
        // The files' names are new each time.
        for sample in answer["samples"].as_array_mut().unwrap() {
            sample["files"].take();
        }
        answer["samples"].take()
    };
    let alone: Vec<Value> = (0..8).map(samples).collect();
    let at_once: Vec<Value> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|index| scope.spawn(move || samples(index))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(at_once, alone);
    // They were in flight together, at least some of them.
    let figures = String::from_utf8(server.get("/metrics").1).unwrap();
    let of = |name: &str| -> f64 {
        let line = figures.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (requests, steps) = (of("duet_batch_size_sum"), of("duet_batch_size_count"));
    assert!(steps > 0.0 && requests > steps, "{requests} in {steps} steps");
}

#[test]
fn serve_from_start_to_stop() {
    let models = models();
    let mut server = Server::start(models.path());
    assert!(String::from_utf8(server.get("/").1).unwrap().contains("<title>"));
    assert_eq!(server.get("/healthz").0, 200);

    let asked = r#"{"prompt":"two people dance salsa","seconds":2,"seed":7,"samples":2,"steps":4}"#;
    let (status, first) = generate(&server, asked);
    assert_eq!(status, 200, "{first}");
    assert_eq!((&first["model"], &first["frames"]), (&"small".into(), &60.into()));
    let (_, again) = generate(&server, asked);
    assert_eq!(first["samples"][0]["persons"], again["samples"][0]["persons"]);
    // A sample alone equals the same sample among others.
    let (_, alone) =
        generate(&server, r#"{"prompt":"two people dance salsa","seconds":2,"seed":8,"steps":4}"#);
    assert_eq!(first["samples"][1]["persons"], alone["samples"][0]["persons"]);
    let file = first["samples"][0]["files"]["ik_00_1.npy"].as_str().unwrap();
    assert_eq!(duet::formats::npy::read_person(&server.get(file).1).unwrap().positions.len(), 60);

    for (body, status, code) in [
        (r#"{"prompt":""}"#, 400, "invalid_prompt"),
        (r#"{"prompt":"walk","model":"other"}"#, 404, "unknown_model"),
        (r#"{"prompt":"walk","frames":NaN}"#, 400, "invalid_json"),
    ] {
        let (found, problem) = generate(&server, body);
        assert_eq!((found, &problem["code"]), (status, &code.into()));
    }
    let (status, problem) = generate(&server, &format!("{{\"prompt\":\"{}\"}}", "x".repeat(10 << 20)));
    assert_eq!((status, &problem["code"]), (413, &"payload_too_large".into()));
    assert_eq!(server.send("NONSENSE\r\n\r\n").0, 400);
    assert_eq!(generate(&server, asked).0, 200);

    #[cfg(unix)]
    {
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let asked = Instant::now();
        let status = loop {
            match server.child.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
            assert!(asked.elapsed() < Duration::from_secs(15), "it did not stop");
        };
        assert!(status.success(), "{status}");
    }
}
