// Colours of the stage, dark and light, as linear RGB.

import { read, write } from "./storage.js";

function linear(hex) {
  return [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
}

/** Person 1 amber, person 2 teal; the left side is lighter. */
export const PEOPLE = [
  { body: linear("#e8920e"), left: linear("#ffcf6e"), right: linear("#d97a05"), face: linear("#ffd898") },
  { body: linear("#12929b"), left: linear("#74dcd6"), right: linear("#067a86"), face: linear("#a5e8e2") },
];

/** A colour drained of most of what it is, for what an edit leaves alone. */
const drained = (rgb) => {
  const grey = 0.55 * (0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]) + 0.14;
  return rgb.map((c) => grey + (c - grey) * 0.16);
};
const DRAINED = PEOPLE.map((tones) => Object.fromEntries(Object.entries(tones).map(([name, rgb]) => [name, drained(rgb)])));
const PARTS = ["legs", "torso", "arms"];

/** Colours {legs, torso, arms} of a person, 0 or 1; `chosen` {persons, parts} keeps the colours of those alone, null of all. */
export const wearOf = (person, chosen) => Object.fromEntries(PARTS.map((part) => {
  const bright = !chosen || (chosen.persons.includes(person + 1) && chosen.parts.includes(part));
  return [part, (bright ? PEOPLE : DRAINED)[person]];
}));

const DARK = {
  high: linear("#14171c"),
  low: linear("#101216"),
  pool: linear("#353a43"),
  line: linear("#6a7280"),
  sky: [0.4, 0.43, 0.5],
  ground: [0.16, 0.15, 0.15],
  rim: [0.6, 0.66, 0.78],
  shadow: [0.62, 0.72],
};

const LIGHT = {
  high: linear("#eef0f2"),
  low: linear("#e4e6e9"),
  pool: linear("#fbfbfa"),
  line: linear("#b3b8bf"),
  sky: [0.56, 0.58, 0.62],
  ground: [0.36, 0.34, 0.33],
  rim: [0.28, 0.29, 0.3],
  shadow: [0.42, 0.5],
};

const system = matchMedia("(prefers-color-scheme: light)");
/** Also read by first.js. */
const KEY = "duet.theme";
const heard = new Set();

const ofSystem = () => (system.matches ? "light" : "dark");

function put(theme) {
  document.documentElement.dataset.theme = theme;
  for (const deed of heard) deed();
}

/** Light becomes dark and dark light. A choice that equals the system's is none; others are kept for the next visit. */
export function toggleTheme() {
  const wanted = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  write(KEY, wanted === ofSystem() ? null : wanted);
  put(wanted);
}

system.addEventListener("change", () => {
  if (read(KEY) === null) put(ofSystem());
});

/** `deed()` is called whenever the colours change. */
export const onTheme = (deed) => heard.add(deed);

/** Colours of the stage now. */
export const stageTheme = () => (document.documentElement.dataset.theme === "light" ? LIGHT : DARK);
