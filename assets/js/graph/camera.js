// Where the graph is looked at from: the first view, what stays still when a module opens, going to a node. Functions
// of a Cytoscape graph and the scene that is drawn in it; nothing is kept here.

import {
  LARGE, MARGIN, READABLE, TOP, centredView, headOf, outside, showsCorner, sidewaysShift, wholeView,
} from "./camera_geometry.js";

const MOVE_MS = 220;

/** What the graph is seen in: px of the panel, and where the legend begins. */
function frame(cy) {
  const legend = document.querySelector(".graph-legend").offsetHeight;
  return { width: cy.width(), height: cy.height(), bottom: cy.height() - legend - MARGIN };
}

function whole(cy, scene, least, most) {
  const first = cy.getElementById(Object.values(scene.hosts)[0]);
  return wholeView(frame(cy), scene, first.nonempty() ? first.position("x") : 0, least, most);
}

/** The first view. */
export function start(cy, scene) {
  cy.viewport(whole(cy, scene, READABLE));
}

/** The graph in large type, from its start where it does not fit. */
export function large(cy, scene) {
  cy.viewport(whole(cy, scene, LARGE, 2));
}

/** All of the graph, however small. */
export function fit(cy, scene) {
  move(cy, whole(cy, scene, cy.minZoom()));
}

function move(cy, target) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) cy.viewport(target);
  else cy.animate(target, { duration: MOVE_MS, easing: "ease-out" });
}

/** Go to a node. */
export function focus(cy, node, sudden) {
  const target = centredView(frame(cy), cy.zoom(), node.position());
  if (sudden) cy.viewport(target);
  else move(cy, target);
}

/** Zoom by a factor about the middle. */
export function zoomBy(cy, factor) {
  cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
}

/** What `keepInPlace` needs to know before a module is opened or closed: where it is, and everything that may stay. */
export function grip(cy, node) {
  const places = new Map(cy.nodes(".row").map((row) => [row.id(), row.position("x")]));
  return { x: node.position("x"), wide: node.data("w"), top: topOf(node), places };
}

/** Keep the upper edge of what was opened or closed where it was, and what is above and below it on its line: it grows
 * to both sides. Then bring its title into view: up or down in both cases, sideways only where it was closed. What was
 * opened is left where it grew, for its title may be far to the left of what one looks at. */
export function keepInPlace(cy, node, before) {
  const after = { id: node.id(), x: node.position("x"), wide: node.data("w") };
  const rows = cy.nodes(".row").map((row) => ({ id: row.id(), x: row.position("x") }));
  const aside = sidewaysShift(rows, before, after);
  cy.panBy({ x: -aside * cy.zoom(), y: (before.top - topOf(node)) * cy.zoom() });
  const off = outside(frame(cy), head(cy, node));
  cy.panBy({ x: after.wide > before.wide ? 0 : off.x, y: off.y });
}

function topOf(node) {
  return node.position("y") - node.data("h") / 2;
}

function boxOf(node) {
  return node.renderedBoundingBox({ includeLabels: false });
}

function head(cy, node) {
  return headOf(boxOf(node), cy.zoom());
}

/** Whether all of a node is in view. */
export function isSeen(cy, node) {
  const off = outside(frame(cy), boxOf(node));
  return off.x === 0 && off.y === 0;
}

/** Move the view as little as shows a node. */
export function keepInView(cy, node) {
  cy.panBy(outside(frame(cy), boxOf(node)));
}

/** The middle of what is not under the toolbar and the legend, in px on screen. */
export function middle(cy) {
  const { width, bottom } = frame(cy);
  return { x: width / 2, y: (TOP + bottom) / 2 };
}

/** Whether the title of a module's box is in view. */
export function showsHead(cy, box) {
  return showsCorner(frame(cy), head(cy, box));
}

/** Go to the title of a module's box. */
export function goToHead(cy, box) {
  const { x1, y1 } = head(cy, box), pan = cy.pan();
  move(cy, { zoom: cy.zoom(), pan: { x: pan.x + MARGIN - x1, y: pan.y + TOP - y1 } });
}
