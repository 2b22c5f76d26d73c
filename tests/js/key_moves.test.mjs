import assert from "node:assert/strict";
import { test } from "node:test";

import { listMove, menuMove, opensMenu, opensModule, viewMove } from "../../assets/js/graph/key_moves.js";

test("the list ends at its ends", () => {
  assert.deepEqual(["ArrowDown", "ArrowUp", "Home", "End", "a"].map((key) => listMove(key, 1, 4)), [2, 0, 0, 3, null]);
  assert.equal(listMove("ArrowDown", 3, 4), null);
  assert.equal(listMove("ArrowUp", 0, 4), null);
});

test("the menu goes round", () => {
  assert.deepEqual(["ArrowDown", "ArrowUp", "Home", "End", "a"].map((key) => menuMove(key, 1, 4)), [2, 0, 0, 3, null]);
  assert.equal(menuMove("ArrowDown", 3, 4), 0);
  assert.equal(menuMove("ArrowUp", 0, 4), 3);
});

test("plus and right open a module, minus and left close it", () => {
  assert.deepEqual(["+", "ArrowRight", "-", "ArrowLeft", "Enter"].map(opensModule), [true, true, false, false, null]);
});

test("an arrow moves the view its way: the graph goes the other", () => {
  assert.deepEqual(["ArrowDown", "ArrowRight", "Enter"].map(viewMove), [{ x: 0, y: -80 }, { x: -80, y: 0 }, null]);
});

test("the menu key and Shift+F10 open the menu", () => {
  const keys = [{ key: "ContextMenu" }, { key: "F10", shiftKey: true }, { key: "F10", shiftKey: false }];
  assert.deepEqual(keys.map(opensMenu), [true, true, false]);
});
