/** What came of a question: the answer in a sentence, the votes behind it, and where to go from there. */

import { Problem } from "../core/api.js";
import { html } from "../core/html.js";
import { addressOf } from "../core/routes.js";
import { stop, useWork } from "../core/work.js";
import { number, percent, radiusText, seconds, t } from "../core/words.js";
import { AsCode } from "../parts/codes.js";
import { Disc, Equivalents, mostRadius } from "../parts/disc.js";
import { ProblemNote } from "../parts/problem.js";
import { Progress } from "../parts/progress.js";
import { Votes } from "../parts/votes.js";

export function PredictAnswer({ onRetry, onCertify }) {
  const { isBusy, job, problem, request } = useWork("predict");
  if (!isBusy && !job && !problem) return html`<${Empty} />`;
  const result = job?.result;
  return html`<section class="panel answer" aria-label=${t("answer")}>
    ${isBusy && html`<${Waiting} name="predict" job=${job} />`}
    <${ProblemNote} problem=${problem ?? jobProblem(job)} onRetry=${onRetry} />
    ${!isBusy && result && html`<${Prediction} result=${result} advice=${job.advice} />
      <p class="actions">
        <button type="button" class="main" onClick=${onCertify}>${t("certify.this")}</button>
        <a class="button" href=${addressOf("see")}>${t("see.link")}</a>
      </p>`}
    ${result && html`<${AsCode} request=${request} />`}
  </section>`;
}

export function CertifyAnswer({ onRetry }) {
  const { isBusy, job, problem, request } = useWork("certify");
  if (!isBusy && !job && !problem) return null;
  const result = job?.result;
  return html`<section class="panel answer" aria-label=${t("certificate")}>
    ${isBusy && html`<h2>${t("certify.busy")}</h2><${Waiting} name="certify" job=${job} />`}
    <${ProblemNote} problem=${problem ?? jobProblem(job)} onRetry=${onRetry} />
    ${!isBusy && result && html`<${Certified} result=${result} advice=${job.advice} />
      <p class="actions">
        ${result.radius && html`<a class="button main" href=${addressOf("radius")}>${t("radius.link")}</a>`}
        <a class="button" href=${addressOf("certificates", job.id)}>${t("certificate.open")}</a>
      </p>`}
    ${result && html`<${AsCode} request=${request} />`}
  </section>`;
}

/** The error of a job that came to no result, as a problem to show. */
export function jobProblem(job) {
  if (!job?.done || job.result) return null;
  if (job.error) return new Problem(job.error);
  return new Problem({ title: t(`ended.${job.status}`), detail: t("ended.what") });
}

function Empty() {
  return html`<section class="panel empty-answer"><p>${t("try.empty")}</p></section>`;
}

function Waiting({ name, job }) {
  const votes = job?.progress?.votes;
  return html`<div>
    <${Progress} job=${job} onCancel=${() => stop(name)} />
    ${votes ? html`<${Votes} votes=${votes} total=${job.progress.total} isLive=${true} />`
      : isSealed(job) && html`<p class="hint">${t("votes.sealed")}</p>`}
  </div>`;
}

/** Whether nobody may look before the end; others have votes once the first batch is counted. */
function isSealed(job) {
  const { test, target_radius: target, tolerance } = job?.params ?? { test: "sequential" };
  return test !== "sequential" && !target && !tolerance;
}

function Prediction({ result, advice }) {
  const { outcome, label, votes, n, alpha, samples_used: used } = result;
  const isSure = outcome === "predicted";
  return html`
    <h2 class="verdict" dir="auto">${isSure ? label : t("abstained")}</h2>
    <p>${isSure ? t("predicted.why", { used: number(used), chance: percent(alpha, 3) }) : t("abstained.why")}</p>
    ${!isSure && html`<${Advice} result=${result} advice=${advice} />`}
    <${Votes} votes=${votes} total=${n} winner=${label} />
    <p class="hint">${t("took", { time: seconds(result.seconds), profile: result.model.profile })}</p>`;
}

function Certified({ result, advice }) {
  const { outcome, label, radius, sigma, n, alpha, votes, input } = result;
  return html`
    ${radius && html`<p><span class="badge">${t("certify.certified")}</span></p>`}
    <h2 class="verdict" dir="auto">${radius ? label : t(`certify.${outcome}`)}</h2>
    ${radius ? html`<div class="certified">
        <${Disc} radius=${radius} most=${mostRadius(sigma, n, alpha)} label=${label} />
        <div>
          <p class="claim">${t("certified.claim", { radius: radiusText(radius) })}</p>
          <${Equivalents} radius=${radius} side=${input.width} />
          <p class="hint">${t("certified.chance", { chance: percent(alpha, 3) })}</p>
        </div>
      </div>`
      : html`<p>${t(`certify.${outcome}.why`)}</p><${Advice} result=${result} advice=${advice} />`}
    ${votes && html`<${Votes} votes=${votes} total=${n} winner=${label} />`}
    <p class="hint">${t("took", { time: seconds(result.seconds), profile: result.model.profile })}</p>`;
}

/** What would help, in the service's words where it has some, else in ours. */
function Advice({ result, advice }) {
  if (advice) return html`<p class="note" lang="en">${advice}</p>`;
  const [first, second] = [...result.votes].sort((one, other) => other.count - one.count);
  const pair = { first: first?.label ?? "", second: second?.label ?? "" };
  return html`<p class="note">${t(second?.count ? "advice.pair" : "advice.none", pair)}</p>`;
}
