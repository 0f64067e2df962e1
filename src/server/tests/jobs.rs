//! Jobs: asked for, watched, cancelled, found again.

use super::*;

async fn submit(house: &House, prompt: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = generate_request(json!({ "prompt": prompt }).to_string());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    house.send(request).await
}

pub(super) async fn delete(house: &House, path: &str) -> Answer {
    house.send(request(Method::DELETE, path).body(Body::empty()).unwrap()).await
}

const ASYNC: (&str, &str) = ("prefer", "respond-async");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_accepted_watched_and_fetched() {
    let house = House::new();
    let first = submit(&house, "wait", &[ASYNC]).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    assert_eq!(first.header("preference-applied"), "respond-async");
    let address = first.header("location").to_owned();
    assert_eq!(first.json()["links"]["self"], address.as_str());
    assert_eq!(first.json()["settings"]["steps"], 20);
    eventually("the job to run", || house.control.started.load(SeqCst) == 1);
    let second = submit(&house, "walk", &[ASYNC]).await.json();
    assert_eq!((&second["state"], &second["position"]), (&"queued".into(), &0.into()));
    let running = house.get(&address).await.json();
    assert_eq!(
        (&running["state"], &running["progress"]),
        (&"running".into(), &json!({"step": 0, "steps": 20}))
    );

    house.control.open.store(true, SeqCst);
    // The stream ends by itself, with the end.
    let events = house.get(&format!("{address}/events")).await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    let text = String::from_utf8(events.body.to_vec()).unwrap();
    let (name, data) = text.trim_end().rsplit_once("event: ").unwrap().1.split_once("\ndata: ").unwrap();
    assert_eq!(name, "end");
    let ended: Value = serde_json::from_str(data).unwrap();
    assert_eq!(ended["state"], "succeeded");
    let motion = house.get(ended["links"]["motion"].as_str().unwrap()).await;
    assert_eq!((motion.status, &motion.json()["prompt"]), (StatusCode::OK, &"wait".into()));
}

