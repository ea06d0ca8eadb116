/** What the page knows of the service: its profiles, its examples, its tasks. */

import { askJson } from "./api.js";
import { shared } from "./state.js";

export const models = shared([]);
export const examples = shared([]);
export const tasks = shared([]);
/** Bytes that a picture may have; null while the service has not said so. */
export const uploadLimit = shared(null);

export async function loadModels() {
  models.set((await askJson("models")).models);
}

export async function loadExamples() {
  const answer = await askJson("examples");
  examples.set(answer.data);
  uploadLimit.set(answer.max_upload_bytes ?? null);
}

export async function loadTasks() {
  tasks.set((await askJson("tasks")).tasks);
}

/** The profile of a name; without one, that which answers where a request names none. */
export function profileOf(name) {
  const served = servedModels();
  return served.find((model) => model.name === name) ?? served[0] ?? null;
}

export function servedModels() {
  return models.get().filter((model) => model.served);
}
