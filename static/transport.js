// What plays: the buttons and words beside the strip, speed, loop and loop region.

import { byId } from "./dom.js";
import { SPEEDS } from "./player.js";
import { Timeline } from "./timeline.js";

export class Transport {
  /** `changed()` is called when the picture is to follow; `windowMoved([from, to])` when the ends of an edit move. */
  constructor(player, { changed, windowMoved }) {
    this.player = player;
    this.changed = changed;
    this.clip = null;
    let resume = false;
    this.timeline = new Timeline(byId("timeline"), {
      seek: (frame) => this.move(() => player.seek(Math.round(frame))),
      hold: (on) => {
        if (on) {
          resume = player.playing;
          player.pause();
        } else if (resume) {
          resume = false;
          player.play();
        }
        this.move(() => {});
      },
      region: (range) => this.setRegion(range),
      window: windowMoved,
    });
    byId("play").addEventListener("click", () => this.toggle());
    byId("back").addEventListener("click", () => this.step(-1));
    byId("forth").addEventListener("click", () => this.step(1));
    byId("loop").addEventListener("click", () => this.setLoop(!player.loop));
    byId("region-clear").addEventListener("click", () => this.setRegion(null));
    byId("speed").addEventListener("change", (event) => this.setSpeed(Number(event.target.value)));
  }

  load(clip) {
    this.clip = clip;
    this.player.load(clip);
    this.timeline.load(clip);
    this.setRegion(null);
  }

  /** Does something to the player and brings everything up to date. */
  move(deed) {
    if (!this.clip) return;
    deed();
    this.refresh();
    this.changed();
  }

  toggle() {
    this.move(() => this.player.toggle());
  }

  step(by) {
    this.move(() => this.player.step(by));
  }

  seek(frame) {
    this.move(() => this.player.seek(frame));
  }

  setSpeed(speed) {
    this.player.speed = speed;
    byId("speed").value = String(speed);
  }

  changeSpeed(by) {
    const speed = SPEEDS[SPEEDS.indexOf(this.player.speed) + by];
    if (speed) this.setSpeed(speed);
  }

  setLoop(on) {
    this.player.loop = on;
    byId("loop").setAttribute("aria-pressed", String(on));
  }

  setRegion(range) {
    this.player.region = range;
    this.timeline.region = range;
    byId("region-clear").hidden = range === null;
    if (range) this.setLoop(true);
    this.refresh();
  }

  /** Puts one end of the loop region where the playhead is. */
  mark(end) {
    if (!this.clip) return;
    const [from, to] = this.player.region ?? [0, this.player.last];
    const { frame } = this.player;
    const range = end === "from" ? [frame, to > frame + 1 ? to : this.player.last] : [from < frame - 1 ? from : 0, frame];
    if (range[1] - range[0] >= 2) this.setRegion(range);
  }

  /** Brings every control up to date with the player. */
  refresh() {
    const { clip, player } = this;
    if (!clip) return;
    const { frame } = player;
    const seconds = (frame / clip.fps).toFixed(2);
    byId("frame").textContent = `${frame + 1} / ${clip.frames}`;
    byId("clock").textContent = `${seconds} s`;
    const track = byId("timeline");
    track.setAttribute("aria-valuemax", String(clip.frames));
    track.setAttribute("aria-valuenow", String(frame + 1));
    track.setAttribute("aria-valuetext", `Frame ${frame + 1} of ${clip.frames}, ${seconds} seconds`);
    const button = byId("play");
    const words = player.playing ? "Pause" : "Play";
    if (button.getAttribute("aria-label") !== words) {
      button.setAttribute("aria-label", words);
      button.title = `${words} (space)`;
      button.toggleAttribute("data-playing", player.playing);
    }
    this.timeline.draw(player.position);
  }
}
