//! The shapes of what goes in and comes out.

use super::{batch, gallery};
use crate::engine::{
    DEFAULT_FRAMES, DEFAULT_GUIDANCE, DEFAULT_STEPS, DEFAULT_TOP_K_RATIO, MAX_GUIDANCE, MAX_PROMPT,
    MAX_SAMPLES, MAX_STEPS, MAX_TEMPERATURE, MIN_TEMPERATURE,
};
use crate::generate::{MAX_FRAMES, MIN_FRAMES};
use crate::motion::{FPS, JOINTS};
use serde_json::{Value, json};

pub const ID: &str = "^[0-9a-f]{32}$";

pub fn schemas() -> Value {
    json!({
        "GenerateRequest": request(),
        "BatchRequest": batch::request(),
        "BatchResult": batch::result(),
        "BatchResults": object(json!({"results": list(reference("BatchResult"), "In the order of the requests")})),
        "EditRequest": edit(),
        "Settings": settings(),
        "Motion": motion(),
        "Motions": gallery::page(),
        "Listed": gallery::listed(),
        "Sample": sample(),
        "Job": job(),
        "Preview": preview(),
        "Problem": problem(),
        "File": file(),
        "Model": model(),
        "Models": object(json!({"models": list(reference("Model"), "The first is not always the default")})),
        "Info": info(),
        "Health": health(),
    })
}

/// All members are there, and no others.
pub fn object(properties: Value) -> Value {
    let required: Vec<_> =
        properties.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

pub fn with_optional(mut object: Value, optional: Value) -> Value {
    if let Some(more) = optional.as_object() {
        for (name, schema) in more {
            object["properties"][name] = schema.clone();
        }
    }
    object
}

pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

pub fn list(items: Value, words: &str) -> Value {
    json!({"type": "array", "items": items, "description": words})
}

pub fn text(words: &str) -> Value {
    json!({"type": "string", "description": words})
}

pub fn count(words: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": words})
}

pub fn number(words: &str) -> Value {
    json!({"type": "number", "description": words})
}

fn switch(words: &str) -> Value {
    json!({"type": "boolean", "description": words})
}

fn request() -> Value {
    let fps = f64::from(FPS);
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["prompt"],
        "not": {"required": ["frames", "seconds"]},
        "properties": {
            "prompt": {"type": "string", "minLength": 1, "maxLength": MAX_PROMPT,
                "description": "What the two people do. No control characters"},
            "seconds": {"type": "number", "minimum": 0.54, "maximum": MAX_FRAMES as f64 / fps,
                "description": "Length, rounded down to whole tokens of 4 frames. Seconds or frames, not both"},
            "frames": {"type": "integer", "minimum": MIN_FRAMES, "maximum": MAX_FRAMES, "default": DEFAULT_FRAMES,
                "description": "Length in frames, 30 a second, rounded down to a multiple of 4"},
            "seed": {"type": "integer", "minimum": 0, "maximum": u64::MAX,
                "description": "Sample i uses seed + i; the same seed and settings give the same motion. Drawn (below 2^53) \
                    when left out, and told"},
            "samples": {"type": "integer", "minimum": 1, "maximum": MAX_SAMPLES, "default": 1,
                "description": "Independent results"},
            "steps": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS, "default": DEFAULT_STEPS,
                "description": "Decoding steps"},
            "guidance": {"type": "number", "minimum": 0, "maximum": MAX_GUIDANCE,
                "description": format!("How strictly to follow the words; 1 = no guidance. Unless it is said, as the model has it (`/models`): {DEFAULT_GUIDANCE} or its own; twice that for a window that is edited with words of its own")},
            "top_k_ratio": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": DEFAULT_TOP_K_RATIO,
                "description": "Share of unlikely codes left out"},
            "temperature": {"type": "number", "minimum": MIN_TEMPERATURE, "maximum": MAX_TEMPERATURE, "default": 1,
                "description": "Divides the logits"},
            "memory": {"type": "number", "minimum": 0, "maximum": 1,
                "description": "Share of the tokens that stay of the remembered clip that the sentence is most like; 0 draws everything. As the model has it when left out"},
            "foot_fix": {"type": "boolean", "default": true, "description": "Plant feet that are in contact"},
            "rigid": {"type": "boolean", "default": true, "description": "Bones keep their length"},
            "model": {"type": "string", "minLength": 1, "maxLength": 100,
                "description": "A name of GET /models; the server's default when left out"},
        },
    })
}

