// What lies on the bench: the result that is shown, which of its samples, all of them side by side, and what it is compared
// with. Every part of the page that tells of the result is brought up to date here.

import { button, byId } from "./dom.js";
import { Grid, places } from "./grid.js";
import { say } from "./words.js";

export class Bench {
  /** `parts` have load or show of their own: {player, stage (or null), transport, details, downloads, shown}. */
  constructor(parts) {
    Object.assign(this, parts);
    this.result = null;
    this.index = 0;
    this.spread = false;
    /** The clip that others are compared with, or null. */
    this.pinned = null;
    /** Whether the stage shows a motion that is still being made. */
    this.drafting = false;
    this.grid = new Grid(byId("grid"), (index) => this.pick(index));
    this.reduced = matchMedia("(prefers-reduced-motion: reduce)");
    byId("pin").addEventListener("click", () => this.pin());
    byId("swap").addEventListener("click", () => this.swap());
  }

  get clip() {
    return this.result && { ...this.result, sample: this.result.samples[this.index] };
  }

  /** Puts a result on the stage: one sample, or all of them side by side. */
  show(next, { index = 0, spread = false, play = true, keepTime = false, keepCamera = false } = {}) {
    this.drafting = false;
    const { position, region, frames } = this.player;
    const same = this.result === next;
    this.result = next;
    this.index = index;
    this.spread = spread && next.samples.length > 1 && this.stage !== null;
    const { clip } = this;
    this.transport.load(clip);
    if (keepTime) this.player.seek(position);
    if (same && region && frames === clip.frames) this.transport.setRegion(region);
    this.details.show(clip);
    this.downloads.show(clip);
    this.headline(clip);
    this.drawSamples();
    this.stand({ keepCamera });
    for (const part of document.querySelectorAll("[data-needs-clip]")) part.hidden = false;
    if (play && !this.reduced.matches) this.player.play();
    else this.player.pause();
    this.shown(clip);
    this.transport.refresh();
  }

  /** Shows what a motion that is being made is like so far, in place of the result, which stays what it is. */
  draft(clip, { first }) {
    // Who has chosen something else meanwhile keeps it.
    if (!this.stage || !(first || this.drafting)) return;
    this.drafting = true;
    if (first) {
      this.grid.hide();
      this.transport.load(clip);
      if (!this.reduced.matches) this.player.play();
    }
    this.stage.load(clip, { keepCamera: !first });
  }

  headline(clip) {
    byId("title").textContent = clip.prompt;
    const { seed } = clip.sample;
    const seeds = `seeds ${clip.samples[0].seed} to ${clip.samples.at(-1).seed}`;
    byId("subtitle").textContent = [
      clip.model, this.spread ? seeds : Number.isFinite(seed) ? `seed ${seed}` : "", clip.edit ? "edited" : "",
      Number.isFinite(clip.timings?.total) ? `made in ${(clip.timings.total / 1000).toFixed(2)} s` : "",
    ].filter(Boolean).join(" · ");
  }

  /** Gives the clips their places on the stage. */
  stand({ keepCamera = true } = {}) {
    if (!this.stage || !this.result) return;
    if (!this.spread) {
      this.grid.hide();
      this.stage.load(this.clip, { keepCamera });
      this.stage.compare(this.comparable ? this.pinned : null);
      return;
    }
    const { canvas, camera } = this.stage;
    const { samples } = this.result;
    const rects = places(samples.length, canvas.clientWidth / canvas.clientHeight, {
      // The headline lies over the first row.
      top: Math.min(0.3, (byId("masthead").offsetHeight + 8) / canvas.clientHeight), bottom: camera.margins.bottom + 0.01,
    });
    this.stage.show(samples.map((sample, i) => ({ clip: { ...this.result, sample }, rect: rects[i] })), { keepCamera });
    this.grid.show(rects, samples.map((sample, i) => ({
      words: `${i + 1} · seed ${sample.seed}`, title: `Show sample ${i + 1} alone, seed ${sample.seed}`,
    })));
  }

  drawSamples() {
    const row = byId("samples-row");
    const { samples } = this.result;
    row.hidden = samples.length < 2;
    row.replaceChildren(
      button("All", () => this.pick(-1), {
        "aria-pressed": String(this.spread), title: "All samples side by side (0)", "aria-label": "All samples side by side",
      }),
      ...samples.map((sample, i) => button(String(i + 1), () => this.pick(i), {
        "aria-label": `Sample ${i + 1}, seed ${sample.seed}`, title: `Sample ${i + 1}, seed ${sample.seed} (${i + 1})`,
        "aria-pressed": String(!this.spread && i === this.index),
      })),
    );
  }

  /** Brings a sample to the front; -1 puts all side by side. */
  pick(index) {
    if (!this.result || index >= this.result.samples.length) return;
    if (index < 0 && this.result.samples.length < 2) return;
    this.show(this.result, {
      index: Math.max(index, 0), spread: index < 0, play: this.player.playing, keepTime: true, keepCamera: true,
    });
  }

  // Comparing -----------------------------------------------------------------------------------------------------------

  /** A clip is not compared with itself. */
  get comparable() {
    return this.pinned !== null && this.pinned.sample !== this.clip?.sample;
  }

  /** Keeps the clip on the stage to compare others with it, or lets go of the one that is kept. */
  pin() {
    if (!this.result) return;
    this.pinned = this.pinned ? null : this.clip;
    this.pinnedFrom = this.pinned && { result: this.result, index: this.index };
    byId("pin").setAttribute("aria-pressed", String(this.pinned !== null));
    if (this.pinned) {
      say("Kept to compare. Choose another result or sample: this one is drawn palely over it. Press Compare again to stop.", {
        seconds: 8,
      });
    } else say("");
    this.tellCompared();
    if (!this.spread) this.stage?.compare(this.comparable ? this.pinned : null);
  }

  /** Exchanges the clip on the stage and the one it is compared with. */
  swap() {
    if (!this.comparable || this.spread) return;
    const { result, index } = this.pinnedFrom;
    const [other, otherFrom] = [this.clip, { result: this.result, index: this.index }];
    this.pinned = other;
    this.pinnedFrom = otherFrom;
    this.show(result, { index, play: this.player.playing, keepTime: true, keepCamera: true });
  }

  tellCompared() {
    const on = this.comparable && !this.spread;
    for (const id of ["comparing", "compared", "swap"]) byId(id).hidden = !on;
    if (on) byId("compared").textContent = `Pale: ${nameOf(this.pinned)}`;
  }
}

function nameOf(clip) {
  const seed = Number.isFinite(clip.sample.seed) ? `seed ${clip.sample.seed}` : "";
  return [clip.prompt.length > 40 ? `${clip.prompt.slice(0, 38)}…` : clip.prompt, seed, clip.edit && "edited"]
    .filter(Boolean).join(", ");
}
