// What Dash said last of the page. callbacks.js writes it; what is drawn follows from it.

export const state = {
  /** What is drawn, as `scene` of geta_studio/graph/elements.py gives it: model, hosts, readers, layers, width ... */
  scene: null,
  /** { kind: "node" | "group" | "quantizer" | "scope", id }, or null. */
  selection: null,
  /** { bits: {quantizer: bits}, groups: {group: [kept, redundant, zero, mean norm, mean saliency]} } of the run. */
  now: null,
  /** The bounds being edited: { default: [low, high], layers: {quantizer: [low, high]} }. */
  bits: null,
  overlay: "group",
  stage: "groups",
  run: null,
};
