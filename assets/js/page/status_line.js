// The line under the graph that says what happens to a model: uploads, refusals. A press on a refusal takes it away.

import { setProps } from "../dash.js";

/** Write the line. `kind` is "working", "failed" or "" (nothing to say). */
export function writeStatus(text, kind) {
  setProps("model-status", { children: text, className: `model-status ${kind}` });
}

/** Let a press take a refusal away, and a press on what names a model choose it. */
export function listen() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("#model-status.failed")) writeStatus("", "");
    const opener = event.target.closest("[data-model]");
    if (opener) setProps("model-select", { value: opener.dataset.model });
  });
}
