// The graph from the keyboard: the list that mirrors it, the menu of what is selected, moving the view. Beside graph.js.
(function () {
  "use strict";

  const { state, byId, graph, toggle } = window.getaView;
  const STEP = 80; // px that an arrow key moves the view
  const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  let watched = null, waiting = null; // the list that is watched, and the module whose entry takes the focus when it is new

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
    if (to) return to.focus();
    waiting = scope;
    toggle(scope);
  }

  function entries() {
    return [...byId("graph-tree").querySelectorAll(".tree-item")];
  }

  document.addEventListener("focusin", (event) => {
    const item = event.target.closest && event.target.closest(".tree-item");
    if (!item) return;
    for (const other of entries()) other.tabIndex = other === item ? 0 : -1;
    if (watched === byId("graph-tree")) return;
    watched = byId("graph-tree");
    new MutationObserver(renewed).observe(watched, { childList: true, subtree: true });
  });

  function renewed() {
    const items = entries(), lost = document.activeElement === document.body || !document.activeElement;
    const same = items.find((item) => waiting !== null && item.dataset.scope === waiting);
    if (same && lost) same.focus();
    if (items.length && !items.some((item) => item.tabIndex === 0)) items[0].tabIndex = 0;
  }

  // The view

  function moveView(event) {
    const [x, y] = ARROWS[event.key];
    event.preventDefault();
    state.cy.panBy({ x: x * STEP, y: y * STEP });
  }
})();
