//! The forms of an answer: files in place of JSON, compressed, in parts, not at all when known.

use super::*;
use std::io::Read;

async fn get_with(house: &House, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut asked = request(Method::GET, path);
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    house.send(asked.body(Body::empty()).unwrap()).await
}

async fn post_with(house: &House, path: &str, body: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut asked = request(Method::POST, path).header("content-type", "application/json");
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    house.send(asked.body(body.to_owned().into()).unwrap()).await
}

const NPZ: (&str, &str) = ("accept", "application/x-npz");

#[tokio::test]
async fn a_motion_as_a_file() {
    let house = House::new();
    let body = r#"{"prompt":"walk","seed":7}"#;
    let made = post_with(&house, "/generate", body, &[NPZ]).await;
    assert_eq!((made.status, made.header("content-type")), (StatusCode::OK, "application/x-npz"));
    assert_eq!((made.header("vary"), made.header("cache-control")), ("accept", "no-store"));
    assert!(made.header("content-disposition").ends_with("_00_motion.npz\""));
    let address = made.header("content-location").to_owned();
    let file = house.get(&address).await;
    assert_eq!(file.body, made.body, "the file of the result, under its address");
    let asked = post_with(&house, "/generate?format=npz", body, &[]).await;
    assert_eq!(asked.body, made.body, "the same settings, the same bytes");
    let scene = post_with(&house, "/generate?format=glb", body, &[NPZ]).await;
    assert_eq!(scene.header("content-type"), "model/gltf-binary");
    assert!(scene.body.starts_with(b"glTF"), "what stands in the address goes before the header");

    let motion = address.rsplit_once('/').unwrap().0;
    assert_eq!(house.get(&format!("{motion}?format=npz")).await.body, made.body);
    assert_eq!(get_with(&house, motion, &[NPZ]).await.body, made.body);
    let json = house.get(motion).await;
    assert_eq!((json.header("content-type"), json.header("vary")), ("application/json", "accept"));
    assert_eq!(json.json()["prompt"], "walk");
    let parent = motion.rsplit_once('/').unwrap().1;
    let edit = json!({"parent": parent, "kind": "move", "person": 1, "shift": [0.5, 0.0]}).to_string();
    let edited = post_with(&house, "/edit?format=npz", &edit, &[]).await;
    assert_eq!((edited.status, edited.header("content-type")), (StatusCode::OK, "application/x-npz"));
    assert_ne!(edited.body, made.body);
}

