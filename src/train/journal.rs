//! What a training says while it runs: a progress bar for people, one JSON object a line for programs.

use crate::error::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Steps over which the rate is averaged.
const RATE_WINDOW: usize = 50;
/// Without a terminal, a line this often.
const PLAIN_EVERY: Duration = Duration::from_secs(30);

/// Progress bar and log file.
pub struct Journal {
    log: File,
    path: std::path::PathBuf,
    bar: ProgressBar,
    ticks: VecDeque<Instant>,
    total: u64,
    spoke: Option<Instant>,
}

impl Journal {
    /// Append to `path`; lines after `step` (of a run that was killed after its last save) are dropped.
    pub fn open(path: &Path, step: u64, total: u64) -> Result<Self> {
        let kept = match std::fs::read_to_string(path) {
            Ok(text) if step > 0 => keep_until(&text, step),
            _ => String::new(),
        };
        let mut log = File::create(path).map_err(|e| Error::io("write", path, e))?;
        log.write_all(kept.as_bytes()).map_err(|e| Error::io("write", path, e))?;
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target).with_position(step);
        let style = "{bar:30} {pos}/{len} {msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is constant"));
        Ok(Self { log, path: path.into(), bar, ticks: VecDeque::new(), total, spoke: None })
    }

    /// After a step: `told` goes to the bar.
    pub fn step(&mut self, step: u64, told: &str) {
        self.ticks.push_back(Instant::now());
        if self.ticks.len() > RATE_WINDOW {
            self.ticks.pop_front();
        }
        let rate = self.rate();
        let left = if rate > 0.0 { (self.total.saturating_sub(step)) as f64 / rate } else { 0.0 };
        let message = format!("{told}  {rate:.2} steps/s  {} left", clock(left));
        if self.bar.is_hidden() && self.spoke.is_none_or(|spoke| spoke.elapsed() > PLAIN_EVERY) {
            self.spoke = Some(Instant::now());
            eprintln!("step {step}/{}  {message}", self.total);
        }
        self.bar.set_position(step);
        self.bar.set_message(message);
    }

    /// Steps a second, lately.
    pub fn rate(&self) -> f64 {
        match (self.ticks.front(), self.ticks.back()) {
            (Some(first), Some(last)) if self.ticks.len() > 1 => {
                (self.ticks.len() - 1) as f64 / last.duration_since(*first).as_secs_f64().max(1e-9)
            }
            _ => 0.0,
        }
    }

    /// One line in the log.
    pub fn log(&mut self, event: &str, step: u64, metrics: Map<String, Value>) -> Result<()> {
        let mut line = Map::new();
        line.insert("event".into(), event.into());
        line.insert("step".into(), step.into());
        line.extend(metrics);
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        self.log.write_all(text.as_bytes()).map_err(|e| Error::io("write", &self.path, e))
    }

    /// A line for the person, above the bar.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Leave the bar as it is.
    pub fn finish(&self) {
        self.bar.abandon();
    }
}

/// The log's whole lines up to and including `step`.
fn keep_until(text: &str, step: u64) -> String {
    text.split_inclusive('\n')
        .filter(|line| {
            let value: Option<Value> = serde_json::from_str(line).ok();
            value.and_then(|v| v.get("step").and_then(Value::as_u64)).is_some_and(|s| s <= step)
        })
        .collect()
}

fn clock(seconds: f64) -> String {
    let s = seconds as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{}:{:02} min", s / 60, s % 60),
        _ => format!("{}:{:02} h", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever a killed process or an editor left in the log, what is kept are whole lines of it, each of a step that counts.
        #[test]
        fn only_lines_of_earlier_steps_are_kept(
            lines in prop::collection::vec(
                prop_oneof![
                    "\\PC{0,30}",
                    any::<u64>().prop_map(|step| format!("{{\"step\":{step}}}")),
                    (0..9u64).prop_map(|step| format!("{{\"loss\":1.5,\"step\":{step}}}")),
                    any::<f64>().prop_map(|step| format!("{{\"step\":{step}}}")),
                ],
                0..12,
            ),
            cut in 0..40usize,
            step in prop_oneof![0..9u64, any::<u64>()],
        ) {
            let mut text = lines.join("\n");
            for _ in 0..cut.min(text.chars().count()) {
                text.pop();
            }
            let kept = keep_until(&text, step);
            let all: Vec<&str> = text.lines().collect();
            let mut from = 0;
            for line in kept.lines() {
                let at = all[from..].iter().position(|other| *other == line);
                prop_assert!(at.is_some(), "{line:?} is not of the log, or not in its order");
                from += at.unwrap_or_default() + 1;
                let value: Value = serde_json::from_str(line).unwrap();
                prop_assert!(value["step"].as_u64().unwrap() <= step);
            }
            prop_assert_eq!(keep_until(&kept, step), kept.clone(), "nothing more is lost the next time");
        }
    }

    #[test]
    fn a_resumed_log_has_each_step_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let metrics = || Map::from_iter([("loss".to_owned(), Value::from(1.5))]);
        let mut journal = Journal::open(&path, 0, 10).unwrap();
        for step in 1..=4 {
            journal.log("train", step, metrics()).unwrap();
        }
        let mut journal = Journal::open(&path, 2, 10).unwrap();
        journal.log("train", 3, metrics()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let steps: Vec<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["step"].as_u64().unwrap())
            .collect();
        assert_eq!(steps, [1, 2, 3]);
    }

    #[test]
    fn times_read_well() {
        assert_eq!(
            (clock(59.9).as_str(), clock(61.0).as_str(), clock(3700.0).as_str()),
            ("59 s", "1:01 min", "1:01 h")
        );
    }
}
