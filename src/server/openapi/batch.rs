//! `POST /generate/batch`: what it takes and gives.

use super::examples;
use super::operation::{operation, reference};
use super::problems::{OF_BODIES, OF_CHANGES};
use crate::engine::batch::{MAX_BATCH, MAX_BATCH_SAMPLES};
use serde_json::{Value, json};

/// The operation.
pub fn batch() -> Value {
    let body = json!({"requests": [{"prompt": "two people dance salsa", "seed": 7}, {"prompt": ""}]});
    let (made, refused) = (json!({"index": 0, "motion": examples::motion()}), examples::refused(1));
    operation(
        "motion",
        "batch",
        "Several sentences in, several motions out",
        "Each request is judged by itself and has a motion, the same as it would have alone, or a problem, one of those of \
        `POST /generate`. With `Accept: application/x-ndjson` a line is sent for each as it is done; a caller who leaves cancels the \
        rest. A server without room for the first refuses the whole batch. With keys, a batch has one place among those of its key, \
        and each request counts.",
    )
    .parameter(
        "header",
        "Request-Timeout",
        "Seconds for each request, from its turn on; can only shorten the server's own limit",
        json!({"type": "integer", "minimum": 1}),
    )
    .body("BatchRequest", &body)
    .answer(
        200,
        "A result for each request, in their order; lines come in the order in which they are done",
        "application/json",
        reference("BatchResults"),
        json!({"results": [made, refused]}),
    )
    .or(200, "application/x-ndjson", json!({"type": "string"}), json!(format!("{refused}\n{made}\n")))
    .problems(OF_CHANGES)
    .problems(OF_BODIES)
    .problems(["invalid_requests", "invalid_idempotency_key", "invalid_request_timeout"])
    .problems(["queue_full", "rate_limited", "too_many_at_once", "shutting_down"])
    .curl(&format!(
        "curl -sN localhost:8080/generate/batch -H 'content-type: application/json' -H 'accept: application/x-ndjson' \\\n  \
        -d '{body}'"
    ))
    .guarded()
}

/// Its body.
pub fn request() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["requests"],
        "properties": {"requests": {
            "type": "array", "items": reference("GenerateRequest"), "minItems": 1, "maxItems": MAX_BATCH,
            "description": format!("Each by itself; at most {MAX_BATCH_SAMPLES} samples in all"),
        }},
    })
}

/// What becomes of a member: a motion or a problem.
pub fn result() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["index"],
        "oneOf": [{"required": ["motion"]}, {"required": ["problem"]}],
        "properties": {
            "index": {"type": "integer", "minimum": 0, "description": "Which request of the batch, from 0"},
            "motion": reference("Motion"),
            "problem": reference("Problem"),
        },
    })
}
