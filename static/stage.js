// The stage: one clip and perhaps another to compare it with, or several side by side, under one camera. Turns the
// player's position into a frame on the screen, and draws only when something has changed.

import { Camera, steer } from "./camera.js";
import { STRIDE, drawPerson, eyesOf } from "./figure.js";
import { J, poseAt } from "./motion.js";
import { areaOf, middlePath, nearest, reachAround } from "./paths.js";
import { pick } from "./pick.js";
import { STILL_LIMIT } from "./quality.js";
import { MOST, PRINT, Renderer, TRAIL } from "./renderer.js";
import { drawSkeleton } from "./skeleton.js";
import { onTheme, stageTheme, wearOf } from "./theme.js";
import { putPrints, putTrails } from "./traces.js";

const WHOLE = [0, 0, 1, 1];
/** Longest step of time between two drawn frames, seconds; slower machines skip frames and keep the pace. */
const LONGEST = 0.5;
/** Milliseconds of rest before a finer frame is drawn. */
const REFINE = 300;

/** One clip's place on the stage, with room for what it is drawn from. */
class Cell {
  constructor(clip, rect = WHOLE) {
    this.clip = clip;
    this.rect = rect;
    this.path = middlePath(clip);
    this.reach = reachAround(clip, this.path);
    this.cones = new Float32Array(MOST.cones * STRIDE);
    this.prints = new Float32Array(MOST.prints * PRINT);
    this.trails = new Float32Array(MOST.trails * TRAIL);
  }

  middle(position) {
    return this.path[Math.min(Math.max(Math.round(position), 0), this.path.length - 1)];
  }

  poses(position) {
    const { sample, frames } = this.clip;
    return sample.persons.map((person) => poseAt(person, frames, Math.min(position, frames - 1)));
  }
}

/** A pose moved over the floor and turned about the vertical through `pivot`, as POST /edit does it (kind "move"). */
function carried(pose, { shift, turn, window }, pivot, position) {
  let share = 1;
  if (window) {
    const x = Math.min(Math.max((position - window[0]) / (window[1] - window[0]), 0), 1);
    share = x * x * (3 - 2 * x);
  }
  const [s, c] = [Math.sin((share * turn * Math.PI) / 180), Math.cos((share * turn * Math.PI) / 180)];
  return pose.map(([x, y, z]) => {
    const [dx, dz] = [x - pivot[0], z - pivot[2]];
    return [pivot[0] + c * dx + s * dz + share * shift[0], y, pivot[2] - s * dx + c * dz + share * shift[1]];
  });
}

export class Stage {
  /**
   * Throws NoWebGl where the browser cannot draw. `onTick` is called before each drawn frame, `onTap({cell, person,
   * joint, adds})` when a cell is pressed on; person and joint are -1 beside the people. `onGrab({person})` answers whether a drag
   * that begins there carries the person, who then moves by `onCarry(person, [x, z])` metres on the floor.
   */
  constructor(canvas, player, { onTick, onTap, onGrab, onCarry }) {
    this.canvas = canvas;
    this.player = player;
    this.onTick = onTick;
    this.camera = new Camera();
    this.renderer = new Renderer(canvas, () => this.wake());
    this.cells = [];
    /** A clip drawn palely over the first cell's, or null. */
    this.ghost = null;
    /** What an edit makes anew, {persons, parts}: all else is drawn drained. Null: all in colour. */
    this.chosen = null;
    /** A person moved as an edit would: {person, shift: [x, z], turn, window}, or null. */
    this.nudged = null;
    /** How people are drawn, and what they leave behind. */
    this.look3d = { skeleton: false, trails: false, prints: false };
    this.fade = 0;
    this.fadeGoal = 0;
    this.theme = stageTheme();
    this.pending = 0;
    this.before = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    onTheme(() => {
      this.theme = stageTheme();
      this.wake();
    });
    new ResizeObserver(() => this.wake()).observe(canvas);
    steer(canvas, this.camera, {
      changed: () => this.wake(),
      tapped: (x, y, adds) => onTap({ ...this.hit(x, y), adds }),
      grabbed: (x, y) => {
        const { person } = this.hit(x, y);
        if (person < 0 || this.camera.eyes >= 0 || !onGrab({ person })) return null;
        return (dx, dy) => onCarry(person, this.camera.alongFloor(dx, dy));
      },
    });
  }

  get clip() {
    return this.cells[0]?.clip ?? null;
  }

  /** Shows a clip alone. */
  load(clip, { keepCamera = false } = {}) {
    this.show([{ clip, rect: WHOLE }], { keepCamera });
  }

  /** Shows clips in their places {clip, rect [left, top, width, height] as shares of the stage}. */
  show(places, { keepCamera = false } = {}) {
    const several = places.length > 1;
    const changed = several !== this.cells.length > 1;
    this.cells = places.map(({ clip, rect }) => new Cell(clip, rect));
    this.ghost = null;
    if (!keepCamera) {
      this.look("start");
      this.camera.settle();
    } else if (changed) {
      this.frameBoth();
    }
    this.wake();
  }

