// Where a tip and a menu go in the panel, so that they are whole in it. In px of the panel.

const GAP = 12; // between a tip and its node
const EDGE = 4; // the least between a tip and the panel's edge
const LOW = 6; // the least below a tip, and around a menu

/** { left, top } of a tip { width, height }: right of the box { x1, x2, y1 } of its node, or left where it is too wide.
 * `shift` is how far the graph that the node is in stands from the panel's left edge. */
export function tipPlace(panel, box, tip, shift = 0) {
  const right = shift + box.x2 + GAP;
  return {
    left: right + tip.width < panel.width ? right : Math.max(EDGE, shift + box.x1 - GAP - tip.width),
    top: Math.max(EDGE, Math.min(box.y1, panel.height - tip.height - LOW)),
  };
}

/** { left, top } of a menu { width, height } opened at a point. */
export function menuPlace(panel, point, menu) {
  return {
    left: Math.max(LOW, Math.min(point.x, panel.width - menu.width - LOW)),
    top: Math.max(LOW, Math.min(point.y, panel.height - menu.height - LOW)),
  };
}

/** Put an element of the page there. */
export function putAt(element, { left, top }) {
  element.style.left = `${left}px`;
  element.style.top = `${top}px`;
}

/** { width, height } of an element of the page. */
export function sizeOf(element) {
  return { width: element.offsetWidth, height: element.offsetHeight };
}
