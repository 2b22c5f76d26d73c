// What can be done with the graph or a node: the menu of a right click, saving, presenting. Beside graph.js, which draws.
(function () {
  "use strict";

  const { state, byId, setProps, graph, tapped, toggle, choose, scopeOf, hideTip } = window.getaView;

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

  // Presenting: the graph alone, in large type; what was on screen before comes back afterwards

  let before = null;

  function present() {
    const cy = graph(), on = document.body.classList.toggle("presenting");
    if (on && cy) before = { zoom: cy.zoom(), pan: { ...cy.pan() } };
    if (on && document.documentElement.requestFullscreen) document.documentElement.requestFullscreen().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen();
    setTimeout(() => {
      if (!cy) return;
      cy.resize();
      if (!on) cy.viewport(before);
      else if (state.scene) window.getaCamera.large(cy, state.scene);
    }, 250);
  }

  // The menu of a node, or of a quantizer's mark

  let back = null; // what had the focus before the menu

  function openMenu(node, at) {
    const host = node.data("host") ? state.cy.getElementById(node.data("host")) : node;
    const marked = (node.data("quantizers") || [])[0], owner = marked ? node : host;
    const menu = byId("graph-menu"), scope = owner.id().startsWith("scope:") && !marked ? scopeOf(owner) : null;
    const name = marked || scope || (owner.data("tip") || [])[0] || "";
    const quantizer = marked || owner.data("quantizer") || (owner.data("weights") || [])[0];
    const group = host.data("group");
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
      item.tabIndex = -1;
      item.onclick = () => { closeMenu(); act(); };
      return item;
    }));
    if (menu.hidden) back = document.activeElement;
    menu.hidden = false;
    const panel = byId("graph-panel").getBoundingClientRect();
    menu.style.left = `${Math.max(6, Math.min(at.x, panel.width - menu.offsetWidth - 6))}px`;
    menu.style.top = `${Math.max(6, Math.min(at.y, panel.height - menu.offsetHeight - 6))}px`;
    clearTimeout(state.hover);
    hideTip();
    menu.firstChild.focus();
  }

  // Close it, and give the focus back where it came from; whether there was one to close.
  function closeMenu() {
    const menu = byId("graph-menu");
    if (!menu || menu.hidden) return false;
    const held = menu.contains(document.activeElement);
    menu.hidden = true;
    if (held) origin()?.focus();
    return true;
  }

  // What had the focus; an entry of the list may be another since, as may a crumb.
  function origin() {
    if (!back || back.isConnected) return back;
    return back.matches(".tree-item") ? window.getaKeys.reached() : document.querySelector(".graph-focus");
  }

  // A page from another machine over plain http has no clipboard: there the browser copies what is selected.
  function copy(text) {
    if (!navigator.clipboard) return copySelected(text);
    navigator.clipboard.writeText(text).catch(() => copySelected(text));
  }

  function copySelected(text) {
    const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    const held = document.activeElement;
    field.style.cssText = "position: fixed; top: 0; opacity: 0";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    if (held) held.focus();
  }

  function setBits(quantizer) {
    setProps("side-tabs", { value: "configure" });
    const layer = { filterType: "text", type: "contains", filter: `"${state.scene.layers[quantizer]}"` };
    setProps("bits-grid", { filterModel: { layer }, selectedRows: { ids: [quantizer] } });
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave(event);
    else moveInMenu(event);
  }, true); // before a menu or a list that Escape closes has closed, so that presenting goes on

  function leave(event) {
    if (closeMenu() || !document.body.classList.contains("presenting")) return;
    if (!event.target.closest?.("[role=menu], input[aria-expanded=true]")) present();
  }

  function moveInMenu(event) {
    const items = [...byId("graph-menu")?.children || []], at = items.indexOf(document.activeElement);
    if (at < 0) return;
    if (event.key === "Tab") return closeMenu();
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    items[(to + items.length) % items.length].focus();
  }

  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && document.body.classList.contains("presenting")) present();
  });

  window.getaMenu = { open: openMenu, close: closeMenu, save, present };
})();
