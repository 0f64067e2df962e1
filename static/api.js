// The server, spoken to in JSON. Every failure becomes an ApiError whose message tells a person what to do.

export class ApiError extends Error {
  constructor(message, { code = "", retryAfter = null } = {}) {
    super(message);
    this.code = code;
    /** Seconds to wait before trying again, where the server said so. */
    this.retryAfter = retryAfter;
  }
}

async function refusal(response) {
  const type = response.headers.get("content-type") ?? "";
  const problem = type.includes("json") ? await response.json().catch(() => ({})) : {};
  const retry = Number.parseFloat(response.headers.get("retry-after"));
  return problemError(problem, response.status, retry);
}

/** An ApiError of problem+json. */
export function problemError(problem, status, retry = NaN) {
  const said = typeof problem?.detail === "string" && problem.detail !== "" ? problem.detail : problem?.title;
  const fallback = status >= 500
    ? "The server failed to make this motion. Try again; if it keeps failing, its log has the cause"
    : "The server refused this request";
  let message = typeof said === "string" && said !== "" ? said : fallback;
  if (!/[.!?]$/.test(message)) message += ".";
  return new ApiError(message[0].toUpperCase() + message.slice(1), {
    code: typeof problem?.code === "string" ? problem.code : "",
    retryAfter: status === 429 ? (Number.isFinite(retry) ? Math.min(Math.max(retry, 1), 60) : 4) : null,
  });
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Check that duet is still running, then try again.", {
      code: "unreachable",
    });
  }
  if (!response.ok) throw await refusal(response);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server's answer was cut off. Try again.", { code: "unreadable" });
  }
}

const post = (path, request, signal, headers = {}) =>
  ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
    body: JSON.stringify(request),
    signal,
  });

/** POST /generate as a job, {state, links, …}. Rejects with ApiError, or with the browser's AbortError after `signal`. */
export const order = (request, signal) => post("/generate", request, signal, { prefer: "respond-async" });

/** POST /generate, its reply when it is done. Rejects as `order` does. */
export const generate = (request, signal) => post("/generate", request, signal);

/** What a job has come to. Rejects as `order` does. */
export const fetchJob = ({ links }, signal) => ask(links.self, { signal });

/** Tells the server that nobody waits for a job any more. */
export const cancel = ({ links }) => ask(links.self, { method: "DELETE" });

/** The events of a job, with a look at the motion after every `steps` decoding steps. */
export const eventsOf = ({ links }, steps) => new EventSource(`${links.events}?preview=${steps}`);

/** POST /edit. Rejects as `order` does. */
export const edit = (request, signal) => post("/edit", request, signal);

/** GET /motions/{id}, an earlier reply that the server still keeps. */
export const fetchMotion = (id, signal) => ask(`/motions/${encodeURIComponent(id)}`, { signal });

/** GET /motions, what the server still keeps, the newest first; nothing where it has no such list. */
export const listMotions = (limit) =>
  ask(`/motions?limit=${limit}`).then((page) => (Array.isArray(page.motions) ? page.motions : []), () => []);

/** Whether the server still keeps a reply, whatever the browser may have kept of it; null where the server does not say. */
export async function isKept(id) {
  try {
    const { ok, status } = await fetch(`/motions/${encodeURIComponent(id)}`, { method: "HEAD", cache: "no-store" });
    return ok || (status === 404 ? false : null);
  } catch {
    return null;
  }
}

/** The clip that plays on the first visit; null where the page comes without one. */
export const fetchIntro = () => ask("/static/intro.json").catch(() => null);
