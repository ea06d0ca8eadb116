/* Follows a job of the service to its end: by its events where they can be had, else by asking again.
 *
 * EventSource cannot send a key, so the events are read from a fetch. For any page or program in JavaScript, not only for
 * the page beside it: it needs nothing but fetch, and its types are in events.d.ts.
 */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;
const LONGEST_RETRY_AFTER = 60_000;
const POLL_WAIT_SECONDS = 20;
/** A stream that says nothing for so long is given up: the service sends a comment more often than that. */
const SILENCE = 45_000;
/** After so many streams in a row that brought nothing, the job is asked for instead. */
const STREAMS_TO_TRY = 3;
/** Of an answer that is no problem document, or of an event that has no end. */
const MOST_CHARACTERS = 4_000_000;

/** What the service refused: `status`, and `problem`, its problem document (RFC 9457). */
export class ProblemError extends Error {
  constructor(status, problem, retryAfter = null) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.name = "ProblemError";
    this.status = status;
    this.problem = problem;
    /** Milliseconds after which to ask again, where the service says so. */
    this.retryAfter = retryAfter;
  }

  /** Whether the same may be answered later. */
  get isPassing() {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The error that a response which is not ok stands for, whatever its body is. */
export async function readProblem(response) {
  const problem = { type: "about:blank", title: "", status: response.status, detail: "" };
  const kind = response.headers.get("Content-Type") || "";
  if (kind.startsWith("application/problem+json")) {
    try {
      Object.assign(problem, await response.json());
    } catch {
      /* It was cut off: the status tells enough. */
    }
  } else {
    await response.body?.cancel().catch(() => {});
  }
  return new ProblemError(response.status, problem, retryAfterOf(response));
}

/** The server-sent events of a response, one at a time: { event, id, data }, `data` being text. */
export async function* events(response) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read());
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const { blocks, rest } = split(text);
      text = rest;
      for (const block of blocks) {
        const found = parsed(block);
        if (found) yield found;
      }
      if (text.length > MOST_CHARACTERS) throw new TypeError("an event has no end");
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Follows a job until it is done, and resolves with it.
 *
 * `base` is where the service is shown, such as "https://example.org/robustify/". `headers` go with every request.
 * `firstPause` are the milliseconds after which a failure is tried again; the next ones take longer.
 * `onProgress(progress, status)` is told how far it is; `onState("live" | "polling" | "away")` how it is followed.
 * Rejects with a ProblemError where the service refuses (401, 403, 404), and with the reason of `signal` once it is aborted.
 */
export async function followJob(base, id, options = {}) {
  const { headers = {}, signal, onProgress = () => {}, onState = () => {}, firstPause = FIRST_PAUSE } = options;
  const told = { headers, signal, onProgress, onState, firstPause };
  const follow = { base, id, ...told, lastId: null, silent: 0, failures: 0, state: null };
  for (;;) {
    signal?.throwIfAborted();
    try {
      const job = follow.silent < STREAMS_TO_TRY ? await stream(follow) : await poll(follow);
      if (job) return job;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ProblemError && !error.isPassing) throw error;
      tell(follow, "away");
      await pause(pauseAfter(follow, error), signal);
    }
  }
}

/** One stream of events: the job when it is done, else null when the stream ends before that. */
async function stream(follow) {
  follow.silent += 1;
  const headers = { ...follow.headers, Accept: "text/event-stream" };
  if (follow.lastId !== null) headers["Last-Event-ID"] = follow.lastId;
  const response = await fetch(address(follow, "/events"), { headers, ...quiet(follow) });
  if (response.status === 204) return poll(follow, 0);
  if (!response.ok) throw await readProblem(response);
  if (!(response.headers.get("Content-Type") || "").startsWith("text/event-stream") || !response.body) {
    await response.body?.cancel().catch(() => {});
    follow.silent = STREAMS_TO_TRY;
    return null;
  }
  for await (const { event, id, data } of events(response)) {
    const told = JSON.parse(data);
    follow.silent = 0;
    follow.failures = 0;
    tell(follow, "live");
    if (event === "done") return told;
    if (event === "progress") {
      follow.lastId = id;
      follow.onProgress(told.progress, told.status);
    }
  }
  await pause(pauseAfter(follow, null), follow.signal);
  return null;
}

/** Asks for the job: it when it is done, else null. */
async function poll(follow, seconds = POLL_WAIT_SECONDS) {
  const headers = { ...follow.headers, Prefer: `wait=${seconds}` };
  const response = await fetch(address(follow, ""), { headers, ...quiet(follow) });
  if (!response.ok) throw await readProblem(response);
  const job = await response.json();
  follow.failures = 0;
  tell(follow, "polling");
  if (job.done) return job;
  follow.onProgress(job.progress, job.status);
  await pause(follow.firstPause, follow.signal);
  return null;
}

/** Never from a cache, and never to another host, which would be given the key. */
function quiet(follow) {
  return { signal: follow.signal, cache: "no-store", redirect: "error" };
}

function address(follow, below) {
  return new URL(`jobs/${encodeURIComponent(follow.id)}${below}`, new URL(follow.base, globalThis.location?.href));
}

function tell(follow, state) {
  if (follow.state !== state) follow.onState(state);
  follow.state = state;
}

/** Milliseconds: what the service asks for, or longer from failure to failure, and not the same for everybody. */
function pauseAfter(follow, error) {
  follow.failures += 1;
  if (error instanceof ProblemError && error.retryAfter !== null) return error.retryAfter;
  const most = Math.min(LONGEST_PAUSE, follow.firstPause * 2 ** (follow.failures - 1));
  return most * (0.5 + Math.random() / 2);
}

/** Milliseconds, from seconds or a date; null where there is none. */
function retryAfterOf(response) {
  const text = response.headers.get("Retry-After");
  if (!text) return null;
  const milliseconds = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - Date.now();
  return Number.isNaN(milliseconds) ? null : Math.min(LONGEST_RETRY_AFTER, Math.max(0, milliseconds));
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/** What a read brings, unless it brings nothing for too long. */
function withinSilence(read) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TypeError("the stream has gone silent")), SILENCE);
  });
  return Promise.race([read, silence]).finally(() => clearTimeout(timer));
}

/** The blocks that have an end, and what is left. A line ends in \r\n, \n or \r. */
function split(text) {
  // A carriage return at the very end may be half of a line end.
  const held = text.endsWith("\r") ? "\r" : "";
  const lines = (held ? text.slice(0, -1) : text).replace(/\r\n?/g, "\n");
  const blocks = lines.split("\n\n");
  const rest = blocks.pop() + held;
  return { blocks, rest };
}

/** An event of one block of lines; null where it has no data, such as a comment. */
function parsed(block) {
  const found = { event: "message", id: null, data: [] };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") found.data.push(value);
    else if (name === "event" || name === "id") found[name] = value;
  }
  return found.data.length ? { ...found, data: found.data.join("\n") } : null;
}
