//! What stands in deploy/: dashboards of figures that there are.

use super::*;
use crate::engine::{ArchiveLimits, Keeping};
use std::collections::BTreeSet;
use std::path::Path;

/// What a dashboard asks Prometheus, wherever in it that stands.
fn queries(dashboard: &Value) -> Vec<&str> {
    match dashboard {
        Value::Array(items) => items.iter().flat_map(queries).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(query) if name == "expr" => vec![query],
                _ => queries(value),
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dashboards_ask_for_figures_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let control = Arc::new(Control::default());
    control.together.store(true, SeqCst);
    let keeping = Keeping::on_disk(folder.path(), ArchiveLimits::default(), JobLimits::default());
    let engine = Arc::new(engine(&control, LIMITS).keeping(keeping));
    let state = AppState::new(engine.clone(), policy()).unwrap();
    // Most figures are told once there is something to tell.
    state.metrics.lost("left");
    let house = House { app: app(state), engine, control };
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    house.generate("{}").await.is_problem(400, "invalid_prompt");
    let figures = String::from_utf8(house.get("/metrics").await.body.to_vec()).unwrap();
    let told: BTreeSet<&str> = figures.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();

    let dashboards = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/dashboards");
    let mut asked = BTreeSet::new();
    for entry in std::fs::read_dir(dashboards).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for query in queries(&dashboard) {
            let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            asked.extend(words.filter(|word| word.starts_with("duet_")).map(str::to_owned));
        }
    }
    assert!(asked.len() > 10, "{asked:?}");
    for name in &asked {
        assert!(told.contains(name.as_str()), "no {name} is told in:\n{figures}");
    }
}
