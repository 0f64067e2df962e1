//! The page in a real browser, served by the real binary: type a prompt, watch, pause, step, scrub, orbit, edit, drop files, take
//! home.
//!
//! Needs Chromium and chromedriver on the PATH. Without them the test says so and passes, except where CI=true.
//! `DUET_PICTURES=<folder>` keeps what was seen. `DUET_AXE=<file>` names axe-core's script (npm) for the test of contrast and labels.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop")]

#[path = "browser/access.rs"]
mod access;
#[path = "browser/editing.rs"]
mod editing;
#[path = "browser/markup.rs"]
mod markup;
#[path = "browser/readers.rs"]
mod readers;
#[path = "support/server.rs"]
mod server;
#[path = "support/small_model.rs"]
mod small_model;
#[path = "browser/touch.rs"]
mod touch;
#[path = "support/webdriver.rs"]
mod webdriver;
#[path = "browser/workbench.rs"]
mod workbench;

use image::RgbImage;
use serde_json::json;
use server::Server;
use small_model::models;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use webdriver::Browser;

const SECONDS: Duration = Duration::from_secs(1);
const PROMPT: &str = "two people walk toward each other and shake hands";

/// One browser at a time: drawing in software takes all cores.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The browser, or None after one loud line.
fn browser() -> Option<Browser> {
    let Some(programs) = webdriver::programs() else {
        let words = "THE PAGE WAS NOT TESTED: chromium and chromedriver are not on the PATH";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{words}");
        // Written past the test harness, which keeps the words of tests that pass to itself.
        let _ = writeln!(std::io::stderr(), "{words}");
        return None;
    };
    Some(Browser::open(programs, 1000, 720))
}

/// What a test keeps until its server and its browser are gone: its turn, and the models.
type Held = (MutexGuard<'static, ()>, TempDir);

/// A server and the browser, when it is this test's turn; None where there is no browser. What is last is gone first.
fn opened() -> Option<(Held, Server, Browser)> {
    let turn = alone();
    let browser = browser()?;
    let models = models();
    let server = Server::start(models.path());
    Some(((turn, models), server, browser))
}

/// The frame that the page says it shows, from 1.
fn frame(browser: &Browser) -> i64 {
    browser.text("#frame").split_once(' ').map_or(0, |(frame, _)| frame.parse().unwrap())
}

/// The middle of the window, where the stage is and no control covers it.
fn stage(browser: &Browser, name: &str) -> RgbImage {
    let picture = browser.picture();
    if let Some(folder) = std::env::var_os("DUET_PICTURES") {
        picture.save(Path::new(&folder).join(format!("{name}.png"))).unwrap();
    }
    let (width, height) = picture.dimensions();
    image::imageops::crop_imm(&picture, width / 8, height / 6, width * 3 / 4, height / 2).to_image()
}

/// Share of the pixels that differ by more than a shade.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let differ = |(a, b): &(&image::Rgb<u8>, &image::Rgb<u8>)| (0..3).any(|i| a[i].abs_diff(b[i]) > 8);
    a.pixels().zip(b.pixels()).filter(differ).count() as f64 / f64::from(a.width() * a.height())
}

/// Pixels of person 1 (amber: red far above blue) and of person 2 (teal: blue and green far above red).
fn people(picture: &RgbImage) -> [usize; 2] {
    let count = |is: fn(i32, i32, i32) -> bool| {
        picture.pixels().filter(|p| is(p[0].into(), p[1].into(), p[2].into())).count()
    };
    [count(|r, _, b| r > b + 60), count(|r, g, b| g > r + 40 && b > r + 40)]
}

