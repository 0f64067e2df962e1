// The edit panel: what is to be made anew, for whom, and where; and the versions that edits have left.

import { button, byId, element } from "./dom.js";
import { FieldError, number } from "./fields.js";
import { partOf } from "./motion.js";

const PARTS = ["legs", "torso", "arms"];
/** Kinds that may hold a prompt of their own. */
const PROMPTED = ["window", "react", "between", "vary"];
/** Longest timeline of a continuation. */
const MOST_STRETCHES = 12;

const ticked = (ids) => ids.filter((id) => byId(id).checked);

export class Edits {
  /**
   * `submit(edit)` is called with an edit as POST /edit takes it, without its parent; `cancel()`; `windowChanged(range)` when
   * the window [from, to] of frames moves, null when there is none; `opened()`; `go(entry)` shows another version.
   */
  constructor({ submit, cancel, complain, windowChanged, opened, go }) {
    Object.assign(this, { submit, cancel, complain, windowChanged, opened, go });
    this.panel = byId("edit");
    this.opener = byId("edit-open");
    this.clip = null;
    this.busy = false;
    this.opener.addEventListener("click", () => this.toggle());
    byId("edit-close").addEventListener("click", () => this.toggle(false));
    byId("edit-kind").addEventListener("change", () => this.arrange());
    for (const id of ["edit-from", "edit-to"]) byId(id).addEventListener("input", () => this.tellWindow());
    byId("edit-add").addEventListener("click", () => this.addStretch());
    byId("edit-share").addEventListener("input", () => this.tellShare());
    byId("edit-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.busy) this.cancel();
      else this.send();
    });
    this.addStretch();
    this.arrange();
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  get kind() {
    return byId("edit-kind").value;
  }

