// Where to look from, as plain numbers: zooms, pans and boxes. Px are px on screen, unless they are said to be of the
// graph.

const TEXT_PX = 12; // the smallest text of a node, in px of the graph; geta_studio/graph/stylesheet.py
export const READABLE = 11 / TEXT_PX; // zoom below which it is under 11 px on screen
export const LARGE = 14 / TEXT_PX; // the least zoom of a presentation
export const TOP = 58; // px at the top that the toolbar covers
export const MARGIN = 22;
const MOST = 1.3; // zoom above which a small graph does not grow

/** The view that shows all of a graph in a frame { width, bottom }; never under `least` zoom, then from its start.
 * `scene` has its { width, height }, `first` the x of its first node, in px of the graph. */
export function wholeView(frame, scene, first, least, most = MOST) {
  const width = frame.width - 2 * MARGIN, height = frame.bottom - TOP;
  const zoom = Math.max(least, Math.min(width / scene.width, height / scene.height, most));
  const fits = scene.width * zoom <= width;
  const x = fits ? (frame.width - scene.width * zoom) / 2 : startLeft(frame.width, scene.width * zoom, first * zoom);
  const spare = height - scene.height * zoom;
  return { zoom, pan: { x, y: TOP + Math.max(0, spare / 2) } };
}

/** Pan that brings the first node to the middle, as far as the graph reaches. */
function startLeft(frame, width, first) {
  return Math.min(MARGIN, Math.max(frame / 2 - first, frame - MARGIN - width));
}

/** The view with a place of the graph in the middle of what the toolbar leaves free, in type that can be read. */
export function centredView(frame, zoom, at) {
  const readable = Math.max(zoom, READABLE);
  return {
    zoom: readable,
    pan: { x: frame.width / 2 - at.x * readable, y: (frame.height + TOP) / 2 - at.y * readable },
  };
}

/** How far to the side, in px of the graph, what stays still has moved when a module opened or closed: `rows` are all
 * [{ id, x }] now, `before` the module then, { x, wide, places: Map of id -> x }, `after` now, { id, x, wide }. */
export function sidewaysShift(rows, before, after) {
  const opened = after.wide > before.wide, reach = Math.max(before.wide, after.wide) / 2;
  const moved = [];
  for (const { id, x } of rows) {
    const was = before.places.get(id);
    const off = opened ? x - after.x : was - before.x;
    if (was !== undefined && id !== after.id && Math.abs(off) < reach) moved.push(x - was);
  }
  return moved.length ? moved.toSorted((a, b) => a - b)[moved.length >> 1] : after.x - before.x;
}

/** The part of a box { x1, y1, x2, y2 } that has its name. */
export function headOf(box, zoom) {
  return { ...box, x2: Math.min(box.x2, box.x1 + 200 * zoom), y2: Math.min(box.y2, box.y1 + 44 * zoom) };
}

/** How far to move a box so that it is in view in a frame { width, bottom }; { x: 0, y: 0 } where it is. */
export function outside(frame, box) {
  return {
    x: beyond(box.x1, box.x2, MARGIN, frame.width - MARGIN),
    y: beyond(box.y1, box.y2, TOP, frame.bottom),
  };
}

function beyond(from, to, low, high) {
  return Math.max(low - from, Math.min(0, high - to));
}

/** Whether the upper left corner of a box is where its title can be read. */
export function showsCorner(frame, box) {
  const across = box.x1 > -MARGIN && box.x1 < frame.width - 4 * MARGIN;
  return across && box.y1 > TOP - MARGIN && box.y1 < frame.bottom;
}
