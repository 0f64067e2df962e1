//! Every problem that the service can answer with, and which of them an operation has.

use crate::engine::{FIELDS, edit_fields};
use serde_json::{Value, json};

/// Status, code, and what to do about it. A code has one status.
///
/// Not here is what no caller can bring about: what only the command line reads, and what would be a file beyond the largest body.
const PROBLEMS: &[(u16, &str, &str)] = &[
    (400, "invalid_json", "the body is no JSON object"),
    (400, "unknown_field", "the request has a field that does not exist"),
    (400, "duplicate_field", "the request has a field twice"),
    (400, "frames_and_seconds", "give one of the two"),
    (400, "missing_field", "the edit needs a field that is not there"),
    (400, "invalid_parent", "give the id of a result, or files, not both"),
    (400, "invalid_sample", "the result has no such sample"),
    (400, "invalid_files", "one or two npy or BVH files in base64"),
    (400, "invalid_kind", "there is no edit of this kind"),
    (400, "invalid_window", "from and to do not fit the clip"),
    (400, "invalid_persons", "1, 2 or both"),
    (400, "invalid_parts", "legs, torso, arms"),
    (400, "invalid_blend", "0 to 32 frames"),
    (400, "invalid_person", "1 or 2"),
    (400, "invalid_role", "1 or 2"),
    (400, "invalid_between", "first, middle and last do not fit the clip"),
    (400, "invalid_timeline", "stretches of a prompt and a length"),
    (400, "invalid_share", "0.05 to 1"),
    (400, "invalid_shift", "[x, z] in metres"),
    (400, "invalid_turn", "degrees"),
    (400, "clip_too_long", "the clip would be longer than the edit allows"),
    (400, "motion_too_short", "a file holds fewer than 16 frames"),
    (400, "persons_differ_in_length", "two files of one length"),
    (400, "not_a_motion", "a file is no npy or BVH of a person"),
    (400, "npy_corrupt", "a file is damaged"),
    (400, "bvh_truncated", "a file is damaged"),
    (400, "bvh_syntax", "a file is damaged"),
    (400, "bvh_frames", "a file is damaged"),
    (400, "bvh_too_large", "a file is too large"),
    (400, "bvh_gzip", "a compressed file is damaged"),
    (400, "npy_wrong_shape", "keypoints are (frames, 22, 9)"),
    (400, "motion_not_finite", "a file holds NaN or infinity"),
    (
        400,
        "motion_without_facing",
        "the hips of the first frame coincide, or one is above the other: start later",
    ),
    (400, "invalid_requests", "a list of 1 to 32 requests, of at most 64 samples in all"),
    (400, "invalid_format", "json, npz or glb; files hold one sample"),
    (400, "invalid_preview", "1 to 64 steps"),
    (400, "invalid_limit", "1 to 100 results on a page"),
    (400, "invalid_before", "the id of a result"),
    (400, "invalid_body", "the body broke off"),
    (400, "invalid_camera", "a camera is AZIMUTH,ELEVATION or AZIMUTH,ELEVATION,DISTANCE"),
    (400, "camera_out_of_range", "degrees around, 0 to 90 degrees above level, 0.5 to 50 m away"),
    (400, "no_camera", "only mp4 and gif are filmed from a camera"),
    (400, "invalid_idempotency_key", "1 to 200 visible ASCII characters"),
    (400, "invalid_request_timeout", "a whole number of seconds"),
    (401, "unauthorized", "this server needs an API key"),
    (403, "host_not_allowed", "the Host header names another machine; see --allow-host"),
    (403, "origin_not_allowed", "a page of another origin tried to change something; see --allow-origin"),
    (404, "not_found", "there is nothing at this address"),
    (404, "unknown_model", "no model of this name; GET /models lists them"),
    (404, "unknown_motion", "no result of this name (any more)"),
    (404, "unknown_job", "no job of this name (any more)"),
    (405, "method_not_allowed", "the address does not answer to this method; see the header Allow"),
    (408, "body_timeout", "the body took too long to arrive"),
    (409, "job_cancelled", "the generation with this Idempotency-Key was cancelled"),
    (413, "payload_too_large", "more than 64 KiB (a batch: 512 KiB, an edit: 8 MiB)"),
    (415, "unsupported_media_type", "send application/json, not compressed"),
    (416, "range_not_satisfiable", "the file has none of these bytes; Content-Range says how many it has"),
    (422, "idempotency_key_reused", "this Idempotency-Key was used for another request"),
    (422, "npy_unsupported", "a file holds something else than numbers in float32 or float64"),
    (422, "edit_not_supported", "this model makes no edits of this kind; name another model"),
    (422, "mp4_not_built", "this server was built without MP4; ask for gif"),
    (429, "queue_full", "too many requests wait; try again after Retry-After"),
    (429, "too_many_pictures", "too many videos and pictures wait; try again after Retry-After"),
    (429, "too_many_jobs", "too many jobs wait or run; try again after Retry-After"),
    (429, "rate_limited", "this key has used up its generations for now; try again after Retry-After"),
    (429, "too_many_at_once", "this key has enough generations waiting or running; let one finish"),
    (500, "model_failure", "a fault of the model; the log has the cause under x-request-id"),
    (500, "internal", "a fault of the server; the log has the cause under x-request-id"),
    (500, "json", "a fault of the server; the log has the cause under x-request-id"),
    (500, "no_randomness", "the operating system gave no random numbers"),
    (500, "metrics", "the figures could not be written"),
    (500, "npy_write", "the file could not be written"),
    (500, "npz_write", "the file could not be written"),
    (500, "glb_too_large", "the file could not be written"),
    (500, "video_encode", "the film could not be drawn"),
    (500, "png", "the picture could not be drawn"),
    (500, "font", "the title could not be drawn"),
    (500, "text", "the title could not be drawn"),
    (503, "model_not_ready", "the model could not be loaded (yet); try again after Retry-After"),
    (503, "shutting_down", "the server is stopping; try again after Retry-After"),
    (503, "job_not_kept", "the job could not be written to the disk; have space freed there"),
    (503, "took_too_long", "ask for fewer samples, steps or frames"),
];

