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
const KEY = "duet.theme";
const heard = new Set();

/** "light", "dark", or "" for what the system asks for. */
export const chosenTheme = () => document.documentElement.dataset.theme ?? "";

const isLight = () => (chosenTheme() === "" ? system.matches : chosenTheme() === "light");

/** Light becomes dark and dark light; the choice that equals the system's is none. Kept for the next visit. */
export function toggleTheme() {
  const wanted = isLight() ? "dark" : "light";
  const own = (wanted === "light") !== system.matches;
  if (own) document.documentElement.dataset.theme = wanted;
  else delete document.documentElement.dataset.theme;
  write(KEY, own ? wanted : null);
  for (const deed of heard) deed();
}

/** Takes up the choice of an earlier visit. */
export function recallTheme() {
  const kept = read(KEY);
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  for (const deed of heard) deed();
}

/** `deed()` is called whenever the colours change. */
export function onTheme(deed) {
  heard.add(deed);
  system.addEventListener("change", deed);
}

/** Colours of the stage as the system or the person wants them now. */
export const stageTheme = () => (isLight() ? LIGHT : DARK);
