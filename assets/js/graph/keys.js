// The graph from the keyboard: the list that says what is on screen, the menu of what is selected, moving the view.

import { items } from "./accessible_list.js";
import { toggle } from "./commands.js";
import { byId } from "./dom.js";
import { mainGraph } from "./graphs.js";
import { listMove, menuMove, opensMenu, opensModule, viewMove } from "./key_moves.js";
import { closeMenu, openMenu } from "./menu.js";
import { isPresenting, present } from "./present.js";

const OWN_MENU = "input, textarea, .side, .dock, [role=menu]"; // where the menu key means something else

/** Listen to the keys of the page. */
export function listen() {
  document.addEventListener("keydown", (event) => {
    if (!event.target.closest || event.ctrlKey || event.metaKey || event.altKey) return;
    const item = event.target.closest(".tree-item");
    if (opensMenu(event)) menuOf(event, item);
    else if (item) moveInList(event, item);
    else if (event.target.closest(".graph-focus")) moveView(event);
  });
  // before a menu or a list that Escape closes has closed, so that presenting goes on
  document.addEventListener("keydown", (event) => (event.key === "Escape" ? leave(event) : moveInMenu(event)), true);
}

function menuOf(event, item) {
  const hasOwnMenu = !item && event.target.closest(OWN_MENU);
  const node = item ? elementOf(item) : hasOwnMenu ? null : chosen();
  if (!node) return;
  event.preventDefault();
  openMenu(node, node.renderedPosition());
}

function chosen() {
  const nodes = mainGraph()?.nodes(".chosen");
  return nodes && nodes.nonempty() ? nodes[0] : null;
}

function elementOf(item) {
  const node = mainGraph()?.getElementById(item.dataset.shown);
  return node && node.nonempty() ? node : null;
}

function moveInList(event, item) {
  const entries = items(), to = listMove(event.key, entries.indexOf(item), entries.length);
  const { scope } = item.dataset, opens = opensModule(event.key);
  const turns = scope && opens !== null && opens !== (item.getAttribute("aria-expanded") === "true");
  if (to === null && !turns) return;
  event.preventDefault();
  if (to !== null) entries[to].focus();
  else toggle(scope);
}

function moveView(event) {
  const by = viewMove(event.key);
  if (!by) return;
  event.preventDefault();
  mainGraph().panBy(by);
}

function leave(event) {
  if (closeMenu() || !isPresenting()) return;
  if (!event.target.closest?.("[role=menu], input[aria-expanded=true]")) present();
}

function moveInMenu(event) {
  const entries = [...(byId("graph-menu")?.children || [])], at = entries.indexOf(document.activeElement);
  if (at < 0) return;
  if (event.key === "Tab") return closeMenu();
  const to = menuMove(event.key, at, entries.length);
  if (to === null) return;
  event.preventDefault();
  event.stopPropagation();
  entries[to].focus();
}
