//! Running the service: probes, figures, keys, origins, descriptions.

use super::*;
use crate::server::keys;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::num::NonZeroU32;

async fn with(house: &House, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut asked = request(method, path);
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    let body = if path == "/generate" { r#"{"prompt":"walk"}"# } else { "" };
    house.send(asked.header("content-type", "application/json").body(body.into()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_watches_progress() {
    let times = TimeLimits { stall: Duration::from_millis(100), ..TimeLimits::default() };
    let house = Arc::new(House::with(Hosts::Any, LIMITS, times));
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(house.get(path).await.status, StatusCode::OK, "{path}");
    }
    let hung = tokio::spawn({
        let house = house.clone();
        async move { house.prompt("hang").await }
    });
    eventually("the request to run", || house.control.started.load(SeqCst) == 1);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK, "at work is not hung");
    tokio::time::sleep(Duration::from_millis(200)).await;
    for path in ["/livez", "/readyz", "/healthz"] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.json()["models"][0]["state"], "hung");
    }
    assert!(
        String::from_utf8_lossy(&house.get("/metrics").await.body)
            .contains("duet_model_ready{model=\"mini\"} 0")
    );
    house.control.open.store(true, SeqCst);
    assert_eq!(hung.await.unwrap().status, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_a_model_that_hangs_are_told_at_their_deadline() {
    let times = TimeLimits { stall: Duration::from_millis(50), ..TimeLimits::default() };
    let house = Arc::new(House::with(Hosts::Any, LIMITS, times));
    let patient = |prompt: &'static str| {
        let house = house.clone();
        tokio::spawn(async move {
            let mut asked = generate_request(json!({ "prompt": prompt }).to_string());
            asked.headers_mut().insert("request-timeout", "1".parse().unwrap());
            house.send(asked).await
        })
    };
    let hung = patient("hang");
    eventually("the request to run", || house.control.started.load(SeqCst) == 1);
    let waiting = patient("walk");
    hung.await.unwrap().is_problem(503, "took_too_long");
    waiting.await.unwrap().is_problem(503, "took_too_long");
    assert_eq!(house.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.control.open.store(true, SeqCst);
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_panic_the_server_is_not_ready_until_the_model_is_back() {
    let house = Arc::new(House::new());
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    house.control.slow.store(true, SeqCst);
    house.prompt("panic").await.is_problem(500, "model_failure");
    let readiness = house.get("/readyz").await;
    assert_eq!(readiness.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(readiness.json()["models"][0]["state"], "loading");
    assert_eq!(house.get("/livez").await.status, StatusCode::OK, "the process is fine");
    let next = tokio::spawn({
        let house = house.clone();
        async move { house.prompt("walk").await }
    });
    eventually("the next request to wait", || house.engine.health().next().unwrap().1.waiting == 1);
    house.control.slow.store(false, SeqCst);
    assert_eq!(next.await.unwrap().status, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
    let figures = String::from_utf8(house.get("/metrics").await.body.to_vec()).unwrap();
    assert!(figures.contains("duet_model_restarts_total{model=\"mini\"} 1"), "{figures}");
    // So it is where a motion is none.
    house.control.slow.store(true, SeqCst);
    house.prompt("nan").await.is_problem(500, "model_failure");
    assert_eq!(house.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.control.slow.store(false, SeqCst);
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_hang_the_server_is_not_ready_until_the_model_is_back() {
    let stall = Duration::from_millis(100);
    let times = TimeLimits { stall, ..TimeLimits::default() };
    let house = Arc::new(House::with(Hosts::Any, Limits { stall: Some(stall), ..LIMITS }, times));
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    house.control.slow.store(true, SeqCst);
    house.prompt("hang").await.is_problem(500, "model_failure");
    let readiness = house.get("/readyz").await;
    assert_eq!(readiness.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(readiness.json()["models"][0]["state"], "loading");
    assert_eq!(house.get("/livez").await.status, StatusCode::OK, "the process is fine");
    house.control.slow.store(false, SeqCst);
    assert_eq!(house.prompt("walk").await.status, StatusCode::OK);
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
    let figures = String::from_utf8(house.get("/metrics").await.body.to_vec()).unwrap();
    assert!(figures.contains("duet_model_restarts_total{model=\"mini\"} 1"), "{figures}");
    house.control.open.store(true, SeqCst);
}

#[tokio::test]
async fn a_server_that_stops_is_alive_but_not_ready() {
    let house = House::new();
    let state = AppState::new(house.engine.clone(), policy()).unwrap();
    let house = House { app: app(state.clone()), ..house };
    state.stopping();
    assert_eq!(house.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.get("/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn figures_for_prometheus() {
    let house = House::new();
    house.control.together.store(true, SeqCst);
    house.generate(r#"{"prompt":"walk <secret>","frames":40,"samples":2}"#).await;
    house.generate("{}").await.is_problem(400, "invalid_prompt");
    house.get("/no/such/place/secret").await;
    let odd = request(Method::from_bytes(b"SECRET").unwrap(), "/").body(Body::empty()).unwrap();
    house.send(odd).await;
    let answer = house.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    for line in [
        "duet_requests_total{method=\"POST\",route=\"/generate\",status=\"200\"} 1",
        "duet_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "duet_problems_total{reason=\"invalid_prompt\"} 1",
        "duet_tokens_total{model=\"mini\"} 40",
        "duet_samples_total{model=\"mini\"} 2",
        "duet_stage_seconds_count{model=\"mini\",stage=\"tokens\"} 1",
        "duet_queue_seconds_count{model=\"mini\"} 1",
        // Twenty steps of two samples of ten token frames with guidance, and a turn for the end.
        "duet_batch_size_count{model=\"mini\"} 21",
        "duet_batch_size_sum{model=\"mini\"} 21",
        "duet_batch_tokens_bucket{le=\"600.0\",model=\"mini\"} 21",
        "duet_batch_tokens_bucket{le=\"300.0\",model=\"mini\"} 0",
        "duet_request_seconds_count{route=\"/generate\"} 2",
        "duet_waiting{model=\"mini\"} 0",
        "duet_jobs_unfinished 0",
        "duet_build_info{",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing from:\n{text}");
    }
    assert!(!text.to_lowercase().contains("secret"), "labels are from closed sets");
}

#[tokio::test]
async fn what_runs_here() {
    let house = House::new();
    let info = house.get("/info").await.json();
    assert_eq!((&info["version"], &info["device"]), (&env!("CARGO_PKG_VERSION").into(), &"cpu".into()));
    assert_eq!(info["models"][1]["files"][0]["sha256"], "ab".repeat(32));
    let models = house.get("/models").await.json();
    assert_eq!(
        (&models["models"][0]["name"], &models["models"][0]["default"]),
        (&"mini".into(), &true.into())
    );
    assert_eq!(models["models"][1]["state"], "idle");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_needed_where_there_are_keys() {
    let ((farm, farm_hash), (anna, anna_hash)) = (keys::draw().unwrap(), keys::draw().unwrap());
    let one = NonZeroU32::new(1);
    let keys = vec![
        Key::new("farm", &farm_hash, None, one).unwrap(),
        Key::new("anna", &anna_hash, one, None).unwrap(),
    ];
    let house = House::under(Policy { keys, ..policy() }, LIMITS);
    let bearer = |key: &str| format!("Bearer {key}");
    let asked = [
        (Method::GET, "/"),
        (Method::POST, "/generate"),
        (Method::POST, "/generate/batch"),
        (Method::POST, "/edit"),
        (Method::GET, "/jobs/1"),
        (Method::DELETE, "/jobs/1"),
        (Method::GET, "/jobs/1/events"),
        (Method::GET, "/motions"),
        (Method::GET, "/motions/1"),
        (Method::DELETE, "/motions/1"),
        (Method::GET, "/motions/1/1"),
        (Method::GET, "/models"),
        (Method::GET, "/info"),
        (Method::GET, "/metrics"),
    ];
    let paths: BTreeSet<_> = asked.iter().map(|(_, path)| (*path).to_owned()).collect();
    let routes = guarded().into_iter().map(|(path, _)| path.replace("{id}", "1").replace("{file}", "1"));
    assert_eq!(paths, routes.collect::<BTreeSet<_>>(), "every route is asked for here");
    for (method, path) in asked {
        with(&house, method.clone(), path, &[]).await.is_problem(401, "unauthorized");
        let wrong = [("authorization", "Bearer duet_0")];
        let refused = with(&house, method, path, &wrong).await;
        refused.is_problem(401, "unauthorized");
        let scheme = if path == "/" { "Basic" } else { "Bearer" };
        assert!(refused.header("www-authenticate").starts_with(scheme));
    }
    for path in ["/livez", "/readyz", "/healthz", "/docs", "/openapi.json", "/static/icon.svg"] {
        assert_eq!(house.get(path).await.status, StatusCode::OK, "{path}");
    }
    let (farm, anna) = (bearer(&farm), bearer(&anna));
    let (as_farm, as_anna) = (("authorization", farm.as_str()), ("authorization", anna.as_str()));
    let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("me:{}", &farm[7..]));
    let basic = format!("Basic {basic}");
    assert_eq!(with(&house, Method::GET, "/", &[("authorization", &basic)]).await.status, StatusCode::OK);

    // One a minute for anna, one at a time for the farm; neither is in the other's way.
    assert_eq!(with(&house, Method::POST, "/generate", &[as_anna]).await.status, StatusCode::OK);
    let refused = with(&house, Method::POST, "/generate", &[as_anna]).await;
    refused.is_problem(429, "rate_limited");
    assert!((50..=60).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    let asked = generate_request(r#"{"prompt":"wait"}"#);
    let (mut parts, body) = asked.into_parts();
    parts.headers.insert("authorization", farm.parse().unwrap());
    parts.headers.insert("prefer", "respond-async".parse().unwrap());
    let job = house.send(Request::from_parts(parts, body)).await;
    let address = job.header("location").to_owned();
    with(&house, Method::POST, "/generate", &[as_farm]).await.is_problem(429, "too_many_at_once");
    with(&house, Method::GET, &address, &[as_anna]).await.is_problem(404, "unknown_job");
    assert_eq!(with(&house, Method::DELETE, &address, &[as_farm]).await.status, StatusCode::OK);
    let mut again = StatusCode::TOO_MANY_REQUESTS;
    for _ in 0..100 {
        again = with(&house, Method::POST, "/generate", &[as_farm]).await.status;
        if again == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(again, StatusCode::OK, "the cancelled job gave its place back");
}

#[tokio::test]
async fn a_key_is_asked_for_before_the_body() {
    let (_, digest) = keys::draw().unwrap();
    let keys = vec![Key::new("farm", &digest, None, None).unwrap()];
    let house = House::under(Policy { keys, ..policy() }, LIMITS);
    for path in ["/generate", "/generate/batch", "/edit"] {
        for key in [None, Some("Bearer duet_0")] {
            // Whoever read it would wait, and say 408 in the end.
            let never = futures_util::stream::pending::<std::result::Result<Bytes, Infallible>>();
            let mut asked = request(Method::POST, path).header("content-type", "application/json");
            if let Some(key) = key {
                asked = asked.header("authorization", key);
            }
            let refused = house.send(asked.body(Body::from_stream(never)).unwrap()).await;
            refused.is_problem(401, "unauthorized");
        }
    }
    assert_eq!(house.control.started.load(SeqCst), 0);
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let house = House::new();
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    with(&house, Method::POST, "/generate", &evil).await.is_problem(403, "origin_not_allowed");
    with(&house, Method::DELETE, "/jobs/1", &evil).await.is_problem(403, "origin_not_allowed");
    let read = with(&house, Method::GET, "/info", &evil).await;
    assert!(read.headers.get("access-control-allow-origin").is_none());
    let own = [("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")];
    assert_eq!(with(&house, Method::POST, "/generate", &own).await.status, StatusCode::OK);

    let origins = Origins::new(&["https://studio.example".to_owned()]).unwrap();
    let house = House::under(Policy { origins, ..policy() }, LIMITS);
    let friend = [("origin", "https://studio.example"), ("sec-fetch-site", "cross-site")];
    let answer = with(&house, Method::POST, "/generate", &friend).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "https://studio.example");
    with(&house, Method::POST, "/generate", &evil).await.is_problem(403, "origin_not_allowed");
    let preflight =
        [friend[0], ("access-control-request-method", "POST"), ("access-control-request-headers", "prefer")];
    let answer = with(&house, Method::OPTIONS, "/generate", &preflight).await;
    assert!(answer.header("access-control-allow-headers").contains("prefer"));
}

#[tokio::test]
async fn the_description_is_served_and_holds() {
    let house = House::new();
    let document = house.get("/openapi.json").await.json();
    assert_eq!(document, openapi::document());
    let page = house.get("/docs").await;
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(
        html.contains("/jobs/{id}/events") && html.contains("respond-async") && html.contains("rate_limited")
    );
    assert!(
        !html.contains("<script") && !html.contains("http://") && !html.contains("https://"),
        "works offline"
    );
    assert_eq!(house.get("/static/docs.css").await.status, StatusCode::OK);

    let motion = house.prompt("walk").await.json();
    let mut asked = generate_request(r#"{"prompt":"walk"}"#);
    asked.headers_mut().insert("prefer", "respond-async, wait=5".parse().unwrap());
    let job = house.send(asked).await.json();
    let problem = house.generate("{}").await.json();
    let batch = batch::ask(&house, r#"{"requests":[{"prompt":"walk"},{}]}"#, &[]).await.json();
    for (answer, schema) in [
        (motion, "Motion"),
        (job, "Job"),
        (problem, "Problem"),
        (batch, "BatchResults"),
        (house.get("/info").await.json(), "Info"),
        (house.get("/models").await.json(), "Models"),
        (house.get("/readyz").await.json(), "Health"),
    ] {
        let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
        fits(&answer, &reference, &document, schema);
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for response in operation["responses"].as_object().unwrap().values() {
                for media in response["content"].as_object().into_iter().flat_map(|content| content.values())
                {
                    // Examples of motion are shortened: their lengths are not looked at.
                    if let Some(example) = media.get("example") {
                        fits(example, &media["schema"], &document, &format!("{method} {path}"));
                    }
                }
            }
        }
    }
}

/// The parts of JSON Schema that the document uses for shapes.
#[track_caller]
pub fn fits(value: &Value, schema: &Value, document: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(value, document.pointer(&reference[1..]).expect(reference), document, place);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(value, part, document, place);
    }
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{place}: {value}");
    }
    let is = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    assert!(is, "{place}: {value} is no {}", schema["type"]);
    for item in value.as_array().into_iter().flatten().take(3) {
        fits(item, &schema["items"], document, place);
    }
    let Some(members) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(members.contains_key(name.as_str().unwrap()), "{place}: {name} is missing");
    }
    for (name, member) in members {
        let place = format!("{place}.{name}");
        match schema["properties"].get(name) {
            Some(known) => fits(member, known, document, &place),
            None => assert_ne!(schema["additionalProperties"], false, "{place} is not described"),
        }
    }
}
