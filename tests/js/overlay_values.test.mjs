import assert from "node:assert/strict";
import { test } from "node:test";

import { OVERLAYS, coloursAt, shareOn, spanOf, whyEmpty } from "../../assets/js/graph/overlay_values.js";

const ROW = { weights: ["a", "b"], outputs: [1, 2], macs: 2_500_000, params: 0 };
const LIVE = {
  now: { bits: { a: 4, b: 8 }, groups: { 1: [6, 0, 2, 0.5, 2], 2: [8, 0, 0, 1.5, 4] } },
  bits: { default: [2, 8], layers: {} },
};

test("each overlay reads its number of a row", () => {
  const values = Object.entries(OVERLAYS).map(([name, overlay]) => [name, overlay.read(ROW, LIVE)]);
  const expected = { bits: 6, norm: 1, sparsity: 2 / 16, saliency: 3, macs: 2_500_000, params: null };
  assert.deepEqual(Object.fromEntries(values), expected);
});

test("without a run, what a run records has no value; bits are the bounds", () => {
  const idle = { ...LIVE, now: null };
  const values = Object.entries(OVERLAYS).map(([name, overlay]) => [name, overlay.read(ROW, idle)]);
  const expected = { bits: 8, norm: null, sparsity: null, saliency: null, macs: 2_500_000, params: null };
  assert.deepEqual(Object.fromEntries(values), expected);
});

test("numbers are written short", () => {
  assert.deepEqual([950, 1500, 2_500_000, 3.2e9].map(OVERLAYS.macs.text), ["950", "1.5 k", "2.5 M", "3.2 G"]);
  assert.equal(OVERLAYS.sparsity.text(0.256), "26 %");
  assert.equal(OVERLAYS.norm.text(0.12345), "0.12");
});

test("a scale spans its values, or is fixed", () => {
  assert.deepEqual(spanOf(OVERLAYS.bits, [4, 2, 8]), [2, 8]);
  assert.deepEqual(spanOf(OVERLAYS.sparsity, [0.2, 0.3]), [0, 1]);
});

test("a value has its place on the scale, by its logarithm on a log scale", () => {
  assert.equal(shareOn(OVERLAYS.bits, [2, 8], 5), 0.5);
  assert.ok(Math.abs(shareOn(OVERLAYS.macs, [1e3, 1e9], 1e6) - 0.5) < 1e-12);
  assert.equal(shareOn(OVERLAYS.bits, [4, 4], 4), 0.5);
});

test("the ends of the ramp are its ends, and the ink changes with the lightness", () => {
  assert.deepEqual(coloursAt(0), { fill: "rgb(68,1,84)", ink: "#ffffff" });
  assert.deepEqual(coloursAt(1), { fill: "rgb(253,231,37)", ink: "#0b1118" });
  assert.deepEqual(coloursAt(7), coloursAt(1));
  assert.equal(coloursAt(1 / 16).fill, "rgb(70,23,104)");
});

test("an overlay without values says why", () => {
  assert.match(whyEmpty(OVERLAYS.bits, { stage: "branches", run: 1 }), /from the QADG stage on/);
  assert.match(whyEmpty(OVERLAYS.macs, { stage: "trace", run: 1 }), /nothing here has any/);
  assert.match(whyEmpty(OVERLAYS.norm, { stage: "groups", run: null }), /open or launch a run/);
  assert.match(whyEmpty(OVERLAYS.norm, { stage: "groups", run: 1 }), /nothing recorded yet/);
});
