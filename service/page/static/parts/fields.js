/** Fields with their names and what they mean. */

import { html, useId } from "../core/html.js";

/** A number to slide; its value stands beside it as `shown` says it. */
export function Slider({ label, hint, value, min, max, step, shown, onChange, onSettled }) {
  const id = useId("slider");
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <div class="slider">
      <input id=${id} type="range" min=${min} max=${max} step=${step} value=${value} aria-valuetext=${shown}
        aria-describedby=${hint ? `${id}-hint` : undefined}
        onInput=${(event) => onChange(Number(event.target.value))}
        onChange=${(event) => onSettled?.(Number(event.target.value))} />
      <output for=${id}>${shown}</output>
    </div>
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

/** One of few, all of which are seen: `[[value, text], ...]`. */
export function Choice({ label, value, options, onChange, isHidden = false }) {
  const name = useId("choice");
  return html`<fieldset class="choice">
    <legend class=${isHidden ? "unseen" : ""}>${label}</legend>
    <div class="segments">
      ${options.map(
        ([each, text]) => html`<label key=${each}>
          <input type="radio" name=${name} value=${each} checked=${each === value} onChange=${() => onChange(each)} />
          <span>${text}</span>
        </label>`,
      )}
    </div>
  </fieldset>`;
}

/** One of many. */
export function Select({ label, hint, value, options, onChange }) {
  const id = useId("select");
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}
      aria-describedby=${hint ? `${id}-hint` : undefined}>
      ${options.map(([each, text]) => html`<option key=${each} value=${each}>${text}</option>`)}
    </select>
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

/** A line of text or a number. */
export function TextField({ label, hint, value, onChange, type = "text", ...more }) {
  const id = useId("text");
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} type=${type} value=${value} onInput=${(event) => onChange(event.target.value)}
      aria-describedby=${hint ? `${id}-hint` : undefined} autocomplete="off" ...${more} />
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}
