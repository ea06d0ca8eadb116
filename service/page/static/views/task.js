/** One task: its versions, what each brought, the references it was made of; roll back, delete. */

import { ask, asProblem, send } from "../core/api.js";
import { useAnswer } from "../core/asking.js";
import { noted } from "../core/code.js";
import { html, useEffect, useState } from "../core/html.js";
import { change } from "../core/question.js";
import { addressOf, go } from "../core/routes.js";
import { loadTasks } from "../core/service.js";
import { moment, number, percent, t } from "../core/words.js";
import { FetchedPicture } from "../parts/canvas.js";
import { confirmed } from "../parts/dialogs.js";
import { Choice } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";

const SHOWN_LABELS = 60;
const SHOWN_REFERENCES = 24;

export function TaskView({ id }) {
  const path = `tasks/${encodeURIComponent(id)}`;
  const task = useAnswer(path);
  const versions = useAnswer(`${path}/versions`);
  const [problem, setProblem] = useState(null);
  const [shown, setShown] = useState(null);
  const all = versions.answer?.versions ?? [];
  const looked = shown ?? mostTelling(all)?.number;
  const doing = (action) => action().then(() => setProblem(null), (error) => setProblem(asProblem(error)));
  const answerWith = (version) => doing(async () => {
    noted({ method: "PUT", path: `${path}/current`, fields: { version } });
    await send(`${path}/current`, { version }, { method: "PUT" });
    task.again();
    versions.again();
  });
  const version = all.find(({ number: each }) => each === looked);
  return html`
    <p><a href=${addressOf("tasks")}>← ${t("tasks.back")}</a></p>
    <${ProblemNote} problem=${problem ?? task.problem ?? versions.problem} onRetry=${() => (setProblem(null), task.again(), versions.again())} />
    ${task.answer && html`<${About} task=${task.answer} onDelete=${() => doing(() => remove(path, task.answer))} />`}
    ${versions.answer && html`<${Versions} versions=${all} shown=${looked} onShow=${setShown} onAnswer=${answerWith} />`}
    ${version?.figures && html`<${BeforeAfter} version=${version} key=${version.number} />`}
    ${version?.links && html`<${References} version=${version} key=${`references-${version.number}`} />`}`;
}

/** The version that answers, unless it has words alone and another has more to show. */
function mostTelling(versions) {
  const answering = versions.find(({ answers }) => answers);
  return answering?.adaptation ? answering : (versions.findLast(({ adaptation }) => adaptation) ?? answering);
}

function About({ task, onDelete }) {
  const more = task.labels.length - SHOWN_LABELS;
  const use = () => (change({ task: task.id }), go("try"));
  return html`<section class="panel" aria-label=${task.name}>
    <h2 dir="auto">${task.name}</h2>
    <ul class="chip-list" aria-label=${t("labels")}>
      ${task.labels.slice(0, SHOWN_LABELS).map((label) => html`<li class="chip" key=${label} dir="auto">${label}</li>`)}
      ${more > 0 && html`<li class="hint">${t("labels.all", { count: more })}</li>`}
    </ul>
    <p class="hint" dir="auto">${task.template}</p>
    <p class="actions">
      <button type="button" class="main" onClick=${use}>${t("task.use")}</button>
      <button type="button" class="danger" onClick=${onDelete}>${t("task.delete")}</button>
    </p>
  </section>`;
}

/** Asks first: what is deleted is gone with all versions. */
async function remove(path, task) {
  if (!(await confirmed(t("task.delete.sure", { name: task.name, count: task.versions }), t("task.delete")))) return;
  noted({ method: "DELETE", path });
  await ask(path, { method: "DELETE" });
  change({ task: "" });
  await loadTasks();
  go("tasks");
}

