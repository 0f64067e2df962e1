// The clock: where in the clip we are, and how fast it runs.

import { clamp } from "./math.js";

export const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 3];

export class Player {
  constructor() {
    this.frames = 1;
    this.fps = 30;
    /** In frames, between 0 and frames - 1. */
    this.position = 0;
    this.playing = false;
    this.speed = 1;
    this.loop = true;
  }

  load({ frames, fps }) {
    this.frames = frames;
    this.fps = fps;
    this.position = 0;
  }

  get last() {
    return this.frames - 1;
  }

  get frame() {
    return Math.round(this.position);
  }

  play() {
    if (this.position >= this.last) this.position = 0;
    this.playing = this.frames > 1;
  }

  /** Stops on a whole frame, so that what is seen is a frame of the clip. */
  pause() {
    this.playing = false;
    this.position = this.frame;
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  seek(frame) {
    this.position = clamp(Number.isFinite(frame) ? frame : 0, 0, this.last);
  }

  /** Pauses and moves by whole frames. */
  step(by) {
    this.pause();
    this.seek(this.frame + by);
  }

  /** Moves on by `seconds` of the viewer's time. */
  advance(seconds) {
    if (!this.playing) return;
    const next = this.position + seconds * this.speed * this.fps;
    if (next < this.last) {
      this.position = next;
    } else if (this.loop) {
      this.position = this.last > 0 ? (next - this.last) % this.last : 0;
    } else {
      this.position = this.last;
      this.playing = false;
    }
  }
}
