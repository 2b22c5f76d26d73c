// The overview map: the whole graph in small, and the part of it that is on screen.

import { byId } from "./dom.js";
import { boxOn, placeAt, placeOn, showsAll, viewOn } from "./map_geometry.js";

const BOX_COLOUR = "rgba(128,140,160,.5)";
let place = null; // how the graph lies on the map

/** Draw the map of a graph, or hide it where all of the graph is on screen. */
export function draw(cy, scene) {
  const canvas = byId("graph-map"), view = cy.extent(), hidden = showsAll(view, scene);
  canvas.classList.toggle("on", !hidden);
  if (hidden) return;
  const pen = cleared(canvas);
  place = placeOn({ width: canvas.clientWidth, height: canvas.clientHeight }, scene);
  const box = (node) => boxOn(place, { ...node.position(), w: node.data("w"), h: node.data("h") });
  pen.strokeStyle = BOX_COLOUR;
  cy.nodes(".box").forEach((node) => pen.strokeRect(...box(node)));
  cy.nodes(".row").forEach((node) => { pen.fillStyle = node.style("border-color"); pen.fillRect(...box(node)); });
  pen.strokeStyle = getComputedStyle(canvas).getPropertyValue("color");
  pen.lineWidth = 1.5;
  pen.strokeRect(...viewOn(place, view));
}

/** A pen for a canvas that is empty and as sharp as the screen. */
function cleared(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) {
    Object.assign(canvas, { width: width * ratio, height: height * ratio });
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

/** Let a press or drag on the map go there. */
export function attach(cy) {
  const canvas = byId("graph-map");
  const go = (event) => {
    if (!event.buttons || !place) return;
    const corner = canvas.getBoundingClientRect(), zoom = cy.zoom();
    const { x, y } = placeAt(place, { x: event.clientX - corner.left, y: event.clientY - corner.top });
    cy.pan({ x: cy.width() / 2 - x * zoom, y: cy.height() / 2 - y * zoom });
  };
  canvas.onpointerdown = go;
  canvas.onpointermove = go;
}
