//! What answers look like.

use serde_json::{Value, json};

/// Name of a result.
pub const MOTION_ID: &str = "9f2c1d4e5b6a79880123456789abcdef";
/// Name of a job.
pub const JOB_ID: &str = "00112233445566778899aabbccddeeff";

fn settings() -> Value {
    json!({"frames": 120, "seed": 7, "samples": 1, "steps": 20, "guidance": 2.0, "top_k_ratio": 0.9, "temperature": 1.0,
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
