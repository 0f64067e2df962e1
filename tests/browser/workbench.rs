//! Seeds side by side, comparing, the loop region, and a history that outlives both the page and the server's memory.

use super::{PROMPT, SECONDS, opened};
use crate::server::Server;
use crate::webdriver::Browser;
use serde_json::Value;

/// Asks for `samples` motions of one second and waits until they are shown.
fn make(browser: &Browser, prompt: &str, samples: u32) {
    browser.run(&format!("document.getElementById('samples').value = '{samples}'"));
    browser.fill("#prompt", prompt);
    browser.fill("#seconds", "1");
    browser.fill("#seed", "7");
    browser.click("#generate");
    browser.wait("the motion", 120 * SECONDS, |b| (b.text("#title") == prompt).then_some(()));
    if browser.run("return document.getElementById('play').hasAttribute('data-playing')") == true {
        browser.click("#play");
    }
}

fn count(browser: &Browser, css: &str) -> i64 {
    browser.run(&format!("return document.querySelectorAll('{css}').length")).as_i64().unwrap()
}

/// The id in the page's address and the positions of the result that it names.
fn shown(browser: &Browser, server: &Server) -> (String, Value) {
    let id = browser
        .run("return new URLSearchParams(location.hash.slice(1)).get('id')")
        .as_str()
        .unwrap()
        .to_owned();
    let (status, body) = server.get(&format!("/motions/{id}"));
    assert_eq!(status, 200, "{id}");
    let mut answer: Value = serde_json::from_slice(&body).unwrap();
    let persons = answer["samples"].as_array_mut().unwrap().iter_mut().map(|sample| sample["persons"].take());
    let persons = Value::Array(persons.collect());
    (id, persons)
}

#[test]
fn seeds_stand_side_by_side_and_what_was_made_comes_back() {
    let Some((_held, server, browser)) = opened() else { return };
    let page = format!("http://{}/", server.address);
    browser.visit(&page);
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));

    // The length is that of an example while its words stand there.
    browser.run(
        "const chip = document.createElement('button'); chip.className = 'chip'; chip.dataset.seconds = '8'; \
         chip.textContent = 'they meet'; const list = document.createElement('div'); list.className = 'examples'; \
         list.append(chip); document.body.append(list)",
    );
    let length = |browser: &Browser| browser.run("return document.getElementById('seconds').value");
    browser.fill("#prompt", "They meet");
    assert_eq!(length(&browser), "8");
    browser.keys("#prompt", " again");
    assert_eq!(length(&browser), "4");
    browser.run("document.body.lastElementChild.remove()");

    // Three seeds side by side; one comes to the front, and the next is compared with it.
    make(&browser, PROMPT, 3);
    assert_eq!(count(&browser, "#grid:not([hidden]) button"), 3);
    assert!(browser.text("#subtitle").contains("seeds 7 to 9"), "{}", browser.text("#subtitle"));
    browser.click("#grid button:nth-child(2)");
    assert_eq!(count(&browser, "#grid:not([hidden]) button"), 0);
    assert!(browser.text("#subtitle").contains("seed 8"), "{}", browser.text("#subtitle"));
    browser.keys("#timeline", "c");
    assert_eq!(count(&browser, "#compared:not([hidden])"), 0, "nothing is compared with itself");
    browser.keys("#timeline", "3");
    assert!(browser.text("#compared").contains("seed 8"), "{}", browser.text("#compared"));
    browser.keys("#timeline", "xc");
    assert!(browser.text("#subtitle").contains("seed 8"), "the two are exchanged");

    // A loop region from frame 6 to frame 11, and out of it again.
    browser.keys(
        "#timeline",
        "\u{E011}\u{E014}\u{E014}\u{E014}\u{E014}\u{E014}a\u{E014}\u{E014}\u{E014}\u{E014}\u{E014}b",
    );
    assert_eq!(count(&browser, "#region-clear:not([hidden])"), 1);
    browser.keys("#timeline", "\u{E00C}");
    assert_eq!(count(&browser, "#region-clear:not([hidden])"), 0);

    // The address holds every setting.
    let address = browser.run("return location.hash").as_str().unwrap().to_owned();
    for part in
        ["seed=7", "samples=3", "steps=20", "guidance=2", "temperature=1", "rigid=true", "model=small"]
    {
        assert!(address.contains(part), "{part} in {address}");
    }

    // The page is left and opened anew, and the server has forgotten: the same motion is made again.
    let (id, made) = shown(&browser, &server);
    browser.run(&format!(
        "localStorage.setItem('duet.history', localStorage.getItem('duet.history').replaceAll('{id}', '{}'))",
        "0".repeat(id.len())
    ));
    browser.visit("about:blank");
    browser.visit(&page);
    // The server lists the one that it keeps, which this browser now takes for another.
    browser.wait("the earlier results", 60 * SECONDS, |b| (count(b, "#earlier button") == 2).then_some(()));
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));
    browser.click("#earlier button");
    browser.wait("the motion made again", 120 * SECONDS, |b| (b.text("#title") == PROMPT).then_some(()));
    let (again, same) = shown(&browser, &server);
    assert_ne!(again, id);
    assert!(made == same, "the same seeds make the same motions");
    assert_eq!(count(&browser, "#earlier button"), 2, "it took the place of the one that was forgotten");

    // A browser that knows nothing shows what the server keeps.
    browser.run("localStorage.clear()");
    browser.visit("about:blank");
    browser.visit(&page);
    browser.wait("the server's results", 60 * SECONDS, |b| (count(b, "#earlier button") == 2).then_some(()));
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));
    browser.click("#earlier li:last-child button");
    browser.wait("the first result", 60 * SECONDS, |b| (b.text("#title") == PROMPT).then_some(()));
    let (listed, first) = shown(&browser, &server);
    assert_eq!(listed, id);
    assert!(first == made);
}
