//! The harness itself must be able to say no: small cases made here, right and wrong in one way each.

use super::report::Report;
use super::runner::run_case;
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Source rows of 2 rows grown by 2, as a case.
fn case() -> Value {
    json!({
        "schema": "intermask-parity/1", "kind": "vq", "title": "made here", "precision": "f32", "assets": [],
        "files": [{"file": "numbers", "role": "data", "format": "safetensors"}],
        "items": [{
            "id": "rows", "task": "nearest_rows", "data": "numbers", "params": {},
            "tensors": [{
                "name": "x", "what": "source_rows", "shape": [4], "dtype": "I64", "role": "expected",
                "args": {"in_rows": 2, "scale": 2.0}, "tol": 0
            }]
        }]
    })
}

/// Run `case` with tensor `x` = `rows`.
fn run(case: &Value, rows: &[i64]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let tensors = HashMap::from([("x".to_owned(), Tensor::new(rows, &Device::Cpu).unwrap())]);
    candle_core::safetensors::save(&tensors, folder.path().join("numbers")).unwrap();
    let file = folder.path().join("case.json");
    std::fs::write(&file, case.to_string()).unwrap();
    let mut report = Report::default();
    run_case(&file, "made here", &mut report);
    report
}

/// A way to spoil a case.
type Breakage = fn(&mut Value);

const RIGHT: [i64; 4] = [0, 0, 1, 1];

#[test]
fn a_right_case_passes_and_a_wrong_number_fails() {
    assert!(run(&case(), &RIGHT).failures().is_empty());
    assert_eq!(run(&case(), &[0, 1, 1, 1]).failures().len(), 1);
}

#[test]
fn what_cannot_be_run_is_a_failure() {
    let broken: [(&str, Breakage); 13] = [
        ("schema", |case| case["schema"] = json!("intermask-parity/2")),
        ("precision", |case| case["precision"] = json!("bf16")),
        ("absent file", |case| case["files"][0]["file"] = json!("elsewhere")),
        ("panic", |case| case["items"][0]["tensors"][0]["args"]["in_rows"] = json!(0)),
        ("absent data", |case| case["items"][0]["data"] = json!("elsewhere")),
        ("no items", |case| case["items"] = json!([])),
        ("no tensors", |case| case["items"][0]["tensors"] = json!([])),
        ("unknown task", |case| case["items"][0]["task"] = json!("farthest_rows")),
        ("unknown quantity", |case| case["items"][0]["tensors"][0]["what"] = json!("target_rows")),
        ("unknown tensor", |case| case["items"][0]["tensors"][0]["name"] = json!("y")),
        ("no tolerance", |case| case["items"][0]["tensors"][0]["tol"] = Value::Null),
        ("another shape", |case| case["items"][0]["tensors"][0]["shape"] = json!([2, 2])),
        ("another type", |case| case["items"][0]["tensors"][0]["dtype"] = json!("F32")),
    ];
    for (what, break_it) in broken {
        let mut case = case();
        break_it(&mut case);
        let report = run(&case, &RIGHT);
        assert_eq!(report.failures().len(), 1, "{what}: {:?}", report.failures());
    }
}

#[test]
fn a_failure_does_not_stop_the_others() {
    let mut case = case();
    let mut second = case["items"][0].clone();
    second["id"] = json!("again");
    case["items"][0]["task"] = json!("farthest_rows");
    case["items"].as_array_mut().unwrap().push(second);
    let report = run(&case, &RIGHT);
    assert_eq!((report.failures().len(), report.checks()), (1, 2));
}

#[test]
fn a_kind_that_is_not_built_is_listed() {
    let mut case = case();
    case["kind"] = json!("juggling");
    let report = run(&case, &RIGHT);
    assert!(report.failures().is_empty() && report.checks() == 0);
    assert!(report.text(std::path::Path::new("here")).contains("not built yet: kind juggling"));
}
