// What can be done with the graph or a node: the menu of a right click, saving, presenting. Beside graph.js, which draws.
(function () {
  "use strict";

  const { state, byId, setProps, graph, fit, tapped, toggle, choose, scopeOf, hideTip } = window.getaView;

  // Saving: pictures of all that is drawn, and the texts the server writes

  function save(cy, kind) {
    if (!state.scene) return;
    const bg = getComputedStyle(byId("graph-panel")).backgroundColor, name = `${state.scene.model}-graph.${kind}`;
    if (kind === "png") {
      const most = 8000 / Math.max(state.scene.width, state.scene.height, 1);
      return download(cy.png({ full: true, output: "blob", scale: Math.min(2, most), bg }), name);
    }
    if (kind === "svg") return download(new Blob([cy.svg({ full: true, scale: 1, bg })], { type: "image/svg+xml" }), name);
    const query = new URLSearchParams((state.scene.scopes || []).map((scope) => ["open", scope]));
    query.append("stage", state.stage === "compact" ? "groups" : state.stage); // the same nodes and edges
    query.append("shape", Boolean(state.scene.shape));
    download(`/api/models/${encodeURIComponent(state.scene.model)}/graph.${kind}${kind === "dot" ? `?${query}` : ""}`, name);
  }

  function download(what, name) {
    const link = document.createElement("a"), own = typeof what !== "string";
    link.href = own ? URL.createObjectURL(what) : what;
    link.download = name;
    link.click();
    if (own) setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Presenting: the graph alone, in large type

  function present() {
    const on = document.body.classList.toggle("presenting");
    if (on && document.documentElement.requestFullscreen) document.documentElement.requestFullscreen().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen();
    setTimeout(() => { const cy = graph(); if (cy) { cy.resize(); fit(cy); } }, 250);
  }

  // The menu of a node

  function openMenu(node, at) {
    const owner = node.data("host") ? state.cy.getElementById(node.data("host")) : node;
    const menu = byId("graph-menu"), scope = owner.id().startsWith("scope:") ? scopeOf(owner) : null;
    const name = scope || (owner.data("tip") || [])[0] || "";
    const quantizer = owner.data("quantizer") || (owner.data("weights") || [])[0];
    const group = owner.data("group");
    const entries = [
      ["Inspect", () => tapped(owner)],
      scope !== null && [owner.hasClass("box") ? "Close" : "Open", () => toggle(scope)],
      group !== null && group !== undefined && [`Show group g${group}`, () => choose({ kind: "group", id: group })],
      quantizer && ["Set bits", () => setBits(quantizer)],
      name && ["Copy name", () => copy(name)],
      ["Copy link to this", () => { tapped(owner); setTimeout(() => copy(location.href), 300); }],
    ].filter(Boolean);
    menu.replaceChildren(...entries.map(([text, act]) => {
      const item = Object.assign(document.createElement("button"), { className: "menu-item", textContent: text });
      item.setAttribute("role", "menuitem");
      item.onclick = () => { closeMenu(); act(); };
      return item;
    }));
    menu.hidden = false;
    const panel = byId("graph-panel").getBoundingClientRect();
    menu.style.left = `${Math.min(at.x, panel.width - menu.offsetWidth - 6)}px`;
    menu.style.top = `${Math.min(at.y, panel.height - menu.offsetHeight - 6)}px`;
    clearTimeout(state.hover);
    hideTip();
    menu.firstChild.focus();
  }

  function closeMenu() {
    const menu = byId("graph-menu");
    if (menu) menu.hidden = true;
  }

  function copy(text) {
    navigator.clipboard.writeText(text).catch(() => {});
  }

  function setBits(quantizer) {
    setProps("side-tabs", { value: "configure" });
    setProps("bits-grid", { filterModel: { layer: { filterType: "text", type: "contains", filter: state.scene.layers[quantizer] } } });
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closeMenu();
      if (document.body.classList.contains("presenting")) present();
    }
    moveInMenu(event);
  });
  function moveInMenu(event) {
    const items = [...byId("graph-menu")?.children || []], at = items.indexOf(document.activeElement);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (at < 0 || !by) return;
    event.preventDefault();
    items[(at + by + items.length) % items.length].focus();
  }
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && document.body.classList.contains("presenting")) present();
  });

  window.getaMenu = { open: openMenu, close: closeMenu, save, present };
})();
