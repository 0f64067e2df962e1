//! What counts against a key, and when: generations that begin, and nothing else.

use super::*;
use crate::server::keys;
use std::num::NonZeroU32;

/// A service with one key.
struct Limited {
    house: House,
    bearer: String,
}

impl Limited {
    fn new(per_minute: Option<u32>, concurrent: Option<u32>) -> Self {
        let (key, digest) = keys::draw().unwrap();
        let [per_minute, concurrent] = [per_minute, concurrent].map(|limit| limit.and_then(NonZeroU32::new));
        let keys = vec![Key::new("farm", &digest, per_minute, concurrent).unwrap()];
        Self { house: House::under(Policy { keys, ..policy() }, LIMITS), bearer: format!("Bearer {key}") }
    }

    async fn post(&self, path: &str, body: Value, headers: &[(&'static str, &str)]) -> Answer {
        let mut asked = request(Method::POST, path)
            .header("content-type", "application/json")
            .header("authorization", &self.bearer);
        for (name, value) in headers {
            asked = asked.header(*name, *value);
        }
        self.house.send(asked.body(body.to_string().into()).unwrap()).await
    }

    async fn prompt(&self, prompt: &str) -> Answer {
        self.post("/generate", json!({ "prompt": prompt }), &[]).await
    }

    async fn job(&self, prompt: &str) -> Answer {
        self.post("/generate", json!({ "prompt": prompt }), &[ASYNC]).await
    }
}

const ASYNC: (&str, &str) = ("prefer", "respond-async");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_room_has_started_nothing() {
    let limited = Limited::new(Some(4), None);
    let control = &limited.house.control;
    let refused = limited.post("/generate/batch", json!({"requests": [{}, {"prompt": ""}]}), &[]).await;
    assert_eq!(refused.status, StatusCode::OK, "no member of it has begun");
    assert_eq!(limited.job("wait").await.status, StatusCode::ACCEPTED);
    eventually("the first to run", || control.started.load(SeqCst) == 1);
    for _ in 0..2 {
        assert_eq!(limited.job("walk").await.status, StatusCode::ACCEPTED);
    }
    let batch = json!({"requests": [{"prompt": "walk"}]});
    for _ in 0..5 {
        limited.prompt("walk").await.is_problem(429, "queue_full");
        limited.job("walk").await.is_problem(429, "queue_full");
        limited.post("/generate/batch", batch.clone(), &[]).await.is_problem(429, "queue_full");
    }
    control.open.store(true, SeqCst);
    eventually("the queue to be empty", || limited.house.engine.health().next().unwrap().1.waiting == 0);
    assert_eq!(limited.prompt("walk").await.status, StatusCode::OK, "the fourth of four");
    for _ in 0..2 {
        limited.prompt("walk").await.is_problem(429, "rate_limited");
        limited.job("walk").await.is_problem(429, "rate_limited");
        limited.post("/generate/batch", batch.clone(), &[]).await.is_problem(429, "rate_limited");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_is_read_for_who_may_not_ask() {
    let damaged = json!({"files": ["aGk="], "kind": "react", "prompt": "they bow"});
    let spent = Limited::new(Some(1), None);
    assert_eq!(spent.prompt("walk").await.status, StatusCode::OK);
    spent.prompt("walk").await.is_problem(429, "rate_limited");
    spent.post("/edit", damaged.clone(), &[]).await.is_problem(429, "rate_limited");

    let busy = Limited::new(None, Some(1));
    let made = busy.prompt("walk").await.json();
    let edit = json!({"parent": made["id"], "kind": "vary", "prompt": "wait"});
    let key = ("idempotency-key", "c0ffee-3");
    let job = busy.post("/edit", edit.clone(), &[key, ASYNC]).await;
    assert_eq!(job.status, StatusCode::ACCEPTED);
    busy.post("/edit", damaged, &[]).await.is_problem(429, "too_many_at_once");
    // The same order again takes no place of its own.
    let again = busy.post("/edit", edit.clone(), &[key, ASYNC]).await;
    assert_eq!((again.status, again.header("location")), (StatusCode::ACCEPTED, job.header("location")));
    let other = json!({"parent": made["id"], "kind": "vary", "prompt": "walk"});
    busy.post("/edit", other, &[key]).await.is_problem(422, "idempotency_key_reused");
    busy.house.control.open.store(true, SeqCst);
    assert_eq!(busy.post("/edit", edit, &[key]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_is_read_for_who_finds_no_room() {
    let limited = Limited::new(None, None);
    let control = &limited.house.control;
    let damaged = json!({"files": ["aGk="], "kind": "react", "prompt": "they bow"});
    limited.post("/edit", damaged.clone(), &[]).await.is_problem(400, "not_a_motion");
    assert_eq!(limited.job("wait").await.status, StatusCode::ACCEPTED);
    eventually("the first to run", || control.started.load(SeqCst) == 1);
    for _ in 0..2 {
        assert_eq!(limited.job("walk").await.status, StatusCode::ACCEPTED);
    }
    let mut to_another = damaged.clone();
    to_another["model"] = "other".into();
    for _ in 0..3 {
        limited.post("/edit", damaged.clone(), &[]).await.is_problem(429, "queue_full");
        limited.post("/edit", damaged.clone(), &[ASYNC]).await.is_problem(429, "queue_full");
        limited.post("/edit", to_another.clone(), &[]).await.is_problem(400, "not_a_motion");
    }
    control.open.store(true, SeqCst);
    eventually("the queue to be empty", || limited.house.engine.health().next().unwrap().1.waiting == 0);
    limited.post("/edit", damaged, &[]).await.is_problem(400, "not_a_motion");
}
