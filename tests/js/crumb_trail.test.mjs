import assert from "node:assert/strict";
import { test } from "node:test";

import { trailAt } from "../../assets/js/graph/crumb_trail.js";

const box = (id, x, wide, titled = false) => ({ id, x, y: 0, wide, high: 100, titled });
const ids = (boxes) => boxes.map(({ id }) => id);

test("the modules around the point are named, the outermost first", () => {
  const boxes = [box("inner", 10, 100), box("outer", 0, 500), box("beside", 300, 100)];
  assert.deepEqual(ids(trailAt({ x: 0, y: 0 }, boxes)), ["outer", "inner"]);
  assert.deepEqual(ids(trailAt({ x: 0, y: 60 }, boxes)), []);
});

test("a module whose title is in view is not named", () => {
  assert.deepEqual(ids(trailAt({ x: 0, y: 0 }, [box("inner", 0, 100, true), box("outer", 0, 500)])), ["outer"]);
});