#[test]
fn a_person_makes_a_motion_and_plays_with_it() {
    let Some((_held, server, browser)) = opened() else { return };
    browser.visit(&format!("http://{}/", server.address));

    // What cannot be asked for is said in words, before anything is sent.
    browser.wait("the page", 60 * SECONDS, |b| {
        (b.run("return document.readyState") == "complete").then_some(())
    });
    browser.wait("words for an empty prompt", 30 * SECONDS, |b| {
        b.click("#generate");
        b.text("#words").contains("press Generate").then_some(())
    });

    browser.fill("#prompt", PROMPT);
    browser.fill("#seconds", "2");
    browser.fill("#seed", "7");
    browser.click("#generate");
    browser.wait("the motion", 120 * SECONDS, |b| (b.text("#title") == PROMPT).then_some(()));
    assert!(browser.text("#subtitle").contains("seed 7"), "{}", browser.text("#subtitle"));
    assert!(browser.text("#frame").ends_with(" / 60"), "{}", browser.text("#frame"));

    // It plays by itself, and both people are there.
    let start = frame(&browser);
    browser.wait("the next frames", 30 * SECONDS, |b| (frame(b) != start).then_some(()));
    browser.click("#play");
    browser.keys("#timeline", "\u{E011}");
    let first = settled(&browser, "first");
    let [amber, teal] = people(&first);
    assert!(amber > 200 && teal > 200, "amber {amber}, teal {teal}");

    // Paused means still.
    assert_eq!(frame(&browser), 1);
    std::thread::sleep(SECONDS / 2);
    assert_eq!(frame(&browser), 1);

    // Steps of a frame and of a second, and the strip under the stage.
    browser.keys("#timeline", "\u{E014}\u{E014}\u{E012}");
    assert_eq!(frame(&browser), 2);
    browser.keys("#timeline", "\u{E008}\u{E014}");
    assert_eq!(frame(&browser), 32);
    let width = browser.run("return document.getElementById('timeline').clientWidth").as_i64().unwrap();
    browser.drag("#timeline", (0, 0), (width / 4, 0));
    let scrubbed = frame(&browser);
    assert!((43..=48).contains(&scrubbed), "three quarters of 60 frames, not {scrubbed}");
    let later = settled(&browser, "later");
    assert!(
        difference(&first, &later) > 0.003,
        "another frame looks different: {}",
        difference(&first, &later)
    );

    // A drag on the stage looks from elsewhere and leaves the frame alone.
    browser.drag("#stage", (0, -60), (220, 40));
    let turned = settled(&browser, "turned");
    assert!(difference(&later, &turned) > 0.01, "orbiting changes the view: {}", difference(&later, &turned));
    assert_eq!(frame(&browser), scrubbed);

    // Both people's files, to take home: each format by its link in the menu, the bytes those of the server.
    let home = tempfile::tempdir().unwrap();
    let behaviour = json!({ "behavior": "allow", "downloadPath": home.path() });
    browser.devtools("Browser.setDownloadBehavior", &behaviour);
    browser.click("#downloads-open");
    let links = browser
        .run("return [...document.querySelectorAll('#downloads a')].map((a) => a.getAttribute('href'))");
    let links: Vec<String> = serde_json::from_value(links).unwrap();
    let id = browser.run("return new URLSearchParams(location.hash.slice(1)).get('id')");
    let id = id.as_str().unwrap();
    let formats: [(&str, &[u8]); 8] = [
        (".glb", b"glTF"),
        ("1.bvh", b"HIERARCHY"),
        ("2.bvh", b"HIERARCHY"),
        ("motion.npz", b"PK"),
        ("1.amass.npz", b"PK"),
        (".gif", b"GIF89a"),
        ("_0.npy", b"\x93NUMPY"),
        // The JSON has the address of the result itself.
        (id, b"{"),
    ];
    for (end, start) in formats {
        let href = links.iter().find(|href| href.ends_with(end)).expect(end);
        browser.run(&format!("document.querySelector('#downloads a[href=\"{href}\"]').click()"));
        let body = browser.wait(href, 60 * SECONDS, |_| downloaded(home.path()));
        assert!(body.starts_with(start), "{href}");
        assert!(server.get(href) == (200, body), "{href} is not what the server gives");
    }
    let keypoints = links.iter().find(|href| href.ends_with("/00_0.npy")).unwrap();
    let keypoints = duet::formats::npy::read_person(&server.get(keypoints).1).unwrap();
    assert_eq!(keypoints.positions.len(), 60);
    // By keyboard: the first file has the focus, down goes to the next, escape closes and gives the focus back.
    let focus = |browser: &Browser| {
        browser.run("return document.activeElement.getAttribute('href') ?? document.activeElement.id")
    };
    let first = focus(&browser);
    assert_eq!(first, links[0]);
    browser.keys("#downloads a", "\u{E015}");
    assert_eq!(focus(&browser), links[1]);
    browser.keys("#downloads a", "\u{E00C}");
    assert_eq!(focus(&browser), "downloads-open");

    quiet(&browser, &server);
}

/// The one file that was downloaded into a folder, once it is whole; it is taken away.
fn downloaded(folder: &Path) -> Option<Vec<u8>> {
    std::fs::read_dir(folder).unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // Until then it has another name, beside an empty file of its own.
        let whole = !name.starts_with('.') && !name.ends_with(".crdownload");
        let body = std::fs::read(entry.path()).ok().filter(|body| whole && !body.is_empty())?;
        std::fs::remove_file(entry.path()).unwrap();
        Some(body)
    })
}

/// Nothing went wrong that only developers see: errors, broken rules of the page's own policy, other hosts.
fn quiet(browser: &Browser, server: &Server) {
    let has_intro = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/intro.json").exists();
    let of_note = |(level, message): &(String, String)| {
        level == "SEVERE" && (has_intro || !message.contains("/static/intro.json"))
    };
    let errors: Vec<_> = browser.console().into_iter().filter(of_note).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let home = format!("http://{}/", server.address);
    let asked = browser.requests();
    assert!(asked.iter().any(|address| address.starts_with(&home)), "requests are seen");
    let elsewhere = |address: &&String| {
        !address.starts_with(&home)
            && !["data:", "blob:", "about:"].iter().any(|own| address.starts_with(own))
    };
    let others: Vec<_> = asked.iter().filter(elsewhere).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// The stage once the camera has come to rest: two pictures in a row that are the same.
fn settled(browser: &Browser, name: &str) -> RgbImage {
    let mut before = stage(browser, name);
    browser.wait("a still picture", 60 * SECONDS, |b| {
        let now = stage(b, name);
        let still = difference(&before, &now) < 0.0005;
        before = now;
        still.then_some(())
    });
    before
}
