// What Dash calls, by these names: geta_studio/graph/callbacks.py and compare_callbacks.py. Each has a store without
// meaning as its output.

import { fill } from "../html_tree.js";
import { writeList } from "./accessible_list.js";
import * as compare from "./compare.js";
import { byId, panel } from "./dom.js";
import * as drawing from "./drawing.js";
import { drawOverviewSoon } from "./overview.js";
import { paintAll } from "./painting.js";
import * as search from "./search.js";
import { showSelection } from "./selection.js";
import { state } from "./state.js";

const DONE = "";

export const graphCallbacks = {
  /** The elements of another scene come. */
  scene(scene) {
    if (scene && scene.legend) fill(byId("graph-legend"), scene.legend);
    if (scene) drawing.show(scene);
    return DONE;
  },

  /** The list of what is on screen is there. */
  writeList(parts) {
    if (parts) writeList(parts);
    return DONE;
  },

  /** Live values, the bounds being edited, or how they are shown have changed; `_scheme` because colours do then. */
  paint(now, overlay, stage, bits, _scheme, run) {
    Object.assign(state, { now, overlay, stage, bits, run });
    panel().dataset.stage = stage;
    paintAll();
    drawOverviewSoon();
    return DONE;
  },

  /** Another stylesheet is on screen; the map takes its colours from what is drawn. */
  restyled() {
    drawOverviewSoon();
    return DONE;
  },

  /** Something else is selected. */
  choose(selection) {
    state.selection = selection || null;
    showSelection();
    return DONE;
  },

  /** The server has answered a search. */
  match(answer) {
    search.showAnswer(answer);
    return DONE;
  },

  /** Enter was pressed in the search box, `times` in all. */
  step(times) {
    search.step(times);
    return DONE;
  },
};

export const compareCallbacks = {
  /** Another scene to compare with comes, or none. */
  scene(scene) {
    compare.show(scene);
    return DONE;
  },
};
