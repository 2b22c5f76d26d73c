import assert from "node:assert/strict";
import { test } from "node:test";

import { boxOn, placeAt, placeOn, showsAll, viewOn } from "../../assets/js/graph/map_geometry.js";

const MAP = { width: 112, height: 92 }, SCENE = { width: 1000, height: 400 };

test("the scene lies in the middle of the map and reaches its margin", () => {
  const place = placeOn(MAP, SCENE);
  assert.equal(place.scale, 0.1);
  assert.deepEqual(viewOn(place, { x1: 0, y1: 0, w: 1000, h: 400 }), [6, 26, 100, 40]);
});

test("a point of the map is the place of the graph that is drawn there", () => {
  const place = placeOn(MAP, SCENE);
  const [x, y, width, height] = boxOn(place, { x: 700, y: 300, w: 80, h: 40 });
  const at = placeAt(place, { x: x + width / 2, y: y + height / 2 });
  assert.ok(Math.abs(at.x - 700) < 1e-9 && Math.abs(at.y - 300) < 1e-9);
});

test("nothing is thinner than a px", () => {
  assert.deepEqual(boxOn(placeOn(MAP, SCENE), { x: 0, y: 0, w: 2, h: 3 }).slice(2), [1, 1]);
});

test("the map is of use where a part of the graph is out of view", () => {
  const whole = { x1: -5, y1: -5, x2: 1000, y2: 400 };
  assert.equal(showsAll(whole, SCENE), true);
  for (const cut of [{ x1: 1 }, { y1: 1 }, { x2: 999 }, { y2: 399 }]) assert.equal(showsAll({ ...whole, ...cut }, SCENE), false);
});
