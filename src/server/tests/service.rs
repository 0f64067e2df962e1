//! The service around them: addresses, hosts, failures, load, the page, headers.

use super::*;

#[tokio::test]
async fn addresses_and_methods_that_are_not_there() {
    let house = House::new();
    for path in ["/nothing", "/motions/", "/generate/", "/static/", "//", "/%00", "/%ff"] {
        house.get(path).await.is_problem(404, "not_found");
    }
    let wrong = house.get("/generate").await;
    wrong.is_problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "POST");
    for (method, path) in [(Method::DELETE, "/"), (Method::POST, "/healthz"), (Method::OPTIONS, "/generate")]
    {
        let answer = house.send(request(method, path).body(Body::empty()).unwrap()).await;
        answer.is_problem(405, "method_not_allowed");
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn only_hosts_of_this_machine_are_answered() {
    let house = House::new();
    let with =
        |host: &str| Request::builder().uri("/healthz").header("host", host).body(Body::empty()).unwrap();
    for host in ["localhost", "LOCALHOST:9000", "127.0.0.1:8080", "127.0.0.2", "[::1]:8080", "duet.example"] {
        assert_eq!(house.send(with(host)).await.status, StatusCode::OK, "{host}");
    }
    for host in
        ["evil.example", "localhost.evil.example", "192.168.0.1", "user@localhost", "127.0.0.1.nip.io", ""]
    {
        house.send(with(host)).await.is_problem(403, "host_not_allowed");
    }
    let none = Request::builder().uri("/healthz").body(Body::empty()).unwrap();
    house.send(none).await.is_problem(403, "host_not_allowed");
    let open = House::with(Hosts::Any, LIMITS, TimeLimits::default());
    assert_eq!(open.send(with("evil.example")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn failures_of_the_model_tell_nothing_of_the_inside() {
    let house = House::new();
    for prompt in ["panic", "fail", "nan", "infinite", "short"] {
        house.prompt(prompt).await.is_problem(500, "model_failure");
    }
    house.prompt("file").await.is_problem(500, "internal");
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_unavailable() {
    let house = House::new();
    house.control.broken.store(true, SeqCst);
    let answer = house.prompt("walk").await;
    answer.is_problem(503, "model_not_ready");
    assert_eq!(answer.header("retry-after"), "2");
    let health = house.get("/healthz").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"unavailable".into())
    );
    house.control.broken.store(false, SeqCst);
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    let health = house.get("/healthz").await;
    assert_eq!(health.status, StatusCode::OK);
    assert_eq!(
        health.json()["models"],
        json!([{"name": "mini", "state": "ready", "waiting": 0}, {"name": "other", "state": "idle", "waiting": 0}])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_is_refused_and_survived() {
    let house = Arc::new(House::new());
    let prompt = |prompt: &'static str| {
        let house = house.clone();
        async move { house.prompt(prompt).await }
    };
    let running = tokio::spawn(prompt("wait"));
    eventually("the first request to run", || house.control.started.load(SeqCst) == 1);
    let mut storm = tokio::task::JoinSet::new();
    (0..10_000).for_each(|_| drop(storm.spawn(prompt("walk"))));
    // Two wait for the model; everybody else is told at once.
    for _ in 0..9_998 {
        let refused = tokio::time::timeout(Duration::from_secs(5), storm.join_next()).await;
        let refused = refused.expect("an answer at once").unwrap().unwrap();
        refused.is_problem(429, "queue_full");
        assert_eq!(refused.header("retry-after"), "2");
    }
    assert_eq!(house.get("/healthz").await.status, StatusCode::OK, "a full queue is health");
    house.control.open.store(true, SeqCst);
    assert_eq!(running.await.unwrap().status, StatusCode::OK);
    while let Some(answer) = storm.join_next().await {
        assert_eq!(answer.unwrap().status, StatusCode::OK);
    }
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_is_told_and_the_work_stopped() {
    let times = TimeLimits { answer: Duration::from_millis(100), ..TimeLimits::default() };
    let house = House::with(Hosts::Any, LIMITS, times);
    house.prompt("wait").await.is_problem(503, "took_too_long");
    eventually("the work to be cancelled", || house.control.cancelled.load(SeqCst) == 1);
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
}

#[tokio::test]
async fn stopping_refuses_in_words() {
    let house = House::new();
    house.engine.stop();
    house.prompt("walk").await.is_problem(503, "shutting_down");
}

#[tokio::test]
async fn the_page_and_its_files() {
    let house = House::new();
    let page = house.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(html.contains("mini") && html.contains(env!("CARGO_PKG_VERSION")));
    assert!(!html.contains("walking <in> a line"), "model cards are escaped");
    assert!(!html.contains("<script>") && !html.contains(" style=") && !html.contains(" onclick="));
    assert_eq!(page.header("cache-control"), "no-cache");

    let icon = house.get("/static/icon.svg").await;
    assert_eq!((icon.status, icon.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    let tag = icon.header("etag").to_owned();
    let known = request(Method::GET, "/static/icon.svg").header("if-none-match", &tag);
    let known = house.send(known.body(Body::empty()).unwrap()).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    for path in
        ["/static/none.js", "/static/../Cargo.toml", "/static/%2e%2e/Cargo.toml", "/static//etc/passwd"]
    {
        house.get(path).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn every_embedded_script_has_a_type_that_browsers_run() {
    let house = House::new();
    let mut scripts = 0;
    for name in page::names().filter(|name| name.ends_with(".js")) {
        let script = house.get(&format!("/static/{name}")).await;
        assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8", "{name}");
        scripts += 1;
    }
    assert_eq!(scripts, page::names().filter(|name| name.ends_with(".js")).count());
}

#[tokio::test]
async fn large_answers_are_compressed_when_asked() {
    let house = House::new();
    let mut asked = generate_request(r#"{"prompt":"walk","frames":300}"#);
    asked.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let zipped = house.send(asked).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&zipped.body[..]), &mut text).unwrap();
    assert!(zipped.body.len() * 2 < text.len());
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["frames"], 300);
}

#[tokio::test]
async fn request_ids_are_kept_when_sensible() {
    let house = House::new();
    let with =
        |id: &str| request(Method::GET, "/healthz").header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(house.send(with("trace-0123_abc")).await.header("x-request-id"), "trace-0123_abc");
    let long = "x".repeat(65);
    for bad in ["short", "a b c d e f g", "<script>alert(1)</script>", long.as_str()] {
        assert_ne!(house.send(with(bad)).await.header("x-request-id"), bad);
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_problem() {
    let house = House::new();
    async fn broken() {
        panic!("in /secret/place.rs")
    }
    let app = Router::new().route("/", get(broken)).layer(CatchPanicLayer::custom(problem::panicked));
    let state = AppState::new(house.engine.clone(), policy()).unwrap();
    let app = app.layer(from_fn(guard::add_headers)).layer(from_fn_with_state(state, observe::observe));
    let house = House { app, ..house };
    house.get("/").await.is_problem(500, "internal");
}

#[test]
fn the_table_covers_the_rules() {
    use crate::error::ErrorKind;
    for (kind, code) in [
        (ErrorKind::Invalid, 400),
        (ErrorKind::NotFound, 404),
        (ErrorKind::Unsupported, 422),
        (ErrorKind::Busy, 429),
        (ErrorKind::Corrupt, 500),
        (ErrorKind::Io, 500),
        (ErrorKind::Internal, 500),
        (ErrorKind::Network, 502),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::Cancelled, 503),
    ] {
        assert_eq!(status(kind).as_u16(), code);
    }
}

#[test]
fn every_field_of_a_request_has_a_default_but_the_prompt() {
    let raw = RawRequest::from_json(br#"{"prompt":"two people walk"}"#).unwrap();
    assert!(raw.validate().is_ok());
}
