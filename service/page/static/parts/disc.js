/** A radius as something one sees: the picture in the middle, and all that is as near as the radius around it. */

import { html } from "../core/html.js";
import { number, percent, radiusText, significant, t } from "../core/words.js";

const SIZE = 260;
const EDGE = 112;
/** In a smaller disc the number would stand on its edge: it goes above. */
const ROOM = 46;
const GREY_LEVELS = 255;

/** `radius` of what `most` could be; both L2 in [0, 1] units. */
export function Disc({ radius, most, label }) {
  const share = most > 0 ? Math.min(1, radius / most) : 0;
  const middle = SIZE / 2;
  const above = EDGE * share < ROOM ? EDGE * share + 8 : 12;
  const told = t("disc.told", { radius: radiusText(radius), label: label ?? "", most: radiusText(most) });
  return html`<svg class="disc" viewBox=${`0 0 ${SIZE} ${SIZE}`} role="img" aria-label=${told}>
    <circle class="disc-most" cx=${middle} cy=${middle} r=${EDGE} />
    ${[0.25, 0.5, 0.75].map((part) => html`<circle class="disc-ring" cx=${middle} cy=${middle} r=${EDGE * part} />`)}
    <circle class="disc-sure" cx=${middle} cy=${middle} r=${Math.max(2, EDGE * share)} />
    <line class="disc-line" x1=${middle} y1=${middle} x2=${middle + EDGE * share} y2=${middle} />
    <circle class="disc-dot" cx=${middle} cy=${middle} r="4" />
    <text class="disc-number" x=${middle} y=${middle - above} text-anchor="middle">${radiusText(radius)}</text>
    <text class="disc-edge" x=${middle} y=${SIZE - 4} text-anchor="middle">${t("disc.most", { most: radiusText(most) })}</text>
  </svg>`;
}

/** What a radius is in grey levels and pixels, for pictures of so many pixels a side. */
export function Equivalents({ radius, side }) {
  const everywhere = (radius / Math.sqrt(3 * side * side)) * GREY_LEVELS;
  const pixels = (radius * radius) / 3;
  return html`<ul class="equivalents">
    <li>${t("equal.all", { levels: significant(everywhere) })}</li>
    <li>${pixels < 1 ? t("equal.part", { levels: number(Math.sqrt(pixels) * GREY_LEVELS), share: percent(Math.sqrt(pixels), 0) })
      : t("equal.pixels", { count: Math.floor(pixels * 10) / 10 })}</li>
  </ul>`;
}

/** The largest radius that n unanimous votes could bring: sigma times the normal quantile of alpha^(1/n). */
export function mostRadius(sigma, n, alpha) {
  return sigma * normalQuantile(alpha ** (1 / n));
}

/** Near enough for a drawing. */
export function normalQuantile(p) {
  if (p < 0.5) return -normalQuantile(1 - p);
  // Abramowitz and Stegun 26.2.23; its error is below 4.5e-4.
  const x = Math.sqrt(-2 * Math.log(1 - p));
  const above = 2.515517 + 0.802853 * x + 0.010328 * x * x;
  return x - above / (1 + 1.432788 * x + 0.189269 * x * x + 0.001308 * x * x * x);
}
