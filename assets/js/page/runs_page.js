// The table of runs lies over the workspace, which stays mounted and out of reach below it.

/** [style of the page of runs, style of the workspace] at a path. */
export function showPage(path) {
  const runs = path === "/runs";
  document.getElementById("workspace")?.toggleAttribute("inert", runs);
  return [{ display: runs ? "flex" : "none" }, {}];
}
