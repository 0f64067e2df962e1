// The inspector: what was asked for, what came back, how long it took, and how to make it again.

import { byId, copy, element } from "./dom.js";
import { addressOf, asCurl, asPython } from "./recipe.js";

const milliseconds = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${Math.round(value)} ms`);

function facts(clip) {
  const { settings, sample, timings } = clip;
  const rows = [
    ["Prompt", clip.prompt + (clip.promptTruncated ? " (longer than the model reads; the end was left out)" : "")],
    ["Edit", clip.edit ? editWords(clip.edit) : ""],
    ["Model", clip.model],
    ["Seed", sample.seed],
    ["Length", `${clip.frames} frames, ${clip.seconds.toFixed(2)} s at ${clip.fps} a second`],
  ];
  const names = {
    steps: "Steps", guidance: "Guidance", top_k_ratio: "Top-k ratio", temperature: "Temperature", memory: "Memory",
    foot_fix: "Foot fix", rigid: "Rigid bones",
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

/** An edit in words. */
function editWords(edit) {
  const people = [edit.persons ?? [1, 2]].flat().map((person) => `person ${person}`).join(" and ");
  const parts = [edit.parts ?? []].flat().join(", ");
  const frames = Number.isFinite(edit.from) ? `, frames ${edit.from + 1} to ${edit.to}` : "";
  switch (edit.kind) {
    case "window": return `Made anew: ${people}${parts ? ` (${parts})` : ""}${frames}`;
    case "react": return `New partner for person ${edit.person ?? 1}`;
    case "between": return "New middle";
    case "extend": return "Continued";
    case "vary": return `Varied, ${Math.round((edit.share ?? 0.4) * 100)} % drawn again`;
    case "move": return `Moved person ${edit.person}`;
    default: return String(edit.kind ?? "edited");
  }
}

export class Details {
  /**
   * `again(clip)` puts the clip's request into the prompt line; `vary(clip)` asks for more seeds; `recipe()` is what makes
   * the clip on the stage; `tell` shows words; `opened()` when it opens.
   */
  constructor({ again, vary, recipe, tell, opened }) {
    this.panel = byId("details");
    this.opener = byId("details-open");
    this.clip = null;
    this.opened = opened;
    this.opener.addEventListener("click", () => this.toggle());
    byId("details-close").addEventListener("click", () => this.toggle(false));
    byId("reuse").addEventListener("click", () => again(this.clip));
    byId("more-seeds").addEventListener("click", () => vary(this.clip));
    const byHand = (text) => {
      // Without the clipboard (plain http on another host) the line is shown, to be copied by hand.
      byId("by-hand").value = text;
      byId("by-hand").hidden = false;
      byId("by-hand").select();
    };
    for (const [id, words, text] of [
      ["copy-curl", "Copied. Paste it into a terminal to make the same motion.", () => asCurl(recipe())],
      ["copy-python", "Copied. Save it as a .py file and run it with Python 3 to make the same motion.", () => asPython(recipe(), this.clip.sample.index)],
      ["copy-link", "Copied. The link holds the prompt, the seed and every setting.",
        () => location.origin + location.pathname + addressOf(recipe(), this.clip.id)],
    ]) {
      byId(id).addEventListener("click", async () => {
        if (await copy(text(), byHand)) tell(words);
      });
    }
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  toggle(open = !this.isOpen) {
    if (open === this.isOpen || (open && this.opener.hidden)) return;
    const inside = this.panel.contains(document.activeElement);
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open) this.opened();
    if (open) byId("details-close").focus({ preventScroll: true });
    else if (inside) this.opener.focus();
  }

  show(clip) {
    this.clip = clip;
    byId("by-hand").hidden = true;
    // Nobody knows the seed of a file.
    byId("again").hidden = clip.dropped === true;
    const list = byId("facts");
    list.replaceChildren();
    for (const [name, value] of facts(clip)) list.append(element("dt", name), element("dd", String(value)));
  }
}
