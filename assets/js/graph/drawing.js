// A drawing has come: look at it from the right place, and put on it all that is not in the drawing itself.

import { setProps } from "../dash.js";
import * as camera from "./camera.js";
import { takeHeld } from "./commands.js";
import { simplifyMoving } from "./cytoscape_internals.js";
import { panel } from "./dom.js";
import { whenReady } from "./frames.js";
import { attach } from "./gestures.js";
import { hasAll, mainGraph } from "./graphs.js";
import { drawOverview } from "./overview.js";
import { paintAll } from "./painting.js";
import { showMatches } from "./search.js";
import { selectedNode, showSelection } from "./selection.js";
import { state } from "./state.js";

const AS_PICTURE = 300, WITHOUT_EDGES = 4000; // elements above which a moving view is drawn so
const LIST_MS = 700; // after the last drawing, the list is asked for
const LOAD_MS = 200; // after the first drawing, the rest of the page loads
let shownModel = null;
let listTimer = null;

/** Finish the drawing of a scene once its elements are on screen. */
export function show(scene) {
  state.scene = scene;
  const hosts = new Set(Object.values(scene.hosts));
  whenReady({
    wanted: () => state.scene === scene,
    ready: () => isDrawn(mainGraph(), hosts),
    act: () => finish(mainGraph(), scene),
  });
}

/** Whether all hosts of a scene are on screen, and no rows of the drawing before. */
function isDrawn(cy, hosts) {
  if (!cy || !hasAll(cy, [...hosts])) return false;
  return !cy.nodes(".row").some((node) => !hosts.has(node.id()));
}

function finish(cy, scene) {
  const count = cy.elements().length;
  attach(cy);
  cy.nodes().panify();
  simplifyMoving(cy, { asPicture: count > AS_PICTURE, withoutEdges: count > WITHOUT_EDGES });
  aim(cy, scene, takeHeld());
  const isFirst = shownModel === null;
  shownModel = scene.model;
  paintAll();
  showSelection();
  showMatches();
  drawOverview();
  announce(cy, scene);
  // the picture first: what mounts then loads Plotly, which holds the page for a second
  if (isFirst) requestAnimationFrame(() => setTimeout(() => setProps("painted", { data: true }), LOAD_MS));
}

function aim(cy, scene, held) {
  const sameModel = shownModel === scene.model, anchor = cy.getElementById(scene.anchor || "");
  if (sameModel && scene.focus) {
    const node = cy.getElementById(scene.hosts[scene.focus]);
    if (node.nonempty()) camera.focus(cy, node, true);
  } else if (!sameModel || !scene.anchor) camera.start(cy, scene);
  else if (held && anchor.nonempty()) {
    const selected = selectedNode(cy);
    camera.keepInPlace(cy, anchor, held);
    if (held.selectionSeen && selected.nonempty()) camera.keepInView(cy, selected);
  }
}

/** Say in the panel's data what is drawn, and to Dash that the list of it can be made. */
function announce(cy, scene) {
  const { dataset } = panel(), draws = Number(dataset.draws || 0) + 1;
  Object.assign(dataset, { drawn: scene.model, draws: String(draws), nodes: String(cy.nodes(".row").length) });
  clearTimeout(listTimer);
  listTimer = setTimeout(() => setProps("graph-settled", { data: draws }), LIST_MS);
}
