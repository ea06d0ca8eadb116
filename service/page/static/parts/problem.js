/** A refusal as it is shown: the service's own words, what to do, and a way to try again. */

import { askForKey } from "../core/api.js";
import { html, useEffect, useState } from "../core/html.js";
import { t } from "../core/words.js";

const MOST_FIELDS = 8;

export function ProblemNote({ problem, onRetry }) {
  if (!problem) return null;
  const { title, detail, errors, status } = problem;
  const isDetailTold = errors.length > 0 && errors.every((error) => detail.includes(error.detail));
  return html`<div class="note bad" role="alert">
    <p class="note-title">${t("problem")}</p>
    <div lang="en">
      <p><strong>${title}</strong></p>
      ${!isDetailTold && html`<p>${detail}</p>`}
      ${errors.length > 0 && html`<ul>${errors.slice(0, MOST_FIELDS).map((error) => html`<li>${fieldOf(error)}</li>`)}</ul>`}
    </div>
    ${status === 401 && html`<button type="button" onClick=${askForKey}>${t("key.give")}</button>`}
    ${onRetry && status !== 401 && html`<${Retry} after=${problem.retryAfter} onRetry=${onRetry} />`}
  </div>`;
}

/** A button that can be pressed once the service will hear it. */
function Retry({ after, onRetry }) {
  const [left, setLeft] = useState(Math.ceil(after ?? 0));
  useEffect(() => {
    if (left <= 0) return undefined;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  const text = left > 0 ? t("retry.in", { count: left }) : t("retry");
  return html`<button type="button" aria-disabled=${left > 0} onClick=${() => left <= 0 && onRetry()}>${text}</button>`;
}

function fieldOf({ field, detail }) {
  return detail.startsWith(`${field}:`) || !field ? detail : `${field}: ${detail}`;
}
