// What the pointer does on the main graph.

import { toggle } from "./commands.js";
import { byId, scopeOf } from "./dom.js";
import { stopReports } from "./cytoscape_internals.js";
import * as hover from "./hover.js";
import * as map from "./map.js";
import { closeMenu, openMenu } from "./menu.js";
import { drawOverview } from "./overview.js";
import { select, selectNode } from "./selection.js";
import { hideTip } from "./tip.js";

const attached = new WeakSet();

/** Listen to a graph; once, however often it is called. */
export function attach(cy) {
  if (attached.has(cy)) return;
  attached.add(cy);
  stopReports(cy);
  cy.on("dbltap", ".row.scope, .box", (event) => toggle(scopeOf(event.target)));
  cy.on("tap", ".toggle", (event) => toggle(event.target.data("scope")));
  cy.on("tap", (event) => (event.target === cy ? select(null) : selectNode(event.target)));
  cy.on("mouseover", "node", (event) => hover.enter(event.target));
  cy.on("mouseout", "node", hover.leave);
  cy.on("cxttap", "node", (event) => openMenu(event.target, event.renderedPosition));
  cy.on("tap viewport", closeMenu);
  cy.on("viewport resize", () => { hideTip(); drawOverview(); });
  new ResizeObserver(() => { cy.resize(); drawOverview(); }).observe(byId("graph"));
  map.attach(cy);
}
