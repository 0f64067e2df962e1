//! The service without a socket: each test sends requests through [`app`].

use super::*;
use crate::engine::fake::{Control, LIMITS, eventually};
use crate::engine::{Limits, RawRequest};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::atomic::Ordering::SeqCst;
use tower::ServiceExt;

struct House {
    app: Router,
    engine: Arc<Engine>,
    control: Arc<Control>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// This is a well-formed problem with this status and code that tells nothing of the inside.
    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{text}");
        let body = self.json();
        assert_eq!(body["code"], code, "{text}");
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], "about:blank");
        assert!(body["title"].is_string() && body["detail"].as_str().is_some_and(|words| !words.is_empty()));
        for inside in ["secret", "/work", "src/", "panicked", ".rs", "[3, 4]"] {
            assert!(!text.contains(inside), "{inside} leaks: {text}");
        }
        assert_eq!(self.header("cache-control"), "no-store");
    }
}

impl House {
    fn new() -> Self {
        Self::with(Hosts::Only(vec!["duet.example".into()]), LIMITS, TimeLimits::default())
    }

    fn with(hosts: Hosts, limits: Limits, times: TimeLimits) -> Self {
        let control = Arc::new(Control::default());
        let models = vec![control.spec("mini"), control.spec("other")];
        let engine = Arc::new(Engine::start(models, None, limits).unwrap());
        let app = app(AppState::new(engine.clone(), hosts, times).unwrap());
        Self { app, engine, control }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        // Security headers and a request id are on everything.
        assert_eq!(parts.headers["content-security-policy"], guard::CSP);
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        assert_eq!(parts.headers["referrer-policy"], "no-referrer");
        assert_eq!(parts.headers["cross-origin-opener-policy"], "same-origin");
        assert_eq!(parts.headers["cross-origin-resource-policy"], "same-origin");
        assert!(parts.headers.contains_key("x-request-id"));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    async fn generate(&self, body: impl Into<Body>) -> Answer {
        self.send(generate_request(body)).await
    }

    async fn prompt(&self, prompt: &str) -> Answer {
        self.generate(json!({ "prompt": prompt }).to_string()).await
    }
}

fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:8080")
}

fn generate_request(body: impl Into<Body>) -> Request<Body> {
    request(Method::POST, "/generate").header("content-type", "application/json").body(body.into()).unwrap()
}

