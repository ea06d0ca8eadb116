/** Work under way, by name: it goes on while the person looks at another view, and newer work of a name ends older. */

import { asProblem } from "./api.js";
import { noted } from "./code.js";
import { cancel } from "./jobs.js";
import { shared, useShared } from "./state.js";

const IDLE = Object.freeze({ isBusy: false, job: null, problem: null, request: null });
const all = shared({});
const aborts = new Map();

export function useWork(name) {
  return useShared(all)[name] ?? IDLE;
}

export function workOf(name) {
  return all.get()[name] ?? IDLE;
}

/** `doing(signal, onJob)` gives the job as it ended; `request` is what is asked, as the code that is shown says it. */
export async function begin(name, request, doing) {
  const ended = stop(name);
  if (request) noted(request);
  const abort = new AbortController();
  aborts.set(name, abort);
  const put = (fields) => aborts.get(name) === abort && set(name, { ...workOf(name), ...fields });
  put({ ...IDLE, isBusy: true, request });
  try {
    // The same question again is the same job: to end it afterwards would end both.
    await ended;
    const job = await doing(abort.signal, (now) => put({ job: now }));
    put({ isBusy: false, job });
  } catch (error) {
    put({ isBusy: false, problem: asProblem(error) });
  }
}

/** Ends it here, and for the service where it has begun; resolves once the service knows. */
export function stop(name) {
  const { isBusy, job } = workOf(name);
  aborts.get(name)?.abort(new DOMException("stopped", "AbortError"));
  aborts.delete(name);
  set(name, IDLE);
  return isBusy && job && !job.done ? cancel(job) : Promise.resolve();
}

function set(name, state) {
  all.set((before) => ({ ...before, [name]: state }));
}
