/** Where a picture comes in: dropped, pasted, chosen, or taken with the camera. */

import { html, useEffect, useId, useRef, useState } from "../core/html.js";
import { pictureAmong, readPicture, TYPES } from "../core/pictures.js";
import { uploadLimit } from "../core/service.js";
import { number, t } from "../core/words.js";
import { Camera, hasCamera } from "./camera.js";
import { Picture } from "./canvas.js";

const MEGABYTE = 2 ** 20;

export function PictureDrop({ picture, onPicture }) {
  const [refused, setRefused] = useState("");
  const [isFilming, setFilming] = useState(false);
  const take = async (file) => {
    if (!file) return;
    const reason = refusal(file);
    setRefused(reason);
    if (!reason) onPicture(await readPicture(file));
  };
  usePaste(take);
  const taken = (file) => (setFilming(false), take(file));
  return html`<${DropZone} onFiles=${(transfer) => take(pictureAmong(transfer))} className="drop-picture">
    ${picture ? html`<${Chosen} picture=${picture} />` : html`<p class="drop-hint">${t("drop")}</p>`}
    <p class="actions">
      <${FileButton} text=${picture ? t("picture.other") : t("picture.choose")} accept=${TYPES.join()} onFiles=${(files) => take(files[0])} />
      ${hasCamera() && html`<button type="button" onClick=${() => setFilming(true)}>${t("camera")}</button>`}
    </p>
    ${refused && html`<p class="note bad" role="alert">${refused}</p>`}
    <${Camera} isOpen=${isFilming} onTaken=${taken} onClose=${() => setFilming(false)} />
  <//>`;
}

/** A place that files can be dropped on. */
export function DropZone({ onFiles, className = "", children }) {
  const [isOver, setOver] = useState(false);
  const over = (event) => (event.preventDefault(), setOver(true));
  const drop = (event) => (event.preventDefault(), setOver(false), onFiles(event.dataTransfer));
  return html`<div class=${`drop ${className} ${isOver ? "over" : ""}`} onDragOver=${over} onDragEnter=${over}
    onDragLeave=${() => setOver(false)} onDrop=${drop}>${children}</div>`;
}

/** A real field for files, which looks as a button: a keyboard and a screen reader know what it is. */
export function FileButton({ text, accept, multiple = false, onFiles }) {
  const id = useId("file");
  const field = useRef(null);
  const chosen = () => {
    const files = [...field.current.files];
    // The same file again is a choice too.
    field.current.value = "";
    if (files.length) onFiles(files);
  };
  return html`<span class="file-button">
    <input ref=${field} id=${id} type="file" accept=${accept} multiple=${multiple} onChange=${chosen} />
    <label for=${id}>${text}</label>
  </span>`;
}

function Chosen({ picture }) {
  const { bitmap, name, width, height, size } = picture;
  const facts = [width ? `${number(width)} × ${number(height)}` : t("picture.unseen"), sizeText(size)];
  return html`<figure class="chosen">
    ${bitmap && html`<${Picture} picture=${bitmap} label=${t("picture.yours")} />`}
    <figcaption><span class="file-name" dir="auto">${name}</span> <span class="hint">${facts.join(", ")}</span></figcaption>
  </figure>`;
}

/** Why a file is not sent; the service would say so too, but only once it had all of it. */
function refusal(file) {
  const limit = uploadLimit.get();
  if (limit !== null && file.size > limit) {
    return t("picture.large", { name: file.name, size: sizeText(file.size), limit: sizeText(limit) });
  }
  return file.size === 0 ? t("picture.empty", { name: file.name }) : "";
}

function sizeText(bytes) {
  return bytes < MEGABYTE / 10 ? t("kilobytes", { size: number(bytes / 1024, 1) }) : t("megabytes", { size: number(bytes / MEGABYTE, 1) });
}

function usePaste(take) {
  useEffect(() => {
    const pasted = (event) => {
      const file = pictureAmong(event.clipboardData);
      if (file) take(file);
    };
    addEventListener("paste", pasted);
    return () => removeEventListener("paste", pasted);
  });
}
