//! The real binary, killed in the midst of its work and started again over the same folder.

use super::server::Server;
use super::small_model::models;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

fn start(models: &Path, data: &Path) -> Server {
    // More jobs than the test can make: those that are forgotten for want of room would be missed.
    let (memory, jobs): (&OsStr, &OsStr) = ("--no-data=false".as_ref(), "--jobs=10000".as_ref());
    Server::start_with(models, &[memory, jobs, "--data-dir".as_ref(), data.as_os_str()])
}

/// Status, headers and body; `None` where the server went away in the midst of it.
fn ask(address: &str, path: &str, body: &str, header: &str) -> Option<(u16, String, Vec<u8>)> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n{header}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let body = answer.split_off(head);
    let head = String::from_utf8(answer).ok()?;
    let length: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
    (body.len() == length).then_some(())?;
    Some((head[9..12].parse().ok()?, head, body))
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let (models, data) = (models(), tempfile::tempdir().unwrap());
    let mut acknowledged: Vec<Vec<u8>> = Vec::new();
    let mut jobs: Vec<String> = Vec::new();
    let mut listed = 0;
    let mut parent = None;
    for round in 0..3 {
        let mut server = start(models.path(), data.path());
        let parent = parent.get_or_insert_with(|| {
            let body = r#"{"prompt":"two people dance","frames":16,"steps":1,"seed":7}"#;
            let (_, _, body) = ask(&server.address, "/generate", body, "").unwrap();
            acknowledged.push(body.clone());
            serde_json::from_slice::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned()
        });
        let (made, accepted) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for client in 0..4 {
                let (address, parent, made, accepted) = (server.address.clone(), &*parent, &made, &accepted);
                scope.spawn(move || {
                    for n in 0.. {
                        // Needs no model, so that there is a result every few milliseconds.
                        let body = format!(
                            r#"{{"parent":"{parent}","kind":"move","person":1,"shift":[0.{round}{client},0.0{n}]}}"#
                        );
                        // One of the clients would rather not wait.
                        let header = if client == 0 { "prefer: respond-async\r\n" } else { "" };
                        let Some((status, head, body)) = ask(&address, "/edit", &body, header) else { return };
                        match status {
                            200 => made.lock().unwrap().push(body),
                            202 => {
                                let line = head.lines().find_map(|line| line.strip_prefix("location: "));
                                accepted.lock().unwrap().push(line.unwrap().to_owned());
                            }
                            429 => std::thread::sleep(Duration::from_millis(20)),
                            _ => panic!("{head}"),
                        }
                    }
                });
            }
            let began = Instant::now();
            while made.lock().unwrap().len() < 40 || accepted.lock().unwrap().len() < 10 {
                assert!(began.elapsed() < Duration::from_secs(120), "the server does nothing");
                std::thread::sleep(Duration::from_millis(5));
            }
            server.child.kill().unwrap();
            server.child.wait().unwrap();
        });
        acknowledged.extend(made.into_inner().unwrap());
        jobs.extend(accepted.into_inner().unwrap());
        let server = start(models.path(), data.path());
        for body in &acknowledged {
            let made: Value = serde_json::from_slice(body).unwrap();
            let (status, again) = server.get(&format!("/motions/{}", made["id"].as_str().unwrap()));
            assert!(status == 200 && &again == body, "an acknowledged result is gone or another");
        }
        for job in &jobs {
            let began = Instant::now();
            let motion = loop {
                let (status, body) = server.get(job);
                assert_eq!(status, 200, "an acknowledged job is gone");
                let job: Value = serde_json::from_slice(&body).unwrap();
                match job["state"].as_str().unwrap() {
                    "succeeded" => break job["links"]["motion"].as_str().unwrap().to_owned(),
                    "queued" | "running" => std::thread::sleep(Duration::from_millis(20)),
                    _ => panic!("{job}"),
                }
                assert!(began.elapsed() < Duration::from_secs(120), "the job does not end");
            };
            assert_eq!(server.get(&motion).0, 200);
        }
        // Whatever is in the list can be had, and there is one file for each.
        let mut next = Some("/motions?limit=100".to_owned());
        listed = 0;
        while let Some(path) = next {
            let page: Value = serde_json::from_slice(&server.get(&path).1).unwrap();
            for entry in page["motions"].as_array().unwrap() {
                assert_eq!(server.get(entry["motion"].as_str().unwrap()).0, 200);
                listed += 1;
            }
            next = page["next"].as_str().map(str::to_owned);
        }
        let files = std::fs::read_dir(data.path().join("motions")).unwrap().count();
        assert_eq!(files, listed);
    }
    assert!(listed >= acknowledged.len() + jobs.len());
}
