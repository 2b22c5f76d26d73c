// The overview map: the whole graph in small, and the part of it that is on screen.
(function () {
  "use strict";

  const MARGIN = 6;
  let place = null; // how the graph lies on the map

  function draw(cy, scene) {
    const canvas = document.getElementById("graph-map"), view = cy.extent();
    const inside = view.x1 <= 0 && view.y1 <= 0 && view.x2 >= scene.width && view.y2 >= scene.height;
    canvas.classList.toggle("on", !inside);
    if (inside) return;
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio)) { canvas.width = width * ratio; canvas.height = height * ratio; }
    const pen = canvas.getContext("2d");
    const scale = Math.min((width - 2 * MARGIN) / scene.width, (height - 2 * MARGIN) / scene.height);
    const shift = { x: (width - scene.width * scale) / 2, y: (height - scene.height * scale) / 2 };
    place = { scale, shift };
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const box = (node) => [shift.x + (node.position("x") - node.data("w") / 2) * scale, shift.y + (node.position("y") - node.data("h") / 2) * scale,
      Math.max(1, node.data("w") * scale), Math.max(1, node.data("h") * scale)];
    pen.strokeStyle = "rgba(128,140,160,.5)";
    cy.nodes(".box").forEach((node) => pen.strokeRect(...box(node)));
    cy.nodes(".row").forEach((node) => { pen.fillStyle = node.style("border-color"); pen.fillRect(...box(node)); });
    pen.strokeStyle = getComputedStyle(canvas).getPropertyValue("color");
    pen.lineWidth = 1.5;
    pen.strokeRect(shift.x + view.x1 * scale, shift.y + view.y1 * scale, view.w * scale, view.h * scale);
  }

  // Press or drag on the map to go there.
  function attach(cy) {
    const canvas = document.getElementById("graph-map");
    const go = (event) => {
      if (!event.buttons || !place) return;
      const at = canvas.getBoundingClientRect(), zoom = cy.zoom();
      const x = (event.clientX - at.left - place.shift.x) / place.scale, y = (event.clientY - at.top - place.shift.y) / place.scale;
      cy.pan({ x: cy.width() / 2 - x * zoom, y: cy.height() / 2 - y * zoom });
    };
    canvas.onpointerdown = go;
    canvas.onpointermove = go;
  }

  window.getaMap = { draw, attach };
})();
