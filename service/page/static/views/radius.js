/** What the radius means: the picture changed by exactly that much, and what a larger radius would cost. */

import { asProblem, send } from "../core/api.js";
import { noted } from "../core/code.js";
import { html, useEffect, useMemo, useState } from "../core/html.js";
import { changed, pixelsOf } from "../core/pictures.js";
import { fieldsOf, lacking, question } from "../core/question.js";
import { addressOf } from "../core/routes.js";
import { profileOf } from "../core/service.js";
import { useShared } from "../core/state.js";
import { useWork } from "../core/work.js";
import { number, radiusText, seconds, t } from "../core/words.js";
import { Figure } from "../parts/canvas.js";
import { Chart } from "../parts/chart.js";
import { AsCode } from "../parts/codes.js";
import { Equivalents, mostRadius, normalQuantile } from "../parts/disc.js";
import { Choice, Slider } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { jobProblem } from "./answer.js";
import { preview, usePictures, useSettled } from "./see.js";
import { QuestionForm } from "./try.js";

const USUAL_RADIUS = 0.25;
const MOST_RADIUS = 2;
/** Of the radius that so many samples could reach at most. */
const SHARES = [0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.87, 0.93];
const FACTORS = [1, 2, 3, 5, 10, 20, 30, 50, 100];
/** Of a noisy copy that gets the label, where no certificate has counted yet. */
const USUAL_SHARE = 0.95;
const SAMPLES = 100_000;
const ALPHA = 0.001;

export function RadiusView() {
  const asked = useShared(question);
  const certificate = useWork("certify").job?.result ?? null;
  const [isAsked, setAsked] = useState(lacking(asked) === null);
  const isReady = isAsked && lacking(asked) === null && profileOf(asked.profile) !== null;
  return html`
    <p class="lead">${t("radius.lead")}</p>
    ${isReady ? html`<${Changed} asked=${asked} certificate=${certificate} />`
      : html`<section class="panel narrow"><${QuestionForm} asked=${asked} onLook=${() => setAsked(true)} /></section>`}
    <${Costs} asked=${asked} certificate=${certificate} />`;
}

function Changed({ asked, certificate }) {
  const [radius, setRadius] = useState(certificate?.radius ?? USUAL_RADIUS);
  const [settled, setSettled] = useState(radius);
  const [direction, setDirection] = useState("random");
  const [step, setStep] = useState(0);
  const factor = FACTORS[step];
  const look = () => preview("radius", asked, { ...fieldsOf(asked), radius: settled, direction });
  useSettled(look, [asked.picture, asked.labels, asked.task, asked.profile, settled, direction]);
  return html`<section class="panel" aria-label=${t("radius.changed")}>
    <div class="controls">
      <${Slider} label=${t("radius")} value=${radius} min=${0.01} max=${MOST_RADIUS} step=${0.001} shown=${radiusText(radius)}
        onChange=${setRadius} onSettled=${setSettled} hint=${certificate?.radius ? t("radius.yours", { radius: radiusText(certificate.radius) }) : ""} />
      <${Choice} label=${t("direction")} value=${direction} onChange=${setDirection}
        options=${[["random", t("direction.random")], ["worst", t("direction.worst")]]} />
      <${Slider} label=${t("factor")} value=${step} min=${0} max=${FACTORS.length - 1} step=${1} shown=${`× ${factor}`} onChange=${setStep}
        hint=${factor === 1 ? t("factor.one") : t("factor.more", { factor })} />
    </div>
    <${Equivalents} radius=${settled} side=${profileOf(asked.profile).side} />
    <${ChangedPictures} factor=${factor} onRetry=${look} />
    <p><a href=${addressOf("try")}>${t("question.other")}</a></p>
  </section>`;
}

function ChangedPictures({ factor, onRetry }) {
  const { isBusy, job, problem, request } = useWork("radius");
  const { pictures } = usePictures(job);
  const about = job?.result?.change ?? null;
  const drawn = useMemo(() => drawnOf(pictures, about, factor), [pictures, factor]);
  return html`
    <div class="strip three" aria-busy=${isBusy}>
      <${Figure} picture=${pictures.canonical} label=${t("radius.before")} isWaiting=${isBusy}><${As} label=${about?.seen_before} /><//>
      <${Figure} picture=${drawn} label=${factor === 1 ? t("radius.after") : t("radius.after.more", { factor })} isWaiting=${isBusy}>
        <${As} label=${about?.seen_after} /><//>
      <${Figure} picture=${pictures.difference} label=${t("radius.difference")} isWaiting=${isBusy}>
        ${about && html`<span class="hint">${t("radius.largest", { levels: number(about.largest * 255, 1) })}</span>`}<//>
    </div>
    <p class="unseen" role="status">${isBusy ? t("radius.busy") : about ? t("radius.said", wordsOf(about)) : ""}</p>
    <${ProblemNote} problem=${problem ?? jobProblem(job)} onRetry=${onRetry} />
    <p class="hint">${t(about?.direction === "worst" ? "radius.worst.note" : "radius.random.note", { steps: about?.steps ?? 0 })}</p>
    ${request && html`<${AsCode} request=${request} />`}`;
}

