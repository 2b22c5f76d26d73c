import assert from "node:assert/strict";
import { test } from "node:test";

import { menuEntries, menuSubject } from "../../assets/js/graph/menu_entries.js";

const LAYER = { tip: ["layer1.0.conv1"], group: 3, weights: ["layer1.0.conv1.weight"] };
const texts = (subject) => menuEntries(subject).map(({ text }) => text);
const INSPECT = "Inspect", LINK = "Copy link to this";

test("a layer can be inspected, its group shown, its bits set, its name copied", () => {
  const subject = menuSubject(LAYER, LAYER, null);
  assert.deepEqual(texts(subject), [INSPECT, "Show group g3", "Set bits", "Copy name", LINK]);
  const values = menuEntries(subject).map(({ action, value }) => [action, value]);
  assert.deepEqual(values.slice(1, 4), [["group", 3], ["bits", "layer1.0.conv1.weight"], ["copy", "layer1.0.conv1"]]);
});

test("a module opens or closes, and is called by its own name", () => {
  const subject = menuSubject({ tip: ["x12"] }, { tip: ["x12"], group: null }, "layer1");
  assert.deepEqual(texts({ ...subject, open: false }), [INSPECT, "Open", "Copy name", LINK]);
  assert.deepEqual(texts({ ...subject, open: true }), [INSPECT, "Close", "Copy name", LINK]);
  assert.equal(menuEntries(subject).find(({ action }) => action === "copy").value, "layer1");
});

test("a quantizer's mark is about the quantizer, also on a module", () => {
  const subject = menuSubject({ quantizers: ["act.x", "act.y"] }, { ...LAYER, tip: ["layer1"] }, "layer1");
  assert.equal(subject.isMark, true);
  assert.deepEqual([subject.name, subject.quantizer, subject.scope, subject.group], ["act.x", "act.x", null, 3]);
});

test("what has no name, group or quantizer is offered none of them", () => {
  assert.deepEqual(texts(menuSubject({ quantizers: [] }, {}, null)), [INSPECT, LINK]);
  assert.deepEqual(texts(menuSubject({}, { group: 0 }, null)), [INSPECT, "Show group g0", LINK]);
});
