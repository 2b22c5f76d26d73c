// Light or dark: what the reader chose, else what the system says.

import { noUpdate } from "../dash.js";

function systemScheme() {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** The scheme to show. */
export function preferred(chosen) {
  return chosen || systemScheme();
}

/** The scheme after a press on the switch. */
export function nextScheme(clicks, scheme) {
  if (!clicks) return noUpdate();
  return preferred(scheme) === "dark" ? "light" : "dark";
}
