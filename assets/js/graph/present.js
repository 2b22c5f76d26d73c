// Presenting: the graph alone, in large type; what was on screen before comes back afterwards.

import { large } from "./camera.js";
import { mainGraph } from "./graphs.js";
import { state } from "./state.js";

const RESIZED_MS = 250; // after which the panel has its new size
let before = null;

export const isPresenting = () => document.body.classList.contains("presenting");

/** Begin or end it. */
export function present() {
  const cy = mainGraph(), on = document.body.classList.toggle("presenting");
  if (on && cy) before = { zoom: cy.zoom(), pan: { ...cy.pan() } };
  if (on && document.documentElement.requestFullscreen) document.documentElement.requestFullscreen().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
  setTimeout(() => {
    if (!cy) return;
    cy.resize();
    if (!on) cy.viewport(before);
    else if (state.scene) large(cy, state.scene);
  }, RESIZED_MS);
}

/** End it when the browser leaves its full screen by itself. */
export function listen() {
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && isPresenting()) present();
  });
}