  /** Draws another clip palely over the first; null takes it away. */
  compare(clip) {
    this.ghost = clip && new Cell(clip);
    this.wake();
  }

  /** Drains all colour but that of {persons, parts}; null gives all of it back. */
  choose(chosen) {
    this.chosen = chosen;
    this.wake();
  }

  /** Shows a person elsewhere, {person, shift, turn, window}; null takes them back. */
  nudge(nudged) {
    this.nudged = nudged;
    this.wake();
  }

  /** Changes how things are drawn: some of {skeleton, trails, prints}. */
  draw(look) {
    Object.assign(this.look3d, look);
    this.wake();
  }

  /** Turns to a named view and frames the pair as it moves through the whole clip. */
  look(name) {
    if (!this.clip) return;
    if (name === "eyes1" || name === "eyes2") {
      this.camera.eyes = Math.min(Number(name.at(-1)), this.clip.sample.persons.length) - 1;
      this.wake();
      return;
    }
    this.camera.look(name, this.along());
    this.frameBoth();
  }

  frameBoth() {
    if (!this.clip) return;
    const { camera, cells } = this;
    camera.eyes = -1;
    const radius = Math.max(...cells.map((cell) => cell.reach.radius));
    const height = Math.max(...cells.map((cell) => cell.reach.height));
    const { aspect, margins } = this.viewOf(cells[0]);
    const kept = camera.margins;
    camera.margins = margins;
    camera.aspect = aspect;
    camera.frame(this.middle(), { radius, height });
    camera.margins = kept;
    this.wake();
  }

  /** Aspect of a cell and what covers it: only a cell as large as the stage lies under the controls. */
  viewOf({ rect }) {
    const whole = this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
    const aspect = (whole * rect[2]) / rect[3];
    return { aspect, margins: rect === WHOLE ? this.camera.margins : { bottom: 0.04, top: 0.04 } };
  }

  /** Where the pair is now, on the floor. With reduced motion the camera stands still: the middle of the whole clip. */
  middle(cell = this.cells[0]) {
    return cell.middle(this.still.matches ? cell.path.length >> 1 : this.player.position);
  }

  /** From person 1 to person 2 on the floor, now; of somebody alone from the right hip to the left one. */
  along() {
    const poses = this.cells[0].poses(this.player.position);
    const [a, b] = poses.length > 1 ? poses.map((pose) => pose[J.pelvis]) : [poses[0][J.rightHip], poses[0][J.leftHip]];
    const d = [b[0] - a[0], 0, b[2] - a[2]];
    const l = Math.hypot(d[0], d[2]);
    return l > 0.05 ? [d[0] / l, 0, d[2] / l] : [1, 0, 0];
  }

  /** Pales the figures, while something newer is being made. */
  pale(on) {
    this.fadeGoal = on ? 0.42 : 0;
    this.wake();
  }

  wake() {
    clearTimeout(this.finer);
    if (this.pending) return;
    this.before ||= performance.now();
    this.pending = requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    this.pending = 0;
    const wait = this.renderer.wait(now);
    if (wait > 0) {
      // Marked as pending by a number that no frame has, until the timer hands over to the browser.
      this.pending = -1;
      setTimeout(() => {
        this.pending = 0;
        this.wake();
      }, wait);
      return;
    }
    const seconds = Math.min(LONGEST, Math.max(0, (now - this.before) / 1000));
    this.before = now;
    this.player.advance(seconds);
    this.renderer.quality.still = false;
    const moving = this.render(seconds);
    this.onTick();
    if (this.player.playing || moving) this.wake();
    else this.rest();
  }

  /** Nothing moves: time stands still, and how long it does teaches nothing about drawing. */
  rest() {
    this.before = 0;
    this.renderer.timed = false;
    if (this.renderer.quality.canRefine) this.finer = setTimeout(() => this.refine(), REFINE);
  }

  /** Draws what stands still once more, as finely as is bearable. */
  refine() {
    const { renderer } = this;
    if (this.pending || renderer.wait(performance.now()) > 0 || renderer.took > STILL_LIMIT) return;
    renderer.quality.still = true;
    this.render();
  }

  /** Draws now. Returns whether something still eases. */
  render(seconds = 0) {
    const { camera, renderer, canvas } = this;
    renderer.fit();
    camera.aspect = canvas.width / canvas.height;
    const ease = this.still.matches ? 1 : 1 - Math.exp(-seconds / 0.12);
    this.fade += (this.fadeGoal - this.fade) * ease;
    if (this.clip && !this.still.matches) camera.follow(this.middle());
    if (this.still.matches) camera.settle();
    const moving = camera.advance(seconds);
    const cells = this.clip ? this.cells.map((cell) => this.cast(cell)) : [this.bare()];
    renderer.draw({ theme: this.theme, timed: this.player.playing, cells });
    return moving || Math.abs(this.fade - this.fadeGoal) > 0.005;
  }

