/** Labels as chips: typed, pasted by the thousand, taken away one by one, or edited as a text. */

import { html, useId, useRef, useState } from "../core/html.js";
import { labelsOf, MOST_LABELS } from "../core/question.js";
import { t } from "../core/words.js";

const SHOWN = 40;
const SEPARATORS = ["Enter", ",", ";"];

export function Labels({ labels, onLabels, suggestions = [] }) {
  const [isText, setText] = useState(false);
  return html`<div class="field labels">
    ${isText ? html`<${LabelText} labels=${labels} onLabels=${onLabels} />`
      : html`<${LabelChips} labels=${labels} onLabels=${onLabels} suggestions=${suggestions} />`}
    <p class="hint">
      <span role="status">${t("labels.count", { count: labels.length })}</span>
      ${labels.length > MOST_LABELS && html` <strong class="bad-text">${t("labels.most", { most: MOST_LABELS })}</strong>`}
      <button type="button" class="quiet" onClick=${() => setText(!isText)}>${isText ? t("labels.chips") : t("labels.text")}</button>
      ${labels.length > 0 && html`<button type="button" class="quiet" onClick=${() => onLabels([])}>${t("labels.clear")}</button>`}
    </p>
  </div>`;
}

function LabelChips({ labels, onLabels, suggestions }) {
  const id = useId("labels");
  const field = useRef(null);
  const [text, setText] = useState("");
  const add = (more) => {
    setText("");
    onLabels([...new Set([...labels, ...labelsOf(more)])]);
  };
  const pressed = (event) => {
    if (SEPARATORS.includes(event.key) && text.trim()) (event.preventDefault(), add(text));
    else if (event.key === "Backspace" && !text && labels.length) onLabels(labels.slice(0, -1));
  };
  const pasted = (event) => {
    const more = event.clipboardData.getData("text");
    if (/[\n,;]/.test(more)) (event.preventDefault(), add(text + more));
  };
  const remove = (label) => (onLabels(labels.filter((each) => each !== label)), field.current.focus());
  return html`<label for=${id}>${t("labels")}</label>
    <div class="chips">
      <${Chips} labels=${labels} onRemove=${remove} />
      <input ref=${field} id=${id} value=${text} placeholder=${labels.length ? t("labels.more") : t("labels.first")}
        list=${suggestions.length ? `${id}-known` : undefined} aria-describedby=${`${id}-how`} autocomplete="off" enterkeyhint="enter"
        onInput=${(event) => setText(event.target.value)} onKeyDown=${pressed} onPaste=${pasted}
        onBlur=${() => text.trim() && add(text)} />
    </div>
    <span id=${`${id}-how`} class="unseen">${t("labels.how")}</span>
    ${suggestions.length > 0 && html`<datalist id=${`${id}-known`}>${suggestions.map((each) => html`<option key=${each} value=${each} />`)}</datalist>`}`;
}

function Chips({ labels, onRemove }) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? labels : labels.slice(0, SHOWN);
  if (!labels.length) return null;
  return html`<ul class="chip-list" aria-label=${t("labels.chosen")}>
    ${shown.map(
      (label) => html`<li key=${label} class="chip"><span dir="auto">${label}</span>
        <button type="button" aria-label=${t("labels.remove", { label })} onClick=${() => onRemove(label)}>×</button></li>`,
    )}
    ${labels.length > SHOWN && html`<li><button type="button" class="quiet" aria-expanded=${isAll} onClick=${() => setAll(!isAll)}>
      ${isAll ? t("labels.fewer") : t("labels.all", { count: labels.length - SHOWN })}</button></li>`}
  </ul>`;
}

/** One label in a line. */
function LabelText({ labels, onLabels }) {
  const id = useId("labels");
  const [text, setText] = useState(labels.join("\n"));
  const write = (event) => {
    setText(event.target.value);
    onLabels(labelsOf(event.target.value));
  };
  return html`<label for=${id}>${t("labels.lines")}</label>
    <textarea id=${id} rows="8" value=${text} onInput=${write} spellcheck=${false} />`;
}
