//! Tells the program which commit it is built from, for `GET /info`: `DUET_REVISION` where whoever builds it says so, else what git
//! says, else nothing.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DUET_REVISION");
    let given = std::env::var("DUET_REVISION").ok().filter(|given| !given.is_empty());
    if let Some(revision) = given.or_else(checked_out) {
        println!("cargo::rustc-env=DUET_REVISION={revision}");
    }
}

/// The commit of this checkout. Where there is none, as in a crate that was unpacked, a repository further up is somebody else's.
fn checked_out() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    watch("HEAD");
    // A branch is a file of its own or, where git has packed it away, a line among others.
    if let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"])
        && !watch(&branch)
    {
        watch("packed-refs");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

/// Have cargo look for changes of a file of git's. False where it is not there: cargo would take that for a change each time.
fn watch(name: &str) -> bool {
    let path = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).is_file());
    if let Some(path) = &path {
        println!("cargo::rerun-if-changed={path}");
    }
    path.is_some()
}

/// The one line that git says; nothing where there is no git, or it has nothing to say.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
