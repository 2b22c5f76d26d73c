// The tip beside a node: a few lines of what it is.

import { byId, panel } from "./dom.js";
import { putAt, sizeOf, tipPlace } from "./popup_position.js";

/** Show the tip of a node in a graph that stands `shift` px from the panel's left edge. */
export function showTip(node, shift = 0) {
  const tip = byId("graph-tip"), box = node.renderedBoundingBox({ includeLabels: false });
  const lines = node.data("tip").filter(Boolean);
  tip.replaceChildren(...lines.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  tip.classList.add("on");
  putAt(tip, tipPlace(panel().getBoundingClientRect(), box, sizeOf(tip), shift));
}

export function hideTip() {
  byId("graph-tip").classList.remove("on");
}
