//! Contrast and labels by axe-core, in light and dark and as on a phone; and a walk with the keyboard alone.
//!
//! axe-core comes from npm and is never part of the project: `DUET_AXE` names its axe.min.js, else the one that
//! `npm install --prefix tests/browser` puts there is taken. Without it the test says so and passes, except where CI=true.

use super::{SECONDS, opened, quiet};
use crate::webdriver::Browser;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// axe-core's script, or None after one loud line.
fn axe() -> Option<String> {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/node_modules/axe-core/axe.min.js");
    let path = std::env::var_os("DUET_AXE").map_or_else(|| PathBuf::from(here), PathBuf::from);
    if let Ok(script) = std::fs::read_to_string(path) {
        return Some(script);
    }
    let words =
        "CONTRAST AND LABELS WERE NOT TESTED: run npm install --prefix tests/browser, or set DUET_AXE";
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{words}");
    // Written past the test harness, which keeps the words of tests that pass to itself.
    let _ = writeln!(std::io::stderr(), "{words}");
    None
}

/// What axe-core finds wrong, a line each.
fn violations(browser: &Browser) -> Vec<String> {
    let found = browser.run(
        "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => \
           violations.flatMap(({ id, nodes }) => nodes.map(({ target, any }) => \
             `${id} at ${target.join(' ')}: ${any.map(({ message }) => message).join('; ')}`)))",
    );
    serde_json::from_value(found).unwrap()
}

fn emulate(browser: &Browser, scheme: &str, width: u32) {
    let features = json!([
        { "name": "prefers-color-scheme", "value": scheme },
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ]);
    browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    let size = json!({ "width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 500 });
    browser.devtools("Emulation.setDeviceMetricsOverride", &size);
    browser.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": width < 500 }));
}

#[test]
fn everybody_can_read_and_reach_it() {
    let Some(axe) = axe() else { return };
    let Some((_held, server, browser)) = opened() else { return };
    for (scheme, width) in [("light", 1000), ("dark", 1000), ("light", 380)] {
        emulate(&browser, scheme, width);
        browser.visit(&format!("http://{}/", server.address));
        browser.wait("the page", 60 * SECONDS, |b| (!b.text("#frame").is_empty()).then_some(()));
        let playing = "return document.getElementById('play').hasAttribute('data-playing')";
        assert_eq!(browser.run(playing), false, "nothing moves by itself where that is not wanted");
        let wide = browser.run("return [document.documentElement.scrollWidth, innerWidth]");
        assert_eq!(wide, json!([width, width]), "nothing sticks out");
        // What a canvas shows behind a word is not for it to judge; the colour under the stage is that of the page.
        browser.run(&format!("document.getElementById('stage').style.visibility = 'hidden'; {axe}"));
        let mut found = violations(&browser);
        for key in ["w", "e", "d", "i", "?"] {
            browser.keys("#timeline", key);
            found.extend(violations(&browser));
            browser.keys("body", "\u{E00C}");
        }
        assert!(found.is_empty(), "{scheme}, {width} wide: {found:#?}");
    }
    quiet(&browser, &server);
}

#[test]
fn the_keyboard_is_enough() {
    let Some((_held, server, browser)) = opened() else { return };
    browser.visit(&format!("http://{}/", server.address));
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#frame").is_empty()).then_some(()));
    let focus = |browser: &Browser| -> Value { browser.run("return document.activeElement.id") };
    // Every control can be reached, each shows that it has the focus, and each has a name.
    let mut reached = Vec::new();
    for _ in 0..60 {
        let active = if reached.is_empty() { "body".to_owned() } else { ":focus".to_owned() };
        browser.keys(&active, "\u{E004}");
        let now = browser.run(
            "const at = document.activeElement; const box = at.getBoundingClientRect(); \
             return [at.id || at.className, at.matches(':focus-visible') && (getComputedStyle(at).outlineStyle !== 'none' \
             || at.closest('.field, .file, #composer') !== null), box.width > 0, (at.ariaLabel || at.textContent || at.labels?.[0]?.textContent || '').trim() !== '']",
        );
        let [name, seen, there, named] = [0, 1, 2, 3].map(|i| now[i].clone());
        if reached.contains(&name) && name != "chip" || name == "" {
            break;
        }
        assert!(seen == true && there == true && named == true, "{now}");
        reached.push(name);
    }
    for id in [
        "stage",
        "looks-open",
        "edit-open",
        "downloads-open",
        "details-open",
        "help-open",
        "play",
        "timeline",
        "speed",
        "prompt",
        "generate",
    ] {
        assert!(reached.contains(&json!(id)), "{id} is not in {reached:?}");
    }
    // To the prompt, words, Enter.
    browser.keys("body", "/");
    assert_eq!(focus(&browser), "prompt");
    browser.keys("#prompt", "two people bow\u{E007}");
    browser.wait("the motion", 120 * SECONDS, |b| (b.text("#title") == "two people bow").then_some(()));
    quiet(&browser, &server);
}
