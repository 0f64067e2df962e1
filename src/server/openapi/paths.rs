//! The addresses: what each does, takes and gives.

use super::examples::{self, JOB_ID, MOTION_ID};
use super::operation::{Operation, operation, reference};
use super::problems::{
    OF_BODIES, OF_CHANGES, OF_EDITS, OF_FILES, OF_FORMS, OF_WORK, of_edited_generations, of_generations,
};
use super::{batch, gallery};
use crate::engine::MAX_PREVIEW_STEPS;
use serde_json::{Map, Value, json};

pub fn paths() -> Value {
    let mut paths = Map::new();
    let mut put = |path: &str, method: &str, operation: Value| {
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
    };
    put("/", "get", html("index", "The page", "Type a sentence, watch two people.", "/").guarded());
    put("/docs", "get", html("docs", "This description for people", "Works offline.", "/docs").open());
    put("/static/{path}", "get", asset());
    put("/generate", "post", generate());
    put("/generate/batch", "post", batch::batch());
    put("/edit", "post", edit());
    put("/motions", "get", gallery::motions());
    put("/motions/{id}", "get", motion());
    put("/motions/{id}", "delete", gallery::remove());
    put("/motions/{id}/{file}", "get", file());
    put("/jobs/{id}", "get", job("job", "How a job goes", "").guarded());
    put("/jobs/{id}", "delete", cancel());
    put("/jobs/{id}/events", "get", events());
    put("/models", "get", models());
    put("/info", "get", info());
    put("/metrics", "get", metrics());
    put(
        "/livez",
        "get",
        health("livez", "Is it alive?", "503 when a model hangs and only a new process can help."),
    );
    put(
        "/readyz",
        "get",
        health(
            "readyz",
            "Is it ready?",
            "503 while the default model is being loaded, failed or hangs, \
        and once the server is stopping. A full queue is readiness.",
        ),
    );
    put(
        "/healthz",
        "get",
        health("healthz", "Is the default model fine?", "As `/readyz`, but 200 while loading and stopping."),
    );
    put("/openapi.json", "get", openapi());
    Value::Object(paths)
}

fn html(id: &str, summary: &str, description: &str, address: &str) -> Operation {
    operation("page", id, summary, description)
        .answer(200, "HTML", "text/html", json!({"type": "string"}), examples::html(summary))
        .tagged("For If-None-Match")
        .curl(&format!("curl -s localhost:8080{address}"))
}

fn asset() -> Value {
    operation("page", "static", "What the pages are made of", "Files inside the program, with entity tags.")
        .parameter("path", "path", "Name of the file", json!({"type": "string", "example": "icon.svg"}))
        .bytes(200, "The file: scripts, styles and pictures, each with its media type", &["*/*"])
        .tagged("For If-None-Match")
        .problems(["not_found"])
        .curl("curl -s localhost:8080/static/icon.svg")
        .open()
}

fn generate() -> Value {
    let example = json!({"prompt": "two people dance salsa", "seconds": 4, "seed": 7});
    let operation = operation(
        "motion",
        "generate",
        "A sentence in, motion out",
        "Waits for the motion; a caller who leaves cancels the work. With `Prefer: respond-async` the answer is a job at \
         once. With `Idempotency-Key` the work goes on when the caller leaves, and the same request with the same key gets \
         the same motion, not another one.",
    )
    .problems(of_generations())
    .curl(
        "curl -s localhost:8080/generate -H 'content-type: application/json' \\\n  \
         -d '{\"prompt\":\"two people dance salsa\",\"seconds\":4,\"seed\":7}'",
    );
    work(operation, "GenerateRequest", &example)
}

fn edit() -> Value {
    let example = json!({"parent": MOTION_ID, "kind": "window", "from": 30, "to": 60, "persons": [1], "parts": ["arms"]});
    let operation = operation(
        "motion",
        "edit",
        "A result and what to do with it in, a new result out",
        "docs/editing.md tells which fields a kind takes. Headers as for `POST /generate`.",
    )
    .problems(OF_EDITS)
    .problems(of_edited_generations())
    .curl(&format!("curl -s localhost:8080/edit -H 'content-type: application/json' \\\n  -d '{example}'"));
    work(operation, "EditRequest", &example)
}

