/** Questions that come first: the key, and whether something is really to be deleted. */

import { answerKey, key, keyWanted, keepKey } from "../core/api.js";
import { html, useLayoutEffect, useRef, useState } from "../core/html.js";
import { shared, useShared } from "../core/state.js";
import { t } from "../core/words.js";

const asked = shared(null);

/** True where the person confirms it; `text` says what will be gone. */
export function confirmed(text, action) {
  return new Promise((resolve) => asked.set({ text, action, resolve }));
}

export function Dialogs() {
  return html`<${KeyDialog} /><${ConfirmDialog} />`;
}

/** Modal while `isOpen`: the browser keeps the focus in it, and gives it back. */
export function Dialog({ isOpen, label, onClose, children }) {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    if (isOpen && !dialog.current.open) dialog.current.showModal();
    if (!isOpen && dialog.current.open) dialog.current.close();
  }, [isOpen]);
  // What the page closes itself may be open again by the time that the browser tells of it.
  const closed = () => isOpen && !dialog.current.open && onClose();
  return html`<dialog ref=${dialog} aria-label=${label} onClose=${closed}>${isOpen && children}</dialog>`;
}

function KeyDialog() {
  const problem = useShared(keyWanted);
  const held = useShared(key);
  const [text, setText] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (text.trim()) answerKey(text.trim());
    setText("");
  };
  const forget = () => (keepKey(""), answerKey(null));
  return html`<${Dialog} isOpen=${problem !== null} label=${t("key.title")} onClose=${() => answerKey(null)}>
    <form onSubmit=${submit}>
      <h2>${t("key.title")}</h2>
      ${problem?.detail && html`<p lang="en">${problem.title}. ${problem.detail}</p>`}
      <p>${t("key.why")}</p>
      <div class="field">
        <label for="key">${t("key")}</label>
        <input id="key" type="password" autocomplete="off" spellcheck=${false} value=${text} autofocus
          onInput=${(event) => setText(event.target.value)} />
      </div>
      <p class="actions">
        <button type="submit" class="main">${t("key.use")}</button>
        ${held && html`<button type="button" onClick=${forget}>${t("key.forget")}</button>`}
        <button type="button" onClick=${() => answerKey(null)}>${t("close")}</button>
      </p>
    </form>
  <//>`;
}

function ConfirmDialog() {
  const question = useShared(asked);
  const answer = (value) => {
    question?.resolve(value);
    asked.set(null);
  };
  return html`<${Dialog} isOpen=${question !== null} label=${question?.text ?? ""} onClose=${() => answer(false)}>
    <p>${question?.text}</p>
    <p class="actions">
      <button type="button" autofocus onClick=${() => answer(false)}>${t("keep")}</button>
      <button type="button" class="danger" onClick=${() => answer(true)}>${question?.action}</button>
    </p>
  <//>`;
}
