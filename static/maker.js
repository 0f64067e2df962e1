// Makes results: asks the server, waits while its queue is full, and makes forgotten ones again step by step.

import { ApiError, edit, fetchMotion } from "./api.js";
import { generateWatched } from "./emerging.js";
import { readDraft, readReply } from "./motion.js";
import { pause } from "./pause.js";
import { say } from "./words.js";

/** How often a full queue is asked again. */
const TURNS = 8;

/** Asks until the queue has room. */
async function patiently(ask, signal) {
  for (let turn = 1; ; turn++) {
    try {
      return readReply(await ask());
    } catch (error) {
      if (!(error instanceof ApiError) || error.retryAfter === null || turn >= TURNS) throw error;
      for (let left = Math.ceil(error.retryAfter); left > 0; left--) {
        say(`The queue is full. Trying again in ${left} s.`);
        await pause(1, signal);
      }
      say("");
    }
  }
}

const unwatched = { onStep() {}, onDraft() {}, onGone() {} };

/**
 * A new result of a request. `watch.onStep` is given the job, `watch.onDraft` a clip of what the motion is like so far,
 * `watch.onGone` whether the server has gone.
 */
export function make(request, signal, watch = unwatched) {
  const onDraft = (draft) => watch.onDraft(readDraft(draft));
  return patiently(() => generateWatched(request, signal, { ...watch, onDraft }), signal);
}

/** What an edit of the motion `of` gives, {parent: id} or {files: [base64]}; `wanted` is the edit without either. */
export async function change(of, wanted, signal) {
  try {
    return await patiently(() => edit({ ...of, ...wanted }, signal), signal);
  } catch (error) {
    if (error.code !== "not_found") throw error;
    throw new ApiError("This server cannot edit yet. Update duet and start it again.", { code: "no_edits" });
  }
}

/** The result of `id`, or null where the server no longer keeps it. */
export async function recall(id, signal) {
  if (!id) return null;
  try {
    return readReply(await fetchMotion(id, signal));
  } catch (error) {
    if (error instanceof ApiError && error.code !== "unreachable") return null;
    throw error;
  }
}

/** The result of a recipe {request, edits, files}, from its first request on. */
export async function remake({ request, edits = [], files = [] }, signal) {
  if (files.length > 0) {
    throw new ApiError(
      `The server no longer keeps this result. It was made from ${files.join(" and ")}: drop ${files.length > 1 ? "them" : "it"} onto the page and make it again.`,
      { code: "needs_files" });
  }
  let result = await make(request, signal);
  for (const wanted of edits) result = await change({ parent: result.id }, wanted, signal);
  return result;
}