  toggle(open = !this.isOpen) {
    if (open === this.isOpen || (open && this.opener.hidden)) return;
    const inside = this.panel.contains(document.activeElement);
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open) {
      this.opened();
      byId("edit-kind").focus({ preventScroll: true });
    } else if (inside) this.opener.focus();
    this.tellWindow();
  }

  /** Shows the fields of the chosen kind. */
  arrange() {
    const { kind } = this;
    for (const part of this.panel.querySelectorAll("[data-kinds]")) {
      part.hidden = !part.dataset.kinds.split(" ").includes(kind);
    }
    this.tellWindow();
  }

  load(clip, line) {
    const other = this.clip?.id !== clip.id;
    this.clip = clip;
    for (const id of ["edit-from", "edit-to"]) byId(id).max = String(clip.frames);
    if (other) {
      const third = Math.round(clip.frames / 3);
      const { edit } = clip;
      const [from, to] = edit?.kind === "window" ? [edit.from, edit.to] : [third, Math.min(clip.frames, 2 * third)];
      this.setWindow([Math.min(from, clip.frames - 4), Math.min(to, clip.frames)]);
      byId("edit-first").value = byId("edit-last").value = String(Math.max(1, Math.round(clip.frames / 4)));
      byId("edit-prompt").placeholder = clip.prompt;
    }
    byId("edit-note").hidden = clip.id !== "";
    byId("edit-make").disabled = clip.id === "";
    this.drawVersions(line);
  }

  // The window ----------------------------------------------------------------------------------------------------------

  get window() {
    const [from, to] = [Number(byId("edit-from").value) - 1, Number(byId("edit-to").value)];
    return Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to > from ? [from, to] : null;
  }

  setWindow([from, to]) {
    byId("edit-from").value = String(from + 1);
    byId("edit-to").value = String(to);
    this.tellWindow();
  }

  tellWindow() {
    this.windowChanged(this.isOpen && this.kind === "window" ? this.window : null);
  }

  tellShare() {
    byId("edit-share-words").textContent = `${Math.round(Number(byId("edit-share").value) * 100)} %`;
  }

  /** Chooses a person and a part of the body, as by pressing on the figure. */
  choose(person, joint) {
    for (const n of [1, 2]) byId(`edit-person${n}`).checked = n === person + 1;
    for (const part of PARTS) byId(`edit-${part}`).checked = part === partOf(joint);
    byId("edit-who").value = String(person + 1);
  }

  // The stretches of a continuation -------------------------------------------------------------------------------------

  addStretch() {
    const list = byId("edit-stretches");
    if (list.children.length >= MOST_STRETCHES) return;
    const item = element("li");
    const n = list.children.length + 1;
    const prompt = element("input", "", { type: "text", "aria-label": `Stretch ${n}: what they do`, placeholder: "What they do next" });
    const seconds = element("input", "", {
      type: "number", min: "0.6", max: "8", step: "0.5", value: "3", "aria-label": `Stretch ${n}: seconds`,
    });
    const gone = button("×", () => list.children.length > 1 && item.remove(), { "aria-label": `Remove stretch ${n}`, class: "round" });
    item.append(prompt, seconds, element("span", "s"), gone);
    list.append(item);
  }

  stretches() {
    return [...byId("edit-stretches").children].map((item) => {
      const [prompt, seconds] = item.querySelectorAll("input");
      const words = prompt.value.trim() || this.clip.prompt;
      return { prompt: words, seconds: number(seconds, "Seconds of a stretch", 0.6, 8) };
    });
  }

  // Sending -------------------------------------------------------------------------------------------------------------

  send() {
    if (!this.clip?.id) return;
    for (const marked of this.panel.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
    try {
      this.submit(this.read());
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      error.field.setAttribute("aria-invalid", "true");
      error.field.focus();
      this.complain(error.message);
    }
  }

  /** The edit as the fields have it. Throws FieldError. */
  read() {
    const { kind, clip } = this;
    const edit = { kind, sample: clip.sample.index };
    const whole = { whole: true };
    if (kind === "window") Object.assign(edit, this.readWindow());
    if (kind === "react") Object.assign(edit, { person: Number(byId("edit-who").value) });
    if (kind === "between") {
      edit.first = number(byId("edit-first"), "Frames kept at the start", 1, clip.frames - 1, whole);
      edit.last = number(byId("edit-last"), "Frames kept at the end", 1, clip.frames - edit.first, whole);
    }
    if (kind === "extend") edit.timeline = this.stretches();
    if (kind === "vary") edit.share = Number(byId("edit-share").value);
    if (kind === "move") {
      Object.assign(edit, {
        person: Number(byId("edit-who").value),
        shift: [number(byId("edit-x"), "Metres along x", -20, 20), number(byId("edit-z"), "Metres along z", -20, 20)],
        turn: number(byId("edit-turn"), "Degrees", -360, 360),
      });
      return edit;
    }
    const prompt = byId("edit-prompt").value.trim();
    if (prompt && PROMPTED.includes(kind)) edit.prompt = prompt;
    edit.seed = byId("edit-seed").value.trim() === ""
      ? Math.floor(Math.random() * 1_000_000)
      : number(byId("edit-seed"), "Seed", 0, Number.MAX_SAFE_INTEGER, whole);
    const samples = Number(byId("edit-samples").value);
    if (samples > 1) edit.samples = samples;
    return edit;
  }

  readWindow() {
    const { frames } = this.clip;
    const from = number(byId("edit-from"), "First frame", 1, frames - 3, { whole: true }) - 1;
    const to = number(byId("edit-to"), "Last frame", from + 4, frames, { whole: true });
    const persons = [1, 2].filter((n) => byId(`edit-person${n}`).checked);
    if (persons.length === 0) throw new FieldError(byId("edit-person1"), "Choose person 1, person 2 or both.");
    const parts = ticked(PARTS.map((part) => `edit-${part}`)).map((id) => id.slice("edit-".length));
    if (parts.length === 0) throw new FieldError(byId("edit-legs"), "Choose at least one part of the body.");
    return { from, to, persons, parts, blend: number(byId("edit-blend"), "Blend", 0, 32, { whole: true }) };
  }

  working(on) {
    this.busy = on;
    byId("edit-make").textContent = on ? "Cancel" : "Make it";
    byId("edit-form").setAttribute("aria-busy", String(on));
  }

  // Versions ------------------------------------------------------------------------------------------------------------

  /** Lists a line of versions, first to last. */
  drawVersions(line) {
    this.line = line;
    byId("versions").hidden = line.length < 2;
    const at = line.findIndex((entry) => entry.id === this.clip.id);
    byId("undo").disabled = at <= 0;
    byId("redo").disabled = at < 0 || at + 1 >= line.length;
    byId("versions-list").replaceChildren(...line.map((entry, i) => {
      const item = element("li");
      const kind = entry.recipe.edits?.at(-1)?.kind;
      item.append(button(i === 0 ? "Original" : `${i}. ${KIND_WORDS[kind] ?? "Edit"}`, () => this.go(entry), {
        "aria-current": i === at && "true",
      }));
      return item;
    }));
  }

  /** Shows the version before (-1) or after (1) the one on the stage. */
  step(by) {
    const at = this.line?.findIndex((entry) => entry.id === this.clip?.id) ?? -1;
    const entry = at >= 0 ? this.line[at + by] : null;
    if (entry) this.go(entry);
  }
}

const KIND_WORDS = {
  window: "Part made anew", react: "New partner", between: "New middle", extend: "Continued", vary: "Varied", move: "Moved",
};
