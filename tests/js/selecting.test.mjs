import assert from "node:assert/strict";
import { test } from "node:test";

import { counterpartQuantizer, counterpartRow } from "../../assets/js/graph/compare_pairs.js";
import { targetOf } from "../../assets/js/graph/targets.js";

const target = (classes, data = {}, scope = "layer1") => targetOf({ classes, data, scope });

test("each kind of node selects what it stands for", () => {
  assert.deepEqual(target(["diamond"], { quantizers: ["w1", "w2"] }), { kind: "quantizer", id: "w1" });
  assert.deepEqual(target(["pill"], { quantizers: ["a1"] }), { kind: "quantizer", id: "a1" });
  assert.deepEqual(target(["part", "tag"], { group: 3 }), { kind: "group", id: 3 });
  assert.deepEqual(target(["box"]), { kind: "scope", id: "layer1" });
  assert.deepEqual(target(["row", "scope"]), { kind: "scope", id: "layer1" });
  assert.deepEqual(target(["row"], { nodes: ["conv2d", "relu"] }), { kind: "node", id: "conv2d" });
});

test("a branch selects its quantizer; toggles, edges and bare parameters select nothing", () => {
  assert.deepEqual(target(["box", "branch"], { quantizer: "w1" }), { kind: "quantizer", id: "w1" });
  assert.equal(target(["box", "branch"]), null);
  assert.equal(target(["toggle", "box"], { quantizer: "w1" }), null);
  assert.equal(target(["edge"]), null);
  assert.equal(target(["row", "parameter"], { nodes: ["w"] }), null);
});

test("a row of the compared graph leads to the row of the main one that has its first node there", () => {
  const scene = { pairs: { b1: "a1", b2: "a2" } }, hosts = { a2: "scope:layer1" };
  assert.equal(counterpartRow(["b1", "b2"], scene, hosts), "scope:layer1");
  assert.equal(counterpartRow(["b1", "b9"], scene, hosts), null);
  assert.equal(counterpartRow(undefined, scene, hosts), null);
});

test("a quantizer leads to the first that both graphs have", () => {
  const scene = { quantizers: { gone: null, kept: "w2" } };
  assert.equal(counterpartQuantizer(["gone", "kept"], scene), "w2");
  assert.equal(counterpartQuantizer(["gone"], scene), null);
});