/// Which fields a kind of edit takes, and their ranges, are told in docs/editing.md; here are their types.
fn edit() -> Value {
    let generation = request();
    let mut properties = json!({
        "parent": {"type": "string", "pattern": ID, "description": "The result to edit; this or files"},
        "sample": {"type": "integer", "minimum": 0, "maximum": MAX_SAMPLES - 1, "default": 0,
            "description": "Which of its samples"},
        "files": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "contentEncoding": "base64"},
            "description": "Motion of your own, npy or BVH, person 1 first; this or parent"},
        "kind": {"enum": ["window", "react", "between", "extend", "vary", "move"], "description": "What to do"},
        "from": count("window, move: first frame that is meant"),
        "to": count("window, move: first frame that is not meant"),
        "persons": {"type": "array", "items": {"enum": [1, 2]}, "description": "window: who"},
        "parts": {"type": "array", "items": {"enum": ["legs", "torso", "arms"]}, "description": "window: what of them"},
        "blend": {"type": "integer", "minimum": 0, "maximum": 32, "default": 12,
            "description": "window: frames over which the new runs into the old"},
        "person": {"enum": [1, 2], "description": "react: who stays; move: who moves"},
        "role": {"enum": [1, 2], "description": "react: the place of that person in the prompt and the result"},
        "first": count("between: frames that stay at the beginning"),
        "middle": count("between: new frames"),
        "last": count("between: frames that stay at the end"),
        "timeline": list(
            json!({"type": "object", "additionalProperties": false, "required": ["prompt"], "properties": {
                "prompt": text("What happens"), "seconds": number("Length"), "frames": count("Length")}}),
            "extend: what comes after the end",
        ),
        "share": {"type": "number", "minimum": 0.05, "maximum": 1, "default": 0.4, "description": "vary: tokens drawn anew"},
        "shift": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2,
            "description": "move: x and z, metres"},
        "turn": number("move: degrees, counter-clockwise seen from above"),
    });
    for name in ["prompt", "seed", "samples", "steps", "guidance", "top_k_ratio", "temperature", "model"] {
        properties[name] = generation["properties"][name].clone();
    }
    json!({"type": "object", "additionalProperties": false, "required": ["kind"], "properties": properties})
}

fn settings() -> Value {
    let settings = object(json!({
        "frames": count("Length, frames"),
        "seed": count("Of the first sample"),
        "samples": count("Results"),
        "steps": count("Decoding steps"),
        "guidance": number("Guidance"),
        "top_k_ratio": number("Share of codes left out"),
        "temperature": number("Temperature"),
        "foot_fix": switch("Feet were planted"),
        "rigid": switch("Bones keep their length"),
    }));
    let memory = number("Share of a remembered clip that stays, where the request said one");
    with_optional(settings, json!({"memory": memory}))
}

fn motion() -> Value {
    let base = object(json!({
        "id": {"type": "string", "pattern": ID, "description": "Name of the result; knowing it is the right to read it"},
        "model": text("Which model made it"),
        "prompt": text("The sentence, trimmed"),
        "prompt_truncated": switch("It was longer than the text encoder reads"),
        "fps": number("Frames a second"),
        "frames": count("Length"),
        "seconds": number("Length"),
        "joints": {"type": "array", "items": {"type": "string"}, "minItems": JOINTS, "maxItems": JOINTS,
            "description": "Names, in the order of the positions"},
        "parents": {"type": "array", "items": {"type": "integer"}, "minItems": JOINTS, "maxItems": JOINTS,
            "description": "Parent of each joint; -1 for the pelvis"},
        "settings": reference("Settings"),
        "samples": list(reference("Sample"), "As many as were asked for"),
        "timings_ms": object(json!({
            "queue": number("Waiting"), "text": number("Text encoder"), "tokens": number("Decoding steps"),
            "decode": number("Tokens to motion"), "total": number("From admission to the end"),
        })),
    }));
    with_optional(
        base,
        json!({
            "parent": {"type": "string", "pattern": ID, "description": "Of an edit: the result it was made from"},
            "edit": {"type": "object", "description": "Of an edit: what was done, defaults resolved"},
            "familiarity": {"type": "object", "required": ["near", "similarity", "nearest"], "properties": {
                "near": switch("The model was taught something like it; otherwise this is its best try"),
                "similarity": number("Cosine to the nearest sentence it was taught"),
                "nearest": text("That sentence"),
            }, "description": "Where the model says what it was taught"},
        }),
    )
}

