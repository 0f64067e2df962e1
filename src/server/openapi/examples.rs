//! What answers look like.

use crate::engine::{MAX_PROMPT, MAX_SAMPLES, MAX_STEPS};
use crate::generate::{MAX_FRAMES, MIN_FRAMES};
use crate::server::{TimeLimits, body};
use serde_json::{Value, json};

/// Name of a result.
pub const MOTION_ID: &str = "9f2c1d4e5b6a79880123456789abcdef";
/// Name of a job.
pub const JOB_ID: &str = "00112233445566778899aabbccddeeff";

fn settings() -> Value {
    json!({"frames": 120, "seed": 7, "samples": 1, "steps": 20, "guidance": 2.5, "top_k_ratio": 0.9, "temperature": 1.0,
        "foot_fix": true, "rigid": true})
}

/// Shortened where the schema says how it goes on.
pub fn motion() -> Value {
    json!({
        "id": MOTION_ID, "model": "duet-mini", "prompt": "two people dance salsa", "prompt_truncated": false,
        "familiarity": {"near": true, "similarity": 0.983, "nearest": "two people dance salsa together"},
        "fps": 30.0, "frames": 120, "seconds": 4.0, "joints": ["pelvis", "left_hip"], "parents": [-1, 0],
        "settings": settings(),
        "samples": [{"index": 0, "seed": 7, "persons": [{"positions": [[[0.0, 0.93, 0.0]]]}, {"positions": [[[0.8, 0.93, 0.0]]]}],
            "files": {"00_motion.glb": format!("/motions/{MOTION_ID}/00_motion.glb")}}],
        "timings_ms": {"queue": 0.0, "text": 2.1, "tokens": 400.0, "decode": 60.0, "total": 463.0},
    })
}

/// A page of the list.
pub fn motions() -> Value {
    json!({
        "motions": [{"id": MOTION_ID, "created": "2026-11-21T23:14:50.123Z", "model": "duet-mini",
            "prompt": "two people dance salsa", "frames": 120, "seconds": 4.0, "samples": 1, "seed": 7,
            "motion": format!("/motions/{MOTION_ID}")}],
        "next": format!("/motions?limit=1&before={MOTION_ID}"),
    })
}

/// A job in this state.
pub fn job(state: &str) -> Value {
    let mut job = json!({
        "id": JOB_ID, "state": state, "model": "duet-mini", "prompt": "two people dance salsa",
        "settings": settings(), "age_seconds": 2,
        "links": {"self": format!("/jobs/{JOB_ID}"), "events": format!("/jobs/{JOB_ID}/events")},
    });
    match state {
        "queued" => job["position"] = json!(3),
        "running" => job["progress"] = json!({"step": 7, "steps": 20}),
        "succeeded" => job["links"]["motion"] = json!(format!("/motions/{MOTION_ID}")),
        _ => (),
    }
    job
}

/// Lines of server-sent events.
pub fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Shortened as [`motion`] is.
pub fn preview() -> Value {
    json!({"step": 8, "steps": 20, "sample": 0, "fps": 7.5,
        "persons": [{"positions": [[[0.0, 0.93, 0.0]]]}, {"positions": [[[0.8, 0.93, 0.0]]]}]})
}

/// A member of a batch that was refused.
pub fn refused(index: usize) -> Value {
    json!({"index": index, "problem": {"type": "about:blank", "title": "Bad Request", "status": 400,
        "code": "invalid_prompt", "detail": "prompt is empty: say in a sentence what the two people do"}})
}

/// The weights of a model.
fn files() -> Value {
    let digest = "5f0c".repeat(16);
    json!([{"part": "vq", "bytes": 15_204_352, "sha256": digest}, {"part": "transformer", "bytes": 61_079_552, "sha256": digest}])
}

/// What requests may name.
pub fn models() -> Value {
    json!({"models": [{
        "name": "duet-mini", "title": "Duet mini", "knows": "Everyday things two people do",
        "examples": [{"family": "Greet", "prompt": "two friends high five with the right hand", "seconds": 3.0}],
        "guidance": 2.5, "memory": 0.95, "licence": "MIT OR Apache-2.0", "default": true, "state": "ready", "waiting": 0, "files": files(),
    }]})
}

/// What runs here, with the limits of a server that was not told others.
pub fn info() -> Value {
    let times = TimeLimits::default();
    json!({
        "version": env!("CARGO_PKG_VERSION"), "revision": "unknown", "device": "cpu", "precision": "f32", "uptime_seconds": 86_400,
        "models": [{"name": "duet-mini", "files": files()}],
        "limits": {
            "prompt_characters": MAX_PROMPT, "min_frames": MIN_FRAMES, "max_frames": MAX_FRAMES, "samples": MAX_SAMPLES,
            "steps": MAX_STEPS, "body_bytes": body::MAX_BYTES, "request_seconds": times.answer.as_secs(),
            "job_seconds": times.job.as_secs(),
        },
    })
}

/// A few of the figures.
pub fn metrics() -> Value {
    json!(concat!(
        "# HELP duet_requests HTTP requests answered.\n",
        "# TYPE duet_requests counter\n",
        "duet_requests_total{method=\"POST\",route=\"/generate\",status=\"200\"} 17\n",
        "# HELP duet_waiting Requests in a model's queue.\n",
        "# TYPE duet_waiting gauge\n",
        "duet_waiting{model=\"duet-mini\"} 0\n",
        "# EOF\n",
    ))
}

/// The beginning of this document.
pub fn openapi() -> Value {
    json!({"openapi": "3.1.0", "info": {"title": "Duet", "version": env!("CARGO_PKG_VERSION")},
        "paths": {"/livez": {"get": {"operationId": "livez"}}}})
}

/// A page of this title.
pub fn html(title: &str) -> Value {
    json!(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><title>{title}</title></head>\n<body>…</body>\n</html>\n"
    ))
}
