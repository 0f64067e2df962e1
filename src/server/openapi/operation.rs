//! An operation under construction: what it takes, gives and refuses.

use super::problems::{ANYWHERE, Problems};
use serde_json::{Value, json};

/// An operation under construction.
pub struct Operation {
    value: Value,
    problems: Problems,
}

pub fn operation(tag: &str, id: &str, summary: &str, description: &str) -> Operation {
    let value = json!({
        "tags": [tag], "operationId": id, "summary": summary, "description": description, "responses": {},
    });
    Operation { value, problems: Problems::default() }.problems(ANYWHERE)
}

impl Operation {
    pub fn answer(mut self, status: u16, words: &str, media: &str, schema: Value, example: Value) -> Self {
        self.value["responses"][status.to_string()] = json!({ "description": words });
        self.or(status, media, schema, example)
    }

    /// The same answer in another form.
    pub fn or(mut self, status: u16, media: &str, schema: Value, example: Value) -> Self {
        let mut content = json!({ "schema": schema });
        if !example.is_null() {
            content["example"] = example;
        }
        self.value["responses"][status.to_string()]["content"][media] = content;
        self
    }

    /// The answer is a file, or the part of one, of these kinds.
    pub fn bytes(mut self, status: u16, words: &str, media: &[&str]) -> Self {
        self.value["responses"][status.to_string()] = json!({ "description": words });
        self.or_bytes(status, media)
    }

    /// The same answer as a file.
    pub fn or_bytes(self, status: u16, media: &[&str]) -> Self {
        let schema = json!({"description": "Bytes, for which there is no example here"});
        media.iter().fold(self, |it, media| it.or(status, media, schema.clone(), Value::Null))
    }

    /// An answer without a body.
    pub fn nothing(mut self, status: u16, words: &str) -> Self {
        self.value["responses"][status.to_string()] = json!({ "description": words });
        self
    }

    /// An answer that has a tag need not be sent again.
    pub fn tagged(self, words: &str) -> Self {
        self.header(200, "ETag", words).nothing(304, "The caller has it: If-None-Match names its tag")
    }

    /// An answer that may be a file in place of JSON.
    pub fn file_instead(self) -> Self {
        self.parameter(
            "query",
            "format",
            "The form of the answer where there is one sample; without it the header Accept says, with the media types below",
            json!({"enum": ["json", "npz", "glb"]}),
        )
        .or_bytes(200, &["application/x-npz", "model/gltf-binary"])
        .header(200, "Content-Location", "Of a file: its address")
        .header(200, "Vary", "accept")
    }

    /// An answer that says how long its motion took to make.
    pub fn timed(mut self, status: u16) -> Self {
        self.value["responses"][status.to_string()]["headers"]["Server-Timing"] = json!({
            "description": "How long the making took, in milliseconds: the stages of `timings_ms`, whatever the form of the answer",
            "schema": {"type": "string"},
            "example": "queue;dur=0.0, text;dur=2.1, tokens;dur=400.0, decode;dur=60.0, total;dur=463.0",
        });
        self
    }

    pub fn header(mut self, status: u16, name: &str, words: &str) -> Self {
        self.value["responses"][status.to_string()]["headers"][name] =
            json!({"description": words, "schema": {"type": "string"}});
        self
    }

    /// It may be refused, or fail, with these codes, too.
    pub fn problems<C: AsRef<str>>(mut self, codes: impl IntoIterator<Item = C>) -> Self {
        codes.into_iter().for_each(|code| self.problems.add(code.as_ref()));
        self
    }

    pub fn parameter(mut self, place: &str, name: &str, words: &str, schema: Value) -> Self {
        let parameter = json!({"in": place, "name": name, "required": place == "path", "description": words, "schema": schema});
        match self.value["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(parameter),
            None => self.value["parameters"] = json!([parameter]),
        }
        self
    }

    pub fn id(self, name: &str, example: &str) -> Self {
        self.parameter("path", name, "As the answer named it", json!({"type": "string", "example": example}))
    }

    /// What is to be sent.
    pub fn body(mut self, schema: &str, example: &Value) -> Self {
        self.value["requestBody"] = json!({"required": true, "content": {"application/json": {
            "schema": reference(schema), "example": example,
        }}});
        self
    }

    pub fn curl(mut self, line: &str) -> Self {
        self.value["x-codeSamples"] = json!([{"lang": "shell", "label": "curl", "source": line}]);
        self
    }

    /// Works without a key.
    pub fn open(mut self) -> Value {
        self.value["security"] = json!([{}]);
        self.finished()
    }

    /// Needs a key where there are keys.
    pub fn guarded(self) -> Value {
        self.problems(["unauthorized"]).finished()
    }

    fn finished(mut self) -> Value {
        for (status, response) in self.problems.responses() {
            self.value["responses"][status] = response;
        }
        self.value
    }
}

pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
