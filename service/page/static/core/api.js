/** Asking the service: with the key, once more when it was away or busy, and every refusal as a Problem. */

import { shared } from "./state.js";

/** Where the page lies: every address of the service is relative to it, whatever a proxy calls the place. */
export const BASE = new URL("../../", import.meta.url);

const STORED = "robustify-key";
const TRIES = 5;
const LONGEST_PAUSE = 30;

/** `here`, `busy` or `away`. */
export const connection = shared("here");
/** The problem that a key would solve, while the person is asked for one. */
export const keyWanted = shared(null);
export const key = shared(storedKey());

let comingBack = null;
let keyGiven = null;
let isKeyRefused = false;

/** A refusal in the service's own words. */
export class Problem extends Error {
  constructor({ type = "", title = "", detail = "", status = 0, errors = [] }, retryAfter = null) {
    super(title || detail);
    Object.assign(this, { type, title, detail, status, errors: errors ?? [], retryAfter });
  }
}

/** The answer; raises a Problem. `tries: 1` takes the first answer, whatever it is. */
export async function ask(path, { method = "GET", headers = {}, body, signal, tries = TRIES } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const response = await sent(address(path), { method, headers: { ...headers, ...authorization() }, body, signal });
    if (response === null) {
      await untilBack(signal);
      continue;
    }
    if (response.ok) return heard(response);
    const problem = await problemOf(response);
    if (response.status === 401 && (await isKeyGiven(problem))) continue;
    if (response.status !== 503 || attempt >= tries) throw settled(problem);
    connection.set("busy");
    await pause(Math.min(problem.retryAfter ?? attempt, LONGEST_PAUSE), signal);
  }
}

export async function askJson(path, options) {
  return (await ask(path, options)).json();
}

/** Sends JSON, and reads JSON. */
export function send(path, document, { method = "POST", headers = {}, ...options } = {}) {
  const body = typeof document === "string" ? document : JSON.stringify(document);
  return askJson(path, { method, body, headers: { "Content-Type": "application/json", ...headers }, ...options });
}

export function authorization() {
  return key.get() ? { Authorization: `Bearer ${key.get()}` } : {};
}

/** Keeps a key until the tab is closed, or forgets it. */
export function keepKey(text) {
  key.set(text);
  try {
    if (text) sessionStorage.setItem(STORED, text);
    else sessionStorage.removeItem(STORED);
  } catch {
    // Without a store the key is kept as long as the page is open.
  }
}

/** What the person answers the question for a key with; null gives up. */
export function answerKey(text) {
  if (text) keepKey(text);
  isKeyRefused = !text;
  keyGiven?.resolve(Boolean(text));
  keyGiven = null;
  keyWanted.set(null);
}

/** Asks for a key because the person wants to give one. */
export function askForKey() {
  isKeyRefused = false;
  keyWanted.set(new Problem({ type: "wanted" }));
}

/** Whatever was raised, as something that can be shown. */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  if (error?.problem) return new Problem({ status: error.status, ...error.problem });
  return new Problem({ type: "page", detail: String(error?.message ?? error) });
}

export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

/** Until the process answers again; all who wait share one question. */
export async function untilBack(signal) {
  connection.set("away");
  comingBack ??= knock().finally(() => (comingBack = null));
  await comingBack;
  signal?.throwIfAborted();
}

/** A random name for a request, so that it may be sent again and is done once. */
export function requestName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function address(path) {
  const url = new URL(path, BASE);
  if (url.origin !== BASE.origin) throw new Problem({ type: "page", detail: "This address is not the service's." });
  return url;
}

/** Null where nobody answers. */
async function sent(url, options) {
  try {
    return await fetch(url, { ...options, redirect: "error", cache: "no-cache" });
  } catch (error) {
    options.signal?.throwIfAborted();
    return null;
  }
}

function heard(response) {
  if (connection.get() !== "here") connection.set("here");
  return response;
}

function settled(problem) {
  heard(null);
  return problem;
}

async function problemOf(response) {
  const retry = Number(response.headers.get("Retry-After"));
  const retryAfter = response.headers.has("Retry-After") && Number.isFinite(retry) ? retry : null;
  let document = {};
  try {
    document = await response.json();
  } catch {
    // A proxy's page, or an answer that broke off: the status says what there is to say.
  }
  return new Problem({ title: `${response.status} ${response.statusText}`, ...document, status: response.status }, retryAfter);
}

/** Asks the person for a key, once for all requests that need one; who will give none is not asked again. */
async function isKeyGiven(problem) {
  if (isKeyRefused) return false;
  if (!keyGiven) {
    keyGiven = {};
    keyGiven.promise = new Promise((resolve) => (keyGiven.resolve = resolve));
    keyWanted.set(problem);
  }
  return keyGiven.promise;
}

async function knock() {
  for (let wait = 0.5; ; wait = Math.min(wait * 1.5, 5)) {
    await pause(wait);
    const answer = await sent(new URL("healthz", BASE), {});
    if (answer?.ok) return void connection.set("here");
  }
}

function storedKey() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}
