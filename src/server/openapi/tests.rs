use super::*;
use crate::engine::FIELDS;

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
    let mut names: Vec<_> =
        text.split("\"operationId\": \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
