// Overlays: a number for each row, coloured on one scale. Beside graph.js, which draws.
(function () {
  "use strict";

  const { state, byId, bitsOf, shares, write, written } = window.getaView;
  const RAMP = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];

  const OVERLAYS = {
    bits: { name: "Bits of the weights", read: (row) => mean(row.data("weights").map(bitsOf)), text: written, folded: true },
    norm: { name: "Mean norm of the group's units", read: (row) => norm(row.data("outputs")), text: (v) => v.toPrecision(2), folded: true, recorded: true },
    sparsity: { name: "Share of the group's units that are zero", read: (row) => zeroShare(row.data("outputs")), text: percent, span: [0, 1], folded: true, recorded: true },
    saliency: { name: "Mean saliency of the group's units", read: (row) => saliency(row.data("outputs")), text: (v) => v.toPrecision(2), folded: true, recorded: true },
    macs: { name: "Multiply-adds (log scale)", read: (row) => row.data("macs") || null, text: short, log: true },
    params: { name: "Parameters (log scale)", read: (row) => row.data("params") || null, text: short, log: true },
  };

  function mean(values) {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  }

  function norm(groups) {
    return state.now ? mean(groups.map((group) => (state.now.groups[group] || [])[3])) : null;
  }

  function saliency(groups) {
    return state.now ? mean(groups.map((group) => (state.now.groups[group] || [])[4])) : null;
  }

  function zeroShare(groups) {
    const sum = groups.length ? shares(groups) : null;
    return sum ? sum[2] / (sum[0] + sum[1] + sum[2]) : null;
  }

  function percent(value) {
    return `${Math.round(100 * value)} %`;
  }

  function short(value) {
    for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (value >= limit) return `${(value / limit).toFixed(1)} ${unit}`;
    return value.toFixed(0);
  }

  function ramp(share) {
    const place = Math.max(0, Math.min(1, share)) * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
    const mixed = [1, 3, 5].map((i) => {
      const a = parseInt(RAMP[low].slice(i, i + 2), 16), b = parseInt(RAMP[low + 1].slice(i, i + 2), 16);
      return Math.round(a + (b - a) * (place - low));
    });
    const light = 0.2126 * (mixed[0] / 255) ** 2.2 + 0.7152 * (mixed[1] / 255) ** 2.2 + 0.0722 * (mixed[2] / 255) ** 2.2;
    return { fill: `rgb(${mixed.join(",")})`, ink: light > 0.19 ? "#0b1118" : "#ffffff" };
  }

  function paint(cy) {
    const kind = OVERLAYS[state.overlay], scale = byId("graph-scale");
    const values = new Map();
    if (kind) {
      cy.nodes(".row").forEach((row) => {
        const value = kind.read(row);
        if (value !== null && value !== undefined) values.set(row.id(), value);
      });
    }
    const [low, high] = kind && kind.span ? kind.span : [Math.min(...values.values()), Math.max(...values.values())];
    const place = (v) => (kind && kind.log ? Math.log(v) : v), span = place(high) - place(low);
    cy.nodes(".row").forEach((row) => {
      const value = values.get(row.id());
      colour(cy, row, value === undefined ? null : span > 0 ? (place(value) - place(low)) / span : 0.5);
    });
    scale.hidden = !kind;
    if (!kind) return;
    const empty = values.size === 0;
    scale.querySelector(".scale-name").textContent = empty ? `${kind.name}: ${why(kind)}` : kind.name;
    scale.querySelector(".scale-row").hidden = empty;
    scale.querySelector(".scale-low").textContent = empty ? "" : kind.text(low);
    scale.querySelector(".scale-high").textContent = empty ? "" : kind.text(high);
  }

  // Why an overlay has no value anywhere.
  function why(kind) {
    if (kind.folded && ["trace", "branches"].includes(state.stage)) return "drawn from the QADG stage on, where branches are folded";
    if (!kind.recorded) return "nothing here has any";
    if (state.run === null || state.run === undefined) return "nothing yet, open or launch a run";
    return "nothing recorded yet in this run";
  }

  function colour(cy, row, share) {
    row.toggleClass("blank", share === null && state.overlay in OVERLAYS);
    if (share === null && !row.hasClass("painted")) return;
    const parts = ["bar", "tag", "badge", "stack"].map((name) => cy.getElementById(`${row.id()}|${name}`)).filter((part) => part.nonempty());
    if (share === null) return [row, ...parts].forEach((element) => element.removeClass("painted"));
    const colours = ramp(share);
    [row, ...parts].forEach((element) => { write(element, colours); element.addClass("painted"); });
  }

  window.getaOverlay = { paint };
})();