/// What has a model work: the headers, the answers, the refusals.
fn work(operation: Operation, schema: &str, example: &Value) -> Value {
    operation
        .parameter(
            "header",
            "Prefer",
            "`respond-async` for a job; `wait=N` waits up to N seconds (60 at most) for its end first",
            json!({"type": "string", "examples": ["respond-async", "respond-async, wait=5"]}),
        )
        .parameter(
            "header",
            "Idempotency-Key",
            "The caller's own name for this request, such as a UUID; known as long as its job",
            json!({"type": "string", "minLength": 1, "maxLength": 200}),
        )
        .parameter(
            "header",
            "Request-Timeout",
            "Seconds after which the caller wants the motion no more; can only shorten the server's own limit",
            json!({"type": "integer", "minimum": 1}),
        )
        .parameter(
            "header",
            "x-request-id",
            "Name of the request in the log: 8 to 64 letters, digits, - or _; anything else is replaced",
            json!({"type": "string"}),
        )
        .answer(200, "The motion", "application/json", reference("Motion"), examples::motion())
        .file_instead()
        .timed(200)
        .answer(202, "A job", "application/json", reference("Job"), examples::job("queued"))
        .header(202, "Location", "Address of the job")
        .header(202, "Preference-Applied", "respond-async")
        .body(schema, example)
        .problems(OF_CHANGES)
        .problems(OF_BODIES)
        .problems(OF_FORMS)
        .problems(OF_WORK)
        .guarded()
}

fn motion() -> Value {
    operation(
        "motion",
        "motion",
        "The same answer again",
        "While the result is kept: on disk the oldest leave first, in memory the least recently used.",
    )
    .id("id", MOTION_ID)
    .answer(200, "The motion", "application/json", reference("Motion"), examples::motion())
    .tagged("For If-None-Match; strong where the answer is not compressed")
    .file_instead()
    .timed(200)
    .parameter(
        "header",
        "Range",
        "Of a file: one range of bytes, such as `bytes=1000-`",
        json!({"type": "string"}),
    )
    .bytes(206, "Of a file: the part asked for", &["application/x-npz", "model/gltf-binary"])
    .header(206, "Content-Range", "Which bytes of how many")
    .timed(206)
    .problems(OF_FORMS)
    .problems(["unknown_motion", "not_found", "range_not_satisfiable"])
    .curl(&format!("curl -s localhost:8080/motions/{MOTION_ID}"))
    .guarded()
}

/// Media types of a result's files.
const FILES: &[&str] =
    &["application/octet-stream", "model/gltf-binary", "video/mp4", "image/gif", "image/png"];

fn file() -> Value {
    operation(
        "motion",
        "file",
        "One of its files",
        "npy, npz, npz as AMASS has it, BVH, GLB, MP4, GIF or PNG, under the names that the answer gives; docs/exports.md tells what is \
        in them.",
    )
    .id("id", MOTION_ID)
    .parameter("path", "file", "Name of the file", json!({"type": "string", "example": "00_motion.glb"}))
    .parameter(
        "query",
        "camera",
        "Where MP4 and GIF look from instead of from two sides: AZIMUTH,ELEVATION or AZIMUTH,ELEVATION,DISTANCE, degrees around \
        the pair, degrees above level (0 to 90), metres (0.5 to 50)",
        json!({"type": "string", "example": "45,20,4"}),
    )
    .bytes(200, "The file, as an attachment", FILES)
    .tagged("For If-None-Match and If-Range; strong where the answer is not compressed")
    .timed(200)
    .parameter("header", "Range", "One range of bytes, such as `bytes=1000-`", json!({"type": "string"}))
    .bytes(206, "The part asked for", FILES)
    .header(206, "Content-Range", "Which bytes of how many")
    .timed(206)
    .problems(OF_FILES)
    .problems(["unknown_motion", "not_found", "range_not_satisfiable"])
    .curl(&format!("curl -OJ localhost:8080/motions/{MOTION_ID}/00_motion.glb"))
    .guarded()
}

