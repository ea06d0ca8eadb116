/** Jobs: sent once, followed to their end whatever happens to the connection, canceled. */

import { followJob } from "../events.js";
import { ask, askJson, authorization, BASE, connection, requestName, send } from "./api.js";

const STATES = { live: "here", polling: "here", away: "away" };

/** Sends a picture with fields, and follows the job; tells of each step. Gives the job as it ended. */
export async function runForm({ path, fields }, picture, signal, onJob) {
  const sending = { method: "POST", body: formOf(picture, fields), headers: asking(), signal };
  return followed(await askJson(path, sending), signal, onJob);
}

/** The same of a request without a picture. */
export async function runJson({ path, fields }, signal, onJob) {
  return followed(await send(path, fields, { headers: asking(), signal }), signal, onJob);
}

/** A job to its end. */
export async function followed(job, signal, onJob = () => {}) {
  onJob(job);
  if (job.done) return job;
  const ended = await followJob(BASE.href, job.id, {
    headers: authorization(),
    signal,
    onProgress: (progress, status) => onJob({ ...job, progress, status }),
    onState: (state) => connection.set(STATES[state] ?? "here"),
  });
  onJob(ended);
  return ended;
}

/** Ends a job for us; one that is gone already is ended too. */
export async function cancel(job) {
  await ask(job.links.cancel, { method: "DELETE" }).catch(() => {});
}

function asking() {
  return { Prefer: "respond-async", "Idempotency-Key": requestName() };
}

function formOf(picture, fields) {
  const form = new FormData();
  form.append("image", picture.file, picture.name);
  for (const [name, value] of Object.entries(fields)) {
    for (const each of Array.isArray(value) ? value : [value]) form.append(name, String(each));
  }
  return form;
}
