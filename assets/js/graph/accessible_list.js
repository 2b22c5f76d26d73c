// The list that says what is on screen, for keyboards and screen readers. One of its entries is in the tab order: what
// was focused last.

import { fill } from "../html_tree.js";
import { byId } from "./dom.js";

/** The entries, in their order. */
export function items() {
  return [...byId("graph-tree").querySelectorAll(".tree-item")];
}

/** The entry in the tab order. */
export function reachedItem() {
  return byId("graph-tree").querySelector(".tree-item[tabindex='0']");
}

function reach(item) {
  for (const other of items()) other.tabIndex = other === item ? 0 : -1;
}

/** Write the list anew. The same entry is in the tab order, and has the focus if it had it; where it is gone, the
 * module around it or else the first entry. */
export function writeList(parts) {
  const list = byId("graph-tree"), held = list.contains(document.activeElement), names = namesAround(reachedItem());
  fill(list, parts);
  const entries = items(), same = (name) => entries.find((entry) => entry.dataset.shown === name);
  const item = names.map(same).find(Boolean) || entries[0];
  if (!item) return;
  reach(item);
  if (held) item.focus();
}

/** What an entry stands for, and the modules around it, innermost first. */
function namesAround(item) {
  const names = [];
  for (let place = item && item.closest("li"); place; place = place.parentElement.closest("li")) {
    names.push(place.firstElementChild.dataset.shown);
  }
  return names;
}

/** Keep what is focused in the tab order. */
export function listen() {
  document.addEventListener("focusin", (event) => {
    const item = event.target.closest && event.target.closest(".tree-item");
    if (item) reach(item);
  });
}
