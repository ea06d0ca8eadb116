/** What is asked: one picture, words or a task, and how. Every view is about the same question. */

import { profileOf } from "./service.js";
import { shared } from "./state.js";

export const MOST_LABELS = 1000;

export const question = shared({
  picture: null,
  labels: [],
  task: "",
  profile: "",
  template: "",
  sigma: null,
  samples: "",
  target: "",
});

export function change(fields) {
  question.set((before) => ({ ...before, ...fields }));
}

/** Why it cannot be asked yet, as the name of a sentence; null where it can. */
export function lacking({ picture, labels, task, profile }) {
  if (!picture) return "lacking.picture";
  const { classes = null, class_names: names = null } = profileOf(profile) ?? {};
  if (task || (names && labels.length === 0)) return null;
  if (classes && !names && labels.length !== classes) return "lacking.exact";
  return labels.length < 2 ? "lacking.labels" : null;
}

/** The fields of a request, as the service names them; a field that is left to the service is left out. */
export function fieldsOf({ labels, task, profile, template, sigma }) {
  const words = task ? { task } : { ...(labels.length ? { labels } : {}), ...(template ? { template } : {}) };
  return { ...words, ...(profile ? { profile } : {}), ...(sigma === null ? {} : { sigma }) };
}

export function predictFields(asked) {
  return { ...fieldsOf(asked), ...(asked.samples ? { n: Number(asked.samples) } : {}) };
}

export function certifyFields(asked) {
  return { ...predictFields(asked), ...(asked.target ? { target_radius: Number(asked.target) } : {}) };
}

/** Labels of a text: by lines or commas, each once. */
export function labelsOf(text) {
  const labels = text.split(/[\n,;]+/).map((label) => label.trim().replace(/\s+/g, " "));
  return [...new Set(labels.filter(Boolean))];
}
