//! Parity with the reference: every case in a folder is run and compared.
//!
//! `DUET_PARITY` names the folder (default `tests/fixtures/parity`); it is walked for `case.json` files (schema
//! `intermask-parity/1`). The code to run is picked by a case's `kind` and `task`; dimensions come from its weights,
//! settings and files; folder, file and tensor names carry no meaning. Cases of kinds that are not built yet are
//! listed; one that cannot be run is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

mod parity {
    pub mod arg;
    pub mod case;
    pub mod clip;
    pub mod compare;
    pub mod dims;
    pub mod footik;
    pub mod generate;
    pub mod generator;
    pub mod inputs;
    pub mod layouts;
    pub mod losses;
    pub mod motion;
    mod refusals;
    pub mod report;
    pub mod runner;
    pub mod schedule;
    pub mod tasks;
    pub mod trans_train;
    pub mod transformer;
    pub mod vq;
    pub mod vq_train;
}

use parity::{case, report::Report, runner};
use std::io::Write as _;
use std::path::PathBuf;

/// The folder of cases.
fn folder() -> PathBuf {
    match std::env::var_os("DUET_PARITY").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity"),
    }
}

#[test]
fn every_case_holds() {
    let folder = folder();
    let cases = case::find(&folder).expect("a folder of parity cases");
    let mut report = Report::default();
    for file in &cases {
        let place = file.parent().unwrap_or(&folder);
        let name = place.strip_prefix(&folder).unwrap_or(place).display().to_string();
        report.case_started();
        runner::run_case(file, if name.is_empty() { "." } else { &name }, &mut report);
    }
    // Not through print!, which the test harness would swallow on success.
    let _ = std::io::stderr().write_all(report.text(&folder).as_bytes());
    assert!(report.failures().is_empty(), "{} parity failures, listed above", report.failures().len());
    assert!(report.checks() > 0, "no case of a kind that is built");
}
