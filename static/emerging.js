// A generation that is watched: its steps, and the motion as it emerges from noise.

import { cancel, eventsOf, fetchJob, fetchMotion, order, problemError } from "./api.js";
import { pause } from "./pause.js";

/** Decoding steps between two looks at the motion. */
const EVERY = 4;
/** Seconds between questions where events do not come through. */
const ASK = 0.5;

const idOf = (job) => job.links.motion.split("/").at(-1);

/** The job when it is over, told by its events. Null where they break off for good. */
function told(job, signal, { onStep, onDraft }) {
  return new Promise((resolve, reject) => {
    const events = eventsOf(job, EVERY);
    const close = (settle, value) => {
      events.close();
      settle(value);
    };
    signal.addEventListener("abort", () => close(reject, new DOMException("stopped", "AbortError")), { once: true });
    events.addEventListener("progress", ({ data }) => onStep(JSON.parse(data)));
    events.addEventListener("preview", ({ data }) => onDraft(JSON.parse(data)));
    events.addEventListener("end", ({ data }) => close(resolve, JSON.parse(data)));
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) close(resolve, null);
    });
  });
}

/** The job when it is over, by asking again and again. */
async function asked(job, signal, { onStep }) {
  for (;;) {
    const now = await fetchJob(job, signal);
    if (!["queued", "running"].includes(now.state)) return now;
    onStep(now);
    await pause(ASK, signal);
  }
}

/**
 * The reply to `request`. Meanwhile `onStep` is given the job at each step and `onDraft` what the motion is like so far. Rejects
 * with ApiError, or with AbortError after `signal`, which cancels the job.
 */
export async function generateWatched(request, signal, watch) {
  const job = await order(request, signal);
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
