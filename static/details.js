// The inspector: what was asked for, what came back, how long it took, and how to make it again.

import { asCurl } from "./api.js";

const byId = (id) => document.getElementById(id);

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const milliseconds = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${Math.round(value)} ms`);

/** The request that makes this sample alone. */
export function requestOf(clip) {
  const { settings, sample } = clip;
  const request = { prompt: clip.prompt, frames: clip.frames };
  if (Number.isSafeInteger(sample.seed)) request.seed = sample.seed;
  for (const key of ["steps", "guidance", "top_k_ratio", "temperature", "foot_fix", "rigid"]) {
    if (settings[key] !== undefined) request[key] = settings[key];
  }
  if (clip.model) request.model = clip.model;
  return request;
}

function facts(clip) {
  const { settings, sample, timings } = clip;
  const rows = [
    ["Prompt", clip.prompt + (clip.promptTruncated ? " (longer than the model reads; the end was left out)" : "")],
    ["Model", clip.model],
    ["Seed", sample.seed],
    ["Length", `${clip.frames} frames, ${clip.seconds.toFixed(2)} s at ${clip.fps} a second`],
  ];
  const names = {
    steps: "Steps", guidance: "Guidance", top_k_ratio: "Top-k ratio", temperature: "Temperature", foot_fix: "Foot fix",
    rigid: "Rigid bones",
  };
  for (const [key, name] of Object.entries(names)) {
    const value = settings[key];
    if (value !== undefined) rows.push([name, value === true ? "on" : value === false ? "off" : value]);
  }
  if (timings) {
    const parts = ["queue", "text", "tokens", "decode"].filter((part) => Number.isFinite(timings[part]));
    const total = Number.isFinite(timings.total) ? milliseconds(timings.total) : "";
    rows.push(["Time", `${total} (${parts.map((part) => `${part} ${milliseconds(timings[part])}`).join(", ")})`]);
  }
  return rows.filter(([, value]) => value !== undefined && value !== "");
}

export class Details {
  /** `again(request)` puts the clip's request into the prompt line; `tell` shows words; `opened()` when it opens. */
  constructor({ again, tell, opened }) {
    this.panel = byId("details");
    this.opener = byId("details-open");
    this.clip = null;
    this.opened = opened;
    this.opener.addEventListener("click", () => this.toggle());
    byId("details-close").addEventListener("click", () => this.toggle(false));
    byId("reuse").addEventListener("click", () => again(this.clip));
    const copy = (id, words, text) =>
      byId(id).addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text());
          tell(words);
        } catch {
          // Without the clipboard (plain http on another host) the line is shown, to be copied by hand.
          byId("by-hand").value = text();
          byId("by-hand").hidden = false;
          byId("by-hand").select();
        }
      });
    copy("copy-curl", "Copied. Paste it into a terminal to make the same motion.", () => asCurl(requestOf(this.clip)));
    copy("copy-link", "Copied. The link holds the prompt, length and seed.", () => location.href);
  }

  toggle(open = this.panel.hidden) {
    const inside = this.panel.contains(document.activeElement);
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    document.body.toggleAttribute("data-details", open);
    if (open) this.opened();
    if (open) byId("details-close").focus({ preventScroll: true });
    else if (inside) this.opener.focus();
  }

  show(clip) {
    this.clip = clip;
    byId("by-hand").hidden = true;
    const list = byId("facts");
    list.replaceChildren();
    for (const [name, value] of facts(clip)) list.append(element("dt", name), element("dd", String(value)));
  }
}
