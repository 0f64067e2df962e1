//! Templates of sentences (see [`crate::data::compose::caption`]) that many families share.

/// What somebody is called who does nothing.
pub const WATCHING: &[&str] = &[
    "~stand and ~watch",
    "~watch",
    "~stand still",
    "~look on",
    "~stand and ~wait",
    "just ~stand there",
    "~stand there doing nothing",
    "~remain still",
];

/// One acts, the other watches.
pub const WATCH: &[&str] = &[
    "{1} {as}[ while| as|, and|, while] {2} {bs}",
    "{1} {as}[| in front of {2}|, facing {2}]",
    "{1} {as} and {2} {bs}",
    "{1} is {aing}[ while {2} is {bing}| and {2} is {bing}|, {2} {bs}]",
    "{2} {bs}[ while| as] {1} {as}",
    "[only |]{1} {as}, {2} [does nothing|stands still|does not move]",
    "{they} face each other[,| and] {1} {as}",
    "{1} faces {2} and {as}",
    "{1} {aed} while {2} {bed}",
    "{1} is watched by {2} while [they are |]{aing}",
    "while {2} {bs}, {1} {as}",
    "{they} stand [face to face|opposite each other|facing each other], and {1} {as}",
    "{1} {as}",
    "{1} is {aing}",
    "{aing}, [someone|the other|somebody] watches",
    "{1} {as}, {2} [just|only|simply] [stands|watches|waits]",
    "{1} {as} and {2} [remains standing|keeps standing there|stands by]",
    "{1} is the one who {as}; {2} {bs}",
    "{2} {bs}, {1} {as}",
    "only {1} {as}",
    "{1} [starts|begins] {aing} [while|as] {2} {bs}",
    "{2} is [there|nearby|close by][ and {bs}|], {1} {as}",
    "[here|now|in this scene] {1} {as}",
    "{1} {as} [before {2}'s eyes|in front of {2}'s eyes]",
    "{a}",
];

/// Both do the same.
pub const UNISON: &[&str] = &[
    "{they} {a}[| together| at the same time|, at the same time| in unison| in step]",
    "{they} are {aing}[| together| at the same time| in unison]",
    "{they} both {a}",
    "{1} {as}[ and|;] {2} does the same[| at the same time]",
    "{they} {a}[| together| simultaneously]",
    "{they} do the same thing: they {a}",
    "{a}[| together]",
    "{aing} together",
    "{they} {aed}[| together| in unison]",
    "{1} {as} while {2} also {as}",
    "together {they} {a}",
    "{they} [start|begin] {aing}[| together]",
    "{they} {a}, [the one|each] just like the other",
    "each of the two {as}",
    "both of them {a}",
    "[here|now] {they} {a}",
];

/// Both do the same, facing each other.
pub const FACING: &[&str] = &[
    "{they} face each other and {a}",
    "facing each other, {they} {a}",
    "{they} stand [face to face|opposite each other] and {a}",
];

/// Both do the same, side by side.
pub const ABREAST: &[&str] = &[
    "{they} stand side by side and {a}",
    "side by side, {they} {a}",
    "{they} {a} [next to each other|beside each other|side by side]",
];

/// Each does something.
pub const DIFFERENT: &[&str] = &[
    "{1} {as} while {2} {bs}",
    "{1} {as} and {2} {bs}",
    "{1} is {aing}[ and| while] {2} is {bing}",
    "{2} {bs}[ as| while] {1} {as}",
    "{1} {as}, {2} {bs}",
    "{1} {aed}[ while| and] {2} {bed}",
    "{1} {as}; at the same time {2} {bs}",
    "while {1} is {aing}, {2} {bs}",
    "{1} {as}; {2} {bs}",
    "{2} {bs} and {1} {as}",
    "{1} {as}, [while|whereas|but] {2} {bs}",
    "{2} is {bing} [while|as] {1} is {aing}",
    "{1} [starts|begins] {aing} and {2} [starts|begins] {bing}",
];

/// One does one thing and then another; the other watches.
pub const THEN: &[&str] = &[
    "{1} {as}",
    "{1} {as} while {2} {bs}",
    "{1} {as} and {2} {bs}",
    "{1} {as}, the other just stands there",
    "{2} {bs} and {1} {as}",
    "{1} {aed}",
    "{1} is {aing}, {2} {bs}",
];
