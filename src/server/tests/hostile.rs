//! What strangers put into bodies, prompts and headers: bombs, every script there is, and words that are meant for the log.

use super::archive::{close, open};
use super::*;
use axum::http::HeaderValue;
use std::convert::Infallible;
use std::io::Write;
use std::sync::Mutex;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

fn post(path: &str, coding: &str, body: Body) -> Request<Body> {
    let asked = request(Method::POST, path).header("content-type", "application/json");
    asked.header("content-encoding", coding).body(body).unwrap()
}

#[tokio::test]
async fn compressed_bodies_are_refused_unread() {
    let house = House::new();
    for path in ["/generate", "/generate/batch", "/edit"] {
        for coding in ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "odd"] {
            // Whoever read it would wait for ever.
            let never =
                Body::from_stream(futures_util::stream::pending::<std::result::Result<Bytes, Infallible>>());
            house.send(post(path, coding, never)).await.is_problem(415, "unsupported_media_type");
        }
    }
    // A sound request with eight megabytes of spaces behind it, if anybody unpacked it.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(br#"{"prompt":"walk"}"#).unwrap();
    bomb.write_all(&vec![b' '; 8 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < body::MAX_BYTES);
    house
        .send(post("/generate", "gzip", bomb.clone().into()))
        .await
        .is_problem(415, "unsupported_media_type");
    house.generate(bomb).await.is_problem(400, "invalid_json");
    assert_eq!(house.control.started.load(SeqCst), 0);
    let plain = post("/generate", "identity", r#"{"prompt":"walk"}"#.into());
    assert_eq!(house.send(plain).await.status, StatusCode::OK);
}

/// Hebrew and Arabic, an override of the direction, joined emoji, a separator of lines, a mark of byte order.
const SCRIPTS: [&str; 4] = [
    "שני אנשים רוקדים יחד",
    "شخصان يتصافحان ثم يمشيان",
    "they \u{202e}bow\u{202c} to \u{1f469}\u{1f3fd}\u{200d}\u{1f680}",
    "two\u{2028}people\u{feff} walk",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompts_of_every_script_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    let mut made = Vec::new();
    for prompt in SCRIPTS {
        let answer = house.generate(json!({"prompt": prompt, "frames": 16}).to_string()).await;
        assert_eq!((answer.status, &answer.json()["prompt"]), (StatusCode::OK, &prompt.into()));
        made.push(answer);
    }
    close(house).await;

    let house = open(folder.path()).await;
    let listed = house.get("/motions").await.json();
    let prompts = listed["motions"].as_array().unwrap().iter().rev().map(|entry| &entry["prompt"]);
    assert_eq!(prompts.collect::<Vec<_>>(), SCRIPTS);
    for before in made {
        let before_json = before.json();
        let address = format!("/motions/{}", before_json["id"].as_str().unwrap());
        assert_eq!(house.get(&address).await.body, before.body, "after a restart, too");
        // One that the prompt is drawn into, and one that has it among its words.
        for name in ["00_sheet.png", "00_motion.glb"] {
            let file = house.get(&format!("{address}/{name}")).await;
            assert_eq!(file.status, StatusCode::OK, "{name}");
            let saved = file.header("content-disposition");
            assert!(saved.starts_with("attachment; filename=\"duet_") && saved.is_ascii(), "{saved}");
        }
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused() {
    let house = House::new();
    for body in [
        &br#"{"prompt":"\ud800"}"#[..],
        br#"{"prompt":"walk \udfff on"}"#,
        br#"{"prompt":"\ude00\ud83d"}"#,
        br#"{"prompt":"walk","model":"\ud800"}"#,
        b"{\"prompt\":\"\xff\xfe\"}",
        b"{\"prompt\":\"\xed\xa0\x80\"}",
    ] {
        house.generate(body.to_vec()).await.is_problem(400, "invalid_json");
    }
    let whole = house.generate(r#"{"prompt":"dance \ud83d\ude00"}"#).await;
    assert_eq!((whole.status, &whole.json()["prompt"]), (StatusCode::OK, &"dance \u{1f600}".into()));
}

/// What a log would say, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// As the command line writes it.
    fn lines(&self, as_json: bool) -> impl Layer<Registry> + Send + Sync + use<> {
        let log = self.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || log.clone());
        let lines: Box<dyn Layer<Registry> + Send + Sync> =
            if as_json { lines.json().boxed() } else { lines.with_ansi(false).with_target(false).boxed() };
        lines.with_filter(LevelFilter::INFO)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Say FORGED in every place where a stranger says something; how many requests that took.
async fn forge(house: &House) -> usize {
    let mut asked = Vec::new();
    for name in [
        "x-request-id",
        "user-agent",
        "referer",
        "accept",
        "prefer",
        "idempotency-key",
        "request-timeout",
        "traceparent",
        "origin",
        "if-none-match",
        "range",
        "x-forwarded-for",
        "authorization",
    ] {
        for value in [&b"FORGED \x9b2J"[..], b"FORGED\tstatus=200", "FORGED\u{2028}\u{202e}\u{85}".as_bytes()]
        {
            let mut request = generate_request(r#"{"prompt":"walk"}"#);
            request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
            asked.push(request);
        }
    }
    for prompt in [
        "FORGED\r\n2026-01-01T00:00:00.000000Z  INFO answered",
        "FORGED \u{1b}[2J",
        "FORGED\u{2028}answered\u{202e}",
        "FORGED\" status=200 }",
        "fail FORGED\u{2028}answered",
    ] {
        asked.push(generate_request(json!({ "prompt": prompt }).to_string()));
    }
    for path in [
        "FORGED%0a",
        "motions/FORGED%0d%0a",
        "motions?before=FORGED%1b",
        "jobs/FORGED%0a",
        "static/FORGED%00",
    ] {
        asked.push(request(Method::GET, &format!("/{path}")).body(Body::empty()).unwrap());
    }
    let odd = Method::from_bytes(b"ODD!#$%&'*+.^_`|~").unwrap();
    asked.push(request(odd, "/generate").body(Body::empty()).unwrap());
    let count = asked.len();
    for request in asked {
        house.send(request).await;
    }
    count
}

/// Every kind of end that a request with this key can come to: all bodies, one after the other.
async fn used(house: &House, key: &str) -> String {
    let with_key = |request: Request<Body>, header: &'static str, value: String| {
        let mut request = request;
        request.headers_mut().insert(header, HeaderValue::from_str(&value).unwrap());
        request
    };
    let bearer = |request: Request<Body>| with_key(request, "authorization", format!("Bearer {key}"));
    let get = |path: &str| request(Method::GET, path).body(Body::empty()).unwrap();
    let mut asked: Vec<_> =
        ["/info", "/models", "/metrics", "/motions", "/", "/jobs/1", "/livez", "/openapi.json"]
            .map(|path| bearer(get(path)))
            .into();
    for prompt in ["walk", "panic", "fail", "nan", "two\nlines"] {
        asked.push(bearer(generate_request(json!({ "prompt": prompt }).to_string())));
    }
    asked.push(bearer(generate_request("{")));
    // In the wrong place, or nearly right.
    asked.push(with_key(get("/info"), "authorization", format!("Bearer {key}0")));
    asked.push(with_key(get("/info"), "authorization", key.to_owned()));
    asked.push(with_key(get("/info"), "user-agent", key.to_owned()));
    asked.push(with_key(get("/info"), "cookie", key.to_owned()));
    let mut bodies = String::new();
    for request in asked {
        let answer = house.send(request).await;
        answer.headers.values().for_each(|value| bodies += &String::from_utf8_lossy(value.as_bytes()));
        bodies += &String::from_utf8_lossy(&answer.body);
    }
    bodies
}

/// What the log says of callers who give keys, [`forge`] tells: nothing of any header.
#[tokio::test]
async fn neither_a_key_nor_its_digest_is_told() {
    let (key, digest) = keys::draw().unwrap();
    let holder = Key::new("farm", &digest, None, None).unwrap();
    let printed = format!("{holder:?}");
    let house = House::under(Policy { keys: vec![holder], ..policy() }, LIMITS);
    let bodies = used(&house, &key).await;
    for end in ["model_failure", "unauthorized", "invalid_json", "duet_requests_total", "unknown_job"] {
        assert!(bodies.contains(end), "{end}: {bodies}");
    }
    for said in [&bodies, &printed] {
        assert!(!said.contains(&key[5..]) && !said.contains(&digest), "{said}");
    }
}

#[tokio::test]
async fn a_request_is_one_line_in_the_log_whatever_it_says() {
    let house = House::new();
    // Once without a log, so that every place in the program that speaks is known before a log asks for it.
    forge(&house).await;
    for as_json in [false, true] {
        let log = Log::default();
        let told = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.lines(as_json)));
        let asked = forge(&house).await;
        drop(told);
        let text = log.text();
        assert!(!text.contains("FORGED"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("answered")).count(), asked, "{text}");
        for line in text.lines() {
            assert!(
                !line.chars().any(|c| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(c)),
                "{line:?}"
            );
            let is_ours =
                if as_json { serde_json::from_str::<Value>(line).is_ok() } else { line.starts_with("20") };
            assert!(is_ours, "{line:?}");
        }
    }
}

/// What answers of several kinds are called by their `x-request-id`, one after the other.
async fn names(house: &House) -> Vec<String> {
    let given = request(Method::GET, "/info").header("x-request-id", "trace-0123_abc");
    let answers = [
        house.prompt("walk").await,
        house.prompt("").await,
        house.prompt("fail").await,
        house.get("/nothing").await,
        house.send(given.body(Body::empty()).unwrap()).await,
    ];
    answers.iter().map(|answer| answer.header("x-request-id").to_owned()).collect()
}

#[tokio::test]
async fn a_request_has_the_name_in_the_log_that_its_answer_carries() {
    let house = House::new();
    // Once without a log, as above.
    names(&house).await;
    for as_json in [false, true] {
        let log = Log::default();
        let told = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.lines(as_json)));
        let answered = names(&house).await;
        drop(told);
        let text = log.text();
        let name = |line: &str| {
            if as_json {
                let line: Value = serde_json::from_str(line).unwrap();
                return line["span"]["id"].as_str().unwrap().to_owned();
            }
            let rest = line.split_once(" request{id=").unwrap().1;
            rest.split_once(' ').unwrap().0.to_owned()
        };
        let logged: Vec<_> = text.lines().filter(|line| line.contains("answered")).map(name).collect();
        assert_eq!(logged, answered, "{text}");
        assert_eq!(answered[4], "trace-0123_abc");
    }
}
