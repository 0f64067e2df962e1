// Ties the page together: the stage, the transport under it, the prompt line, the panels, and what the server answers.

import { ApiError, fetchIntro, isKept, listMotions } from "./api.js";
import { Bench } from "./bench.js";
import { Composer } from "./composer.js";
import { Details } from "./details.js";
import { byId } from "./dom.js";
import { Downloads } from "./downloads.js";
import { DropError, onDrop, readDropped } from "./dropped.js";
import { Edits } from "./edits.js";
import { History, MOST } from "./history.js";
import { listen } from "./keys.js";
import { Looks } from "./looks.js";
import { change, make, recall, remake } from "./maker.js";
import { UnreadableMotion, readReply } from "./motion.js";
import { Player } from "./player.js";
import { addressOf, fromAddress, requestOf, requestOfSample, stretchesOf } from "./recipe.js";
import { NoWebGl } from "./renderer.js";
import { Stage } from "./stage.js";
import { Transport } from "./transport.js";
import { complain, say } from "./words.js";

/** How many seeds are asked for at once from the panel and the keyboard. */
const VARIATIONS = 4;

const player = new Player();
let stage = null;
let running = null;
/** What makes a result, {request, edits, files}; clips that no server made have none. */
const recipes = new WeakMap();
const recipeNow = () => recipes.get(bench.result) ?? null;

// Making --------------------------------------------------------------------------------------------------------------

/** Does one piece of work with the server at a time, with the page showing that it is under way. */
async function work(deed) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  composer.closeSettings();
  composer.working(true);
  edits.working(true);
  say("");
  stage?.pale(true);
  try {
    await deed(mine.signal);
  } catch (error) {
    if (error.name === "AbortError") say("Stopped. Nothing was changed.", { seconds: 4 });
    else if ([ApiError, DropError, UnreadableMotion].some((kind) => error instanceof kind)) complain(error.message);
    else {
      complain("This page failed to show the answer. Reload it and try again.");
      throw error;
    }
  } finally {
    if (running === mine) {
      running = null;
      composer.working(false);
      edits.working(false);
      stage?.pale(false);
    }
  }
}

/** Puts a result that a server made on the stage, into the address and into the history. */
function keep(result, made, { instead = null, ...how } = {}) {
  recipes.set(result, made);
  bench.show(result, { spread: result.samples.length > 1, ...how });
  earlier.add({ result, recipe: made, picture: stage?.picture(144, 144) ?? "" }, instead);
  edits.load(bench.clip, earlier.lineOf(result.id));
  if (result.promptTruncated) {
    say("The prompt is longer than the model reads, so its end was left out.", { seconds: 8 });
  } else if (result.unlike) {
    say(`The model was taught nothing like this, so this is its best try. The nearest it knows: “${result.unlike}”.`, { seconds: 12 });
  }
}

const submit = (wanted) =>
  work(async (signal) => {
    const result = await emerge(wanted, signal);
    keep(result, { request: requestOf(result), edits: [] });
  });

/** Makes a motion that can be watched as it emerges; what was on the stage comes back if nothing comes of it. */
async function emerge(wanted, signal) {
  let drafts = 0;
  const watch = {
    onStep: ({ progress }) => composer.steps(progress),
    onGone: (gone) => say(gone ? "The server does not answer. Waiting for it to come back…" : ""),
    onDraft: (clip) => bench.draft(clip, { first: drafts++ === 0 }),
  };
  try {
    return await make(wanted, signal, watch);
  } catch (error) {
    if (drafts > 0) bench.pick(bench.spread ? -1 : bench.index);
    throw error;
  }
}

/** More seeds of the clip on the stage, side by side, the first its own; of an edited clip, of what the edits began with. */
function vary(clip) {
  if (!clip || clip.dropped || running) return;
  const recipe = recipeNow();
  if (recipe?.files?.length) {
    edits.offer("react");
    say("This motion began with your own files. Choose how many samples, then press Make it.", { seconds: 8 });
    return;
  }
  submit({ ...(clip.edit && recipe ? recipe.request : requestOfSample(clip)), samples: VARIATIONS });
}

