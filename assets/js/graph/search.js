// The search on screen: matches are marked, Enter goes from one to the next.

import { reveal } from "./commands.js";
import { byId } from "./dom.js";
import { mainGraph } from "./graphs.js";
import { NO_SEARCH, countText, entered, matched } from "./search_steps.js";
import { select } from "./selection.js";
import { state } from "./state.js";

let search = NO_SEARCH;

/** Show what the server matched: { query, nodes }, or null. */
export function showAnswer(answer) {
  apply(matched(search, answer ? answer.query : "", answer ? answer.nodes : []));
}

/** Enter was pressed, `times` in all. */
export function step(times) {
  apply(entered(search, times, byId("graph-search").value));
}

/** What is written changes: an Enter before was meant for what was written then. */
export function forgetPending() {
  search = { ...search, pending: null };
}

function apply({ search: next, target }) {
  search = next;
  if (target !== null) {
    reveal(target);
    select({ kind: "node", id: target });
  }
  showMatches();
}

/** Mark the matches on screen, and the one that one is at. */
export function showMatches() {
  const cy = mainGraph(), hosts = state.scene ? state.scene.hosts : {};
  if (!cy) return;
  cy.batch(() => {
    cy.elements(".match, .current").removeClass("match current");
    search.matches.forEach((id) => cy.getElementById(hosts[id] || "").addClass("match"));
    if (search.at >= 0) cy.getElementById(hosts[search.matches[search.at]] || "").addClass("current");
  });
  byId("graph-match-count").textContent = countText(search);
}
