//! The addresses: what each does, takes and gives.

use super::examples::{self, JOB_ID, MOTION_ID};
use super::{batch, gallery, problems};
use crate::engine::MAX_PREVIEW_STEPS;
use serde_json::{Map, Value, json};

/// An operation under construction.
pub struct Operation(Value);

pub fn operation(tag: &str, id: &str, summary: &str, description: &str) -> Operation {
    Operation(json!({
        "tags": [tag], "operationId": id, "summary": summary, "description": description, "responses": {},
    }))
    // Whatever the address, the request's Host may be wrong.
    .problem(403, &["host_not_allowed"])
}

impl Operation {
    pub fn answer(mut self, status: u16, words: &str, media: &str, schema: Value, example: Value) -> Self {
        let mut content = json!({ "schema": schema });
        if !example.is_null() {
            content["example"] = example;
        }
        self.0["responses"][status.to_string()] = json!({"description": words, "content": {media: content}});
        self
    }

    /// An answer without a body.
    pub fn nothing(mut self, status: u16, words: &str) -> Self {
        self.0["responses"][status.to_string()] = json!({ "description": words });
        self
    }

    /// The same answer as other kinds of file.
    fn also(mut self, status: u16, media: &[&str]) -> Self {
        for media in media {
            self.0["responses"][status.to_string()]["content"][media] = json!({ "schema": {} });
        }
        self
    }

    /// An answer that may be a file in place of JSON.
    fn file_instead(self) -> Self {
        self.parameter(
            "query",
            "format",
            "The form of the answer where there is one sample; without it the header Accept says, with the media types below",
            json!({"enum": ["json", "npz", "glb"]}),
        )
        .also(200, &["application/x-npz", "model/gltf-binary"])
        .header(200, "Content-Location", "Of a file: its address")
        .header(200, "Vary", "accept")
    }

    fn header(mut self, status: u16, name: &str, words: &str) -> Self {
        self.0["responses"][status.to_string()]["headers"][name] =
            json!({"description": words, "schema": {"type": "string"}});
        self
    }

    pub fn problem(mut self, status: u16, only: &[&str]) -> Self {
        let (status, response) = problems::response(status, only);
        self.0["responses"][status] = response;
        self
    }

    pub fn parameter(mut self, place: &str, name: &str, words: &str, schema: Value) -> Self {
        let parameter = json!({"in": place, "name": name, "required": place == "path", "description": words, "schema": schema});
        match self.0["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(parameter),
            None => self.0["parameters"] = json!([parameter]),
        }
        self
    }

    pub fn id(self, name: &str, example: &str) -> Self {
        self.parameter("path", name, "As the answer named it", json!({"type": "string", "example": example}))
    }

    pub fn curl(mut self, line: &str) -> Self {
        self.0["x-codeSamples"] = json!([{"lang": "shell", "label": "curl", "source": line}]);
        self
    }

    /// Works without a key.
    fn open(mut self) -> Value {
        self.0["security"] = json!([{}]);
        self.0
    }

    /// Needs a key where there are keys.
    pub fn guarded(self) -> Value {
        self.problem(401, &[]).0
    }
}

pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

