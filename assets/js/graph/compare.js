// The compared graph: it moves with the main one, and both mark what differs.

import { start } from "./camera.js";
import { toggle } from "./commands.js";
import { counterpartQuantizer, counterpartRow } from "./compare_pairs.js";
import { stopReports } from "./cytoscape_internals.js";
import { byId, panel, scopeOf } from "./dom.js";
import { whenReady } from "./frames.js";
import { comparedGraph, hasAll, hostOf, mainGraph } from "./graphs.js";
import { select, selectNode } from "./selection.js";
import { state } from "./state.js";
import { hideTip, showTip } from "./tip.js";

const DIFFERENT = "changed gone new";
const TITLE_GAP = 4; // px between the title and the first row
const attached = new WeakSet();
let scene = null, following = false;

/** Show a scene to compare with; null takes the compared graph away, and one without hosts is still to come. */
export function show(drawn) {
  const split = Boolean(drawn), { classList, dataset } = panel();
  scene = split && drawn.hosts ? drawn : null;
  if (classList.contains("comparing") !== split) {
    classList.toggle("comparing", split);
    requestAnimationFrame(resized);
  }
  if (scene) {
    whenReady({ wanted: () => scene === drawn, ready: () => isDrawn(drawn), act: () => finish(drawn) });
  } else {
    delete dataset.compared;
    mainGraph()?.nodes(".row").removeClass(DIFFERENT);
  }
}

/** The main graph has another width. */
function resized() {
  const cy = mainGraph();
  if (!cy) return;
  cy.resize();
  if (state.scene) start(cy, state.scene);
}

function isDrawn({ hosts, left }) {
  const main = mainGraph(), compared = comparedGraph();
  return main && compared && hasAll(compared, Object.values(hosts)) && hasAll(main, Object.keys(left));
}

function finish(drawn) {
  const main = mainGraph(), compared = comparedGraph();
  attach(main, compared);
  main.batch(() => {
    main.nodes(".row").removeClass(DIFFERENT);
    for (const [id, kind] of Object.entries(drawn.left)) main.getElementById(id).addClass(kind);
  });
  compared.nodes().panify();
  requestAnimationFrame(() => { // after the view that a narrower graph starts with
    if (scene !== drawn) return;
    startBelowTitle(main);
    mirrorView(main, compared);
    panel().dataset.compared = drawn.model;
  });
}

/** The title hangs lower than the toolbar, under which a graph starts. */
function startBelowTitle(main) {
  const title = document.querySelector(".graph-compared-what"), low = title.offsetTop + title.offsetHeight + TITLE_GAP;
  const box = { includeLabels: false, includeOverlays: false };
  const first = Math.min(...main.nodes(".row").map((row) => row.renderedBoundingBox(box).y1));
  if (first < low && first > title.offsetTop - title.offsetHeight) main.panBy({ x: 0, y: low - first });
}

function attach(main, compared) {
  if (attached.has(compared)) return;
  attached.add(compared);
  stopReports(compared);
  compared.on("tap", ".toggle", (event) => toggle(event.target.data("scope")));
  compared.on("dbltap", ".row.scope, .box", (event) => toggle(scopeOf(event.target)));
  compared.on("tap", "node", (event) => selectCounterpart(event.target));
  compared.on("mouseover", ".row", (event) => showTip(event.target, leftOf("graph-compared") - leftOf("graph-panel")));
  compared.on("mouseout", ".row", hideTip);
  new ResizeObserver(() => compared.resize()).observe(byId("graph-compared"));
  main.on("viewport", () => mirrorView(main, compared));
  compared.on("viewport", () => mirrorView(compared, main));
}

function leftOf(id) {
  return byId(id).getBoundingClientRect().left;
}

function mirrorView(leader, follower) {
  if (following || !scene) return;
  following = true;
  follower.viewport({ zoom: leader.zoom(), pan: { ...leader.pan() } });
  following = false;
}

/** Select what a node of the compared graph means in the main one, as a press on it there does. */
function selectCounterpart(node) {
  if (node.hasClass("toggle")) return;
  if (node.hasClass("diamond") || node.hasClass("pill")) return selectQuantizer(node.data("quantizers"));
  if (node.hasClass("branch") && node.hasClass("box")) return selectQuantizer([node.data("quantizer")]);
  if (node.hasClass("box")) return selectScope(node);
  const id = counterpartRow(hostOf(node).data("nodes"), scene, state.scene.hosts);
  const row = mainGraph().getElementById(id || "");
  if (node.hasClass("tag")) selectGroup(row);
  else if (row.nonempty()) selectNode(row);
  else if (node.hasClass("scope")) selectScope(node);
}

function selectQuantizer(ids) {
  const id = counterpartQuantizer(ids, scene);
  if (id) select({ kind: "quantizer", id });
}

function selectGroup(row) {
  const id = row.data("group") ?? null;
  if (id !== null) select({ kind: "group", id });
}

function selectScope(node) {
  select({ kind: "scope", id: scopeOf(node) });
}
