// The viewer's eye: orbits, pans and zooms around a point, eased, and can keep both people in view.

import { add, clamp, cross, dot, lookAt, madd, mix, multiply, perspective, sub } from "./math.js";

const FIELD = (34 * Math.PI) / 180;
/** Of a person looking: wider. */
const EYES_FIELD = (64 * Math.PI) / 180;
const TILT = [-0.02, Math.PI / 2 - 0.01];
const DISTANCE = [0.8, 30];
/** Seconds in which a camera move is mostly done. */
const EASE = 0.13;

const turn = (from, to) => {
  const full = Math.PI * 2;
  return ((((to - from) % full) + full + Math.PI) % full) - Math.PI;
};

export class Camera {
  constructor() {
    this.now = { yaw: 0.5, tilt: 0.2, distance: 5, target: [0, 0.85, 0] };
    this.goal = { ...this.now };
    this.following = true;
    /** Whose eyes are looked through, 0 or 1; -1 = nobody's. */
    this.eyes = -1;
    /** Share of the canvas's height that controls cover at the bottom and top. */
    this.margins = { bottom: 0, top: 0 };
    this.aspect = 1.6;
  }

  orbit(yaw, tilt) {
    this.eyes = -1;
    this.goal.yaw += yaw;
    this.goal.tilt = clamp(this.goal.tilt + tilt, ...TILT);
  }

  zoom(factor) {
    this.eyes = -1;
    this.goal.distance = clamp(this.goal.distance * factor, ...DISTANCE);
  }

  /** Moves the target by a share of the canvas's height; the people are then no longer followed. */
  pan(x, y) {
    this.following = false;
    const { right, up } = this.axes(this.goal);
    const reach = 2 * Math.tan(FIELD / 2) * this.goal.distance;
    const moved = madd(madd(this.goal.target, right, -x * reach), up, y * reach);
    this.goal.target = [clamp(moved[0], -50, 50), clamp(moved[1], 0, 4), clamp(moved[2], -50, 50)];
  }

  axes({ yaw, tilt }) {
    const back = [Math.sin(yaw) * Math.cos(tilt), Math.sin(tilt), Math.cos(yaw) * Math.cos(tilt)];
    const right = [Math.cos(yaw), 0, -Math.sin(yaw)];
    return { back, right, up: cross(back, right) };
  }

  /** Metres [x, z] on the floor that a drag by shares of the canvas's height means: what is dragged stays under the pointer. */
  alongFloor(dx, dy) {
    const { right } = this.axes(this.now);
    const reach = 2 * Math.tan(FIELD / 2) * this.now.distance;
    // Seen from low down, depth is foreshortened beyond use.
    const depth = 1 / Math.max(Math.sin(this.now.tilt), 0.35);
    const ahead = [-Math.sin(this.now.yaw), -Math.cos(this.now.yaw)];
    return [right[0] * dx * reach - ahead[0] * dy * reach * depth, right[2] * dx * reach - ahead[1] * dy * reach * depth];
  }

  /** Faces the pair from a named view; `along` points from person 1 to person 2 on the floor. */
  look(name, along) {
    this.eyes = -1;
    const across = Math.atan2(-along[2], along[0]);
    const views = {
      front: [across, 0.1],
      side: [across - Math.PI / 2, 0.12],
      top: [across, TILT[1]],
      start: [across + 0.42, 0.2],
    };
    const [yaw, tilt] = views[name];
    this.goal.yaw = this.now.yaw + turn(this.now.yaw, yaw);
    this.goal.tilt = tilt;
  }

  /** Chooses target and distance so that all within `radius` of `middle` and below `height` fits, and follows then. */
  frame(middle, { radius, height }) {
    this.following = true;
    const { back, right, up } = this.axes(this.goal);
    const free = clamp(1 - this.margins.bottom - this.margins.top, 0.3, 1);
    const vertical = Math.tan(FIELD / 2) * free;
    const horizontal = Math.tan(FIELD / 2) * this.aspect * 0.94;
    let distance = 0;
    for (let i = 0; i < 16; i++) {
      const angle = (i / 8) * Math.PI * 2;
      const p = [Math.cos(angle) * radius, (i < 8 ? -height : height) / 2, Math.sin(angle) * radius];
      const near = dot(p, back);
      distance = Math.max(
        distance, near + Math.abs(dot(p, right)) / horizontal, near + Math.abs(dot(p, up)) / vertical);
    }
    this.goal.distance = clamp(distance, 2.2, DISTANCE[1]);
    this.goal.target = [middle[0], height / 2, middle[2]];
  }

  /** Keeps the middle of the pair in view while following. */
  follow(middle) {
    if (this.following) this.goal.target = [middle[0], this.goal.target[1], middle[2]];
  }

  /** Jumps to the goal, as on the first frame or with reduced motion. */
  settle() {
    this.now = { ...this.goal };
  }

