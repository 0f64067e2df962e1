// Results of this visit and earlier ones, newest first, each a small picture that brings it back. The browser keeps how
// each was made, not its motion: what the server has forgotten is made again, the same from the same seed. Windows of one
// browser share it.

import { button, element } from "./dom.js";
import { read, write } from "./storage.js";

const KEY = "duet.history";
export const MOST = 24;

export class History {
  /** `show(entry)` is called when one is chosen; entries are {id, parent, recipe, prompt, picture, result?}. */
  constructor(list, show) {
    this.list = list;
    this.show = show;
    const kept = read(KEY);
    this.entries = entriesOf(kept);
    /** Ids whose place others have taken; another window may still write them. */
    this.gone = new Set();
    this.current = "";
    window.addEventListener("storage", ({ key }) => {
      if (key !== KEY) return;
      this.merge();
      this.draw();
    });
    this.draw();
  }

  /** Takes in what other windows have kept. */
  merge() {
    const known = new Set(this.entries.map((entry) => entry.id));
    const others = entriesOf(read(KEY)).filter((entry) => !known.has(entry.id) && !this.gone.has(entry.id));
    this.entries = [...this.entries, ...others].sort((a, b) => (b.made ?? 0) - (a.made ?? 0)).slice(0, MOST);
  }

  /** Remembers a result, or puts a new one in the place of the entry it makes again. */
  add({ result, recipe, picture }, instead = null) {
    this.merge();
    const entry = { id: result.id, parent: result.parent, recipe, prompt: result.prompt, picture, result, made: Date.now() };
    const at = instead ? this.entries.indexOf(instead) : this.entries.findIndex((old) => old.id === entry.id);
    if (at >= 0) {
      const old = this.entries[at];
      for (const other of this.entries) if (other.parent === old.id) other.parent = entry.id;
      if (old.id !== entry.id) this.gone.add(old.id);
      this.entries[at] = { ...entry, parent: old.parent || entry.parent, picture: picture || old.picture, made: old.made };
    } else {
      this.entries.unshift(entry);
    }
    this.entries.length = Math.min(this.entries.length, MOST);
    this.save();
    this.mark(result.id);
    return this.find(result.id);
  }

  /** Takes in what the server keeps and this browser does not know: made in another one, or by a program. Edits are left out, as
   *  how they were made is known where they were made. */
  join(listed) {
    for (const { id, prompt, frames, seed, samples, model, kind } of listed) {
      const request = { prompt, frames, seed, ...(samples > 1 && { samples }), model };
      const entry = { id, recipe: { request, edits: [] }, prompt, picture: "", listed: true };
      if (kind === undefined && isEntry(entry) && !this.find(id)) this.entries.push(entry);
    }
    this.entries.length = Math.min(this.entries.length, MOST);
    this.draw();
  }

  /** Takes an entry out. */
  forget(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.save();
    this.draw();
  }

  find(id) {
    return this.entries.find((entry) => entry.id === id) ?? null;
  }

  /** The newest result that was made from `id`. */
  childOf(id) {
    return this.entries.find((entry) => entry.parent === id) ?? null;
  }

  /** The entries of one line of edits, first to last, as far as they are kept. */
  lineOf(id) {
    const line = [];
    for (let entry = this.find(id); entry && !line.includes(entry); entry = this.find(entry.parent)) line.unshift(entry);
    for (let entry = this.childOf(id); entry && !line.includes(entry); entry = this.childOf(entry.id)) line.push(entry);
    return line;
  }

  save() {
    // What is only listed is listed again next time.
    const kept = this.entries.filter((entry) => !entry.listed).map(({ result, ...entry }) => entry);
    // Pictures are what fills the browser's store; without room the oldest are not kept. This visit has them all the same.
    while (!write(KEY, kept) && kept.length > 1) kept.pop();
  }

  mark(id) {
    this.current = id;
    this.draw();
  }

  draw() {
    this.list.replaceChildren(...this.entries.map((entry) => {
      const words = entry.recipe.edits?.length ? `${entry.prompt} (edited)` : entry.prompt;
      const made = button("", () => this.show(entry), {
        title: words, "aria-label": `Show again: ${words}`, "aria-current": entry.id === this.current && "true",
      });
      if (entry.picture) made.append(element("img", "", { src: entry.picture, alt: "", width: 72, height: 72 }));
      else made.append(element("span", entry.prompt.slice(0, 24)));
      const item = element("li");
      item.append(made);
      return item;
    }));
    // One result needs no rail to go back to.
    this.list.hidden = this.entries.length === 0 || (this.entries.length === 1 && this.entries[0].id === this.current);
  }
}

const entriesOf = (kept) => (Array.isArray(kept) ? kept : []).filter(isEntry).slice(0, MOST);

function isEntry(entry) {
  const { id, prompt, recipe, picture } = entry ?? {};
  return typeof id === "string" && typeof prompt === "string" && typeof recipe?.request === "object"
    && typeof picture === "string" && (picture === "" || picture.startsWith("data:image/png;base64,"));
}
