// Overlays: a number for each row and a place for it on one scale. Plain data; overlay.js puts the colours on screen.

import { bitsOf, bitsText, unitCounts } from "./live_values.js";

const RAMP = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];
const DARK_INK = "#0b1118", LIGHT_INK = "#ffffff";
const INK_CHANGES_AT = 0.19; // luminance above which the dark ink has the higher contrast
const NORM = 3, SALIENCY = 4; // places in what `now` says of a group

/* `read` takes a row's data and what is live; `folded` needs branches folded into quantizers, `recorded` a run. */
export const OVERLAYS = {
  bits: {
    name: "Bits of the weights", text: bitsText, folded: true,
    read: (row, live) => mean(row.weights.map((id) => bitsOf(live, id))),
  },
  norm: {
    name: "Mean norm of the group's units", text: precise, folded: true, recorded: true,
    read: (row, live) => groupMean(live, row.outputs, NORM),
  },
  sparsity: {
    name: "Share of the group's units that are zero", text: percent, span: [0, 1], folded: true, recorded: true,
    read: (row, live) => zeroShare(live, row.outputs),
  },
  saliency: {
    name: "Mean saliency of the group's units", text: precise, folded: true, recorded: true,
    read: (row, live) => groupMean(live, row.outputs, SALIENCY),
  },
  macs: { name: "Multiply-adds (log scale)", text: short, log: true, read: (row) => row.macs || null },
  params: { name: "Parameters (log scale)", text: short, log: true, read: (row) => row.params || null },
};

function mean(values) {
  const given = values.filter((value) => value !== null && value !== undefined);
  return given.length ? given.reduce((sum, value) => sum + value, 0) / given.length : null;
}

function groupMean({ now }, groups, place) {
  return now ? mean(groups.map((group) => (now.groups[group] || [])[place])) : null;
}

function zeroShare(live, groups) {
  const counts = groups.length ? unitCounts(live, groups) : null;
  return counts ? counts[2] / (counts[0] + counts[1] + counts[2]) : null;
}

function precise(value) {
  return value.toPrecision(2);
}

function percent(value) {
  return `${Math.round(100 * value)} %`;
}

function short(value) {
  for (const [limit, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= limit) return `${(value / limit).toFixed(1)} ${unit}`;
  }
  return value.toFixed(0);
}

/** [low, high] of the scale for a list of values. */
export function spanOf(overlay, values) {
  return overlay.span || [Math.min(...values), Math.max(...values)];
}

/** Where on the scale from `low` to `high` a value is, from 0 to 1; the middle where the scale has no length. */
export function shareOn(overlay, [low, high], value) {
  const place = overlay.log ? Math.log : Number;
  const span = place(high) - place(low);
  return span > 0 ? (place(value) - place(low)) / span : 0.5;
}

/** { fill, ink } at a place from 0 to 1 on the scale. */
export function coloursAt(share) {
  const place = Math.max(0, Math.min(1, share)) * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
  const mixed = [1, 3, 5].map((i) => {
    const from = parseInt(RAMP[low].slice(i, i + 2), 16), to = parseInt(RAMP[low + 1].slice(i, i + 2), 16);
    return Math.round(from + (to - from) * (place - low));
  });
  const [red, green, blue] = mixed.map((part) => (part / 255) ** 2.2);
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return { fill: `rgb(${mixed.join(",")})`, ink: luminance > INK_CHANGES_AT ? DARK_INK : LIGHT_INK };
}

/** Why an overlay has no value anywhere. */
export function whyEmpty(overlay, { stage, run }) {
  if (overlay.folded && ["trace", "branches"].includes(stage)) {
    return "drawn from the QADG stage on, where branches are folded";
  }
  if (!overlay.recorded) return "nothing here has any";
  if (run === null || run === undefined) return "nothing yet, open or launch a run";
  return "nothing recorded yet in this run";
}
