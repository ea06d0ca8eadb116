/** Votes as bars: how many noisy copies were given each label. */

import { html, useState } from "../core/html.js";
import { number, percent, t } from "../core/words.js";

const SHOWN = 8;

export function Votes({ votes, total, winner, isLive = false }) {
  const [isAll, setAll] = useState(false);
  const counted = votes.reduce((sum, { count }) => sum + count, 0);
  const ranked = [...votes].sort((one, other) => other.count - one.count);
  const shown = isAll ? ranked : ranked.slice(0, SHOWN);
  return html`<div class="votes">
    <ol class="bars" aria-label=${isLive ? t("votes.live") : t("votes")}>
      ${shown.map(
        ({ label, count }) => html`<li key=${label} class=${label === winner ? "wins" : ""}>
          <span class="bar-label" dir="auto">${label}</span>
          <span class="bar" aria-hidden="true"><span style=${{ transform: `scaleX(${counted ? count / counted : 0})` }} /></span>
          <span class="bar-count">${number(count)} <span class="share">${counted ? percent(count / counted, 0) : ""}</span></span>
        </li>`,
      )}
    </ol>
    <p class="hint">
      ${t("votes.counted", { counted: number(counted), total: number(total ?? counted) })}
      ${ranked.length > SHOWN && html` <button type="button" class="quiet" aria-expanded=${isAll} onClick=${() => setAll(!isAll)}>
        ${isAll ? t("votes.few") : t("votes.all", { count: ranked.length })}
      </button>`}
    </p>
  </div>`;
}
