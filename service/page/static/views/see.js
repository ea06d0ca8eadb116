/** What the models see: the picture, its canonical tensor, one noisy copy, and that copy denoised. */

import { html, useEffect, useState } from "../core/html.js";
import { runForm } from "../core/jobs.js";
import { fetchBitmap } from "../core/pictures.js";
import { change, fieldsOf, lacking, question } from "../core/question.js";
import { addressOf } from "../core/routes.js";
import { profileOf } from "../core/service.js";
import { useShared } from "../core/state.js";
import { begin, useWork, workOf } from "../core/work.js";
import { number, t } from "../core/words.js";
import { Figure } from "../parts/canvas.js";
import { AsCode } from "../parts/codes.js";
import { Slider } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { jobProblem } from "./answer.js";
import { QuestionForm } from "./try.js";

const NOISY = ["canonical", "noisy", "denoised"];
const MOST_DRAWS = 1000;
/** Milliseconds. */
const SETTLED = 150;
/** Which picture each kind of look is about. */
const looked = new Map();

export function SeeView() {
  const asked = useShared(question);
  const [draw, setDraw] = useState(0);
  const profile = profileOf(asked.profile);
  const sigma = asked.sigma ?? profile?.default_sigma ?? 0.25;
  const [isAsked, setAsked] = useState(lacking(asked) === null);
  const isReady = isAsked && lacking(asked) === null && profile !== null;
  const look = () => isReady && preview("see", asked, { ...fieldsOf(asked), sigma, draw });
  // What is looked at changes with the picture, the words, the noise and the draw: one request for each, and no more.
  useSettled(look, [asked.picture, asked.labels, asked.task, asked.profile, asked.sigma, draw, isReady]);
  return html`
    <p class="lead">${t("see.lead")}</p>
    ${!isReady && html`<section class="panel narrow"><${QuestionForm} asked=${asked} onLook=${() => setAsked(true)} /></section>`}
    ${isReady && html`<section class="panel" aria-label=${t("see")}>
      <div class="row">
        <${Sigma} value=${sigma} />
        <button type="button" onClick=${() => setDraw((draw + 1) % MOST_DRAWS)}>${t("see.again")}</button>
      </div>
      <${Seen} asked=${asked} onRetry=${look} />
      <p><a href=${addressOf("try")}>${t("question.other")}</a></p>
    </section>`}`;
}

/** Does it once what it is about has stood still for a moment: a key that is held down asks once. */
export function useSettled(look, about) {
  useEffect(() => {
    const timer = setTimeout(look, SETTLED);
    return () => clearTimeout(timer);
  }, about);
}

/** One look: a job of its own, which ends an older one. The same look again is the one that is there. */
export function preview(name, asked, fields) {
  const request = { path: "preview", fields, file: asked.picture.name };
  const { isBusy, job, request: before } = workOf(name);
  const isSame = looked.get(name) === asked.picture && JSON.stringify(before) === JSON.stringify(request);
  if (isSame && (isBusy || job?.result)) return undefined;
  looked.set(name, asked.picture);
  return begin(name, request, (signal, onJob) => runForm(request, asked.picture, signal, onJob));
}

/** The pictures of a preview by name, once they are here; those of the one before until then. */
export function usePictures(job) {
  const [pictures, setPictures] = useState({});
  const [problem, setProblem] = useState(null);
  const result = job?.result;
  useEffect(() => {
    if (!result) return undefined;
    const abort = new AbortController();
    fetched(result.pictures, abort.signal)
      .then((all) => (setPictures(all), setProblem(null)))
      .catch((error) => abort.signal.aborted || setProblem(error));
    return () => abort.abort();
  }, [job?.id, Boolean(result)]);
  return { pictures, problem };
}

async function fetched(pictures, signal) {
  const named = pictures.map(async ({ name, href }) => [name, await fetchBitmap(href, signal)]);
  return Object.fromEntries(await Promise.all(named));
}

function Sigma({ value }) {
  const [sliding, setSliding] = useState(null);
  const settled = (sigma) => (setSliding(null), change({ sigma }));
  const shown = sliding ?? value;
  return html`<${Slider} label=${t("sigma")} hint=${t("sigma.see")} value=${shown} min=${0.05} max=${1} step=${0.01}
    shown=${number(shown, 2)} onChange=${setSliding} onSettled=${settled} />`;
}

function Seen({ asked, onRetry }) {
  const { isBusy, job, problem, request } = useWork("see");
  const { pictures } = usePictures(job);
  const seen = job?.result?.seen ?? {};
  return html`
    <div class="strip" aria-busy=${isBusy}>
      <${Figure} picture=${asked.picture.bitmap} label=${t("see.original")}><span class="hint file-name" dir="auto">${asked.picture.name}</span><//>
      ${NOISY.map((name) => html`<${Figure} key=${name} picture=${pictures[name]} label=${t(`see.${name}`)} isWaiting=${isBusy}>
        <${SeenAs} label=${seen[name === "canonical" ? "plain" : name]} isThere=${Boolean(job?.result)} />
      <//>`)}
    </div>
    <p class="unseen" role="status">${isBusy ? t("see.busy") : job?.result ? t("see.said", seenWords(seen)) : ""}</p>
    <${ProblemNote} problem=${problem ?? jobProblem(job)} onRetry=${onRetry} />
    <p class="hint">${t("see.uncounted")}</p>
    ${request && html`<${AsCode} request=${request} />`}`;
}

/** What the classifier takes it for. */
function SeenAs({ label, isThere }) {
  if (!isThere) return null;
  return html`<span class="seen-as">${label === null ? t("see.nothing") : html`${t("see.as")} <strong dir="auto">${label}</strong>`}</span>`;
}

function seenWords({ plain, noisy, denoised }) {
  return { plain: plain ?? "–", noisy: noisy ?? "–", denoised: denoised ?? "–" };
}