function As({ label }) {
  if (label === undefined) return null;
  return html`<span class="seen-as">${label === null ? t("see.nothing") : html`${t("see.as")} <strong dir="auto">${label}</strong>`}</span>`;
}

function wordsOf({ seen_before: before, seen_after: after }) {
  return { before: before ?? "–", after: after ?? "–" };
}

function drawnOf({ canonical, difference }, about, factor) {
  if (!canonical || !difference || !about) return null;
  return changed(pixelsOf(canonical), pixelsOf(difference), about.scale, factor);
}

/** Samples against radius, as the service plans them. */
function Costs({ asked, certificate }) {
  const sigma = certificate?.sigma ?? asked.sigma ?? profileOf(asked.profile)?.default_sigma ?? USUAL_RADIUS;
  const share = shareOf(certificate);
  const [plans, setPlans] = useState(null);
  const [problem, setProblem] = useState(null);
  const plan = () => {
    const abort = new AbortController();
    planned(sigma, share, asked.profile, abort.signal)
      .then((all) => (setPlans(all), setProblem(null), noteLast(all, sigma, share, asked.profile)))
      .catch((error) => abort.signal.aborted || setProblem(asProblem(error)));
    return () => abort.abort();
  };
  useEffect(plan, [sigma, share, asked.profile]);
  const points = (plans ?? []).map(({ target_radius: radius, costs }) => [Math.max(1, costs[0].adaptive.samples), radius]);
  return html`<section class="panel" aria-label=${t("cost")}>
    <h2>${t("cost")}</h2>
    <p>${t(certificate ? "cost.counted" : "cost.assumed", { share: number(share, 4), sigma: number(sigma, 2) })}</p>
    <${ProblemNote} problem=${problem} onRetry=${plan} />
    ${points.length > 1 && html`<${Chart} label=${t("cost")} points=${points} xLabel=${t("cost.samples")} yLabel=${t("radius")}
      mark=${certificate?.radius ? [certificate.samples_used, certificate.radius, t("cost.yours")] : null}
      xText=${(x) => number(Math.round(x))} yText=${(y) => number(y, 2)} />`}
    ${points.length === 1 && html`<p>${t("cost.one", { samples: number(Math.round(points[0][0])), radius: radiusText(points[0][1]) })}</p>`}
    ${plans?.length === 0 && html`<p>${t("cost.none")}</p>`}
    <${Longest} plans=${plans} />
    ${plans?.length > 0 && html`<${AsCode} request=${lastRequest(plans, sigma, share, asked.profile)} />`}
  </section>`;
}

/** Of all plans of the curve one stands for the others: that of the largest radius. */
function noteLast(plans, sigma, share, profile) {
  if (plans.length) noted(lastRequest(plans, sigma, share, profile));
}

function lastRequest(plans, sigma, share, profile) {
  return { path: "plan", fields: planFields(plans.at(-1).target_radius, sigma, share, profile) };
}

function planFields(radius, sigma, share, profile) {
  return { target_radius: radius, sigma, n: SAMPLES, p: [share], ...(profile ? { profile } : {}) };
}

function Longest({ plans }) {
  const last = plans?.at(-1);
  const time = last?.costs[0].adaptive.seconds;
  if (time === null || time === undefined) return null;
  return html`<p class="hint">${t("cost.time", { radius: radiusText(last.target_radius), time: seconds(time) })}</p>`;
}

/** How many of the noisy copies had the label, as far as it is known. */
function shareOf(certificate) {
  if (!certificate?.votes?.length) return USUAL_SHARE;
  const most = Math.max(...certificate.votes.map(({ count }) => count));
  const all = certificate.votes.reduce((sum, { count }) => sum + count, 0);
  return Math.min(0.9999, Math.round((most / all) * 10_000) / 10_000);
}

/** Plans of larger and larger radii, until this share of the votes can reach no more. */
async function planned(sigma, share, profile, signal) {
  const plans = [];
  const most = Math.min(sigma * normalQuantile(share), mostRadius(sigma, SAMPLES, ALPHA));
  for (const radius of SHARES.map((each) => Math.round(each * most * 1000) / 1000).filter((each) => each > 0)) {
    const plan = await planOf(planFields(radius, sigma, share, profile), signal);
    if (plan === null || plan.costs[0].adaptive.certified < 0.5) break;
    plans.push(plan);
  }
  return plans;
}

/** Null where no votes could reach the radius. */
async function planOf(fields, signal) {
  try {
    return await send("plan", fields, { signal });
  } catch (error) {
    if (asProblem(error).status === 422) return null;
    throw error;
  }
}
