// Saving: pictures of all that is drawn, made here, and the texts that the server writes.

import { panel } from "./dom.js";
import { state } from "./state.js";

const MOST_PX = 8000; // the longest side of a picture
const REVOKE_MS = 10000;

/** Save the graph as "png", "svg", "dot" or "json". */
export function save(cy, kind) {
  if (!state.scene) return;
  const name = `${state.scene.model}-graph.${kind}`, bg = getComputedStyle(panel()).backgroundColor;
  if (kind === "png") {
    downloadBlob(cy.png({ full: true, output: "blob", scale: pictureScale(state.scene), bg }), name);
  } else if (kind === "svg") {
    downloadBlob(new Blob([cy.svg({ full: true, scale: 1, bg })], { type: "image/svg+xml" }), name);
  } else download(textAddress(state.scene, state.stage, kind), name);
}

/** Picture px a px of the graph: two, or as many as the longest side allows. */
export function pictureScale({ width, height }) {
  return Math.min(2, MOST_PX / Math.max(width, height, 1));
}

/** The address of the scene as "dot" or "json"; DOT has the modules that are open and what the stage draws. */
export function textAddress({ model, scopes, shape }, stage, kind) {
  const address = `/api/models/${encodeURIComponent(model)}/graph.${kind}`;
  if (kind !== "dot") return address;
  const query = new URLSearchParams((scopes || []).map((scope) => ["open", scope]));
  query.append("stage", stage === "compact" ? "groups" : stage); // the same nodes and edges
  query.append("shape", Boolean(shape));
  return `${address}?${query}`;
}

function downloadBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  download(address, name);
  setTimeout(() => URL.revokeObjectURL(address), REVOKE_MS);
}

function download(address, name) {
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
}
