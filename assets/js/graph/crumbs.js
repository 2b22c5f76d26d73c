// The names of the modules that are looked into while their titles are out of view; a press goes to the title.

import { goToHead, middle, showsHead } from "./camera.js";
import { trailAt } from "./crumb_trail.js";
import { byId, focusable, scopeOf } from "./dom.js";

let lastTrail = "";

/** Show the crumbs for the view of a graph. */
export function draw(cy) {
  const holder = byId("graph-crumbs"), boxes = around(cy);
  const titles = boxes.map((box) => cy.getElementById(`${box.id()}|toggle`).data("label"));
  const wanted = JSON.stringify(boxes.map((box, at) => [box.id(), titles[at]]));
  if (!holder || wanted === lastTrail) return;
  lastTrail = wanted;
  const held = holder.contains(document.activeElement);
  holder.replaceChildren(...boxes.map((box, at) => crumb(cy, box, titles[at])));
  if (held) focusable().focus(); // a crumb that is pressed has done its work
}

function crumb(cy, box, title) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "graph-crumb", textContent: title });
  button.title = `Go to the title of ${scopeOf(box)}`;
  button.onclick = () => goToHead(cy, cy.getElementById(box.id()));
  return button;
}

function around(cy) {
  const zoom = cy.zoom();
  const boxes = cy.nodes(".box").map((box) => ({
    box, ...box.renderedPosition(), wide: box.data("w") * zoom, high: box.data("h") * zoom, titled: showsHead(cy, box),
  }));
  return trailAt(middle(cy), boxes).map(({ box }) => box);
}
