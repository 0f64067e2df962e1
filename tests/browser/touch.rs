//! The page on a phone: fingers look around, come nearer, scrub and move the ends of a window; nothing is too small for them.

use super::{PROMPT, SECONDS, difference, frame, opened, people, quiet, stage};
use crate::webdriver::Browser;
use serde_json::{Value, json};

/// Visible controls less than 24 CSS pixels wide or high (WCAG 2.2, 2.5.8), and whether the page scrolls sideways.
const TOO_SMALL: &str = "
    const own = [...document.querySelectorAll('button, a, input, select, textarea, canvas')]
        .filter((e) => e.checkVisibility() && !e.closest('.unseen'))
        .filter((e) => { const box = e.getBoundingClientRect(); return box.width < 24 || box.height < 24; });
    const wide = document.documentElement.scrollWidth > innerWidth ? ['the page is wide'] : [];
    return [...own.map((e) => e.id || e.textContent), ...wide]";

fn number(browser: &Browser, script: &str) -> i64 {
    browser.run(script).as_f64().unwrap().round() as i64
}

/// Where frame `at` is on the strip, from its middle, CSS pixels.
fn on_strip(browser: &Browser, at: i64) -> i64 {
    let width = number(browser, "return document.getElementById('timeline').clientWidth");
    let last = number(browser, "return Number(document.getElementById('timeline').ariaValueMax)") - 1;
    8 + at * (width - 16) / last - width / 2
}

#[test]
fn fingers_do_what_a_mouse_does() {
    let Some((_held, server, browser)) = opened() else { return };
    let phone = json!({ "width": 380, "height": 800, "deviceScaleFactor": 1, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", &phone);
    browser.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true, "maxTouchPoints": 5 }));
    browser.visit(&format!("http://{}/", server.address));
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));
    browser.fill("#prompt", PROMPT);
    browser.fill("#seconds", "2");
    browser.fill("#seed", "7");
    browser.click("#generate");
    browser.wait("the motion", 120 * SECONDS, |b| (b.text("#title") == PROMPT).then_some(()));
    browser.click("#play");
    assert_eq!(browser.run(TOO_SMALL), Value::Array(Vec::new()));

    // One finger looks around, two go away and come nearer again.
    std::thread::sleep(2 * SECONDS);
    let still = stage(&browser, "touch-still");
    browser.touch("#stage", &[((-60, -150), (120, 20))]);
    std::thread::sleep(2 * SECONDS);
    let turned = stage(&browser, "touch-turned");
    assert!(difference(&still, &turned) > 0.02, "{}", difference(&still, &turned));
    browser.touch("#stage", &[((-90, -150), (45, 0)), ((90, -150), (-45, 0))]);
    std::thread::sleep(2 * SECONDS);
    let far = stage(&browser, "touch-far");
    let size = |picture| people(picture).iter().sum::<usize>() as f64;
    assert!(size(&far) < 0.7 * size(&turned), "{} {}", size(&far), size(&turned));
    browser.touch("#stage", &[((-45, -150), (-45, 0)), ((45, -150), (45, 0))]);
    std::thread::sleep(2 * SECONDS);
    let near = stage(&browser, "touch-near");
    assert!(size(&near) > 1.4 * size(&far), "{} {}", size(&near), size(&far));
    assert_eq!(browser.run("return visualViewport.scale"), 1.0, "the page itself keeps its size");

    // A finger on the strip scrubs; beside the panel of an edit it moves the end of the window.
    let [from, to] = [10, 40].map(|at| on_strip(&browser, at));
    browser.touch("#timeline", &[((from, 5), (to - from, 0))]);
    assert!((39..=43).contains(&frame(&browser)), "{}", browser.text("#frame"));
    browser.click("#edit-open");
    assert_eq!(browser.run(TOO_SMALL), Value::Array(Vec::new()));
    let end = || number(&browser, "return Number(document.getElementById('edit-to').value)");
    let [from, to] = [end(), 52].map(|at| on_strip(&browser, at));
    browser.touch("#timeline", &[((from, 5), (to - from, 0))]);
    assert!((51..=53).contains(&end()), "the end was moved to frame 52, not {}", end());
    browser.click("#edit-close");
    quiet(&browser, &server);
}
