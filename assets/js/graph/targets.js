// What a press on something in a graph selects.

/** { kind, id } that a node selects, by its classes, its data and the module it stands for; null for nothing. */
export function targetOf({ classes, data, scope }) {
  const has = (...names) => names.some((name) => classes.includes(name));
  if (has("toggle")) return null;
  if (has("diamond", "pill")) return { kind: "quantizer", id: data.quantizers[0] };
  if (has("tag")) return { kind: "group", id: data.group };
  if (data.quantizer) return { kind: "quantizer", id: data.quantizer };
  if (has("branch")) return null;
  if (has("box", "scope")) return { kind: "scope", id: scope };
  if (has("row") && !has("parameter")) return { kind: "node", id: data.nodes[0] };
  return null;
}
