// The graph in the browser: live values, hover, selection, search. All of it without a new layout.
(function () {
  "use strict";

  const HOVER_AFTER = 10, TIP_AFTER = 170; // ms: the group lights up at once, words come when the pointer stays
  const SOME = 300, MANY = 4000; // elements above which a moving view is drawn as a picture, and above which without edges

  const state = {
    cy: null, scene: null, shown: null, now: null, overlay: "group", stage: "groups", bits: null, scheme: "light", run: null,
    selection: null, query: "", matches: [], at: -1, hover: null, held: null, count: 0, telling: null, painted: false,
    entered: 0, pending: null, // Enters in the search box, and the steps asked for before the matches of what is written are there
  };
  const camera = () => window.getaCamera;
  const byId = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  function graph() {
    const holder = byId("graph");
    const cy = holder && holder._cyreg ? holder._cyreg.cy : null;
    if (cy && cy !== state.cy) attach(cy);
    return cy;
  }

  function attach(cy) {
    state.cy = cy;
    cy.off("resize viewport"); // Dash would compare all elements at every frame of a drag
    cy.on("dbltap", ".row.scope, .box", (event) => toggle(scopeOf(event.target)));
    cy.on("tap", ".toggle", (event) => toggle(event.target.data("scope")));
    cy.on("tap", (event) => (event.target === cy ? choose(null) : tapped(event.target)));
    cy.on("mouseover", "node", (event) => over(event.target, event.renderedPosition));
    cy.on("mouseout", "node", out);
    cy.on("cxttap", "node", (event) => window.getaMenu.open(event.target, event.renderedPosition));
    cy.on("tap viewport", () => window.getaMenu.close());
    cy.on("viewport resize", () => { hideTip(); drawMap(); });
    new ResizeObserver(() => { cy.resize(); drawMap(); }).observe(byId("graph"));
    window.getaMap.attach(cy);
  }

  // Drawing

  function whenDrawn(scene, act) {
    const started = performance.now();
    (function look() {
      if (state.scene !== scene) return;
      const cy = graph();
      const ready = cy && Object.values(scene.hosts).every((id) => cy.getElementById(id).nonempty());
      const stale = ready && cy.nodes(".row").some((node) => !hostsOf(scene).has(node.id()));
      if (ready && !stale) return act(cy);
      if (performance.now() - started < 8000) requestAnimationFrame(look);
    })();
  }

  const hostSets = new WeakMap();
  function hostsOf(scene) {
    if (!hostSets.has(scene)) hostSets.set(scene, new Set(Object.values(scene.hosts)));
    return hostSets.get(scene);
  }

  function aim(cy, scene) {
    const anchor = cy.getElementById(scene.anchor || ""), chosen = chosenNode(cy);
    if (state.shown === scene.model && scene.focus) return focus(cy, scene.hosts[scene.focus], true);
    if (state.shown !== scene.model || !scene.anchor) return camera().start(cy, scene);
    if (!state.held || anchor.empty()) return;
    camera().hold(cy, anchor, state.held);
    if (state.held.seen && chosen.nonempty()) camera().keepInView(cy, chosen);
  }

  function drawn(cy, scene) {
    cy.nodes().panify();
    const count = cy.elements().length, renderer = cy.renderer();
    renderer.hideEdgesOnViewport = count > MANY;
    renderer.textureOnViewport = count > SOME;
    aim(cy, scene);
    state.shown = scene.model;
    state.held = null;
    paintAll();
    showChosen();
    showMatches();
    drawMap();
    byId("graph-panel").dataset.drawn = scene.model;
    byId("graph-panel").dataset.draws = String(Number(byId("graph-panel").dataset.draws || 0) + 1);
    clearTimeout(state.telling);
    state.telling = setTimeout(() => setProps("graph-told", { data: Number(byId("graph-panel").dataset.draws) }), 700);
    if (!state.painted) {
      state.painted = true;
      // the picture first: what mounts now loads Plotly, which holds the page for a second
      requestAnimationFrame(() => setTimeout(() => window.dash_clientside.set_props("painted", { data: true }), 200));
    }
    byId("graph-panel").dataset.nodes = String(cy.nodes(".row").length);
  }

  // What is selected, or what stands for it on screen.
  function chosenNode(cy) {
    const { selection, scene } = state;
    if (!selection || !scene || selection.kind === "group") return cy.collection();
    const node = selection.kind === "quantizer" ? scene.readers[selection.id] : selection.id;
    const closed = cy.getElementById(`scope:${selection.id}`);
    return closed.nonempty() ? closed : cy.getElementById(scene.hosts[node] || "");
  }

  function focus(cy, id, sudden) {
    const node = cy.getElementById(id);
    if (node.nonempty()) camera().focus(cy, node, sudden);
  }

  function command(action, more) {
    state.count += 1;
    setProps("graph-command", { data: { action, count: `${Date.now()}-${state.count}`, ...more } });
  }

  function scopeOf(node) {
    return node.id().replace(/^scope:/, "");
  }

  function toggle(scope) {
    const cy = graph(), node = cy.getElementById(`scope:${scope}`);
    if (node.nonempty()) {
      const chosen = chosenNode(cy);
      state.held = { ...camera().grip(cy, node), seen: chosen.nonempty() && camera().isSeen(cy, chosen) };
    }
    command("toggle", { scope });
  }

  // Live values

  function bitsOf(quantizer) {
    if (state.now && quantizer in state.now.bits) return state.now.bits[quantizer];
    if (!state.bits) return null;
    const own = state.bits.layers[quantizer] || state.bits.default;
    return typeof own[1] === "number" ? own[1] : null;
  }

  function written(value) {
    return Number.isInteger(value) ? String(value) : value.toFixed(1).replace(/\.0$/, "");
  }

  // Styles are computed anew for every element whose data is written: write what differs alone.
  function write(element, values) {
    const known = element.data();
    if (Object.keys(values).some((key) => known[key] !== values[key])) element.data(values);
  }

  function mark(node) {
    const bits = node.data("quantizers").map(bitsOf).filter((value) => value !== null);
    const letter = node.data("mark");
    if (!bits.length) return write(node, { label: letter, wide: 0, across: 40 });
    const low = Math.min(...bits), high = Math.max(...bits);
    const same = high - low < 0.05;
    const label = same ? letter + written(high) : `${letter}${Math.round(low)}–${Math.round(high)}`;
    write(node, { label, wide: label.length > 4 ? 1 : 0, across: Math.max(40, 20 + 8 * label.length) });
  }

  function shares(groups) {
    const sum = [0, 0, 0];
    for (const group of groups) {
      const counts = state.now && state.now.groups[group];
      if (!counts) return null;
      for (let i = 0; i < 3; i += 1) sum[i] += counts[i];
    }
    return sum[0] + sum[1] + sum[2] > 0 ? sum : null;
  }

  function bar(node) {
    const sum = shares(node.data("outputs"));
    if (!sum) return write(node, { on: 0, label: node.data("detail") });
    const total = sum[0] + sum[1] + sum[2], a = (100 * sum[0]) / total, b = (100 * (sum[0] + sum[1])) / total;
    const stops = `0 ${a.toFixed(2)} ${a.toFixed(2)} ${b.toFixed(2)} ${b.toFixed(2)} 100`;
    const cut = state.stage === "compact" && sum[2] > 0;
    const label = cut ? `${total} → ${total - sum[2]} units` : node.data("detail");
    write(node, { on: 1, stops, label });
    const row = state.cy.getElementById(node.data("host"));
    if (cut) {
      const kept = (100 * (total - sum[2])) / total;
      write(row, { cut: `0 3.2 3.2 ${kept.toFixed(2)} ${kept.toFixed(2)} 100` });
    } else if (row.data("cut") !== undefined) row.removeData("cut");
  }

  function paintAll() {
    const cy = graph();
    if (!cy || !state.scene) return;
    cy.batch(() => {
      cy.nodes(".diamond, .pill").forEach(mark);
      cy.nodes(".bar").forEach(bar);
      window.getaOverlay.paint(cy);
    });
    for (const span of document.querySelectorAll("[data-zero-of]")) {
      const counts = state.now && state.now.groups[span.dataset.zeroOf];
      span.textContent = counts && counts[2] ? `${span.dataset.size}−${counts[2]}` : span.dataset.size;
    }
  }

  // Hover, selection, search

  function light(groups) {
    const cy = graph(), wanted = (groups || []).join();
    if (!cy || (cy.lit === wanted && cy.litScene === state.scene)) return;
    Object.assign(cy, { lit: wanted, litScene: state.scene });
    const chosen = new Set(groups || []), lit = new Set();
    const look = (element, own, on) => {
      element.toggleClass("faded", chosen.size > 0 && !on);
      if (own) element.toggleClass(own, on);
    };
    const isMember = (row) => (row.data("groups") || []).some((group) => chosen.has(group));
    if (!cy.nodes(".row").some(isMember)) chosen.clear(); // the model has no such group: nothing stands out
    cy.batch(() => {
      cy.nodes(".row").forEach((row) => {
        const on = isMember(row);
        if (on) lit.add(row.id());
        look(row, "member", on);
      });
      cy.edges().forEach((edge) => {
        const on = lit.has(edge.target().id()) && edge.data("groups").some((group) => chosen.has(group));
        if (on) lit.add(edge.id());
        look(edge, "lit", on);
      });
      cy.nodes(".part").forEach((part) => { if (!part.hasClass("close")) look(part, null, lit.has(part.data("host"))); });
    });
  }

  function over(node, at) {
    const host = node.data("host") ? state.cy.getElementById(node.data("host")) : node;
    const owner = host.isEdge && host.isEdge() ? node : host;
    byId("graph").style.cursor = owner.hasClass("box") ? "" : "pointer";
    clearTimeout(state.hover);
    if (!owner.hasClass("row") || !byId("graph-menu").hidden) return;
    const groups = owner.data("group") === null ? [] : [owner.data("group")];
    state.hover = setTimeout(() => { light(groups); state.hover = setTimeout(() => showTip(owner), TIP_AFTER); }, HOVER_AFTER);
  }

  function out() {
    byId("graph").style.cursor = "";
    clearTimeout(state.hover);
    state.hover = setTimeout(() => { hideTip(); light(chosenGroups()); }, 90);
  }

  // `shift` is how far the graph that the node is in stands from the panel's left edge.
  function showTip(node, shift = 0) {
    const tip = byId("graph-tip"), box = node.renderedBoundingBox({ includeLabels: false });
    const lines = node.data("tip").filter(Boolean).map((line) => { const p = document.createElement("p"); p.textContent = line; return p; });
    tip.replaceChildren(...lines);
    tip.classList.add("on");
    const panel = byId("graph-panel").getBoundingClientRect();
    const right = shift + box.x2 + 12 + tip.offsetWidth < panel.width;
    tip.style.left = `${right ? shift + box.x2 + 12 : Math.max(4, shift + box.x1 - 12 - tip.offsetWidth)}px`;
    tip.style.top = `${Math.max(4, Math.min(box.y1, panel.height - tip.offsetHeight - 6))}px`;
  }

  function hideTip() {
    byId("graph-tip").classList.remove("on");
  }

  function tapped(node) {
    if (node.hasClass("toggle")) return;
    if (node.hasClass("diamond") || node.hasClass("pill")) return choose({ kind: "quantizer", id: node.data("quantizers")[0] });
    if (node.hasClass("tag")) return choose({ kind: "group", id: node.data("group") });
    if (node.data("quantizer")) return choose({ kind: "quantizer", id: node.data("quantizer") });
    if (node.hasClass("branch")) return;
    if (node.hasClass("box") || node.hasClass("scope")) return choose({ kind: "scope", id: scopeOf(node) });
    if (node.hasClass("row") && !node.hasClass("parameter")) choose({ kind: "node", id: node.data("nodes")[0] });
  }

  function choose(selection) {
    setProps("selection", { data: selection });
    if (selection) setProps("side-tabs", { value: "inspect" });
  }

  function chosenGroups() {
    return state.selection && state.selection.kind === "group" ? [Number(state.selection.id)] : [];
  }

  function showChosen() {
    const cy = graph();
    if (!cy || !state.scene) return;
    const chosen = state.selection;
    cy.batch(() => {
      cy.elements(".chosen").removeClass("chosen");
      if (!chosen) return;
      if (chosen.kind === "node") cy.getElementById(state.scene.hosts[chosen.id] || "").addClass("chosen");
      if (chosen.kind === "scope") cy.getElementById(`scope:${chosen.id}`).addClass("chosen");
      if (chosen.kind === "quantizer") cy.nodes(".diamond, .pill").filter((n) => n.data("quantizers").includes(chosen.id)).addClass("chosen");
      if (chosen.kind === "quantizer") cy.nodes(".row, .box").filter((n) => n.data("quantizer") === chosen.id).addClass("chosen");
    });
    light(chosenGroups());
  }

  function reveal(node) {
    const cy = graph();
    if (!cy || !state.scene) return;
    const host = state.scene.hosts[node];
    if (!host) return;
    if (host.startsWith("scope:")) command("reveal", { node });
    else focus(cy, host);
  }

  // Go to a group of which nothing is on screen.
  function bringIntoView(group) {
    const cy = graph();
    if (!cy) return;
    const view = cy.extent(), rows = cy.nodes(".row").filter((row) => row.data("groups").includes(group));
    const seen = rows.some((row) => { const at = row.position(); return at.x > view.x1 && at.x < view.x2 && at.y > view.y1 && at.y < view.y2; });
    if (rows.nonempty() && !seen) focus(cy, rows[0].id());
  }

  function stepBy(steps) {
    if (state.matches.length) {
      state.at = (state.at + steps) % state.matches.length;
      const id = state.matches[state.at];
      reveal(id);
      choose({ kind: "node", id });
    }
    showMatches();
  }

  function showMatches() {
    const cy = graph(), hosts = state.scene ? state.scene.hosts : {};
    if (!cy) return;
    cy.batch(() => {
      cy.elements(".match, .current").removeClass("match current");
      state.matches.forEach((id) => cy.getElementById(hosts[id] || "").addClass("match"));
      if (state.at >= 0) cy.getElementById(hosts[state.matches[state.at]] || "").addClass("current");
    });
    const total = state.matches.length, box = byId("graph-match-count");
    box.textContent = !state.query ? "" : state.at >= 0 ? `${state.at + 1} / ${total}` : total ? `${total}` : "none";
  }

  function drawMap() {
    if (!state.cy || !state.scene || !byId("graph-map")) return;
    window.getaMap.draw(state.cy, state.scene);
    window.getaCrumbs.draw(state.cy);
  }

  // The page around the graph: buttons, legend, the list, links in the inspector

  function press(action) {
    const cy = graph();
    if (!cy || !state.scene) return;
    const middle = { x: cy.width() / 2, y: cy.height() / 2 };
    if (action === "fit") camera().fit(cy, state.scene);
    else if (action === "in") cy.zoom({ level: cy.zoom() * 1.25, renderedPosition: middle });
    else if (action === "out") cy.zoom({ level: cy.zoom() / 1.25, renderedPosition: middle });
    else if (action.startsWith("save-")) window.getaMenu.save(cy, action.slice(5));
    else if (action.startsWith("beside-")) setProps("graph-beside", { data: action.slice(7) });
    else if (action === "present") window.getaMenu.present();
    else if (action === "legend") byId("graph-legend").parentElement.classList.toggle("folded");
    else command(action, {});
  }

  function link(element) {
    const { kind, id } = element.dataset;
    choose({ kind, id: kind === "group" ? Number(id) : id });
    if (kind === "node") reveal(id);
    if (kind === "group") bringIntoView(Number(id));
    if (kind === "quantizer" && state.scene) reveal(state.scene.readers[id]);
  }

  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-graph], [data-kind]");
    if (!element || element.disabled) return;
    if (element.dataset.graph) press(element.dataset.graph);
    else link(element);
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "graph-search") state.pending = null; // Enter was for what was written then
  });
  document.addEventListener("mouseover", (event) => {
    const element = event.target.closest(".legend-group");
    if (element) light([Number(element.dataset.id)]);
  });
  document.addEventListener("mouseout", (event) => {
    if (event.target.closest(".legend-group")) light(chosenGroups());
  });

  // for graph_beside.js, graph_keys.js, graph_menu.js and graph_overlay.js
  window.getaView = {
    state, byId, setProps, graph, tapped, toggle, choose, scopeOf, showTip, hideTip, bitsOf, shares, write, written,
  };
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.getaGraph = {
    scene(scene) {
      if (scene && scene.legend) window.getaPlain.fill(byId("graph-legend"), scene.legend);
      if (scene) { state.scene = scene; whenDrawn(scene, (cy) => drawn(cy, scene)); }
      return "";
    },
    tell(twin) {
      if (twin) window.getaKeys.tell(twin);
      return "";
    },
    paint(now, kind, stage, bits, scheme, run) {
      Object.assign(state, { now, overlay: kind, stage, bits, scheme, run });
      byId("graph-panel").dataset.stage = stage;
      paintAll();
      setTimeout(drawMap, 60);
      return "";
    },
    restyled() {
      setTimeout(drawMap, 60); // the map takes its colours from what is drawn
      return "";
    },
    choose(selection) {
      state.selection = selection || null;
      showChosen();
      return "";
    },
    match(found) {
      const current = found && found.query === state.query ? state.matches[state.at] : undefined;
      state.matches = found ? found.nodes : [];
      state.query = found ? found.query : "";
      state.at = state.matches.indexOf(current);
      const steps = state.pending && state.pending.query === state.query ? state.pending.steps : 0;
      if (steps) { state.pending = null; stepBy(steps); } else showMatches();
      return "";
    },
    step(times) {
      const steps = times - state.entered, query = byId("graph-search").value; // Dash may tell of two Enters at once
      state.entered = times;
      if (steps > 0 && query === state.query) stepBy(steps);
      else if (steps > 0) state.pending = { query, steps: state.pending ? state.pending.steps + steps : steps };
      return "";
    },
  };
})();