const submitEdit = (wanted) =>
  work(async (signal) => {
    const { sources } = bench.result;
    if (sources) {
      const files = sources.map(({ name }) => name);
      const result = await change({ files: await Promise.all(sources.map((file) => file.base64())) }, wanted, signal);
      keep(result, { request: requestOf(result), edits: [wanted], files });
      return;
    }
    const { edits: before, ...begin } = recipeNow();
    const result = await changeShown(wanted, signal);
    keep(result, { ...begin, edits: [...before, wanted] }, { keepCamera: true, keepTime: true });
  });

/** Edits the result on the stage, which is made again first where the server has forgotten it. */
async function changeShown(wanted, signal) {
  const parent = bench.result;
  try {
    return await change({ parent: parent.id }, wanted, signal);
  } catch (error) {
    if (error.code !== "unknown_motion") throw error;
    say("The server no longer keeps this motion. Making it again first…");
    const recipe = recipes.get(parent);
    const again = await remake(recipe, signal);
    earlier.add({ result: again, recipe, picture: "" }, earlier.find(parent.id));
    say("");
    return change({ parent: again.id }, wanted, signal);
  }
}

/** Makes the result on the stage again where the server has forgotten it, so that its files are there to take. */
async function renew() {
  const { result } = bench;
  const recipe = recipeNow();
  if (!result?.id || !recipe || (await isKept(result.id)) !== false || running || bench.result !== result) return;
  work(async (signal) => {
    if (!recipe.files?.length) say("The server no longer keeps this motion. Making it again…");
    const again = await remake(recipe, signal);
    keep(again, recipe, { instead: earlier.find(result.id), keepCamera: true, keepTime: true, index: bench.index, play: player.playing });
    say("Made again, the same from the same seed. Its files are ready.", { seconds: 5 });
  });
}

/** Shows an entry of the history: as it is here, as the server still has it, or made again. */
function bring(entry) {
  const now = bench.result;
  const kin = now && earlier.lineOf(entry.id).some(({ id }) => id === now.id);
  // An edit is of one sample: back before it, that one is shown.
  const edited = kin && earlier.find(now.id)?.parent === entry.id ? recipeNow()?.edits.at(-1)?.sample : undefined;
  const how = kin ? {
    keepCamera: true, keepTime: true, play: player.playing, ...(edited !== undefined && { index: edited, spread: false }),
  } : {};
  if (entry.result) {
    keep(entry.result, entry.recipe, how);
    return;
  }
  work(async (signal) => {
    const kept = await recall(entry.id, signal);
    if (entry.listed) {
      // Not all of its settings are in the list: only the server can bring it back.
      if (kept) keep(kept, { request: requestOf(kept), edits: [] }, { ...how, instead: entry });
      else {
        earlier.forget(entry);
        say("The server no longer keeps this motion.", { seconds: 5 });
      }
      return;
    }
    if (!kept && !entry.recipe.files?.length) say("Making it again, the same from the same seed…");
    keep(kept ?? (await remake(entry.recipe, signal)), entry.recipe, { ...how, instead: entry });
    if (!kept) say("Made again, the same from the same seed.", { seconds: 4 });
  });
}

/** What the address of the page asks for; else the clip that comes with it. */
async function start() {
  const { request, edits: told, files, id } = fromAddress(location.hash);
  composer.fill(request);
  const wanted = { request, edits: told, files };
  const complete = Number.isSafeInteger(request.seed) && (request.frames || request.seconds) && request.prompt;
  if (id || complete) {
    await work(async (signal) => {
      const kept = await recall(id, signal);
      if (kept) {
        keep(kept, complete ? wanted : { request: requestOf(kept), edits: [] });
      } else if (complete) {
        if (files.length === 0) say("The server no longer keeps this result. Making it again…");
        keep(await remake(wanted, signal), wanted, { instead: earlier.find(id) });
        say("");
      } else say("The server no longer keeps this result. Press Generate to make it again.");
    });
    if (bench.result) return;
  }
  const intro = await fetchIntro();
  if (intro && !bench.result && !running) bench.show(readReply(intro));
  else if (!bench.result && !intro) say("Say what two people do, then press Generate.");
}

