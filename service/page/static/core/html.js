/** Preact and htm as one: what every view is written with. Whatever a template holds is text, and never markup. */

import { h, render } from "../vendor/preact.module.js";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.module.js";
import htm from "../vendor/htm.module.js";

export const html = htm.bind(h);
export { h, render, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState };

let count = 0;

/** An id of an element that no other has, for labels and descriptions. */
export function useId(prefix = "id") {
  return useState(() => `${prefix}-${(count += 1)}`)[0];
}
