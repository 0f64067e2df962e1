// The strip under the stage: when each foot stands, when the two touch, and the playhead. Drag or use the arrow keys.

import { clamp } from "./math.js";

const PAD = 8;

export class Timeline {
  /** `seek(frame)` is called while the playhead is dragged; `hold(true|false)` when a drag begins and ends. */
  constructor(canvas, { seek, hold }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.clip = null;
    this.drawn = "";
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const share = (event.clientX - box.left - PAD) / Math.max(1, box.width - 2 * PAD);
      return clamp(share, 0, 1) * ((this.clip?.frames ?? 1) - 1);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.clip || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      hold(true);
      seek(at(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) seek(at(event));
    });
    const end = (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) canvas.releasePointerCapture(event.pointerId);
      hold(false);
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  }

  load(clip) {
    this.clip = clip;
    this.drawn = "";
  }

  /** Draws when the position, the size or the theme has changed. */
  draw(position) {
    const { canvas, context: c, clip } = this;
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const style = getComputedStyle(canvas);
    const key = [position.toFixed(2), width, height, ratio, style.color].join();
    if (!clip || key === this.drawn || width === 0) return;
    this.drawn = key;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    c.scale(ratio, ratio);
    const ink = (name) => style.getPropertyValue(name).trim();
    const x = (frame) => PAD + (clamp(frame, 0, clip.frames - 1) / Math.max(1, clip.frames - 1)) * (width - 2 * PAD);
    const bar = (from, to, y, thick, colour) => {
      c.fillStyle = colour;
      c.beginPath();
      c.roundRect(x(from), y, Math.max(thick, x(to) - x(from)), thick, thick / 2);
      c.fill();
    };
    const middle = height / 2;
    for (const [person, top] of [[0, middle - 12], [1, middle + 5]]) {
      for (const [side, y] of [["left", top], ["right", top + 4]]) {
        bar(0, clip.frames - 1, y, 3, ink("--track"));
        for (const step of clip.sample.steps[person]) {
          if (step.side === side) bar(step.start, step.end - 1, y, 3, ink(`--person${person + 1}-${side}`));
        }
      }
    }
    for (const touch of clip.sample.touches) bar(touch.start, touch.end - 1, middle - 1.5, 3, ink("--touch"));
    this.ticks(x, middle, style.color);
    c.fillStyle = ink("--ink");
    c.fillRect(x(position) - 1, 3, 2, height - 6);
    c.beginPath();
    c.arc(x(position), 5, 4, 0, Math.PI * 2);
    c.fill();
  }

  ticks(x, middle, colour) {
    const { context: c, clip } = this;
    c.fillStyle = colour;
    for (let second = 1; second < clip.seconds; second++) c.fillRect(x(second * clip.fps) - 0.5, middle + 15, 1, 4);
  }
}
