//! Edits: what is asked, what comes back, what is refused.

use super::*;
use crate::formats::npy;
use crate::motion::kinematics::tests::walk;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

impl House {
    async fn edit(&self, body: Value) -> Answer {
        let body = Body::from(body.to_string());
        let request = request(Method::POST, "/edit").header("content-type", "application/json");
        self.send(request.body(body).unwrap()).await
    }
}

#[tokio::test]
async fn an_edit_is_a_result_of_its_own() {
    let house = House::new();
    let parent = house.generate(r#"{"prompt":"walk","seed":3,"samples":2,"model":"other"}"#).await.json();
    let body = json!({"parent": parent["id"], "sample": 1, "kind": "window", "from": 30, "to": 60, "persons": [1],
        "parts": ["arms"], "prompt": "one person waves", "seed": 5, "samples": 2});
    let answer = house.edit(body.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        ("application/json", "no-store")
    );
    let made = answer.json();
    assert_ne!(made["id"], parent["id"]);
    assert_eq!((&made["parent"], &made["model"]), (&parent["id"], &parent["model"]));
    assert_eq!(made["prompt"], "one person waves");
    let edit = json!({"kind": "window", "sample": 1, "from": 28, "to": 60, "persons": [1], "parts": ["arms"], "blend": 12});
    assert_eq!(made["edit"], edit);
    assert_eq!((&made["settings"]["seed"], &made["frames"]), (&5.into(), &88.into()));
    assert_eq!(made["samples"].as_array().unwrap().len(), 2);
    // Words of its own are followed more closely, unless somebody says how closely; the parent's words are not.
    for (said, guidance) in
        [(json!({}), 4.0), (json!({"prompt": "walk"}), 2.0), (json!({"guidance": 3.5}), 3.5)]
    {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        assert_eq!(house.edit(body).await.json()["settings"]["guidance"], guidance, "{said}");
    }
    assert!(parent.get("edit").is_none() && parent.get("parent").is_none());

    // Both stay; the files are there; the same edit gives the same motion.
    let address = format!("/motions/{}", made["id"].as_str().unwrap());
    assert_eq!(house.get(&address).await.body, answer.body);
    assert_eq!(house.get(&format!("{address}/01_person2.bvh")).await.status, StatusCode::OK);
    assert_eq!(
        house.get(&format!("/motions/{}", parent["id"].as_str().unwrap())).await.status,
        StatusCode::OK
    );
    let again = house.edit(body).await.json();
    assert_eq!(again["samples"][0]["persons"], made["samples"][0]["persons"]);
    // An edit of an edit.
    let moved =
        house.edit(json!({"parent": made["id"], "kind": "move", "person": 2, "shift": [0.5, 0]})).await;
    let moved = moved.json();
    assert_eq!((&moved["parent"], &moved["edit"]["kind"]), (&made["id"], &"move".into()));
    assert_eq!(moved["samples"][0]["persons"][0], made["samples"][0]["persons"][0]);
    let x = |body: &Value| body["samples"][0]["persons"][1]["positions"][40][0][0].as_f64().unwrap();
    assert!((x(&moved) - x(&made) - 0.5).abs() < 2e-4);
}

#[tokio::test]
async fn clips_grow() {
    let house = House::new();
    let parent = house.prompt("walk").await.json();
    let timeline = json!([{"prompt": "they bow", "seconds": 3}, {"prompt": "they walk away", "frames": 240}]);
    let made =
        house.edit(json!({"parent": parent["id"], "kind": "extend", "timeline": timeline})).await.json();
    assert_eq!((&made["frames"], &made["prompt"]), (&416.into(), &"they bow / they walk away".into()));
    assert_eq!(made["samples"][0]["persons"][0]["positions"].as_array().unwrap().len(), 416);
    house.edit(json!({"parent": made["id"], "kind": "vary"})).await.is_problem(400, "clip_too_long");
}

#[tokio::test]
async fn motion_comes_in_files() {
    let house = House::new();
    let file = STANDARD.encode(npy::write_person(&walk(40)).unwrap());
    let react = json!({"files": [file], "kind": "react", "prompt": "they bow", "seed": 1});
    let made = house.edit(react).await.json();
    assert_eq!(
        (&made["frames"], &made["edit"]["kind"], &made["model"]),
        (&40.into(), &"react".into(), &"mini".into())
    );
    assert!(made.get("parent").is_none());
    let short = STANDARD.encode(npy::write_person(&walk(12)).unwrap());
    let with = |files: Value| json!({"files": files, "kind": "vary", "prompt": "they bow"});
    for (body, code) in [
        (with(json!([file])), "invalid_files"),
        (with(json!([])), "invalid_files"),
        (with(json!([file, file, file])), "invalid_files"),
        (with(json!(["?"])), "invalid_files"),
        (with(json!([STANDARD.encode("MZ\0\0"), file])), "not_a_motion"),
        (with(json!([STANDARD.encode("\u{1}"), file])), "not_a_motion"),
        (with(json!([STANDARD.encode(&npy::write_person(&walk(40)).unwrap()[..900]), file])), "npy_corrupt"),
        (with(json!([STANDARD.encode("HIERARCHY\nROOT"), file])), "bvh_syntax"),
        (with(json!([short, short])), "motion_too_short"),
        (
            with(json!([file, STANDARD.encode(npy::write_person(&walk(44)).unwrap())])),
            "persons_differ_in_length",
        ),
        (json!({"files": [file, file], "kind": "vary"}), "invalid_prompt"),
        (json!({"files": [file, file], "parent": "0", "kind": "vary"}), "invalid_parent"),
    ] {
        house.edit(body).await.is_problem(400, code);
    }
    assert_eq!(house.edit(with(json!([file, file]))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_edited_is_named() {
    let house = House::new();
    let id = house.prompt("walk").await.json()["id"].clone();
    let unknown = json!({"parent": "0".repeat(32), "kind": "vary"});
    house.edit(unknown).await.is_problem(404, "unknown_motion");
    house.edit(json!({"parent": "../secret", "kind": "vary"})).await.is_problem(404, "unknown_motion");
    house.edit(json!({"parent": id, "kind": "vary", "model": "none"})).await.is_problem(404, "unknown_model");
    for (body, code) in [
        (json!({"kind": "vary"}), "missing_field"),
        (json!({"parent": id}), "missing_field"),
        (json!({"parent": id, "kind": "dance"}), "invalid_kind"),
        (json!({"parent": id, "kind": "window", "from": 40, "to": 100}), "invalid_window"),
        (json!({"parent": id, "kind": "window", "from": 0, "to": 8, "parts": ["nose"]}), "invalid_parts"),
        (json!({"parent": id, "kind": "vary", "sample": 1}), "invalid_sample"),
        (json!({"parent": id, "kind": "vary", "sample": -1}), "invalid_sample"),
        (json!({"parent": id, "kind": "vary", "foot_fix": false}), "unknown_field"),
        (json!(["parent"]), "invalid_json"),
    ] {
        house.edit(body).await.is_problem(400, code);
    }
    let plain = request(Method::POST, "/edit").body(Body::from("{}")).unwrap();
    house.send(plain).await.is_problem(415, "unsupported_media_type");
    house.get("/edit").await.is_problem(405, "method_not_allowed");
    let large = json!({"parent": id, "kind": "vary", "prompt": "x".repeat(9 << 20)});
    house.edit(large).await.is_problem(413, "payload_too_large");
}

#[tokio::test]
async fn edits_that_are_refused_give_their_place_back() {
    let house = House::new();
    for _ in 0..=crate::server::edit::AT_ONCE {
        let body = json!({"files": ["aGk="], "kind": "react", "prompt": "they bow"});
        house.edit(body).await.is_problem(400, "not_a_motion");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_are_few_and_gone_once_they_are_understood() {
    let house = House::new();
    let state = AppState::new(house.engine.clone(), policy()).unwrap();
    let house = Arc::new(House { app: app(state.clone()), ..house });
    let file = STANDARD.encode(npy::write_person(&walk(80)).unwrap());
    assert!(file.len() > body::MAX_BYTES);
    let asked = |prompt: &str| json!({"files": [file], "kind": "react", "prompt": prompt});
    let all = state.large.clone().acquire_many_owned(body::LARGE_AT_ONCE as u32).await.unwrap();
    let refused = house.edit(asked("they bow")).await;
    refused.is_problem(429, "queue_full");
    assert_eq!(refused.header("retry-after"), "2");
    house.edit(json!({"kind": "vary"})).await.is_problem(400, "missing_field");
    drop(all);
    let running = tokio::spawn({
        let (house, asked) = (house.clone(), asked("wait"));
        async move { house.edit(asked).await }
    });
    eventually("the edit to run", || house.control.started.load(SeqCst) == 1);
    assert_eq!(state.large.available_permits(), body::LARGE_AT_ONCE, "the model needs no body");
    house.control.open.store(true, SeqCst);
    assert_eq!(running.await.unwrap().status, StatusCode::OK);
    let endless = json!({"parent": "0".repeat(32), "kind": "window", "persons": vec![0; 1 << 20]});
    house.edit(endless).await.is_problem(400, "invalid_json");
    assert_eq!(state.large.available_permits(), body::LARGE_AT_ONCE);
}
