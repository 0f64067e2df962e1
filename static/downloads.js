// The download menu: every file of the clip on the stage, in words, the ones most people want first.

import { byId } from "./dom.js";

/** What the endings of the server's files mean, in the order of the menu. Person numbers are 1 and 2 in all words. */
const KINDS = [
  [/_motion\.mp4$/, () => ["Video", "MP4 with the prompt, from two sides"]],
  [/_motion\.gif$/, () => ["Animated picture", "GIF with the prompt, from two sides"]],
  [/_sheet\.png$/, () => ["Contact sheet", "PNG, eight moments from the front and the side"]],
  [/_motion\.glb$/, () => ["Both people, animated bodies", "GLB for Blender, Unity, Unreal, the web"]],
  [/_person([12])\.bvh$/, ([, n]) => [`Person ${n}, skeleton`, "BVH for animation tools, metres"]],
  [/_person([12])\.amass\.npz$/, ([, n]) => [`Person ${n}, rotations`, "AMASS-style npz for SMPL bodies, z up"]],
  [/_motion\.npz$/, () => ["Both people, all arrays", "npz for NumPy, with prompt and seed"]],
  [/^ik_.*_([01])\.npy$/, ([, n]) => [`Person ${Number(n) + 1}, keypoints`, "npy as InterMask writes it, feet fixed"]],
  [/_([01])\.npy$/, ([, n]) => [`Person ${Number(n) + 1}, raw keypoints`, "npy as InterMask writes it"]],
];

/** Entries {title, words, href, save} for the files of a clip; files of unknown kinds come last, under their own names. */
function entries(clip) {
  const found = clip.sample.files.map(({ name, href }) => {
    const rank = KINDS.findIndex(([ending]) => ending.test(name));
    const [title, words] = rank < 0 ? [name, ""] : KINDS[rank][1](KINDS[rank][0].exec(name));
    return { rank: rank < 0 ? KINDS.length : rank, title, words, href, save: `${stem(clip)}_${name}` };
  });
  found.sort((a, b) => a.rank - b.rank || a.title.localeCompare(b.title));
  const href = clip.id ? `/motions/${encodeURIComponent(clip.id)}` : "/static/intro.json";
  const words = "JSON as the server answers, all samples";
  return [...found, { title: "Both people, positions", words, href, save: `${stem(clip)}.json` }];
}

/** What files of a clip are called when they are saved. */
function stem(clip) {
  const words = clip.prompt.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 48) || "motion";
  return `duet-${words}-seed${clip.sample.seed ?? 0}`;
}

function row({ title, words, href, save }) {
  const link = document.createElement("a");
  link.href = href;
  link.download = save;
  const [name, kind] = [document.createElement("span"), document.createElement("small")];
  name.textContent = title;
  kind.textContent = words;
  link.append(name, kind);
  const item = document.createElement("li");
  item.append(link);
  return item;
}

export class Downloads {
  /** `opened()` is called when the menu opens. */
  constructor({ opened }) {
    this.panel = byId("downloads");
    this.opener = byId("downloads-open");
    this.opened = opened;
    this.opener.addEventListener("click", () => this.toggle());
    this.panel.addEventListener("keydown", (event) => this.step(event));
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.panel.contains(target) && !this.opener.contains(target)) this.toggle(false);
    });
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  toggle(open = !this.isOpen) {
    if (open === this.isOpen || (open && this.opener.hidden)) return;
    const inside = this.panel.contains(document.activeElement);
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open) {
      this.opened();
      this.panel.querySelector("a")?.focus({ preventScroll: true });
    } else if (inside) this.opener.focus();
  }

  /** Up and down go through the files, as in any menu. */
  step(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const links = [...this.panel.querySelectorAll("a")];
    links.at((links.indexOf(document.activeElement) + by) % links.length)?.focus();
  }

  show(clip) {
    byId("downloads-list").replaceChildren(...(clip.dropped ? [] : entries(clip).map(row)));
    byId("downloads-note").hidden = clip.sample.files.length > 0;
    byId("downloads-note").textContent = clip.dropped
      ? "This motion comes from your own files." : "This clip came with the page. Motions that you make come in every format.";
  }
}
