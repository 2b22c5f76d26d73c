// What the server is asked to draw: modules opened and closed, a node that is folded away.

import { setProps } from "../dash.js";
import { focus, grip, isSeen } from "./camera.js";
import { mainGraph } from "./graphs.js";
import { selectedNode } from "./selection.js";
import { state } from "./state.js";

let sent = 0;
let held = null; // what stays where it is on screen in the drawing that comes

/** Ask for a drawing: "toggle" a scope, "reveal" a node, "all", "fold" ... */
export function command(action, more = {}) {
  sent += 1;
  setProps("graph-command", { data: { action, count: `${Date.now()}-${sent}`, ...more } });
}

/** Open or close a module; it stays where it is on screen. */
export function toggle(scope) {
  const cy = mainGraph(), node = cy.getElementById(`scope:${scope}`);
  if (node.nonempty()) {
    const selected = selectedNode(cy);
    held = { ...grip(cy, node), selectionSeen: selected.nonempty() && isSeen(cy, selected) };
  }
  command("toggle", { scope });
}

/** What `toggle` held, for the drawing that has come; it is held once. */
export function takeHeld() {
  const taken = held;
  held = null;
  return taken;
}

/** Go to a node; where it is folded away, it is drawn first. */
export function reveal(node) {
  const cy = mainGraph(), host = state.scene && state.scene.hosts[node];
  if (!cy || !host) return;
  if (host.startsWith("scope:")) command("reveal", { node });
  else focus(cy, cy.getElementById(host));
}

/** Go to a group of which nothing is on screen. */
export function revealGroup(group) {
  const cy = mainGraph();
  if (!cy) return;
  const view = cy.extent(), rows = cy.nodes(".row").filter((row) => row.data("groups").includes(group));
  const isInView = ({ x, y }) => x > view.x1 && x < view.x2 && y > view.y1 && y < view.y2;
  if (rows.nonempty() && !rows.some((row) => isInView(row.position()))) focus(cy, rows[0]);
}
