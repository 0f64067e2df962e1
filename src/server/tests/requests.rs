//! Requests and results: what is asked, what comes back, what is refused.

use super::*;

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
               "temperature": 1.0, "foot_fix": true, "rigid": true})
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
    let amass = ["00_person1.amass.npz", "00_person2.amass.npz"];
    let pictures = ["00_motion.mp4", "00_motion.gif", "00_sheet.png"];
    let mut expected = [&keypoints[..], &others, &amass, &pictures].concat();
    expected.retain(|name| !name.ends_with("mp4") || cfg!(feature = "mp4"));
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (name, address) in files {
        let file = house.get(address.as_str().unwrap()).await;
        assert_eq!(file.status, StatusCode::OK);
        let kind = match name.rsplit('.').next() {
            Some("glb") => "model/gltf-binary",
            Some("mp4") => "video/mp4",
            Some("gif") => "image/gif",
            Some("png") => "image/png",
            _ => "application/octet-stream",
        };
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
    let seen = |query: &'static str| {
        let (house, at) = (&house, format!("{address}/00_motion.gif{query}"));
        async move { house.get(&at).await }
    };
    let (two, one) = (seen("").await, seen("?camera=30%2C20,4").await);
    assert_eq!((one.status, one.header("content-type")), (StatusCode::OK, "image/gif"));
    assert!(one.body != two.body && one.header("etag") != two.header("etag"), "another camera, another film");
    seen("?camera=30").await.is_problem(400, "invalid_camera");
    seen("?camera=30,99").await.is_problem(400, "camera_out_of_range");
    seen("?size=9").await.is_problem(400, "unknown_field");
    house.get(&format!("{address}/00_motion.glb?camera=1,1")).await.is_problem(400, "no_camera");
    for wrong in [
        "00_2.npy",
        "01_0.npy",
        "00_person3.bvh",
        "00_motion.fbx",
        "",
        "..%2f..%2fCargo.toml",
        "%2fetc%2fpasswd",
        "%2e%2e%2f00_0.npy",
        "%00",
        "%ff",
        "00_0.npy/",
        "00_0.NPY",
        "CON",
    ] {
        house.get(&format!("{address}/{wrong}")).await.is_problem(404, "not_found");
    }
    let absent = "0".repeat(32);
    for wrong in [absent.as_str(), "1", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%2fetc%2fpasswd", "%00", "CON"] {
        house.get(&format!("/jobs/{wrong}")).await.is_problem(404, "unknown_job");
        house.get(&format!("/motions/{wrong}")).await.is_problem(404, "unknown_motion");
        house.get(&format!("/motions/{wrong}/00_0.npy")).await.is_problem(404, "unknown_motion");
    }
    let plain = house.generate(r#"{"prompt":"walk","foot_fix":false}"#).await.json();
    assert_eq!(plain["samples"][0]["files"].as_object().unwrap().len(), expected.len() - 2);
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
        (r#"{"prompt":"a","memory":1.5}"#, "invalid_memory"),
        (r#"{"prompt":"a","memory":true}"#, "invalid_memory"),
        (r#"{"prompt":"a","foot_fix":"yes"}"#, "invalid_foot_fix"),
        (r#"{"prompt":"a","rigid":1}"#, "invalid_rigid"),
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
async fn a_prompt_unlike_all_that_the_model_was_taught_is_told_apart() {
    let house = House::new();
    let body = house.generate(json!({"prompt": "quantum chromodynamics"}).to_string()).await.json();
    assert_eq!(
        body["familiarity"],
        json!({"near": false, "similarity": 0.125, "nearest": "two people talk"})
    );
}