// Parts ---------------------------------------------------------------------------------------------------------------

/** One panel at a time on the right. */
function closeOthers(mine) {
  composer.closeSettings();
  for (const panel of [details, downloads, looks, edits]) if (panel !== mine) panel.toggle(false);
}

const transport = new Transport(player, {
  changed: () => stage?.wake(),
  windowMoved: (range) => edits.setWindow(range),
});
const details = new Details({
  again: (clip) => {
    // The seed and the length of an edit are not those of what it began with.
    composer.fill(clip.edit && recipeNow() ? recipeNow().request : requestOfSample(clip));
    byId("prompt").focus();
  },
  vary,
  recipe: () => recipeNow() ?? { request: requestOfSample(bench.clip), edits: [] },
  tell: (words) => say(words, { seconds: 5 }),
  opened: () => closeOthers(details),
});
const downloads = new Downloads({
  opened: () => {
    closeOthers(downloads);
    renew();
  },
});
const composer = new Composer({
  submit,
  cancel: () => running?.abort(),
  complain,
  opened: () => {
    for (const panel of [details, downloads, looks, edits]) panel.toggle(false);
  },
});
const edits = new Edits({
  submit: submitEdit,
  cancel: () => running?.abort(),
  complain,
  chosen: (chosen) => stage?.choose(chosen),
  nudged: (nudged) => stage?.nudge(nudged),
  windowChanged: (range) => {
    transport.timeline.window = range;
    transport.refresh();
  },
  opened: () => closeOthers(edits),
  go: bring,
});
const earlier = new History(byId("earlier"), bring);

/** A press on the stage: beside others a cell comes to the front; while editing a figure says who and what. */
function tapped({ cell, person, joint, adds }) {
  if (bench.drafting) return;
  if (bench.spread && cell >= 0) bench.pick(cell);
  else if (edits.isOpen && person >= 0) edits.choose(person, joint, adds);
}

try {
  stage = new Stage(byId("stage"), player, {
    onTick: () => transport.refresh(),
    onTap: tapped,
    onGrab: () => edits.carries && !bench.spread,
    onCarry: (person, by) => edits.carry(person, by),
  });
} catch (error) {
  if (!(error instanceof NoWebGl)) throw error;
  byId("no-stage").hidden = false;
}
/** Turns to a named view. Who looks may see nobody, so it is said whose eyes these are. */
function look(name) {
  stage?.look(name);
  if (name.startsWith("eyes")) say(`Through the eyes of person ${name.at(-1)}. Drag, or press F, to step out.`, { seconds: 5 });
}
const looks = new Looks(stage, { look, opened: () => closeOthers(looks) });
const bench = new Bench({
  player, stage, transport, details, downloads,
  shown: (clip) => {
    edits.load(clip, earlier.lineOf(clip.id));
    earlier.mark(clip.id);
    bench.tellCompared();
    const recipe = recipeNow();
    transport.timeline.tell(recipe ? stretchesOf(recipe, clip.frames) : []);
    // The address names what is on the stage, and no other motion.
    if (recipe || clip.dropped) history.replaceState(null, "", recipe ? addressOf(recipe, clip.id) : location.pathname);
  },
});

byId("help-open").addEventListener("click", () => byId("help").showModal());
byId("help-close").addEventListener("click", () => byId("help").close());
byId("help").addEventListener("click", (event) => {
  if (event.target === byId("help")) byId("help").close();
});
byId("undo").addEventListener("click", () => edits.step(-1));
byId("redo").addEventListener("click", () => edits.step(1));

// Files are looked at; nothing of them is sent until an edit of them is asked for.
onDrop(view);
byId("open-files").addEventListener("change", ({ target }) => {
  const files = [...target.files];
  // The same file may be opened again, exported anew.
  target.value = "";
  if (files.length > 0) view(files);
});