/// Whatever the address.
pub const ANYWHERE: &[&str] = &["host_not_allowed", "internal", "no_randomness"];
/// Of what changes something.
pub const OF_CHANGES: &[&str] = &["origin_not_allowed"];
/// Of what has a body.
pub const OF_BODIES: &[&str] =
    &["invalid_json", "invalid_body", "body_timeout", "payload_too_large", "unsupported_media_type"];
/// Of an answer that may be a file in place of JSON.
pub const OF_FORMS: &[&str] = &[
    "invalid_format",
    "unknown_field",
    "duplicate_field",
    "json",
    "npy_write",
    "npz_write",
    "glb_too_large",
];
/// Of the other files of a result.
pub const OF_FILES: &[&str] = &[
    "invalid_camera",
    "camera_out_of_range",
    "no_camera",
    "unknown_field",
    "mp4_not_built",
    "too_many_pictures",
    "npy_write",
    "npz_write",
    "glb_too_large",
    "video_encode",
    "png",
    "font",
    "text",
];
/// Of what has a model work.
pub const OF_WORK: &[&str] = &[
    "invalid_idempotency_key",
    "invalid_request_timeout",
    "unknown_model",
    "unknown_motion",
    "job_cancelled",
    "idempotency_key_reused",
    "queue_full",
    "too_many_jobs",
    "rate_limited",
    "too_many_at_once",
    "model_failure",
    "model_not_ready",
    "shutting_down",
    "job_not_kept",
    "took_too_long",
];
/// Of edits alone: their fields, their files, and what a model can make of them.
pub const OF_EDITS: &[&str] = &[
    "missing_field",
    "invalid_parent",
    "invalid_sample",
    "invalid_files",
    "invalid_kind",
    "invalid_window",
    "invalid_persons",
    "invalid_parts",
    "invalid_blend",
    "invalid_person",
    "invalid_role",
    "invalid_between",
    "invalid_timeline",
    "invalid_share",
    "invalid_shift",
    "invalid_turn",
    "clip_too_long",
    "motion_too_short",
    "persons_differ_in_length",
    "not_a_motion",
    "npy_corrupt",
    "bvh_truncated",
    "bvh_syntax",
    "bvh_frames",
    "bvh_too_large",
    "bvh_gzip",
    "npy_wrong_shape",
    "motion_not_finite",
    "motion_without_facing",
    "npy_unsupported",
    "edit_not_supported",
];

