import assert from "node:assert/strict";
import { test } from "node:test";

import { NO_SEARCH, countText, entered, matched } from "../../assets/js/graph/search_steps.js";

const FOUND = matched(NO_SEARCH, "conv", ["a", "b", "c"]).search;

test("Enter goes from match to match, round the end", () => {
  const targets = [];
  let search = FOUND;
  for (const times of [1, 2, 3, 4]) {
    const after = entered(search, times, "conv");
    search = after.search;
    targets.push(after.target);
  }
  assert.deepEqual(targets, ["a", "b", "c", "a"]);
  assert.equal(countText(search), "1 / 3");
});

test("two Enters that are told at once are two steps, and one that is told again is none", () => {
  const { search, target } = entered(FOUND, 2, "conv");
  assert.equal(target, "b");
  assert.equal(entered(search, 2, "conv").target, null);
});

test("Enters before the matches are there are gone when they come", () => {
  const early = entered(entered(FOUND, 1, "relu").search, 2, "relu");
  assert.equal(early.target, null);
  const { search, target } = matched(early.search, "relu", ["x", "y", "z"]);
  assert.deepEqual([target, search.at, search.pending], ["y", 1, null]);
});

test("Enters for another query than the one found stay where they are", () => {
  const early = entered(FOUND, 1, "relu").search;
  assert.equal(matched(early, "rel", ["x"]).target, null);
});

test("new matches of the same query keep the place of the one that is looked at", () => {
  const { search } = entered(FOUND, 2, "conv");
  assert.equal(matched(search, "conv", ["b", "c"]).search.at, 0);
  assert.equal(matched(search, "conv", ["a", "c"]).search.at, -1);
  assert.equal(matched(search, "other", ["b"]).search.at, -1);
});

test("the count says what Enter does next", () => {
  assert.equal(countText(NO_SEARCH), "");
  assert.equal(countText(FOUND), "3");
  assert.equal(countText(matched(NO_SEARCH, "zzz", []).search), "none");
  assert.equal(entered(matched(NO_SEARCH, "zzz", []).search, 1, "zzz").target, null);
});