/// What stands in the next event of this name.
async fn next_event(body: &mut Body, name: &str) -> Value {
    let mut text = String::new();
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await;
        let frame = frame.expect("an event in time").expect("an event before the end").unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        // Events come whole, each in a frame of its own.
        if let Some((_, data)) = text.rsplit_once(&format!("event: {name}\ndata: ")) {
            return serde_json::from_str(data.trim_end()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_motion_is_shown_as_it_emerges_to_those_who_look() {
    let house = House::new();
    let address = submit(&house, "step by step", &[ASYNC]).await.header("location").to_owned();
    house.control.steps.store(4, SeqCst);
    eventually("the job to run", || house.control.started.load(SeqCst) == 1);
    let watched = request(Method::GET, &format!("{address}/events?preview=5")).body(Body::empty()).unwrap();
    let mut events = house.app.clone().oneshot(watched).await.unwrap().into_body();
    next_event(&mut events, "progress").await;
    house.control.steps.store(9, SeqCst);
    let preview = next_event(&mut events, "preview").await;
    assert_eq!((&preview["step"], &preview["steps"], &preview["fps"]), (&5.into(), &20.into(), &7.5.into()));
    assert_eq!(preview["persons"][0]["positions"].as_array().unwrap().len(), 22);
    assert_eq!(preview["persons"][1]["positions"][0].as_array().unwrap().len(), 22);
    operations::fits(
        &preview,
        &json!({"$ref": "#/components/schemas/Preview"}),
        &openapi::document(),
        "preview",
    );
    assert_eq!(house.control.shown.load(SeqCst), 1);
    // Who leaves is shown nothing more.
    drop(events);
    house.control.steps.store(20, SeqCst);
    let text = house.get(&format!("{address}/events")).await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    assert!(text.contains("event: end") && !text.contains("event: preview"));
    assert_eq!(house.control.shown.load(SeqCst), 1, "nobody looked, nothing was drawn");
    for bad in ["?preview=0", "?preview=65", "?preview=-1", "?preview=", "?preview=soon"] {
        house.get(&format!("{address}/events{bad}")).await.is_problem(400, "invalid_preview");
    }
    house.get(&format!("{address}/events?previews=4")).await.is_problem(400, "unknown_field");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_stops_the_work_and_frees_the_place() {
    let house = House::new();
    let address = submit(&house, "wait", &[ASYNC]).await.header("location").to_owned();
    eventually("the job to run", || house.control.started.load(SeqCst) == 1);
    let cancelled = delete(&house, &address).await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (StatusCode::OK, &"cancelled".into()));
    eventually("the work to stop", || house.control.cancelled.load(SeqCst) == 1);
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    assert_eq!(delete(&house, &address).await.json()["state"], "cancelled");
    for wrong in ["/jobs/1", "/jobs/00000000000000000000000000000000", "/jobs/..%2f..%2fetc"] {
        house.get(wrong).await.is_problem(404, "unknown_job");
        house.get(&format!("{wrong}/events")).await.is_problem(404, "unknown_job");
        delete(&house, wrong).await.is_problem(404, "unknown_job");
    }
    house.get("/jobs/%ff").await.is_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_idempotency_key_is_the_same_work() {
    let house = House::new();
    let key = ("idempotency-key", "c0ffee-1");
    let first = submit(&house, "walk", &[key]).await;
    let again = submit(&house, "walk", &[key]).await;
    assert_eq!((first.status, &first.body), (StatusCode::OK, &again.body));
    assert_eq!(house.control.started.load(SeqCst), 1);
    let job = submit(&house, "walk", &[key, ASYNC]).await;
    assert_eq!((job.status, &job.json()["state"]), (StatusCode::ACCEPTED, &"succeeded".into()));
    submit(&house, "run", &[key]).await.is_problem(422, "idempotency_key_reused");
    submit(&house, "walk", &[("idempotency-key", "a b")]).await.is_problem(400, "invalid_idempotency_key");
    submit(&house, "walk", &[("request-timeout", "soon")]).await.is_problem(400, "invalid_request_timeout");
    assert_ne!(house.prompt("walk").await.json()["id"], first.json()["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_again_waits_no_longer_than_they_say() {
    let house = House::new();
    let key = ("idempotency-key", "c0ffee-6");
    assert_eq!(submit(&house, "wait", &[key, ASYNC]).await.status, StatusCode::ACCEPTED);
    submit(&house, "wait", &[key, ("request-timeout", "1")]).await.is_problem(503, "took_too_long");
    submit(&house, "wait", &[key, ("request-timeout", "soon")])
        .await
        .is_problem(400, "invalid_request_timeout");
    house.control.open.store(true, SeqCst);
    assert_eq!(submit(&house, "wait", &[key]).await.status, StatusCode::OK, "the job went on");
    assert_eq!(house.control.started.load(SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_a_while_and_failing() {
    let house = House::new();
    let done = submit(&house, "walk", &[("prefer", "respond-async, wait=5")]).await;
    assert_eq!((done.status, &done.json()["state"]), (StatusCode::ACCEPTED, &"succeeded".into()));
    let failed = submit(&house, "panic", &[("prefer", "respond-async, wait=5")]).await.json();
    assert_eq!((&failed["state"], &failed["problem"]["code"]), (&"failed".into(), &"model_failure".into()));
    assert!(!failed.to_string().contains("secret"));
    let key = ("idempotency-key", "c0ffee-2");
    submit(&house, "panic", &[key]).await.is_problem(500, "model_failure");
    submit(&house, "wait", &[("request-timeout", "1")]).await.is_problem(503, "took_too_long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_abandoned_requests_leave_no_trace() {
    let house = Arc::new(House::new());
    for _ in 0..5 {
        let mut leavers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let house = house.clone();
            leavers.spawn(async move {
                let short = Duration::from_millis(20);
                tokio::time::timeout(short, house.prompt("wait"))
                    .await
                    .map_or(0, |answer| answer.status.as_u16())
            });
        }
        while let Some(status) = leavers.join_next().await {
            assert!(matches!(status.unwrap(), 0 | 429), "gone or refused");
        }
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), house.prompt("walk")).await;
    assert_eq!(answer.expect("no place is lost").status, StatusCode::OK);
    assert_eq!(house.engine.health().next().unwrap().1.waiting, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_leads_out_of_dead_ends() {
    let house = House::new();
    let key = ("idempotency-key", "c0ffee-4");
    house.control.broken.store(true, SeqCst);
    let refused = submit(&house, "walk", &[key]).await;
    refused.is_problem(503, "model_not_ready");
    assert_eq!(refused.header("retry-after"), "2");
    house.control.broken.store(false, SeqCst);
    let made = submit(&house, "walk", &[key]).await;
    assert_eq!(made.status, StatusCode::OK, "it was worth another try");
    assert_eq!(submit(&house, "walk", &[key]).await.body, made.body);
    let job = submit(&house, "walk", &[key, ASYNC]).await.header("location").to_owned();

    let motion = format!("/motions/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(delete(&house, &motion).await.status, StatusCode::NO_CONTENT);
    let again = submit(&house, "walk", &[key]).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_ne!(again.json()["id"], made.json()["id"]);
    assert_eq!(submit(&house, "walk", &[key]).await.body, again.body);
    assert_eq!(house.get(&job).await.json()["state"], "succeeded", "the job of what was removed stays");
    house.get(&motion).await.is_problem(404, "unknown_motion");
}
