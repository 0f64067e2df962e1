//! Every problem that the service can answer with.

use crate::engine::FIELDS;
use serde_json::{Value, json};

/// Status, code, and what to do about it.
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
    (400, "npy_wrong_shape", "keypoints are (frames, 22, 9)"),
    (400, "motion_not_finite", "a file holds NaN or infinity"),
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
    (415, "unsupported_media_type", "send application/json"),
    (422, "mp4_not_built", "this server was built without MP4; ask for gif"),
    (416, "range_not_satisfiable", "the file has none of these bytes; Content-Range says how many it has"),
    (422, "idempotency_key_reused", "this Idempotency-Key was used for another request"),
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
    (503, "model_not_ready", "the model could not be loaded (yet); try again after Retry-After"),
    (503, "shutting_down", "the server is stopping; try again after Retry-After"),
    (503, "took_too_long", "ask for fewer samples, steps or frames"),
];

/// Those of files alone: an operation has them where it names them.
const OF_FILES: [&str; 5] =
    ["invalid_camera", "camera_out_of_range", "no_camera", "mp4_not_built", "too_many_pictures"];
/// Those of the list alone.
const OF_LISTS: [&str; 2] = ["invalid_limit", "invalid_before"];

/// Codes with this status that an operation answers with: those named, and those that any may.
fn codes(status: u16) -> Vec<(String, &'static str)> {
    let mut codes: Vec<_> = PROBLEMS
        .iter()
        .filter(|(known, ..)| *known == status)
        .map(|(_, code, words)| ((*code).to_owned(), *words))
        .collect();
    if status == 400 {
        codes.extend(
            FIELDS
                .iter()
                .map(|field| (format!("invalid_{field}"), "its value is of the wrong type or out of range")),
        );
    }
    codes
}

/// The code belongs to the status.
#[cfg(test)]
pub fn is_known(status: u16, code: &str) -> bool {
    codes(status).iter().any(|(known, _)| known == code)
}

/// The response of an operation for a status; `only` leaves the codes that it can give (when empty all but those of files and lists).
pub fn response(status: u16, only: &[&str]) -> (String, Value) {
    let codes: Vec<_> = codes(status)
        .into_iter()
        .filter(|(code, _)| match only {
            [] => !OF_FILES.contains(&code.as_str()) && !OF_LISTS.contains(&code.as_str()),
            _ => only.contains(&code.as_str()),
        })
        .collect();
    let title = axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let title = title.unwrap_or("Error");
    let words: Vec<_> = codes.iter().map(|(code, words)| format!("`{code}`: {words}")).collect();
    let names: Vec<_> = codes.iter().map(|(code, _)| code.as_str()).collect();
    let mut response = json!({
        "description": words.join("; "),
        "content": {"application/problem+json": {
            "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": names}}}]},
            "example": {"type": "about:blank", "title": title, "status": status, "code": names.first(),
                "detail": codes.first().map(|(_, words)| *words)},
        }},
    });
    if matches!(status, 429 | 503) {
        response["headers"] = json!({"Retry-After": {
            "description": "Seconds after which another try is worth it", "schema": {"type": "integer", "minimum": 1},
        }});
    }
    (status.to_string(), response)
}