fn job(id: &str, summary: &str, description: &str) -> Operation {
    operation("jobs", id, summary, description)
        .id("id", JOB_ID)
        .answer(200, "The job", "application/json", reference("Job"), examples::job("running"))
        .problems(["unknown_job", "not_found", "json"])
        .curl(&format!("curl -s localhost:8080/jobs/{JOB_ID}"))
}

fn cancel() -> Value {
    job(
        "cancel",
        "Cancel a job",
        "The model stops after its current decoding step. A job that has ended stays as it is.",
    )
    .problems(OF_CHANGES)
    .answer(200, "The job as it is now", "application/json", reference("Job"), examples::job("cancelled"))
    .curl(&format!("curl -s -X DELETE localhost:8080/jobs/{JOB_ID}"))
    .guarded()
}

fn events() -> Value {
    let running = examples::event("progress", &examples::job("running"));
    let preview = examples::event("preview", &examples::preview());
    let ended = examples::event("end", &examples::job("succeeded"));
    operation(
        "jobs",
        "events",
        "Watch a job",
        "Server-sent events: `progress` now and at each change, `end` last; the data of each is the job. With `preview=N` \
        also `preview`, a Preview of the motion as it emerges; edits have none.",
    )
    .id("id", JOB_ID)
    .parameter(
        "query",
        "preview",
        "Show the motion after every so many decoding steps. Each look costs the model the decoding of a clip",
        json!({"type": "integer", "minimum": 1, "maximum": MAX_PREVIEW_STEPS}),
    )
    .answer(
        200,
        "Events as they happen: `progress`, `preview` where previews were asked for, `end`; their data is JSON, as in the example",
        "text/event-stream",
        // Tools differ in whether this is about an event or the whole stream.
        json!({}),
        json!(format!("{running}{preview}{ended}")),
    )
    .problems(["invalid_preview", "unknown_field", "duplicate_field", "unknown_job", "not_found"])
    .curl(&format!("curl -sN localhost:8080/jobs/{JOB_ID}/events"))
    .guarded()
}

fn models() -> Value {
    operation("service", "models", "The models that requests may name", "With terms, digests and state.")
        .answer(200, "The models", "application/json", reference("Models"), examples::models())
        .curl("curl -s localhost:8080/models")
        .guarded()
}

fn info() -> Value {
    operation(
        "service",
        "info",
        "What runs here",
        "Version, revision, device, digests of the models, limits.",
    )
    .answer(200, "The facts", "application/json", reference("Info"), examples::info())
    .curl("curl -s localhost:8080/info")
    .guarded()
}

fn metrics() -> Value {
    operation("service", "metrics", "Figures for Prometheus", "OpenMetrics text, base units.")
        .answer(
            200,
            "The figures",
            "application/openmetrics-text",
            json!({"type": "string"}),
            examples::metrics(),
        )
        .problems(["metrics"])
        .curl("curl -s localhost:8080/metrics")
        .guarded()
}

fn health(id: &str, summary: &str, description: &str) -> Value {
    let example = |status: &str, state: &str| {
        json!({"status": status, "version": env!("CARGO_PKG_VERSION"),
            "models": [{"name": "duet-mini", "state": state, "waiting": 0}]})
    };
    operation("service", id, summary, description)
        .answer(200, "Yes", "application/json", reference("Health"), example("ok", "ready"))
        .answer(503, "No", "application/json", reference("Health"), example("unavailable", "failed"))
        .curl(&format!("curl -s localhost:8080/{id}"))
        .open()
}

fn openapi() -> Value {
    let schema = json!({"type": "object", "required": ["openapi", "info", "paths"]});
    operation("service", "openapi", "This description", "OpenAPI 3.1.")
        .answer(200, "The document", "application/json", schema, examples::openapi())
        .tagged("For If-None-Match")
        .curl("curl -s localhost:8080/openapi.json")
        .open()
}
