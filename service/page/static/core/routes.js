/** Which view the address names: `#/view` or `#/view/id`, so that the browser's own back and forward work. */

import { useEffect, useState } from "./html.js";

export const VIEWS = ["try", "see", "radius", "certificates", "tasks", "service"];

export function useRoute() {
  const [route, setRoute] = useState(routeNow);
  useEffect(() => {
    const changed = () => setRoute(routeNow());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export function addressOf(view, id = "") {
  return id ? `#/${view}/${encodeURIComponent(id)}` : `#/${view}`;
}

export function go(view, id = "") {
  location.hash = addressOf(view, id);
}

function routeNow() {
  const [, view = "", id = ""] = location.hash.split("/");
  return { view: VIEWS.includes(view) ? view : VIEWS[0], id: decoded(id) };
}

/** An address that somebody mistyped is no id of anything. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
