/** One certificate: what it promises and what not, to read, to print, to take away. */

import { ask, asProblem } from "../core/api.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { download } from "../core/pictures.js";
import { addressOf } from "../core/routes.js";
import { moment, number, percent, radiusText, t } from "../core/words.js";
import { AsCode, Copyable } from "../parts/codes.js";
import { Disc, Equivalents, mostRadius } from "../parts/disc.js";
import { ProblemNote } from "../parts/problem.js";
import { Votes } from "../parts/votes.js";

const MODULE = 4;
const QUIET = 4;

export function CertificateView({ id }) {
  const path = `jobs/${encodeURIComponent(id)}/certificate.json`;
  const [text, setText] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    const abort = new AbortController();
    ask(path, { signal: abort.signal })
      .then(async (answer) => setText(await answer.text()))
      .catch((error) => abort.signal.aborted || setProblem(asProblem(error)));
    return () => abort.abort();
  }, [path]);
  return html`
    <p class="unprinted"><a href=${addressOf("certificates")}>← ${t("certificates.back")}</a></p>
    <${ProblemNote} problem=${problem} />
    ${text && html`<${Sheet} id=${id} text=${text} path=${path} />`}`;
}

function Sheet({ id, text, path }) {
  const certificate = JSON.parse(text);
  const claims = certificate.sets ?? certificate.at_sigmas ?? [certificate];
  return html`<article class="panel sheet">
    <p class="unprinted actions">
      <button type="button" class="main" onClick=${() => print()}>${t("print")}</button>
      <button type="button" onClick=${() => download(`certificate-${id}.json`, text, "application/json")}>${t("download")}</button>
      <a class="button" href=${addressOf("certificates", "verify")}>${t("verify.link")}</a>
    </p>
    <h2>${t("sheet.title")}</h2>
    ${claims.map((claim, index) => html`<${Claim} key=${index} claim=${claim} certificate=${certificate} name=${nameOf(certificate, claim, index)} />`)}
    <h3>${t("sheet.statement")}</h3>
    <p class="statement" lang="en">${certificate.statement}</p>
    <h3>${t("sheet.facts")}</h3>
    <${Facts} certificate=${certificate} />
    <${Short} text=${text} certificate=${certificate} />
    <div class="unprinted"><${AsCode} request=${{ method: "GET", path }} /></div>
  </article>`;
}

/** Which of several claims it is. */
function nameOf({ sets, at_sigmas: sigmas }, claim, index) {
  if (sigmas) return `σ = ${number(claim.sigma, 3)}`;
  return sets ? t("sheet.set", { number: index + 1 }) : "";
}

function Claim({ claim, certificate, name }) {
  const { label, radius, outcome, votes, labels } = claim;
  const { n, alpha } = certificate.smoothing;
  const sigma = claim.sigma ?? certificate.smoothing.sigma;
  const { width } = certificate.image;
  const counts = (labels ?? certificate.labels).map((each, index) => ({ label: each, count: votes[index] ?? 0 }));
  return html`<section class="one-claim">
    ${name && html`<p class="hint">${name}</p>`}
    <p class="verdict" dir="auto">${radius ? label : t(`certify.${outcome}`)}</p>
    ${radius ? html`<div class="certified">
        <${Disc} radius=${radius} most=${mostRadius(sigma, n, certificate.alpha_each ?? alpha)} label=${label} />
        <div><p class="claim">${t("certified.claim", { radius: radiusText(radius) })}</p>
          <${Equivalents} radius=${radius} side=${width} />
          <p class="hint">${t("certified.chance", { chance: percent(alpha, 3) })}</p></div>
      </div>`
      : html`<p>${t(`certify.${outcome}.why`)}</p>`}
    <${Votes} votes=${counts} total=${n} winner=${label} />
  </section>`;
}

function Facts({ certificate }) {
  const { image, model, smoothing, issued_at: issued } = certificate;
  const facts = [
    ["facts.image", image.sha256, true],
    ["facts.file", image.source_sha256, true],
    ["facts.size", `${image.width} × ${image.height}`],
    ["facts.model", model.profile],
    ["facts.task", model.task ? t("task.version", { name: model.task, version: model.version }) : null],
    ["facts.template", certificate.template],
    ["facts.noise", `${smoothing.noise}, σ = ${smoothing.sigma ?? (certificate.at_sigmas ?? []).map(({ sigma }) => sigma).join(", ")}`],
    ["facts.samples", number(smoothing.samples_used)],
    ["facts.fingerprint", model.fingerprint, true],
    ["facts.issued", moment(issued)],
  ];
  return html`<dl class="facts">
    ${facts.map(([name, value, isCode]) => value !== null && html`<div key=${name}><dt>${t(name)}</dt><dd>${isCode ? html`<code>${value}</code>` : value}</dd></div>`)}
  </dl>`;
}

/** Digest and key in a short text, and as a picture for a camera. */
function Short({ text, certificate }) {
  const [digest, setDigest] = useState(null);
  useEffect(() => void digestOf(text).then(setDigest), [text]);
  const key = certificate.public_key;
  if (!digest) return html`<h3>${t("short")}</h3><${Copyable} text=${`robustify signature ${certificate.signature} key ${key}`} />`;
  const short = `robustify certificate sha256 ${digest} key ${key}`;
  return html`<h3>${t("short")}</h3>
    <p class="hint">${t("short.what")}</p>
    <div class="short"><${Code} text=${short} /><${Copyable} text=${short} /></div>`;
}

function Code({ text }) {
  const canvas = useRef(null);
  useEffect(() => {
    import("../vendor/qrcode.module.js").then(({ default: qrcode }) => canvas.current && drawCode(canvas.current, qrcode, text));
  }, [text]);
  return html`<canvas ref=${canvas} class="qr" role="img" aria-label=${t("short.code")} width="1" height="1"></canvas>`;
}

function drawCode(canvas, qrcode, text) {
  const code = qrcode(0, "M");
  code.addData(text, "Byte");
  code.make();
  const count = code.getModuleCount();
  canvas.width = canvas.height = (count + 2 * QUIET) * MODULE;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000";
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (code.isDark(row, column)) context.fillRect((column + QUIET) * MODULE, (row + QUIET) * MODULE, MODULE, MODULE);
    }
  }
}

/** sha256 of the canonical JSON (RFC 8785); null where the browser counts the page as insecure. */
async function digestOf(text) {
  if (!crypto.subtle) return null;
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(JSON.parse(text))));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Numbers and texts are written as JavaScript writes them, names in order: that is what the standard says. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${fields.join(",")}}`;
}
