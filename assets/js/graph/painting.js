// Live values on the graph: the bits in the quantizers' marks, the bars of the groups' units, the overlay.

import { mainGraph, write } from "./graphs.js";
import { barStops, bitsOf, quantizerMark, removalOf, unitCounts } from "./live_values.js";
import * as overlay from "./overlay.js";
import { state } from "./state.js";

/** Paint all that is on screen. */
export function paintAll() {
  const cy = mainGraph();
  if (!cy || !state.scene) return;
  cy.batch(() => {
    cy.nodes(".diamond, .pill").forEach(paintMark);
    cy.nodes(".bar").forEach((bar) => paintBar(cy, bar));
    overlay.paint(cy);
  });
  for (const span of document.querySelectorAll("[data-zero-of]")) {
    const counts = state.now && state.now.groups[span.dataset.zeroOf];
    span.textContent = counts && counts[2] ? `${span.dataset.size}−${counts[2]}` : span.dataset.size;
  }
}

function paintMark(node) {
  const bits = node.data("quantizers").map((id) => bitsOf(state, id)).filter((value) => value !== null);
  write(node, quantizerMark(node.data("mark"), bits));
}

function paintBar(cy, bar) {
  const counts = unitCounts(state, bar.data("outputs"));
  if (!counts) return write(bar, { on: 0, label: bar.data("detail") });
  const removal = state.stage === "compact" ? removalOf(counts) : null;
  write(bar, { on: 1, stops: barStops(counts), label: removal ? removal.label : bar.data("detail") });
  const row = cy.getElementById(bar.data("host"));
  if (removal) write(row, { cut: removal.stops });
  else if (row.data("cut") !== undefined) row.removeData("cut");
}
