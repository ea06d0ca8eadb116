/** Pictures: from a file to what can be drawn and sent. Nothing of a picture becomes an address or an element. */

import { ask } from "./api.js";

export const TYPES = ["image/jpeg", "image/png", "image/webp"];

/** `{file, name, size, bitmap, width, height}`; the bitmap is null where the browser cannot show the file. */
export async function readPicture(file, name = file.name || "picture.png") {
  const bitmap = await bitmapOf(file);
  return { file, name, size: file.size, bitmap, width: bitmap?.width ?? null, height: bitmap?.height ?? null };
}

export async function bitmapOf(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    return null;
  }
}

/** A picture of the service, with the key that it may need. */
export async function fetchBitmap(path, signal) {
  return bitmapOf(await (await ask(path, { signal })).blob());
}

/** The first picture among what was dropped or pasted; null where there is none. */
export function pictureAmong(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}

export async function base64Of(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const parts = [];
  // A call takes so many arguments and no more.
  for (let first = 0; first < bytes.length; first += 0x8000) {
    parts.push(String.fromCharCode(...bytes.subarray(first, first + 0x8000)));
  }
  return btoa(parts.join(""));
}

/** The values of a bitmap, 0 to 255, four for each pixel. */
export function pixelsOf(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

/** canonical + factor * delta, where the difference picture has round(127.5 + scale * delta), delta in [0, 1] units. */
export function changed(canonical, difference, scale, factor) {
  const data = new Uint8ClampedArray(canonical.data.length);
  for (let at = 0; at < data.length; at += 1) {
    const delta = at % 4 === 3 ? 0 : (difference.data[at] - 127.5) / scale;
    data[at] = canonical.data[at] + 255 * factor * delta;
  }
  return new ImageData(data, canonical.width, canonical.height);
}

/** Saves a text as a file. */
export function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
