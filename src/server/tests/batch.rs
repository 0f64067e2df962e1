//! Several requests in one.

use super::*;
use crate::server::keys;
use std::num::NonZeroU32;

const LINES: (&str, &str) = ("accept", "application/x-ndjson");

fn asked(body: &str, headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut asked = request(Method::POST, "/generate/batch").header("content-type", "application/json");
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    asked.body(body.to_owned().into()).unwrap()
}

pub async fn ask(house: &House, body: &str, headers: &[(&'static str, &str)]) -> Answer {
    house.send(asked(body, headers)).await
}

fn parsed(answer: &Answer) -> Vec<Value> {
    let text = std::str::from_utf8(&answer.body).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn each_member_has_a_motion_or_a_problem_of_its_own() {
    let house = House::new();
    let body = r#"{"requests":[{"prompt":"walk","seed":7},{"prompt":""},{"prompt":"panic"},
        {"prompt":"walk","model":"none"},{"prompt":"nan"},{"prompt":"bow","seed":3,"samples":2}]}"#;
    let answer = ask(&house, body, &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let results = answer.json()["results"].as_array().unwrap().clone();
    let indices: Vec<_> = results.iter().map(|result| result["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5]);
    for (index, status, code) in [
        (1, 400, "invalid_prompt"),
        (2, 500, "model_failure"),
        (3, 404, "unknown_model"),
        (4, 500, "model_failure"),
    ] {
        let problem = &results[index]["problem"];
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()), "{index}");
        let is_told = openapi::is_known("POST", "/generate", status, code);
        assert!(is_told && results[index].get("motion").is_none(), "{code}");
    }
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
    // The same as alone, in the answer and in the files.
    for (index, alone) in
        [(0, r#"{"prompt":"walk","seed":7}"#), (5, r#"{"prompt":"bow","seed":3,"samples":2}"#)]
    {
        let alone = house.generate(alone).await.json();
        let motion = &results[index]["motion"];
        assert_eq!(motion["settings"], alone["settings"]);
        for (one, other) in
            motion["samples"].as_array().unwrap().iter().zip(alone["samples"].as_array().unwrap())
        {
            assert_eq!(one["persons"], other["persons"]);
            for (name, address) in one["files"].as_object().unwrap() {
                let file = house.get(address.as_str().unwrap()).await;
                let other = house.get(other["files"][name].as_str().unwrap()).await;
                assert!(file.status == StatusCode::OK && file.body == other.body, "{name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_come_as_they_are_done() {
    let house = House::new();
    let body = r#"{"requests":[{"prompt":"wait"},{},{"prompt":"walk"}]}"#;
    let response =
        house.app.clone().oneshot(asked(body, &[LINES, ("accept-encoding", "gzip, zstd")])).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    assert!(response.headers().get("content-encoding").is_none(), "nothing holds a line back");
    let mut body = response.into_body();
    let first = tokio::time::timeout(Duration::from_secs(5), body.frame()).await.unwrap().unwrap().unwrap();
    let first: Value = serde_json::from_slice(&first.into_data().unwrap()).unwrap();
    assert_eq!((&first["index"], &first["problem"]["code"]), (&1.into(), &"invalid_prompt".into()));
    house.control.open.store(true, SeqCst);
    let rest = Answer {
        asked: (Method::POST, "/generate/batch".to_owned()),
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.collect().await.unwrap().to_bytes(),
    };
    let rest = parsed(&rest);
    let mut indices: Vec<_> = rest.iter().map(|line| line["index"].as_u64().unwrap()).collect();
    indices.sort_unstable();
    assert_eq!(indices, [0, 2]);
    assert!(rest.iter().all(|line| line["motion"]["samples"].is_array()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_waits_for_room_and_a_full_server_refuses_it_whole() {
    let house = Arc::new(House::new());
    let member = json!({"prompt": "walk"});
    // More members than the queue has places.
    let many = json!({ "requests": vec![member; 12] }).to_string();
    let answer = ask(&house, &many, &[LINES]).await;
    assert!(parsed(&answer).iter().all(|line| line["motion"].is_object()));
    assert_eq!(parsed(&answer).len(), 12);

    let prompt = |prompt: &'static str| {
        let house = house.clone();
        tokio::spawn(async move { house.prompt(prompt).await })
    };
    let started = house.control.started.load(SeqCst);
    let running = prompt("wait");
    eventually("the first request to run", || house.control.started.load(SeqCst) == started + 1);
    let waiting = [prompt("walk"), prompt("walk")];
    eventually("the queue to be full", || house.engine.health().next().unwrap().1.waiting == 2);
    let refused = ask(&house, &many, &[LINES]).await;
    refused.is_problem(429, "queue_full");
    assert_eq!(refused.header("retry-after"), "2");
    house.control.open.store(true, SeqCst);
    assert_eq!(running.await.unwrap().status, StatusCode::OK);
    for request in waiting {
        assert_eq!(request.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(ask(&house, &many, &[]).await.json()["results"].as_array().unwrap().len(), 12);
    house.engine.stop();
    ask(&house, &many, &[]).await.is_problem(503, "shutting_down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_a_batch_cancels_the_rest() {
    let house = House::new();
    let body = r#"{"requests":[{"prompt":"wait"},{"prompt":"wait"},{"prompt":"walk"}]}"#;
    let mut lines = house.app.clone().oneshot(asked(body, &[LINES])).await.unwrap().into_body();
    let short = Duration::from_millis(100);
    assert!(tokio::time::timeout(short, lines.frame()).await.is_err());
    eventually("the first to run", || house.control.started.load(SeqCst) == 1);
    drop(lines);
    eventually("the work to be cancelled", || house.control.cancelled.load(SeqCst) == 1);
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    assert_eq!(house.control.started.load(SeqCst), 2, "the others never started");
}

#[tokio::test]
async fn batches_that_are_none() {
    let house = House::new();
    for (body, code) in [
        ("", "invalid_json"),
        ("{}", "invalid_requests"),
        (r#"[{"prompt":"a"}]"#, "invalid_requests"),
        (r#"{"requests":[]}"#, "invalid_requests"),
        (r#"{"requests":[{"prompt":"a"}],"webhook":"http://x"}"#, "invalid_requests"),
    ] {
        ask(&house, body, &[]).await.is_problem(400, code);
    }
    let many = json!({ "requests": vec![json!({"prompt": "a"}); 33] }).to_string();
    ask(&house, &many, &[]).await.is_problem(400, "invalid_requests");
    let heavy = json!({ "requests": vec![json!({"prompt": "a", "samples": 8}); 9] }).to_string();
    ask(&house, &heavy, &[]).await.is_problem(400, "invalid_requests");
    let huge = json!({ "requests": [{"prompt": "x".repeat(600 << 10)}] }).to_string();
    ask(&house, &huge, &[]).await.is_problem(413, "payload_too_large");
    let fine = r#"{"requests":[{"prompt":"a"}]}"#;
    ask(&house, fine, &[("idempotency-key", "a")]).await.is_problem(400, "invalid_idempotency_key");
    ask(&house, fine, &[("request-timeout", "0")]).await.is_problem(400, "invalid_request_timeout");
    house.get("/generate/batch").await.is_problem(405, "method_not_allowed");
    assert_eq!(house.control.started.load(SeqCst), 0);
}

#[tokio::test]
async fn each_member_counts_and_the_batch_has_one_place() {
    let (key, digest) = keys::draw().unwrap();
    let keys = vec![Key::new("farm", &digest, NonZeroU32::new(2), NonZeroU32::new(1)).unwrap()];
    let house = House::under(Policy { keys, ..policy() }, LIMITS);
    let bearer = format!("Bearer {key}");
    let body = r#"{"requests":[{"prompt":"a"},{"prompt":"b"},{"prompt":"c"}]}"#;
    ask(&house, body, &[]).await.is_problem(401, "unauthorized");
    let results = ask(&house, body, &[("authorization", &bearer)]).await.json();
    let codes: Vec<_> = (0..3).map(|index| results["results"][index]["problem"]["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, Value::Null, "rate_limited".into()]);
    ask(&house, body, &[("authorization", &bearer)]).await.is_problem(429, "rate_limited");
}
