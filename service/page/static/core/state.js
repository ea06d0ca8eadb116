/** Values that views share: who uses one is drawn again when it changes. */

import { useEffect, useState } from "./html.js";

export function shared(value) {
  const told = new Set();
  return {
    get: () => value,
    set(next) {
      value = typeof next === "function" ? next(value) : next;
      for (const tell of [...told]) tell();
    },
    watch(tell) {
      told.add(tell);
      return () => told.delete(tell);
    },
  };
}

export function useShared(store) {
  const [, draw] = useState(0);
  const seen = store.get();
  useEffect(() => {
    const again = () => draw((times) => times + 1);
    // It may have changed after it was drawn, and before anybody watched.
    if (store.get() !== seen) again();
    return store.watch(again);
  }, [store]);
  return seen;
}
