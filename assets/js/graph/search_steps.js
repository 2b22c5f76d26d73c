// The search as plain data: what is matched, which match one is at, and Enters that came before the matches did. Each
// function answers { search, target }: the search afterwards, and the node to go to, or null.

/** A search before anything is written. `entered` counts the Enters so far; `pending` are the steps asked for a query
 * whose matches are not there yet, { query, steps }, or null. */
export const NO_SEARCH = { query: "", matches: [], at: -1, entered: 0, pending: null };

/** The matches of a query are there: the search stays at the same match, and goes the steps that are pending. */
export function matched(search, query, matches) {
  const current = query === search.query ? search.matches[search.at] : undefined;
  const next = { ...search, query, matches, at: matches.indexOf(current) };
  const { pending } = search;
  if (!pending || pending.query !== query) return { search: next, target: null };
  return go({ ...next, pending: null }, pending.steps);
}

/** Enter was pressed `times` in all, while `query` is written; Dash may tell of two at once. */
export function entered(search, times, query) {
  const steps = times - search.entered, next = { ...search, entered: times };
  if (steps <= 0) return { search: next, target: null };
  if (query === search.query) return go(next, steps);
  const before = search.pending ? search.pending.steps : 0;
  return { search: { ...next, pending: { query, steps: before + steps } }, target: null };
}

function go(search, steps) {
  if (!search.matches.length) return { search, target: null };
  const at = (search.at + steps) % search.matches.length;
  return { search: { ...search, at }, target: search.matches[at] };
}

/** What stands beside the query: "2 / 5", "5" before the first step, "none". */
export function countText({ query, matches, at }) {
  if (!query) return "";
  if (at >= 0) return `${at + 1} / ${matches.length}`;
  return matches.length ? `${matches.length}` : "none";
}
