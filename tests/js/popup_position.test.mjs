import assert from "node:assert/strict";
import { test } from "node:test";

import { menuPlace, tipPlace } from "../../assets/js/graph/popup_position.js";

const PANEL = { width: 800, height: 500 }, TIP = { width: 200, height: 60 };

test("a tip stands right of its node, or left where it would leave the panel", () => {
  assert.deepEqual(tipPlace(PANEL, { x1: 100, x2: 300, y1: 90 }, TIP), { left: 312, top: 90 });
  assert.deepEqual(tipPlace(PANEL, { x1: 500, x2: 700, y1: 90 }, TIP), { left: 288, top: 90 });
  assert.deepEqual(tipPlace(PANEL, { x1: 100, x2: 300, y1: 90 }, TIP, 400), { left: 288, top: 90 });
});

test("a tip stays in the panel", () => {
  assert.equal(tipPlace(PANEL, { x1: 0, x2: 700, y1: 90 }, TIP).left, 4);
  assert.equal(tipPlace(PANEL, { x1: 0, x2: 100, y1: -50 }, TIP).top, 4);
  assert.equal(tipPlace(PANEL, { x1: 0, x2: 100, y1: 490 }, TIP).top, 434);
});

test("a menu opens at the point, or as near as it is whole", () => {
  assert.deepEqual(menuPlace(PANEL, { x: 100, y: 100 }, TIP), { left: 100, top: 100 });
  assert.deepEqual(menuPlace(PANEL, { x: 790, y: 490 }, TIP), { left: 594, top: 434 });
  assert.deepEqual(menuPlace(PANEL, { x: -5, y: -5 }, TIP), { left: 6, top: 6 });
});
