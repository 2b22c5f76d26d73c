// The two graphs that can be on screen.

import { cytoscapeOf } from "./cytoscape_internals.js";

/** The graph of the model that is chosen, or null before it is there. */
export const mainGraph = () => cytoscapeOf("graph");

/** The graph it is compared with, or null before it is there. */
export const comparedGraph = () => cytoscapeOf("graph-compared");

/** The row that a node stands for: itself, or for a part (a diamond, a bar ...) the row or edge it hangs on. */
export function hostOf(node) {
  const host = node.data("host");
  return host ? node.cy().getElementById(host) : node;
}

/** Whether a graph has elements of all these ids. */
export function hasAll(cy, ids) {
  return ids.every((id) => cy.getElementById(id).nonempty());
}

/** Write what differs alone: styles are computed anew for every element whose data is written. */
export function write(element, values) {
  const previous = element.data();
  if (Object.keys(values).some((key) => previous[key] !== values[key])) element.data(values);
}
