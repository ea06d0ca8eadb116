/** How far a job is: a bar for the eye, a sentence now and then for who listens. */

import { html, useEffect, useRef, useState } from "../core/html.js";
import { number, seconds, t } from "../core/words.js";

const SAID_EVERY = 4000;

export function Progress({ job, onCancel }) {
  const { progress = { done: 0, total: 1, unit: "samples" }, status = "queued" } = job ?? {};
  const sentence = sentenceOf(progress, status);
  const value = status === "running" || progress.done ? progress.done : undefined;
  return html`<div class="progress">
    <${Bar} total=${progress.total || 1} value=${value} />
    <p class="progress-line"><span aria-hidden="true">${sentence}</span>
      <${Spoken} text=${sentence} />
      ${onCancel && html`<button type="button" onClick=${onCancel}>${t("cancel")}</button>`}
    </p>
  </div>`;
}

/** Without a value it only says that something goes on. */
function Bar({ total, value }) {
  if (value === undefined) return html`<progress key="going" aria-label=${t("progress")} />`;
  return html`<progress key="counted" max=${total} value=${value} aria-label=${t("progress")} />`;
}

export function sentenceOf({ done, total, unit, place, seconds_left: left, stage }, status) {
  if (status === "queued" && !done) return place > 1 ? t("progress.place", { place }) : t("progress.queued");
  const stageText = stage ? `${t(`stage.${stage}`)}: ` : "";
  const counted = t(`progress.${unit ?? "samples"}`, { done: number(done), total: number(total) });
  const time = left === null || left === undefined ? "" : `, ${t("progress.left", { time: seconds(left) })}`;
  return `${stageText}${counted}${time}`;
}

/** Said aloud, but not at each step. */
function Spoken({ text }) {
  const [said, setSaid] = useState(text);
  const last = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, last.current + SAID_EVERY - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      setSaid(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<span class="unseen" role="status">${said}</span>`;
}
