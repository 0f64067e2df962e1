//! What outlives the process: the same folder, one server after the other; the list of results.

use super::*;
use crate::engine::{ArchiveLimits, Keeping};
use std::path::Path;

/// A server that keeps things in a folder, its jobs of before taken up. `control` may be set first.
async fn open_with(folder: &Path, control: Arc<Control>, policy: Policy) -> House {
    let engine = Arc::new(engine(&control, LIMITS).keeping(keeping(folder).await));
    let state = AppState::new(engine.clone(), policy).unwrap();
    state.resume().await;
    House { app: app(state), engine, control }
}

/// A write that nobody waits for any more may hold the folder a moment longer than its engine.
async fn keeping(folder: &Path) -> Keeping {
    for _ in 0..500 {
        match Keeping::on_disk(folder, ArchiveLimits::default(), JobLimits::default()) {
            Keeping::Broken => tokio::time::sleep(Duration::from_millis(10)).await,
            open => return open,
        }
    }
    panic!("the folder cannot be opened");
}

pub(super) async fn open(folder: &Path) -> House {
    open_with(folder, Arc::default(), policy()).await
}

/// The end of a process, as far as one process can play it: the model's threads stop, and the folder is free again.
pub(super) async fn close(house: House) {
    house.engine.stop();
    let engine = Arc::downgrade(&house.engine);
    drop(house);
    for _ in 0..500 {
        if engine.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("somebody still holds the engine");
}

pub(super) async fn submit(house: &House, prompt: &str, key: &str) -> Answer {
    let mut asked = generate_request(json!({ "prompt": prompt, "seed": 7 }).to_string());
    asked.headers_mut().insert("prefer", "respond-async".parse().unwrap());
    asked.headers_mut().insert("idempotency-key", key.parse().unwrap());
    house.send(asked).await
}

pub(super) async fn ended(house: &House, address: &str) -> Value {
    for _ in 0..500 {
        let job = house.get(address).await.json();
        if !matches!(job["state"].as_str(), Some("queued" | "running")) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_and_their_files_are_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    let made = house.prompt("two people walk").await;
    let body = made.json();
    let address = format!("/motions/{}", body["id"].as_str().unwrap());
    let files: Vec<_> = body["samples"][0]["files"].as_object().unwrap().values().cloned().collect();
    let fetch = async |house: &House| {
        let mut all = Vec::new();
        for path in files.iter().map(|path| path.as_str().unwrap()).chain([address.as_str()]) {
            let answer = house.get(path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            all.push((path.to_owned(), answer.header("etag").to_owned(), answer.body));
        }
        all
    };
    let before = fetch(&house).await;
    assert_eq!(before.last().unwrap().2, made.body);
    let edit = json!({"parent": body["id"], "kind": "move", "person": 1, "shift": [0.5, 0.1]}).to_string();
    let edited = async |house: &House| {
        let asked = request(Method::POST, "/edit").header("content-type", "application/json");
        house.send(asked.body(Body::from(edit.clone())).unwrap()).await.json()["samples"][0]["persons"]
            .clone()
    };
    let moved = edited(&house).await;
    close(house).await;
    let house = open(folder.path()).await;
    assert_eq!(fetch(&house).await, before);
    assert_eq!(edited(&house).await, moved, "a result can be edited as before");
    assert_eq!(house.control.started.load(SeqCst), 0, "nothing was made again");
    let figures = String::from_utf8(house.get("/metrics").await.body.to_vec()).unwrap();
    for line in [
        "duet_archive_results 3",
        "duet_archive_evicted_total{reason=\"count\"} 0",
        "duet_archive_failures_total{operation=\"result\"} 0",
    ] {
        assert!(figures.contains(line), "{line}: {figures}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_go_on_after_a_restart_and_ends_stay() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    let address = |answer: &Answer| {
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        answer.header("location").to_owned()
    };
    let done = address(&submit(&house, "walk", "done").await);
    let done_before = ended(&house, &done).await;
    let motion_before = house.get(done_before["links"]["motion"].as_str().unwrap()).await.body;
    let failed = address(&submit(&house, "fail", "failed").await);
    let failed_before = ended(&house, &failed).await;
    assert_eq!(failed_before["problem"]["code"], "model_failure");
    let running = address(&submit(&house, "wait", "running").await);
    eventually("the job to run", || house.control.started.load(SeqCst) == 3);
    let queued = address(&submit(&house, "walk on", "queued").await);
    let cancelled = address(&submit(&house, "walk off", "cancelled").await);
    house.send(request(Method::DELETE, &cancelled).body(Body::empty()).unwrap()).await;
    close(house).await;

    let house = open(folder.path()).await;
    eventually("the job to run again", || house.control.started.load(SeqCst) == 1);
    assert_eq!(house.get(&running).await.json()["state"], "running");
    assert_eq!(house.get(&queued).await.json()["position"], 0);
    assert_eq!(house.get(&cancelled).await.json()["state"], "cancelled");
    for (path, before) in [(&done, &done_before), (&failed, &failed_before)] {
        let mut now = house.get(path).await.json();
        now["age_seconds"] = before["age_seconds"].clone();
        assert_eq!(&now, before);
    }
    // The same order is the same job still, and another under its name is refused.
    assert_eq!(address(&submit(&house, "walk", "done").await), done);
    assert_eq!(address(&submit(&house, "walk on", "queued").await), queued);
    submit(&house, "run", "queued").await.is_problem(422, "idempotency_key_reused");
    house.control.open.store(true, SeqCst);
    let made = [ended(&house, &running).await, ended(&house, &queued).await];
    assert_eq!(made.each_ref().map(|job| &job["state"]), [&json!("succeeded"); 2]);
    assert_eq!(house.get(done_before["links"]["motion"].as_str().unwrap()).await.body, motion_before);
    let motion = house.get(made[1]["links"]["motion"].as_str().unwrap()).await.json();
    let alone = house.generate(r#"{"prompt":"walk on","seed":7}"#).await.json();
    assert_eq!(
        motion["samples"][0]["persons"], alone["samples"][0]["persons"],
        "the bytes of any other time"
    );
    close(house).await;

    let house = open(folder.path()).await;
    assert_eq!(ended(&house, &running).await["links"], made[0]["links"]);
    assert_eq!(house.control.started.load(SeqCst), 0, "what is done is not done again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_ends_the_process_each_time_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    let address = submit(&house, "wait", "a").await.header("location").to_owned();
    eventually("the job to run", || house.control.started.load(SeqCst) == 1);
    close(house).await;
    // What a stop in good order takes back, a killed process leaves in the index.
    let index = rusqlite::Connection::open(folder.path().join("index.sqlite")).unwrap();
    let set = |starts: u32| {
        index.execute("UPDATE jobs SET state = 'running', starts = ?1", [starts]).unwrap();
    };
    let starts = || index.query_row("SELECT starts FROM jobs", [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(starts(), 0);
    set(2);
    let house = open(folder.path()).await;
    eventually("the job to run again", || house.control.started.load(SeqCst) == 1);
    eventually("the disk to know", || starts() == 3);
    close(house).await;
    set(3);
    let house = open(folder.path()).await;
    let job = house.get(&address).await.json();
    assert_eq!((&job["state"], &job["problem"]["code"]), (&"failed".into(), &"model_failure".into()));
    assert_eq!(house.control.started.load(SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_gone_ends_its_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    let mut asked = generate_request(r#"{"prompt":"wait","model":"other"}"#);
    asked.headers_mut().insert("prefer", "respond-async".parse().unwrap());
    let address = house.send(asked).await.header("location").to_owned();
    close(house).await;
    let control = Arc::new(Control::default());
    let engine = Engine::start(vec![control.spec("mini")], None, LIMITS).unwrap();
    let engine = engine.keeping(keeping(folder.path()).await);
    let state = AppState::new(Arc::new(engine), policy()).unwrap();
    state.resume().await;
    let house = House { engine: state.engine.clone(), app: app(state), control };
    let job = house.get(&address).await.json();
    assert_eq!((&job["state"], &job["problem"]["code"]), (&"failed".into(), &"unknown_model".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_has_pages_and_each_key_its_own() {
    let (farm, digest) = crate::server::keys::draw().unwrap();
    let (anna, other) = crate::server::keys::draw().unwrap();
    let key = |name: &str, digest: &str| Key::new(name, digest, None, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for in_memory in [true, false] {
        let policy = Policy { keys: vec![key("farm", &digest), key("anna", &other)], ..policy() };
        let house = match in_memory {
            true => House::under(policy, LIMITS),
            false => open_with(folder.path(), Arc::default(), policy).await,
        };
        let ask = async |method: Method, path: &str, secret: &str, body: &str| {
            let asked = request(method, path)
                .header("authorization", format!("Bearer {secret}"))
                .header("content-type", "application/json");
            house.send(asked.body(Body::from(body.to_owned())).unwrap()).await
        };
        let mut made = Vec::new();
        for prompt in ["one", "two", "three"] {
            let body = json!({ "prompt": prompt }).to_string();
            made.push(ask(Method::POST, "/generate", &farm, &body).await.json()["id"].clone());
        }
        let batch = r#"{"requests":[{"prompt":"four"}]}"#;
        let batch = ask(Method::POST, "/generate/batch", &farm, batch).await.json();
        made.push(batch["results"][0]["motion"]["id"].clone());
        let edit = json!({"parent": made[0], "kind": "move", "person": 2, "turn": 30}).to_string();
        made.push(ask(Method::POST, "/edit", &farm, &edit).await.json()["id"].clone());
        ask(Method::POST, "/generate", &anna, r#"{"prompt":"hers"}"#).await;

        let mut path = "/motions?limit=2".to_owned();
        let mut seen = Vec::new();
        loop {
            let page = ask(Method::GET, &path, &farm, "").await.json();
            operations::fits(
                &page,
                &json!({"$ref": "#/components/schemas/Motions"}),
                &openapi::document(),
                "page",
            );
            seen.extend(page["motions"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => path = next.to_owned(),
                None => break,
            }
        }
        let ids: Vec<_> = seen.iter().rev().map(|entry| entry["id"].clone()).collect();
        assert_eq!(ids, made, "in memory: {in_memory}");
        assert_eq!((&seen[0]["kind"], &seen[0]["parent"]), (&"move".into(), &made[0]));
        assert_eq!((&seen[4]["prompt"], &seen[4]["frames"]), (&"one".into(), &88.into()));
        let hers = ask(Method::GET, "/motions", &anna, "").await.json();
        assert_eq!((hers["motions"].as_array().unwrap().len(), &hers["next"]), (1, &Value::Null));
        // Another's result is no place in this list.
        let from = format!("/motions?before={}", made[4].as_str().unwrap());
        assert_eq!(ask(Method::GET, &from, &anna, "").await.json(), json!({"motions": []}));
        for (bad, code) in [
            ("limit=0", "invalid_limit"),
            ("limit=101", "invalid_limit"),
            ("limit=-1", "invalid_limit"),
            ("before=1", "invalid_before"),
            ("before=..%2f", "invalid_before"),
            ("page=2", "unknown_field"),
            ("limit=1&limit=2", "duplicate_field"),
        ] {
            ask(Method::GET, &format!("/motions?{bad}"), &farm, "").await.is_problem(400, code);
        }
        house.get("/motions").await.is_problem(401, "unauthorized");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_removed_stays_away() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path()).await;
    let [kept, unwanted] = [house.prompt("walk").await.json(), house.prompt("walk").await.json()]
        .map(|made| format!("/motions/{}", made["id"].as_str().unwrap()));
    let remove = async |house: &House| {
        house.send(request(Method::DELETE, &unwanted).body(Body::empty()).unwrap()).await
    };
    assert_eq!(remove(&house).await.status, StatusCode::NO_CONTENT);
    let files = || std::fs::read_dir(folder.path().join("motions")).unwrap().count();
    assert_eq!((house.engine.kept().unwrap().kept, files()), (1, 1));
    close(house).await;

    let house = open(folder.path()).await;
    house.get(&unwanted).await.is_problem(404, "unknown_motion");
    remove(&house).await.is_problem(404, "unknown_motion");
    assert_eq!(house.get(&kept).await.status, StatusCode::OK);
    assert_eq!(house.get("/motions").await.json()["motions"].as_array().unwrap().len(), 1);
}
