// The overlay that is chosen: rows and what hangs on them in the colours of its scale, and the scale in the legend.

import { byId } from "./dom.js";
import { write } from "./graphs.js";
import { OVERLAYS, coloursAt, shareOn, spanOf, whyEmpty } from "./overlay_values.js";
import { state } from "./state.js";

const COLOURED_PARTS = ["bar", "tag", "badge", "stack"];

/** Colour the rows of a graph; group colours come back where no overlay is chosen. */
export function paint(cy) {
  const overlay = OVERLAYS[state.overlay], values = new Map();
  if (overlay) {
    cy.nodes(".row").forEach((row) => {
      const value = overlay.read(row.data(), state);
      if (value !== null && value !== undefined) values.set(row.id(), value);
    });
  }
  const span = overlay && values.size ? spanOf(overlay, [...values.values()]) : null;
  cy.nodes(".row").forEach((row) => {
    const value = values.get(row.id());
    colour(cy, row, value === undefined ? null : shareOn(overlay, span, value));
  });
  writeScale(overlay, span);
}

function colour(cy, row, share) {
  row.toggleClass("blank", share === null && state.overlay in OVERLAYS);
  if (share === null && !row.hasClass("painted")) return;
  const ids = COLOURED_PARTS.map((name) => `${row.id()}|${name}`);
  const parts = ids.map((id) => cy.getElementById(id)).filter((part) => part.nonempty());
  if (share === null) return [row, ...parts].forEach((element) => element.removeClass("painted"));
  const colours = coloursAt(share);
  [row, ...parts].forEach((element) => { write(element, colours); element.addClass("painted"); });
}

function writeScale(overlay, span) {
  const scale = byId("graph-scale");
  scale.hidden = !overlay;
  if (!overlay) return;
  scale.querySelector(".scale-name").textContent = span ? overlay.name : `${overlay.name}: ${whyEmpty(overlay, state)}`;
  scale.querySelector(".scale-row").hidden = !span;
  scale.querySelector(".scale-low").textContent = span ? overlay.text(span[0]) : "";
  scale.querySelector(".scale-high").textContent = span ? overlay.text(span[1]) : "";
}
