// What says where on the graph one is: the map and the crumbs.

import * as crumbs from "./crumbs.js";
import { byId } from "./dom.js";
import { mainGraph } from "./graphs.js";
import * as map from "./map.js";
import { state } from "./state.js";

const SETTLED_MS = 60; // after which new styles are on screen

/** Draw the map and the crumbs for the view as it is. */
export function drawOverview() {
  const cy = mainGraph();
  if (!cy || !state.scene || !byId("graph-map")) return;
  map.draw(cy, state.scene);
  crumbs.draw(cy);
}

/** Draw them once new colours are on screen: the map takes its own from there. */
export function drawOverviewSoon() {
  setTimeout(drawOverview, SETTLED_MS);
}
