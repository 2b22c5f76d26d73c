// Which modules one looks into where their titles are out of view, outermost first; a press goes to the title.
(function () {
  "use strict";

  let shown = "";

  function draw(cy) {
    const holder = document.getElementById("graph-crumbs"), boxes = around(cy), wanted = boxes.map((box) => box.id()).join("\n");
    if (!holder || wanted === shown) return;
    shown = wanted;
    holder.replaceChildren(...boxes.map((box) => {
      const text = cy.getElementById(`${box.id()}|toggle`).data("label");
      const crumb = Object.assign(document.createElement("button"), { type: "button", className: "graph-crumb", textContent: text });
      crumb.title = `Go to the title of ${box.id().replace(/^scope:/, "")}`;
      crumb.onclick = () => window.getaCamera.goToHead(cy, cy.getElementById(box.id()));
      return crumb;
    }));
  }

  function around(cy) {
    const { x, y } = window.getaCamera.middle(cy);
    return cy.nodes(".box").filter((box) => {
      const at = box.renderedPosition(), wide = box.data("w") * cy.zoom(), high = box.data("h") * cy.zoom();
      return Math.abs(x - at.x) < wide / 2 && Math.abs(y - at.y) < high / 2 && !window.getaCamera.showsHead(cy, box);
    }).sort((one, other) => other.data("w") - one.data("w")); // the outer is the wider
  }

  window.getaCrumbs = { draw };
})();
