import assert from "node:assert/strict";
import { test } from "node:test";

import {
  MARGIN, READABLE, TOP, centredView, headOf, outside, showsCorner, sidewaysShift, wholeView,
} from "../../assets/js/graph/camera_geometry.js";

const FRAME = { width: 1000, height: 700, bottom: 600 };

/** Where a place of the graph is on screen. */
const onScreen = ({ zoom, pan }, { x, y }) => ({ x: x * zoom + pan.x, y: y * zoom + pan.y });

test("a graph that fits is whole, and in the middle of what toolbar and legend leave free", () => {
  const scene = { width: 900, height: 400 };
  const view = wholeView(FRAME, scene, 0, READABLE);
  const first = onScreen(view, { x: 0, y: 0 }), last = onScreen(view, { x: scene.width, y: scene.height });
  assert.ok(first.x >= MARGIN - 1e-9 && last.x <= FRAME.width - MARGIN + 1e-9);
  assert.ok(first.y >= TOP && last.y <= FRAME.bottom);
  assert.ok(Math.abs(first.x + last.x - FRAME.width) < 1e-9);
  assert.ok(Math.abs(first.y + last.y - (TOP + FRAME.bottom)) < 1e-9);
});

test("a small graph does not grow above a zoom", () => {
  assert.equal(wholeView(FRAME, { width: 10, height: 10 }, 0, READABLE).zoom, 1.3);
  assert.equal(wholeView(FRAME, { width: 10, height: 10 }, 0, READABLE, 2).zoom, 2);
});

test("a graph that is too high for type that can be read starts at its top", () => {
  const view = wholeView(FRAME, { width: 300, height: 9000 }, 0, READABLE);
  assert.equal(view.zoom, READABLE);
  assert.equal(onScreen(view, { x: 0, y: 0 }).y, TOP);
});

test("a graph that is too wide shows its first node in the middle, as far as it reaches", () => {
  const scene = { width: 9000, height: 400 };
  const middle = wholeView(FRAME, scene, 4000, READABLE);
  assert.ok(Math.abs(onScreen(middle, { x: 4000, y: 0 }).x - FRAME.width / 2) < 1e-9);
  assert.equal(wholeView(FRAME, scene, 100, READABLE).pan.x, MARGIN);
  const end = wholeView(FRAME, scene, 8990, READABLE);
  assert.ok(Math.abs(onScreen(end, { x: 9000, y: 0 }).x - (FRAME.width - MARGIN)) < 1e-9);
});

test("a place that is gone to is in the middle below the toolbar, in type that can be read", () => {
  const view = centredView(FRAME, 0.1, { x: 300, y: 500 });
  assert.equal(view.zoom, READABLE);
  const at = onScreen(view, { x: 300, y: 500 });
  assert.ok(Math.abs(at.x - 500) < 1e-9 && Math.abs(at.y - (700 + TOP) / 2) < 1e-9);
  assert.equal(centredView(FRAME, 2, { x: 0, y: 0 }).zoom, 2);
});

test("what moved with a module is the median of the rows on its line, whatever is far away", () => {
  const before = { x: 100, wide: 200, places: new Map([["a", 90], ["b", 110], ["c", 120], ["far", 900], ["m", 100]]) };
  const rows = [{ id: "a", x: 140 }, { id: "b", x: 150 }, { id: "c", x: 170 }, { id: "far", x: 0 }, { id: "m", x: 150 }];
  assert.equal(sidewaysShift(rows, before, { id: "m", x: 150, wide: 600 }), 50);
  assert.equal(sidewaysShift(rows, before, { id: "m", x: 150, wide: 100 }), 50);
});

test("what is on the line of a module that opened counts, though it was not on it before", () => {
  const before = { x: 100, wide: 200, places: new Map([["was", 150], ["is", 900]]) };
  const rows = [{ id: "was", x: 800 }, { id: "is", x: 150 }];
  assert.equal(sidewaysShift(rows, before, { id: "m", x: 100, wide: 600 }), -750);
});

test("what was on the line of a module that closed counts, though it is not on it now", () => {
  const before = { x: 100, wide: 600, places: new Map([["was", 150], ["is", 900]]) };
  const rows = [{ id: "was", x: 450 }, { id: "is", x: 110 }];
  assert.equal(sidewaysShift(rows, before, { id: "m", x: 100, wide: 100 }), 300);
});

test("where nothing that was there is on its line, the module itself says how far", () => {
  const before = { x: 100, wide: 200, places: new Map([["m", 100]]) };
  assert.equal(sidewaysShift([{ id: "m", x: 130 }, { id: "new", x: 130 }], before, { id: "m", x: 130, wide: 400 }), 30);
});

test("a box is moved into view by the least, and not where it is in view", () => {
  assert.deepEqual(outside(FRAME, { x1: 100, x2: 200, y1: 100, y2: 200 }), { x: 0, y: 0 });
  assert.deepEqual(outside(FRAME, { x1: 950, x2: 1050, y1: 590, y2: 630 }), { x: -(50 + MARGIN), y: -30 });
  assert.deepEqual(outside(FRAME, { x1: -10, x2: 90, y1: 0, y2: 40 }), { x: 10 + MARGIN, y: TOP });
});

test("of a box that is larger than the frame, the start is in view", () => {
  assert.deepEqual(outside(FRAME, { x1: -500, x2: 1500, y1: -500, y2: 1500 }), { x: 500 + MARGIN, y: 500 + TOP });
});

test("the head of a box is its title at most", () => {
  const box = { x1: 0, x2: 900, y1: 0, y2: 900 };
  assert.deepEqual(headOf(box, 0.5), { x1: 0, x2: 100, y1: 0, y2: 22 });
  assert.deepEqual(headOf({ ...box, x2: 50, y2: 10 }, 1), { x1: 0, x2: 50, y1: 0, y2: 10 });
});

test("a title is seen unless its corner is out of the frame or under the toolbar or the legend", () => {
  assert.equal(showsCorner(FRAME, { x1: 50, y1: 100 }), true);
  for (const corner of [{ x1: -30, y1: 100 }, { x1: 980, y1: 100 }, { x1: 50, y1: 20 }, { x1: 50, y1: 650 }]) {
    assert.equal(showsCorner(FRAME, corner), false, JSON.stringify(corner));
  }
});
