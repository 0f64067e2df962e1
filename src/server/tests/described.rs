//! What the description shows of answers.

use super::operations::fits;
use super::*;

fn is_text(media: &str) -> bool {
    media.starts_with("text/") || media.contains("json") || media == "application/openmetrics-text"
}

/// Each operation of the document, and where it is.
fn operations_of(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[test]
fn every_answer_in_words_has_an_example() {
    let document = openapi::document();
    let mut seen = 0;
    for (place, operation) in operations_of(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (media, content) in response["content"].as_object().into_iter().flatten() {
                if !is_text(media) {
                    continue;
                }
                seen += 1;
                let example = content.get("example").unwrap_or_else(|| panic!("{place} {status} {media}"));
                fits(example, &content["schema"], &document, &place);
            }
        }
        let curl = operation["x-codeSamples"][0]["source"].as_str().unwrap_or_default();
        assert!(curl.starts_with("curl "), "{place}");
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn examples_of_streams_are_what_they_say() {
    let document = openapi::document();
    let fits = |text: &str, name: &str| {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        fits(&serde_json::from_str(text).unwrap(), &reference, &document, name);
    };
    let example = |path: &str, method: &str, media: &str| {
        let content = &document["paths"][path][method]["responses"]["200"]["content"];
        content[media]["example"].as_str().unwrap().to_owned()
    };
    let lines = example("/generate/batch", "post", "application/x-ndjson");
    assert_eq!(lines.lines().inspect(|line| fits(line, "BatchResult")).count(), 2);
    let events = example("/jobs/{id}/events", "get", "text/event-stream");
    let names: Vec<_> = events
        .trim_end()
        .split("\n\n")
        .map(|event| {
            let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
            fits(data, if name == "preview" { "Preview" } else { "Job" });
            name
        })
        .collect();
    assert_eq!(names, ["progress", "preview", "end"]);
}

#[tokio::test]
async fn the_example_of_the_figures_is_of_their_kind() {
    let house = House::new();
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    let document = openapi::document();
    let content = &document["paths"]["/metrics"]["get"]["responses"]["200"]["content"];
    let example = content["application/openmetrics-text"]["example"].as_str().unwrap();
    let figures = house.get("/metrics").await;
    let figures = std::str::from_utf8(&figures.body).unwrap();
    let series = |line: &str| line.split(['=', ' ']).next().unwrap().to_owned();
    for line in example.lines() {
        let is_there = if line.starts_with('#') {
            figures.lines().any(|other| other == line)
        } else {
            figures.lines().any(|other| series(other) == series(line))
        };
        assert!(is_there, "{line} is none of\n{figures}");
    }
    assert!(example.ends_with("# EOF\n") && figures.ends_with("# EOF\n"));
}
