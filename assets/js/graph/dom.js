// Elements of the page around the graph.

export const byId = (id) => document.getElementById(id);

/** The graph as a place to have the focus in. */
export const focusable = () => document.querySelector(".graph-focus");

/** The panel that holds the graph; its data attributes say what is drawn. */
export const panel = () => byId("graph-panel");

/** The name, in the address and in selections, of the module that a row or box stands for. */
export const scopeOf = (node) => node.id().replace(/^scope:/, "");