  /** A stage with nobody on it. */
  bare() {
    const focus = [...this.camera.now.target];
    return {
      rect: WHOLE, solid: 0, ghost: 0, fade: 0, cones: new Float32Array(0), printCount: 0, trailCount: 0, focus,
      area: [0, 0, 2], ...this.camera.shot(),
    };
  }

  /** Where everybody is now, with one person nudged. */
  poses(cell) {
    const poses = cell.poses(this.player.position);
    const { nudged } = this;
    if (nudged && cell === this.cells[0] && poses[nudged.person]) {
      const pivot = cell.poses(nudged.window?.[0] ?? 0)[nudged.person][J.pelvis];
      poses[nudged.person] = carried(poses[nudged.person], nudged, pivot, this.player.position);
    }
    return poses;
  }

  /** What a cell looks like now. */
  cast(cell) {
    const { position } = this.player;
    const poses = this.poses(cell);
    const draw = this.look3d.skeleton ? drawSkeleton : drawPerson;
    const put = (clip, poses, count, chosen) => {
      const from = count;
      poses.forEach((pose, i) => {
        count += draw(cell.cones, count, pose, clip.sample.bodies[i], wearOf(i, chosen));
      });
      return count - from;
    };
    const solid = put(cell.clip, poses, 0, cell === this.cells[0] && this.cells.length === 1 ? this.chosen : null);
    const ghost = this.ghost && cell === this.cells[0] ? put(this.ghost.clip, this.ghost.poses(position), solid, null) : 0;
    const { shot, target } = this.shoot(cell, poses);
    cell.view = shot.view;
    return {
      rect: cell.rect, cones: cell.cones, solid, ghost, fade: this.fade, area: areaOf(poses),
      prints: cell.prints, printCount: putPrints(cell.prints, cell.clip, position, this.look3d.prints),
      trails: cell.trails, trailCount: this.look3d.trails ? putTrails(cell.trails, cell.clip, position) : 0,
      focus: [target[0], 0, target[2]], ...shot,
    };
  }

  /** The camera's view of a cell; beside the first all keep its distance and angle to their own pair. */
  shoot(cell, poses) {
    const { camera } = this;
    if (camera.eyes >= 0 && this.cells.length === 1) {
      return { shot: camera.shotFrom(eyesOf(poses[Math.min(camera.eyes, poses.length - 1)])), target: camera.now.target };
    }
    let { target } = camera.now;
    if (cell !== this.cells[0]) {
      const [here, first] = [this.middle(cell), this.middle()];
      target = [target[0] + here[0] - first[0], target[1], target[2] + here[2] - first[2]];
    }
    return { shot: camera.shot({ target, ...this.viewOf(cell) }), target };
  }

  /** What lies under a place on the canvas, in CSS pixels. */
  hit(x, y) {
    const [across, down] = [x / this.canvas.clientWidth, y / this.canvas.clientHeight];
    const index = this.cells.findIndex(({ rect: [left, top, width, height] }) =>
      across >= left && across <= left + width && down >= top && down <= top + height);
    const cell = this.cells[index];
    if (!cell?.view) return { cell: index, person: -1, joint: -1 };
    const [left, top, width, height] = cell.rect;
    const size = { width: width * this.canvas.clientWidth, height: height * this.canvas.clientHeight };
    const at = { x: x - left * this.canvas.clientWidth, y: y - top * this.canvas.clientHeight };
    return { cell: index, ...pick(cell.view, this.poses(cell), size, at, this.look3d.skeleton) };
  }

  /** A small picture of the first cell when its people are nearest, as a data URL; they are in the middle. */
  picture(width, height) {
    const { fade, fadeGoal, chosen, nudged, camera, player } = this;
    const { now, goal } = camera;
    const { position } = player;
    Object.assign(this, { fade: 0, fadeGoal: 0, chosen: null, nudged: null });
    if (this.clip) player.position = nearest(this.clip);
    camera.goal = { ...goal };
    if (this.clip) camera.follow(this.cells[0].middle(player.position));
    camera.settle();
    this.render();
    player.position = position;
    Object.assign(camera, { now, goal });
    Object.assign(this, { fade, fadeGoal, chosen, nudged });
    const small = document.createElement("canvas");
    small.width = width;
    small.height = height;
    const { canvas, cells } = this;
    const rect = cells[0]?.rect ?? WHOLE;
    const { margins } = cells[0] ? this.viewOf(cells[0]) : this.camera;
    const free = rect[3] * (1 - margins.bottom - margins.top);
    const side = Math.min(canvas.height * free, (canvas.width * rect[2] * height) / width);
    const top = canvas.height * (rect[1] + rect[3] * margins.top + free / 2) - side / 2;
    const wide = (side * width) / height;
    const left = canvas.width * (rect[0] + rect[2] / 2) - wide / 2;
    small.getContext("2d").drawImage(canvas, left, top, wide, side, 0, 0, width, height);
    // Nobody is to see that moment flash up.
    this.render();
    return small.toDataURL("image/png");
  }
}
