/** Try: a picture, words, and what the service says. */

import { ask } from "../core/api.js";
import { html, useEffect } from "../core/html.js";
import { runForm } from "../core/jobs.js";
import { readPicture } from "../core/pictures.js";
import { certifyFields, change, lacking, predictFields, question } from "../core/question.js";
import { examples, loadTasks, profileOf, servedModels, tasks } from "../core/service.js";
import { useShared } from "../core/state.js";
import { begin, useWork } from "../core/work.js";
import { number, radiusText, significant, t } from "../core/words.js";
import { PictureDrop } from "../parts/drop.js";
import { Choice, Select, Slider, TextField } from "../parts/fields.js";
import { Labels } from "../parts/labels.js";
import { CertifyAnswer, PredictAnswer } from "./answer.js";

const LEAST_SIGMA = 0.05;
const MOST_SIGMA = 1;

export function predict() {
  return begun("predict", predictFields);
}

export function certify() {
  return begun("certify", certifyFields);
}

function begun(path, fieldsOf) {
  const asked = question.get();
  const request = { path, fields: fieldsOf(asked), file: asked.picture.name };
  return begin(path, request, (signal, onJob) => runForm(request, asked.picture, signal, onJob));
}

export function TryView() {
  const asked = useShared(question);
  useEffect(() => void loadTasks().catch(() => {}), []);
  return html`<div class="split">
    <section class="panel" aria-label=${t("try.question")}>
      <${QuestionForm} asked=${asked} />
    </section>
    <div class="answers">
      <${Said} />
      <${PredictAnswer} onRetry=${predict} onCertify=${certify} />
      <${CertifyAnswer} onRetry=${certify} />
    </div>
  </div>`;
}

/** What came of it, for who listens. */
function Said() {
  const sentences = ["predict", "certify"].map((name) => saidOf(name, useWork(name)));
  return html`<p class="unseen" role="status">${sentences.join(" ")}</p>`;
}

function saidOf(name, { isBusy, job }) {
  const result = isBusy ? null : job?.result;
  if (!result) return "";
  if (result.radius) return t("said.certified", { label: result.label, radius: radiusText(result.radius) });
  return result.outcome === "predicted" ? t("said.predicted", { label: result.label }) : t(`said.none.${name}`);
}

/** Picture and words; `onLook` is what another view does with them, in place of asking. */
export function QuestionForm({ asked, onLook }) {
  const lack = lacking(asked);
  const go = onLook ?? predict;
  const came = (picture) => {
    change({ picture });
    if (lacking(question.get()) === null) go();
  };
  const submit = (event) => {
    event.preventDefault();
    if (lack === null) go();
  };
  return html`<form onSubmit=${submit} class="question">
    <${PictureDrop} picture=${asked.picture} onPicture=${came} />
    <${Examples} onPicture=${came} />
    <${Words} asked=${asked} />
    ${!onLook && html`<${Options} asked=${asked} />`}
    <p class="actions">
      <button type="submit" class="main" aria-disabled=${lack !== null} aria-describedby="lacking">${t(onLook ? "look" : "predict")}</button>
      ${!onLook && html`<button type="button" aria-disabled=${lack !== null} aria-describedby="lacking"
        onClick=${() => lack === null && certify()}>${t("certify")}</button>`}
    </p>
    <p class="hint" id="lacking" role="status">${lack ? t(lack, { classes: profileOf(asked.profile)?.classes ?? 2 }) : ""}</p>
  </form>`;
}

function Examples({ onPicture }) {
  const all = useShared(examples);
  if (!all.length) return null;
  const take = async (example) => {
    const blob = await (await ask(example.href)).blob();
    const { classes = null, class_names: names = null } = profileOf(question.get().profile) ?? {};
    const fits = classes === null && names === null;
    change({ task: "", ...(fits ? { labels: [...example.labels] } : {}) });
    onPicture(await readPicture(new File([blob], example.href.split("/").pop(), { type: blob.type })));
  };
  return html`<div class="examples" role="group" aria-label=${t("examples")}>
    <span class="hint">${t("examples")}</span>
    ${all.map(
      (example) => html`<button type="button" key=${example.name} class="example" title=${`${example.title}. ${example.source}`}
        aria-label=${t("example.use", { name: example.title })} onClick=${() => take(example).catch(() => {})}>
        <img src=${example.href} alt="" width="40" height="40" /></button>`,
    )}
  </div>`;
}

/** Labels of one's own, or a task; and of which profile, where there are several. */
function Words({ asked }) {
  const stored = useShared(tasks);
  const served = servedModels();
  const profile = profileOf(asked.profile);
  const isTask = asked.task !== "";
  const choose = (kind) => change({ task: kind === "task" ? stored[0].id : "" });
  return html`
    ${served.length > 1 && html`<${Select} label=${t("profile")} hint=${profile?.description} value=${profile?.name}
      onChange=${(name) => change({ profile: name, sigma: null })} options=${served.map(({ name }) => [name, name])} />`}
    ${stored.length > 0 && html`<${Choice} label=${t("words")} isHidden=${true} value=${isTask ? "task" : "labels"} onChange=${choose}
      options=${[["labels", t("words.labels")], ["task", t("words.task")]]} />`}
    ${isTask ? html`<${TaskChoice} asked=${asked} stored=${stored} />`
      : html`<${Labels} labels=${asked.labels} suggestions=${profile?.class_names ?? []} onLabels=${(labels) => change({ labels })} />`}
    ${!isTask && profile?.class_names && asked.labels.length === 0 && html`<p class="hint">${t("labels.fixed", { count: profile.class_names.length })}</p>`}`;
}

function TaskChoice({ asked, stored }) {
  const task = stored.find(({ id }) => id === asked.task);
  return html`<${Select} label=${t("task")} value=${asked.task} onChange=${(id) => change({ task: id })}
    hint=${task && `${task.labels.slice(0, 12).join(", ")}${task.labels.length > 12 ? " …" : ""}`}
    options=${stored.map(({ id, name, current }) => [id, t("task.version", { name, version: current })])} />`;
}

function Options({ asked }) {
  const sigma = asked.sigma ?? profileOf(asked.profile)?.default_sigma ?? 0.25;
  return html`<details class="options">
    <summary>${t("options")}</summary>
    <${Slider} label=${t("sigma")} hint=${t("sigma.hint")} value=${sigma} min=${LEAST_SIGMA} max=${MOST_SIGMA} step=${0.01}
      shown=${number(sigma, 2)} onChange=${(value) => change({ sigma: value })} />
    <${TextField} label=${t("samples")} hint=${t("samples.hint")} value=${asked.samples} type="number" min="1" max="100000" step="1"
      inputmode="numeric" placeholder=${t("usual")} onChange=${(samples) => change({ samples })} />
    <${TextField} label=${t("target")} hint=${t("target.hint", { example: significant(0.25) })} value=${asked.target} type="number" min="0" step="any"
      inputmode="decimal" placeholder=${t("none")} onChange=${(target) => change({ target })} />
    ${!asked.task && html`<${TextField} label=${t("template")} hint=${t("template.hint")} value=${asked.template} maxlength="200"
      placeholder="This is a photo of a {}" onChange=${(template) => change({ template })} />`}
  </details>`;
}
