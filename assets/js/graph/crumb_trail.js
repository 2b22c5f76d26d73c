// Which modules are looked into while their titles are out of view.

/** Of `boxes` [{ id, x, y, wide, high, titled }], in px on screen, those around a point whose title is out of view
 * (`titled` is false), outermost first: the outer is the wider. */
export function trailAt(point, boxes) {
  const isAround = ({ x, y, wide, high }) => Math.abs(point.x - x) < wide / 2 && Math.abs(point.y - y) < high / 2;
  return boxes.filter((box) => isAround(box) && !box.titled).toSorted((one, other) => other.wide - one.wide);
}