function Versions({ versions, shown, onShow, onAnswer }) {
  return html`<section class="panel" aria-label=${t("versions")}>
    <h2>${t("versions")}</h2>
    <ul class="rows">
      ${[...versions].reverse().map(
        (version) => html`<li key=${version.number} class=${`version ${version.number === shown ? "chosen" : ""}`}>
          <button type="button" class="quiet row-main" aria-pressed=${version.number === shown} onClick=${() => onShow(version.number)}>
            ${t("version", { number: version.number })}</button>
          <span class="hint">${moment(version.created_at)} · ${t(version.adaptation ? "version.adapted" : "version.labels")}
            ${!version.served && html` · <span class="bad-text">${t("version.unserved")}</span>`}</span>
          ${version.answers ? html`<span class="badge">${t("version.answers")}</span>`
            : version.served && html`<button type="button" onClick=${() => onAnswer(version.number)}>${t("version.use")}</button>`}
        </li>`,
      )}
    </ul>
  </section>`;
}

/** What the adaptation brought on references that were held back. */
function BeforeAfter({ version }) {
  const { before, after } = version.figures;
  return html`<section class="panel" aria-label=${t("figures")}>
    <h2>${t("figures")}</h2>
    <p class="hint">${t("figures.what", { count: before[0]?.images ?? 0 })}</p>
    <table class="figures">
      <thead><tr>${["σ", t("figures.of"), t("figures.before"), t("figures.after")].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${before.flatMap((each, index) => rowsOf(each, after[index]))}</tbody>
    </table>
    <div class="beside">
      <${FetchedPicture} path=${version.links.denoised} label=${t("figures.picture")} className="sheet-picture" />
      <p class="hint">${t("figures.picture.what")}</p>
    </div>
  </section>`;
}

function rowsOf(before, after) {
  const radii = Object.keys(before.certified_accuracy ?? {});
  const rows = [
    ["figures.accuracy", before.accuracy, after?.accuracy],
    ...radii.map((radius) => [radius, before.certified_accuracy[radius], after?.certified_accuracy?.[radius]]),
  ];
  return rows.map(
    ([name, was, is]) => html`<tr key=${`${before.sigma}-${name}`}><td>${number(before.sigma, 2)}</td>
      <td>${name.startsWith("figures.") ? t(name) : t("figures.certified", { radius: number(Number(name), 2) })}</td>
      <td><${Share} value=${was} /></td><td><${Share} value=${is} isAfter=${true} /></td></tr>`,
  );
}

function Share({ value, isAfter = false }) {
  if (value === undefined || value === null) return "–";
  return html`<span class=${`share-bar ${isAfter ? "after" : ""}`}>
    <span class="bar" aria-hidden="true"><span style=${{ transform: `scaleX(${value})` }} /></span>${percent(value, 0)}</span>`;
}

function References({ version }) {
  const [label, setLabel] = useState("");
  const [shown, setShown] = useState(SHOWN_REFERENCES);
  const { answer, problem, again } = useAnswer(version.links.references);
  const all = answer?.references ?? [];
  const labels = [...new Set(all.map((each) => each.label))];
  const chosen = label ? all.filter((each) => each.label === label) : all;
  useEffect(() => setShown(SHOWN_REFERENCES), [label]);
  return html`<section class="panel" aria-label=${t("references")}>
    <h2>${t("references")}</h2>
    <p class="hint">${t("references.what")}</p>
    <${ProblemNote} problem=${problem} onRetry=${again} />
    ${labels.length > 1 && labels.length <= 12 && html`<${Choice} label=${t("references.of")} isHidden=${true} value=${label} onChange=${setLabel}
      options=${[["", t("references.all")], ...labels.map((each) => [each, each])]} />`}
    <ul class="gallery">
      ${chosen.slice(0, shown).map(
        (each) => html`<li key=${each.image}><${FetchedPicture} path=${each.image} label=${each.label} />
          <span dir="auto">${each.label}</span>${each.held_back && html`<span class="hint">${t("references.held")}</span>`}</li>`,
      )}
    </ul>
    ${chosen.length > shown && html`<p class="actions">
      <button type="button" onClick=${() => setShown(shown + SHOWN_REFERENCES)}>${t("references.more", { count: chosen.length - shown })}</button>
    </p>`}
  </section>`;
}
