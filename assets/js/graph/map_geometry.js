// How the whole graph lies on the overview map. A view is { x1, y1, x2, y2, w, h }, in px of the graph.

const MARGIN = 6;

/** Whether a view shows all of a scene { width, height }. */
export function showsAll(view, scene) {
  return view.x1 <= 0 && view.y1 <= 0 && view.x2 >= scene.width && view.y2 >= scene.height;
}

/** { scale, shift }: the scene in the middle of a map { width, height }, as large as fits. */
export function placeOn(map, scene) {
  const scale = Math.min((map.width - 2 * MARGIN) / scene.width, (map.height - 2 * MARGIN) / scene.height);
  return { scale, shift: { x: (map.width - scene.width * scale) / 2, y: (map.height - scene.height * scale) / 2 } };
}

/** [x, y, width, height] on the map of a node { x, y, w, h } of the graph; never thinner than a px. */
export function boxOn({ scale, shift }, { x, y, w, h }) {
  return [shift.x + (x - w / 2) * scale, shift.y + (y - h / 2) * scale, Math.max(1, w * scale), Math.max(1, h * scale)];
}

/** [x, y, width, height] on the map of a view. */
export function viewOn({ scale, shift }, view) {
  return [shift.x + view.x1 * scale, shift.y + view.y1 * scale, view.w * scale, view.h * scale];
}

/** The place of the graph, in its px, at a point of the map. */
export function placeAt({ scale, shift }, point) {
  return { x: (point.x - shift.x) / scale, y: (point.y - shift.y) / scale };
}
