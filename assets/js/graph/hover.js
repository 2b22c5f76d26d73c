// What the pointer is over: its group lights up at once, words come when the pointer stays.

import { byId } from "./dom.js";
import { hostOf } from "./graphs.js";
import { highlight } from "./highlight.js";
import { selectedGroups } from "./selection.js";
import { hideTip, showTip } from "./tip.js";

const LIGHT_MS = 10, TIP_MS = 170, LEAVE_MS = 90;
let timer = null;

/** The pointer is over a node of the main graph. */
export function enter(node) {
  const host = hostOf(node), owner = host.isEdge() ? node : host;
  byId("graph").style.cursor = owner.hasClass("box") ? "" : "pointer";
  clearTimeout(timer);
  if (!owner.hasClass("row") || !byId("graph-menu").hidden) return;
  const groups = owner.data("group") === null ? [] : [owner.data("group")];
  timer = setTimeout(() => {
    highlight(groups);
    timer = setTimeout(() => showTip(owner), TIP_MS);
  }, LIGHT_MS);
}

/** The pointer has left it. */
export function leave() {
  byId("graph").style.cursor = "";
  clearTimeout(timer);
  timer = setTimeout(() => { hideTip(); highlight(selectedGroups()); }, LEAVE_MS);
}

/** Nothing more comes of what the pointer was over. */
export function cancel() {
  clearTimeout(timer);
  hideTip();
}
