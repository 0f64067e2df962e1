// The edit panel: what is to be made anew, for whom, and where; and the versions that edits have left.

import { button, byId, element } from "./dom.js";
import { FieldError, number } from "./fields.js";
import { partOf } from "./motion.js";

const PARTS = ["legs", "torso", "arms"];
/** Kinds that may hold a prompt of their own. */
const PROMPTED = ["window", "react", "between", "vary"];
/** The server takes whole groups of so many frames of a file. */
const GROUP = 4;
/** Longest timeline of a continuation. */
const MOST_STRETCHES = 12;

/** What a field of a number holds while it is typed into. */
const soFar = (id) => Number(byId(id).value.replace(",", ".")) || 0;

export class Edits {
  /**
   * `submit(edit)` is called with an edit as POST /edit takes it, without its parent; `cancel()`; `windowChanged(range)` when
   * the window [from, to] of frames moves, null when there is none; `chosen({persons, parts})` when what is made anew changes and
   * `nudged({person, shift, turn, window})` when a person moves, both null when there is no such thing; `opened()`;
   * `go(entry)` shows another version.
   */
  constructor({ submit, cancel, complain, windowChanged, chosen, nudged, opened, go }) {
    Object.assign(this, { submit, cancel, complain, windowChanged, chosen, nudged, opened, go });
    this.panel = byId("edit");
    this.opener = byId("edit-open");
    this.clip = null;
    this.busy = false;
    this.opener.addEventListener("click", () => this.toggle());
    byId("edit-close").addEventListener("click", () => this.toggle(false));
    byId("edit-kind").addEventListener("change", () => this.arrange());
    byId("edit-form").addEventListener("input", () => this.tell());
    byId("edit-add").addEventListener("click", () => this.addStretch());
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
      // Not a field: keys stay what they are.
      byId("edit-close").focus({ preventScroll: true });
    } else if (inside) this.opener.focus();
    this.tell();
  }

  /** Opens with a kind chosen, ready for the words. */
  offer(kind) {
    byId("edit-kind").value = kind;
    this.arrange();
    this.toggle(true);
    byId("edit-prompt").focus({ preventScroll: true });
  }

  /** Shows the fields of the chosen kind. */
  arrange() {
    const { kind } = this;
    for (const part of this.panel.querySelectorAll("[data-kinds]")) {
      part.hidden = !part.dataset.kinds.split(" ").includes(kind);
    }
    this.tell();
  }

  /** Whether the server can go on from what is on the stage: a result of its own, or files that it can be sent. */
  get isEditable() {
    return this.clip !== null && (this.clip.id !== "" || this.clip.sources?.length > 0);
  }

  /** How many frames the server goes on from. */
  get frames() {
    const { id, frames } = this.clip;
    return id ? frames : frames - (frames % GROUP);
  }

  load(clip, line) {
    const other = clip.id === "" || this.clip?.id !== clip.id;
    const before = this.clip;
    /** A version before or after the one that was shown: what the fields say of time holds for it as well. */
    const kin = before?.frames === clip.frames
      && ((clip.parent && clip.parent === before.id) || (before.parent && before.parent === clip.id));
    this.clip = clip;
    for (const id of ["edit-from", "edit-to"]) byId(id).max = String(this.frames);
    if (other && !kin) {
      const { frames } = this;
      const third = Math.round(frames / 3);
      const { edit } = clip;
      const [from, to] = edit?.kind === "window" ? [edit.from, edit.to] : [third, Math.min(frames, 2 * third)];
      this.setWindow([Math.min(from, frames - 4), Math.min(to, frames)]);
      byId("edit-first").value = byId("edit-last").value = String(Math.max(1, Math.round(frames / 4)));
    }
    if (other) {
      byId("edit-prompt").placeholder = clip.id ? clip.prompt : "What the two people do";
      for (const id of ["edit-x", "edit-z", "edit-turn"]) byId(id).value = "0";
    }
    this.limit(clip.sources?.length === 1);
    byId("edit-note").hidden = clip.id !== "";
    byId("edit-note").textContent = this.isEditable
      ? "Make it sends your files to the server, which keeps what it makes of them as a new result."
      : "This motion is not on the server. Generate one, then edit it.";
    byId("edit-make").disabled = !this.isEditable;
    this.drawVersions(line);
    this.tell();
  }

  /** Of somebody alone there is one thing to make: a partner, and the one in the file is who stays. */
  limit(alone) {
    for (const option of byId("edit-kind").options) option.disabled = alone && option.value !== "react";
    for (const option of byId("edit-who").options) option.disabled = alone && option.value !== "1";
    if (!alone) return;
    byId("edit-who").value = "1";
    if (this.kind !== "react") {
      byId("edit-kind").value = "react";
      this.arrange();
    }
  }

  // The window ----------------------------------------------------------------------------------------------------------

  get window() {
    const [from, to] = [Number(byId("edit-from").value) - 1, Number(byId("edit-to").value)];
    return Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to > from ? [from, to] : null;
  }

  setWindow([from, to]) {
    byId("edit-from").value = String(from + 1);
    byId("edit-to").value = String(this.clip ? Math.min(to, this.frames) : to);
    this.tell();
  }

  /** Shows elsewhere on the page what the fields say. */
  tell() {
    byId("edit-share-words").textContent = `${Math.round(Number(byId("edit-share").value) * 100)} %`;
    const { kind, isOpen } = this;
    const bends = kind === "move" && byId("edit-bend").checked;
    byId("edit-window").hidden = kind !== "window" && !bends;
    this.windowChanged(isOpen && (kind === "window" || bends) ? this.window : null);
    this.chosen(isOpen && kind === "window" ? { persons: this.persons, parts: this.parts } : null);
    this.nudged(isOpen && kind === "move" && this.clip ? {
      person: Number(byId("edit-who").value) - 1, shift: [soFar("edit-x"), soFar("edit-z")], turn: soFar("edit-turn"),
      window: bends ? this.window : null,
    } : null);
  }

  get persons() {
    return [1, 2].filter((n) => byId(`edit-person${n}`).checked);
  }

  get parts() {
    return PARTS.filter((part) => byId(`edit-${part}`).checked);
  }

  /** Chooses a person and a part of the body, as by pressing on the figure; `adds` keeps what is chosen, and takes it back at a second press. */
  choose(person, joint, adds) {
    this.turnTo(this.clip.sources?.length === 1 ? 0 : person);
    const part = partOf(joint);
    const had = byId(`edit-person${person + 1}`).checked && byId(`edit-${part}`).checked;
    for (const n of [1, 2]) byId(`edit-person${n}`).checked = n === person + 1 || (adds && byId(`edit-person${n}`).checked);
    for (const other of PARTS) byId(`edit-${other}`).checked = other === part ? !(adds && had) : adds && byId(`edit-${other}`).checked;
    this.tell();
  }

  /** Whether a drag of a figure is to carry the person. */
  get carries() {
    return this.isOpen && this.kind === "move" && this.isEditable && !this.busy;
  }

  /** Chooses who is moved; another one than before has not been moved yet. */
  turnTo(person) {
    if (byId("edit-who").value === String(person + 1)) return;
    byId("edit-who").value = String(person + 1);
    for (const id of ["edit-x", "edit-z", "edit-turn"]) byId(id).value = "0";
    this.carried = null;
  }

  /** Moves a person by metres [x, z], as by dragging the figure; another one than before begins anew. */
  carry(person, [x, z]) {
    this.turnTo(person);
    // What is shown is rounded; what a slow drag adds up to is not.
    const [shownX, shownZ] = [soFar("edit-x"), soFar("edit-z")];
    const before = this.carried && Math.abs(this.carried[0] - shownX) < 0.01 && Math.abs(this.carried[1] - shownZ) < 0.01
      ? this.carried : [shownX, shownZ];
    this.carried = [before[0] + x, before[1] + z];
    byId("edit-x").value = this.carried[0].toFixed(2);
    byId("edit-z").value = this.carried[1].toFixed(2);
    this.tell();
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
      const words = prompt.value.trim() || (this.clip.id ? this.clip.prompt : "");
      if (words === "") throw new FieldError(prompt, "Say what the two people do in each stretch.");
      return { prompt: words, seconds: number(seconds, "Seconds of a stretch", 0.6, 8) };
    });
  }

  // Sending -------------------------------------------------------------------------------------------------------------

  send() {
    if (!this.isEditable) return;
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
    const edit = clip.id ? { kind, sample: clip.sample.index } : { kind };
    const whole = { whole: true };
    if (kind === "window") Object.assign(edit, this.readWindow());
    if (kind === "react") {
      edit.person = Number(byId("edit-who").value);
      if (byId("edit-role").value !== "") edit.role = Number(byId("edit-role").value);
    }
    if (kind === "between") {
      edit.first = number(byId("edit-first"), "Frames kept at the start", 1, this.frames - 1, whole);
      edit.last = number(byId("edit-last"), "Frames kept at the end", 1, this.frames - edit.first, whole);
    }
    if (kind === "extend") edit.timeline = this.stretches();
    if (kind === "vary") edit.share = Number(byId("edit-share").value);
    if (kind === "move") {
      Object.assign(edit, {
        person: Number(byId("edit-who").value),
        shift: [number(byId("edit-x"), "Metres along x", -20, 20), number(byId("edit-z"), "Metres along z", -20, 20)],
        turn: number(byId("edit-turn"), "Degrees", -360, 360),
      });
      if (byId("edit-bend").checked) Object.assign(edit, this.readFrames());
      return edit;
    }
    const prompt = byId("edit-prompt").value.trim();
    if (prompt && PROMPTED.includes(kind)) edit.prompt = prompt;
    if (!prompt && !clip.id && PROMPTED.includes(kind)) {
      throw new FieldError(byId("edit-prompt"), "Say what the two people do: the files do not tell.");
    }
    edit.seed = byId("edit-seed").value.trim() === ""
      ? Math.floor(Math.random() * 1_000_000)
      : number(byId("edit-seed"), "Seed", 0, Number.MAX_SAFE_INTEGER, whole);
    const samples = Number(byId("edit-samples").value);
    if (samples > 1) edit.samples = samples;
    return edit;
  }

  readFrames() {
    const { frames } = this;
    const from = number(byId("edit-from"), "First frame", 1, frames - 3, { whole: true }) - 1;
    return { from, to: number(byId("edit-to"), "Last frame", from + 4, frames, { whole: true }) };
  }

  readWindow() {
    const window = this.readFrames();
    const { persons, parts } = this;
    if (persons.length === 0) throw new FieldError(byId("edit-person1"), "Choose person 1, person 2 or both.");
    if (parts.length === 0) throw new FieldError(byId("edit-legs"), "Choose at least one part of the body.");
    return { ...window, persons, parts, blend: number(byId("edit-blend"), "Blend", 0, 32, { whole: true }) };
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
