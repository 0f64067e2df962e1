//! Words stay words: nothing of a prompt becomes part of the page, and nothing in the page makes elements of text.

use super::{SECONDS, opened, quiet};
use crate::webdriver::Browser;
use serde_json::json;
use std::path::Path;

const MARKUP: &str = r#"<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"#;

/// The policy of the page would keep the script from running, so that the elements are looked for, too.
fn nothing_came_of_it(browser: &Browser) {
    let found = browser.run(
        "return [typeof window.hacked, document.querySelectorAll('[onerror], [src=x], script:not([src])').length]",
    );
    assert_eq!(found, json!(["undefined", 0]));
}

#[test]
fn markup_in_a_prompt_stays_text() {
    let Some((_held, server, browser)) = opened() else { return };
    let page = format!("http://{}/", server.address);
    browser.visit(&page);
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));

    // Made here: the title, the details, and the picture in the history.
    browser.fill("#prompt", MARKUP);
    browser.fill("#seconds", "1");
    browser.fill("#seed", "7");
    browser.click("#generate");
    browser.wait("the motion", 120 * SECONDS, |b| (b.text("#title") == MARKUP).then_some(()));
    let title = "return document.querySelector('#earlier button')?.title";
    browser.wait("the history", 60 * SECONDS, |b| (b.run(title) == MARKUP).then_some(()));
    assert!(browser.text("#facts").contains(MARKUP), "{}", browser.text("#facts"));
    nothing_came_of_it(&browser);

    // Listed by the server, in a browser that knows nothing of it: its first words stand where no picture is.
    browser.run("localStorage.clear()");
    browser.visit("about:blank");
    browser.visit(&page);
    let words = &MARKUP[..24];
    browser.wait("the server's list", 60 * SECONDS, |b| (b.text("#earlier button") == words).then_some(()));
    assert_eq!(browser.run(title), MARKUP);
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));
    browser.click("#earlier button");
    browser.wait("the motion again", 60 * SECONDS, |b| (b.text("#title") == MARKUP).then_some(()));
    nothing_came_of_it(&browser);
    quiet(&browser, &server);
}

/// Needs no browser.
#[test]
fn nothing_makes_elements_of_text() {
    const WAYS: [&str; 6] =
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe", "document.write", "|safe"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["static", "templates"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let mut looked_at = 0;
    for file in files.into_iter().flatten() {
        let path = file.unwrap().path();
        let text: String = std::fs::read_to_string(&path).unwrap().split_whitespace().collect();
        for way in WAYS {
            assert!(!text.contains(way), "{}: {way}", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 40, "{looked_at} files");
}
