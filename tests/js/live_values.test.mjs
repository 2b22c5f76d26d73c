import assert from "node:assert/strict";
import { test } from "node:test";

import { barStops, bitsOf, bitsText, quantizerMark, removalOf, unitCounts } from "../../assets/js/graph/live_values.js";

const BITS = { default: [2, 8], layers: { "a.weight": [2, 6], broken: [2, ""] } };

test("bits are those of the run, else the upper bound being edited", () => {
  const now = { bits: { "a.weight": 3.4 }, groups: {} };
  assert.equal(bitsOf({ now, bits: BITS }, "a.weight"), 3.4);
  assert.equal(bitsOf({ now: null, bits: BITS }, "a.weight"), 6);
  assert.equal(bitsOf({ now, bits: BITS }, "b.weight"), 8);
  assert.equal(bitsOf({ now: null, bits: BITS }, "broken"), null);
  assert.equal(bitsOf({ now: null, bits: null }, "a.weight"), null);
});

test("units of groups are added, and unknown where one is", () => {
  const now = { groups: { 1: [5, 2, 1, 0.3, 0.1], 2: [4, 0, 4, 0.2, 0.1], 3: [0, 0, 0, 0, 0] } };
  assert.deepEqual(unitCounts({ now }, [1, 2]), [9, 2, 5]);
  assert.equal(unitCounts({ now }, [1, 9]), null);
  assert.equal(unitCounts({ now }, [3]), null);
  assert.equal(unitCounts({ now: null }, [1]), null);
});

test("bits are written with one place, and whole ones without", () => {
  assert.deepEqual([4, 4.46, 4.02, 16].map(bitsText), ["4", "4.5", "4", "16"]);
});

test("a mark shows its letter, one width, or the span of its quantizers, and grows with the text", () => {
  assert.deepEqual(quantizerMark("W", []), { label: "W", wide: 0, across: 40 });
  assert.equal(quantizerMark("W", [8, 8.04]).label, "W8");
  assert.deepEqual(quantizerMark("A", [3.6, 8.2]), { label: "A4–8", wide: 0, across: 52 });
  assert.deepEqual(quantizerMark("A", [10, 16]), { label: "A10–16", wide: 1, across: 68 });
});

test("a bar has three lengths", () => {
  assert.equal(barStops([5, 3, 2]), "0 50.00 50.00 80.00 80.00 100");
  assert.equal(barStops([0, 0, 2]), "0 0.00 0.00 0.00 0.00 100");
});

test("removal says what is left, and nothing where nothing goes", () => {
  assert.deepEqual(removalOf([5, 1, 2]), { label: "8 → 6 units", stops: "0 3.2 3.2 75.00 75.00 100" });
  assert.equal(removalOf([5, 1, 0]), null);
});
