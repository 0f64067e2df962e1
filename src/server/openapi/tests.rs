use super::*;
use crate::engine::FIELDS;
use std::collections::BTreeSet;

fn committed() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    if std::env::var_os("DUET_WRITE_OPENAPI").is_some() {
        std::fs::write(path, text()).unwrap();
    }
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_committed_file_is_what_the_server_says() {
    assert!(
        committed() == text(),
        "docs/openapi.json is old: run this test with DUET_WRITE_OPENAPI=1 and commit it"
    );
}

#[test]
fn every_address_is_described_and_none_else() {
    let document = document();
    let mut described: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let routes = crate::server::guarded().into_iter().chain(crate::server::open());
    let mut served: Vec<_> = routes.map(|(path, _)| path.replace("{*", "{")).collect();
    described.sort();
    served.sort();
    assert_eq!(described, served);
}

#[test]
fn every_field_of_a_request_is_described_and_none_else() {
    let document = document();
    let edit_fields = crate::engine::edit_fields().collect();
    for (name, mut fields) in [("GenerateRequest", FIELDS.to_vec()), ("EditRequest", edit_fields)] {
        let schema = &document["components"]["schemas"][name];
        let mut described: Vec<_> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        described.sort_unstable();
        fields.sort_unstable();
        assert_eq!(described, fields, "{name}");
    }
}

#[test]
fn references_lead_somewhere_and_operations_have_names_of_their_own() {
    let document = document();
    let text = text();
    for reference in text.split("\"$ref\": \"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let methods =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<_> = methods.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert!(names.len() > 15);
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_problem_is_some_operations_and_operations_have_no_others() {
    let document = document();
    let mut told = BTreeSet::new();
    let mut read = |response: &Value| {
        let problem = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
        let codes = problem["properties"]["code"]["enum"].as_array().into_iter().flatten();
        told.extend(codes.map(|code| code.as_str().unwrap().to_owned()));
    };
    for operation in
        document["paths"].as_object().unwrap().values().flat_map(|it| it.as_object().unwrap().values())
    {
        let responses = operation["responses"].as_object().unwrap();
        assert_eq!(responses.get("default"), None, "a code that is not in the table");
        responses.values().for_each(&mut read);
    }
    document["components"]["responses"].as_object().unwrap().values().for_each(&mut read);
    let all: Vec<_> = problems::codes().collect();
    assert_eq!(told, all.iter().cloned().collect::<BTreeSet<_>>());
    assert_eq!(told.len(), all.len(), "a code has one status");
}

#[test]
fn the_manual_names_every_problem() {
    let read = |path: &str| {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    };
    let manual = read("docs/api.md") + &read("docs/editing.md");
    for code in problems::codes() {
        assert!(
            manual.contains(&format!("`{code}`")),
            "{code} is in neither docs/api.md nor docs/editing.md"
        );
    }
}