  /** Moves towards the goal; returns whether it has yet to arrive. */
  advance(seconds) {
    const share = 1 - Math.exp(-seconds / EASE);
    const { now, goal } = this;
    now.yaw += (goal.yaw - now.yaw) * share;
    now.tilt += (goal.tilt - now.tilt) * share;
    now.distance *= (goal.distance / now.distance) ** share;
    now.target = mix(now.target, goal.target, share);
    const left = [goal.yaw - now.yaw, goal.tilt - now.tilt, goal.distance - now.distance];
    return [...left, ...sub(goal.target, now.target)].some((gap) => Math.abs(gap) > 5e-4);
  }

  /**
   * Where the eye is and the matrix from the world to the screen, for a part of the stage of its own: what it looks at,
   * its aspect, and what covers it.
   */
  shot({ target = this.now.target, aspect = this.aspect, margins = this.margins } = {}) {
    const { back, up } = this.axes(this.now);
    // The target sits in the middle of the part that no controls cover.
    const lift = (margins.bottom - margins.top) * Math.tan(FIELD / 2) * this.now.distance;
    const middle = madd(target, up, -lift);
    const eye = madd(middle, back, this.now.distance);
    eye[1] = Math.max(eye[1], 0.05);
    const view = lookAt(eye, middle, up);
    return { eye, view: multiply(perspective(FIELD, aspect, 0.05, 120), view) };
  }

  /** The same through somebody's eyes. */
  shotFrom({ eye, ahead }) {
    const view = multiply(perspective(EYES_FIELD, this.aspect, 0.03, 120), lookAt(eye, add(eye, ahead), [0, 1, 0]));
    // What is looked at sits in the middle of the part that no controls cover: y moves by a share of w.
    const lift = this.margins.bottom - this.margins.top;
    for (let column = 0; column < 4; column++) view[4 * column + 1] += lift * view[4 * column + 3];
    return { eye, view };
  }
}

/** How far a pointer may slip, CSS pixels, and still be a tap. */
const SLIP = 5;

/**
 * Pointer, wheel and pinch on `canvas` move `camera`; `changed()` is called after each move, `tapped(x, y, adds)` with the place of
 * a press that moved nothing, in CSS pixels, and whether Shift was held. `grabbed(x, y)` may give a function that takes the drag
 * from there in place of the camera: it is called with shares of the canvas's height.
 */
export function steer(canvas, camera, { changed, tapped, grabbed }) {
  const pointers = new Map();
  let tap = null;
  let carry = null;
  const middle = () => {
    const all = [...pointers.values()];
    return [all.reduce((s, p) => s + p.x, 0) / all.length, all.reduce((s, p) => s + p.y, 0) / all.length];
  };
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, button: event.button });
    canvas.focus({ preventScroll: true });
    tap = pointers.size === 1 && event.button === 0 ? [event.clientX, event.clientY] : null;
    const box = canvas.getBoundingClientRect();
    carry = tap && !event.shiftKey ? grabbed(tap[0] - box.left, tap[1] - box.top) : null;
  });
  canvas.addEventListener("pointermove", (event) => {
    const pointer = pointers.get(event.pointerId);
    if (!pointer) return;
    if (pointers.size > 2) {
      // A palm means nothing; whoever lifts it goes on from where the fingers are.
      Object.assign(pointer, { x: event.clientX, y: event.clientY });
      return;
    }
    const size = canvas.clientHeight || 1;
    const two = pointers.size === 2;
    const before = two && { at: middle(), spread: spread() };
    if (tap && Math.hypot(event.clientX - tap[0], event.clientY - tap[1]) > SLIP) tap = null;
    if (tap) return;
    const dx = event.clientX - pointer.x;
    const dy = event.clientY - pointer.y;
    pointer.x = event.clientX;
    pointer.y = event.clientY;
    if (carry && !two) {
      carry(dx / size, dy / size);
    } else if (two) {
      const at = middle();
      camera.pan((at[0] - before.at[0]) / size, (at[1] - before.at[1]) / size);
      camera.zoom(clamp(before.spread / Math.max(spread(), 1), 0.5, 2));
    } else if (pointer.button !== 0 || event.shiftKey) {
      camera.pan(dx / size, dy / size);
    } else {
      camera.orbit((-dx / size) * 3.6, (dy / size) * 3.6);
    }
    changed();
  });
  const release = (event) => pointers.delete(event.pointerId);
  canvas.addEventListener("pointerup", (event) => {
    release(event);
    if (!tap) return;
    const box = canvas.getBoundingClientRect();
    tapped(tap[0] - box.left, tap[1] - box.top, event.shiftKey);
    tap = null;
  });
  canvas.addEventListener("pointercancel", (event) => {
    release(event);
    tap = carry = null;
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 30 : 1;
    camera.zoom(Math.exp(clamp(event.deltaY * unit, -240, 240) * 0.0016));
    changed();
  }, { passive: false });
}
