//! A window made anew with handles, figures and words; a person carried over the floor; files that are dropped and get a partner.

use super::{PROMPT, SECONDS, opened, quiet};
use crate::server::Server;
use crate::webdriver::Browser;
use base64::Engine as _;
use duet::formats::bvh::{Unit, write};
use duet::formats::{npy, read_person};
use duet::motion::animation::{Animation, FrameRate};
use serde_json::{Value, json};

/// Positions of both people: [person][frame][joint][axis].
type People = Vec<Vec<Vec<[f64; 3]>>>;

/// The people of the result that the page's address names.
fn people(browser: &Browser, server: &Server) -> People {
    let id = browser.run("return new URLSearchParams(location.hash.slice(1)).get('id')");
    let (status, body) = server.get(&format!("/motions/{}", id.as_str().unwrap()));
    assert_eq!(status, 200);
    let mut answer: Value = serde_json::from_slice(&body).unwrap();
    let persons = answer["samples"][0]["persons"].as_array_mut().unwrap();
    persons.iter_mut().map(|person| serde_json::from_value(person["positions"].take()).unwrap()).collect()
}

fn value(browser: &Browser, id: &str) -> f64 {
    browser.run(&format!("return Number(document.getElementById('{id}').value)")).as_f64().unwrap()
}

fn choose(browser: &Browser, id: &str, option: &str) {
    browser.run(&format!(
        "const list = document.getElementById('{id}'); list.value = '{option}'; \
         for (const kind of ['input', 'change']) list.dispatchEvent(new Event(kind, {{ bubbles: true }}))"
    ));
}

/// How many versions the panel lists.
fn versions(browser: &Browser) -> i64 {
    browser.run("return document.querySelectorAll('#versions-list li').length").as_i64().unwrap()
}

/// Presses the button of the panel and waits for the next version.
fn make(browser: &Browser) {
    let before = versions(browser).max(1);
    browser.click("#edit-make");
    browser.wait("the next version", 120 * SECONDS, |b| (versions(b) > before).then_some(()));
}

/// Where the pixels of person 1 are, from the middle of the window: those far redder than blue in the middle of the picture.
fn amber(browser: &Browser) -> (i64, i64) {
    let picture = browser.picture();
    let (width, height) = picture.dimensions();
    let mut all: Vec<(i64, i64)> = Vec::new();
    for (x, y, pixel) in picture.enumerate_pixels() {
        let inside = (width / 8..width * 5 / 8).contains(&x) && (height / 6..height * 2 / 3).contains(&y);
        if inside && i32::from(pixel[0]) > i32::from(pixel[2]) + 60 {
            all.push((i64::from(x), i64::from(y)));
        }
    }
    let count = all.len() as i64;
    assert!(count > 100, "person 1 is in the picture: {count}");
    let sum = all.iter().fold((0, 0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
    let middle = (sum.0 / count, sum.1 / count);
    // Somebody else may stand in front of the middle.
    let away = |at: &&(i64, i64)| (at.0 - middle.0).pow(2) + (at.1 - middle.1).pow(2);
    let (x, y) = *all.iter().min_by_key(away).unwrap();
    (x - i64::from(width / 2), y - i64::from(height / 2))
}

#[test]
fn a_part_is_made_anew_and_a_person_carried() {
    let Some((_held, server, browser)) = opened() else { return };
    browser.visit(&format!("http://{}/", server.address));
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));
    browser.fill("#prompt", PROMPT);
    browser.fill("#seconds", "4");
    browser.fill("#seed", "7");
    browser.click("#generate");
    browser.wait("the motion", 120 * SECONDS, |b| (b.text("#title") == PROMPT).then_some(()));
    browser.click("#play");
    let original = people(&browser, &server);

    // The last frame of the window by its handle on the strip: it begins with the middle third of 120 frames.
    browser.keys("#timeline", "\u{E011}g");
    browser.click("#edit-open");
    assert_eq!((value(&browser, "edit-from"), value(&browser, "edit-to")), (41.0, 80.0));
    let width = browser.run("return document.getElementById('timeline').clientWidth").as_i64().unwrap();
    let at = |frame: i64| 8 + frame * (width - 16) / 119 - width / 2;
    browser.drag("#timeline", (at(80), 10), (at(60) - at(80), 0));
    let to = value(&browser, "edit-to");
    assert!((59.0..=61.0).contains(&to), "the handle was dragged to frame 60, not {to}");

    // A press on a figure says who and what.
    std::thread::sleep(SECONDS);
    browser.press("#stage", amber(&browser));
    let chosen = browser
        .run("return ['edit-person1', 'edit-person2'].map((id) => document.getElementById(id).checked)");
    assert_eq!(chosen, json!([true, false]));
    for (part, wanted) in [("legs", false), ("torso", false), ("arms", true)] {
        if browser.run(&format!("return document.getElementById('edit-{part}').checked")) != wanted {
            browser.click(&format!("#edit-{part}"));
        }
    }
    browser.fill("#edit-seed", "5");
    make(&browser);
    let edited = people(&browser, &server);
    let blend = value(&browser, "edit-blend") as usize;
    assert!(edited[1] == original[1], "person 2 was not chosen");
    assert!(edited[0][..40 - blend] == original[0][..40 - blend], "frames before the window stay");
    assert!(edited[0][to as usize + blend..] == original[0][to as usize + blend..], "frames after it stay");
    // Left wrist in the middle of the window; legs are not arms.
    assert!(edited[0][50][20] != original[0][50][20] && edited[0][50][7] == original[0][50][7]);

    // A person dragged over the floor, and back by undo.
    choose(&browser, "edit-kind", "move");
    // Whoever moves on between the picture and the press is missed.
    browser.run("const play = document.getElementById('play'); if (play.ariaLabel === 'Pause') play.click()");
    // Where it happened to stop, the other person may stand in front.
    browser.keys("#timeline", "\u{E011}");
    std::thread::sleep(SECONDS);
    browser.drag("#stage", amber(&browser), (-60, 0));
    let shift = [value(&browser, "edit-x"), value(&browser, "edit-z")];
    assert!(shift[0].hypot(shift[1]) > 0.05, "dragged by {shift:?}");
    make(&browser);
    let moved = people(&browser, &server);
    assert!(moved[1] == edited[1]);
    for (new, old) in moved[0].iter().zip(&edited[0]) {
        let by = [new[0][0] - old[0][0], new[0][2] - old[0][2]];
        assert!(
            (by[0] - shift[0]).abs() < 2e-3 && (by[1] - shift[1]).abs() < 2e-3,
            "{by:?} instead of {shift:?}"
        );
    }
    browser.click("#undo");
    browser.wait("the version before", 60 * SECONDS, |b| (people(b, &server) == edited).then_some(()));
    quiet(&browser, &server);
}

