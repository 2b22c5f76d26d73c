// What is selected: a node, a group, a quantizer or a module. The page has one selection; Dash keeps it.

import { setProps } from "../dash.js";
import { scopeOf } from "./dom.js";
import { mainGraph } from "./graphs.js";
import { highlight } from "./highlight.js";
import { state } from "./state.js";
import { targetOf } from "./targets.js";

/** Select { kind, id }, or nothing (null); the inspector comes to the front. */
export function select(selection) {
  setProps("selection", { data: selection });
  if (selection) setProps("side-tabs", { value: "inspect" });
}

/** Select what a node of the main graph stands for; some stand for nothing. */
export function selectNode(node) {
  const target = targetOf({ classes: node.classes(), data: node.data(), scope: scopeOf(node) });
  if (target) select(target);
}

/** The groups that are selected: one, or none. */
export function selectedGroups() {
  return state.selection && state.selection.kind === "group" ? [Number(state.selection.id)] : [];
}

/** The node on screen that is selected, or that stands for it where it is folded away; maybe an empty collection. */
export function selectedNode(cy) {
  const { selection, scene } = state;
  if (!selection || !scene || selection.kind === "group") return cy.collection();
  const closed = cy.getElementById(`scope:${selection.id}`);
  if (closed.nonempty()) return closed;
  const node = selection.kind === "quantizer" ? scene.readers[selection.id] : selection.id;
  return cy.getElementById(scene.hosts[node] || "");
}

/** Mark on screen what is selected. */
export function showSelection() {
  const cy = mainGraph();
  if (!cy || !state.scene) return;
  cy.batch(() => {
    cy.elements(".chosen").removeClass("chosen");
    if (state.selection) nodesOf(cy, state.selection).addClass("chosen");
  });
  highlight(selectedGroups());
}

function nodesOf(cy, { kind, id }) {
  if (kind === "node") return cy.getElementById(state.scene.hosts[id] || "");
  if (kind === "scope") return cy.getElementById(`scope:${id}`);
  if (kind !== "quantizer") return cy.collection();
  const marks = cy.nodes(".diamond, .pill").filter((node) => node.data("quantizers").includes(id));
  return marks.union(cy.nodes(".row, .box").filter((node) => node.data("quantizer") === id));
}
