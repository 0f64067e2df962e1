//! The list of results, and how one leaves it.

use super::examples::{self, MOTION_ID};
use super::operation::{operation, reference};
use super::problems::OF_CHANGES;
use super::schemas::{ID, count, list, number, object, text, with_optional};
use crate::engine::{DEFAULT_PAGE, MAX_PAGE};
use serde_json::{Value, json};

pub fn motions() -> Value {
    operation(
        "motion",
        "motions",
        "What has been made",
        "The newest first, without the motion. With a key, what was asked for with that key.",
    )
    .parameter(
        "query",
        "limit",
        "Results on a page",
        json!({"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}),
    )
    .parameter(
        "query",
        "before",
        "Only results made before this one: what `next` of the page before has",
        json!({"type": "string", "example": MOTION_ID}),
    )
    .answer(200, "A page", "application/json", reference("Motions"), examples::motions())
    .problems(["invalid_limit", "invalid_before", "unknown_field", "duplicate_field"])
    .curl("curl -s 'localhost:8080/motions?limit=10'")
    .guarded()
}

pub fn remove() -> Value {
    operation(
        "motion",
        "remove",
        "Remove a result",
        "For good, with its files, in memory and on disk. With keys, only with the one that asked for it. What was made from it stays.",
    )
    .id("id", MOTION_ID)
    .nothing(204, "It is gone")
    .problems(OF_CHANGES)
    .problems(["unknown_motion", "not_found"])
    .curl(&format!("curl -s -X DELETE localhost:8080/motions/{MOTION_ID}"))
    .guarded()
}

pub fn page() -> Value {
    with_optional(
        object(json!({"motions": list(reference("Listed"), "The newest first")})),
        json!({"next": text("Address of the next page, where there is one")}),
    )
}

pub fn listed() -> Value {
    let base = object(json!({
        "id": {"type": "string", "pattern": ID, "description": "Name of the result"},
        "created": {"type": "string", "format": "date-time", "description": "When it was made, UTC"},
        "model": text("Which model made it"),
        "prompt": text("The sentence"),
        "frames": count("Length, frames"),
        "seconds": number("Length, seconds"),
        "samples": count("Clips in it"),
        "seed": count("Of the first sample"),
        "motion": text("Its address"),
    }));
    with_optional(
        base,
        json!({
            "kind": text("Of an edit: what kind"),
            "parent": {"type": "string", "pattern": ID, "description": "Of an edit: the result that was edited"},
        }),
    )
}
