//! The real binary: settings from flags, variables and a file; new keys.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

use std::process::{Command, Output};

fn duet(args: &[&str], variables: &[(&str, &str)]) -> (Output, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DUET_")) {
        command.env_remove(name);
    }
    let output = command.args(args).envs(variables.iter().copied()).output().unwrap();
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    (output, out, err)
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("duet.toml");
    let file = path.to_str().unwrap();
    std::fs::write(&path, "port = 9000\nqueue = 3\ntimeout = 60\nallow_host = [\"a.example\"]\n").unwrap();
    let variables = [("DUET_QUEUE", "4"), ("DUET_TIMEOUT", "61"), ("DUET_CONFIG", file)];
    let (output, out, err) = duet(&["config", "check", "--timeout", "62"], &variables);
    assert!(output.status.success(), "{err}");
    let line =
        |name: &str| out.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap_or_default();
    for (name, value, origin) in [
        ("port", "9000", file),
        ("queue", "4", "DUET_QUEUE"),
        ("timeout", "62", "--timeout"),
        ("host", "\"127.0.0.1\"", "default"),
        ("allow_host", "[\"a.example\"]", file),
    ] {
        let line = line(name);
        assert!(
            line.starts_with(&format!("{name} = {value} ")) && line.ends_with(&format!("# {origin}")),
            "{line}"
        );
    }
    // What it prints is a settings file again.
    std::fs::write(&path, &out).unwrap();
    let (output, again, err) = duet(&["config", "check", "--config", file], &[]);
    assert!(output.status.success(), "{err}");
    assert!(again.contains("timeout = 62 "));
}

#[test]
fn mistakes_are_named_and_keys_stay_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("duet.toml");
    let file = path.to_str().unwrap();
    let (output, secret, snippet) = duet(&["config", "key", "farm"], &[]);
    assert!(output.status.success() && secret.starts_with("duet_") && !snippet.contains(secret.trim()));
    std::fs::write(&path, &snippet).unwrap();
    let (output, out, err) = duet(&["config", "check", "--config", file], &[]);
    assert!(output.status.success() && out.contains("# key farm: no limit a minute"), "{out}{err}");
    let digest = snippet.split("sha256 = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(digest.len() == 64 && !out.contains(digest));

    std::fs::write(&path, format!("[[keys]]\nname = \"farm\"\nsha256 = \"{}\"\n", secret.trim())).unwrap();
    for command in [vec!["config", "check", "--config", file], vec!["serve", "--config", file]] {
        let (output, out, err) = duet(&command, &[]);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(
            out.is_empty() && err.contains("sha256 of the key farm") && !err.contains(secret.trim()),
            "{err}"
        );
    }
    let (output, _, err) = duet(&["serve"], &[("DUET_QUEUE", "0")]);
    assert!(output.status.code() == Some(2) && err.contains("DUET_QUEUE"), "{err}");
}

#[test]
fn the_log_is_accounted_for_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("duet.toml");
    let file = path.to_str().unwrap();
    std::fs::write(&path, "log_level = \"error\"\nlog_format = \"json\"\n").unwrap();
    let check = ["config", "check", "--config", file];
    let variable = ("DUET_LOG_LEVEL", "warn");
    for (args, variables, level, format) in [
        (&check[..2], vec![], ("info", "default"), ("text", "default")),
        (&check[..], vec![], ("error", file), ("json", file)),
        (&check[..], vec![variable], ("warn", "DUET_LOG_LEVEL"), ("json", file)),
        (
            &[&check[..], &["--log-level", "debug"]].concat()[..],
            vec![variable],
            ("debug", "--log-level"),
            ("json", file),
        ),
        (
            &[&["--log-format", "text"], &check[..]].concat()[..],
            vec![],
            ("error", file),
            ("text", "--log-format"),
        ),
    ] {
        let (output, out, err) = duet(args, &variables);
        assert!(output.status.success(), "{err}");
        for (name, (value, origin)) in [("log_level", level), ("log_format", format)] {
            let line = out.lines().find(|line| line.starts_with(&format!("{name} = \"{value}\" ")));
            assert!(line.is_some_and(|line| line.ends_with(&format!("# {origin}"))), "{args:?}: {out}");
        }
    }
}

#[test]
fn what_serve_would_refuse_is_refused_alike() {
    for (flags, words) in [(["--host", "no such host"], "no such host"), (["--model", "nosuch"], "nosuch")] {
        let told = ["config check", "serve --port 0"].map(|command| {
            let args: Vec<&str> = command.split(' ').chain(flags).collect();
            let (output, out, err) = duet(&args, &[("DUET_NO_DATA", "true"), ("DUET_LOG_LEVEL", "error")]);
            assert!(out.is_empty() && err.contains(words), "{out}{err}");
            (output.status.code(), err)
        });
        assert_eq!(told[0], told[1]);
        assert_ne!(told[0].0, Some(0));
    }
    // A port in use is no mistake.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (output, out, err) = duet(&["config", "check", "--port", &port], &[]);
    assert!(output.status.success() && out.contains(&port), "{err}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_a_warning() {
    let home = tempfile::tempdir().unwrap();
    let check = |folder: &std::path::Path| {
        let folder = folder.to_str().unwrap();
        let (output, out, err) = duet(&["config", "check", "--data-dir", folder], &[]);
        assert!(output.status.success(), "the server would start: {err}");
        (out, err)
    };
    let folder = home.path().join("results");
    let (out, err) = check(&folder);
    assert!(
        out.contains("# results and jobs outlive the server in ") && !err.contains("warning"),
        "{out}{err}"
    );
    assert!(!folder.exists(), "a check makes nothing");

    std::fs::create_dir(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.try_lock().unwrap();
    let (out, err) = check(&folder);
    assert!(out.contains("would live in memory only"), "{out}");
    assert!(
        err.contains("another duet keeps its results in this folder") && err.contains("--no-data"),
        "{err}"
    );
    drop(lock);
    assert!(!check(&folder).1.contains("warning"));

    let file = home.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let (_, err) = check(&file.join("results"));
    assert!(err.contains("is a file and no folder") && err.contains("--data-dir"), "{err}");
}
