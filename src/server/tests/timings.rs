//! How long a motion took travels with it, whatever its form.

use super::*;

/// What the header has to say for these `timings_ms`.
fn header(timings: &Value) -> String {
    let stages = ["queue", "text", "tokens", "decode", "total"];
    let mut names: Vec<_> = timings.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable_by_key(|name| stages.iter().position(|stage| stage == name));
    assert_eq!(names, stages, "every stage of the JSON is in the header");
    stages.map(|stage| format!("{stage};dur={:.1}", timings[stage].as_f64().unwrap())).join(", ")
}

async fn post(house: &House, path: &str, body: &Value, headers: &[(&'static str, &str)]) -> Answer {
    let mut asked = request(Method::POST, path).header("content-type", "application/json");
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    house.send(asked.body(body.to_string().into()).unwrap()).await
}

#[tokio::test]
async fn every_form_of_a_result_says_how_long_it_took() {
    let house = House::new();
    let made = house.prompt("walk").await;
    let (result, said) = (made.json(), header(&made.json()["timings_ms"]));
    assert_eq!(made.header("server-timing"), said);
    let address = format!("/motions/{}", result["id"].as_str().unwrap());
    let files = result["samples"][0]["files"].as_object().unwrap();
    let quick = files
        .values()
        .map(|file| file.as_str().unwrap())
        .filter(|file| !file.ends_with("mp4") && !file.ends_with("gif"));
    let forms = ["", "?format=json", "?format=npz", "?format=glb"].map(|form| format!("{address}{form}"));
    for path in quick.map(str::to_owned).chain(forms) {
        let answer = house.get(&path).await;
        assert_eq!((answer.status, answer.header("server-timing")), (StatusCode::OK, &*said), "{path}");
    }
    let npz = files["00_motion.npz"].as_str().unwrap();
    let part = request(Method::GET, npz).header("range", "bytes=0-9").body(Body::empty()).unwrap();
    let part = house.send(part).await;
    assert_eq!((part.status, part.header("server-timing")), (StatusCode::PARTIAL_CONTENT, &*said));
    let beyond = request(Method::GET, npz).header("range", "bytes=999999999-").body(Body::empty()).unwrap();
    assert_eq!(house.send(beyond).await.header("server-timing"), "", "a refusal is no motion");
}

#[tokio::test]
async fn answers_as_files_say_what_the_json_of_their_result_says() {
    let house = House::new();
    let parent = house.prompt("walk").await.json()["id"].clone();
    let walk = json!({"prompt": "walk"});
    let vary = json!({"kind": "vary", "parent": parent, "prompt": "they bow"});
    let none: &[(&'static str, &str)] = &[];
    let key: &[(&'static str, &str)] = &[("idempotency-key", "c0ffee-5")];
    for (path, body, headers) in [
        ("/generate?format=npz", &walk, none),
        ("/generate?format=glb", &walk, none),
        ("/generate?format=npz", &walk, key),
        ("/edit?format=npz", &vary, none),
        ("/edit?format=glb", &vary, none),
    ] {
        let file = post(&house, path, body, headers).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        let result = file.header("content-location").rsplit_once('/').unwrap().0.to_owned();
        let timings = house.get(&result).await.json()["timings_ms"].clone();
        assert_eq!(file.header("server-timing"), header(&timings), "{path}");
    }
    let edited = post(&house, "/edit", &vary, &[]).await;
    assert_eq!(edited.header("server-timing"), header(&edited.json()["timings_ms"]));
}

#[tokio::test]
async fn what_is_no_motion_has_no_timings() {
    let house = House::new();
    assert_eq!(house.prompt("fail").await.header("server-timing"), "");
    let walk = json!({"prompt": "walk"});
    let job = post(&house, "/generate", &walk, &[("prefer", "respond-async, wait=5")]).await;
    assert_eq!((job.status, job.header("server-timing")), (StatusCode::ACCEPTED, ""));
}

#[test]
fn the_description_has_the_header_wherever_a_motion_is_answered() {
    let document = openapi::document();
    for (path, method, status) in [
        ("/generate", "post", "200"),
        ("/edit", "post", "200"),
        ("/motions/{id}", "get", "200"),
        ("/motions/{id}", "get", "206"),
        ("/motions/{id}/{file}", "get", "200"),
        ("/motions/{id}/{file}", "get", "206"),
    ] {
        let headers = &document["paths"][path][method]["responses"][status]["headers"];
        let example = headers["Server-Timing"]["example"].as_str();
        assert!(example.is_some_and(|it| it.starts_with("queue;dur=")), "{method} {path} {status}");
    }
}
