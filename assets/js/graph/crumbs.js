// Which modules one looks into where their titles are out of view, outermost first; a press goes to the title.
(function () {
  "use strict";

  let shown = "";

  function draw(cy) {
    const holder = document.getElementById("graph-crumbs"), boxes = around(cy);
    const titles = boxes.map((box) => cy.getElementById(`${box.id()}|toggle`).data("label"));
    const wanted = JSON.stringify(boxes.map((box, at) => [box.id(), titles[at]]));
    if (!holder || wanted === shown) return;
    shown = wanted;
    const held = holder.contains(document.activeElement);
    holder.replaceChildren(...boxes.map((box, at) => {
      const crumb = Object.assign(document.createElement("button"), { type: "button", className: "graph-crumb", textContent: titles[at] });
      crumb.title = `Go to the title of ${box.id().replace(/^scope:/, "")}`;
      crumb.onclick = () => window.getaCamera.goToHead(cy, cy.getElementById(box.id()));
      return crumb;
    }));
    if (held) document.querySelector(".graph-focus").focus(); // a crumb that is pressed has done its work
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
