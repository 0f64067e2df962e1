//! The JSON of a finished request: what `POST /generate` and `GET /motions/{id}` answer and `duet generate --json` prints.
//!
//! Positions are metres rounded to 0.1 mm, below what any of the models resolves: an answer is a third of the size it
//! would be with every digit. The files hold the full numbers.

use super::{Edited, Finished};
use crate::error::{Error, Result};
use crate::generate::{GenerateRequest, Sample};
use crate::motion::{FPS, JOINTS, Motion, Pose, skeleton};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use std::collections::BTreeMap;
use std::time::Duration;

/// The answer as JSON bytes. `files` gives, for each sample, the names of its files and where they are.
///
/// # Errors
/// Only [`ErrorKind::Internal`](crate::ErrorKind::Internal): everything in a [`Finished`] can be written.
pub fn json(finished: &Finished, files: &dyn Fn(&Sample) -> BTreeMap<String, String>) -> Result<Vec<u8>> {
    serde_json::to_vec(&Answer::new(finished, files))
        .map_err(|source| Error::internal("json", "the answer could not be written").with_source(source))
}

/// Everything that decides a result, defaults resolved: sending it again gives the same motion.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)] // As in `GenerateRequest`.
pub struct Settings {
    pub frames: usize,
    pub seed: u64,
    pub samples: usize,
    pub steps: usize,
    pub guidance: f32,
    pub top_k_ratio: f64,
    pub temperature: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<f32>,
    pub foot_fix: bool,
    pub rigid: bool,
}

impl From<&GenerateRequest> for Settings {
    fn from(request: &GenerateRequest) -> Self {
        Self {
            frames: request.frames,
            seed: request.seed,
            samples: request.samples,
            steps: request.steps,
            guidance: request.guidance,
            top_k_ratio: request.top_k_ratio,
            temperature: request.temperature,
            memory: request.memory,
            foot_fix: request.foot_fix,
            rigid: request.rigid,
        }
    }
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    id: String,
    model: &'a str,
    prompt: &'a str,
    prompt_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    familiarity: Option<Familiar<'a>>,
    fps: f32,
    frames: usize,
    seconds: f64,
    joints: [&'static str; JOINTS],
    parents: [i32; JOINTS],
    settings: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit: Option<serde_json::Value>,
    samples: Vec<SampleAnswer<'a>>,
    timings_ms: TimingsMs,
}

#[derive(serde::Serialize)]
struct Familiar<'a> {
    near: bool,
    similarity: f64,
    nearest: &'a str,
}

#[derive(serde::Serialize)]
struct SampleAnswer<'a> {
    index: usize,
    seed: u64,
    persons: [PersonAnswer<'a>; 2],
    files: BTreeMap<String, String>,
}

#[derive(serde::Serialize)]
struct PersonAnswer<'a> {
    positions: Rounded<'a>,
}

#[derive(serde::Serialize)]
struct TimingsMs {
    queue: f64,
    text: f64,
    tokens: f64,
    decode: f64,
    total: f64,
}

impl<'a> Answer<'a> {
    fn new(finished: &'a Finished, files: &dyn Fn(&Sample) -> BTreeMap<String, String>) -> Self {
        let Finished { request, generated, .. } = finished;
        Self {
            id: finished.id.to_string(),
            model: &finished.model,
            prompt: &request.prompt,
            prompt_truncated: generated.prompt_truncated,
            familiarity: generated.familiarity.as_ref().map(|f| Familiar {
                near: f.near,
                similarity: round(f.similarity.into(), 1e3),
                nearest: &f.nearest,
            }),
            fps: FPS,
            frames: request.frames,
            seconds: seconds(request.frames),
            joints: skeleton::NAMES,
            parents: parents(),
            settings: request.into(),
            parent: finished.edit.as_ref().and_then(|edit| edit.parent).map(|id| id.to_string()),
            edit: finished.edit.as_ref().map(Edited::to_json),
            samples: generated
                .samples
                .iter()
                .map(|sample| SampleAnswer {
                    index: sample.index,
                    seed: sample.seed,
                    persons: persons(sample.shown()),
                    files: files(sample),
                })
                .collect(),
            timings_ms: TimingsMs {
                queue: ms(finished.queue),
                text: ms(generated.timings.text),
                tokens: ms(generated.timings.tokens),
                decode: ms(generated.timings.decode),
                total: ms(finished.total),
            },
        }
    }
}

