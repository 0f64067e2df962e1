// The strip under the stage: a ruler, when each foot stands, when the two touch, the loop region, the window of an edit, and
// the playhead, and what happens when where that is several things. Drag on the ruler for a loop region, elsewhere for the
// playhead; handles move ends.

import { clamp } from "./math.js";

const PAD = 8;
/** Height of the ruler, CSS pixels; a drag that begins on it makes a loop region. */
const RULER = 14;
/** How near to an end a pointer takes hold of it. */
const GRIP = 7;
/** The same for a finger. */
const TOUCH_GRIP = 18;
/** Height of the band that says what happens when. */
const BAND = 15;
/** Least width of a second's label. */
const LABEL = 34;

export class Timeline {
  /**
   * `seek(frame)` is called while the playhead is dragged; `hold(true|false)` when a drag begins and ends;
   * `region([from, to])` and `window([from, to])` when their ends move.
   */
  constructor(canvas, deeds) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.deeds = deeds;
    this.clip = null;
    /** [from, to] in frames, or null: what is looped, and what an edit makes anew. */
    this.region = null;
    this.window = null;
    /** What happens when, [{from, to, prompt}]; empty where it is one thing. */
    this.stretches = [];
    this.hover = -1;
    this.position = 0;
    this.drawn = "";
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.slide(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.release(event));
    canvas.addEventListener("pointerleave", () => {
      this.hover = -1;
      this.draw(this.position);
    });
  }

  load(clip) {
    this.clip = clip;
    this.drawn = "";
  }

  get last() {
    return Math.max(1, (this.clip?.frames ?? 1) - 1);
  }

  x(frame) {
    return PAD + (clamp(frame, 0, this.last) / this.last) * (this.canvas.clientWidth - 2 * PAD);
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD) / Math.max(1, box.width - 2 * PAD);
    const reach = event.pointerType === "touch" ? TOUCH_GRIP : GRIP;
    return { frame: clamp(share, 0, 1) * this.last, x: event.clientX - box.left, y: event.clientY - box.top, reach };
  }

  /** What a pointer at `at` takes hold of: a function that moves it to a frame. */
  grip({ frame, x, y, reach }) {
    const near = (at) => Math.abs(this.x(at) - x) <= reach;
    const ends = (range, tell, least) => {
      const [from, to] = range;
      if (near(to)) return (to2) => tell([from, Math.max(Math.round(to2), from + least)]);
      if (near(from)) return (from2) => tell([Math.min(Math.round(from2), to - least), to]);
      return null;
    };
    if (y <= RULER) {
      const held = this.region && ends(this.region, this.deeds.region, 2);
      if (held) return held;
      const start = Math.round(frame);
      return (end) => {
        const range = [Math.min(start, Math.round(end)), Math.max(start, Math.round(end))];
        // A press without a drag takes the region away.
        this.deeds.region(range[1] - range[0] >= 2 ? range : null);
      };
    }
    return (this.window && ends(this.window, this.deeds.window, 4)) || ((to) => this.deeds.seek(to));
  }

  /** Whether a pointer at `at` would take hold of an end. */
  overEnd({ x, y, reach }) {
    const range = y <= RULER ? this.region : this.window;
    return range !== null && range.some((end) => Math.abs(this.x(end) - x) <= reach);
  }

  /** Says what happens when; one thing needs no words here. */
  tell(stretches) {
    this.stretches = stretches.length > 1 ? stretches : [];
    this.canvas.toggleAttribute("data-stretches", this.stretches.length > 0);
    this.drawn = "";
  }

  press(event) {
    if (!this.clip || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.at(event);
    this.held = this.grip(at);
    this.deeds.hold(true);
    this.held(at.frame);
  }

  slide(event) {
    const at = this.at(event);
    if (this.canvas.hasPointerCapture(event.pointerId)) this.held?.(at.frame);
    else if (event.pointerType === "mouse") {
      this.hover = Math.round(at.frame);
      this.canvas.toggleAttribute("data-end", this.overEnd(at));
      this.draw(this.position);
    }
  }

  release(event) {
    if (!this.canvas.hasPointerCapture(event.pointerId)) return;
    this.canvas.releasePointerCapture(event.pointerId);
    this.held = null;
    this.deeds.hold(false);
  }

  /** Draws when the position, the size, a range or the theme has changed. */
  draw(position) {
    this.position = position;
    const { canvas, context: c, clip } = this;
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const style = getComputedStyle(canvas);
    const key = [position.toFixed(2), width, height, ratio, style.color, this.region, this.window, this.hover].join();
    if (!clip || key === this.drawn || width === 0) return;
    this.drawn = key;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    c.scale(ratio, ratio);
    const ink = (name) => style.getPropertyValue(name).trim();
    const floor = height - (this.stretches.length > 0 ? BAND : 0);
    if (this.window) this.band(this.window, RULER, floor - RULER, ink("--window"), ink("--accent"));
    if (this.region) this.band(this.region, 0, RULER, ink("--field"), ink("--ink"));
    this.ruler(style);
    this.tracks((RULER + floor) / 2, ink);
    this.words(floor, style);
    c.fillStyle = ink("--ink");
    c.fillRect(this.x(position) - 1, 3, 2, floor - 6);
    c.beginPath();
    c.arc(this.x(position), 5, 4, 0, Math.PI * 2);
    c.fill();
  }

  /** A stretch with an end to take hold of on either side. */
  band([from, to], top, tall, fill, edge) {
    const { context: c } = this;
    c.fillStyle = fill;
    c.fillRect(this.x(from), top, this.x(to) - this.x(from), tall);
    c.fillStyle = edge;
    for (const end of [from, to]) {
      c.beginPath();
      c.roundRect(this.x(end) - 2, top + 1, 4, tall - 2, 2);
      c.fill();
    }
  }

  ruler(style) {
    const { context: c, clip } = this;
    const width = this.canvas.clientWidth;
    c.fillStyle = style.color;
    c.font = `10px ${style.fontFamily}`;
    c.textBaseline = "top";
    const every = [1, 2, 5, 10, 20].find((step) => ((width - 2 * PAD) * step) / clip.seconds >= LABEL) ?? 60;
    for (let second = 0; second * clip.fps <= this.last; second++) {
      const x = this.x(second * clip.fps);
      c.fillRect(x - 0.5, RULER - 3, 1, 3);
      if (second % every === 0 && x + LABEL < width) c.fillText(`${second} s`, x + 3, 1);
    }
    if (this.hover < 0) return;
    const words = `${this.hover + 1} · ${(this.hover / clip.fps).toFixed(2)} s`;
    const wide = c.measureText(words).width + 8;
    const left = clamp(this.x(this.hover) - wide / 2, 0, width - wide);
    c.fillStyle = style.getPropertyValue("--ink");
    c.beginPath();
    c.roundRect(left, 0, wide, RULER, 4);
    c.fill();
    c.fillStyle = style.getPropertyValue("--back");
    c.fillText(words, left + 4, 2);
  }

  /** What happens when, in words as far as there is room. */
  words(top, style) {
    const { context: c } = this;
    c.font = `10px ${style.fontFamily}`;
    for (const { from, to, prompt } of this.stretches) {
      const [left, right] = [this.x(from) + 1, this.x(to) - 1];
      c.fillStyle = style.getPropertyValue("--track");
      c.beginPath();
      c.roundRect(left, top + 1, Math.max(2, right - left), BAND - 2, 3);
      c.fill();
      c.save();
      c.clip();
      c.fillStyle = style.getPropertyValue("--ink");
      c.fillText(prompt, left + 4, top + 3);
      c.restore();
    }
  }

  tracks(middle, ink) {
    const { context: c, clip } = this;
    const bar = (from, to, y, colour) => {
      c.fillStyle = colour;
      c.beginPath();
      c.roundRect(this.x(from), y, Math.max(3, this.x(to) - this.x(from)), 3, 1.5);
      c.fill();
    };
    for (const [person, top] of [[0, middle - 12], [1, middle + 5]]) {
      for (const [side, y] of [["left", top], ["right", top + 4]]) {
        bar(0, clip.frames - 1, y, ink("--track"));
        for (const step of clip.sample.steps[person] ?? []) {
          if (step.side === side) bar(step.start, step.end - 1, y, ink(`--person${person + 1}-${side}`));
        }
      }
    }
    for (const touch of clip.sample.touches) bar(touch.start, touch.end - 1, middle - 1.5, ink("--touch"));
  }
}
