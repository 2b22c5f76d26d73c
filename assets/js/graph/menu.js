// The menu of a node, or of a quantizer's mark.

import { setProps } from "../dash.js";
import { reachedItem } from "./accessible_list.js";
import { copy } from "./clipboard.js";
import { toggle } from "./commands.js";
import { byId, focusable, panel, scopeOf } from "./dom.js";
import { hostOf } from "./graphs.js";
import * as hover from "./hover.js";
import { menuEntries, menuSubject } from "./menu_entries.js";
import { menuPlace, putAt, sizeOf } from "./popup_position.js";
import { select, selectNode } from "./selection.js";
import { state } from "./state.js";

const ADDRESS_MS = 300; // after which the address names what was selected
let back = null; // what had the focus before the menu

/** Open the menu of a node at a point of the panel. */
export function openMenu(node, point) {
  const menu = byId("graph-menu"), host = hostOf(node);
  const subject = menuSubject(node.data(), host.data(), host.id().startsWith("scope:") ? scopeOf(host) : null);
  const owner = subject.isMark ? node : host;
  const items = menuEntries({ ...subject, open: host.hasClass("box") }).map((entry) => item(entry, owner));
  menu.replaceChildren(...items);
  if (menu.hidden) back = document.activeElement;
  menu.hidden = false;
  putAt(menu, menuPlace(panel().getBoundingClientRect(), point, sizeOf(menu)));
  hover.cancel();
  menu.firstChild.focus();
}

function item({ text, action, value }, owner) {
  const button = document.createElement("button");
  Object.assign(button, { className: "menu-item", textContent: text, tabIndex: -1 });
  button.setAttribute("role", "menuitem");
  button.onclick = () => { closeMenu(); ACTIONS[action](value, owner); };
  return button;
}

const ACTIONS = {
  inspect: (_, owner) => selectNode(owner),
  toggle,
  group: (id) => select({ kind: "group", id }),
  bits: setBits,
  copy,
  link: (_, owner) => { selectNode(owner); setTimeout(() => copy(location.href), ADDRESS_MS); },
};

function setBits(quantizer) {
  setProps("side-tabs", { value: "configure" });
  const layer = { filterType: "text", type: "contains", filter: `"${state.scene.layers[quantizer]}"` };
  setProps("bits-grid", { filterModel: { layer }, selectedRows: { ids: [quantizer] } });
}

/** Close it, and give the focus back where it came from; whether there was one to close. */
export function closeMenu() {
  const menu = byId("graph-menu");
  if (!menu || menu.hidden) return false;
  const held = menu.contains(document.activeElement);
  menu.hidden = true;
  if (held) origin()?.focus();
  return true;
}

/** What had the focus; an entry of the list may be another since, as may a crumb. */
function origin() {
  if (!back || back.isConnected) return back;
  return back.matches(".tree-item") ? reachedItem() : focusable();
}
