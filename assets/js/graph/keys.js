// The graph from the keyboard: the list that mirrors it, the menu of what is selected, moving the view. Beside graph.js.
(function () {
  "use strict";

  const { state, byId, graph, toggle } = window.getaView;
  const STEP = 80; // px that an arrow key moves the view
  const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  document.addEventListener("keydown", (event) => {
    if (!event.target.closest || event.ctrlKey || event.metaKey || event.altKey) return;
    const item = event.target.closest(".tree-item");
    if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) openMenu(event, item);
    else if (item) moveInTree(event, item);
    else if (event.target.closest(".graph-focus") && ARROWS[event.key]) moveView(event);
  });

  // The menu

  function openMenu(event, item) {
    const field = event.target.closest("input, textarea, .side, .dock, [role=menu]");
    const node = item ? elementOf(item) : field ? null : chosen();
    if (!node) return;
    event.preventDefault();
    window.getaMenu.open(node, node.renderedPosition());
  }

  function chosen() {
    const found = graph() ? state.cy.nodes(".chosen") : [];
    return found.length ? found[0] : null;
  }

  function elementOf(item) {
    const node = graph() && state.cy.getElementById(item.dataset.shown);
    return node && node.nonempty() ? node : null;
  }

  // The list: arrows move, left and right (or − and +) close and open a module; one entry is in the tab order

  function moveInTree(event, item) {
    const items = entries(), at = items.indexOf(item), scope = item.dataset.scope;
    const to = { ArrowDown: items[at + 1], ArrowUp: items[at - 1], Home: items[0], End: items[items.length - 1] }[event.key];
    const opens = { "+": true, ArrowRight: true, "-": false, ArrowLeft: false }[event.key];
    const turns = scope && opens !== undefined && opens !== (item.getAttribute("aria-expanded") === "true");
    if (!to && !turns) return;
    event.preventDefault();
    if (to) to.focus();
    else toggle(scope);
  }

  function entries() {
    return [...byId("graph-tree").querySelectorAll(".tree-item")];
  }

  // The entry in the tab order: what was focused last.
  function reached() {
    return byId("graph-tree").querySelector(".tree-item[tabindex='0']");
  }

  function reach(item) {
    for (const other of entries()) other.tabIndex = other === item ? 0 : -1;
  }

  document.addEventListener("focusin", (event) => {
    const item = event.target.closest && event.target.closest(".tree-item");
    if (item) reach(item);
  });

  // The list anew. The same entry is in the tab order, and has the focus if it had it; where it is gone, the module
  // around it or else the first entry.
  function tell(twin) {
    const list = byId("graph-tree"), held = list.contains(document.activeElement), names = around(reached());
    window.getaPlain.fill(list, twin);
    const items = entries(), same = (name) => items.find((item) => item.dataset.shown === name);
    const item = names.map(same).find(Boolean) || items[0];
    if (!item) return;
    reach(item);
    if (held) item.focus();
  }

  // What an entry stands for, and the modules around it, innermost first.
  function around(item) {
    const names = [];
    for (let place = item && item.closest("li"); place; place = place.parentElement.closest("li")) names.push(place.firstElementChild.dataset.shown);
    return names;
  }

  // The view

  function moveView(event) {
    const [x, y] = ARROWS[event.key];
    event.preventDefault();
    state.cy.panBy({ x: x * STEP, y: y * STEP });
  }

  window.getaKeys = { reached, tell };
})();
