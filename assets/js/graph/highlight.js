// A group that stands out: its members light up, the rest fades.

import { mainGraph } from "./graphs.js";
import { state } from "./state.js";

let last = { cy: null, scene: null, groups: "" };

/** Let groups stand out; with none, all looks as usual. */
export function highlight(groups) {
  const cy = mainGraph(), wanted = groups.join();
  if (!cy || (last.cy === cy && last.scene === state.scene && last.groups === wanted)) return;
  last = { cy, scene: state.scene, groups: wanted };
  const isMember = (row) => (row.data("groups") || []).some((group) => groups.includes(group));
  const some = cy.nodes(".row").some(isMember); // else the model has no such group, and nothing stands out
  cy.batch(() => mark(cy, some ? groups : [], isMember));
}

function mark(cy, groups, isMember) {
  const lit = new Set();
  const look = (element, name, on) => {
    element.toggleClass("faded", groups.length > 0 && !on);
    if (name) element.toggleClass(name, on);
  };
  cy.nodes(".row").forEach((row) => {
    const on = groups.length > 0 && isMember(row);
    if (on) lit.add(row.id());
    look(row, "member", on);
  });
  cy.edges().forEach((edge) => {
    const on = lit.has(edge.target().id()) && edge.data("groups").some((group) => groups.includes(group));
    if (on) lit.add(edge.id());
    look(edge, "lit", on);
  });
  cy.nodes(".part").forEach((part) => { if (!part.hasClass("close")) look(part, null, lit.has(part.data("host"))); });
}
