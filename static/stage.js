// The stage: one clip, two people, one camera. Turns the player's position into a frame on the screen, and draws only
// when something has changed.

import { Camera, steer } from "./camera.js";
import { CONES, STRIDE, drawPerson } from "./figure.js";
import { J, JOINTS, poseAt } from "./motion.js";
import { Renderer } from "./renderer.js";
import { PEOPLE, stageTheme } from "./theme.js";

const MAX_PRINTS = 64;
/** Seconds that a footprint outlives the step. */
const PRINT_FADES = 1.6;
/** How far a body reaches beyond its joints, metres. */
const FLESH = 0.12;

export class Stage {
  /** Throws NoWebGl where the browser cannot draw. `onTick` is called before each drawn frame. */
  constructor(canvas, player, onTick) {
    this.canvas = canvas;
    this.player = player;
    this.onTick = onTick;
    this.camera = new Camera();
    this.renderer = new Renderer(canvas, () => this.wake());
    this.clip = null;
    this.fade = 0;
    this.fadeGoal = 0;
    this.cones = new Float32Array(2 * CONES * STRIDE);
    this.prints = new Float32Array(MAX_PRINTS * 8);
    this.theme = stageTheme();
    this.pending = 0;
    this.before = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
      this.theme = stageTheme();
      this.wake();
    });
    new ResizeObserver(() => this.wake()).observe(canvas);
    steer(canvas, this.camera, () => this.wake());
  }

  /** Shows a clip from its first frame. */
  load(clip, { keepCamera = false } = {}) {
    this.clip = clip;
    this.path = middlePath(clip);
    this.reach = reachAround(clip, this.path);
    if (!keepCamera) {
      this.look("start");
      this.camera.settle();
    }
    this.wake();
  }

  /** Turns to a named view and frames the pair as it moves through the whole clip. */
  look(name) {
    if (!this.clip) return;
    this.camera.look(name, this.along());
    this.frameBoth();
  }

  frameBoth() {
    if (!this.clip) return;
    this.camera.aspect = this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
    this.camera.frame(this.middle(), this.reach);
    this.wake();
  }

  /** Where the pair is now, on the floor. With reduced motion the camera stands still: the middle of the whole clip. */
  middle() {
    const at = this.still.matches ? this.path.length >> 1 : this.player.frame;
    return this.path[Math.min(at, this.path.length - 1)];
  }

  /** From person 1 to person 2 on the floor, now. */
  along() {
    const [a, b] = this.poses().map((pose) => pose[J.pelvis]);
    const d = [b[0] - a[0], 0, b[2] - a[2]];
    const l = Math.hypot(d[0], d[2]);
    return l > 0.05 ? [d[0] / l, 0, d[2] / l] : [1, 0, 0];
  }

  poses() {
    const { persons } = this.clip.sample;
    return persons.map((person) => poseAt(person, this.clip.frames, this.player.position));
  }

  /** Pales the figures, while something newer is being made. */
  pale(on) {
    this.fadeGoal = on ? 0.42 : 0;
    this.wake();
  }

  wake() {
    if (this.pending) return;
    this.before = this.before || performance.now();
    this.pending = requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    this.pending = 0;
    const seconds = Math.min(0.1, Math.max(0, (now - this.before) / 1000));
    this.before = now;
    this.player.advance(seconds);
    const moving = this.render(seconds);
    this.onTick();
    if (this.player.playing || moving) this.wake();
    else this.before = 0;
  }

  /** Draws now. Returns whether something still eases. */
  render(seconds = 0) {
    const { camera, renderer, canvas } = this;
    renderer.fit();
    camera.aspect = canvas.width / canvas.height;
    const ease = this.still.matches ? 1 : 1 - Math.exp(-seconds / 0.12);
    this.fade += (this.fadeGoal - this.fade) * ease;
    const scene = { cones: this.cones, count: 0, prints: this.prints, printCount: 0, theme: this.theme, fade: this.fade };
    scene.focus = [camera.now.target[0], 0, camera.now.target[2]];
    scene.area = [0, 0, 2];
    if (this.clip) {
      this.cast(scene);
      if (!this.still.matches) camera.follow(this.middle());
    }
    if (this.still.matches) camera.settle();
    const moving = camera.advance(seconds);
    Object.assign(scene, camera.shot());
    renderer.draw(scene);
    return moving || Math.abs(this.fade - this.fadeGoal) > 0.005;
  }

  cast(scene) {
    const poses = this.poses();
    const { bodies } = this.clip.sample;
    for (let i = 0; i < 2; i++) {
      scene.count += drawPerson(this.cones, scene.count, poses[i], bodies[i], PEOPLE[i]);
    }
    scene.area = areaOf(poses);
    scene.printCount = this.putPrints();
  }

  /** The prints that feet have left by now, newest steps first. */
  putPrints() {
    const { steps } = this.clip.sample;
    const { fps } = this.clip;
    const now = this.player.position;
    let count = 0;
    for (let person = 0; person < 2; person++) {
      for (const step of steps[person]) {
        const age = (now - step.end) / fps;
        if (step.start > now || age > PRINT_FADES || count >= MAX_PRINTS) continue;
        const fresh = Math.min(1, (now - step.start) / fps / 0.2);
        const strength = 0.34 * fresh * (1 - Math.max(0, age) / PRINT_FADES);
        const tint = PEOPLE[person][step.side];
        this.prints.set(
          [step.at[0], step.at[2], step.forward[0], step.forward[2], ...tint, strength], count * 8);
        count++;
      }
    }
    return count;
  }

  /** A small picture of the stage as it is, as a data URL; the people in the middle. */
  picture(width, height) {
    const { fade } = this;
    this.fade = 0;
    this.render();
    this.fade = fade;
    const small = document.createElement("canvas");
    small.width = width;
    small.height = height;
    const { canvas } = this;
    const free = 1 - this.camera.margins.bottom - this.camera.margins.top;
    const side = Math.min(canvas.height * free, (canvas.width * height) / width);
    const top = canvas.height * (this.camera.margins.top + free / 2) - side / 2;
    const wide = (side * width) / height;
    small.getContext("2d").drawImage(canvas, (canvas.width - wide) / 2, top, wide, side, 0, 0, width, height);
    return small.toDataURL("image/png");
  }
}

