// How finely the stage is drawn. Frames are timed; where they take too long the next coarser step is tried, and after a
// while of quick frames a finer one, so that a weak GPU, or a processor drawing in place of one, still plays smoothly.

/**
 * ratio: most canvas pixels a CSS pixel; mesh: which solid (see geometry.js); shadow, floor: texels of the two maps a
 * side; soft: taps to each side in shadows; blur: taps to each side on the floor.
 */
export const STEPS = [
  { ratio: 2, mesh: 0, shadow: 1024, floor: 512, soft: 1, blur: 7 },
  { ratio: 1.25, mesh: 0, shadow: 1024, floor: 512, soft: 1, blur: 7 },
  { ratio: 1, mesh: 1, shadow: 1024, floor: 256, soft: 1, blur: 5 },
  { ratio: 0.8, mesh: 2, shadow: 512, floor: 128, soft: 0, blur: 4 },
  { ratio: 0.5, mesh: 3, shadow: 256, floor: 64, soft: 0, blur: 3 },
];
/** Where drawing starts when a processor does it. */
const SOFTWARE_STEP = 4;
/** At rest one frame is drawn no coarser than this, where moving frames take no longer than so many milliseconds. */
const STILL_STEP = 2;
export const STILL_LIMIT = 250;
/** Milliseconds a frame may take, and below which a finer step may be tried. */
const SLOW = 34;
const QUICK = 20;
/** Frames to look at before going coarser, and milliseconds of quick frames before going finer. */
const WINDOW = 10;
const CALM = 8000;
/** The first frames after a change also build things; they say nothing. */
const WARM = 2;

export class Quality {
  constructor(software) {
    this.step = software ? SOFTWARE_STEP : 0;
    /** Finer than this is not tried: a processor stays where it began, others learn. */
    this.finest = this.step;
    this.calm = CALM;
    /** Whether the next frame is one at rest. */
    this.still = false;
    this.restart(0);
  }

  get now() {
    return STEPS[this.still ? Math.min(this.step, STILL_STEP) : this.step];
  }

  /** Whether a frame at rest would be finer than those that move. */
  get canRefine() {
    return this.step > STILL_STEP;
  }

  restart(now) {
    this.times = [];
    this.skip = WARM;
    this.since = now;
  }

  /** Takes in what a frame of an animation took, in milliseconds, at the time `now`. Returns whether the step changed. */
  note(took, now) {
    if (this.skip-- > 0) return false;
    this.times.push(took);
    if (this.times.length < WINDOW) return false;
    const middle = [...this.times].sort((a, b) => a - b)[WINDOW >> 1];
    this.times.length = 0;
    if (middle > SLOW) return this.coarser(now);
    if (middle > QUICK) this.since = now;
    return now - this.since > this.calm && this.finer(now);
  }

  coarser(now) {
    if (this.step + 1 >= STEPS.length) return false;
    this.step++;
    // A step that proved too slow is tried again later and later.
    this.calm *= 2;
    this.restart(now);
    return true;
  }

  finer(now) {
    if (this.step <= this.finest) return false;
    this.step--;
    this.restart(now);
    return true;
  }
}
