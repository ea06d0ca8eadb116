/** Taking a picture with the camera of this device. */

import { html, useEffect, useRef, useState } from "../core/html.js";
import { t } from "../core/words.js";
import { Dialog } from "./dialogs.js";

/** Browsers lend the camera to pages of this machine and to those of https only. */
export function hasCamera() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

export function Camera({ isOpen, onTaken, onClose }) {
  return html`<${Dialog} isOpen=${isOpen} label=${t("camera")} onClose=${onClose}>
    <${Finder} onTaken=${onTaken} onClose=${onClose} />
  <//>`;
}

function Finder({ onTaken, onClose }) {
  const video = useRef(null);
  const [problem, setProblem] = useState(null);
  const [isReady, setReady] = useState(false);
  useEffect(() => seeing(video.current, setReady, setProblem), []);
  const take = async () => onTaken(await still(video.current));
  return html`<div class="camera">
    <video ref=${video} muted playsinline aria-label=${t("camera.view")} />
    ${problem && html`<p role="alert">${problem}</p>`}
    <p class="actions">
      <button type="button" class="main" disabled=${!isReady} onClick=${take}>${t("camera.take")}</button>
      <button type="button" onClick=${onClose}>${t("close")}</button>
    </p>
  </div>`;
}

/** Shows what the camera sees; gives what ends it. */
function seeing(video, setReady, setProblem) {
  let isEnded = false;
  let stream = null;
  const end = () => {
    isEnded = true;
    stream?.getTracks().forEach((track) => track.stop());
  };
  navigator.mediaDevices
    .getUserMedia({ video: { facingMode: "environment" } })
    .then(async (opened) => {
      stream = opened;
      if (isEnded) return end();
      video.srcObject = opened;
      await video.play();
      return setReady(true);
    })
    .catch(() => isEnded || setProblem(t("camera.refused")));
  return end;
}

async function still(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}