#[tokio::test]
async fn forms_that_cannot_be_had() {
    let house = House::new();
    let two = r#"{"prompt":"walk","samples":2}"#;
    post_with(&house, "/generate", two, &[NPZ]).await.is_problem(400, "invalid_format");
    let body = r#"{"prompt":"walk"}"#;
    for (query, code) in [
        ("format=bvh", "invalid_format"),
        ("format=", "invalid_format"),
        ("format=npz&format=npz", "duplicate_field"),
        ("fromat=npz", "unknown_field"),
    ] {
        post_with(&house, &format!("/generate?{query}"), body, &[]).await.is_problem(400, code);
    }
    assert_eq!(house.control.started.load(SeqCst), 0, "refused before any work");
    let made = house.generate(two).await.json();
    let address = format!("/motions/{}?format=npz", made["id"].as_str().unwrap());
    house.get(&address).await.is_problem(400, "invalid_format");
    // A job is told of as JSON whatever its result will be fetched as.
    let job = post_with(&house, "/generate?format=npz", body, &[("prefer", "respond-async, wait=5")]).await;
    assert_eq!((job.status, job.header("content-type")), (StatusCode::ACCEPTED, "application/json"));
    let motion = job.json()["links"]["motion"].as_str().unwrap().to_owned();
    assert_eq!(house.get(&format!("{motion}?format=npz")).await.status, StatusCode::OK);
    let failed = post_with(&house, "/generate?format=npz", r#"{"prompt":"fail"}"#, &[]).await;
    failed.is_problem(500, "model_failure");
}

#[tokio::test]
async fn files_come_in_parts() {
    let house = House::new();
    let made = house.prompt("walk").await.json();
    let address = made["samples"][0]["files"]["00_motion.npz"].as_str().unwrap().to_owned();
    let whole = house.get(&address).await;
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let (tag, length) = (whole.header("etag").to_owned(), whole.body.len());
    assert!(tag.starts_with('"'), "the tag stands for the bytes");
    let part = async |range: &str, more: &[(&'static str, &str)]| {
        get_with(&house, &address, &[&[("range", range)][..], more].concat()).await
    };
    for (range, from, to) in
        [("bytes=0-99", 0, 100), ("bytes=100-", 100, length), ("bytes=-7", length - 7, length)]
    {
        // Encodings are of the whole: a part is never encoded.
        let part = part(range, &[("accept-encoding", "gzip, zstd")]).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{length}", to - 1));
        assert_eq!((&part.body[..], part.header("etag")), (&whole.body[from..to], tag.as_str()));
        assert!(part.headers.get("content-encoding").is_none());
    }
    let none = part(&format!("bytes={length}-"), &[]).await;
    none.is_problem(416, "range_not_satisfiable");
    assert_eq!(none.header("content-range"), format!("bytes */{length}"));
    for range in ["bytes=0-1,4-5", "seconds=0-1", "bytes=5-2", "nonsense"] {
        let all = part(range, &[]).await;
        assert_eq!((all.status, &all.body), (StatusCode::OK, &whole.body), "{range}");
    }
    let other = part("bytes=0-9", &[("if-range", "\"another\"")]).await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, length));
    let same = part("bytes=0-9", &[("if-range", &tag)]).await;
    assert_eq!((same.status, same.body.len()), (StatusCode::PARTIAL_CONTENT, 10));
    let known = part("bytes=0-9", &[("if-none-match", &tag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn what_is_compressed_and_what_its_tag_says() {
    let house = House::new();
    let made = house.prompt("walk").await.json();
    let address = made["samples"][0]["files"]["00_person1.bvh"].as_str().unwrap().to_owned();
    let plain = house.get(&address).await;
    for (encoding, expected) in [("gzip", "gzip"), ("zstd", "zstd"), ("gzip;q=0.5, zstd", "zstd")] {
        let small = get_with(&house, &address, &[("accept-encoding", encoding)]).await;
        assert_eq!(small.header("content-encoding"), expected);
        assert!(small.header("vary").contains("accept-encoding"));
        assert_eq!(
            small.header("etag"),
            format!("W/{}", plain.header("etag")),
            "other bytes, the same meaning"
        );
        assert!(small.headers.get("accept-ranges").is_none(), "ranges are of the plain bytes");
        assert!(small.body.len() * 2 < plain.body.len());
        if expected == "gzip" {
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(&small.body[..]).read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, plain.body);
        } else {
            assert_eq!(zstd::decode_all(&small.body[..]).unwrap(), plain.body);
        }
        let weak = small.header("etag").to_owned();
        let known = get_with(&house, &address, &[("if-none-match", &weak)]).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    }
    let motion = format!("/motions/{}", made["id"].as_str().unwrap());
    let (json, small) =
        (house.get(&motion).await, get_with(&house, &motion, &[("accept-encoding", "zstd")]).await);
    assert_eq!(small.header("etag"), format!("W/{}", json.header("etag")));
    let vary: Vec<_> = small.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(vary.join(", "), "accept, accept-encoding");
    // Events have to arrive when they happen.
    let job =
        post_with(&house, "/generate", r#"{"prompt":"walk"}"#, &[("prefer", "respond-async, wait=5")]).await;
    let events = format!("{}/events", job.header("location"));
    let events = get_with(&house, &events, &[("accept-encoding", "gzip")]).await;
    assert_eq!((events.status, events.header("content-encoding")), (StatusCode::OK, ""));
}