/// Length of a clip in seconds, to the millisecond.
pub fn seconds(frames: usize) -> f64 {
    round(frames as f64 / f64::from(FPS), 1e3)
}

/// Parent of each joint; -1 for the pelvis, as motion files have it.
fn parents() -> [i32; JOINTS] {
    skeleton::PARENTS.map(|parent| parent.map_or(-1, |joint| joint as i32))
}

fn persons(motion: &Motion) -> [PersonAnswer<'_>; 2] {
    motion.persons.each_ref().map(|person| PersonAnswer { positions: Rounded(&person.positions) })
}

/// Milliseconds, to the tenth.
fn ms(duration: Duration) -> f64 {
    round(duration.as_secs_f64() * 1e3, 1e1)
}

/// To the nearest 1/`scale`; never minus zero.
pub(super) fn round(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale + 0.0
}

/// Positions, each coordinate rounded to 0.1 mm.
struct Rounded<'a>(&'a [Pose]);

impl Serialize for Rounded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut frames = serializer.serialize_seq(Some(self.0.len()))?;
        for pose in self.0 {
            frames.serialize_element(&pose.map(|joint| joint.map(|metres| round(metres.into(), 1e4))))?;
        }
        frames.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;
    use serde_json::Value;

    #[test]
    fn every_field_of_the_contract() {
        let finished = fake::finished(16, 2);
        let files =
            |sample: &Sample| BTreeMap::from([(format!("{}.npy", sample.index), "/there".to_owned())]);
        let bytes = json(&finished, &files).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "fps",
                "frames",
                "id",
                "joints",
                "model",
                "parents",
                "prompt",
                "prompt_truncated",
                "samples",
                "seconds",
                "settings",
                "timings_ms"
            ]
        );
        assert_eq!((&value["frames"], &value["seconds"]), (&16.into(), &0.533.into()));
        assert_eq!((&value["joints"][0], &value["parents"][0]), (&"pelvis".into(), &(-1).into()));
        assert_eq!(value["parents"].as_array().unwrap().len(), 22);
        let sample = &value["samples"][1];
        assert_eq!((&sample["index"], &sample["seed"]), (&1.into(), &8.into()));
        assert_eq!(sample["files"]["1.npy"], "/there");
        let positions = sample["persons"][1]["positions"].as_array().unwrap();
        assert_eq!(positions.len(), 16);
        let shown = finished.generated.samples[1].foot_fixed.as_ref().unwrap();
        for (frame, pose) in positions.iter().zip(&shown.persons[1].positions) {
            for (joint, expected) in frame.as_array().unwrap().iter().zip(pose) {
                for axis in 0..3 {
                    let error = joint[axis].as_f64().unwrap() - f64::from(expected[axis]);
                    assert!(error.abs() <= 0.5e-4 + 1e-9);
                }
            }
        }
    }

    #[test]
    fn numbers_are_short_and_never_minus_zero() {
        for (value, text) in [(0.123_456_78, "0.1235"), (-0.000_01, "0.0"), (-1.5, "-1.5"), (12.0, "12.0")] {
            assert_eq!(serde_json::to_string(&round(value, 1e4)).unwrap(), text);
        }
    }

    #[test]
    fn parents_come_before_their_children() {
        for (joint, parent) in parents().into_iter().enumerate() {
            assert!(parent < joint as i32 && (parent >= 0) == (joint > 0));
        }
    }
}
