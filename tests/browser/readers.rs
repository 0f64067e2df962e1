//! The page's readers of outside data, tried in the browser with random inputs, good and damaged: `readers/*.js` say what must hold of
//! each. They run beside the page itself, so that they read with the very scripts that are served.

use super::{SECONDS, opened, quiet};
use crate::webdriver::Browser;
use std::ops::Range;

/// What all of them need: inputs from a seed, and what must hold of every reader.
const RANDOM: &str = include_str!("readers/random.js");
const WATCH: &str = include_str!("readers/watch.js");
/// Properties by reader, each script with its own `PROPERTIES`, and how many seeds each property is tried with. The browser takes long
/// to make files, which drops are.
const READERS: [(&str, u32); 5] = [
    (include_str!("readers/npy.js"), 400),
    (include_str!("readers/bvh.js"), 400),
    (include_str!("readers/drops.js"), 60),
    (include_str!("readers/answers.js"), 400),
    (include_str!("readers/addresses.js"), 400),
];
/// What the server writes; each case is a motion that it makes.
const SERVER: &str = include_str!("readers/server.js");
/// Seeds in one command: it has 30 seconds, of which four are needed at most.
const AT_ONCE: u32 = 10;

/// Tries the properties of a script with some seeds; how many cases there were. Panics with the property and the seed that fail.
fn hold(browser: &Browser, properties: &str, seeds: Range<u32>) -> u64 {
    // A reader that hangs cannot say so itself; the harness shows this where a test fails.
    println!("{} Seeds {seeds:?}", properties.lines().next().unwrap());
    let told = browser.run(&format!(
        "return (async () => {{ const at = (file) => '/static/' + file;\n{RANDOM}\n{WATCH}\n{properties}\n\
         return tried(PROPERTIES, {}, {}); }})()",
        seeds.start, seeds.end
    ));
    let failure = told[1].as_str().unwrap();
    assert!(failure.is_empty(), "{failure}");
    told[0].as_u64().unwrap()
}

#[test]
fn readers_of_outside_data_hold_for_any_input() {
    let Some((_held, server, browser)) = opened() else { return };
    browser.visit(&format!("http://{}/", server.address));
    browser.wait("the page", 60 * SECONDS, |b| (!b.text("#title").is_empty()).then_some(()));
    let mut cases = 0;
    for (properties, seeds) in READERS {
        for first in (0..seeds).step_by(AT_ONCE as usize) {
            cases += hold(&browser, properties, first..first + AT_ONCE);
        }
    }
    assert!(cases > 10_000, "{cases} cases");
    for seed in 0..4 {
        hold(&browser, SERVER, seed..seed + 1);
    }
    quiet(&browser, &server);
}
