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
    /** Frames [from, to] that are played over and over; null = the whole clip. */
    this.region = null;
  }

  load({ frames, fps }) {
    this.frames = frames;
    this.fps = fps;
    this.position = 0;
    this.region = null;
  }

  get last() {
    return this.frames - 1;
  }

  get frame() {
    return Math.round(this.position);
  }

  /** First and last frame of what is played. */
  get span() {
    return this.region ?? [0, this.last];
  }

  play() {
    const [from, to] = this.span;
    if (this.position >= to || this.position < from) this.position = from;
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
    const [from, to] = this.span;
    const next = this.position + seconds * this.speed * this.fps;
    if (next < to) {
      this.position = next;
    } else if (this.loop) {
      this.position = to > from ? from + ((next - to) % (to - from)) : from;
    } else {
      this.position = to;
      this.playing = false;
    }
  }
}
