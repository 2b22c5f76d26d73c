// What keys mean in the list, in the menu and on the graph.

/** The place that a key leads to from `at` among `count` entries of the list; null where it leads nowhere. */
export function listMove(key, at, count) {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: count - 1 }[key];
  return to === undefined || to < 0 || to >= count ? null : to;
}

/** The place that a key leads to from `at` among `count` entries of the menu, round its ends; null for other keys. */
export function menuMove(key, at, count) {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: count - 1 }[key];
  return to === undefined ? null : (to + count) % count;
}

/** Whether a key opens (true) or closes (false) a module; null where it does neither. */
export function opensModule(key) {
  return { "+": true, ArrowRight: true, "-": false, ArrowLeft: false }[key] ?? null;
}

/** { x, y }: how far an arrow key moves the graph, in px on screen; null for other keys. */
export function viewMove(key) {
  const by = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[key];
  return by ? { x: by[0], y: by[1] } : null;
}

/** Whether keys open the menu of what is selected. */
export function opensMenu({ key, shiftKey }) {
  return key === "ContextMenu" || (key === "F10" && shiftKey);
}
