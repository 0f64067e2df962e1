// The view menu: camera presets, how people are drawn, what they leave behind, light or dark. Kept for the next visit.

import { byId } from "./dom.js";
import { read, write } from "./storage.js";
import { toggleTheme } from "./theme.js";

const KEY = "duet.look";
const SWITCHES = ["skeleton", "trails", "prints"];

export class Looks {
  /** `stage` may be null; `look(name)` turns to a view; `opened()` is called when the menu opens. */
  constructor(stage, { look, opened }) {
    this.stage = stage;
    this.panel = byId("looks");
    this.opener = byId("looks-open");
    this.opened = opened;
    this.opener.addEventListener("click", () => this.toggle());
    byId("theme").addEventListener("click", toggleTheme);
    const kept = read(KEY) ?? {};
    for (const name of SWITCHES) {
      const box = byId(`look-${name}`);
      box.checked = kept[name] === true;
      box.addEventListener("change", () => this.apply());
    }
    for (const button of document.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => look(button.dataset.view));
    }
    byId("frame-both").addEventListener("click", () => stage?.frameBoth());
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.panel.contains(target) && !this.opener.contains(target)) this.toggle(false);
    });
    this.apply();
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  toggle(open = !this.isOpen) {
    if (open === this.isOpen) return;
    const inside = this.panel.contains(document.activeElement);
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open) {
      this.opened();
      this.panel.querySelector("button, input")?.focus({ preventScroll: true });
    } else if (inside) this.opener.focus();
  }

  /** Turns one of the switches, as by its key. */
  turn(name) {
    byId(`look-${name}`).checked = !byId(`look-${name}`).checked;
    this.apply();
  }

  apply() {
    const look = Object.fromEntries(SWITCHES.map((name) => [name, byId(`look-${name}`).checked]));
    write(KEY, look);
    this.stage?.draw(look);
  }
}
