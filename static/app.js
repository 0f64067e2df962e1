// Ties the page together: the stage, the transport under it, the prompt line, and what the server answers.

import { ApiError, fetchIntro, fetchMotion, generate } from "./api.js";
import { Composer } from "./composer.js";
import { Details } from "./details.js";
import { Downloads } from "./downloads.js";
import { History } from "./history.js";
import { listen } from "./keys.js";
import { UnreadableMotion, readReply } from "./motion.js";
import { Player, SPEEDS } from "./player.js";
import { NoWebGl } from "./renderer.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";

const byId = (id) => document.getElementById(id);
const player = new Player();
const reduced = matchMedia("(prefers-reduced-motion: reduce)");

let stage = null;
let result = null;
let clip = null;
let running = null;
let hush = 0;

// Words ---------------------------------------------------------------------------------------------------------------

function say(words, { kind = "note", seconds = 0 } = {}) {
  const place = byId("words");
  clearTimeout(hush);
  place.textContent = words;
  place.dataset.kind = kind;
  place.hidden = words === "";
  if (seconds > 0) hush = setTimeout(() => say(""), seconds * 1000);
}

const complain = (words) => say(words, { kind: "problem" });

// The clip on the stage -----------------------------------------------------------------------------------------------

/** Puts one sample of a result on the stage. */
function show(next, index = 0, { play = true, keepTime = false, keepCamera = false } = {}) {
  const position = player.position;
  result = next;
  clip = { ...next, sample: next.samples[index] };
  player.load(clip);
  if (keepTime) player.seek(position);
  stage?.load(clip, { keepCamera });
  timeline.load(clip);
  details.show(clip);
  downloads.show(clip);
  byId("title").textContent = clip.prompt;
  byId("subtitle").textContent = [
    clip.model, Number.isFinite(clip.sample.seed) ? `seed ${clip.sample.seed}` : "",
    Number.isFinite(clip.timings?.total) ? `made in ${(clip.timings.total / 1000).toFixed(2)} s` : "",
  ].filter(Boolean).join(" · ");
  drawSamples(index);
  earlier.mark(next);
  for (const part of document.querySelectorAll("[data-needs-clip]")) part.hidden = false;
  if (play && !reduced.matches) player.play();
  else player.pause();
  refresh();
}

function drawSamples(current) {
  const row = byId("samples-row");
  row.replaceChildren();
  row.hidden = result.samples.length < 2;
  result.samples.forEach((sample, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = String(index + 1);
    button.setAttribute("aria-label", `Sample ${index + 1}, seed ${sample.seed}`);
    button.setAttribute("aria-pressed", String(index === current));
    button.addEventListener("click", () => pick(index));
    row.append(button);
  });
}

function pick(index) {
  if (result && index < result.samples.length) {
    show(result, index, { play: player.playing, keepTime: true, keepCamera: true });
  }
}

/** Brings every control up to date with the player. */
function refresh() {
  if (!clip) return;
  const { frame } = player;
  byId("frame").textContent = `${frame + 1} / ${clip.frames}`;
  byId("clock").textContent = `${(frame / clip.fps).toFixed(2)} s`;
  const track = byId("timeline");
  track.setAttribute("aria-valuemax", String(clip.frames));
  track.setAttribute("aria-valuenow", String(frame + 1));
  track.setAttribute("aria-valuetext", `Frame ${frame + 1} of ${clip.frames}, ${(frame / clip.fps).toFixed(2)} seconds`);
  const button = byId("play");
  const words = player.playing ? "Pause" : "Play";
  if (button.getAttribute("aria-label") !== words) {
    button.setAttribute("aria-label", words);
    button.title = `${words} (space)`;
    button.toggleAttribute("data-playing", player.playing);
  }
  timeline.draw(player.position);
}

function move(deed) {
  if (!clip) return;
  deed();
  refresh();
  stage?.wake();
}

// Asking the server ---------------------------------------------------------------------------------------------------

const pause = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });

/** Asks until the queue has room. */
async function askPatiently(wanted, signal) {
  for (let turn = 1; ; turn++) {
    try {
      return await generate(wanted, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.retryAfter === null || turn >= 8) throw error;
      for (let left = Math.ceil(error.retryAfter); left > 0; left--) {
        say(`The queue is full. Trying again in ${left} s.`);
        await pause(1, signal);
      }
      say("");
    }
  }
}

async function submit(wanted) {
  running = new AbortController();
  composer.closeSettings();
  composer.working(true);
  say("");
  stage?.pale(true);
  try {
    const reply = readReply(await askPatiently(wanted, running.signal));
    show(reply);
    earlier.add(reply, stage?.picture(144, 144) ?? "");
    remember(wanted, reply);
    if (reply.promptTruncated) {
      say("The prompt is longer than the model reads, so its end was left out.", { seconds: 8 });
    }
  } catch (error) {
    if (error.name === "AbortError") say("Stopped. Nothing was changed.", { seconds: 4 });
    else if (error instanceof ApiError || error instanceof UnreadableMotion) complain(error.message);
    else {
      complain("This page failed to show the answer. Reload it and try again.");
      throw error;
    }
  } finally {
    running = null;
    composer.working(false);
    stage?.pale(false);
  }
}

// The address of the page ---------------------------------------------------------------------------------------------

/** The address holds what makes this result again, so that it can be shared or kept. */
function remember(wanted, reply) {
  const fields = new URLSearchParams({ prompt: wanted.prompt, seconds: wanted.seconds, seed: wanted.seed });
  if (reply.id) fields.set("id", reply.id);
  history.replaceState(null, "", `#${fields}`);
}

