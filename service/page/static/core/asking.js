/** What a view asks the service for while it is shown. */

import { asProblem, askJson } from "./api.js";
import { useEffect, useState } from "./html.js";

/** What is asked for once, with a way to ask again. */
export function useAnswer(path, tries) {
  const [state, setState] = useState({ answer: null, problem: null });
  const [times, setTimes] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    askJson(path, { signal: abort.signal, tries })
      .then((answer) => setState({ answer, problem: null }))
      .catch((error) => abort.signal.aborted || setState((before) => ({ ...before, problem: asProblem(error) })));
    return () => abort.abort();
  }, [path, times]);
  return { ...state, again: () => setTimes((count) => count + 1) };
}
