/** Tasks: words under a name, what models were adapted to them, and a new one. */

import { askJson } from "../core/api.js";
import { useAnswer } from "../core/asking.js";
import { html, useEffect, useState } from "../core/html.js";
import { followed, runJson } from "../core/jobs.js";
import { addressOf } from "../core/routes.js";
import { loadTasks, profileOf, servedModels, tasks } from "../core/service.js";
import { useShared } from "../core/state.js";
import { begin, stop, useWork, workOf } from "../core/work.js";
import { t } from "../core/words.js";
import { AsCode } from "../parts/codes.js";
import { Choice, Select, TextField } from "../parts/fields.js";
import { Labels } from "../parts/labels.js";
import { ProblemNote } from "../parts/problem.js";
import { Progress } from "../parts/progress.js";
import { jobProblem } from "./answer.js";
import { TaskView } from "./task.js";

const STAGES = ["synthesize", "personalize", "fine-tune", "evaluate"];
const EMPTY = { name: "", labels: [], template: "", profile: "", mode: "adapt", shots: "", held: "", steps: "", tuning: "" };

export function TasksView({ id }) {
  if (id) return html`<${TaskView} id=${id} key=${id} />`;
  return html`
    <p class="lead">${t("tasks.lead")}</p>
    <div class="split">
      <${Adapt} />
      <${Stored} />
    </div>`;
}

function Stored() {
  const all = useShared(tasks);
  const { answer, problem, again } = useAnswer("tasks");
  useEffect(() => void (answer && tasks.set(answer.tasks)), [answer]);
  return html`<section class="panel" aria-label=${t("tasks.stored")}>
    <h2>${t("tasks.stored")}</h2>
    <${ProblemNote} problem=${problem} onRetry=${again} />
    ${all.length === 0 && !problem && html`<p class="hint">${t("tasks.empty")}</p>`}
    <ul class="rows">
      ${all.map(
        (task) => html`<li key=${task.id}><a href=${addressOf("tasks", task.id)}>
          <span class="row-main" dir="auto">${task.name}</span>
          <span class="hint">${t("tasks.about", { count: task.labels.length, versions: task.versions })}</span>
        </a></li>`,
      )}
    </ul>
  </section>`;
}

function Adapt() {
  const [asked, setAsked] = useState(EMPTY);
  const set = (fields) => setAsked({ ...asked, ...fields });
  const profile = profileOf(asked.profile);
  const canAdapt = profile?.can_adapt ?? false;
  const mode = canAdapt ? asked.mode : "store";
  const lack = !asked.name.trim() ? "lacking.name" : asked.labels.length < 2 ? "lacking.labels" : null;
  const submit = (event) => {
    event.preventDefault();
    if (lack === null) adapt(adaptFields({ ...asked, mode }));
  };
  useResumed();
  return html`<section class="panel" aria-label=${t("adapt")}>
    <h2>${t("adapt")}</h2>
    <form onSubmit=${submit} class="question">
      <${TextField} label=${t("adapt.name")} hint=${t("adapt.name.hint")} value=${asked.name} maxlength="100" onChange=${(name) => set({ name })} />
      <${Labels} labels=${asked.labels} onLabels=${(labels) => set({ labels })} />
      ${servedModels().length > 1 && html`<${Select} label=${t("profile")} value=${profile?.name} onChange=${(name) => set({ profile: name })}
        options=${servedModels().map(({ name }) => [name, name])} />`}
      <${Choice} label=${t("adapt.mode")} value=${mode} onChange=${(next) => set({ mode: next })}
        options=${canAdapt ? [["adapt", t("adapt.models")], ["store", t("adapt.store")]] : [["store", t("adapt.store")]]} />
      <p class="hint">${t(mode === "adapt" ? "adapt.models.hint" : canAdapt ? "adapt.store.hint" : "adapt.only")}</p>
      ${mode === "adapt" && html`<${AdaptOptions} asked=${asked} set=${set} usual=${profile.adaptation} />`}
      <p class="actions">
        <button type="submit" class="main" aria-disabled=${lack !== null} aria-describedby="lacking-task">
          ${t(mode === "adapt" ? "adapt.go" : "adapt.keep")}</button>
      </p>
      <p class="hint" id="lacking-task" role="status">${lack ? t(lack) : ""}</p>
    </form>
    <${Adapting} />
  </section>`;
}

/** By name: the field of the request, and the most that it may be. */
const NUMBERS = { shots: ["shots", 16], held: ["held_back", 16], steps: ["steps", 10_000], tuning: ["fine_tuning_steps", 10_000] };

function AdaptOptions({ asked, set, usual }) {
  return html`<details class="options">
    <summary>${t("options")}</summary>
    ${Object.entries(NUMBERS).map(
      ([name, [field, most]]) => html`<${TextField} key=${name} label=${t(`adapt.${name}`)} type="number" min="0" max=${most} inputmode="numeric"
        value=${asked[name]} placeholder=${usual?.[field]} onChange=${(value) => set({ [name]: value })} />`,
    )}
    <${TextField} label=${t("template")} hint=${t("template.hint")} value=${asked.template} placeholder="This is a photo of a {}"
      onChange=${(template) => set({ template })} />
  </details>`;
}

/** The job of an adaptation, stage by stage. */
function Adapting() {
  const { isBusy, job, problem, request } = useWork("adapt");
  const result = job?.result;
  useEffect(() => void (result && loadTasks().catch(() => {})), [result]);
  return html`
    <${ProblemNote} problem=${problem ?? jobProblem(job)} />
    ${isBusy && html`<div class="adapting">
      ${job?.progress?.total > 1 && html`<${Stages} stage=${job.progress.stage} />`}
      <${Progress} job=${job} onCancel=${() => stop("adapt")} />
    </div>`}
    ${result && html`<div class="note good" role="status">
      <p><strong>${t(`adapted.${result.outcome}`)}</strong></p>
      <p><a href=${addressOf("tasks", result.task.id)}>${t("task.open", { name: result.task.name })}</a></p>
    </div>`}
    ${request && html`<${AsCode} request=${request} />`}`;
}

function Stages({ stage }) {
  const at = STAGES.indexOf(stage);
  return html`<ol class="stages">
    ${STAGES.map(
      (each, index) => html`<li key=${each} class=${index < at ? "past" : index === at ? "now" : ""}
        aria-current=${index === at ? "step" : undefined}>${t(`stage.${each}`)}</li>`,
    )}
  </ol>`;
}

function adapt(fields) {
  const request = { path: "adapt", fields };
  return begin("adapt", request, (signal, onJob) => runJson(request, signal, onJob));
}

/** An adaptation that goes on since the page was last open is followed again. */
function useResumed() {
  useEffect(() => {
    if (workOf("adapt").isBusy) return;
    askJson("jobs?kind=adapt&limit=5")
      .then(({ data }) => {
        const open = data.find((job) => !job.done);
        if (open && !workOf("adapt").isBusy) begin("adapt", null, (signal, onJob) => followed(open, signal, onJob));
      })
      .catch(() => {});
  }, []);
}

function adaptFields({ name, labels, template, profile, mode, ...numbers }) {
  const given = Object.entries(NUMBERS).filter(([each]) => numbers[each] !== "");
  return {
    name: name.trim(),
    labels,
    ...(template ? { template } : {}),
    ...(profile ? { profile } : {}),
    ...(mode === "store" ? { steps: 0, fine_tuning_steps: 0 } : Object.fromEntries(given.map(([each, [field]]) => [field, Number(numbers[each])]))),
  };
}
