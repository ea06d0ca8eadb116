/** Service: what it answers with, how busy it is, what one has used, and what was done here as code. */

import { key } from "../core/api.js";
import { useAnswer } from "../core/asking.js";
import { done } from "../core/code.js";
import { html, useEffect } from "../core/html.js";
import { useShared } from "../core/state.js";
import { number, t } from "../core/words.js";
import { Code } from "../parts/codes.js";
import { ProblemNote } from "../parts/problem.js";

const EVERY = 5000;

export function ServiceView() {
  return html`
    <p class="lead">${t("service.lead")}</p>
    <div class="tiles"><${Now} /><${Usage} /></div>
    <${Profiles} />
    <${Done} />`;
}

/** Asks again while somebody looks. */
function useLive(path) {
  // What stands is shown as it is: "not ready" is an answer here.
  const { again, ...state } = useAnswer(path, 1);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || again(), EVERY);
    return () => clearInterval(timer);
  }, []);
  return { ...state, again };
}

function Now() {
  const { answer, problem, again } = useLive("readyz");
  const queued = Object.entries(answer?.queued ?? {});
  return html`<section class="panel" aria-label=${t("service.now")}>
    <h2>${t("service.now")}</h2>
    ${problem ? html`<${ProblemNote} problem=${problem} onRetry=${again} />` : answer && html`
      <p class="figure-row"><span class="figure-big">${number(answer.workers)}</span> ${t("service.workers", { count: answer.workers })}</p>
      <dl class="facts">${queued.map(([kind, count]) => html`<div key=${kind}><dt>${t(`queued.${kind}`)}</dt><dd>${number(count)}</dd></div>`)}</dl>`}
  </section>`;
}

function Usage() {
  const isKept = Boolean(useShared(key));
  const { answer, problem, again } = useAnswer("usage");
  return html`<section class="panel" aria-label=${t("usage")}>
    <h2>${t("usage")}</h2>
    <${ProblemNote} problem=${problem} onRetry=${again} />
    ${answer && html`<${Used} usage=${answer} isKept=${isKept} />`}
  </section>`;
}

function Used({ usage, isKept }) {
  const { days, limits, stored, name } = usage;
  const most = Math.max(1, ...days.map(({ samples }) => samples));
  return html`
    <p>${isKept ? t("usage.key", { name: name ?? "" }) : t("usage.keyless")}</p>
    <ul class="bars days" aria-label=${t("usage.days")}>
      ${days.map(
        ({ date, samples, jobs }) => html`<li key=${date}><span class="bar-label">${date}</span>
          <span class="bar" aria-hidden="true"><span style=${{ transform: `scaleX(${samples / most})` }} /></span>
          <span class="bar-count">${t("usage.day", { samples: number(samples), count: Object.values(jobs).reduce((sum, each) => sum + each, 0) })}</span></li>`,
      )}
    </ul>
    <p class="hint">${limits.samples_per_day ? t("usage.left", { left: number(limits.samples_left_today ?? 0), all: number(limits.samples_per_day) }) : t("usage.free")}
      ${" "}${t("usage.stored", { count: stored.images })}</p>`;
}

function Profiles() {
  const { answer, problem, again } = useLive("models");
  const all = answer?.models ?? [];
  const others = all.filter((model) => !model.served);
  return html`<section class="panel" aria-label=${t("profiles")}>
    <h2>${t("profiles")}</h2>
    <${ProblemNote} problem=${problem} onRetry=${again} />
    <${ProfileList} models=${all.filter((model) => model.served)} />
    ${others.length > 0 && html`<details><summary>${t("profiles.others", { count: others.length })}</summary><${ProfileList} models=${others} /></details>`}
  </section>`;
}

function ProfileList({ models }) {
  return html`<div class="profiles">${models.map((model) => html`<${Profile} key=${model.name} model=${model} />`)}</div>`;
}

function Profile({ model }) {
  const { name, description, served, workers, samples_per_second: speed, side, default_sigma: sigma, business, licence } = model;
  return html`<article class=${`profile ${served ? "served" : ""}`}>
    <h3>${name} ${served && html`<span class="badge">${t("profile.served")}</span>`}</h3>
    <p lang="en">${description}</p>
    <dl class="facts">
      ${served && html`<div><dt>${t("profile.workers")}</dt><dd>${workers ?? "–"}</dd></div>
        <div><dt>${t("profile.speed")}</dt><dd>${speed ? t("profile.rate", { speed: number(speed, 0) }) : "–"}</dd></div>`}
      <div><dt>${t("profile.side")}</dt><dd>${number(side)} × ${number(side)}</dd></div>
      <div><dt>${t("sigma")}</dt><dd>${number(sigma, 2)}</dd></div>
      <div><dt>${t("profile.business")}</dt><dd>${t(`business.${business}`)}</dd></div>
    </dl>
    <p class="hint" lang="en">${licence}</p>
  </article>`;
}

/** Everything that was asked on this page, to ask it elsewhere. */
function Done() {
  const requests = useShared(done);
  return html`<section class="panel" aria-label=${t("done")}>
    <h2>${t("done")}</h2>
    <p>${t("done.what")} <a href="docs">${t("done.docs")}</a></p>
    ${requests.length === 0 && html`<p class="hint">${t("done.empty")}</p>`}
    ${requests.map((request) => html`<details key=${JSON.stringify(request)}>
      <summary>${`${request.method ?? "POST"} ${request.path}`}</summary><${Code} request=${request} /></details>`)}
  </section>`;
}