/** The middle between the two pelvises on the floor, frame by frame, smoothed over about a second. */
function middlePath(clip) {
  const { sample, frames, fps } = clip;
  const [one, two] = sample.persons;
  const raw = Array.from({ length: frames }, (_, f) => {
    const at = f * JOINTS * 3;
    return [(one[at] + two[at]) / 2, (one[at + 2] + two[at + 2]) / 2];
  });
  const sigma = 0.5 * fps;
  const radius = Math.ceil(2.5 * sigma);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  return raw.map((_, f) => {
    let [x, z, total] = [0, 0, 0];
    weights.forEach((weight, i) => {
      const [px, pz] = raw[Math.min(Math.max(f + i - radius, 0), frames - 1)];
      x += weight * px;
      z += weight * pz;
      total += weight;
    });
    return [x / total, 0, z / total];
  });
}

/** How far the bodies ever get from that middle {radius} and above the floor {height}, metres. */
function reachAround(clip, path) {
  let [radius, height] = [0.5, 1.2];
  for (const person of clip.sample.persons) {
    for (let at = 0; at < person.length; at += 3) {
      const middle = path[Math.floor(at / (JOINTS * 3))];
      radius = Math.max(radius, Math.hypot(person[at] - middle[0], person[at + 2] - middle[2]));
      height = Math.max(height, person[at + 1]);
    }
  }
  return { radius: radius + FLESH, height: height + 0.2 };
}

/** Where the floor needs shading: centre x, z and half the side. */
function areaOf(poses) {
  let [x0, x1, z0, z1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const pose of poses) {
    for (let i = 0; i < JOINTS; i++) {
      x0 = Math.min(x0, pose[i][0]);
      x1 = Math.max(x1, pose[i][0]);
      z0 = Math.min(z0, pose[i][2]);
      z1 = Math.max(z1, pose[i][2]);
    }
  }
  // Shadows fall up to a body's height beside it. Steps of a quarter metre keep the texels from crawling.
  const half = Math.ceil((Math.max(x1 - x0, z1 - z0) / 2 + 1.25) * 4) / 4;
  return [(x0 + x1) / 2, (z0 + z1) / 2, Math.min(half, 12)];
}