fn person(unit: &str) -> Value {
    let axis = json!({"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3});
    let pose = json!({"type": "array", "items": axis, "minItems": JOINTS, "maxItems": JOINTS});
    let words = format!("Frames of joints of x, y, z: {unit}, y up, one frame for both");
    object(json!({ "positions": list(pose, &words) }))
}

fn sample() -> Value {
    object(json!({
        "index": count("From 0"),
        "seed": count("Makes this sample again alone"),
        "persons": {"type": "array", "items": person("metres"), "minItems": 2, "maxItems": 2},
        "files": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Name to address"},
    }))
}

fn job() -> Value {
    let base = object(json!({
        "id": {"type": "string", "pattern": ID, "description": "Name of the job"},
        "state": {"enum": ["queued", "running", "succeeded", "failed", "cancelled"]},
        "model": text("Which model works"),
        "prompt": text("The sentence"),
        "settings": reference("Settings"),
        "age_seconds": count("Since it was let in"),
        "links": with_optional(
            object(json!({"self": text("This job"), "events": text("Its events")})),
            json!({"motion": text("The result, once it has succeeded, while it is kept")}),
        ),
    }));
    with_optional(
        base,
        json!({
            "position": count("While queued: how many will be served before it if nobody else comes, those being served not counted"),
            "progress": object(json!({
                "step": count("Decoding steps done"), "steps": count("Decoding steps in all, over all samples"),
            })),
            "problem": reference("Problem"),
        }),
    )
}

fn preview() -> Value {
    object(json!({
        "step": count("Decoding steps done, over all samples"),
        "steps": count("Decoding steps in all"),
        "sample": count("Which sample is being made, from 0"),
        "fps": number("Frames a second: every fourth of the motion's"),
        "persons": {"type": "array", "items": person("metres to the centimetre, before bones and feet are put right"),
            "minItems": 2, "maxItems": 2},
    }))
}

fn problem() -> Value {
    object(json!({
        "type": {"const": "about:blank"},
        "title": text("The status in words"),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": text("For people: what to do"),
        "code": text("For programs: stable"),
    }))
}

fn file() -> Value {
    object(json!({
        "part": text("vq, transformer, text or statistics"),
        "bytes": count("Size"),
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Digest"},
    }))
}

fn model() -> Value {
    object(json!({
        "name": text("What requests call it"),
        "title": text("What people call it"),
        "knows": text("What it knows, in a line"),
        "examples": list(object(json!({
            "family": text("What kind of thing it is"),
            "prompt": text("The sentence"),
            "seconds": json!({"type": "number", "description": "A length that suits it"}),
        })), "Prompts that it answers well"),
        "guidance": json!({"type": "number", "description": "How closely it follows the sentence where a request does not say"}),
        "memory": json!({"type": ["number", "null"], "description": "How much of a remembered clip stays where a request does not say; null where it remembers none"}),
        "licence": text("Terms of its weights"),
        "default": switch("It serves requests that name none"),
        "state": {"enum": ["idle", "loading", "ready", "working", "failed", "hung"]},
        "waiting": count("Requests in its queue"),
        "files": list(reference("File"), "Its weights"),
    }))
}

fn info() -> Value {
    object(json!({
        "version": text("Of the program"),
        "revision": text("The commit it was built from, or unknown"),
        "device": text("cpu or cuda"),
        "precision": text("f32 or bf16"),
        "uptime_seconds": count("Since the start"),
        "models": list(object(json!({"name": text("Name"), "files": list(reference("File"), "Its weights")})), "At hand"),
        "limits": object(json!({
            "prompt_characters": count("Longest prompt"), "min_frames": count("Shortest clip"),
            "max_frames": count("Longest clip"), "samples": count("Most samples"), "steps": count("Most steps"),
            "body_bytes": count("Largest request"), "request_seconds": count("Longest wait for an answer"),
            "job_seconds": count("Longest job"),
        })),
    }))
}

fn health() -> Value {
    object(json!({
        "status": {"enum": ["ok", "unavailable"]},
        "version": text("Of the program"),
        "models": list(
            object(json!({"name": text("Name"), "state": text("As in Model"), "waiting": count("In its queue")})),
            "How each is",
        ),
    }))
}
