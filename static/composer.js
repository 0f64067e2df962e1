// The prompt line and its settings: reads the fields into a request, says in words what is wrong with them, and shows
// that work is under way.

import { byId } from "./dom.js";
import { FieldError, number } from "./fields.js";

const MOST_SEED = Number.MAX_SAFE_INTEGER;

export class Composer {
  /**
   * `submit(request)` is called with a checked request; `cancel()` when the person gives up; `complain` shows words;
   * `opened()` is called when the settings open.
   */
  constructor({ submit, cancel, complain, opened }) {
    this.form = byId("composer");
    this.button = byId("generate");
    this.busy = false;
    this.timer = 0;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.busy) {
        cancel();
        return;
      }
      const request = this.checked(complain);
      if (request) submit(request);
    });
    byId("dice").addEventListener("click", () => {
      byId("seed").value = String(Math.floor(Math.random() * 1_000_000));
    });
    byId("prompt").addEventListener("input", () => {
      this.clearMarks();
      this.followExample();
    });
    byId("seconds").addEventListener("input", () => {
      this.ownLength = true;
      this.lengthBefore = undefined;
    });
    const settings = byId("settings");
    byId("settings-open").addEventListener("click", (event) => {
      const open = settings.hidden;
      settings.hidden = !open;
      event.currentTarget.setAttribute("aria-expanded", String(open));
      if (open) opened();
    });
    this.explainModel();
    byId("model")?.addEventListener("change", () => this.explainModel());
    for (const chip of document.querySelectorAll(".chip[data-seconds]")) {
      chip.addEventListener("click", () => {
        byId("prompt").value = chip.textContent.trim();
        byId("seconds").value = chip.dataset.seconds;
        this.lengthBefore = undefined;
        if (!this.busy) this.form.requestSubmit();
      });
    }
    for (const families of document.querySelectorAll(".families")) {
      const buttons = [...families.children];
      const lists = [...families.parentElement.children].filter((list) => list !== families);
      for (const button of buttons) {
        button.addEventListener("click", () => {
          buttons.forEach((other, n) => {
            other.setAttribute("aria-pressed", String(other === button));
            lists[n].hidden = other !== button;
          });
        });
      }
    }
  }

  closeSettings() {
    byId("settings").hidden = true;
    byId("settings-open").setAttribute("aria-expanded", "false");
  }

  explainModel() {
    const chosen = byId("model")?.selectedOptions[0];
    byId("knows").textContent = chosen?.dataset.knows ?? "";
    // Each model has a guidance of its own; what somebody typed stays.
    const usual = chosen?.dataset.guidance;
    if (this.guidance !== undefined && byId("guidance").value === this.guidance) byId("guidance").value = usual;
    this.guidance = usual;
    // A model that remembers nothing has nothing to set there.
    const share = chosen?.dataset.memory;
    byId("memory-field").hidden = share === undefined;
    byId("memory").placeholder = share ?? "";
    if (share === undefined) byId("memory").value = "";
    for (const examples of document.querySelectorAll(".examples")) {
      examples.hidden = examples.dataset.model !== chosen?.value || examples.querySelector(".chip") === null;
    }
  }

  /** The length that an example needs, while just its sentence stands there and nobody has asked for another length. */
  followExample() {
    const plain = (text) => text.trim().toLowerCase();
    const typed = plain(byId("prompt").value);
    const chips = [...document.querySelectorAll(".examples:not([hidden]) .chip[data-seconds]")];
    const example = this.ownLength ? undefined : chips.find((chip) => plain(chip.textContent) === typed);
    const seconds = byId("seconds");
    if (example && this.lengthBefore === undefined) {
      this.lengthBefore = seconds.value;
      seconds.value = example.dataset.seconds;
    } else if (!example && this.lengthBefore !== undefined) {
      seconds.value = this.lengthBefore;
      this.lengthBefore = undefined;
    }
  }

  clearMarks() {
    for (const marked of this.form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
  }

  checked(complain) {
    this.clearMarks();
    try {
      return this.read();
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      if (byId("settings").contains(error.field) && byId("settings").hidden) byId("settings-open").click();
      error.field.setAttribute("aria-invalid", "true");
      error.field.focus();
      complain(error.message);
      return null;
    }
  }

  /** The request as the fields have it. Throws FieldError. */
  read() {
    const prompt = byId("prompt").value.trim();
    if (prompt === "") throw new FieldError(byId("prompt"), "Say what the two people do, then press Generate.");
    if ([...prompt].length > 1000) {
      throw new FieldError(byId("prompt"), "The prompt is longer than 1000 characters. Shorten it.");
    }
    const request = { prompt, seconds: number(byId("seconds"), "Length in seconds", 0.6, 10) };
    request.seed = byId("seed").value.trim() === ""
      ? Math.floor(Math.random() * 1_000_000)
      : number(byId("seed"), "Seed", 0, MOST_SEED, { whole: true });
    request.samples = number(byId("samples"), "Samples", 1, 8, { whole: true });
    request.steps = number(byId("steps"), "Steps", 1, 64, { whole: true });
    request.guidance = number(byId("guidance"), "Guidance", 0, 10);
    request.top_k_ratio = number(byId("top-k-ratio"), "Top-k ratio", 0, 0.999);
    request.temperature = number(byId("temperature"), "Temperature", 0, 10, { open: true });
    const memory = byId("memory");
    // What is no number reads as empty.
    if (memory.value !== "" || memory.validity.badInput) request.memory = number(memory, "Memory", 0, 1);
    request.foot_fix = byId("foot-fix").checked;
    request.rigid = byId("rigid").checked;
    const model = byId("model")?.value;
    if (model) request.model = model;
    return request;
  }

  /** Puts an earlier request back into the fields. */
  fill(request) {
    const { frames, seconds = Number.isFinite(frames) ? frames / 30 : undefined } = request;
    const values = { ...request, seconds: Number.isFinite(seconds) ? Number(seconds.toFixed(2)) : undefined };
    for (const id of [
      "prompt", "seconds", "seed", "samples", "steps", "guidance", "top-k-ratio", "temperature", "memory", "model",
    ]) {
      const value = values[id.replaceAll("-", "_")];
      const field = byId(id);
      const offered = !field.options || [...field.options].some((option) => option.value === String(value));
      if (value !== undefined && offered) field.value = String(value);
    }
    // Left out it is as the model has it.
    if (request.memory === undefined) byId("memory").value = "";
    if (typeof request.foot_fix === "boolean") byId("foot-fix").checked = request.foot_fix;
    if (typeof request.rigid === "boolean") byId("rigid").checked = request.rigid;
    this.lengthBefore = undefined;
    this.explainModel();
    this.clearMarks();
  }

  /** Shows how far the work is, {step, steps} in decoding steps, where that is known. */
  steps(progress) {
    if (progress && this.busy) this.done = `${Math.round((100 * progress.step) / Math.max(1, progress.steps))} %`;
  }

  /** While busy the button cancels, and tells how far the work is or else counts the seconds. */
  working(on, words = "Cancel") {
    this.busy = on;
    clearInterval(this.timer);
    this.form.toggleAttribute("data-busy", on);
    this.form.setAttribute("aria-busy", String(on));
    const label = this.button.querySelector("span");
    if (!on) {
      label.textContent = "Generate";
      return;
    }
    const since = performance.now();
    this.done = "";
    const count = () => {
      label.textContent = `${words} · ${this.done || `${((performance.now() - since) / 1000).toFixed(0)} s`}`;
    };
    count();
    this.timer = setInterval(count, 250);
  }
}
