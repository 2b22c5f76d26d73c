// Where the graph is looked at from: the first view, what stays still when a module opens, going to a node. Plain
// functions of a Cytoscape graph and the scene that is drawn in it; nothing is kept here.
(function () {
  "use strict";

  const TEXT_PX = 12; // the smallest text of a node, in graph px
  const READABLE = 11 / TEXT_PX; // zoom below which it is under 11 px on screen
  const LARGE = 14 / TEXT_PX; // the least zoom of a presentation
  const TOP = 58; // px at the top that the toolbar covers
  const MARGIN = 22;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  function bottom(cy) {
    return cy.height() - document.querySelector(".graph-legend").offsetHeight - MARGIN;
  }

  // The view that shows all of the graph between toolbar and legend; never under `least` zoom, then from its start.
  function whole(cy, scene, least, most = 1.3) {
    const width = cy.width() - 2 * MARGIN, height = bottom(cy) - TOP;
    const zoom = Math.max(least, Math.min(width / scene.width, height / scene.height, most));
    const x = scene.width * zoom <= width ? (cy.width() - scene.width * zoom) / 2 : startLeft(cy, scene, zoom);
    const spare = height - scene.height * zoom;
    return { zoom, pan: { x, y: TOP + (spare > 0 ? spare / 2 : 0) } };
  }

  function startLeft(cy, scene, zoom) {
    const first = cy.getElementById(Object.values(scene.hosts)[0]);
    const x = first.nonempty() ? first.position("x") : 0;
    const room = cy.width() / 2 - x * zoom;
    return Math.min(MARGIN, Math.max(room, cy.width() - MARGIN - scene.width * zoom));
  }

  function start(cy, scene) {
    cy.viewport(whole(cy, scene, READABLE));
  }

  // The graph in large type, from its start where it does not fit.
  function large(cy, scene) {
    cy.viewport(whole(cy, scene, LARGE, 2));
  }

  function fit(cy, scene) {
    move(cy, whole(cy, scene, cy.minZoom()));
  }

  function move(cy, target) {
    if (calm.matches) cy.viewport(target);
    else cy.animate(target, { duration: 220, easing: "ease-out" });
  }

  function focus(cy, node, sudden) {
    const zoom = Math.max(cy.zoom(), READABLE), at = node.position();
    const pan = { x: cy.width() / 2 - at.x * zoom, y: (cy.height() + TOP) / 2 - at.y * zoom };
    if (sudden) cy.viewport({ zoom, pan });
    else move(cy, { zoom, pan });
  }

  // What `hold` needs to know before a module is opened or closed: where it is, and everything that may stay.
  function grip(cy, node) {
    const places = new Map(cy.nodes(".row").map((row) => [row.id(), row.position("x")]));
    return { x: node.position("x"), wide: node.data("w"), top: top(node), places };
  }

  // Keep the upper edge of what was opened or closed where it was, and what is above and below it on its line: it grows
  // to both sides. Then bring its title into view: up or down in both cases, sideways only where it was closed. What was
  // opened is left where it grew, for its title may be far to the left of what one looks at.
  function hold(cy, node, before) {
    const opened = node.data("w") > before.wide, moved = [];
    for (const row of cy.nodes(".row")) {
      const was = before.places.get(row.id()), is = row.position("x");
      const off = opened ? is - node.position("x") : was - before.x;
      if (was !== undefined && row.id() !== node.id() && Math.abs(off) < Math.max(before.wide, node.data("w")) / 2) moved.push(is - was);
    }
    const aside = moved.length ? moved.sort((a, b) => a - b)[moved.length >> 1] : node.position("x") - before.x;
    cy.panBy({ x: -aside * cy.zoom(), y: (before.top - top(node)) * cy.zoom() });
    const off = outside(cy, head(cy, node));
    cy.panBy({ x: opened ? 0 : off.x, y: off.y });
  }

  function top(node) {
    return node.position("y") - node.data("h") / 2;
  }

  // The part of a row or box, in px on screen, that has its name.
  function head(cy, node) {
    const box = node.renderedBoundingBox({ includeLabels: false });
    return { ...box, x2: Math.min(box.x2, box.x1 + 200 * cy.zoom()), y2: Math.min(box.y2, box.y1 + 44 * cy.zoom()) };
  }

  // How far to move the graph so that a box in px on screen is in view.
  function outside(cy, box) {
    const beyond = (from, to, low, high) => Math.max(low - from, Math.min(0, high - to));
    return { x: beyond(box.x1, box.x2, MARGIN, cy.width() - MARGIN), y: beyond(box.y1, box.y2, TOP, bottom(cy)) };
  }

  function isSeen(cy, node) {
    const off = outside(cy, node.renderedBoundingBox({ includeLabels: false }));
    return off.x === 0 && off.y === 0;
  }

  function keepInView(cy, node) {
    cy.panBy(outside(cy, node.renderedBoundingBox({ includeLabels: false })));
  }

  // The middle of what is not under the toolbar and the legend, in px on screen.
  function middle(cy) {
    return { x: cy.width() / 2, y: (TOP + bottom(cy)) / 2 };
  }

  function showsHead(cy, box) {
    const { x1, y1 } = head(cy, box);
    return x1 > -MARGIN && x1 < cy.width() - 4 * MARGIN && y1 > TOP - MARGIN && y1 < bottom(cy);
  }

  function goToHead(cy, box) {
    const { x1, y1 } = head(cy, box), pan = cy.pan();
    move(cy, { zoom: cy.zoom(), pan: { x: pan.x + MARGIN - x1, y: pan.y + TOP - y1 } });
  }

  window.getaCamera = { start, large, fit, focus, grip, hold, isSeen, keepInView, middle, showsHead, goToHead };
})();
