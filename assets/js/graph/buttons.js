// Elements of the page that act on the graph: buttons, entries of menus, the legend, links in the inspector.

import { setProps } from "../dash.js";
import { fit, zoomBy } from "./camera.js";
import { command, reveal, revealGroup } from "./commands.js";
import { byId } from "./dom.js";
import { mainGraph } from "./graphs.js";
import { highlight } from "./highlight.js";
import { present } from "./present.js";
import { save } from "./save.js";
import { forgetPending } from "./search.js";
import { select, selectedGroups } from "./selection.js";
import { state } from "./state.js";

const ZOOM_STEP = 1.25;

/** Listen to what geta_studio/shell/data_attributes.py marks, and to the search box. */
export function listen() {
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-graph], [data-kind]");
    if (!element || element.disabled) return;
    if (element.dataset.graph) press(element.dataset.graph);
    else activate(element.dataset);
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "graph-search") forgetPending();
  });
  document.addEventListener("mouseover", (event) => {
    const element = event.target.closest(".legend-group");
    if (element) highlight([Number(element.dataset.id)]);
  });
  document.addEventListener("mouseout", (event) => {
    if (event.target.closest(".legend-group")) highlight(selectedGroups());
  });
}

function press(action) {
  const cy = mainGraph();
  if (!cy || !state.scene) return;
  if (action === "fit") fit(cy, state.scene);
  else if (action === "in") zoomBy(cy, ZOOM_STEP);
  else if (action === "out") zoomBy(cy, 1 / ZOOM_STEP);
  else if (action.startsWith("save-")) save(cy, action.slice("save-".length));
  else if (action.startsWith("compare-")) setProps("graph-compare", { data: action.slice("compare-".length) });
  else if (action === "present") present();
  else if (action === "legend") byId("graph-legend").parentElement.classList.toggle("folded");
  else command(action);
}

function activate({ kind, id }) {
  select({ kind, id: kind === "group" ? Number(id) : id });
  if (kind === "node") reveal(id);
  if (kind === "group") revealGroup(Number(id));
  if (kind === "quantizer" && state.scene) reveal(state.scene.readers[id]);
}
