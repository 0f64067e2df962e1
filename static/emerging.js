// A generation that is watched: its steps, and the motion as it emerges from noise.

import { cancel, eventsOf, fetchJob, fetchMotion, generate, order, problemError } from "./api.js";
import { pause } from "./pause.js";

/** Decoding steps between two looks at the motion. */
const EVERY = 4;
/** Seconds between questions where events do not come through. */
const ASK = 0.5;
/** Questions that a server which has gone is asked before it is given up, and seconds between them. */
const PATIENCE = 60;
const KNOCK = 1;

const idOf = (job) => job.links.motion.split("/").at(-1);

/** The job when it is over, told by its events. Null where they break off for good. */
function told(job, signal, { onStep, onDraft, onGone }) {
  return new Promise((resolve, reject) => {
    const events = eventsOf(job, EVERY);
    const close = (settle, value) => {
      events.close();
      settle(value);
    };
    signal.addEventListener("abort", () => close(reject, new DOMException("stopped", "AbortError")), { once: true });
    let gone = false;
    const heard = (lost) => {
      if (gone !== lost) onGone((gone = lost));
    };
    events.addEventListener("open", () => heard(false));
    events.addEventListener("progress", ({ data }) => onStep(JSON.parse(data)));
    events.addEventListener("preview", ({ data }) => onDraft(JSON.parse(data)));
    events.addEventListener("end", ({ data }) => close(resolve, JSON.parse(data)));
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) close(resolve, null);
      else heard(true);
    });
  });
}

/** The job when it is over, by asking again and again, also of a server that has gone and may come back. */
async function asked(job, signal, { onStep, onGone }) {
  for (let missed = 0; ; ) {
    try {
      const now = await fetchJob(job, signal);
      if (missed > 0) onGone(false);
      missed = 0;
      if (!["queued", "running"].includes(now.state)) return now;
      onStep(now);
    } catch (error) {
      if (error.code !== "unreachable" || ++missed > PATIENCE) throw error;
      onGone(true);
    }
    await pause(missed > 0 ? KNOCK : ASK, signal);
  }
}

/**
 * The reply to `request`. Meanwhile `onStep` is given the job at each step, `onDraft` what the motion is like so far, and `onGone`
 * whether the server has gone. One that was started again knows nothing of the job, and is asked once more. Rejects with
 * ApiError, or with AbortError after `signal`, which cancels the job.
 */
export async function generateWatched(request, signal, watch) {
  try {
    return await generateOnce(request, signal, watch);
  } catch (error) {
    if (error.code !== "unknown_job") throw error;
    watch.onGone(false);
    return generateOnce(request, signal, watch);
  }
}

async function generateOnce(request, signal, watch) {
  let job;
  try {
    job = await order(request, signal);
  } catch (error) {
    // A server whose disk is full promises nothing, but makes what is waited for.
    if (error.code !== "job_not_kept") throw error;
    return generate(request, signal);
  }
  // Nobody waits for the answer to this: a job that cannot be cancelled ends by itself.
  const giveUp = () => cancel(job).catch(() => {});
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const last = (await told(job, signal, watch)) ?? (await asked(job, signal, watch));
    if (last.state !== "succeeded") throw problemError(last.problem ?? {}, last.problem?.status ?? 500);
    return await fetchMotion(idOf(last), signal);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