async function start() {
  const fields = new URLSearchParams(location.hash.slice(1));
  const number = (name) => (/^\d{1,16}(\.\d+)?$/.test(fields.get(name) ?? "") ? Number(fields.get(name)) : undefined);
  const prompt = fields.get("prompt");
  if (prompt) composer.fill({ prompt: prompt.slice(0, 1000), seconds: number("seconds"), seed: number("seed") });
  if (fields.get("id")) {
    try {
      const reply = readReply(await fetchMotion(fields.get("id")));
      show(reply);
      earlier.add(reply, stage?.picture(144, 144) ?? "");
      return;
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof UnreadableMotion)) throw error;
      say("The server no longer keeps this result. Press Generate to make it again.");
    }
  }
  const intro = await fetchIntro();
  if (intro && !clip) show(readReply(intro));
  else if (!clip) say("Say what two people do, then press Generate.");
}

// Wiring --------------------------------------------------------------------------------------------------------------

let resume = false;
const timeline = new Timeline(byId("timeline"), {
  seek: (frame) => move(() => player.seek(Math.round(frame))),
  hold: (on) => {
    if (on) {
      resume = player.playing;
      player.pause();
    } else if (resume) {
      resume = false;
      player.play();
    }
    move(() => {});
  },
});
const details = new Details({
  again: (made) => {
    composer.fill({ prompt: made.prompt, seconds: made.seconds, seed: made.sample.seed, settings: made.settings });
    byId("prompt").focus();
  },
  tell: (words) => say(words, { seconds: 5 }),
  opened: () => {
    composer.closeSettings();
    downloads.toggle(false);
  },
});
const downloads = new Downloads({
  opened: () => {
    composer.closeSettings();
    details.toggle(false);
  },
});
const earlier = new History(byId("earlier"), (chosen) => show(chosen));
const composer = new Composer({
  submit,
  cancel: () => running?.abort(),
  complain,
  opened: () => details.toggle(false),
});

function setSpeed(speed) {
  player.speed = speed;
  byId("speed").value = String(speed);
}

function changeSpeed(by) {
  const at = SPEEDS.indexOf(player.speed) + by;
  if (SPEEDS[at]) setSpeed(SPEEDS[at]);
}

function setLoop(on) {
  player.loop = on;
  byId("loop").setAttribute("aria-pressed", String(on));
}

function openHelp() {
  byId("help").showModal();
}

const look = (name) => stage?.look(name);
const nudge = (deed) => {
  if (!stage) return;
  deed(stage.camera);
  stage.wake();
};

byId("play").addEventListener("click", () => move(() => player.toggle()));
byId("back").addEventListener("click", () => move(() => player.step(-1)));
byId("forth").addEventListener("click", () => move(() => player.step(1)));
byId("loop").addEventListener("click", () => setLoop(!player.loop));
byId("speed").addEventListener("change", (event) => setSpeed(Number(event.target.value)));
for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => look(button.dataset.view));
}
byId("frame-both").addEventListener("click", () => stage?.frameBoth());
byId("help-open").addEventListener("click", openHelp);
byId("help-close").addEventListener("click", () => byId("help").close());
byId("help").addEventListener("click", (event) => {
  if (event.target === byId("help")) byId("help").close();
});

listen({
  " ": () => move(() => player.toggle()),
  ArrowLeft: () => move(() => player.step(-1)),
  ArrowRight: () => move(() => player.step(1)),
  "shift+ArrowLeft": () => move(() => player.step(-Math.round(player.fps))),
  "shift+ArrowRight": () => move(() => player.step(Math.round(player.fps))),
  Home: () => move(() => player.seek(0)),
  End: () => move(() => player.seek(player.last)),
  "<": () => changeSpeed(-1),
  ">": () => changeSpeed(1),
  l: () => setLoop(!player.loop),
  f: () => stage?.frameBoth(),
  g: () => look("front"),
  s: () => look("side"),
  t: () => look("top"),
  "[": () => nudge((camera) => camera.orbit(0.2, 0)),
  "]": () => nudge((camera) => camera.orbit(-0.2, 0)),
  PageUp: () => nudge((camera) => camera.orbit(0, 0.12)),
  PageDown: () => nudge((camera) => camera.orbit(0, -0.12)),
  "+": () => nudge((camera) => camera.zoom(0.88)),
  "=": () => nudge((camera) => camera.zoom(0.88)),
  "-": () => nudge((camera) => camera.zoom(1.14)),
  d: () => downloads.toggle(),
  i: () => details.toggle(),
  "/": () => byId("prompt").focus(),
  "?": openHelp,
  Escape: () => {
    if (!byId("settings").hidden) composer.closeSettings();
    else if (downloads.isOpen) downloads.toggle(false);
    else if (!byId("details").hidden) details.toggle(false);
    else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  },
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map((n) => [String(n), () => pick(n - 1)])),
});

/** Keeps the people in the part of the stage that the controls leave free. */
function measureMargins() {
  if (!stage) return;
  const height = Math.max(1, byId("stage").clientHeight);
  stage.camera.margins = {
    bottom: Math.min(0.5, byId("dock").offsetHeight / height),
    // The headline stands in a corner; people may stand beside it.
    top: byId("stage").clientWidth > 720 ? 0.05 : Math.min(0.25, byId("masthead").offsetHeight / height),
  };
  if (stage.camera.following) stage.frameBoth();
  refresh();
}

try {
  stage = new Stage(byId("stage"), player, refresh);
  new ResizeObserver(measureMargins).observe(byId("dock"));
  window.addEventListener("resize", measureMargins);
  measureMargins();
} catch (error) {
  if (!(error instanceof NoWebGl)) throw error;
  byId("no-stage").hidden = false;
}
start();
