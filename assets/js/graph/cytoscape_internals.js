// What is used of Cytoscape and dash-cytoscape without being documented by them; no other file does.
// tests/studio/graph/test_cytoscape_internals.py says which of it has gone when a new version comes.

/** The Cytoscape inside the component with this id, or null until it is there. dash-cytoscape hands it to nobody;
 * Cytoscape itself leaves a reference on its container. */
export function cytoscapeOf(id) {
  return document.getElementById(id)?._cyreg?.cy ?? null;
}

/** Draw a moving view as one picture, and without edges. Cytoscape takes both as options when it is made, which
 * dash-cytoscape does not pass on; the renderer reads its fields at every frame. */
export function simplifyMoving(cy, { asPicture, withoutEdges }) {
  const renderer = cy.renderer();
  renderer.textureOnViewport = asPicture;
  renderer.hideEdgesOnViewport = withoutEdges;
}

/** Take away what dash-cytoscape listens to while the view moves: Dash would compare all elements at every frame. */
export function stopReports(cy) {
  cy.off("resize viewport");
}
