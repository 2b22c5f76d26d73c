import assert from "node:assert/strict";
import { test } from "node:test";

import { pictureScale, textAddress } from "../../assets/js/graph/save.js";
import { searchOf } from "../../assets/js/page/search_part.js";

test("the address of the page names what is not as at first", () => {
  const first = { model: "resnet20", run: null, selection: null, overlay: "group", stage: "groups", beside: "" };
  assert.equal(searchOf(first), "?model=resnet20");
  const shared = { run: 2, selection: { kind: "group", id: 3 }, stage: "qadg", overlay: "bits", beside: "compact-1" };
  const wanted = "?model=resnet20&run=2&select=group:3&stage=qadg&overlay=bits&beside=compact-1";
  assert.equal(searchOf({ ...first, ...shared }), wanted);
});

test("what is not plain in a name is written so that it comes back", () => {
  const selection = { kind: "node", id: "a&b=c" };
  assert.equal(new URLSearchParams(searchOf({ model: "m", selection })).get("select"), "node:a&b=c");
});

test("a saved DOT is of the open modules and of what the stage draws", () => {
  const scene = { model: "my model", scopes: ["layer1", "layer2.0"], shape: false };
  const [path, query] = textAddress(scene, "compact", "dot").split("?");
  assert.equal(path, "/api/models/my%20model/graph.dot");
  assert.equal(query, "open=layer1&open=layer2.0&stage=groups&shape=false");
  assert.match(textAddress(scene, "trace", "dot"), /stage=trace/);
  assert.equal(textAddress(scene, "trace", "json"), "/api/models/my%20model/graph.json");
});

test("a picture has two px a px, and no side above the limit", () => {
  assert.equal(pictureScale({ width: 1000, height: 3000 }), 2);
  assert.equal(pictureScale({ width: 1000, height: 16000 }), 0.5);
});
