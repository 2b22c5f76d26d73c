// The graph beside: moves with the one on screen, and marks on both what differs.
(function () {
  "use strict";

  let scene = null, known = null, following = false;
  const view = () => window.getaView;
  const DIFFERENT = "changed gone new";

  function other() {
    const holder = view().byId("graph-other");
    const cy = holder && holder._cyreg ? holder._cyreg.cy : null;
    if (cy && cy !== known) attach(cy);
    return cy;
  }

  function attach(cy) {
    known = cy;
    cy.off("resize viewport"); // Dash would compare all elements at every frame of a drag
    cy.on("tap", ".toggle", (event) => view().toggle(event.target.data("scope")));
    cy.on("dbltap", ".row.scope, .box", (event) => view().toggle(view().scopeOf(event.target)));
    cy.on("tap", "node", (event) => tapped(event.target));
    cy.on("mouseover", ".row", (event) => view().showTip(event.target, view().byId("graph-other").getBoundingClientRect().left - view().byId("graph-panel").getBoundingClientRect().left));
    cy.on("mouseout", ".row", () => view().hideTip());
    new ResizeObserver(() => cy.resize()).observe(view().byId("graph-other"));
    const main = view().graph();
    main.on("viewport", () => follow(main, cy));
    cy.on("viewport", () => follow(cy, main));
  }

  function follow(leader, follower) {
    if (following || !scene) return;
    following = true;
    follower.viewport({ zoom: leader.zoom(), pan: { ...leader.pan() } });
    following = false;
  }

  // A tap here selects what it means in the graph on screen, as `tapped` of graph.js does there.
  function tapped(node) {
    if (node.hasClass("toggle")) return;
    if (node.hasClass("diamond") || node.hasClass("pill")) return chooseQuantizer(node.data("quantizers"));
    if (node.hasClass("box")) return node.hasClass("branch") ? chooseQuantizer([node.data("quantizer")]) : chooseScope(node);
    const twin = twinOf(node.data("host") ? known.getElementById(node.data("host")) : node);
    if (node.hasClass("tag")) chooseGroup(twin);
    else if (twin) view().tapped(twin);
    else if (node.hasClass("scope")) chooseScope(node);
  }

  // The row of the graph on screen that stands for the same as a row here, or null.
  function twinOf(row) {
    const { hosts } = view().state.scene, node = (row.data("nodes") || []).map((id) => scene.pairs[id]).find((id) => id in hosts);
    const twin = node && view().graph().getElementById(hosts[node]);
    return twin && twin.nonempty() ? twin : null;
  }

  function chooseQuantizer(ids) {
    const id = ids.map((own) => scene.quantizers[own]).find(Boolean);
    if (id) view().choose({ kind: "quantizer", id });
  }

  function chooseGroup(row) {
    const group = row && row.data("group");
    if (group !== null) view().choose({ kind: "group", id: group });
  }

  function chooseScope(node) {
    view().choose({ kind: "scope", id: view().scopeOf(node) });
  }

  function whenDrawn(wanted, act) {
    const started = performance.now();
    (function look() {
      if (scene !== wanted) return;
      const main = view().graph(), cy = main && other();
      const there = (graph, hosts) => graph && Object.values(hosts).every((id) => graph.getElementById(id).nonempty());
      if (there(cy, wanted.hosts) && main && Object.keys(wanted.left).every((id) => main.getElementById(id).nonempty())) return act(main, cy);
      if (performance.now() - started < 8000) requestAnimationFrame(look);
    })();
  }

  // The graph on screen has another width.
  function resized() {
    const { graph, state } = view(), cy = graph();
    if (!cy) return;
    cy.resize();
    if (state.scene) window.getaCamera.start(cy, state.scene);
  }

  function mark(main, cy) {
    main.batch(() => {
      main.nodes(".row").removeClass(DIFFERENT);
      for (const [id, kind] of Object.entries(scene.left)) main.getElementById(id).addClass(kind);
    });
    cy.nodes().panify();
    const shown = scene;
    requestAnimationFrame(() => { // after the view that a narrower graph starts with
      if (scene !== shown) return;
      startBelowTitle(main);
      follow(main, cy);
      view().byId("graph-panel").dataset.beside = scene.model;
    });
  }

  // The title hangs lower than the toolbar, under which a graph starts.
  function startBelowTitle(main) {
    const title = document.querySelector(".graph-other-what"), low = title.offsetTop + title.offsetHeight + 4;
    const first = Math.min(...main.nodes(".row").map((row) => row.renderedBoundingBox({ includeLabels: false, includeOverlays: false }).y1));
    if (first < low && first > title.offsetTop - title.offsetHeight) main.panBy({ x: 0, y: low - first });
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.getaBeside = {
    scene(drawn) {
      const panel = view().byId("graph-panel"), split = Boolean(drawn);
      scene = split && drawn.hosts ? drawn : null;
      if (panel.classList.contains("beside") !== split) {
        panel.classList.toggle("beside", split);
        requestAnimationFrame(resized);
      }
      if (!scene) {
        delete panel.dataset.beside;
        if (view().graph()) view().graph().nodes(".row").removeClass(DIFFERENT);
      } else whenDrawn(scene, mark);
      return "";
    },
  };
})();