/// What is said about the value of any field that decides how motion is made.
const WRONG_VALUE: &str = "its value is of the wrong type or out of range";

/// Codes of the fields of a generation.
pub fn of_generations() -> Vec<String> {
    let fields = FIELDS.iter().map(|field| format!("invalid_{field}"));
    fields.chain(["frames_and_seconds".to_owned()]).collect()
}

/// Codes of the fields that edits have in common with generations.
pub fn of_edited_generations() -> Vec<String> {
    edit_fields().filter(|field| FIELDS.contains(field)).map(|field| format!("invalid_{field}")).collect()
}

/// A code with what is known of it.
struct Known {
    status: u16,
    code: String,
    words: &'static str,
}

/// All of them, in the order in which they are told.
fn table() -> impl Iterator<Item = Known> {
    let general =
        PROBLEMS.iter().map(|&(status, code, words)| Known { status, code: code.to_owned(), words });
    let fields = FIELDS.iter().map(|field| Known {
        status: 400,
        code: format!("invalid_{field}"),
        words: WRONG_VALUE,
    });
    general.chain(fields)
}

/// Codes of the table.
#[cfg(test)]
pub fn codes() -> impl Iterator<Item = String> {
    table().map(|known| known.code)
}

/// Codes by which an operation refuses or fails.
#[derive(Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, code: &str) {
        if !self.0.iter().any(|known| known == code) {
            self.0.push(code.to_owned());
        }
    }

    /// Status and response of each status that there is. What is not in the table goes under `default`, where a test finds it.
    pub fn responses(&self) -> Vec<(String, Value)> {
        let mut known: Vec<_> = table().filter(|known| self.0.contains(&known.code)).collect();
        known.sort_by_key(|known| known.status);
        let responses = known.chunk_by(|one, other| one.status == other.status).map(response);
        let strangers = self.0.iter().filter(|code| !known.iter().any(|known| known.code == **code));
        let strangers = strangers.map(|code| ("default".to_owned(), json!({ "description": code })));
        responses.chain(strangers).collect()
    }
}

/// The response of a status, for these codes of it.
fn response(codes: &[Known]) -> (String, Value) {
    let (status, first) = codes.first().map_or((500, ""), |known| (known.status, known.words));
    let title = axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let title = title.unwrap_or("Error");
    let words: Vec<_> = codes.iter().map(|Known { code, words, .. }| format!("`{code}`: {words}")).collect();
    let names: Vec<_> = codes.iter().map(|known| known.code.as_str()).collect();
    let mut response = json!({
        "description": words.join("; "),
        "content": {"application/problem+json": {
            "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": names}}}]},
            "example": {"type": "about:blank", "title": title, "status": status, "code": names.first(), "detail": first},
        }},
    });
    if matches!(status, 429 | 503) {
        response["headers"] = json!({"Retry-After": {
            "description": "Seconds after which another try is worth it", "schema": {"type": "integer", "minimum": 1},
        }});
    }
    (status.to_string(), response)
}

/// Answers of no operation: there is none at the address, or none of the method.
pub fn of_no_operation() -> Value {
    let alone = |code: &str| Problems(vec![code.to_owned()]).responses().into_iter().next().map(|(_, it)| it);
    json!({"NoSuchAddress": alone("not_found"), "NoSuchMethod": alone("method_not_allowed")})
}