async function view(files) {
  try {
    const dropped = await readDropped(files);
    running?.abort();
    bench.show(dropped);
    if (dropped.sources.length === 1) {
      edits.offer("react");
      say("This is one person. Say what the two do and press Make it: the server finds a partner.", { seconds: 10 });
    } else say("This motion is only shown here; nothing was sent to the server.", { seconds: 6 });
  } catch (error) {
    if (error instanceof DropError) complain(error.message);
    else if (error instanceof UnreadableMotion) {
      complain(`${error.message.replace("The server's answer", "This file")} Drop npy or BVH files, or the JSON that Download gives.`);
    } else throw error;
  }
}

// Keys ----------------------------------------------------------------------------------------------------------------

const nudge = (deed) => {
  if (!stage) return;
  deed(stage.camera);
  stage.wake();
};

listen({
  " ": () => transport.toggle(),
  ArrowLeft: () => transport.step(-1),
  ArrowRight: () => transport.step(1),
  "shift+ArrowLeft": () => transport.step(-Math.round(player.fps)),
  "shift+ArrowRight": () => transport.step(Math.round(player.fps)),
  Home: () => transport.seek(0),
  End: () => transport.seek(player.last),
  "<": () => transport.changeSpeed(-1),
  ">": () => transport.changeSpeed(1),
  l: () => transport.setLoop(!player.loop),
  a: () => transport.mark("from"),
  b: () => transport.mark("to"),
  f: () => stage?.frameBoth(),
  g: () => look("front"),
  s: () => look("side"),
  t: () => look("top"),
  p: () => look(stage?.camera.eyes === 0 ? "eyes2" : "eyes1"),
  k: () => looks.turn("skeleton"),
  r: () => looks.turn("trails"),
  c: () => bench.pin(),
  x: () => bench.swap(),
  v: () => vary(bench.clip),
  e: () => edits.toggle(),
  u: () => edits.step(-1),
  y: () => edits.step(1),
  "[": () => nudge((camera) => camera.orbit(0.2, 0)),
  "]": () => nudge((camera) => camera.orbit(-0.2, 0)),
  PageUp: () => nudge((camera) => camera.orbit(0, 0.12)),
  PageDown: () => nudge((camera) => camera.orbit(0, -0.12)),
  "+": () => nudge((camera) => camera.zoom(0.88)),
  "=": () => nudge((camera) => camera.zoom(0.88)),
  "-": () => nudge((camera) => camera.zoom(1.14)),
  d: () => downloads.toggle(),
  i: () => details.toggle(),
  w: () => looks.toggle(),
  "/": () => byId("prompt").focus(),
  "?": () => byId("help").showModal(),
  Escape: () => {
    const open = [looks, downloads, edits, details].find((panel) => panel.isOpen);
    if (!byId("settings").hidden) composer.closeSettings();
    else if (open) open.toggle(false);
    else if (player.region) transport.setRegion(null);
    else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  },
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => [String(n), () => bench.pick(n - 1)])),
});

// Room ----------------------------------------------------------------------------------------------------------------

/** Keeps the people in the part of the stage that the controls leave free. */
function measureMargins() {
  if (!stage) return;
  const height = Math.max(1, byId("stage").clientHeight);
  stage.camera.margins = {
    // All below the dock's top is covered, by itself or by the panel that it stands on.
    bottom: Math.min(0.65, 1 - byId("dock").getBoundingClientRect().top / height),
    // The headline stands in a corner; people may stand beside it.
    top: byId("stage").clientWidth > 720 ? 0.05 : Math.min(0.25, byId("masthead").offsetHeight / height),
  };
  if (bench.spread && !bench.drafting) bench.stand();
  else if (stage.camera.following) stage.frameBoth();
  transport.refresh();
}

if (stage) {
  new ResizeObserver(measureMargins).observe(byId("dock"));
  window.addEventListener("resize", measureMargins);
  measureMargins();
}
start();
window.addEventListener("hashchange", () => start());
listMotions(MOST).then((listed) => earlier.join(listed));