/// Drops files onto the page as a browser does.
fn drop_files(browser: &Browser, files: &[(&str, &[u8])]) {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| json!({ "name": name, "text": base64::prelude::BASE64_STANDARD.encode(bytes) }))
        .collect();
    browser.run(&format!(
        "const carried = new DataTransfer(); \
         for (const {{ name, text }} of {}) \
           carried.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name)); \
         for (const kind of ['dragenter', 'dragover', 'drop']) \
           document.getElementById('stage').dispatchEvent( \
             new DragEvent(kind, {{ dataTransfer: carried, bubbles: true, cancelable: true }}))",
        json!(files)
    ));
}

/// The person of a file, made as large as people are: the small model knows nothing of people.
fn of_human_size(file: &[u8]) -> Animation {
    let mut person = npy::read_person(file).unwrap();
    let [hip, knee, ankle] = [1, 4, 7].map(|joint| person.positions[0][joint]);
    let between = |a: [f32; 3], b: [f32; 3]| (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt();
    let leg = between(hip, knee) + between(knee, ankle);
    person.positions.iter_mut().flatten().flatten().for_each(|x| *x *= 0.85 / leg);
    Animation::solve(&person.positions).unwrap()
}

/// This program's names for joints and Mixamo's, in the order in which one can be replaced after the other.
const MIXAMO: [(&str, &str); 22] = [
    ("ROOT pelvis", "ROOT m:Hips"),
    ("left_hip", "m:LeftUpLeg"),
    ("right_hip", "m:RightUpLeg"),
    ("spine3", "m:Spine2"),
    ("spine2", "m:Spine1"),
    ("spine1", "m:Spine"),
    ("left_knee", "m:LeftLeg"),
    ("right_knee", "m:RightLeg"),
    ("left_foot", "m:LeftToeBase"),
    ("right_foot", "m:RightToeBase"),
    ("left_ankle", "m:LeftFoot"),
    ("right_ankle", "m:RightFoot"),
    ("neck", "m:Neck"),
    ("head", "m:Head"),
    ("left_shoulder", "m:LeftArm"),
    ("right_shoulder", "m:RightArm"),
    ("left_collar", "m:LeftShoulder"),
    ("right_collar", "m:RightShoulder"),
    ("left_elbow", "m:LeftForeArm"),
    ("right_elbow", "m:RightForeArm"),
    ("left_wrist", "m:LeftHand"),
    ("right_wrist", "m:RightHand"),
];

/// The page's own reader gives the frames and places that the server's does, so that a window means the same to both.
fn is_read_as_by_the_server(browser: &Browser, animation: &Animation) {
    let at = |fps: f64, unit| write(&animation.at(FrameRate::new(fps).unwrap()), unit);
    let time = |text: String, written: &str| {
        let line = text.lines().find(|line| line.starts_with("Frame Time:")).unwrap().to_owned();
        text.replace(&line, &format!("Frame Time: {written}"))
    };
    let mixamo =
        MIXAMO.iter().fold(at(60.0, Unit::Centimetres), |text, (ours, theirs)| text.replace(ours, theirs));
    for (what, text) in [
        ("as written", at(30.0, Unit::Metres)),
        ("four digits", time(at(30.0, Unit::Metres), "0.0333")),
        ("a rate between", time(at(50.0, Unit::Centimetres), "0.02")),
        ("Mixamo's names", time(mixamo, "0.0167")),
        (
            "a mark, and small letters",
            format!("\u{feff}{}", at(30.0, Unit::Metres).replace("HIERARCHY", "hierarchy")),
        ),
    ] {
        let theirs = read_person(text.as_bytes(), 1800).unwrap().positions;
        let script =
            format!("return import('/static/bvh.js').then(({{ readBvh }}) => readBvh({}))", json!(text));
        let page: Vec<Vec<[f64; 3]>> = serde_json::from_value(browser.run(&script)).unwrap();
        assert_eq!(page.len(), theirs.len(), "{what}");
        for (page, theirs) in page.iter().flatten().flatten().zip(theirs.iter().flatten().flatten()) {
            assert!((page - f64::from(*theirs)).abs() < 1e-5, "{what}: {page} {theirs}");
        }
    }
}

#[test]
fn dropped_files_are_shown_and_get_a_partner() {
    let Some((_held, server, browser)) = opened() else { return };
    let body = json!({ "prompt": PROMPT, "seconds": 1, "seed": 7, "rigid": true }).to_string();
    let (status, answer) = server.send(&format!(
        "POST /generate HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    ));
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let file = |name: &str| server.get(answer["samples"][0]["files"][name].as_str().unwrap()).1;
    let npy = file("00_0.npy");
    let captured = of_human_size(&npy);
    let first = write(&captured, Unit::Metres).into_bytes();
    let second = write(&of_human_size(&file("00_1.npy")), Unit::Centimetres).into_bytes();

    browser.visit(&format!("http://{}/", server.address));
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));
    let words = |part: &'static str| {
        browser.wait(part, 30 * SECONDS, |b| b.text("#words").contains(part).then_some(()));
    };
    drop_files(&browser, &[("dance.mp3", b"ID3")]);
    words("dance.mp3 is no motion that can be read here. Drop npy or BVH files");
    drop_files(&browser, &[("broken.npy", b"\x93NUMPY\x01\0")]);
    words("broken.npy cannot be shown: it is not an npy file.");
    drop_files(&browser, &[("giant.bvh", &file("00_person1.bvh"))]);
    words("giant.bvh cannot be shown: it holds nobody of human size");
    is_read_as_by_the_server(&browser, &captured);
    drop_files(&browser, &[("b.bvh", &second), ("a.bvh", &first)]);
    words("nothing was sent to the server");
    assert_eq!(browser.text("#title"), "a.bvh and b.bvh");
    assert!(browser.text("#frame").ends_with(" / 28"), "{}", browser.text("#frame"));

    // Of one person alone a partner can be made. The file does not say what the two do.
    drop_files(&browser, &[("a.npy", &npy)]);
    words("This is one person.");
    browser.click("#edit-make");
    words("Say what the two people do");
    browser.fill("#edit-prompt", PROMPT);
    browser.fill("#edit-seed", "3");
    browser.click("#edit-make");
    browser.wait("the pair", 120 * SECONDS, |b| (b.text("#title") == PROMPT).then_some(()));
    let pair = people(&browser, &server);
    let given = npy::read_person(&npy).unwrap();
    assert_eq!((pair.len(), pair[0].len()), (2, given.positions.len()));
    for (shown, given) in pair[0].iter().flatten().flatten().zip(given.positions.iter().flatten().flatten()) {
        assert!((shown - f64::from(*given)).abs() < 1e-3, "the person in the file stays as they are");
    }
    // The link says what it began with, and what only the owner of the file has.
    let address = browser.run("return location.hash").as_str().unwrap().to_owned();
    assert!(address.contains("file=a.npy"), "{address}");
    quiet(&browser, &server);
}
