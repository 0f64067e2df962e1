// Samples side by side: where each stands on the stage, and a button on each that brings it to the front.

import { button } from "./dom.js";

/** Wished width to height of a cell: two people side by side. */
const SHAPE = 1.15;
const GAP = 0.004;

/** Places for `count` clips in the part of the stage that `margins` leave free, as [left, top, width, height] shares. */
export function places(count, aspect, { top, bottom }) {
  const free = Math.max(0.2, 1 - top - bottom);
  let best = null;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    // The smaller of what width and height allow says how large the people are.
    const size = Math.min(aspect / columns / SHAPE, free / rows);
    if (!best || size > best.size + 1e-6) best = { columns, rows, size };
  }
  const { columns, rows } = best;
  return Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / columns);
    // A last row that is not full stands in the middle.
    const here = row === rows - 1 ? count - row * columns : columns;
    const left = (columns - here) / 2 / columns + (i % columns) / columns;
    return [left + GAP, top + (row * free) / rows + GAP, 1 / columns - 2 * GAP, free / rows - 2 * GAP];
  });
}

export class Grid {
  /** `choose(index)` is called when one is brought to the front. */
  constructor(place, choose) {
    this.place = place;
    this.choose = choose;
  }

  /** Puts the buttons {words, title} where the cells are. */
  show(rects, labels) {
    this.place.replaceChildren(...labels.map(({ words, title }, index) => {
      const made = button(words, () => this.choose(index), { "aria-label": title, title });
      const [left, top] = rects[index];
      made.style.left = `${left * 100}%`;
      made.style.top = `${top * 100}%`;
      return made;
    }));
    this.place.hidden = false;
  }

  hide() {
    this.place.hidden = true;
    this.place.replaceChildren();
  }
}
