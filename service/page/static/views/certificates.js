/** Certificates: one's own page by page, what all of them say together, and a place to check any. */

import { useAnswer } from "../core/asking.js";
import { html, useEffect, useState } from "../core/html.js";
import { addressOf } from "../core/routes.js";
import { moment, number, percent, radiusText, t } from "../core/words.js";
import { Choice } from "../parts/fields.js";
import { ProblemNote } from "../parts/problem.js";
import { CertificateView } from "./certificate.js";
import { Verify } from "./verify.js";

const PAGE = 20;

export function CertificatesView({ id }) {
  const isVerify = id === "verify";
  useEffect(() => void (isVerify && document.getElementById("verify")?.scrollIntoView()), [isVerify]);
  if (id && !isVerify) return html`<${CertificateView} id=${id} key=${id} />`;
  return html`
    <p class="lead">${t("certificates.lead")}</p>
    <${Own} />
    <${Verify} />
    <${Ledger} />`;
}

/** A page at a time: the addresses of the pages before are kept, to go back. */
function Own() {
  const [only, setOnly] = useState("");
  const [starts, setStarts] = useState([""]);
  const start = starts.at(-1);
  const { answer, problem, again } = useAnswer(listPath(only, start));
  const choose = (outcome) => (setOnly(outcome), setStarts([""]));
  return html`<section class="panel" aria-label=${t("certificates.own")}>
    <div class="row">
      <h2>${t("certificates.own")}</h2>
      <${Choice} label=${t("certificates.only")} isHidden=${true} value=${only} onChange=${choose}
        options=${[["", t("certificates.all")], ["certified", t("certificates.certified")]]} />
    </div>
    <${ProblemNote} problem=${problem} onRetry=${again} />
    ${answer && html`<${Rows} jobs=${answer.data} />
      <nav class="pages" aria-label=${t("pages")}>
        <button type="button" aria-disabled=${starts.length < 2} onClick=${() => starts.length > 1 && setStarts(starts.slice(0, -1))}>${t("newer")}</button>
        <span class="hint" role="status">${t("page", { number: number(starts.length) })}</span>
        <button type="button" aria-disabled=${!answer.has_more} onClick=${() => answer.has_more && setStarts([...starts, answer.last_id])}>${t("older")}</button>
      </nav>`}
  </section>`;
}

function Rows({ jobs }) {
  if (!jobs.length) return html`<p class="hint">${t("certificates.empty")}</p>`;
  return html`<ul class="rows">
    ${jobs.map(
      (job) => html`<li key=${job.id}><a href=${addressOf("certificates", job.id)}>
        <span class="row-main" dir="auto">${job.label ?? t(`outcome.${job.outcome}`)}</span>
        <span class="row-number">${job.radius === null ? t(`outcome.${job.outcome}`) : radiusText(job.radius)}</span>
        <time class="hint" datetime=${job.ended_at}>${moment(job.ended_at)}</time>
      </a></li>`,
    )}
  </ul>`;
}

function Ledger() {
  const { answer, problem, again } = useAnswer("ledger");
  return html`<section class="panel" aria-label=${t("ledger")}>
    <h2>${t("ledger")}</h2>
    <${ProblemNote} problem=${problem} onRetry=${again} />
    ${answer && html`<p class="claim">${t("ledger.certificates", account(answer.certificates))}</p>
      <p>${t("ledger.predictions", account(answer.predictions))}</p>
      <p class="hint">${t("ledger.what")}</p>`}
  </section>`;
}

function account({ issued, alpha }) {
  return { count: issued, chance: percent(alpha, 3) };
}

function listPath(outcome, after) {
  const query = new URLSearchParams({ kind: "certify", status: "succeeded", limit: String(PAGE) });
  if (outcome) query.set("outcome", outcome);
  if (after) query.set("after", after);
  return `jobs?${query}`;
}