pub fn paths() -> Value {
    let mut paths = Map::new();
    let mut put = |path: &str, method: &str, operation: Value| {
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
    };
    put("/", "get", html("index", "The page", "Type a sentence, watch two people.").guarded());
    put("/docs", "get", html("docs", "This description for people", "Works offline.").open());
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

fn html(id: &str, summary: &str, description: &str) -> Operation {
    operation("page", id, summary, description).answer(
        200,
        "HTML",
        "text/html",
        json!({"type": "string"}),
        Value::Null,
    )
}

fn asset() -> Value {
    operation("page", "static", "What the pages are made of", "Files inside the program, with entity tags.")
        .parameter("path", "path", "Name of the file", json!({"type": "string", "example": "icon.svg"}))
        .answer(200, "The file", "*/*", json!({}), Value::Null)
        .problem(404, &["not_found"])
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
    .problem(404, &["unknown_model"])
    .curl(
        "curl -s localhost:8080/generate -H 'content-type: application/json' \\\n  \
         -d '{\"prompt\":\"two people dance salsa\",\"seconds\":4,\"seed\":7}'",
    );
    work(operation, "GenerateRequest", example)
}

fn edit() -> Value {
    let example = json!({"parent": MOTION_ID, "kind": "window", "from": 30, "to": 60, "persons": [1], "parts": ["arms"]});
    let operation = operation(
        "motion",
        "edit",
        "A result and what to do with it in, a new result out",
        "docs/editing.md tells which fields a kind takes. Headers as for `POST /generate`.",
    )
    .problem(404, &["unknown_model", "unknown_motion"])
    .curl(&format!("curl -s localhost:8080/edit -H 'content-type: application/json' \\\n  -d '{example}'"));
    work(operation, "EditRequest", example)
}

/// What has a model work: the headers, the answers, the refusals.
fn work(operation: Operation, schema: &str, example: Value) -> Value {
    let operation = operation
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
        .answer(202, "A job", "application/json", reference("Job"), examples::job("queued"))
        .header(202, "Location", "Address of the job")
        .header(202, "Preference-Applied", "respond-async")
        .problem(403, &["host_not_allowed", "origin_not_allowed"]);
    let mut value = [400, 408, 409, 413, 415, 422, 429, 500, 503]
        .iter()
        .fold(operation, |o, &status| o.problem(status, &[]))
        .guarded();
    value["requestBody"] = json!({"required": true, "content": {"application/json": {
        "schema": reference(schema), "example": example,
    }}});
    value
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
    .header(200, "ETag", "For If-None-Match; strong where the answer is not compressed")
    .file_instead()
    .parameter(
        "header",
        "Range",
        "Of a file: one range of bytes, such as `bytes=1000-`",
        json!({"type": "string"}),
    )
    .answer(206, "Of a file: the part asked for", "application/x-npz", json!({}), Value::Null)
    .also(206, &["model/gltf-binary"])
    .header(206, "Content-Range", "Which bytes of how many")
    .problem(400, &["invalid_format", "unknown_field", "duplicate_field"])
    .problem(404, &["unknown_motion", "not_found"])
    .problem(416, &[])
    .curl(&format!("curl -s localhost:8080/motions/{MOTION_ID}"))
    .guarded()
}

fn file() -> Value {
    operation(
        "motion",
        "file",
        "One of its files",
        "npy, npz, npz as AMASS has it, BVH, GLB, MP4, GIF or PNG, under the names that the answer gives.",
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
    .answer(200, "The file, as an attachment", "application/octet-stream", json!({}), Value::Null)
    .also(200, &["model/gltf-binary", "video/mp4", "image/gif", "image/png"])
    .header(200, "ETag", "For If-None-Match and If-Range; strong where the answer is not compressed")
    .parameter("header", "Range", "One range of bytes, such as `bytes=1000-`", json!({"type": "string"}))
    .answer(206, "The part asked for", "application/octet-stream", json!({}), Value::Null)
    .also(206, &["model/gltf-binary", "video/mp4", "image/gif", "image/png"])
    .header(206, "Content-Range", "Which bytes of how many")
    .problem(400, &["invalid_camera", "camera_out_of_range", "no_camera", "unknown_field"])
    .problem(416, &[])
    .problem(404, &["unknown_motion", "not_found"])
    .problem(422, &["mp4_not_built"])
    .problem(429, &["too_many_pictures"])
    .curl(&format!("curl -OJ localhost:8080/motions/{MOTION_ID}/00_motion.glb"))
    .guarded()
}

fn job(id: &str, summary: &str, description: &str) -> Operation {
    operation("jobs", id, summary, description)
        .id("id", JOB_ID)
        .answer(200, "The job", "application/json", reference("Job"), examples::job("running"))
        .problem(404, &["unknown_job", "not_found"])
        .curl(&format!("curl -s localhost:8080/jobs/{JOB_ID}"))
}

fn cancel() -> Value {
    job(
        "cancel",
        "Cancel a job",
        "The model stops after its current decoding step. A job that has ended stays as it is.",
    )
    .problem(403, &["host_not_allowed", "origin_not_allowed"])
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
    .problem(400, &["invalid_preview", "unknown_field", "duplicate_field"])
    .problem(404, &["unknown_job", "not_found"])
    .curl(&format!("curl -sN localhost:8080/jobs/{JOB_ID}/events"))
    .guarded()
}

fn models() -> Value {
    operation("service", "models", "The models that requests may name", "With terms, digests and state.")
        .answer(200, "The models", "application/json", reference("Models"), Value::Null)
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
    .answer(200, "The facts", "application/json", reference("Info"), Value::Null)
    .curl("curl -s localhost:8080/info")
    .guarded()
}

fn metrics() -> Value {
    operation("service", "metrics", "Figures for Prometheus", "OpenMetrics text, base units.")
        .answer(200, "The figures", "application/openmetrics-text", json!({"type": "string"}), Value::Null)
        .problem(500, &["metrics"])
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
    operation("service", "openapi", "This description", "OpenAPI 3.1.")
        .answer(200, "The document", "application/json", json!({"type": "object"}), Value::Null)
        .curl("curl -s localhost:8080/openapi.json")
        .open()
}
