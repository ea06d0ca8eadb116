/** A request as curl and as Python, to copy. */

import { key } from "../core/api.js";
import { curlOf, pythonOf } from "../core/code.js";
import { html, useState } from "../core/html.js";
import { useShared } from "../core/state.js";
import { t } from "../core/words.js";
import { Choice } from "./fields.js";

const WRITTEN = { curl: curlOf, python: pythonOf };

/** Folded, below what it would do. */
export function AsCode({ request }) {
  return html`<details class="as-code">
    <summary>${t("code")}</summary>
    <${Code} request=${request} />
  </details>`;
}

export function Code({ request }) {
  const [language, setLanguage] = useState("curl");
  const hasKey = Boolean(useShared(key));
  return html`<div class="code">
    <${Choice} label=${t("code.language")} isHidden=${true} value=${language} onChange=${setLanguage}
      options=${[["curl", "curl"], ["python", "Python"]]} />
    <${Copyable} text=${WRITTEN[language](request, hasKey)} />
  </div>`;
}

/** A text with a button that copies it, and says that it did. */
export function Copyable({ text }) {
  const [said, setSaid] = useState("");
  const copy = async () => setSaid((await isCopied(text)) ? t("copied") : t("copy.failed"));
  return html`<div class="copyable">
    <pre tabindex="0"><code>${text}</code></pre>
    <p><button type="button" onClick=${copy}>${t("copy")}</button> <span role="status" class="hint">${said}</span></p>
  </div>`;
}

/** Browsers give the clipboard to pages of this machine and to those of https only. */
async function isCopied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
