/** Pictures, drawn: a canvas takes no address, and a picture of a few pixels stays sharp. */

import { html, useEffect, useRef, useState } from "../core/html.js";
import { asProblem } from "../core/api.js";
import { fetchBitmap } from "../core/pictures.js";
import { t } from "../core/words.js";

const LARGEST = 640;
/** Below this a picture is shown pixel by pixel. */
const SMALL = 256;

/** A bitmap, or the values of one. */
export function Picture({ picture, label, className = "" }) {
  const canvas = useRef(null);
  useEffect(() => {
    if (picture) draw(canvas.current, picture);
  }, [picture]);
  const isSmall = picture && Math.max(picture.width, picture.height) <= SMALL;
  return html`<canvas ref=${canvas} role="img" aria-label=${label} width="1" height="1"
    class=${`picture ${isSmall ? "sharp" : ""} ${className}`}></canvas>`;
}

/** A picture with what it is below it. */
export function Figure({ picture, label, children, isWaiting = false }) {
  return html`<figure class=${isWaiting ? "waiting" : ""}>
    ${picture ? html`<${Picture} picture=${picture} label=${label} />` : html`<div class="picture empty" />`}
    <figcaption><span class="figure-name">${label}</span>${children}</figcaption>
  </figure>`;
}

/** A picture that the service has. */
export function FetchedPicture({ path, label, className }) {
  const [bitmap, setBitmap] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    const abort = new AbortController();
    fetchBitmap(path, abort.signal)
      .then((found) => (found ? setBitmap(found) : setProblem({ title: t("picture.gone") })))
      .catch((error) => abort.signal.aborted || setProblem(asProblem(error)));
    return () => abort.abort();
  }, [path]);
  if (problem) return html`<p class="picture empty">${problem.title}</p>`;
  if (!bitmap) return html`<div class=${`picture empty ${className ?? ""}`} />`;
  return html`<${Picture} picture=${bitmap} label=${label} className=${className} />`;
}

function draw(canvas, picture) {
  const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
  else context.drawImage(picture, 0, 0, canvas.width, canvas.height);
}
