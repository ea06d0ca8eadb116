/** Checking a certificate: its file and, where one has it, the picture. */

import { asProblem, send } from "../core/api.js";
import { noted } from "../core/code.js";
import { html, useState } from "../core/html.js";
import { base64Of } from "../core/pictures.js";
import { t } from "../core/words.js";
import { DropZone, FileButton } from "../parts/drop.js";
import { ProblemNote } from "../parts/problem.js";

const MOST_CERTIFICATE = 2 ** 20;

export function Verify() {
  const [files, setFiles] = useState({ certificate: null, picture: null });
  const [state, setState] = useState({ report: null, problem: null, isBusy: false });
  const take = async (given) => {
    const next = { ...files, ...sorted(given) };
    setFiles(next);
    if (!next.certificate) return setState({ report: null, problem: null, isBusy: false });
    setState({ report: null, problem: null, isBusy: true });
    try {
      return setState({ report: await verified(next), problem: null, isBusy: false });
    } catch (error) {
      return setState({ report: null, problem: asProblem(error), isBusy: false });
    }
  };
  return html`<section class="panel" aria-label=${t("verify")} id="verify">
    <h2>${t("verify")}</h2>
    <p>${t("verify.what")}</p>
    <${DropZone} onFiles=${(transfer) => take([...transfer.files])} className="drop-verify">
      <p class="drop-hint">${t("verify.drop")}</p>
      <p class="actions">
        <${FileButton} text=${t("verify.certificate")} accept=".json,application/json" onFiles=${take} />
        <${FileButton} text=${t("verify.picture")} accept="image/*" onFiles=${take} />
      </p>
      <${Given} files=${files} />
    <//>
    <div role="status">
      ${state.isBusy && html`<p>${t("verify.busy")}</p>`}
      ${state.report && html`<${Report} report=${state.report} hasPicture=${files.picture !== null} />`}
    </div>
    <${ProblemNote} problem=${state.problem} onRetry=${() => take([])} />
  </section>`;
}

function Given({ files }) {
  const given = [files.certificate, files.picture].filter(Boolean);
  if (!given.length) return null;
  return html`<ul class="given">${given.map((file) => html`<li key=${file.name} dir="auto">${file.name}</li>`)}</ul>`;
}

function Report({ report, hasPicture }) {
  const { valid, checks, issuers_word: word } = report;
  return html`
    <p class=${`verdict ${valid ? "good-text" : "bad-text"}`}>${t(valid ? "verify.valid" : "verify.invalid")}</p>
    ${!hasPicture && html`<p class="note">${t("verify.without")}</p>`}
    <ul class="checks">
      ${checks.map(
        ({ name, passed, detail }) => html`<li key=${name} class=${passed ? "passed" : "failed"}>
          <span class="mark" aria-hidden="true">${passed ? "✓" : "✗"}</span>
          <span><strong lang="en">${name}</strong> <span class="unseen">${t(passed ? "check.passed" : "check.failed")}</span>
            <span lang="en" class="hint"> ${detail}</span></span></li>`,
      )}
    </ul>
    ${word.length > 0 && html`<p class="hint">${t("verify.word")} <span lang="en">${word.join(", ")}</span></p>`}`;
}

/** Which of the files is which. */
function sorted(files) {
  const found = {};
  for (const file of files) found[file.name.endsWith(".json") || file.type === "application/json" ? "certificate" : "picture"] = file;
  return found;
}

/** The certificate is sent letter by letter, as it stands in its file: a number that is written anew is another text. */
async function verified({ certificate, picture }) {
  if (certificate.size > MOST_CERTIFICATE) throw new Error(t("verify.large"));
  const text = await certificate.text();
  checkDocument(text);
  const image = picture ? `, "image": "${await base64Of(picture)}"` : "";
  noted({ path: "certificates/verify", certificate: certificate.name, file: picture?.name ?? null });
  return send("certificates/verify", `{"certificate": ${text}${image}}`);
}

/** One object and nothing behind it, which could name other fields of the request. */
function checkDocument(text) {
  try {
    const document = JSON.parse(text);
    if (document && typeof document === "object" && !Array.isArray(document)) return;
  } catch {
    // Told below, as all that is no certificate.
  }
  throw new Error(t("verify.unreadable"));
}