#[tokio::test]
async fn a_sentence_becomes_motion() {
    let house = House::new();
    let asked = json!({"prompt": " two people dance salsa ", "seconds": 4, "seed": 7, "samples": 2});
    let answer = house.generate(asked.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    let mut names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut contract = [
        "id",
        "model",
        "prompt",
        "prompt_truncated",
        "fps",
        "frames",
        "seconds",
        "joints",
        "parents",
        "settings",
        "samples",
        "timings_ms",
    ];
    contract.sort_unstable();
    assert_eq!(names, contract);
    assert_eq!((&body["model"], &body["prompt"]), (&"mini".into(), &"two people dance salsa".into()));
    assert_eq!(body["frames"], 120);
    assert_eq!((body["fps"].as_f64(), body["seconds"].as_f64()), (Some(30.0), Some(4.0)));
    assert_eq!(body["prompt_truncated"], false);
    assert_eq!(
        body["settings"],
        json!({"frames": 120, "seed": 7, "samples": 2, "steps": 20, "guidance": 2.0, "top_k_ratio": 0.9,
               "temperature": 1.0, "foot_fix": true})
    );
    for name in ["queue", "text", "tokens", "decode", "total"] {
        assert!(body["timings_ms"][name].as_f64().unwrap() >= 0.0);
    }
    let samples = body["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 2);
    for (index, sample) in samples.iter().enumerate() {
        assert_eq!((&sample["index"], &sample["seed"]), (&index.into(), &(7 + index).into()));
        let mut names: Vec<_> = sample.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["files", "index", "persons", "seed"]);
        for person in sample["persons"].as_array().unwrap() {
            let positions = person["positions"].as_array().unwrap();
            assert_eq!(positions.len(), 120);
            assert!(positions.iter().all(|pose| pose.as_array().unwrap().len() == 22));
        }
    }
}

#[tokio::test]
async fn results_and_their_files_stay() {
    let house = House::new();
    let made = house.prompt("two people walk").await;
    let body = made.json();
    let address = format!("/motions/{}", body["id"].as_str().unwrap());
    let again = house.get(&address).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &made.body));
    let tag = again.header("etag").to_owned();
    let known = request(Method::GET, &address).header("if-none-match", &tag).body(Body::empty()).unwrap();
    let known = house.send(known).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));

    let files = body["samples"][0]["files"].as_object().unwrap();
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    let keypoints = ["00_0.npy", "00_1.npy", "ik_00_0.npy", "ik_00_1.npy"];
    let others = ["00_motion.glb", "00_motion.npz", "00_person1.bvh", "00_person2.bvh"];
    let mut expected = [keypoints, others].concat();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (name, address) in files {
        let file = house.get(address.as_str().unwrap()).await;
        assert_eq!(file.status, StatusCode::OK);
        let kind = if name.ends_with("glb") { "model/gltf-binary" } else { "application/octet-stream" };
        assert_eq!(file.header("content-type"), kind);
        assert!(file.header("content-disposition").starts_with("attachment; filename=\""), "{name}");
        assert!(file.header("content-disposition").ends_with(&format!("_{name}\"").replace("_ik_", "_")));
        assert!(!file.header("etag").is_empty());
        if name.ends_with("npy") {
            assert_eq!(crate::formats::npy::read_person(&file.body).unwrap().positions.len(), 88);
        }
        if name.ends_with("bvh") {
            assert_eq!(crate::formats::bvh::Bvh::from_bytes(&file.body).unwrap().frames(), 88);
        }
    }
    for wrong in [
        "00_2.npy",
        "01_0.npy",
        "00_person3.bvh",
        "00_motion.fbx",
        "",
        "..%2f..%2fCargo.toml",
        "%00",
        "%ff",
        "00_0.npy/",
        "00_0.NPY",
        "CON",
    ] {
        house.get(&format!("{address}/{wrong}")).await.is_problem(404, "not_found");
    }
    let absent = "0".repeat(32);
    for wrong in [absent.as_str(), "1", "..%2f..%2fetc%2fpasswd", "%2e%2e"] {
        house.get(&format!("/motions/{wrong}")).await.is_problem(404, "unknown_motion");
        house.get(&format!("/motions/{wrong}/00_0.npy")).await.is_problem(404, "unknown_motion");
    }
    let plain = house.generate(r#"{"prompt":"walk","foot_fix":false}"#).await.json();
    assert_eq!(plain["samples"][0]["files"].as_object().unwrap().len(), 6);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_motion() {
    let house = House::new();
    let first = house.generate(r#"{"prompt":"walk","seed":3}"#).await.json();
    let again = house.generate(r#"{"prompt":"walk","seed":3}"#).await.json();
    assert_eq!(first["samples"][0]["persons"], again["samples"][0]["persons"]);
    assert_ne!(first["id"], again["id"]);
    // A drawn seed is echoed and can be repeated.
    let drawn = house.prompt("walk").await.json();
    let seed = &drawn["settings"]["seed"];
    let again = house.generate(json!({"prompt": "walk", "seed": seed}).to_string()).await.json();
    assert_eq!(drawn["samples"], {
        let mut samples = again["samples"].clone();
        samples[0]["files"] = drawn["samples"][0]["files"].clone();
        samples
    });
}

#[tokio::test]
async fn bad_requests_are_named() {
    let house = House::new();
    let long = format!("{{\"prompt\":\"{}\"}}", "x".repeat(1001));
    let flat = format!("{{\"prompt\":\"a\"{}}}", ",\"samples\":1".repeat(4000));
    for (body, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        (r#"{"prompt":"a","seconds":NaN}"#, "invalid_json"),
        (r#"{"prompt":"a","seconds":1e999}"#, "invalid_json"),
        ("{}", "invalid_prompt"),
        (r#"{"prompt":""}"#, "invalid_prompt"),
        (r#"{"prompt":" \t "}"#, "invalid_prompt"),
        (r#"{"prompt":"a\u0000b"}"#, "invalid_prompt"),
        (r#"{"prompt":"a\r\nSet-Cookie: b"}"#, "invalid_prompt"),
        (r#"{"prompt":7}"#, "invalid_prompt"),
        (long.as_str(), "invalid_prompt"),
        (r#"{"prompt":"a","frames":15}"#, "invalid_frames"),
        (r#"{"prompt":"a","frames":301}"#, "invalid_frames"),
        (r#"{"prompt":"a","frames":-90}"#, "invalid_frames"),
        (r#"{"prompt":"a","frames":"90"}"#, "invalid_frames"),
        (r#"{"prompt":"a","frames":18446744073709551615}"#, "invalid_frames"),
        (r#"{"prompt":"a","seconds":-1}"#, "invalid_seconds"),
        (r#"{"prompt":"a","seconds":1e308}"#, "invalid_seconds"),
        (r#"{"prompt":"a","seconds":null}"#, "invalid_seconds"),
        (r#"{"prompt":"a","seconds":3,"frames":90}"#, "frames_and_seconds"),
        (r#"{"prompt":"a","seed":-1}"#, "invalid_seed"),
        (r#"{"prompt":"a","seed":18446744073709551616}"#, "invalid_seed"),
        (r#"{"prompt":"a","samples":9}"#, "invalid_samples"),
        (r#"{"prompt":"a","samples":1000000}"#, "invalid_samples"),
        (r#"{"prompt":"a","steps":0}"#, "invalid_steps"),
        (r#"{"prompt":"a","steps":65}"#, "invalid_steps"),
        (r#"{"prompt":"a","guidance":11}"#, "invalid_guidance"),
        (r#"{"prompt":"a","top_k_ratio":1}"#, "invalid_top_k_ratio"),
        (r#"{"prompt":"a","temperature":0}"#, "invalid_temperature"),
        (r#"{"prompt":"a","foot_fix":"yes"}"#, "invalid_foot_fix"),
        (r#"{"prompt":"a","model":7}"#, "invalid_model"),
        (r#"{"prompt":"a","webhook":"http://x"}"#, "unknown_field"),
        (r#"{"prompt":"a","prompt":"b"}"#, "duplicate_field"),
        (flat.as_str(), "duplicate_field"),
    ] {
        house.generate(body.to_owned()).await.is_problem(400, code);
    }
    house.generate(r#"{"prompt":"a","model":"../other"}"#).await.is_problem(404, "unknown_model");
    assert_eq!(house.control.started.load(SeqCst), 0, "none of these reached a model");
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
}

#[tokio::test]
async fn bodies_of_the_wrong_kind_or_size() {
    let house = House::new();
    let huge = format!("{{\"prompt\":\"{}\"}}", "x".repeat(10 << 20));
    house.generate(huge.clone()).await.is_problem(413, "payload_too_large");
    let mut declared = generate_request(huge);
    declared.headers_mut().insert("content-length", "99999999999".parse().unwrap());
    house.send(declared).await.is_problem(413, "payload_too_large");
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"]
    {
        let mut request = generate_request(r#"{"prompt":"walk"}"#);
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        house.send(request).await.is_problem(415, "unsupported_media_type");
    }
    let bare = request(Method::POST, "/generate").body(Body::from(r#"{"prompt":"walk"}"#)).unwrap();
    house.send(bare).await.is_problem(415, "unsupported_media_type");
    let mut charset = generate_request(r#"{"prompt":"walk"}"#);
    charset.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
    assert_eq!(house.send(charset).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_never_comes_times_out() {
    let times = TimeLimits { body: Duration::from_millis(50), ..TimeLimits::default() };
    let house = House::with(Hosts::Any, LIMITS, times);
    struct Never;
    impl axum::body::HttpBody for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<std::result::Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
    house.generate(Body::new(Never)).await.is_problem(408, "body_timeout");
}

#[tokio::test]
async fn addresses_and_methods_that_are_not_there() {
    let house = House::new();
    for path in ["/nothing", "/motions", "/motions/", "/generate/", "/static/", "//", "/%00", "/%ff"] {
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
    (0..200).for_each(|_| drop(storm.spawn(prompt("walk"))));
    // Two wait for the model; everybody else is told at once.
    for _ in 0..198 {
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
    let app = app.layer(from_fn(guard::add_headers)).layer(from_fn(observe::observe));
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
